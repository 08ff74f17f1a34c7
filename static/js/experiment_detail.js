// The experiment's table: choose runs (click, Shift-click, keys), compare or chart them.
import { isTyping } from "./frame.js";

const table = document.querySelector("[data-runs-table]");
const compareForm = document.getElementById("compare-form");

function start() {
  const boxes = [...table.querySelectorAll("[data-choose]")];
  const all = table.querySelector("[data-choose-all]");
  const compare = document.querySelector("[data-compare]");
  const count = document.querySelector("[data-chosen-count]");
  const chart = document.querySelector("[data-chart-chosen]");
  let anchor = null;

  const chosen = () => boxes.filter((box) => box.checked);

  function show() {
    const number = chosen().length;
    for (const box of boxes) box.closest("tr").classList.toggle("is-chosen", box.checked);
    all.checked = number === boxes.length;
    all.indeterminate = number > 0 && number < boxes.length;
    compare.disabled = number < 2;
    count.hidden = number === 0;
    count.textContent = `(${number})`;
    chart.hidden = number === 0;
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
  chart.addEventListener("click", () => {
    const here = new URL(location.href);
    here.searchParams.set("runs", chosen().map((box) => box.value).join(","));
    location.assign(here);
  });
  compareForm.addEventListener("submit", (event) => {
    event.preventDefault();
    const target = new URL(compareForm.action);
    target.search = `?runs=${chosen().map((box) => box.value).join(",")}`;
    const here = new URL(location.href).searchParams;
    for (const name of ["x", "smooth", "logy"]) if (here.has(name)) target.searchParams.set(name, here.get(name));
    location.assign(target);
  });

  const actions = { j: () => move(1), k: () => move(-1), x: choose, c: () => compare.disabled || compareForm.requestSubmit() };
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

if (table) start();
