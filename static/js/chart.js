// The one adapter between our curves and plotly: nothing else in the portal calls plotly.
//
// A spec is what a chart shows:
//   traces    [{run, x, y, raw, band, nonfinite, ...}], decoded by chart_figure.js
//   runs      Map of run id -> {name, colour, dash, place}; of groups of runs too
//   hidden    Set of run ids that are not drawn
//   axis      {x: "step" | "time" | "relative" | "metric", xMetric, isLogX, isLogY, isClipped, range: [from, to] | null}
//   template  the fixed part of the figure (tracking/charts/template.py)
//   mostWithBand  up to so many curves have their band and their raw curve
//   isLive    whether the curves grow: the axis of x then reaches a little further than they do
//   tipOrder  returns what the tooltip sorts by: "value", "nearest" or "name"
//   text      words in the reader's language
//   onRange   called with [from, to] or null when the reader zooms
//   onHover   called with x (as in the traces) and the nearest run, or with nulls
import { areBars, barLayout, barsOf } from "./chart_bars.js";
import { axisName, css, dataOf, drawnOf, isLogX, label, layoutOf, litOf, themed, unitOf } from "./chart_figure.js";
import { grow, reachOf } from "./chart_growth.js";
import { hideTooltip, showTooltip } from "./chart_tooltip.js";

/* global Plotly */

const PICTURE_SCALE = 2;
const MARK_PIXELS = 8;
const NEAR_PIXELS = 16;
const TICK_PIXELS = 8; // between the words of y and the axis, and the edge
const TIP_ORDERS = {
  value: (a, b) => b.y - a.y,
  nearest: (a, b) => a.distance - b.distance,
  name: (a, b) => a.run.name.localeCompare(b.run.name, undefined, { numeric: true }),
};
const CONFIG = { displayModeBar: false, responsive: false, doubleClick: "autosize", showTips: false };

/** Element -> {spec, unit, lit, size, left, …} of every chart of curves; {redraw, resizer} of every other figure. */
const live = new Map();
const pen = document.createElement("canvas").getContext("2d");

const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });

/** Show a number, or a word for one ("NaN", "-Infinity"), with at most six significant digits. */
export function formatNumber(given) {
  const value = Number(given);
  const size = Math.abs(value);
  if (Number.isFinite(value) && size !== 0 && (size < 1e-4 || size >= 1e15)) return value.toPrecision(6).replace(/\.?0+(?=e|$)/, "");
  return plain.format(value).replace("-", "\u2212");
}

let arrival = null;

/** Run plotly once the page has been shown: it is large, and neither tables nor questions for curves wait for it. */
export function plotlyIsHere() {
  arrival ??= new Promise((resolve) => {
    if (globalThis.Plotly) {
      resolve();
      return;
    }
    const script = document.createElement("script");
    script.src = document.querySelector("link[data-plotly]").href;
    script.addEventListener("load", resolve);
    requestAnimationFrame(() => setTimeout(() => document.head.append(script)));
  });
  return arrival;
}

// ---- drawing -------------------------------------------------------------------------------------------------------

/** Draw a chart in an element that has a height. */
export async function draw(element, spec) {
  const unit = unitOf(spec);
  const state = { spec, unit, lit: null, size: sizeOf(element), left: 0, reach: null, look: "" };
  state.resizer = new ResizeObserver(() => resize(element));
  state.redraw = () => update(element, state.spec);
  live.set(element, state);
  nameAxis(element, state);
  tellHeight(element, state);
  const figure = figureOf(state);
  state.look = lookOf(...figure);
  await Plotly.newPlot(element, ...figure, CONFIG);
  if (live.get(element) !== state) return; // purged meanwhile
  makeRoom(element);
  element.on("plotly_relayout", (change) => tellRange(element, change));
  element.on("plotly_afterplot", () => {
    makeRoom(element);
    shade(element);
  });
  element.on("plotly_hover", ({ points, event }) => {
    state.hovered = points;
    hover(element, points, event);
  });
  element.onpointermove = (event) => state.hovered && !event.buttons && hover(element, state.hovered, event); // plotly tells of other points only
  element.on("plotly_unhover", () => {
    state.hovered = null;
    hideTooltip();
    state.spec.onHover(null, null);
  });
  state.resizer.observe(element);
}

