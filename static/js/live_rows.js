// The table of runs while runs go on: running rows change in place, new ones are announced. Where one has scrolled to
// and what one has chosen stays.
import { showTimes } from "./frame.js";
import { fill, gettext, ngettext } from "./words.js";

const PAUSE_MS = 5000;
const HEADERS = { "HX-Request": "true", "HX-Target": "runs-part" };

/** Return the part of the page that shows the runs, as the server would show it now; null if it cannot. */
async function fetchPart() {
  const response = await fetch(location.href, { headers: HEADERS, redirect: "error" }).catch(() => null);
  if (!response?.ok) return null;
  return new DOMParser().parseFromString(await response.text(), "text/html").querySelector("#runs-part");
}

const seen = new WeakMap(); // cell -> what the server said; scripts may have changed what the page shows

function update(row, fresh) {
  if (row.cells.length !== fresh.cells.length) return;
  for (let number = 2; number < row.cells.length; number += 1) {
    const [now, then] = [fresh.cells[number], row.cells[number]];
    if (now.querySelector("time") || now.innerHTML === (seen.get(then) ?? then.innerHTML)) continue;
    seen.set(then, now.innerHTML);
    then.replaceChildren(...now.childNodes);
    then.title = now.title;
  }
}

export function attach(part, news) {
  let isAsking = false;

  async function look() {
    const rows = [...part.querySelectorAll("[data-run-row]")];
    if (document.hidden || isAsking) return;
    isAsking = true;
    const fresh = await fetchPart();
    isAsking = false;
    if (!fresh) return;
    const known = new Map(rows.map((row) => [row.dataset.runRow, row]));
    let added = 0;
    for (const row of fresh.querySelectorAll("[data-run-row]")) {
      const mine = known.get(row.dataset.runRow);
      if (mine) update(mine, row);
      else added += 1;
    }
    showTimes(part);
    if (added && part.dataset.isFirst) tell(added);
  }

  function tell(count) {
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = gettext("Show");
    link.addEventListener("click", (event) => {
      event.preventDefault();
      location.reload();
    });
    news.replaceChildren(fill(ngettext("{n} new run.", "{n} new runs.", count), { n: count }), " ", link);
    news.hidden = false;
  }

  setInterval(look, PAUSE_MS);
}

/** Load the page again as soon as there is a run. */
export function awaitFirstRun(element) {
  element.hidden = false;
  setInterval(async () => {
    if (document.hidden) return;
    const fresh = await fetchPart();
    if (fresh?.querySelector("[data-run-row]")) location.reload();
  }, PAUSE_MS);
}
