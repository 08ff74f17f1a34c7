// Curves that grow: more points where a chart's axes stay as they are. Plotly has one way for everything that changes,
// which makes the whole chart anew; these are the two steps of it that curves need (plotly 4.1: calc and plot).

const AHEAD_SHARE = 0.04;

/** Return how far x is to reach, null if nowhere: room for what is logged next, kept until it is used up. */
export function reachOf(curves, factor, reached) {
  const ends = curves.filter(({ x }) => x.length);
  if (!ends.length) return null;
  const last = Math.max(...ends.map(({ x }) => x.at(-1))) / factor;
  const first = Math.min(...ends.map(({ x }) => x[0])) / factor;
  return reached !== null && last <= reached ? reached : last + AHEAD_SHARE * (last - first);
}

/** Draw curves with other points and tell whether that was all there was to do: false where an axis has to change. */
export function grow(element, data) {
  const { _fullData: traces, _fullLayout: layout, calcdata } = element;
  if (traces?.length !== data.length || element._dragging) return false;
  const isEmpty = ({ x, y }) => !x.length || !y.length;
  if (!data.every((trace, place) => isEmpty(trace) === isEmpty(traces[place]) && fits(trace, layout))) return false;
  data.forEach(({ x, y }, place) => {
    Object.assign(element.data[place], { x, y });
    const trace = Object.assign(traces[place], { x, y, _length: Math.min(x.length, y.length) });
    if (!trace._length) return;
    const points = trace._module.calc(element, trace);
    points[0].t ??= {};
    points[0].trace = trace;
    calcdata[place] = points;
  });
  for (const kind of layout._basePlotModules) kind.plot(element);
  return true;
}

function fits({ x, y, yaxis }, layout) {
  return isWithin(x, layout.xaxis) && (yaxis ? true : isWithin(y, layout.yaxis));
}

/** Tell whether an axis shows all values, or what the reader chose whatever the values are. */
function isWithin(values, axis) {
  if (!axis.autorange) return true;
  const [from, to] = axis.range.map(axis.r2l);
  const looked = axis.type === "date" ? [values[0], values.at(-1)] : values; // to read a date takes a microsecond
  for (const value of looked) {
    const at = axis.d2l(value);
    if (at < from || at > to) return false; // what has no place on the axis is neither
  }
  return true;
}
