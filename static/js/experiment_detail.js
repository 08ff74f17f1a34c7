// The experiment's table: choose runs (click, Shift-click, keys), compare, chart, measure against one; menus of columns.
import { attach as attachCellMenu, filteredBy } from "./cell_menu.js";
import { attach as attachColumnDrag } from "./column_drag.js";
import { attach as attachColumnPicker } from "./column_picker.js";
import { attach as attachColumnWidths } from "./column_widths.js";
import { attach as attachFilterBox } from "./filter_box.js";
import { isTyping, keepRecent } from "./frame.js";
import { attach as attachLiveRows, awaitFirstRun } from "./live_rows.js";
import { keepRunList } from "./run_list.js";
import { attach as attachSplitHandle } from "./split_handle.js";
import { gettext, ngettext, fill } from "./words.js";

const part = document.getElementById("runs-part");
const table = document.querySelector("[data-runs-table]");
const form = document.getElementById("runs-form");
const filterBox = document.getElementById("run-filter");

const COMPARED_AT_FIRST = 5; // where none is chosen: the best ones, after a click on a column

/** Return this page's address with some of its parts changed; an empty one is taken out. */
function here(changes) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  return url;
}

// ---- choosing ------------------------------------------------------------------------------------------------------

function startChoosing() {
  const boxes = [...table.querySelectorAll("[data-choose]")];
  const all = table.querySelector("[data-choose-all]");
  const matching = document.querySelector("[data-choose-matching]");
  const compare = document.querySelector("[data-compare]");
  const count = document.querySelector("[data-chosen-count]");
  const chart = document.querySelector("[data-chart-chosen]");
  const base = document.querySelector("[data-base-chosen]");
  let anchor = null;

  const chosen = () => boxes.filter((box) => box.checked);
  const uids = (some = chosen()) => some.map((box) => box.value);
  const toCompare = () => (chosen().length ? chosen() : boxes.slice(0, COMPARED_AT_FIRST));

  function show() {
    const number = chosen().length;
    for (const box of boxes) box.closest("tr").classList.toggle("is-chosen", box.checked);
    all.checked = number === boxes.length;
    all.indeterminate = number > 0 && number < boxes.length;
    const compared = toCompare().length;
    compare.disabled = compared < 2 && !matching.checked;
    count.hidden = compared < 2 || matching.checked;
    count.textContent = number ? `(${number})` : fill(gettext("the first {n}"), { n: compared });
    chart.hidden = number === 0;
    base.hidden = number !== 1;
  }

  function chooseTo(box) {
    const [from, to] = [boxes.indexOf(anchor), boxes.indexOf(box)].sort((a, b) => a - b);
    for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
  }

  function move(by) {
    const now = boxes.findIndex((box) => box.closest("tr").contains(document.activeElement));
    const next = now < 0 ? (by > 0 ? 0 : boxes.length - 1) : Math.min(boxes.length - 1, Math.max(0, now + by));
    boxes[next].focus();
  }

  function choose() {
    const box = boxes.find((candidate) => candidate.closest("tr").contains(document.activeElement));
    if (!box) return;
    box.checked = !box.checked;
    anchor = box;
    show();
  }

  table.addEventListener("click", (event) => {
    const box = event.target.closest("[data-choose]");
    if (!box) return;
    if (event.shiftKey && anchor) chooseTo(box);
    anchor = box;
    show();
  });
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    show();
  });
  matching.addEventListener("change", show);
  chart.addEventListener("click", () => location.assign(here({ runs: uids().join(",") })));
  base.addEventListener("click", () => location.assign(here({ base: uids()[0] })));

  form.addEventListener("submit", (event) => {
    const verb = event.submitter?.value ?? "compare";
    if (verb === "compare" && !matching.checked) {
      event.preventDefault();
      const target = new URL(form.dataset.compareUrl, location.href);
      target.search = `?runs=${uids(toCompare()).join(",")}`;
      const now = new URL(location.href).searchParams;
      for (const name of ["x", "smooth", "logx", "logy", "clip", "link", "by", "base"]) if (now.has(name)) target.searchParams.set(name, now.get(name));
      location.assign(target);
    } else if (verb === "delete" && !isConfirmed(chosen().length)) {
      event.preventDefault();
    }
  });

  function isConfirmed(number) {
    if (matching.checked) return confirm(gettext("Delete all runs that match? They can be restored."));
    if (!number) return false;
    return confirm(fill(ngettext("Delete {n} run? It can be restored.", "Delete {n} runs? They can be restored.", number), { n: number }));
  }

  const actions = { j: () => move(1), k: () => move(-1), x: choose, c: () => compare.disabled || form.requestSubmit(compare) };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (isTyping(event.target) || !Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  });

  all.hidden = false;
  document.querySelector("[data-keys-hint]").hidden = !matchMedia("(hover: hover)").matches;
  show(); // the browser may have kept the choice over a reload
}

