// The picker of columns: those that are chosen stand first, in the order of the table, which one changes by dragging them,
// or by their buttons. The form sends them as they stand.
import { fill, gettext } from "./words.js";

/** Let a chosen column move among the others. */
function equip(line) {
  const name = [...line.querySelectorAll(".column-kind, bdi")].map(({ textContent }) => textContent).join(" ");
  const moves = [
    ["↑", gettext("Move {name} up"), () => line.previousElementSibling?.matches("div") && line.previousElementSibling.before(line)],
    ["↓", gettext("Move {name} down"), () => line.nextElementSibling?.after(line)],
  ];
  for (const [sign, words, move] of moves) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "icon-button", textContent: sign, ariaLabel: fill(words, { name }) });
    button.addEventListener("click", () => {
      move();
      button.focus(); // which it loses as its line is moved
    });
    line.append(button);
  }
  line.draggable = true;
}

export function attach(picker) {
  const choices = picker.querySelector("#columns-choices");
  const chosen = () => choices.querySelector("[data-chosen-columns]");
  let dragged = null;

  /** Put the choices, hundreds of elements, into the page once somebody chooses. */
  function show() {
    const later = picker.querySelector("[data-later]");
    if (picker.open && later) later.outerHTML = later.textContent;
  }

  // They come anew with each search.
  new MutationObserver(() => chosen()?.querySelectorAll(":scope > div:not([draggable])").forEach(equip)).observe(choices, { childList: true });

  choices.addEventListener("change", ({ target }) => {
    const label = target.closest("fieldset:not([data-chosen-columns]) > label");
    if (!label || !target.checked || !chosen()) return;
    const line = document.createElement("div");
    line.append(label);
    equip(line);
    chosen().append(line);
    target.focus();
  });
  choices.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.("[data-chosen-columns] > div");
    if (dragged) event.dataTransfer.effectAllowed = "move";
  });
  choices.addEventListener("dragover", (event) => {
    if (!dragged) return;
    event.preventDefault();
    const line = event.target.closest("[data-chosen-columns] > div");
    if (!line || line === dragged) return;
    if (dragged.compareDocumentPosition(line) & Node.DOCUMENT_POSITION_FOLLOWING) line.after(dragged);
    else line.before(dragged);
  });
  choices.addEventListener("drop", (event) => dragged && event.preventDefault());
  choices.addEventListener("dragend", () => { dragged = null; });
  picker.addEventListener("toggle", show);
  show();
}
