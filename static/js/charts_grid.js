// A grid of line charts (templates/charts/grid.html): cards in sections, drawn when they come near, fed by the series
// endpoint in few requests, live while a run goes on.
import { Card, showPressed, toggleRun } from "./chart_card.js";
import { startPanels } from "./chart_panels.js";
import { forgetAnswers, load, whenAllEnded } from "./charts_data.js";
import { cards, context, controls, copyOf, debounce, dialog, fill, groups, isGrouped, members, root, text } from "./charts_shared.js";
import { startPrinting } from "./charts_print.js";
import { full, orders, pins, remember, zoom } from "./charts_state.js";
import { isTyping } from "./frame.js";

const CARDS_OPEN_AT_FIRST = 12;
const CARDS_EAGER = 6; // drawn at once, wherever they are
const CARDS_A_SECTION = 24;
const INPUT_PAUSE_MS = 200;

const sectionsBox = root.querySelector("[data-charts-sections]");
let isLive = context.isLive;
let shownMetrics = []; // in the order of the sections, whether built yet or not
let fullCard = null;

// ---- what cards ask for --------------------------------------------------------------------------------------------

const on = {
  zoom(card, range) {
    zoom.range = range;
    if (controls.link.checked) {
      for (const each of cards.values()) each.show(range);
      remember();
    } else {
      card.show(range);
    }
  },
  hover(card, x, uid) {
    const isLinked = controls.link.checked;
    for (const each of cards.values()) {
      if (!each.isNear || (!isLinked && each !== card)) continue;
      each.light(uid);
      each.pointAt(x);
    }
  },
  openFull(card) {
    openFull(card.metric, card);
  },
  close() {
    dialog.close();
  },
  step,
  pin(card) {
    const place = pins.indexOf(card.metric);
    if (place < 0) pins.push(card.metric);
    else pins.splice(place, 1);
    remember();
    buildSections();
    const moved = cardOf(card.metric);
    if (!moved?.isNear) moved?.comeNear();
    moved?.tools.querySelector("[data-pin]").focus();
  },
};

function cardOf(metric) {
  return [...cards.values()].find((card) => card.metric === metric && !card.isFull);
}

/** Ask for everything that is near again, from nothing. A zoom means nothing on another axis. */
function reload({ keepsZoom }) {
  forgetAnswers();
  if (!keepsZoom) zoom.range = null;
  remember();
  for (const card of cards.values()) {
    if (!keepsZoom) card.range = null;
    card.forget();
    if (card.isNear) load(card);
  }
}

// ---- near and far --------------------------------------------------------------------------------------------------

/** Have `action` called for each card that comes into the page's view, or leaves it, by so much around it. */
function observer(rootMargin, action) {
  const seen = (entries) => {
    for (const { target, isIntersecting } of entries) {
      const card = cards.get(target);
      if (card) action(card, isIntersecting);
    }
  };
  return new IntersectionObserver(seen, { rootMargin });
}

const observers = [
  observer("100px", (card, isIn) => isIn && !card.isNear && card.comeNear()),
  observer("15%", (card, isIn) => !isIn && card.isNear && card.takeAway()),
  observer("300%", (card, isIn) => !isIn && card.empty()),
];

function addCard(metric, title, box) {
  const range = controls.link.checked ? zoom.range : null;
  const card = new Card(metric, { title, range, isPinned: pins.includes(metric), on });
  box.append(card.element);
  for (const each of observers) each.observe(card.element);
  if (cards.size <= CARDS_EAGER) card.comeNear();
}

function dropCard(card) {
  for (const each of observers) each.unobserve(card.element);
  card.remove();
}

// ---- sections ------------------------------------------------------------------------------------------------------

