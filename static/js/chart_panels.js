// Charts of what runs have beside curves, their params, tags and last values: scatter, bar, parallel coordinates,
// contour, box. Drawn from one request of columns each; what there is stands in the address.
import { drawFigure, formatNumber, plotlyIsHere, purge, savePicture } from "./chart.js";
import { css, label } from "./chart_figure.js";
import { loadValues } from "./charts_data.js";
import { context, copyOf, fill, root, runs, text } from "./charts_shared.js";
import { panels, remember } from "./charts_state.js";

const CONTOUR_CELLS = 40;
const MOST_CATEGORIES = 12; // with a tick each
const BACKGROUND_OPACITY = 0.75;

const box = root.querySelector("[data-panels]");
const form = root.querySelector("[data-panel-form]");
const FIELDS = { scatter: ["x", "y", "z"], bar: ["y"], parallel: [], contour: ["x", "y", "z"], box: ["x", "y"] };

// ---- values --------------------------------------------------------------------------------------------------------

/** Return a column for plotly: numbers where all that there is are numbers, else texts. */
function axisOf(values) {
  const given = values.filter((value) => value !== null);
  const isNumeric = given.length > 0 && given.every((value) => Number.isFinite(Number(value)) && value !== "");
  return { isNumeric, values: values.map((value) => (value === null || !isNumeric ? value : Number(value))) };
}

/** Return the runs that have all of the columns, and their values. */
function complete(answer, names) {
  const columns = names.map((name) => axisOf(answer.columns[name]));
  const places = answer.runs.map((_, place) => place).filter((place) => columns.every(({ values }) => values[place] !== null));
  return {
    uids: places.map((place) => answer.runs[place]),
    columns: columns.map(({ isNumeric, values }) => ({ isNumeric, values: places.map((place) => values[place]) })),
  };
}

function nameOf(uid) {
  return label(runs.get(uid).name);
}

function colourOf(uid) {
  return css(`--run-${runs.get(uid).colour}`);
}

function layout(xTitle, yTitle, { left = 60 } = {}) {
  return {
    margin: { l: left, r: 16, t: 10, b: 44 },
    font: structuredClone(context.template.layout.font),
    hovermode: "closest",
    dragmode: "zoom",
    showlegend: false,
    xaxis: { title: { text: label(pretty(xTitle)), standoff: 8 }, zeroline: false, automargin: true },
    yaxis: { title: { text: label(pretty(yTitle)), standoff: 6 }, zeroline: false, automargin: true },
  };
}

function colourScale() {
  return [[0, css("--scale-low")], [0.5, css("--scale-middle")], [1, css("--scale-high")]];
}

/** Return what stands below a chart whose colours are values; plotly's own bar sets styles that our CSP forbids. */
function scaleOf(name, values) {
  return { name: pretty(name), low: formatNumber(Math.min(...values)), high: formatNumber(Math.max(...values)) };
}

/** Return a column's name as people say it. */
function pretty(name) {
  return name.replace(/^(min|max)\(metrics\.(.*)\)$/, "$1 $2").replace(/^(params|tags|metrics)\./, "");
}

// ---- figures: (answer, fields) -> {data, layout, scale}, null where nothing can be drawn -----------------------------------

function scatter(answer, { x, y, z }) {
  const names = z ? [x, y, z] : [x, y];
  const { uids, columns } = complete(answer, names);
  if (!uids.length) return null;
  const byZ = columns[2]?.isNumeric ? { color: columns[2].values, colorscale: colourScale(), showscale: false } : { color: uids.map(colourOf) };
  const extra = columns[2] ? columns[2].values.map((value) => `<br>${label(pretty(z))}: ${label(shown(value))}`) : uids.map(() => "");
  const data = [
    {
      type: "scatter",
      mode: "markers",
      x: columns[0].values,
      y: columns[1].values,
      text: uids.map((uid, i) => `${nameOf(uid)}${extra[i]}`),
      customdata: uids,
      hovertemplate: `<b>%{text}</b><br>${label(pretty(x))}: %{x}<br>${label(pretty(y))}: %{y}<extra></extra>`,
      marker: { size: 9, line: { width: 1, color: css("--surface") }, ...byZ },
    },
  ];
  return { data, layout: layout(x, y), scale: columns[2]?.isNumeric ? scaleOf(z, columns[2].values) : null };
}

