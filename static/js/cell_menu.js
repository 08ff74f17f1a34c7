// A click on a value in the table of runs: filter for it, exclude it, copy it.
import { announce } from "./frame.js";
import { gettext } from "./words.js";

/** Return a text as a filter takes it: nothing escapes there, so the quote is one that the text lacks. */
const quoted = (text) => (text.includes("'") ? `"${text}"` : `'${text}'`);

/** Return this page's address with one more condition in its filter. */
export function filteredBy(condition) {
  const here = new URL(location.href);
  const now = (here.searchParams.get("filter") ?? "").trim();
  const kept = / or /i.test(now) ? `(${now})` : now;
  here.searchParams.set("filter", kept ? `${kept} AND ${condition}` : condition);
  for (const name of ["page", "group"]) here.searchParams.delete(name);
  return here;
}

function keyOf(cell) {
  const head = cell.closest("table").tHead.rows[0].cells[cell.cellIndex];
  return head?.dataset.filterKey ?? "";
}

export function attach(part) {
  const menu = document.createElement("div");
  menu.className = "menu-panel cell-menu";
  menu.popover = "auto";
  document.body.append(menu);

  function item(label, action) {
    const button = document.createElement("button");
    button.className = "menu-item";
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => {
      menu.hidePopover();
      action();
    });
    return button;
  }

  part.addEventListener("click", (event) => {
    const cell = event.target.closest("tbody td");
    if (!cell || cell.matches(".run-pick, .number, .cell-absent") || event.target.closest("a, button, input")) return;
    if (!getSelection().isCollapsed) return; // somebody selects text
    const key = keyOf(cell);
    const value = cell.dataset.value ?? (cell.title || cell.textContent);
    if (!key || !value) return;
    if (event.altKey) {
      location.assign(filteredBy(`${key} != ${quoted(value)}`));
      return;
    }
    menu.replaceChildren(
      item(gettext("Only runs with this value"), () => location.assign(filteredBy(`${key} = ${quoted(value)}`))),
      item(gettext("Only runs without it"), () => location.assign(filteredBy(`${key} != ${quoted(value)}`))),
      item(gettext("Copy the value"), async () => {
        await navigator.clipboard?.writeText(value);
        announce(gettext("Copied"));
      }),
    );
    menu.showPopover();
    menu.style.left = `${Math.min(event.clientX, innerWidth - menu.offsetWidth - 8)}px`;
    menu.style.top = `${Math.min(event.clientY + 8, innerHeight - menu.offsetHeight - 8)}px`;
  });
}
