// The tree marks the file whose preview is open; a figure in it is drawn.

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "preview") return;
  document.querySelector("#artifacts [aria-current]")?.removeAttribute("aria-current");
  event.detail.requestConfig.elt.setAttribute("aria-current", "true");
  drawFigures();
});

async function drawFigures() {
  const figure = document.querySelector("#preview [data-figure]");
  if (!figure) return;
  const { drawLogged } = await import("./logged_figure.js");
  await drawLogged(figure);
}

drawFigures();
