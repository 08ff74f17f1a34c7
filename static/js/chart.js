// The one adapter between our curves and plotly: nothing else in the portal calls plotly.
//
// A spec is what a chart shows:
//   traces    [{run, x, y, raw, band, nonfinite, ...}], decoded by `decode`
//   runs      Map of run id -> {name, colour, dash, place}
//   hidden    Set of run ids that are not drawn
//   axis      {x: "step" | "time" | "relative", isLogY, range: [from, to] | null}
//   template  the fixed part of the figure (tracking/charts/template.py)
//   text      words in the reader's language
//   onRange   called with [from, to] or null when the reader zooms
/* global Plotly */

const MOST_WITH_BAND = 20;
const MOST_IN_TOOLTIP = 12;
const MOST_NAME_CHARS = 48;
const PICTURE_SCALE = 2;
const MARK_PIXELS = 8;
const DIRECTION_MARKS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const UNITS = [["days", 86400], ["hours", 3600], ["minutes", 60], ["seconds", 1]];
const ARRAYS = { f8: Float64Array, f4: Float32Array, i4: Int32Array, i2: Int16Array, i1: Int8Array };

/** Element -> {spec, unit, lit, resizer} of every chart that is drawn. */
const live = new Map();

// ---- data ----------------------------------------------------------------------------------------------------------

function column({ dtype, bdata }) {
  const bytes = Uint8Array.from(atob(bdata), (char) => char.charCodeAt(0));
  return Float64Array.from(new ARRAYS[dtype](bytes.buffer));
}

function columns(group) {
  if (group === null) return null;
  return Object.fromEntries(Object.entries(group).map(([key, value]) => [key, value.dtype ? column(value) : value]));
}

/** Turn the base64 columns of a trace, as the series endpoint sends it, into typed arrays. */
export function decode(trace) {
  return {
    ...trace,
    x: column(trace.x),
    y: column(trace.y),
    raw: columns(trace.raw),
    band: columns(trace.band),
    nonfinite: columns(trace.nonfinite),
  };
}

const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });

/** Show a number, or a word for one ("NaN", "-Infinity"), with at most six significant digits. */
export function formatNumber(given) {
  const value = Number(given);
  const size = Math.abs(value);
  if (Number.isFinite(value) && size !== 0 && (size < 1e-4 || size >= 1e15)) return value.toPrecision(6).replace(/\.?0+(?=e|$)/, "");
  return plain.format(value).replace("-", "\u2212");
}

