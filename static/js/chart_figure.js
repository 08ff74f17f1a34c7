// From a spec (chart.js) to what plotly draws: traces and a layout. Knows neither the page nor plotly.

const MOST_COLOURED = 100; // the others are one grey trace: plotly's cost goes with the traces
const MOST_NAME_CHARS = 48;
const CLIPPED_SHARE = 0.01;
const DAY_PIXELS = 14;
const DIRECTION_MARKS = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const UNITS = [["days", 86400], ["hours", 3600], ["minutes", 60], ["seconds", 1]];
const ARRAYS = { f8: Float64Array, f4: Float32Array, i4: Int32Array, i2: Int16Array, i1: Int8Array };

export function column({ dtype, bdata, offset = 0, divisor = 1 }) {
  const bytes = Uint8Array.fromBase64?.(bdata) ?? Uint8Array.from(atob(bdata), (char) => char.charCodeAt(0));
  const numbers = Float64Array.from(new ARRAYS[dtype](bytes.buffer)); // by a function it takes ten times as long
  for (let i = 0; i < numbers.length; i++) numbers[i] = (numbers[i] + offset) / divisor;
  return numbers;
}

/** Return the first numbers of what was there before, `kept` of them, and what came behind them. */
function joined(before, kept, came) {
  if (!kept) return came;
  const all = new Float64Array(kept + came.length);
  all.set(before.subarray(0, kept));
  all.set(came, kept);
  return all;
}

function columns(group, before = null, kept = 0) {
  if (group === null) return null;
  const read = ([key, value]) => [key, value.dtype ? joined(before?.[key], kept, column(value)) : value];
  return Object.fromEntries(Object.entries(group).map(read));
}

/** Turn the base64 columns of a trace, as the series endpoint sends it, into typed arrays; of one that grew its end was sent. */
export function decode(trace, before) {
  const kept = trace.kept ?? {};
  return {
    ...trace,
    ...columns({ x: trace.x, y: trace.y }, before, kept.line),
    raw: columns(trace.raw, before?.raw, kept.raw),
    band: columns(trace.band, before?.band, kept.band),
    nonfinite: columns(trace.nonfinite, before?.nonfinite, kept.nonfinite),
  };
}

/** Turn a group of runs into a trace as well; its band stands at the points of its line. */
export function decodeGroup(group) {
  const x = column(group.x);
  return {
    run: groupId(group.group),
    metric: group.metric,
    x,
    y: column(group.y),
    raw: null,
    band: group.lo === null ? null : { x, lo: column(group.lo), hi: column(group.hi), isLine: true },
    nonfinite: columns(group.nonfinite),
    total: group.total,
    shown: x.length,
    is_exact: true,
    members: group.runs.length,
  };
}

export function groupId(group) {
  return group === null ? "group" : `group ${group}`;
}