function shown(value) {
  return typeof value === "number" ? formatNumber(value) : String(value);
}

function bar(answer, { y }) {
  const { uids, columns } = complete(answer, [y]);
  if (!uids.length || !columns[0].isNumeric) return null;
  const places = uids.map((_, place) => place).sort((a, b) => columns[0].values[a] - columns[0].values[b]);
  const sorted = places.map((place) => uids[place]);
  const data = [
    {
      type: "bar",
      orientation: "h",
      x: places.map((place) => columns[0].values[place]),
      y: sorted,
      text: sorted.map(nameOf),
      textposition: "none",
      customdata: sorted,
      hovertemplate: `<b>%{text}</b><br>${label(pretty(y))}: %{x}<extra></extra>`,
      marker: { color: sorted.map(colourOf) },
    },
  ];
  const made = layout(y, "", { left: 10 });
  Object.assign(made.yaxis, { type: "category", tickvals: sorted, ticktext: sorted.map(nameOf), nticks: 20 });
  if (sorted.length > 30) made.yaxis.showticklabels = false;
  return { data, layout: made };
}

/** Draw parallel coordinates with plain lines: every axis from 0 to 1, its own values written beside it. */
function parallel(answer, fields, names) {
  const { uids, columns } = complete(answer, names);
  if (!uids.length || names.length < 2) return null;
  const axes = columns.map(scaledAxis);
  const last = columns.at(-1);
  const order = uids.map((_, place) => place).sort((a, b) => (last.isNumeric ? last.values[a] - last.values[b] : 0));
  const data = order.map((place) => ({
    type: "scatter",
    mode: "lines",
    x: names.map((_, i) => i),
    y: axes.map(({ scaled }) => scaled[place]),
    name: nameOf(uids[place]),
    text: names.map((name, i) => `${label(pretty(name))}: ${label(shown(columns[i].values[place]))}`),
    customdata: names.map(() => uids[place]),
    hovertemplate: `<b>${nameOf(uids[place])}</b><br>%{text}<extra></extra>`,
    line: { width: 1.5, color: mixed(axes.at(-1).scaled[place]), shape: "spline", smoothing: 0.6 },
    opacity: BACKGROUND_OPACITY,
  }));
  const made = layout("", "");
  made.margin = { l: 40, r: 70, t: 14, b: 56 };
  Object.assign(made.xaxis, { tickvals: names.map((_, i) => i), ticktext: names.map((name) => label(pretty(name))), tickfont: { size: 10.5 }, range: [-0.15, names.length - 0.7], fixedrange: true, showgrid: false });
  Object.assign(made.yaxis, { visible: false, range: [-0.06, 1.06], fixedrange: true });
  made.shapes = names.map((_, i) => ({ type: "line", x0: i, x1: i, y0: 0, y1: 1, line: { width: 1.5, color: css("--line-strong") } }));
  made.annotations = axes.flatMap(({ ticks }, i) =>
    ticks.map(([at, words]) => ({ x: i, y: at, text: label(words), showarrow: false, xanchor: "left", xshift: 5, font: { size: 10.5, color: css("--text-2") }, bgcolor: css("--surface") })),
  );
  return { data, layout: made };
}

/** Return where values stand from 0 to 1, and what is written at an axis. */
function scaledAxis({ isNumeric, values }) {
  if (!isNumeric) {
    const kinds = [...new Set(values)].sort();
    const at = new Map(kinds.map((kind, i) => [kind, kinds.length > 1 ? i / (kinds.length - 1) : 0.5]));
    const ticks = kinds.length > MOST_CATEGORIES ? [] : [...at].map(([kind, where]) => [where, String(kind)]);
    return { scaled: values.map((value) => at.get(value)), ticks };
  }
  const isLog = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) >= 100;
  const scale = isLog ? Math.log10 : Number;
  const [low, high] = [scale(Math.min(...values)), scale(Math.max(...values))];
  const back = (share) => (isLog ? 10 ** (low + share * (high - low)) : low + share * (high - low));
  const shares = high > low ? [0, 0.25, 0.5, 0.75, 1] : [0.5];
  return {
    scaled: values.map((value) => (high > low ? (scale(value) - low) / (high - low) : 0.5)),
    ticks: shares.map((share) => [share, formatNumber(Number(back(share).toPrecision(3)))]),
  };
}

