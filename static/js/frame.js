// What every page has: the reader's time, copy buttons, menus, keys, messages.

const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const language = document.documentElement.lang || "en";
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const dayAndTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const inFull = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "long" });

function ago(at) {
  const seconds = (at - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return relative.format(Math.trunc(seconds / size), unit);
}

/** Show every <time> below `root` in the reader's zone; those with data-relative as "5 minutes ago". */
export function showTimes(root = document) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    element.title = `${inFull.format(at)} (${at.toISOString()})`;
    element.textContent = "relative" in element.dataset ? ago(at) : dayAndTime.format(at);
  }
}

function prepare(root) {
  showTimes(root);
  for (const element of root.querySelectorAll("[data-copy], [data-copy-text], [data-dismiss], [data-help-open], [data-set-theme]")) element.hidden = false;
}

async function copy(button) {
  const source = button.dataset.copy ? document.querySelector(button.dataset.copy) : null;
  const text = button.dataset.copyText ?? source.textContent.trim();
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    selectText(source ?? button); // not permitted (plain http on a network): leave it selected for Ctrl+C
    return;
  }
  announce(button.dataset.copied);
  button.classList.add("is-done");
  setTimeout(() => button.classList.remove("is-done"), 1500);
}

function selectText(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

/** Say something to everybody: shown for some seconds, read aloud by screen readers. */
export function announce(text) {
  const note = document.createElement("div");
  note.className = "toast-note toast-info";
  note.textContent = text;
  document.querySelector(".toasts").append(note);
  setTimeout(() => note.remove(), 3000);
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (menu !== except) menu.open = false;
  }
}

/** Move what a menu opens into the window, wherever its button stands. */
document.addEventListener("toggle", ({ target }) => {
  const panel = target.matches?.("details[data-menu][open]") && target.querySelector(".menu-panel, .columns-panel");
  if (!panel) return;
  panel.style.translate = "none";
  const { left, right } = panel.getBoundingClientRect();
  const room = document.documentElement.clientWidth - 8;
  panel.style.translate = `${left < 8 ? 8 - left : Math.min(0, room - right)}px`;
}, { capture: true });

document.addEventListener("click", (event) => {
  const target = event.target;
  closeMenus(target.closest("details[data-menu]"));
  const copying = target.closest("[data-copy], [data-copy-text]");
  if (copying) copy(copying);
  target.closest("[data-dismiss]")?.closest(".toast-note").remove();
  if (target.closest("[data-help-open]")) document.querySelector("#help").showModal();
});

// ---- what the reader opened last, kept in this browser for the account that is signed in -----------------------------

const MOST_RECENT = 10;

function recentsKey() {
  return `recents:${document.querySelector(".user-name")?.textContent ?? ""}`;
}

/** Return what was opened last, the newest first: {path, name, where}. */
export function readRecents() {
  try {
    const found = JSON.parse(localStorage.getItem(recentsKey())) ?? [];
    return found.filter(({ path, name }) => typeof path === "string" && /^\/w\//.test(path) && typeof name === "string");
  } catch {
    return []; // no storage, or somebody else's words in it
  }
}

/** Put the page that is open in front; `where` says what it belongs to. */
export function keepRecent(where) {
  const name = document.querySelector("main h1").textContent.trim().slice(0, 200);
  const path = location.pathname;
  const others = readRecents().filter((one) => one.path !== path);
  try {
    localStorage.setItem(recentsKey(), JSON.stringify([{ path, name, where: where.slice(0, 200) }, ...others].slice(0, MOST_RECENT)));
  } catch {
    // Without storage there is no way back by the first page.
  }
}

// ---- the palette ---------------------------------------------------------------------------------------------------

const palette = document.querySelector("#palette");

function openPalette() {
  if (!palette || palette.open) return;
  palette.showModal();
  const box = palette.querySelector("input");
  box.select();
  box.dispatchEvent(new Event("palette-open"));
}

palette?.addEventListener("keydown", (event) => {
  const box = palette.querySelector("input");
  const hits = [...palette.querySelectorAll(".hits .menu-item")];
  if (event.key === "Enter" && event.target === box) {
    event.preventDefault();
    hits[0]?.click();
    return;
  }
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!by || !hits.length) return;
  event.preventDefault();
  const stops = [box, ...hits];
  stops[(stops.indexOf(document.activeElement) + by + stops.length) % stops.length].focus();
});
palette?.addEventListener("click", (event) => {
  if (event.target === palette || event.target.closest(".hits button")) palette.close(); // beside it, or all is done
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-palette-open]") || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  openPalette();
});

let firstKey = "";

/** Tell whether a key means a letter here and not a shortcut. */
export function isTyping(element) {
  return element.isContentEditable || element.matches("input:not([type=checkbox], [type=range]), textarea, select");
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const open = document.querySelector("details[data-menu][open]");
    closeMenus();
    open?.querySelector("summary").focus();
    return;
  }
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    if (!document.querySelector("dialog[open]")) openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const keys = `${firstKey} ${event.key}`.trim();
  firstKey = event.key === "g" ? "g" : "";
  if (event.key === "/") {
    const box = document.querySelector("main input[type=search]");
    if (box) {
      event.preventDefault();
      box.focus();
      box.select();
    }
  } else if (event.key === "?") {
    document.querySelector("#help").showModal();
  } else {
    document.querySelector(`[data-keys="${CSS.escape(keys)}"]`)?.click();
  }
});

// What a form asks for may take seconds, as a change of 100,000 runs does. A file that it asks for leaves the page as it is.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post" || event.submitter?.value === "export") return;
  document.body.classList.add("is-busy");
});
addEventListener("pageshow", () => document.body.classList.remove("is-busy"));

document.addEventListener("htmx:afterSwap", (event) => prepare(event.target));
prepare(document);
setInterval(() => showTimes(), 60_000);
