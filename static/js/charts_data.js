// Curves for cards: few requests, only what changed, nothing twice.
import { axisOfX, context, controls, isGrouped, runs, smoothing, text } from "./charts_shared.js";

const METRICS_A_REQUEST = 12;
const CHARS_A_REQUEST = 3800; // of the address: a common server limit is 4,094; longer questions are posted
const LOAD_PAUSE_MS = 20;
const MARGIN_SHARE = 0.1;

const waiting = new Set();
const tags = new Map(); // what was asked -> ETag of the answer
let generation = 0; // grows when the axis or the smoothing changes: answers to older questions are dropped
let loadTimer = 0;
let isFirst = true;
let onEnd = () => {};

/** Have `action` called when no run of an answer goes on. */
export function whenAllEnded(action) {
  onEnd = action;
}

export function load(...wanted) {
  for (const card of wanted) waiting.add(card);
  if (isFirst) queueMicrotask(askAll); // before plotly keeps the page busy
  isFirst = false;
  loadTimer ||= setTimeout(askAll, LOAD_PAUSE_MS);
}

function askAll() {
  clearTimeout(loadTimer);
  loadTimer = 0;
  const batch = [...waiting];
  waiting.clear();
  for (const group of groupsOf(batch)) ask(group);
}

/** Forget what was asked, so that the next answers are whole ones. */
export function forgetAnswers() {
  generation += 1;
  tags.clear();
}

export function forgetCard(card) {
  waiting.delete(card);
}

/** Return the question for the runs of the page: how they are looked at, less the metrics. */
function runsOnly() {
  return new URLSearchParams({ run: [...runs.keys()].join(",") });
}

/** Cut cards into requests: same range and resolution, not too many curves, an address that is not too long. */
function groupsOf(batch) {
  const found = [];
  const open = new Map();
  const most = Math.max(1, Math.min(METRICS_A_REQUEST, Math.floor(context.mostCurves / runs.size)));
  for (const card of batch) {
    const key = `${card.pixels} ${card.range}`;
    const group = open.get(key);
    if (group && group.length < most && (isPosted([card]) || !isPosted([...group, card]))) {
      group.push(card);
    } else {
      const fresh = [card];
      open.set(key, fresh);
      found.push(fresh);
    }
  }
  return found;
}

function isPosted(group) {
  return `${context.seriesUrl}?${questionOf(group)}`.length > CHARS_A_REQUEST;
}

function questionOf(group, { withStates = true } = {}) {
  const [{ range, pixels }] = group;
  const query = runsOnly();
  const { x } = axisOfX();
  query.set("x", controls.x.value);
  if (smoothing()) query.set("smooth", smoothing());
  if (controls.logx.checked && x !== "time") query.set("log_x", "1");
  if (isGrouped()) {
    query.set("group", controls.group.value);
    query.set("average", controls.average.value);
    query.set("spread", controls.spread.value);
  }
  query.set("px", pixels);
  if (range) {
    // A margin, so that lines go on to the edge of the chart.
    const margin = (range[1] - range[0]) * MARGIN_SHARE;
    query.set("from", range[0] - margin);
    query.set("to", range[1] + margin);
  }
  for (const card of group) {
    query.append("metric", card.metric);
    if (withStates) query.append("since", card.state);
  }
  return query;
}

function send(group, tag) {
  const query = questionOf(group);
  if (isPosted(group)) return post(context.seriesUrl, query);
  return fetch(`${context.seriesUrl}?${query}`, { headers: tag ? { "If-None-Match": tag } : {}, redirect: "manual" });
}

/** Ask what is too long for an address. */
export function post(url, query) {
  return fetch(url, { method: "POST", body: query, headers: { "X-CSRFToken": context.csrfToken }, redirect: "manual" });
}

/** Return what a response says as JSON; complain as the server does. */
export async function read(response) {
  if (response.type === "opaqueredirect") throw new Error(text.signedOut);
  const answer = JSON.parse(await response.text());
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

async function ask(group) {
  const asked = generation;
  const question = String(questionOf(group, { withStates: false }));
  const hasAll = group.every((card) => card.state);
  for (const card of group) card.isLoading = true;
  try {
    const response = await send(group, hasAll ? tags.get(question) : null);
    if (response.status === 304) {
      await response.text(); // read even when it is of no use: else the browser counts it as broken off
      if (asked === generation) for (const card of group) card.recover();
      return;
    }
    const answer = await read(response);
    if (asked !== generation) return;
    if (question !== String(questionOf(group, { withStates: false }))) return; // zoomed meanwhile: another answer comes
    tags.set(question, response.headers.get("ETag"));
    for (const card of group) {
      const mine = ({ metric }) => metric === card.metric;
      card.take({ traces: answer.traces.filter(mine), groups: answer.groups.filter(mine), state: answer.states[card.metric] });
    }
    if (!answer.running.length) onEnd();
  } catch (error) {
    if (asked === generation) for (const card of group) card.fail(`${text.failed} ${error.message}`);
  } finally {
    for (const card of group) card.isLoading = false;
  }
}

/** Let the reader save all points of a metric of the runs of the page. */
export function saveTable(metric) {
  const query = runsOnly();
  query.set("metric", metric);
  const address = `${context.csvUrl}?${query}`;
  if (address.length <= CHARS_A_REQUEST) {
    const link = document.createElement("a");
    link.href = address;
    link.download = "";
    link.click();
    return;
  }
  const form = document.createElement("form");
  form.method = "post";
  form.action = context.csvUrl;
  for (const [name, value] of [...query, ["csrfmiddlewaretoken", context.csrfToken]]) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = name;
    field.value = value;
    form.append(field);
  }
  document.body.append(form);
  form.submit();
  form.remove();
}

/** Return the values of columns ("params.lr", "metrics.loss", …) of the runs of the page: {runs, columns}. */
export async function loadValues(columns) {
  const query = runsOnly();
  for (const column of columns) query.append("column", column);
  const address = `${context.valuesUrl}?${query}`;
  const response = await (address.length > CHARS_A_REQUEST ? post(context.valuesUrl, query) : fetch(address, { redirect: "manual" }));
  return read(response);
}