/** Draw again what changed; where the reader has zoomed, the chart stays zoomed. */
export async function update(element, spec) {
  const state = live.get(element);
  if (!state) return draw(element, spec);
  const before = `${axisName(state)} ${state.spec.axis.x}`;
  if (spec.axis.x !== state.spec.axis.x || !spec.axis.range) state.unit = unitOf(spec);
  state.spec = spec;
  if (`${axisName(state)} ${spec.axis.x}` !== before) Object.assign(state, { reach: null, look: "" });
  nameAxis(element, state);
  const figure = figureOf(state);
  const look = lookOf(...figure);
  if (look === state.look && !areBars(spec) && grow(element, figure[0])) return element;
  state.look = look;
  return Plotly.react(element, ...figure);
}

function figureOf(state) {
  const { spec, unit, lit, size, left } = state;
  if (areBars(spec)) return [barsOf(spec, formatNumber), { ...barLayout(spec), ...size }];
  const data = dataOf({ ...spec, lit }, unit.factor);
  const layout = layoutOf(spec, unit);
  const margin = { ...layout.margin, l: Math.max(layout.margin.l, left) };
  if (spec.isLive && spec.axis.x !== "metric") {
    state.reach = reachOf(drawnOf(spec), unit.factor, state.reach);
    if (state.reach !== null) layout.xaxis.autorangeoptions = { include: state.reach };
  }
  return [data, { ...layout, ...size, margin }];
}

/** Return all of a figure but its points. */
function lookOf(data, layout) {
  return JSON.stringify([layout, data.map(({ x, y, ...trace }) => trace)]);
}

/** Return how large a chart is to be, nothing where it is not to be seen. */
function sizeOf({ offsetWidth: width, offsetHeight: height }) {
  return width && height ? { width, height } : {};
}

/** Answer plotly's question for the height, which it asks at each drawing: the page would be laid out each time. */
function tellHeight(element, { size }) {
  if (size.height) Object.defineProperty(element, "clientHeight", { configurable: true, value: size.height });
}

/** Write below a chart what x is: plotly would measure a title of its own against the words of each tick. */
function nameAxis(element, state) {
  let line = element.querySelector(".chart-x");
  if (!line) {
    line = document.createElement("div");
    line.className = "chart-x";
    element.append(line);
  }
  const name = areBars(state.spec) ? "" : axisName(state);
  if (line.textContent !== name) line.textContent = name;
}

/** Move a chart to the right where the numbers along y need more room than they have. */
function makeRoom(element) {
  const state = live.get(element);
  if (!state?.spec || areBars(state.spec)) return;
  const { family, size } = state.spec.template.layout.font;
  const words = element._fullLayout.yaxis._vals.map(({ text }) => text).reduce((longest, next) => (next.length > longest.length ? next : longest), "");
  pen.font = `${size}px ${family}`;
  const needed = Math.ceil(pen.measureText(words).width) + TICK_PIXELS;
  if (needed <= element.layout.margin.l) return;
  state.left = needed;
  Plotly.relayout(element, { "margin.l": needed });
}

/** Draw a figure that has no curves; `make` returns {data, layout} and is called again when the theme changes. */
export async function drawFigure(element, make, { onClick = () => {} } = {}) {
  const isNew = !live.has(element);
  const state = live.get(element) ?? { resizer: new ResizeObserver(() => resize(element)) };
  state.redraw = () => {
    const { data, layout } = make();
    return Plotly.react(element, data, themed(layout), CONFIG);
  };
  live.set(element, state);
  await state.redraw();
  if (!isNew || live.get(element) !== state) return;
  element.on("plotly_click", ({ points: [point] }) => onClick(point));
  state.resizer.observe(element);
}

