// The tree marks the file whose preview is open, and shows it; a figure in it is drawn.

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "preview") return;
  document.querySelector("#artifacts [aria-current]")?.removeAttribute("aria-current");
  event.detail.requestConfig.elt.setAttribute("aria-current", "true");
  drawFigures();
});

/** Scroll the tree, and not the page, to the file whose preview is open. */
function showCurrent() {
  const row = document.querySelector(".tree [aria-current]");
  if (!row) return;
  const tree = row.closest(".tree");
  const below = row.getBoundingClientRect().bottom - tree.getBoundingClientRect().bottom;
  if (below > 0) tree.scrollTop += below + tree.clientHeight / 2;
}

async function drawFigures() {
  const figure = document.querySelector("#preview [data-figure]");
  if (!figure) return;
  const { drawLogged } = await import("./logged_figure.js");
  await drawLogged(figure);
}

showCurrent();
drawFigures();
