// How wide columns are: one drags the edge of a head, or moves it by the arrow keys. The address remembers it, so that the
// server makes the columns as wide at once.
import { remember } from "./address.js";
import { fill, gettext } from "./words.js";

const [LEAST, MOST] = [60, 900]; // pixels, as in columns.py
const STEP = 10;

/** Write a column's width into the address; "": its usual one. */
function keep(column, width) {
  const widths = new URL(location.href).searchParams.getAll("width");
  const others = widths.filter((text) => text.slice(0, text.lastIndexOf(",")) !== column);
  remember("width", width === "" ? others : [...others, `${column},${width}`]);
}

function handleOf(table, head) {
  const handle = document.createElement("span");
  const name = head.querySelector(".head-line > a").title;
  const width = () => Math.round(head.getBoundingClientRect().width);
  handle.className = "width-handle";
  handle.role = "separator";
  handle.tabIndex = 0;
  handle.title = gettext("Drag, or press an arrow key; a double click gives the usual width back");
  handle.ariaLabel = fill(gettext("Width of {name}"), { name });
  handle.ariaOrientation = "vertical";
  [handle.ariaValueMin, handle.ariaValueMax, handle.ariaValueNow] = [LEAST, MOST, width()];

  /** Make the column as wide as wanted; "": as wide as it is by itself. Return how wide that is. */
  function show(wanted) {
    const chosen = wanted === "" ? "" : Math.round(Math.min(MOST, Math.max(LEAST, wanted)));
    const value = chosen === "" ? "initial" : `${chosen}px`; // "initial" also undoes what the server's style says
    for (const { cells } of table.rows) cells[head.cellIndex].style.setProperty("--width", value);
    handle.ariaValueNow = width();
    return chosen;
  }

  const settle = (wanted) => keep(head.dataset.column, show(wanted));

  handle.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
    const [from, before] = [event.clientX, width()];
    let chosen = null;
    const follow = ({ clientX }) => {
      if (chosen !== null || clientX !== from) chosen = show(before + clientX - from);
    };
    handle.addEventListener("pointermove", follow);
    handle.addEventListener("lostpointercapture", () => {
      handle.removeEventListener("pointermove", follow);
      if (chosen !== null) keep(head.dataset.column, chosen);
    }, { once: true });
  });
  handle.addEventListener("dblclick", () => settle(""));
  handle.addEventListener("keydown", (event) => {
    const now = width();
    const to = { ArrowLeft: now - STEP, ArrowRight: now + STEP, Home: LEAST, End: MOST, Enter: "" }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    settle(to);
  });
  return handle;
}

export function attach(table) {
  const heads = [...table.tHead.querySelectorAll("th[data-column]:not(:last-child)")]; // the last takes what room is left
  const handles = heads.map((head) => handleOf(table, head)); // all widths are read before the page changes
  heads.forEach((head, number) => head.append(handles[number]));
}
