// The page of a run: search boxes, neighbours, pictures by step.
import { keepRecent } from "./frame.js";
import { readRunList } from "./run_list.js";

keepRecent([...document.querySelectorAll(".breadcrumbs a")].slice(0, 2).map((link) => link.textContent).join(" / "));

// Search boxes over the tables of a run: rows whose key or value lacks the text are hidden.

for (const box of document.querySelectorAll("input[data-filter]")) {
  const table = document.querySelector(box.dataset.filter);
  const none = document.querySelector(`${box.dataset.filter}-none`);
  const filter = () => {
    const rows = [...table.querySelectorAll("tbody tr:not(.pair-group)")];
    const wanted = box.value.trim().toLowerCase();
    table.classList.toggle("is-searched", wanted !== ""); // folded rows are searched too
    for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
    none.hidden = rows.some((row) => !row.hidden);
  };
  box.hidden = false;
  box.addEventListener("input", filter);
  document.addEventListener("htmx:afterSwap", filter); // while the run goes on
}

// Params that share what stands before the first dot or slash fold away together.
for (const button of document.querySelectorAll("[data-fold-group]")) {
  button.addEventListener("click", () => {
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!isOpen));
    button.closest("tbody").classList.toggle("is-folded", isOpen);
  });
}

document.querySelector(".tabs [aria-current]").scrollIntoView({ block: "nearest", inline: "nearest" });

// [ and ] lead through the list of runs that one came from: the table remembers it (run_list.js).
const nav = document.querySelector("[data-neighbours]");
const list = readRunList();
const place = list.indexOf(location.pathname);
if (place >= 0 && list.length > 1) {
  nav.hidden = false;
  nav.querySelector("[data-place]").textContent = `${place + 1} / ${list.length}`;
  for (const [name, path] of [["before", list[place - 1]], ["after", list[place + 1]]]) {
    const link = nav.querySelector(`[data-${name}]`);
    if (path) link.href = path + location.search;
    else link.hidden = true;
  }
}

// Pictures by step: one at a time, chosen by a slider. Without a script all of them stand in a row.
for (const series of document.querySelectorAll("[data-images]")) {
  const label = series.querySelector(".image-slider");
  const slider = label.querySelector("input");
  const pictures = [...series.querySelectorAll("[data-step]")];
  const show = () => {
    for (const [number, picture] of pictures.entries()) picture.hidden = number !== Number(slider.value);
    label.querySelector("output").textContent = pictures[slider.value].dataset.step;
    slider.setAttribute("aria-valuetext", pictures[slider.value].dataset.step);
  };
  if (pictures.length < 2) continue;
  label.hidden = false;
  slider.value = pictures.length - 1;
  slider.addEventListener("input", show);
  show();
}