/** Let one run stand out, or none (null). */
export function highlight(element, uid) {
  const state = live.get(element);
  if (!state?.spec || state.lit === uid) return;
  state.lit = uid;
  shade(element);
  const place = element.data?.findIndex((trace) => trace.uid === "lit") ?? -1;
  if (place < 0) return;
  const { x, y } = litOf({ ...state.spec, lit: uid }, state.unit.factor);
  if (x.length || element.data[place].x.length) Plotly.restyle(element, { x: [x], y: [y] }, [place]);
}

/** Show where x is, in the units of the traces, by a line; null takes it away. */
export function pointAt(element, x) {
  let line = element.querySelector(".chart-crosshair");
  const state = live.get(element);
  const axes = element._fullLayout;
  const isShown = x !== null && state?.spec && axes?.xaxis && !areBars(state.spec);
  const at = isShown ? axes.xaxis._offset + axes.xaxis.d2p(state.spec.axis.x === "time" ? x : x / state.unit.factor) : NaN;
  const isInside = at >= axes?.xaxis?._offset && at <= axes?.xaxis?._offset + axes?.xaxis?._length;
  if (!isInside) {
    line?.remove();
    return;
  }
  if (!line) {
    line = document.createElement("div");
    line.className = "chart-crosshair";
    element.append(line);
  }
  line.style.left = `${at}px`;
  line.style.top = `${axes.yaxis._offset}px`;
  line.style.height = `${axes.yaxis._length}px`;
}

/** Take a chart away and free what it holds. */
export function purge(element) {
  const state = live.get(element);
  if (!state) return;
  live.delete(element);
  hideTooltip();
  state.resizer.disconnect();
  Plotly.purge(element);
  element.onpointermove = null;
  delete element.clientHeight;
}

function resize(element) {
  const state = live.get(element);
  const size = sizeOf(element);
  if (!state || !size.width) return;
  if (!state.spec) {
    Plotly.Plots.resize(element);
  } else if (size.width !== state.size.width || size.height !== state.size.height) {
    state.size = size;
    tellHeight(element, state);
    Plotly.relayout(element, size);
  }
}

function shade(element) {
  const state = live.get(element);
  if (!state?.spec) return;
  const { lit, spec } = state;
  if (lit === null && !state.isShaded) return;
  state.isShaded = lit !== null;
  const place = lit !== null && spec.runs.has(lit) && !spec.hidden.has(lit) ? spec.runs.get(lit).place : null;
  for (const trace of element.querySelectorAll(".scatterlayer .trace")) {
    const isLit = place === null || trace.classList.contains("tracelit") || ["line", "raw", "band"].some((part) => trace.classList.contains(`trace${part}${place}`));
    trace.classList.toggle("is-dimmed", !isLit);
  }
}

function tellRange(element, change) {
  const { spec, unit } = live.get(element) ?? {};
  if (!spec) return;
  const isReset = change["xaxis.autorange"] === true;
  const bounds = change["xaxis.range"] ?? [change["xaxis.range[0]"], change["xaxis.range[1]"]];
  if (isReset) spec.onRange(null);
  else if (bounds[0] !== undefined) spec.onRange(bounds.map((bound) => (isLogX(spec) ? 10 ** bound : numberOf(bound)) * unit.factor));
}

/** Return a bound of an axis as a number; those of a time axis come as "2026-11-24 01:02:03.4567", in UTC. */
function numberOf(bound) {
  if (typeof bound === "number") return bound;
  const [day, time] = bound.split(" ");
  return Date.parse(time ? `${day}T${time.slice(0, 12)}Z` : day);
}

// ---- under the pointer ---------------------------------------------------------------------------------------------

