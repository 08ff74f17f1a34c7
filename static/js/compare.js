// The comparison: n and p go from one difference to the next.
import { isTyping } from "./frame.js";

const lines = [...document.querySelectorAll("[data-different]")];
const hint = document.querySelector("[data-keys-hint]");
let place = -1;

function go(by) {
  place = (place + by + lines.length) % lines.length;
  for (const line of lines) line.classList.toggle("is-current", line === lines[place]);
  lines[place].scrollIntoView({ block: "center" });
}

if (lines.length) {
  if (hint) hint.hidden = !matchMedia("(hover: hover)").matches;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "n") go(1);
    else if (event.key === "p") go(place < 0 ? 0 : -1);
  });
}
