// One chart of one metric in a grid: its plot, its tools, its legend, its values as a table.
import { formatNumber, highlight, plotlyIsHere, pointAt, purge, saveDrawing, savePicture, update } from "./chart.js";
import { decode, decodeGroup } from "./chart_figure.js";
import { forgetCard, load, saveTable } from "./charts_data.js";
import { axisOfX, cards, context, controls, copyOf, debounce, fill, groups, hidden, isGrouped, members, runs, text } from "./charts_shared.js";

const LEGEND_RUNS = 6;
const LEGEND_RUNS_IN_FULL = 100;
const ZOOM_PAUSE_MS = 120;
const LEAST_PIXELS = 200;
const MOST_PIXELS = 4000;
const PIXELS_STEP = 100;
const FRAME_MS = 80; // of drawing, before the page may show what there is and answer the reader

const counted = new Intl.NumberFormat("en");
const due = new Set(); // cards to draw, the first to be asked for first

function drawDue() {
  const began = performance.now();
  for (const card of due) {
    if (performance.now() - began > FRAME_MS) break;
    due.delete(card);
    card.draw();
  }
  if (due.size) requestAnimationFrame(drawDue);
}

export class Card {
  /** `on`: what the grid does: zoom(card, range), hover(card, x, uid), openFull(card), close(), step(by), pin(card). */
  constructor(metric, { isFull = false, title = metric, range = null, isPinned = false, on }) {
    this.metric = metric;
    this.title = title;
    this.on = on;
    this.traces = new Map();
    this.state = "";
    this.named = ""; // what the legend shows
    this.range = range;
    this.isLogY = controls.logy.checked;
    this.isNear = isFull;
    this.isFull = isFull;
    this.isLoading = false;
    this.element = copyOf("chart-card");
    if (isFull) this.element.querySelector(".chart-tools").replaceWith(copyOf("chart-tools-in-full"));
    this.tools = this.element.querySelector(".chart-tools");
    this.plot = this.element.querySelector(".chart-plot");
    this.note = this.element.querySelector(".chart-note");
    this.badge = this.element.querySelector(".chart-badge");
    this.tableBox = this.element.querySelector(".chart-table");
    this.legend = this.element.querySelector(".chart-legend");
    this.zoomed = debounce(ZOOM_PAUSE_MS, (given) => this.on.zoom(this, given));
    this.prepare(isPinned);
    cards.set(this.element, this);
  }

  prepare(isPinned) {
    const title = this.element.querySelector(".chart-title");
    title.textContent = this.title;
    title.title = this.metric;
    title.draggable = !this.isFull;
    this.element.dataset.metric = this.metric;
    this.plot.setAttribute("aria-label", this.metric);
    this.tableBox.setAttribute("aria-label", this.metric);
    const tools = {
      log: () => this.setLogY(!this.isLogY),
      table: (event) => this.toggleTable(event.currentTarget),
      full: () => this.on.openFull(this),
      pin: () => this.on.pin(this),
      picture: () => savePicture(this.plot, this.metric),
      drawing: () => saveDrawing(this.plot, this.metric),
      csv: () => saveTable(this.metric),
      previous: () => this.on.step(-1),
      next: () => this.on.step(1),
      close: () => this.on.close(),
    };
    for (const [name, action] of Object.entries(tools)) this.tools.querySelector(`[data-${name}]`)?.addEventListener("click", action);
    this.tools.querySelector("[data-log]").setAttribute("aria-pressed", String(this.isLogY));
    if (this.isFull) return;
    this.tools.remove(); // comes with the drawing
    const pin = this.tools.querySelector("[data-pin]");
    pin.setAttribute("aria-pressed", String(isPinned));
    pin.title = isPinned ? text.unpin : text.pin;
    pin.setAttribute("aria-label", pin.title);
  }

  /** How many pixels' worth of points to ask for: those between the axes, in steps so that cards share a request. */
  get pixels() {
    const { l, r } = context.template.layout.margin;
    const pixels = Math.ceil((this.plot.clientWidth - l - r) / PIXELS_STEP) * PIXELS_STEP;
    return Math.min(MOST_PIXELS, Math.max(LEAST_PIXELS, pixels));
  }

  setLogY(isLogY) {
    this.isLogY = isLogY;
    this.tools.querySelector("[data-log]").setAttribute("aria-pressed", String(isLogY));
    this.redraw();
  }

  toggleTable(button) {
    if (!this.tableBox.childElementCount) this.tableBox.append(copyOf("chart-values"));
    this.tableBox.hidden = !this.tableBox.hidden;
    button.setAttribute("aria-pressed", String(!this.tableBox.hidden));
    this.fillTable();
  }

  /** Show a part of x at a higher resolution, or all of it (null). */
  show(range) {
    this.range = range;
    this.forget();
    if (this.isNear) load(this);
  }

  forget() {
    this.state = "";
  }

  /** Take the drawing away and keep what was drawn: a screen full of charts is all that a page can bear. */
  takeAway() {
    this.isNear = false;
    this.tools.remove();
    purge(this.plot);
    this.plot.replaceChildren();
    this.legend.replaceChildren(); // its room stays
    this.named = "";
    this.plot.classList.add("is-waiting");
  }

  /** Draw again what is known, and ask for the rest. */
  comeNear() {
    this.isNear = true;
    this.element.querySelector(".chart-head").append(this.tools);
    this.redraw();
    load(this);
  }

  /** Free what is known as well. */
  empty() {
    this.traces.clear();
    this.forget();
  }

  remove() {
    purge(this.plot);
    forgetCard(this);
    this.isNear = false; // it may be due
    cards.delete(this.element);
  }

