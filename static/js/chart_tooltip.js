// The tooltip of charts: ours, because plotly's is cut off at the card's edge.

const MOST_ROWS = 12;

const tooltip = document.createElement("div");
tooltip.className = "chart-tooltip";
tooltip.hidden = true;

function span(className, text) {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}

/** Show rows {run, text, isNearest}, the first ones of them, beside the pointer. */
export function showTooltip(element, { head, rows, others, event }) {
  const shown = rows.slice(0, MOST_ROWS).map(({ run, text, isNearest }) => {
    const row = document.createElement("div");
    if (isNearest) row.className = "is-nearest";
    row.append(span(`run-mark run-colour-${run.colour} run-dash-${run.dash}`, ""), span("tooltip-name", run.name), span("tooltip-value", text));
    return row;
  });
  const rest = rows.length - shown.length;
  if (rest > 0) shown.push(span("muted", others.replace("{count}", rest)));
  tooltip.replaceChildren(span("muted", head), ...shown);
  (element.closest("dialog") ?? document.body).append(tooltip);
  tooltip.hidden = false;
  const { width, height } = tooltip.getBoundingClientRect();
  const left = event.clientX + 16 + width > innerWidth ? event.clientX - 16 - width : event.clientX + 16;
  const top = Math.min(event.clientY + 12, innerHeight - height - 8);
  tooltip.style.left = `${Math.max(4, left)}px`;
  tooltip.style.top = `${Math.max(4, top)}px`;
}

export function hideTooltip() {
  tooltip.hidden = true;
}