function xText({ spec, unit }, x) {
  if (spec.axis.x === "time") return `${String(x).slice(0, 19)} UTC`;
  return `${axisName({ spec, unit })} ${formatNumber(x)}`;
}

function hover(element, points, event) {
  const state = live.get(element);
  if (!state || !points.length) return;
  const runs = new Map([...state.spec.runs.entries()].map(([uid, run]) => [run.place, { ...run, uid }]));
  const [first] = points;
  if (first.data.uid === "bars") return hoverBar(element, runs.get(first.customdata), first.x, event);
  // Plotly adds the nearest mark of a NaN, however far away it is.
  const isHere = ({ data, xaxis, x }) => data.uid !== "nonfinite" || Math.abs(xaxis.d2p(x) - xaxis.d2p(first.x)) < MARK_PIXELS;
  const pointerY = event.clientY - element.getBoundingClientRect().top - element._fullLayout.yaxis._offset;
  const values = points.filter((point) => point.data.uid !== "lit" && isHere(point)).map(({ data, y, yaxis, text, customdata }) =>
    data.uid === "nonfinite"
      ? { run: runs.get(customdata), y: Infinity, text, exact: text, distance: Infinity }
      : { run: runs.get(Number(data.uid.slice(4))), y, text: formatNumber(y), exact: String(y), distance: Math.abs(yaxis.d2p(y) - pointerY) },
  );
  const [nearest] = values.toSorted(TIP_ORDERS.nearest);
  values.sort(TIP_ORDERS[state.spec.tipOrder()]);
  const isNear = values.length > 1 && nearest?.distance < NEAR_PIXELS;
  const rows = values.map((value) => ({ ...value, isNearest: isNear && value === nearest }));
  showTooltip(element, { head: xText(state, first.x), rows, others: state.spec.text.others, event });
  const x = state.spec.axis.x === "time" ? numberOf(first.x) : first.x * state.unit.factor;
  state.spec.onHover(x, isNear ? nearest.run.uid : null);
}

function hoverBar(element, run, value, event) {
  const state = live.get(element);
  const [x] = state.spec.traces.find((trace) => trace.run === run.uid).x;
  const head = xText(state, state.spec.axis.x === "time" ? new Date(x).toISOString().replace("T", " ") : x / state.unit.factor);
  showTooltip(element, { head, rows: [{ run, text: formatNumber(value), exact: String(value) }], others: state.spec.text.others, event });
  state.spec.onHover(null, run.uid);
}

// ---- files ---------------------------------------------------------------------------------------------------------

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
  save(canvas.toDataURL("image/png"), name, "png");
}

/** Let the reader save a chart as an SVG, for papers. */
export async function saveDrawing(element, name) {
  const { clientWidth: width, clientHeight: height } = element;
  save(await Plotly.toImage(labelled(element, name), { format: "svg", width, height }), name, "svg");
}

function save(address, name, suffix) {
  const link = document.createElement("a");
  link.href = address;
  link.download = `${name.replace(/[^\p{L}\p{N}.-]+/gu, "_")}.${suffix}`;
  link.click();
}

/** Return the figure with what the page says around it: titles and a legend. */
function labelled(element, name) {
  const state = live.get(element);
  const isCurves = Boolean(state?.spec);
  const data = element.data.map((trace) => (isCurves ? { ...trace, showlegend: trace.uid.startsWith("line") } : trace));
  const layout = {
    ...element.layout,
    title: { text: label(name), font: { size: 14, color: css("--text") } },
    margin: { ...element.layout.margin, t: 40 },
    showlegend: isCurves,
    legend: { orientation: "h", y: -0.12 },
  };
  if (isCurves && !areBars(state.spec)) layout.xaxis = { ...layout.xaxis, title: { text: label(axisName(state)), standoff: 6 } };
  return { data, layout };
}

document.addEventListener("theme-changed", () => {
  for (const { redraw } of live.values()) redraw();
});