/** Group metrics by what stands before the last slash. Those that stand alone come first, the system's last. */
function sectionsOf(metrics) {
  const prefix = (metric) => metric.slice(0, Math.max(0, metric.lastIndexOf("/")));
  const isSystem = (name) => name === "system" || name.startsWith("system/");
  const sizes = new Map();
  for (const metric of metrics) sizes.set(prefix(metric), (sizes.get(prefix(metric)) ?? 0) + 1);
  const membersByName = new Map();
  for (const metric of metrics) {
    const name = sizes.get(prefix(metric)) > 1 || isSystem(metric) ? prefix(metric) : "";
    if (!membersByName.has(name)) membersByName.set(name, []);
    membersByName.get(name).push(metric);
  }
  const rank = (name) => (name === "" ? 0 : isSystem(name) ? 2 : 1);
  return [...membersByName].sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** Return what tells whether a metric is sought: a pattern, in any case; as plain text where it is no pattern. */
function soughtBy(words) {
  try {
    const pattern = new RegExp(words, "iu");
    return (metric) => pattern.test(metric);
  } catch {
    return (metric) => metric.toLowerCase().includes(words.toLowerCase());
  }
}

function buildSections() {
  const sought = controls.search.value.trim();
  for (const card of [...cards.values()]) if (!card.isFull) dropCard(card);
  const metrics = context.metrics.filter(soughtBy(sought));
  const empty = root.querySelector("[data-charts-empty]");
  empty.hidden = metrics.length > 0;
  empty.textContent = metrics.length ? "" : fill(text.noMatch, { text: sought });
  const pinned = pins.filter((metric) => metrics.includes(metric));
  const others = metrics.filter((metric) => !pins.includes(metric));
  const sections = sought && others.length ? [[text.found, others]] : sectionsOf(others).map(([name, names]) => [name, inOrder(name, names)]);
  if (pinned.length) sections.unshift([text.pinned, pinned]);
  shownMetrics = sections.flatMap(([, names]) => names);
  let opened = 0;
  const built = sections.map(([name, names]) => {
    const isPinned = names === pinned;
    const isOpen = opened === 0 || opened + names.length <= CARDS_OPEN_AT_FIRST;
    if (isOpen) opened += names.length;
    return buildSection(name, names, { isOpen, isPinned, isShort: !sought && !isPinned && name !== "" });
  });
  sectionsBox.replaceChildren(...built.map(({ section }) => section));
  for (const { section, addCards } of built) if (section.open) addCards(); // a closed one's come when it is opened
}

function buildSection(name, names, { isOpen, isPinned, isShort }) {
  const section = copyOf("chart-section");
  const heading = section.querySelector("h3");
  const box = section.querySelector(".chart-cards");
  const more = section.querySelector("[data-more]");
  section.dataset.section = name;
  section.classList.toggle("is-pinned", isPinned);
  heading.textContent = heading.title = name || text.general;
  section.querySelector(".count").textContent = names.length;
  const addCards = () => {
    const built = box.childElementCount;
    for (const metric of names.slice(built, built + CARDS_A_SECTION)) {
      addCard(metric, isShort ? metric.slice(name.length + 1) : metric, box);
    }
    const left = names.length - box.childElementCount;
    more.hidden = left <= 0;
    more.textContent = fill(text.more, { count: Math.min(left, CARDS_A_SECTION) });
  };
  more.addEventListener("click", addCards);
  section.addEventListener("toggle", () => {
    if (section.open && !box.childElementCount) addCards();
  });
  section.open = isOpen;
  return { section, addCards };
}

// ---- the reader's order: by dragging a title, or Alt and an arrow --------------------------------------------------

function inOrder(name, names) {
  const order = orders.get(name) ?? [];
  const rank = (metric) => (order.includes(metric) ? order.indexOf(metric) : order.length);
  return names.toSorted((a, b) => rank(a) - rank(b));
}

/** Keep the order of a section: its beginning, up to where the others follow as they always do. */
function keepOrder(name, names) {
  const usual = context.metrics.filter((metric) => names.includes(metric));
  let kept = names.length;
  const isUsualFrom = (start) => names.slice(start).join() === usual.filter((metric) => !names.slice(0, start).includes(metric)).join();
  while (kept > 0 && isUsualFrom(kept - 1)) kept -= 1;
  if (kept) orders.set(name, names.slice(0, kept));
  else orders.delete(name);
  remember();
}

/** Put a card before or behind another one of its section; onto a pinned one, it is pinned there. */
function place(moved, target, { isBehind }) {
  const section = target.closest(".chart-section");
  const { metric } = moved.dataset;
  if (section.classList.contains("is-pinned")) {
    if (pins.includes(metric)) pins.splice(pins.indexOf(metric), 1);
    pins.splice(pins.indexOf(target.dataset.metric) + (isBehind ? 1 : 0), 0, metric);
    remember();
    if (moved.closest(".chart-section") !== section) {
      buildSections();
      return;
    }
  } else if (moved.closest(".chart-section") !== section) {
    return;
  }
  if (isBehind) target.after(moved);
  else target.before(moved);
  const names = [...section.querySelectorAll(".chart-card")].map((card) => card.dataset.metric);
  if (!section.classList.contains("is-pinned")) {
    keepOrder(section.dataset.section, names);
  }
}

let dragged = null;

sectionsBox.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.(".chart-card") ?? null;
  if (!dragged) return;
  event.dataTransfer.setData("text/plain", dragged.dataset.metric);
  event.dataTransfer.effectAllowed = "move";
  dragged.classList.add("is-dragged");
});
sectionsBox.addEventListener("dragover", (event) => {
  if (dragged && event.target.closest(".chart-card")) event.preventDefault();
});
sectionsBox.addEventListener("drop", (event) => {
  const target = event.target.closest(".chart-card");
  if (!dragged || !target || target === dragged) return;
  event.preventDefault();
  const { left, width } = target.getBoundingClientRect();
  place(dragged, target, { isBehind: event.clientX > left + width / 2 });
});
sectionsBox.addEventListener("dragend", () => {
  dragged?.classList.remove("is-dragged");
  dragged = null;
});
sectionsBox.addEventListener("keydown", (event) => {
  const card = event.target.closest(".chart-card");
  const towards = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" }[event.key];
  if (!event.altKey || !card || !towards) return;
  event.preventDefault();
  if (card[towards]) place(card, card[towards], { isBehind: event.key === "ArrowRight" });
  event.target.focus();
});