  /** Take an answer: all traces anew when the card had none, else those that changed. */
  take({ traces, groups: grouped, state }) {
    if (!this.isNear) return;
    if (this.state === state && !traces.length && !grouped.length) {
      this.recover();
      return;
    }
    if (!this.state) this.traces.clear();
    this.state = state;
    for (const trace of traces) this.traces.set(trace.run, decode(trace, this.traces.get(trace.run)));
    for (const group of grouped) {
      const trace = decodeGroup(group);
      this.traces.set(trace.run, trace);
      nameGroup(trace.run, group.group, trace.members);
    }
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

  /** Draw soon, one card after another: a page full of charts takes a second. */
  async redraw() {
    await plotlyIsHere();
    if (!due.size) requestAnimationFrame(drawDue);
    due.add(this);
  }

  draw() {
    if (!this.state || !this.isNear) return;
    const lines = members();
    const shown = [...lines.keys()].flatMap((uid) => this.traces.get(uid) ?? []);
    this.plot.classList.remove("is-waiting");
    update(this.plot, {
      traces: shown,
      runs: lines,
      hidden,
      axis: { ...axisOfX(), isLogX: controls.logx.checked, isLogY: this.isLogY, isClipped: controls.clip.checked, range: this.range },
      template: context.template,
      mostWithBand: context.mostWithBand,
      isLive: context.isLive,
      text,
      tipOrder: () => controls.tips.value,
      onRange: this.zoomed,
      onHover: (x, uid) => this.on.hover(this, x, uid),
    });
    this.showBadge(shown);
    this.showNote(shown);
    this.fillLegend(shown);
    this.fillTable();
  }

  light(uid) {
    highlight(this.plot, uid);
  }

  pointAt(x) {
    pointAt(this.plot, x);
  }

  showBadge(traces) {
    const visible = traces.filter(({ run }) => !hidden.has(run));
    const words = isGrouped()
      ? { shown: counted.format(visible.length), total: sum(visible, "members") }
      : { shown: sum(visible, "shown"), total: sum(visible, "total") };
    const isWhole = visible.every((trace) => trace.is_exact) && !isGrouped();
    const parts = [];
    if (!isWhole) parts.push(fill(isGrouped() ? (visible.length === 1 ? text.together : text.grouped) : text.points, words));
    if (controls.clip.checked) parts.push(text.clipped);
    this.badge.hidden = !parts.length;
    this.badge.textContent = parts.join(" · ");
    this.badge.title = [!isWhole && !isGrouped() ? fill(text.badge, words) : "", controls.clip.checked ? text.clippedWhy : ""].filter(Boolean).join(" ");
  }

  showNote(traces) {
    const isEmpty = traces.every(({ y }) => y.length === 0);
    this.note.classList.remove("is-error");
    this.note.hidden = !isEmpty;
    if (isEmpty) this.note.textContent = text.noPoints;
  }

  fillLegend(traces) {
    const lines = members();
    const named = lines.size < 2 ? "" : JSON.stringify(traces.map(({ run }) => [run, lines.get(run).name]));
    if (named === this.named) return;
    this.named = named;
    if (!named) {
      this.legend.replaceChildren();
      return;
    }
    const most = this.isFull ? LEGEND_RUNS_IN_FULL : LEGEND_RUNS;
    const items = traces.slice(0, most).map(({ run }) => legendItem(run, lines.get(run)));
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
    const lines = members();
    const rows = [...this.traces.values()].filter(({ run }) => lines.has(run)).map((trace) => {
      const row = document.createElement("tr");
      const name = document.createElement("th");
      name.scope = "row";
      name.className = "cell-cut";
      name.textContent = name.title = lines.get(trace.run).name;
      row.append(name);
      for (const value of valuesOf(trace)) {
        const cell = document.createElement("td");
        cell.className = "number";
        cell.textContent = formatNumber(value);
        row.append(cell);
      }
      return row;
    });
    this.tableBox.querySelector("tbody").replaceChildren(...rows);
  }
}

/** Return last, its step, least and greatest: of a run as the server says, of a group as its line is drawn. */
function valuesOf(trace) {
  if (!isGrouped()) return [trace.last, trace.last_step, trace.low, trace.high];
  const { x, y } = trace;
  return [y.at(-1) ?? NaN, x.at(-1) ?? NaN, Math.min(...y), Math.max(...y)];
}

function nameGroup(id, value, size) {
  const place = groups.get(id)?.place ?? groups.size;
  const { colours, dashes } = context.template;
  const key = controls.group.value.replace(/^(params|tags)\./, "");
  const name = key === "all" ? text.allRuns : value ?? `${key}: ${text.noValue}`;
  groups.set(id, { name: `${name} ×${size}`, place, colour: place % colours, dash: Math.floor(place / colours) % dashes.length });
}

function sum(traces, key) {
  return counted.format(traces.reduce((total, trace) => total + trace[key], 0));
}

function legendItem(uid, run) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = `legend-run run-colour-${run.colour} run-dash-${run.dash}`;
  button.title = button.textContent = run.name;
  button.dataset.runToggle = uid;
  button.setAttribute("aria-pressed", String(!hidden.has(uid)));
  item.append(button);
  return item;
}

export function showPressed(below) {
  for (const button of below.querySelectorAll("[data-run-toggle]")) {
    button.setAttribute("aria-pressed", String(!hidden.has(button.dataset.runToggle)));
  }
}

/** Hide a run or a group in all charts, or show it again. */
export function toggleRun(uid) {
  if (!runs.has(uid) && !groups.has(uid)) return;
  if (!hidden.delete(uid)) hidden.add(uid);
  showPressed(document);
  for (const card of cards.values()) card.redraw();
}
