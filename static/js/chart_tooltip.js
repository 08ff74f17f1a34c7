// The tooltip of charts: ours, because plotly's is cut off at the card's edge. With Shift it says more; Ctrl+C copies all of it.
import { announce } from "./frame.js";
import { gettext } from "./words.js";

const MOST_ROWS = 12;
const MOST_ROWS_IN_DETAIL = 40;

const tooltip = document.createElement("div");
tooltip.className = "chart-tooltip";
tooltip.hidden = true;
let shown = null; // what showTooltip was given

function span(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}

/** Return the first rows, and the nearest one in the place of the last if it is not among them. */
function topOf(rows, most) {
  const nearest = rows.findIndex(({ isNearest }) => isNearest);
  return nearest < most ? rows.slice(0, most) : [...rows.slice(0, most - 1), rows[nearest]];
}

function fill(isInDetail) {
  const { head, rows, others, at } = shown;
  const top = topOf(rows, isInDetail ? MOST_ROWS_IN_DETAIL : MOST_ROWS);
  const lines = top.map(({ run, text, exact, isNearest }) => {
    const row = document.createElement("div");
    if (isNearest) row.className = "is-nearest";
    row.append(span(`run-mark run-colour-${run.colour} run-dash-${run.dash}`, ""), span("tooltip-name", run.name), span("tooltip-value", isInDetail ? exact : text));
    return row;
  });
  const rest = rows.length - top.length;
  if (rest > 0) lines.push(span("muted", others.replace("{count}", rest)));
  tooltip.classList.toggle("is-in-detail", isInDetail);
  tooltip.replaceChildren(span("muted", head), ...lines);
  const { width, height } = tooltip.getBoundingClientRect();
  const left = at.x + 16 + width > innerWidth ? at.x - 16 - width : at.x + 16;
  const y = Math.min(at.y + 12, innerHeight - height - 8);
  tooltip.style.left = `${Math.max(4, left)}px`;
  tooltip.style.top = `${Math.max(4, y)}px`;
}

/** Show rows {run, text, exact, isNearest}, the first ones of them and the nearest, beside the pointer. */
export function showTooltip(element, { head, rows, others, event }) {
  shown = { head, rows, others, at: { x: event.clientX, y: event.clientY } };
  (element.closest("dialog") ?? document.body).append(tooltip);
  tooltip.hidden = false;
  fill(event.shiftKey);
}

export function hideTooltip() {
  tooltip.hidden = true;
}

for (const type of ["keydown", "keyup"]) {
  document.addEventListener(type, (event) => {
    if (event.key === "Shift" && !tooltip.hidden) fill(type === "keydown");
  });
}

document.addEventListener("copy", (event) => {
  if (tooltip.hidden || !getSelection().isCollapsed) return;
  const lines = shown.rows.map(({ run, exact }) => `${run.name}\t${exact}`);
  event.clipboardData.setData("text/plain", [shown.head, ...lines].join("\n"));
  event.preventDefault();
  announce(gettext("Copied"));
});