/** Return the colour scale's colour at 0 to 1. */
function mixed(share) {
  const stops = colourScale().map(([, colour]) => colour.match(/[\da-f]{2}/gi).map((part) => Number.parseInt(part, 16)));
  const [from, to, part] = share < 0.5 ? [stops[0], stops[1], share * 2] : [stops[1], stops[2], share * 2 - 1];
  return `rgb(${from.map((value, i) => Math.round(value + (to[i] - value) * part)).join(",")})`;
}

/** Draw z over x and y: between the runs, each run weighs less the farther it is (the inverse square of the distance). */
function contour(answer, { x, y, z }) {
  const { uids, columns } = complete(answer, [x, y, z]);
  const spans = columns.map(({ values }) => Math.max(...values) - Math.min(...values));
  if (uids.length < 4 || columns.some(({ isNumeric }) => !isNumeric) || !(spans[0] > 0) || !(spans[1] > 0)) return null;
  const [xs, ys, zs] = columns.map(({ values }) => values);
  const grid = (values, span) => Array.from({ length: CONTOUR_CELLS }, (_, i) => Math.min(...values) + (span * i) / (CONTOUR_CELLS - 1));
  const [gridX, gridY] = [grid(xs, spans[0]), grid(ys, spans[1])];
  const surface = gridY.map((atY) =>
    gridX.map((atX) => {
      let [total, weights] = [0, 0];
      for (let i = 0; i < xs.length; i++) {
        const weight = 1 / (((xs[i] - atX) / spans[0]) ** 2 + ((ys[i] - atY) / spans[1]) ** 2 + 1e-6);
        total += weight * zs[i];
        weights += weight;
      }
      return total / weights;
    }),
  );
  const points = scatter(answer, { x, y, z }).data[0];
  points.marker = { size: 8, color: css("--surface"), line: { width: 1.5, color: css("--text") } };
  const surfaceTrace = { type: "contour", x: gridX, y: gridY, z: surface, colorscale: colourScale(), showscale: false, hoverinfo: "skip", line: { width: 0.5, color: css("--surface") }, ncontours: 14 };
  return { data: [surfaceTrace, points], layout: layout(x, y), scale: scaleOf(z, surface.flat()) };
}

function boxes(answer, { x, y }) {
  const { uids, columns } = complete(answer, [x, y]);
  if (!uids.length || !columns[1].isNumeric) return null;
  const kinds = [...new Set(columns[0].values)].sort((a, b) => (columns[0].isNumeric ? a - b : String(a) < String(b) ? -1 : 1));
  const data = kinds.map((kind, i) => {
    const mine = uids.map((_, place) => place).filter((place) => columns[0].values[place] === kind);
    return {
      type: "box",
      name: label(shown(kind)),
      y: mine.map((place) => columns[1].values[place]),
      text: mine.map((place) => nameOf(uids[place])),
      customdata: mine.map((place) => uids[place]),
      boxpoints: "all",
      jitter: 0.4,
      pointpos: 0,
      hovertemplate: `<b>%{text}</b><br>${label(pretty(y))}: %{y}<extra></extra>`,
      marker: { size: 6, color: css(`--run-${i % context.template.colours}`) },
      line: { width: 1.25 },
      fillcolor: "rgba(0,0,0,0)",
    };
  });
  const made = layout(x, y);
  made.xaxis.type = "category";
  return { data, layout: made };
}

const FIGURES = { scatter, bar, parallel, contour, box: boxes };
const TITLES = { scatter: text.panelScatter, bar: text.panelBar, parallel: text.panelParallel, contour: text.panelContour, box: text.panelBox };

// ---- panels in the page --------------------------------------------------------------------------------------------