// ---- full screen ---------------------------------------------------------------------------------------------------

function openFull(metric, from = null) {
  showInFull(metric, from);
  dialog.showModal();
  load(fullCard);
}

function showInFull(metric, from) {
  if (fullCard) dropCard(fullCard);
  fullCard = new Card(metric, { isFull: true, range: from ? from.range : controls.link.checked ? zoom.range : null, on });
  if (from) fullCard.setLogY(from.isLogY);
  dialog.replaceChildren(fullCard.element);
  dialog.setAttribute("aria-label", metric);
  full.metric = metric;
  remember();
}

/** Show the next chart, or the one before, in full screen. */
function step(by) {
  const place = shownMetrics.indexOf(fullCard.metric);
  const metric = shownMetrics[(place + by + shownMetrics.length) % shownMetrics.length];
  const focused = document.activeElement?.closest("[data-previous], [data-next]");
  showInFull(metric, null);
  load(fullCard);
  if (focused) fullCard.element.querySelector("previous" in focused.dataset ? "[data-previous]" : "[data-next]").focus();
}

dialog.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest(".chart-table")) return;
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
dialog.addEventListener("close", () => {
  dropCard(fullCard);
  dialog.replaceChildren();
  fullCard = full.metric = null;
  remember();
});

// ---- hidden and lit runs -------------------------------------------------------------------------------------------

function light(uid) {
  for (const card of cards.values()) if (card.isNear) card.light(uid);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-run-toggle]");
  if (button) toggleRun(button.dataset.runToggle);
});
document.addEventListener("pointerover", (event) => {
  if (event.target.closest?.(".chart-plot")) return; // the chart says itself what is under the pointer
  const over = event.target.closest?.("[data-run-toggle], [data-run-row]");
  const uid = over?.dataset.runToggle ?? over?.dataset.runRow;
  light(members().has(uid) ? uid : null);
});

