// What the modules of a grid of charts share: the page's parts, what the server said, the reader's choices.

export const root = document.querySelector("[data-chart-grid]");
export const context = JSON.parse(document.getElementById("chart-grid-context").textContent);
export const text = context.text;
export const runs = new Map(context.runs.map((run, place) => [run.uid, { ...run, place }]));
/** Groups of runs as they come: group id -> {name, colour, dash, place}, as `runs`. */
export const groups = new Map();
/** Ids of runs and groups that are not drawn. */
export const hidden = new Set();
export const cards = new Map(); // element of a card -> Card
export const dialog = root.querySelector("[data-chart-dialog]");
const control = (name) => root.querySelector(`[data-charts-${name}]`);
export const controls = {
  search: control("search"),
  x: control("x"),
  smoother: control("smoother"),
  weight: control("smooth"),
  weightShown: control("smooth-shown"),
  amount: control("amount"),
  logx: control("logx"),
  logy: control("logy"),
  clip: control("clip"),
  link: control("link"),
  group: control("group"),
  average: control("average"),
  spread: control("spread"),
  live: control("live"),
  charted: control("charted"),
  tips: control("tips"),
};

const X_METRIC = "metric:";

export function isGrouped() {
  return controls.group.value !== "";
}

/** Return what the lines of the charts are: runs or groups of them. */
export function members() {
  return isGrouped() ? groups : runs;
}

export function axisOfX() {
  const { value } = controls.x;
  return value.startsWith(X_METRIC) ? { x: "metric", xMetric: value.slice(X_METRIC.length) } : { x: value, xMetric: "" };
}

/** Return the smoothing as the series endpoint takes it, "" for none. */
export function smoothing() {
  const kind = controls.smoother.value;
  if (kind !== "ema") return `${kind}:${controls.amount.value || 1}`;
  return Number(controls.weight.value) > 0 ? `ema:${controls.weight.value}` : "";
}

export function debounce(pauseMs, action) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...args), pauseMs);
  };
}

export function fill(pattern, words) {
  return pattern.replace(/\{(\w+)\}/g, (_, key) => words[key]);
}

export function copyOf(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}
