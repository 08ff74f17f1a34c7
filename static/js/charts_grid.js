// A grid of line charts (templates/charts/grid.html): cards in sections, drawn when they come near, fed by the series
// endpoint in few requests, live while a run goes on.
import { decode, formatNumber, highlight, purge, savePicture, update } from "./chart.js";

const CARDS_OPEN_AT_FIRST = 12;
const CARDS_EAGER = 6; // drawn at once, wherever they are
const CARDS_A_SECTION = 60;
const METRICS_A_REQUEST = 12;
const CHARS_A_REQUEST = 3800; // of the address: a common server limit is 4,094
const LEGEND_RUNS = 6;
const ZOOM_PAUSE_MS = 150;
const INPUT_PAUSE_MS = 200;
const LOAD_PAUSE_MS = 20;
const PIXELS_STEP = 200;

const root = document.querySelector("[data-chart-grid]");
const context = JSON.parse(document.getElementById("chart-grid-context").textContent);
const { text } = context;
const runs = new Map(context.runs.map((run, place) => [run.uid, { ...run, place }]));
const hidden = new Set();
const controls = {
  search: root.querySelector("[data-charts-search]"),
  x: root.querySelector("[data-charts-x]"),
  smooth: root.querySelector("[data-charts-smooth]"),
  smoothShown: root.querySelector("[data-charts-smooth-shown]"),
  logy: root.querySelector("[data-charts-logy]"),
  live: root.querySelector("[data-charts-live]"),
};
const sectionsBox = root.querySelector("[data-charts-sections]");
const dialog = root.querySelector("[data-chart-dialog]");
const cards = new Map(); // element of a card -> Card
let isLive = context.isLive;

function debounce(pauseMs, action) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...args), pauseMs);
  };
}

function fill(pattern, words) {
  return pattern.replace(/\{(\w+)\}/g, (_, key) => words[key]);
}