// ---- controls ------------------------------------------------------------------------------------------------------

function showControls() {
  const isEma = controls.smoother.value === "ema";
  controls.weight.hidden = controls.weightShown.hidden = !isEma;
  controls.amount.hidden = isEma;
  for (const control of [controls.average, controls.spread]) control.closest("label").hidden = !isGrouped();
}

/** Fill a list with all that it offers as soon as it is reached for: hundreds of choices that nobody opens cost a page. */
function offerAll({ currentTarget: list }) {
  const offered = [...context.xMetrics.map((name) => `metric:${name}`), ...context.columns];
  for (const group of list.querySelectorAll("[data-offers]")) {
    const { offers } = group.dataset;
    const values = offered.filter((value) => value.startsWith(offers));
    group.replaceChildren(...values.map((value) => new Option(value.slice(offers.length), value, false, value === list.value)));
  }
}

for (const list of [controls.x, controls.group]) {
  for (const reached of ["pointerdown", "focus"]) list.addEventListener(reached, offerAll, { once: true });
}
controls.x.addEventListener("change", () => reload({ keepsZoom: false }));
controls.logx.addEventListener("change", () => reload({ keepsZoom: true }));
controls.smoother.addEventListener("change", () => {
  showControls();
  reload({ keepsZoom: true });
});
const smoothChanged = debounce(INPUT_PAUSE_MS, () => reload({ keepsZoom: true }));
controls.weight.addEventListener("input", () => {
  controls.weightShown.textContent = Number(controls.weight.value).toFixed(2);
  smoothChanged();
});
controls.amount.addEventListener("input", smoothChanged);
for (const control of [controls.group, controls.average, controls.spread]) {
  control.addEventListener("change", () => {
    if (control === controls.group) groups.clear();
    showControls();
    reload({ keepsZoom: true });
  });
}
controls.logy.addEventListener("change", () => {
  remember();
  for (const card of cards.values()) card.setLogY(controls.logy.checked);
});
controls.clip.addEventListener("change", () => {
  remember();
  for (const card of cards.values()) card.redraw();
});
for (const control of [controls.link, controls.tips]) control.addEventListener("change", remember);
controls.search.addEventListener(
  "input",
  debounce(INPUT_PAUSE_MS, () => {
    remember();
    buildSections();
  }),
);
controls.charted?.addEventListener("change", () => {
  const here = new URL(location.href);
  here.searchParams.set("charted", controls.charted.value);
  location.assign(here);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "f" && !document.querySelector("dialog[open]")) {
    const pointed = cards.get(root.querySelector(".chart-card:hover, .chart-card:focus-within")) ?? cardOf(shownMetrics[0]);
    if (pointed) openFull(pointed.metric, pointed);
  }
  if (event.key !== "z") return;
  zoom.range = null;
  remember();
  for (const card of cards.values()) if (card.range) card.show(null);
});

// ---- live ----------------------------------------------------------------------------------------------------------

let nextTick = 0;

function tick() {
  const seconds = Number(controls.live?.value ?? 0);
  clearTimeout(nextTick);
  if (!isLive || !seconds) return;
  nextTick = setTimeout(() => {
    const ready = [...cards.values()].filter((card) => card.isNear && card.state && !card.isLoading);
    if (!document.hidden) load(...ready);
    tick();
  }, seconds * 1000);
}

whenAllEnded(() => {
  if (!isLive) return;
  isLive = false;
  clearTimeout(nextTick);
  root.querySelector("[data-charts-live-field]").hidden = true;
});

controls.live?.addEventListener("change", () => {
  remember();
  tick();
});
showControls();
buildSections();
startPanels();
startPrinting();
showPressed(document);
if (context.metrics.includes(full.metric)) openFull(full.metric);
tick();