// Enter in the fields of a tag means "set the tag", not the first button of the form.
for (const field of document.querySelectorAll("[data-bulk] input[name=key], [data-bulk] input[name=value]")) {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    form.requestSubmit(document.querySelector("[data-bulk] [value=tag]"));
  });
}

// The charts write their state into the address: what is sent along is the address as it is now.
document.addEventListener("submit", (event) => {
  const query = event.target.querySelector("[data-query]");
  if (!query) return;
  const now = new URL(location.href).searchParams;
  for (const name of ["page", "view", "keys"]) now.delete(name);
  query.value = now.toString();
}, { capture: true });

// ---- menus of columns ----------------------------------------------------------------------------------------------

document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.(".head-menu") || event.newState !== "open") return;
  const button = document.querySelector(`[popovertarget="${CSS.escape(event.target.id)}"]`).getBoundingClientRect();
  event.target.style.left = `${Math.max(8, Math.min(button.left, innerWidth - event.target.offsetWidth - 8))}px`;
  event.target.style.top = `${Math.min(button.bottom + 4, innerHeight - event.target.offsetHeight - 8)}px`;
}, { capture: true });

for (const button of document.querySelectorAll("[data-filter-by]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    button.closest("[popover]").hidePopover();
    filterBox.value = `${filteredBy(`${button.dataset.filterBy} `).searchParams.get("filter")}`;
    filterBox.focus();
    filterBox.setSelectionRange(filterBox.value.length, filterBox.value.length);
  });
}

// ---- only these curves: Alt and click on a run's mark --------------------------------------------------------------

document.addEventListener("click", (event) => {
  const mark = event.target.closest?.("button[data-run-toggle]");
  if (!mark || !event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  const others = [...part.querySelectorAll("button[data-run-toggle]")].filter((one) => one !== mark);
  const isAlone = others.every((one) => one.getAttribute("aria-pressed") === "false");
  for (const other of others) if ((other.getAttribute("aria-pressed") === "true") !== isAlone) other.click();
  if (mark.getAttribute("aria-pressed") === "false") mark.click();
}, { capture: true });

keepRecent(document.querySelector(".breadcrumbs a").textContent);
const picker = document.querySelector(".columns-picker");
if (picker) attachColumnPicker(picker);
if (filterBox) attachFilterBox(filterBox);
if (table) {
  keepRunList([...table.querySelectorAll("[data-run-row] .run-name a[href*='/runs/']")].map((link) => link.pathname));
  startChoosing();
  attachCellMenu(part);
  attachColumnDrag(table, (columns) => {
    const url = here({ columns: "" });
    for (const column of columns) url.searchParams.append("columns", column);
    location.assign(url);
  });
  attachColumnWidths(table);
  attachLiveRows(part, document.querySelector("[data-news]"));
}
const handle = document.querySelector("[data-split-handle]");
if (handle) attachSplitHandle(handle);
const waiting = document.querySelector("[data-waiting]");
if (waiting) awaitFirstRun(waiting);