function copyOf(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

// ---- a card --------------------------------------------------------------------------------------------------------

class Card {
  constructor(metric, { isFull = false, title = metric } = {}) {
    this.metric = metric;
    this.title = title;
    this.traces = new Map();
    this.state = "";
    this.range = null;
    this.isLogY = controls.logy.checked;
    this.isNear = isFull;
    this.isFull = isFull;
    this.isLoading = false;
    this.element = copyOf("chart-card");
    this.plot = this.element.querySelector(".chart-plot");
    this.note = this.element.querySelector(".chart-note");
    this.badge = this.element.querySelector(".chart-badge");
    this.tableBox = this.element.querySelector(".chart-table");
    this.legend = this.element.querySelector(".chart-legend");
    this.zoomed = debounce(ZOOM_PAUSE_MS, (range) => this.show(range));
    this.prepare();
    cards.set(this.element, this);
  }

  prepare() {
    const title = this.element.querySelector(".chart-title");
    title.textContent = this.title;
    title.title = this.metric;
    this.plot.setAttribute("aria-label", this.metric);
    this.tableBox.setAttribute("aria-label", this.metric);
    const button = (name) => this.element.querySelector(`[data-${name}]`);
    button("log").setAttribute("aria-pressed", String(this.isLogY));
    button("log").addEventListener("click", () => this.setLogY(!this.isLogY));
    button("table").addEventListener("click", (event) => {
      this.tableBox.hidden = !this.tableBox.hidden;
      event.currentTarget.setAttribute("aria-pressed", String(!this.tableBox.hidden));
      this.fillTable();
    });
    button("full").addEventListener("click", () => openFull(this));
    button("picture").addEventListener("click", () => savePicture(this.plot, this.metric));
    button("close").addEventListener("click", () => dialog.close());
    button("full").hidden = this.isFull;
    button("picture").hidden = button("close").hidden = !this.isFull;
  }

  /** How many pixels' worth of points to ask for, in steps so that cards share a request. */
  get pixels() {
    return Math.min(4000, Math.max(PIXELS_STEP, Math.ceil(this.plot.clientWidth / PIXELS_STEP) * PIXELS_STEP));
  }

  setLogY(isLogY) {
    this.isLogY = isLogY;
    this.element.querySelector("[data-log]").setAttribute("aria-pressed", String(isLogY));
    this.redraw();
  }

  /** Show a part of x at a higher resolution, or all of it (null). */
  show(range) {
    this.range = range;
    this.forget();
    load(this);
  }

  forget() {
    this.state = "";
  }

  takeAway() {
    purge(this.plot);
    this.traces.clear();
    this.forget();
    this.plot.classList.add("is-waiting");
  }

  /** Take an answer: all traces anew when the card had none, else those that changed. */
  take(traces, state) {
    if (!this.isNear) return;
    if (!this.state) this.traces.clear();
    this.state = state;
    for (const trace of traces) this.traces.set(trace.run, decode(trace));
    this.note.hidden = true;
    this.redraw();
  }

  fail(message) {
    this.note.textContent = message;
    this.note.classList.add("is-error");
    this.note.hidden = false;
  }

  /** Take a message about trouble away: the server answers again. */
  recover() {
    if (this.note.classList.contains("is-error")) this.redraw();
  }

  redraw() {
    if (!this.state || !this.isNear) return;
    const shown = [...runs.keys()].flatMap((uid) => this.traces.get(uid) ?? []);
    this.plot.classList.remove("is-waiting");
    update(this.plot, {
      traces: shown,
      runs,
      hidden,
      axis: { x: controls.x.value, isLogY: this.isLogY, range: this.range },
      template: context.template,
      text,
      onRange: this.zoomed,
    });
    this.showBadge(shown);
    this.showNote(shown);
    this.fillLegend(shown);
    this.fillTable();
  }

  showBadge(traces) {
    const visible = traces.filter(({ run }) => !hidden.has(run));
    const words = { shown: sum(visible, "shown"), total: sum(visible, "total") };
    this.badge.hidden = visible.every((trace) => trace.is_exact);
    this.badge.textContent = fill(text.points, words);
    this.badge.title = fill(text.badge, words);
  }

  showNote(traces) {
    const isEmpty = traces.every(({ y }) => y.length === 0);
    this.note.classList.remove("is-error");
    this.note.hidden = !isEmpty;
    if (isEmpty) this.note.textContent = text.noPoints;
  }

  fillLegend(traces) {
    if (runs.size < 2) return;
    const most = this.isFull ? runs.size : LEGEND_RUNS;
    const items = traces.slice(0, most).map(({ run }) => legendItem(runs.get(run)));
    if (traces.length > most) {
      const rest = document.createElement("li");
      rest.className = "legend-rest";
      rest.textContent = fill(text.others, { count: traces.length - most });
      items.push(rest);
    }
    if (this.legend.contains(document.activeElement)) showPressed(this.legend);
    else this.legend.replaceChildren(...items);
  }

  fillTable() {
    if (this.tableBox.hidden) return;
    const rows = [...this.traces.values()].map((trace) => {
      const row = document.createElement("tr");
      const name = document.createElement("th");
      name.scope = "row";
      name.className = "cell-cut";
      name.textContent = name.title = runs.get(trace.run).name;
      row.append(name);
      for (const value of [formatNumber(trace.last), formatNumber(trace.last_step), formatNumber(trace.low), formatNumber(trace.high)]) {
        const cell = document.createElement("td");
        cell.className = "number";
        cell.textContent = value;
        row.append(cell);
      }
      return row;
    });
    this.tableBox.querySelector("tbody").replaceChildren(...rows);
  }
}

function sum(traces, key) {
  return traces.reduce((total, trace) => total + trace[key], 0).toLocaleString("en");
}

function legendItem(run) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const mark = document.createElement("span");
  const name = document.createElement("span");
  button.type = "button";
  button.className = "legend-run";
  button.title = run.name;
  button.dataset.runToggle = run.uid;
  button.setAttribute("aria-pressed", String(!hidden.has(run.uid)));
  mark.className = `run-mark run-colour-${run.colour} run-dash-${run.dash}`;
  name.textContent = run.name;
  button.append(mark, name);
  item.append(button);
  return item;
}

// ---- the data ------------------------------------------------------------------------------------------------------

const waiting = new Set();
const tags = new Map(); // what was asked -> ETag of the answer
let generation = 0; // grows when the axis or the smoothing changes: answers to older questions are dropped
let loadTimer = 0;

function load(...wanted) {
  for (const card of wanted) waiting.add(card);
  loadTimer ||= setTimeout(() => {
    loadTimer = 0;
    const batch = [...waiting];
    waiting.clear();
    for (const group of groups(batch)) ask(group);
  }, LOAD_PAUSE_MS);
}

/** Cut cards into requests: same range and resolution, and an address that is not too long. */
function groups(batch) {
  const found = [];
  const open = new Map();
  for (const card of batch) {
    const key = `${card.pixels} ${card.range}`;
    const group = open.get(key);
    if (group && group.length < METRICS_A_REQUEST && addressOf([...group, card]).length <= CHARS_A_REQUEST) {
      group.push(card);
    } else {
      const fresh = [card];
      open.set(key, fresh);
      found.push(fresh);
    }
  }
  return found;
}