/** Cut a name and take away what plotly would read as markup, and marks that turn the direction of what follows. */
function label(name) {
  const bare = name.replace(DIRECTION_MARKS, "");
  const cut = bare.length > MOST_NAME_CHARS ? `${bare.slice(0, MOST_NAME_CHARS - 1)}…` : bare;
  return cut.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

// ---- the figure ----------------------------------------------------------------------------------------------------

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Return the unit that seconds are shown in: the largest of which the longest curve has two. */
function unitOf(spec) {
  if (spec.axis.x !== "relative") return { factor: 1, label: "" };
  const longest = Math.max(0, ...spec.traces.map(({ x, nonfinite }) => Math.max(x.at(-1) ?? 0, nonfinite.x.at(-1) ?? 0)));
  const [word, factor] = UNITS.find(([, seconds]) => longest >= 2 * seconds) ?? UNITS.at(-1);
  return { factor, label: ` (${spec.text[word]})` };
}

function scaled(x, factor) {
  return factor === 1 ? x : x.map((value) => value / factor);
}

/** Return the outline of steps: `hi` from left to right and `lo` back, each held until the next x. */
function outline({ x, lo, hi }, end) {
  const xs = [];
  const ys = [];
  for (let i = 0; i < x.length; i++) {
    xs.push(x[i], i + 1 < x.length ? x[i + 1] : end);
    ys.push(hi[i], hi[i]);
  }
  for (let i = x.length - 1; i >= 0; i--) {
    xs.push(i + 1 < x.length ? x[i + 1] : end, x[i]);
    ys.push(lo[i], lo[i]);
  }
  return { x: xs, y: ys };
}

function drawnOf(spec) {
  return spec.traces.filter(({ run }) => spec.runs.has(run) && !spec.hidden.has(run));
}

function dataOf(spec, factor) {
  const { template } = spec;
  const drawn = drawnOf(spec);
  const below = [];
  const lines = [];
  for (const trace of drawn) {
    const run = spec.runs.get(trace.run);
    const color = css(`--run-${run.colour}`);
    const x = scaled(trace.x, factor);
    if (drawn.length <= MOST_WITH_BAND && trace.band) {
      const band = outline({ ...trace.band, x: scaled(trace.band.x, factor) }, x.at(-1));
      below.push({ ...template.band, ...band, uid: `band${run.place}`, fillcolor: color });
    }
    if (drawn.length <= MOST_WITH_BAND && trace.raw) {
      const raw = { x: scaled(trace.raw.x, factor), y: trace.raw.y };
      below.push({ ...template.raw, ...raw, uid: `raw${run.place}`, line: { ...template.raw.line, color } });
    }
    lines.push({
      ...template.line,
      x,
      y: trace.y,
      uid: `line${run.place}`,
      name: label(run.name),
      mode: trace.y.length === 1 ? "markers" : template.line.mode,
      line: { ...template.line.line, color, dash: template.dashes[run.dash] },
      marker: { ...template.line.marker, color },
    });
  }
  return [...below, ...lines, ...marksOf(spec, drawn, factor)];
}

/** Return one trace for what has no place on the axis: NaN and the infinities, at the foot of the chart. */
function marksOf(spec, drawn, factor) {
  const { template } = spec;
  const marks = { x: [], y: [], customdata: [], text: [], symbol: [], color: [] };
  for (const { run: uid, nonfinite } of drawn) {
    const run = spec.runs.get(uid);
    const color = css(`--run-${run.colour}`);
    nonfinite.x.forEach((x, i) => {
      const kind = String(nonfinite.kind[i]);
      marks.x.push(x / factor);
      marks.y.push(0.035);
      marks.customdata.push(run.place);
      marks.text.push(template.words[kind]);
      marks.symbol.push(template.symbols[kind]);
      marks.color.push(color);
    });
  }
  if (!marks.x.length) return [];
  const { symbol, color, ...data } = marks;
  const marker = { ...template.nonfinite.marker, symbol, color, line: { ...template.nonfinite.marker.line, color: css("--surface") } };
  return [{ ...template.nonfinite, ...data, uid: "nonfinite", marker }];
}

function layoutOf(spec, unit) {
  const { axis, template } = spec;
  const drawn = drawnOf(spec);
  const grid = { gridcolor: css("--chart-grid"), linecolor: css("--line-strong"), tickcolor: css("--line-strong") };
  const layout = structuredClone(template.layout);
  const surface = css("--surface");
  Object.assign(layout, {
    paper_bgcolor: surface,
    plot_bgcolor: surface,
    font: { ...layout.font, color: css("--text-2") },
  });
  Object.assign(layout.xaxis, grid, {
    type: axis.x === "time" ? "date" : "linear",
    uirevision: axis.x,
    spikecolor: css("--line-strong"),
  });
  layout.xaxis.title.text = `${spec.text[axis.x]}${unit.label}`;
  if (axis.range) layout.xaxis.range = axis.range.map((x) => x / unit.factor);
  if (axis.x === "step") Object.assign(layout.xaxis, stepTicks(drawn, axis.range));
  if (axis.x === "time") {
    layout.margin.b += 14; // the day stands below the hour
    layout.xaxis.title.standoff += 14;
  }
  Object.assign(layout.yaxis, grid, {
    type: axis.isLogY ? "log" : "linear",
    uirevision: axis.isLogY,
    showticklabels: drawn.some(({ y }) => y.length),
  });
  return layout;
}

/** Steps are whole numbers: no tick stands between two of them. */
function stepTicks(drawn, shownRange) {
  const first = Math.min(...drawn.map(({ x }) => x.at(0) ?? Infinity));
  const last = Math.max(...drawn.map(({ x }) => x.at(-1) ?? -Infinity));
  const ticks = { tickformat: last < 1e6 ? ",d" : "~s" };
  if (!shownRange && last - first < 8) ticks.dtick = 1;
  if (!shownRange && first === last) ticks.range = [first - 1, first + 1];
  return ticks;
}

// ---- drawing -------------------------------------------------------------------------------------------------------

const CONFIG = { displayModeBar: false, responsive: false, doubleClick: "autosize", showTips: false };

/** Draw a chart in an element that has a height. */
export async function draw(element, spec) {
  const unit = unitOf(spec);
  const state = { spec, unit, lit: null, resizer: new ResizeObserver(() => resize(element)) };
  live.set(element, state);
  await Plotly.newPlot(element, dataOf(spec, unit.factor), layoutOf(spec, unit), CONFIG);
  if (live.get(element) !== state) return; // purged meanwhile
  element.on("plotly_relayout", (change) => tellRange(element, change));
  element.on("plotly_afterplot", () => shade(element));
  element.on("plotly_hover", ({ points, event }) => showTooltip(element, points, event));
  element.on("plotly_unhover", hideTooltip);
  state.resizer.observe(element);
}

/** Draw again what changed; where the reader has zoomed, the chart stays zoomed. */
export async function update(element, spec) {
  const state = live.get(element);
  if (!state) return draw(element, spec);
  if (spec.axis.x !== state.spec.axis.x || !spec.axis.range) state.unit = unitOf(spec);
  state.spec = spec;
  return Plotly.react(element, dataOf(spec, state.unit.factor), layoutOf(spec, state.unit), CONFIG);
}

/** Let one run stand out, or none (null). */
export function highlight(element, uid) {
  const state = live.get(element);
  if (!state || state.lit === uid) return;
  state.lit = uid;
  shade(element);
}

/** Take a chart away and free what it holds. */
export function purge(element) {
  const state = live.get(element);
  if (!state) return;
  live.delete(element);
  hideTooltip();
  state.resizer.disconnect();
  Plotly.purge(element);
}

/** Let the reader save a chart as a PNG. Plotly's own way needs images from blob: addresses, which our CSP forbids. */
export async function savePicture(element, name) {
  const { clientWidth: width, clientHeight: height } = element;
  const picture = new Image(width, height);
  picture.src = await Plotly.toImage(labelled(element, name), { format: "svg", width, height });
  await picture.decode();
  const canvas = document.createElement("canvas");
  canvas.width = width * PICTURE_SCALE;
  canvas.height = height * PICTURE_SCALE;
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  const link = document.createElement("a");
  link.href = canvas.toDataURL("image/png");
  link.download = `${name.replace(/[^\p{L}\p{N}.-]+/gu, "_")}.png`;
  link.click();
}

/** Return the figure with what the page says around it: a title and a legend. */
function labelled(element, name) {
  const data = element.data.map((trace) => ({ ...trace, showlegend: trace.uid.startsWith("line") }));
  const layout = {
    ...element.layout,
    title: { text: label(name), font: { size: 14 } },
    margin: { ...element.layout.margin, t: 40 },
    showlegend: true,
    legend: { orientation: "h", y: -0.12 },
  };
  return { data, layout };
}

function resize(element) {
  if (live.has(element) && element.clientWidth > 0) Plotly.Plots.resize(element);
}

function shade(element) {
  const { lit, spec } = live.get(element) ?? {};
  if (!spec) return;
  const place = lit !== null && spec.runs.has(lit) && !spec.hidden.has(lit) ? spec.runs.get(lit).place : null;
  for (const trace of element.querySelectorAll(".scatterlayer .trace")) {
    const isLit = place === null || ["line", "raw", "band"].some((part) => trace.classList.contains(`trace${part}${place}`));
    trace.classList.toggle("is-dimmed", !isLit);
  }
}

function tellRange(element, change) {
  const { spec, unit } = live.get(element) ?? {};
  if (!spec) return;
  const isReset = change["xaxis.autorange"] === true;
  const bounds = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
  if (isReset) spec.onRange(null);
  else if (bounds[0] !== undefined) spec.onRange(bounds.map((bound) => numberOf(bound) * unit.factor));
}

/** Return a bound of an axis as a number; those of a time axis come as "2026-11-24 01:02:03.4567", in UTC. */
function numberOf(bound) {
  if (typeof bound === "number") return bound;
  const [day, time] = bound.split(" ");
  return Date.parse(time ? `${day}T${time.slice(0, 12)}Z` : day);
}

// ---- the tooltip: ours, because plotly's is cut off at the card's edge ---------------------------------------------

const tooltip = document.createElement("div");
tooltip.className = "chart-tooltip";
tooltip.hidden = true;

function span(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}

function xText({ spec, unit }, x) {
  if (spec.axis.x === "time") return `${String(x).slice(0, 19)} UTC`;
  return `${spec.text[spec.axis.x]}${unit.label} ${formatNumber(x)}`;
}

function showTooltip(element, points, event) {
  const state = live.get(element);
  if (!state || !points.length) return;
  const runs = [...state.spec.runs.values()];
  const [first] = points;
  // Plotly adds the nearest mark of a NaN, however far away it is.
  const isHere = ({ data, xaxis, x }) => data.uid !== "nonfinite" || Math.abs(xaxis.d2p(x) - xaxis.d2p(first.x)) < MARK_PIXELS;
  const values = points.filter(isHere).map(({ data, y, text, customdata }) =>
    data.uid === "nonfinite" ? { run: runs[customdata], y: Infinity, text } : { run: runs[Number(data.uid.slice(4))], y, text: formatNumber(y) },
  );
  values.sort((a, b) => b.y - a.y);
  const rows = values.slice(0, MOST_IN_TOOLTIP).map(({ run, text }) => {
    const row = document.createElement("div");
    row.append(span(`run-mark run-colour-${run.colour} run-dash-${run.dash}`, ""), span("tooltip-name", run.name), span("tooltip-value", text));
    return row;
  });
  const rest = values.length - rows.length;
  if (rest > 0) rows.push(span("muted", state.spec.text.others.replace("{count}", rest)));
  tooltip.replaceChildren(span("muted", xText(state, first.x)), ...rows);
  (element.closest("dialog") ?? document.body).append(tooltip);
  tooltip.hidden = false;
  const { width, height } = tooltip.getBoundingClientRect();
  const left = event.clientX + 16 + width > innerWidth ? event.clientX - 16 - width : event.clientX + 16;
  const top = Math.min(event.clientY + 12, innerHeight - height - 8);
  tooltip.style.left = `${Math.max(4, left)}px`;
  tooltip.style.top = `${Math.max(4, top)}px`;
}

function hideTooltip() {
  tooltip.hidden = true;
}

document.addEventListener("theme-changed", () => {
  for (const [element, { spec }] of live) update(element, spec);
});
