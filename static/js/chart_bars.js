// Bars in the place of curves of one point each: what a script logs once, such as a score at the end.
import { css, drawnOf, label, themed } from "./chart_figure.js";

const MOST_NAMED = 12;
const MOST_NAME_CHARS = 22;
const ROOM = 0.42;
const LEAST_PLACES = 3; // so that one bar does not fill the chart

/** Tell whether each curve that is drawn is one number. A part of the axis shows what it shows, even if it is a point. */
export function areBars(spec) {
  const drawn = drawnOf(spec);
  const isOne = ({ y, nonfinite }) => y.length === 1 && !nonfinite.x.length;
  return drawn.length > 0 && !spec.axis.range && spec.axis.x !== "metric" && drawn.every(isOne);
}

/** Return one trace with a bar a run, from top to bottom; a group's has its band as an error bar. */
export function barsOf(spec, format) {
  const drawn = drawnOf(spec);
  const runs = drawn.map(({ run }) => spec.runs.get(run));
  const values = drawn.map(({ y }) => y[0]);
  const bands = drawn.map(({ band }, place) => (band?.isLine ? [values[place] - band.lo[0], band.hi[0] - values[place]] : [0, 0]));
  return [
    {
      ...spec.template.bars,
      uid: "bars",
      x: values,
      y: values.map((_, place) => place),
      customdata: runs.map(({ place }) => place),
      text: drawn.length <= MOST_NAMED ? values.map(format) : [],
      marker: { color: runs.map(({ colour }) => css(`--run-${colour}`)) },
      error_x: {
        visible: bands.some(([below, above]) => below || above),
        symmetric: false,
        array: bands.map(([, above]) => above),
        arrayminus: bands.map(([below]) => below),
        color: css("--text-2"),
        thickness: 1,
        width: 3,
      },
    },
  ];
}

export function barLayout(spec) {
  const layout = themed(structuredClone(spec.template.layout));
  const drawn = drawnOf(spec);
  const names = drawn.map(({ run }) => spec.runs.get(run).name);
  const isNamed = names.length <= MOST_NAMED;
  layout.hovermode = "closest";
  layout.margin.b = 24;
  if (!isNamed) layout.margin.l = 14;
  Object.assign(layout.xaxis, { type: spec.axis.isLogY ? "log" : "linear", rangemode: "tozero", fixedrange: true });
  if (isNamed && !spec.axis.isLogY) layout.xaxis.range = rangeWithWords(drawn.map(({ y }) => y[0]));
  Object.assign(layout.yaxis, {
    automargin: true,
    range: [Math.max(names.length, LEAST_PLACES) - 0.5, -0.5],
    fixedrange: true,
    showgrid: false,
    showticklabels: isNamed,
    tickvals: names.map((_, place) => place),
    ticktext: names.map(shortened),
  });
  return layout;
}

/** Return a range from zero that leaves the ends of the bars room for their numbers. */
function rangeWithWords(values) {
  const [least, most] = [Math.min(0, ...values), Math.max(0, ...values)];
  const room = ROOM * (most - least || 1);
  return [least < 0 ? least - room : 0, most > 0 || least === 0 ? most + room : 0];
}

function shortened(name) {
  return label(name.length > MOST_NAME_CHARS ? `${name.slice(0, MOST_NAME_CHARS - 1)}…` : name);
}
