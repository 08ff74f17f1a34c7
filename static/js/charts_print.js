// Charts on paper: those of open sections that were too far away to be drawn are drawn before the page is printed.
import { cards, root } from "./charts_shared.js";

const PATIENCE_MS = 15_000; // then what is there is printed
const LOOK_MS = 100;

function shownCards() {
  return [...cards.values()].filter((card) => !card.isFull && card.element.checkVisibility());
}

function isReady(card) {
  return card.isNear && (!card.plot.classList.contains("is-waiting") || !card.note.hidden);
}

function isInView({ element }) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

async function printAll() {
  const shown = shownCards();
  const far = shown.filter((card) => !card.isNear);
  const until = performance.now() + PATIENCE_MS;
  while (!shown.every(isReady) && performance.now() < until) {
    for (const card of shown) if (!card.isNear) card.comeNear(); // again, if the page moved meanwhile
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  print();
  for (const card of far) if (!isInView(card)) card.takeAway();
}

export function startPrinting() {
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "p" || shownCards().every(isReady)) return;
    event.preventDefault();
    printAll();
  });
  root.querySelector("[data-charts-print]").addEventListener("click", printAll);
}