/** Return what a panel's text in the address says, null if it is not one of ours. */
function parse(words) {
  const [kind, ...fields] = words.split(":").map(decodeURIComponent);
  if (!Object.hasOwn(FIGURES, kind)) return null;
  if (kind === "parallel") return { kind, fields: {}, columns: fields };
  const named = Object.fromEntries(FIELDS[kind].map((name, i) => [name, fields[i] ?? ""]));
  const columns = Object.values(named).filter(Boolean);
  return named.y ? { kind, fields: named, columns } : null;
}

async function show(words) {
  const panel = parse(words);
  if (!panel) return;
  const card = copyOf("panel-card");
  const plot = card.querySelector(".chart-plot");
  const note = card.querySelector(".chart-note");
  const title = fill(TITLES[panel.kind], Object.fromEntries(Object.entries(panel.fields).map(([key, name]) => [key, pretty(name)])));
  card.querySelector(".chart-title").textContent = card.querySelector(".chart-title").title = title;
  plot.setAttribute("aria-label", title);
  card.querySelector("[data-picture]").addEventListener("click", () => savePicture(plot, title));
  card.querySelector("[data-remove]").addEventListener("click", () => {
    purge(plot);
    card.remove();
    panels.splice(panels.indexOf(words), 1);
    remember();
  });
  box.append(card);
  try {
    const answer = await loadValues([...new Set(panel.columns)]);
    await plotlyIsHere();
    const make = () => FIGURES[panel.kind](answer, panel.fields, panel.columns);
    plot.classList.remove("is-waiting");
    const figure = make();
    if (figure?.scale) showScale(card, figure.scale);
    if (figure) await drawFigure(plot, make, { onClick: ({ customdata }) => location.assign(runs.get(customdata).url) });
    else fail(note, plot, panel.kind === "contour" ? text.panelFew : text.panelEmpty);
  } catch (error) {
    fail(note, plot, `${text.failed} ${error.message}`);
  }
}

function showScale(card, { name, low, high }) {
  card.querySelector(".panel-scale").hidden = false;
  for (const [part, words] of Object.entries({ name, low, high })) card.querySelector(`[data-scale-${part}]`).textContent = words;
}

function fail(note, plot, words) {
  note.textContent = words;
  note.hidden = false;
  plot.hidden = true;
}

function chosenColumns() {
  return [...form.elements.columns.selectedOptions].map(({ value }) => value);
}

function showFields() {
  const kind = form.elements.kind.value;
  for (const name of ["x", "y", "z"]) form.elements[name].closest("label").hidden = !FIELDS[kind].includes(name);
  form.elements.columns.closest("label").hidden = kind !== "parallel";
}

function offer(select, columns, { isOptional = false } = {}) {
  const options = columns.map((name) => new Option(name, name));
  select.replaceChildren(...(isOptional ? [new Option("—", "")] : []), ...options);
}

/** Fill the lists of the form while it is open: they hold hundreds of columns, four times. */
function offerColumns({ target: menu }) {
  const metrics = context.metrics.map((name) => `metrics.${name}`);
  const statistics = context.metrics.flatMap((name) => [`min(metrics.${name})`, `max(metrics.${name})`]);
  const names = (...parts) => (menu.open ? parts.flat() : []);
  offer(form.elements.x, names(context.columns, metrics, statistics));
  offer(form.elements.y, names(metrics, statistics, context.columns));
  offer(form.elements.z, names(metrics, statistics, context.columns), { isOptional: true });
  offer(form.elements.columns, names(context.columns, metrics, statistics));
}

export function startPanels() {
  form.closest("details").addEventListener("toggle", offerColumns);
  form.elements.kind.addEventListener("change", showFields);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const kind = form.elements.kind.value;
    const fields = kind === "parallel" ? chosenColumns() : FIELDS[kind].map((name) => form.elements[name].value);
    const words = [kind, ...fields].map(encodeURIComponent).join(":");
    if (!panels.includes(words)) {
      panels.push(words);
      remember();
      show(words);
    }
    form.closest("details").open = false;
  });
  showFields();
  for (const words of panels) show(words);
}
