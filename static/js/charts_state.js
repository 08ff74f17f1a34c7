// The state of a grid of charts in the page's address, so that a link shows what its sender saw.
import { controls, smoothing } from "./charts_shared.js";

const here = new URL(location.href).searchParams;

/** Metrics at the top, in their order. */
export const pins = here.getAll("pin");
/** Charts of what runs have beside curves: "kind:x:y:z", each part encoded. */
export const panels = here.getAll("panel");
/** Metrics that the reader moved, by the name of their section: "section:metric:metric", each part encoded. */
export const orders = new Map(here.getAll("order").map((words) => words.split(":").map(decoded)).map(([name, ...names]) => [name, names]));
/** The part of x that all charts show, null for all of it. */
export const zoom = { range: rangeOf(here.get("zoom")) };
/** The metric in full screen. */
export const full = { metric: here.get("full") };

function decoded(words) {
  try {
    return decodeURIComponent(words);
  } catch {
    return words;
  }
}

function rangeOf(words) {
  const bounds = (words ?? "").split(":").map(Number);
  return words && bounds.length === 2 && bounds.every(Number.isFinite) && bounds[0] < bounds[1] ? bounds : null;
}

function state() {
  const isGrouped = controls.group.value !== "";
  const differs = (control, usual) => (control && control.value !== usual ? [control.value] : []);
  const checked = (control) => (control.checked ? ["1"] : []);
  return {
    x: differs(controls.x, "step"),
    smooth: smoothing() ? [smoothing().replace(/^ema:/, "")] : [],
    logx: checked(controls.logx),
    logy: checked(controls.logy),
    clip: checked(controls.clip),
    link: controls.link.checked ? [] : ["0"],
    by: differs(controls.group, ""),
    average: isGrouped ? differs(controls.average, "mean") : [],
    spread: isGrouped ? differs(controls.spread, "std") : [],
    live: differs(controls.live, "5"),
    find: differs(controls.search, ""),
    zoom: controls.link.checked && zoom.range ? [zoom.range.map((bound) => Number(bound.toPrecision(12))).join(":")] : [],
    full: full.metric === null ? [] : [full.metric],
    pin: pins,
    order: [...orders].map((parts) => parts.flat().map(encodeURIComponent).join(":")),
    panel: panels,
    tips: differs(controls.tips, "value"),
  };
}

/** Write the state into the address, and into the links and forms of this page that lead back to it. */
export function remember() {
  const now = state();
  history.replaceState(history.state, "", withState(location.href, now));
  for (const link of document.querySelectorAll("main a[href]")) {
    const target = new URL(link.href);
    if (target.pathname === location.pathname && target.origin === location.origin) link.href = withState(link.href, now);
  }
  const charted = here.getAll("charted").map((value) => ["charted", value]);
  const fields = [...Object.entries(now).flatMap(([name, values]) => values.map((value) => [name, value])), ...charted];
  for (const box of document.querySelectorAll("[data-chart-state]")) box.replaceChildren(...fields.map(hiddenField));
}

function hiddenField([name, value]) {
  const field = document.createElement("input");
  Object.assign(field, { type: "hidden", name, value });
  return field;
}

function withState(href, now) {
  const url = new URL(href);
  for (const [name, values] of Object.entries(now)) {
    url.searchParams.delete(name);
    for (const value of values) url.searchParams.append(name, value);
  }
  return url;
}
