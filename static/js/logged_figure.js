// A plotly figure that a run logged as JSON, made harmless by tracking/web/figures.py and drawn by our plotly.
import { drawFigure } from "./chart.js";

let plotly = null;

function loadPlotly(address) {
  plotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", resolve);
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  return plotly;
}

/** Draw the figure of an element with `data-figure`, the id of the JSON beside it. */
export async function drawLogged(element) {
  const figure = JSON.parse(document.getElementById(element.dataset.figure).textContent);
  await loadPlotly(element.dataset.plotly);
  element.classList.remove("is-waiting");
  await drawFigure(element, () => structuredClone(figure));
}