function addressOf(group, { withStates = true } = {}) {
  const [{ range, pixels }] = group;
  const query = new URLSearchParams({ run: [...runs.keys()].join(","), x: controls.x.value });
  const weight = Number(controls.smooth.value);
  if (weight > 0) query.set("smooth", `ema:${weight}`);
  query.set("px", pixels);
  if (range) {
    // A margin, so that lines go on to the edge of the chart.
    const margin = (range[1] - range[0]) / 10;
    query.set("from", range[0] - margin);
    query.set("to", range[1] + margin);
  }
  for (const card of group) {
    query.append("metric", card.metric);
    if (withStates) query.append("since", card.state);
  }
  return `${context.seriesUrl}?${query}`;
}

async function ask(group) {
  const asked = generation;
  const question = addressOf(group, { withStates: false });
  const tag = tags.get(question);
  const hasAll = group.every((card) => card.state);
  for (const card of group) card.isLoading = true;
  try {
    const response = await fetch(addressOf(group), { headers: tag && hasAll ? { "If-None-Match": tag } : {}, redirect: "manual" });
    if (response.type === "opaqueredirect") throw new Error(text.signedOut);
    const body = await response.text(); // read even when it is of no use: else the browser counts it as broken off
    if (asked !== generation) return;
    if (response.status === 304) {
      for (const card of group) card.recover();
      return;
    }
    const answer = JSON.parse(body);
    if (!response.ok) throw new Error(answer.error);
    if (question !== addressOf(group, { withStates: false })) return; // zoomed meanwhile: another answer comes
    tags.set(question, response.headers.get("ETag"));
    for (const card of group) {
      card.take(answer.traces.filter(({ metric }) => metric === card.metric), answer.states[card.metric]);
    }
    if (isLive && !answer.running.length) endLive();
  } catch (error) {
    for (const card of group) card.fail(`${text.failed} ${error.message}`);
  } finally {
    for (const card of group) card.isLoading = false;
  }
}

/** Ask for everything that is near again, from nothing. A zoom means nothing on another axis. */
function reload({ keepsZoom }) {
  generation += 1;
  tags.clear();
  for (const card of cards.values()) {
    if (!keepsZoom) card.range = null;
    card.forget();
    if (card.isNear) load(card);
  }
}

// ---- near and far --------------------------------------------------------------------------------------------------

const nearby = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const card = cards.get(target);
      if (!card || !isIntersecting || card.isNear) continue;
      card.isNear = true;
      load(card);
    }
  },
  { rootMargin: "300px" },
);
const faraway = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const card = cards.get(target);
      if (!card || isIntersecting || !card.isNear) continue;
      card.isNear = false;
      card.takeAway();
    }
  },
  { rootMargin: "200%" },
);

function addCard(metric, title, box) {
  const card = new Card(metric, { title });
  box.append(card.element);
  nearby.observe(card.element);
  faraway.observe(card.element);
  if (cards.size <= CARDS_EAGER) {
    card.isNear = true;
    load(card);
  }
}

function dropCard(card) {
  nearby.unobserve(card.element);
  faraway.unobserve(card.element);
  purge(card.plot);
  waiting.delete(card);
  cards.delete(card.element);
}

// ---- sections ------------------------------------------------------------------------------------------------------