/** Cut a name and take away what plotly would read as markup, and marks that turn the direction of what follows. */
export function label(name) {
  const bare = name.replace(DIRECTION_MARKS, "");
  const cut = bare.length > MOST_NAME_CHARS ? `${bare.slice(0, MOST_NAME_CHARS - 1)}…` : bare;
  return cut.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

const colours = new Map(); // name -> value in this theme: to ask the page between two drawings costs as much as a curve

/** Return a colour of charts.css or portal.css in the theme that is on. */
export function css(name) {
  if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return colours.get(name);
}

document.addEventListener("theme-changed", () => colours.clear());

/** Return the unit that seconds are shown in: the largest of which the longest curve has two. */
export function unitOf(spec) {
  if (spec.axis.x !== "relative") return { factor: 1, label: "" };
  const longest = Math.max(0, ...spec.traces.map(({ x, nonfinite }) => Math.max(x.at(-1) ?? 0, nonfinite.x.at(-1) ?? 0)));
  const [word, factor] = UNITS.find(([, seconds]) => longest >= 2 * seconds) ?? UNITS.at(-1);
  return { factor, label: ` (${spec.text[word]})` };
}

export function isLogX({ axis }) {
  return axis.isLogX && axis.x !== "time";
}

/** Return the words below the axis, without its unit. */
export function axisWords({ axis, text }) {
  return axis.x === "metric" ? axis.xMetric : text[axis.x];
}

/** Return what is written below the axis. */
export function axisName({ spec, unit }) {
  return `${axisWords(spec)}${unit.label}`;
}

export function drawnOf(spec) {
  return spec.traces.filter(({ run }) => spec.runs.has(run) && !spec.hidden.has(run));
}

function scaled(x, factor) {
  return factor === 1 ? x : x.map((value) => value / factor);
}

/** Return the outline of steps: `hi` from left to right and `lo` back, each held until the next x. */
function outline({ x, lo, hi, isLine }, end) {
  if (isLine) return { x: [...x, ...x.toReversed()], y: [...hi, ...lo.toReversed()] };
  const xs = [];
  const ys = [];
  for (let i = 0; i < x.length; i++) {
    xs.push(x[i], i + 1 < x.length ? x[i + 1] : end);
    ys.push(hi[i], hi[i]);
  }
  for (let i = x.length - 1; i >= 0; i--) {
    xs.push(i + 1 < x.length ? x[i + 1] : end, x[i]);
    ys.push(lo[i], lo[i]);
  }
  return { x: xs, y: ys };
}

export function dataOf(spec, factor) {
  const { template } = spec;
  const drawn = drawnOf(spec);
  const coloured = drawn.slice(0, MOST_COLOURED);
  const hasBands = coloured.length === drawn.length && drawn.length <= spec.mostWithBand;
  const below = [];
  const lines = [];
  for (const trace of coloured) {
    const run = spec.runs.get(trace.run);
    const color = css(`--run-${run.colour}`);
    const x = scaled(trace.x, factor);
    if (hasBands && trace.band) {
      const band = outline({ ...trace.band, x: scaled(trace.band.x, factor) }, x.at(-1));
      below.push({ ...template.band, ...band, uid: `band${run.place}`, fillcolor: color });
    }
    if (hasBands && trace.raw) {
      const raw = { x: scaled(trace.raw.x, factor), y: trace.raw.y };
      below.push({ ...template.raw, ...raw, uid: `raw${run.place}`, line: { ...template.raw.line, color } });
    }
    lines.push({
      ...template.line,
      x,
      y: trace.y,
      uid: `line${run.place}`,
      name: label(run.name),
      mode: trace.y.length === 1 ? "markers" : template.line.mode,
      line: { ...template.line.line, color, dash: template.dashes[run.dash] },
      marker: { ...template.line.marker, color },
    });
  }
  const grey = drawn.slice(MOST_COLOURED);
  return [...mergedOf(grey, template, factor), ...below, ...lines, ...marksOf(spec, drawn, factor), ...(grey.length ? [litOf(spec, factor)] : [])];
}

/** Return one grey trace for the curves of many runs, with a gap between each two. */
function mergedOf(traces, template, factor) {
  if (!traces.length) return [];
  const size = traces.reduce((total, { x }) => total + x.length + 1, 0);
  const x = new Float64Array(size).fill(NaN);
  const y = new Float64Array(size).fill(NaN);
  let place = 0;
  for (const trace of traces) {
    x.set(scaled(trace.x, factor), place);
    y.set(trace.y, place);
    place += trace.x.length + 1;
  }
  return [{ ...template.raw, x, y, uid: "merged", opacity: 0.6, connectgaps: false, line: { ...template.raw.line, color: css("--line-strong") } }];
}

/** Return the trace that shows the run which stands out, where it is one of the grey ones; else it is empty. */
export function litOf(spec, factor) {
  const { template } = spec;
  const grey = drawnOf(spec).slice(MOST_COLOURED);
  const trace = spec.lit ? grey.find(({ run }) => run === spec.lit) : null;
  const line = { ...template.line.line, color: css("--text") };
  return { ...template.line, uid: "lit", name: "", x: trace ? scaled(trace.x, factor) : [], y: trace ? trace.y : [], line };
}

/** Return one trace for what has no place on the axis: NaN and the infinities, at the foot of the chart. */
function marksOf(spec, drawn, factor) {
  const { template } = spec;
  const marks = { x: [], y: [], customdata: [], text: [], symbol: [], color: [] };
  for (const { run: uid, nonfinite } of drawn) {
    const run = spec.runs.get(uid);
    const color = css(`--run-${run.colour}`);
    nonfinite.x.forEach((x, i) => {
      const kind = String(nonfinite.kind[i]);
      marks.x.push(x / factor);
      marks.y.push(0.035);
      marks.customdata.push(run.place);
      marks.text.push(template.words[kind]);
      marks.symbol.push(template.symbols[kind]);
      marks.color.push(color);
    });
  }
  if (!marks.x.length) return [];
  const { symbol, color, ...data } = marks;
  const marker = { ...template.nonfinite.marker, symbol, color, line: { ...template.nonfinite.marker.line, color: css("--surface") } };
  return [{ ...template.nonfinite, ...data, uid: "nonfinite", marker }];
}

export function layoutOf(spec, unit) {
  const { axis, template } = spec;
  const drawn = drawnOf(spec);
  const layout = themed(structuredClone(template.layout));
  const isLog = isLogX(spec);
  Object.assign(layout.xaxis, {
    type: axis.x === "time" ? "date" : isLog ? "log" : "linear",
    uirevision: `${axis.x} ${axis.xMetric} ${isLog} ${axis.range}`, // another range, from wherever, is the one to show
  });
  if (axis.range) layout.xaxis.range = axis.range.map((x) => (isLog ? Math.log10(Math.max(x, Number.MIN_VALUE)) : x / unit.factor));
  if (axis.x === "step" && !isLog) Object.assign(layout.xaxis, stepTicks(drawn, axis.range));
  if (axis.x === "time") layout.margin.b += DAY_PIXELS; // the day stands below the hour
  Object.assign(layout.yaxis, {
    type: axis.isLogY ? "log" : "linear",
    uirevision: `${axis.isLogY} ${axis.isClipped}`,
    showticklabels: drawn.some(({ y }) => y.length),
  });
  if (drawn.every(({ nonfinite }) => !nonfinite.x.length)) delete layout.yaxis2; // plotly's cost goes with the axes too
  const clipped = axis.isClipped ? clippedRange(drawn, axis) : null;
  const level = axis.isLogY ? null : levelOf(drawn);
  if (clipped) layout.yaxis.range = clipped;
  else if (level) layout.yaxis.autorangeoptions = neighbourhood(level);
  return layout;
}

/** Give a layout the colours of the theme. */
export function themed(layout) {
  const grid = { gridcolor: css("--chart-grid"), linecolor: css("--line-strong"), tickcolor: css("--line-strong") };
  const surface = css("--surface");
  Object.assign(layout, { paper_bgcolor: surface, plot_bgcolor: surface, font: { ...layout.font, color: css("--text-2") } });
  Object.assign(layout.xaxis, grid);
  Object.assign(layout.yaxis, grid);
  return layout;
}

/** Return a range of y that holds the middle 98 % of the values, null where that is nearly all of their range. */
export function clippedRange(drawn, { isLogY }) {
  const values = Float64Array.from(drawn.flatMap(({ y }) => [...y]).filter((y) => !isLogY || y > 0)).sort();
  if (values.length < 20) return null;
  const at = (share) => values[Math.round(share * (values.length - 1))];
  const scale = isLogY ? Math.log10 : Number;
  const [low, high] = [scale(at(CLIPPED_SHARE)), scale(at(1 - CLIPPED_SHARE))];
  const whole = scale(values.at(-1)) - scale(values[0]);
  if (!(high > low) || high - low > 0.8 * whole) return null;
  const margin = (high - low) / 12;
  return [low - margin, high + margin];
}

/** Return the value that all points have, null where there are several. */
function levelOf(drawn) {
  const level = drawn.find(({ y }) => y.length)?.y[0] ?? null;
  return drawn.every(({ y }) => y.every((value) => value === level)) ? level : null;
}

/** Return what keeps an axis of one value near it: plotly goes one up and one down, whatever the value. */
function neighbourhood(level) {
  const margin = Math.min(Math.abs(level) / 10, 1);
  return { clipmin: level - margin, clipmax: level + margin };
}

/** Steps are whole numbers: no tick stands between two of them. */
function stepTicks(drawn, shownRange) {
  const first = Math.min(...drawn.map(({ x }) => x.at(0) ?? Infinity));
  const last = Math.max(...drawn.map(({ x }) => x.at(-1) ?? -Infinity));
  const ticks = { tickformat: last < 1e6 ? ",d" : "~s" };
  if (!shownRange && last - first < 8) ticks.dtick = 1;
  if (!shownRange && first === last) ticks.range = [first - 1, first + 1];
  return ticks;
}