/** Group metrics by what stands before the last slash. Those that stand alone come first, the system's last. */
function sectionsOf(metrics) {
  const prefix = (metric) => metric.slice(0, Math.max(0, metric.lastIndexOf("/")));
  const isSystem = (name) => name === "system" || name.startsWith("system/");
  const sizes = new Map();
  for (const metric of metrics) sizes.set(prefix(metric), (sizes.get(prefix(metric)) ?? 0) + 1);
  const groupsByName = new Map();
  for (const metric of metrics) {
    const name = sizes.get(prefix(metric)) > 1 || isSystem(metric) ? prefix(metric) : "";
    if (!groupsByName.has(name)) groupsByName.set(name, []);
    groupsByName.get(name).push(metric);
  }
  const rank = (name) => (name === "" ? 0 : isSystem(name) ? 2 : 1);
  return [...groupsByName].sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

function sought() {
  return controls.search.value.trim();
}

function buildSections() {
  for (const card of [...cards.values()]) if (!card.isFull) dropCard(card);
  const metrics = context.metrics.filter((metric) => metric.toLowerCase().includes(sought().toLowerCase()));
  const empty = root.querySelector("[data-charts-empty]");
  empty.hidden = metrics.length > 0;
  empty.textContent = metrics.length ? "" : fill(text.noMatch, { text: sought() });
  let opened = 0;
  const sections = sought() && metrics.length ? [[text.found, metrics]] : sectionsOf(metrics);
  const built = sections.map(([name, members]) => {
    const isOpen = opened === 0 || opened + members.length <= CARDS_OPEN_AT_FIRST;
    if (isOpen) opened += members.length;
    return buildSection(name, members, { isOpen, isShort: !sought() && name !== "" });
  });
  sectionsBox.replaceChildren(...built);
}

function buildSection(name, members, { isOpen, isShort }) {
  const section = copyOf("chart-section");
  const heading = section.querySelector("h3");
  const box = section.querySelector(".chart-cards");
  const more = section.querySelector("[data-more]");
  heading.textContent = heading.title = name || text.general;
  section.querySelector(".count").textContent = members.length;
  const addCards = () => {
    const built = box.childElementCount;
    for (const metric of members.slice(built, built + CARDS_A_SECTION)) {
      addCard(metric, isShort ? metric.slice(name.length + 1) : metric, box);
    }
    const left = members.length - box.childElementCount;
    more.hidden = left <= 0;
    more.textContent = fill(text.more, { count: Math.min(left, CARDS_A_SECTION) });
  };
  more.addEventListener("click", addCards);
  section.addEventListener("toggle", () => {
    if (section.open && !box.childElementCount) addCards();
  });
  section.open = isOpen; // says "toggle" soon after
  return section;
}

// ---- full screen ---------------------------------------------------------------------------------------------------

let full = null;

function openFull(from) {
  full = new Card(from.metric, { isFull: true });
  full.range = from.range;
  full.setLogY(from.isLogY);
  dialog.replaceChildren(full.element);
  dialog.setAttribute("aria-label", full.metric);
  dialog.showModal();
  load(full);
}

dialog.addEventListener("close", () => {
  dropCard(full);
  dialog.replaceChildren();
  full = null;
});

// ---- hidden and lit runs -------------------------------------------------------------------------------------------

function showPressed(below) {
  for (const button of below.querySelectorAll("[data-run-toggle]")) {
    button.setAttribute("aria-pressed", String(!hidden.has(button.dataset.runToggle)));
  }
}

function toggleRun(uid) {
  if (!hidden.delete(uid)) hidden.add(uid);
  showPressed(document);
  for (const card of cards.values()) card.redraw();
}

function light(uid) {
  for (const card of cards.values()) if (card.isNear) highlight(card.plot, uid);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-run-toggle]");
  if (button && runs.has(button.dataset.runToggle)) toggleRun(button.dataset.runToggle);
});
document.addEventListener("pointerover", (event) => {
  const over = event.target.closest("[data-run-toggle], [data-run-row]");
  const uid = over?.dataset.runToggle ?? over?.dataset.runRow;
  light(runs.has(uid) ? uid : null);
});

// ---- controls and the address --------------------------------------------------------------------------------------

/** Write the state into the address, and into the links and forms of this page that lead back to it. */
function remember() {
  const state = {
    x: controls.x.value === "step" ? "" : controls.x.value,
    smooth: Number(controls.smooth.value) > 0 ? controls.smooth.value : "",
    logy: controls.logy.checked ? "1" : "",
  };
  const address = withState(location.href, state);
  history.replaceState(history.state, "", address);
  for (const link of document.querySelectorAll("main a[href]")) {
    const target = new URL(link.href);
    if (target.pathname === location.pathname && target.origin === location.origin) link.href = withState(link.href, state);
  }
  for (const [name, value] of Object.entries(state)) {
    for (const field of document.querySelectorAll(`main input[type=hidden][name="${name}"]`)) {
      field.value = value;
      field.disabled = value === "";
    }
  }
}

function withState(href, state) {
  const url = new URL(href);
  for (const [name, value] of Object.entries(state)) {
    if (value) url.searchParams.set(name, value);
    else url.searchParams.delete(name);
  }
  return url;
}

controls.x.addEventListener("change", () => {
  remember();
  reload({ keepsZoom: false });
});
const smoothChanged = debounce(INPUT_PAUSE_MS, () => {
  remember();
  reload({ keepsZoom: true });
});
controls.smooth.addEventListener("input", () => {
  controls.smoothShown.textContent = Number(controls.smooth.value).toFixed(2);
  smoothChanged();
});
controls.logy.addEventListener("change", () => {
  remember();
  for (const card of cards.values()) card.setLogY(controls.logy.checked);
});
controls.search.addEventListener("input", debounce(INPUT_PAUSE_MS, buildSections));

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

function endLive() {
  isLive = false;
  clearTimeout(nextTick);
  root.querySelector("[data-charts-live-field]").hidden = true;
}

controls.live?.addEventListener("change", tick);
buildSections();
tick();
