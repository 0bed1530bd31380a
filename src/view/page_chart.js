"use strict";
// Charts of figures over a run. Their data and what they show come from the page's JSON.
const SVG = "http://www.w3.org/2000/svg";
const DASHES = ["", "7 4", "2 4", "10 4 2 4", "4 3", "12 3", "1 4", "8 3 1 3 1 3"];
const data = JSON.parse(document.getElementById("data").textContent);
const state = { x: "steps", log: false, smooth: 0.02, zoom: null };

function element(name, attributes, parent, text) {
  const e = document.createElementNS(SVG, name);
  for (const key in attributes) e.setAttribute(key, attributes[key]);
  if (text !== undefined) e.textContent = text;
  if (parent) parent.appendChild(e);
  return e;
}

function html(name, className, parent, text) {
  const e = document.createElement(name);
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  if (parent) parent.appendChild(e);
  return e;
}

// ---- numbers for people -------------------------------------------------------------------------

function count(x) {
  const units = [[1e18, "E"], [1e15, "P"], [1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];
  for (const [size, unit] of units)
    if (Math.abs(x) >= size) return +(x / size).toPrecision(4) + " " + unit;
  return String(+x.toPrecision(6));
}

function duration(s) {
  if (s < 60) return +s.toPrecision(3) + " s";
  const m = Math.floor(s / 60), h = Math.floor(m / 60), two = (n) => String(n).padStart(2, "0");
  if (h < 48) return (h ? h + ":" + two(m % 60) : m) + ":" + two(Math.floor(s % 60));
  return (h / 24).toFixed(1) + " d";
}

function figure(y) {
  if (y === 0 || !isFinite(y)) return String(y);
  const size = Math.abs(y);
  if (size >= 1e4) return count(y);
  if (size < 1e-3) return y.toExponential(2).replace(/\.?0*e-/, "e−");
  return size >= 1000 ? y.toFixed(0) : String(+y.toPrecision(4));
}

const AXES = {
  steps: { name: "step", show: (x) => Math.round(x).toLocaleString("en"), tick: count },
  tokens: { name: "tokens", show: count, tick: count },
  time: { name: "time", show: duration, tick: duration },
  flops: { name: "FLOP", show: count, tick: count },
};

// ---- axes ---------------------------------------------------------------------------------------

// The anchors of a run are steps with their tokens and seconds; between them it is straight.
function place(run, step) {
  const a = run.anchors;
  if (state.x === "steps" || !a.step.length) return step;
  let low = 0, high = a.step.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (a.step[middle] < step) low = middle + 1;
    else high = middle;
  }
  const of = state.x === "time" ? a.seconds : a.tokens, scale = state.x === "flops" ? run.flops : 1;
  const s0 = low ? a.step[low - 1] : 0, y0 = low ? of[low - 1] : 0;
  if (a.step[low] === s0) return of[low] * scale;
  return scale * (y0 + (of[low] - y0) * (step - s0) / (a.step[low] - s0));
}

// Steps are whole numbers.
function stepTicks(low, high, most) {
  const whole = (n) => ticks(low, high, Math.max(1, Math.min(n, Math.floor(high - low))));
  const few = whole(most);
  return few.length > 1 ? few : whole(most + 2);
}

const NICE_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600,
  43200, 86400, 172800, 432000, 864000];

function ticks(low, high, most, seconds) {
  const raw = (high - low) / most;
  let step = 10 ** Math.floor(Math.log10(raw));
  step *= [1, 2, 5, 10].find((m) => m * step >= raw * 0.999);
  if (seconds && raw > 1) step = NICE_SECONDS.find((s) => s >= raw) || step;
  const out = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++)
    out.push(+(i * step).toPrecision(12));
  return out;
}

function logTicks(low, high, most) {
  for (const marks of [[1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5], [1, 2, 5], [1]]) {
    const out = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
      for (const m of marks) {
        const at = +(m * 10 ** e).toPrecision(12);
        if (at >= low * 0.999 && at <= high * 1.001) out.push(at);
      }
    if (out.length <= most && out.length >= 2) return out;
    if (marks.length === 1 && out.length >= 2) {
      const every = Math.ceil(out.length / most);
      return out.filter((_, i) => i % every === 0);
    }
  }
  return ticks(low, high, most).filter((t) => t > 0);
}

// The mean of what lies around each value, twice, so that it does not lag behind: up to `share` of
// the axis to either side, less at the beginning, where losses fall fast.
function smoothed(x, y, share) {
  if (!(share > 0) || x.length < 24) return null;
  const n = x.length, most = share * (x[n - 1] - x[0]);
  let from = y;
  for (let round = 0; round < 2; round++) {
    const sums = new Float64Array(n + 1), out = new Array(n);
    for (let i = 0; i < n; i++) sums[i + 1] = sums[i] + from[i];
    for (let i = 0, low = 0, high = 0; i < n; i++) {
      const reach = Math.min(most, 0.12 * (x[i] - x[0]));
      while (x[low] < x[i] - reach) low++;
      while (high < n && x[high] <= x[i] + reach) high++;
      out[i] = (sums[high] - sums[low]) / (high - low);
    }
    from = out;
  }
  return from;
}

// ---- what a chart shows -------------------------------------------------------------------------

// s, v: points to draw; a, m: the steps and means of buckets (s and v when nothing was joined).
function linesOf(chart) {
  return chart.lines.map((line) => {
    const run = data.runs[line.r], series = run.series[line.s];
    const a = series.a || series.s, m = series.m || series.v;
    const inside = (step) => {
      const x = place(run, step);
      return !state.zoom || (x >= state.zoom[0] && x <= state.zoom[1]);
    };
    const pick = (steps, values) => {
      const out = { x: [], y: [], i: [] };
      steps.forEach((s, i) => {
        if (!inside(s) || (state.log && !(values[i] > 0))) return;
        out.x.push(place(run, s));
        out.y.push(values[i]);
        out.i.push(i);
      });
      return out;
    };
    const mean = pick(a, m);
    return { line, series, run, raw: pick(series.s, series.v), mean,
      smooth: line.marks || !chart.smooth ? null : smoothed(mean.x, mean.y, state.smooth) };
  });
}

function bounds(lines) {
  let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const l of lines)
    for (let i = 0; i < l.raw.x.length; i++) {
      x0 = Math.min(x0, l.raw.x[i]);
      x1 = Math.max(x1, l.raw.x[i]);
      y0 = Math.min(y0, l.raw.y[i]);
      y1 = Math.max(y1, l.raw.y[i]);
    }
  return [x0, x1, y0, y1];
}

function path(x, y, toX, toY) {
  let d = "";
  for (let i = 0; i < x.length; i++)
    d += (i ? "L" : "M") + toX(x[i]).toFixed(1) + " " + toY(y[i]).toFixed(1);
  return d;
}

// Labels at the ends of lines, pushed apart so that each can be read.
function endLabels(svg, ends, right, top, bottom) {
  ends.sort((a, b) => a.y - b.y);
  for (let i = 0; i < ends.length; i++)
    ends[i].at = Math.max(ends[i].y, i ? ends[i - 1].at + 15 : top + 6);
  let limit = bottom;
  for (let i = ends.length - 1; i >= 0; i--, limit -= 15)
    ends[i].at = Math.min(ends[i].at, limit);
  for (const e of ends) {
    if (e.at < top - 4) continue;
    element("text", { x: right + 9, y: e.at + 4, class: "label f" + e.colour }, svg, e.text);
  }
}

// The last value of each line, with its name.
function endsOf(lines, longest) {
  return lines.filter((l) => l.mean.y.length).map((l) => {
    const shown = l.smooth || l.mean.y, value = shown[shown.length - 1];
    return { value, colour: l.line.c, text: fit(l.line.l, longest) + figure(value) };
  });
}

function draw(fig, chart) {
  const old = fig.querySelector("svg.plot"), width = Math.max(260, old.parentNode.clientWidth -
    parseFloat(getComputedStyle(fig).paddingLeft) - parseFloat(getComputedStyle(fig).paddingRight));
  const wide = fig.classList.contains("wide"), small = width < 560;
  const height = wide ? (small ? 260 : 340) : 230;
  const lines = linesOf(chart), labels = width >= 380 && lines.length <= 8;
  const longest = wide && !small ? 18 : 9, ends = labels ? endsOf(lines, longest) : [];
  const room = Math.max(0, ...ends.map((e) => e.text.length));
  const margin = { left: 52, right: labels ? 20 + 7.1 * room : 14, top: 12, bottom: 36 };
  const svg = element("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, tabindex: 0,
    role: "img", "aria-label": chart.title + ", over " + AXES[state.x].name +
    ". Left and right arrow keys read values." });
  old.replaceWith(svg);
  const right = width - margin.right, bottom = height - margin.bottom;
  let [x0, x1, y0, y1] = bounds(lines);
  if (!(x1 >= x0)) {
    element("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, svg,
      state.log ? "no positive values here" : "no values here");
    return;
  }
  if (state.zoom) [x0, x1] = state.zoom;
  if (x1 === x0) [x0, x1] = [x0 - 0.5, x1 + 0.5];
  const log = state.log && y0 > 0;
  if (log) {
    const pad = Math.max((y1 / y0) ** 0.05, 1.02);
    [y0, y1] = [y0 / pad, y1 * pad];
  } else {
    const pad = (y1 - y0) * 0.06 || Math.abs(y1) * 0.1 || 1;
    [y0, y1] = [chart.zero || (y0 >= 0 && y0 < pad) ? 0 : y0 - pad, y1 + pad];
  }
  const toX = (x) => margin.left + (x - x0) / (x1 - x0) * (right - margin.left);
  const toY = log
    ? (y) => bottom - Math.log(y / y0) / Math.log(y1 / y0) * (bottom - margin.top)
    : (y) => bottom - (y - y0) / (y1 - y0) * (bottom - margin.top);
  const axis = AXES[state.x], rows = Math.max(3, Math.round((bottom - margin.top) / 44));
  for (const t of (log ? logTicks(y0, y1, rows + 3) : ticks(y0, y1, rows))) {
    const y = toY(t);
    element("line", { class: "gridline", x1: margin.left, x2: right, y1: y, y2: y }, svg);
    element("text", { x: margin.left - 8, y: y + 4, "text-anchor": "end" }, svg, figure(t));
  }
  element("line", { class: "axis", x1: margin.left, x2: right, y1: bottom, y2: bottom }, svg);
  const columns = Math.max(3, Math.round((right - margin.left) / 95));
  for (const t of (state.x === "steps" ? stepTicks(x0, x1, columns)
    : ticks(x0, x1, columns, state.x === "time"))) {
    element("line", { class: "axis", x1: toX(t), x2: toX(t), y1: bottom, y2: bottom + 4 }, svg);
    element("text", { x: toX(t), y: bottom + 18, "text-anchor": "middle" }, svg, axis.tick(t));
  }
  element("text", { x: right, y: height - 3, "text-anchor": "end" }, svg, axis.name);
  const scale = { margin, right, bottom, toX, toY, x0, x1, width, height };
  const events = eventsOf(lines).filter((e) => e.x >= x0 && e.x <= x1);
  drawEvents(svg, events, scale);
  for (const l of lines) {
    const k = l.line.c, dash = DASHES[l.line.d];
    if (!l.mean.x.length) continue;
    if (l.smooth) {
      element("path", { class: "raw k" + k + (lines.length > 4 ? " many" : ""),
        d: path(l.raw.x, l.raw.y, toX, toY) }, svg);
      element("path", { class: "line k" + k, "stroke-dasharray": dash,
        d: path(l.mean.x, l.smooth, toX, toY) }, svg);
    } else {
      element("path", { class: "line k" + k + (l.series.a ? " alone" : ""),
        "stroke-dasharray": dash, d: path(l.raw.x, l.raw.y, toX, toY) }, svg);
      if (l.line.marks || l.raw.x.length === 1)
        if (l.raw.x.length <= 80)
          l.raw.x.forEach((x, i) => element("circle",
            { class: "dot f" + k, cx: toX(x), cy: toY(l.raw.y[i]), r: 3.5 }, svg));
    }
  }
  for (const e of ends) e.y = toY(e.value);
  endLabels(svg, ends, right, margin.top, bottom);
  watchPointer(fig, svg, chart, lines, events, scale);
}

function fit(label, most) {
  if (!label) return "";
  return (label.length > most ? label.slice(0, most - 1) + "…" : label) + " ";
}

// ---- reading values -----------------------------------------------------------------------------

function nearest(xs, x) {
  let low = 0, high = xs.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low && x - xs[low - 1] < xs[low] - x ? low - 1 : low;
}

function swatch(parent, colour, dash) {
  const svg = element("svg", { class: "swatch", viewBox: "0 0 22 8" }, parent);
  element("line", { class: "line k" + colour, x1: 1, x2: 21, y1: 4, y2: 4,
    "stroke-dasharray": DASHES[dash] }, svg);
}

// Steps of the charted runs that were not taken.
function eventsOf(lines) {
  const first = lines.filter((l, i) => lines.findIndex((m) => m.run === l.run) === i);
  return first.flatMap((l) => l.run.events.map(([step, back, why]) =>
    ({ x: place(l.run, step), step, back, why, line: l.line })));
}

// A triangle at the top; among few, a line below it.
function drawEvents(svg, events, s) {
  for (const e of events) {
    const x = s.toX(e.x), several = data.runs.length > 1;
    const as = (kind) => "event" + (several ? " " + kind + e.line.c : e.back >= 0 ? " back" : "");
    element("path", { class: as("f"),
      d: `M${x - 4} ${s.margin.top - 7}l8 0l-4 7z` }, svg);
    if (events.length <= 40)
      element("line", { class: as("k"), x1: x, x2: x, y1: s.margin.top, y2: s.bottom }, svg);
  }
}

function readEvents(tip, events, near) {
  let spoken = "";
  for (const e of events.filter(near).slice(0, 3)) {
    const who = data.runs.length > 1 && e.line.l ? e.line.l + ", " : "";
    const text = `${who}step ${e.step.toLocaleString("en")} not taken: ${e.why}` +
      (e.back >= 0 ? `; back to step ${e.back.toLocaleString("en")}` : "");
    html("div", "what", tip, text);
    spoken += ", " + text;
  }
  return spoken;
}

function readValues(fig, chart, lines, x, events, near) {
  const tip = fig.querySelector(".tip");
  tip.textContent = "";
  const head = html("div", "range", tip, AXES[state.x].name + " " + AXES[state.x].show(x));
  let spoken = head.textContent;
  for (const l of lines) {
    if (!l.mean.x.length) continue;
    const at = nearest(l.mean.x, x), i = l.mean.i[at], row = html("div", "", tip);
    swatch(row, l.line.c, l.line.d);
    if (l.line.l) html("span", "who", row, l.line.l);
    html("span", "much", row, figure(l.mean.y[at]));
    spoken += ", " + (l.line.l || chart.title) + " " + figure(l.mean.y[at]);
    const lows = l.series.a ? [l.series.v[2 * i], l.series.v[2 * i + 1]] : null;
    if (lows && lows[0] !== lows[1])
      html("span", "range", row,
        figure(Math.min(...lows)) + " to " + figure(Math.max(...lows)));
    if (l.smooth) html("span", "range", row, "smooth " + figure(l.smooth[at]));
    if (chart.percent && chart.percent[l.line.r])
      html("span", "range", row, (l.mean.y[at] * chart.percent[l.line.r]).toFixed(1) + "% of peak");
  }
  spoken += readEvents(tip, events, near);
  fig.querySelector(".spoken").textContent = spoken;
  return tip;
}

function watchPointer(fig, svg, chart, lines, events, s) {
  let hair = null, brush = null, from = null, at = null;
  const all = [...new Set([...lines.flatMap((l) => l.mean.x), ...events.map((e) => e.x)])]
    .sort((a, b) => a - b);
  const leave = () => {
    if (hair) hair.remove();
    hair = null;
    fig.querySelector(".tip").style.display = "none";
  };
  const show = (x) => {
    leave();
    hair = element("g", {}, svg);
    element("line", { class: "hair", x1: s.toX(x), x2: s.toX(x), y1: s.margin.top,
      y2: s.bottom }, hair);
    for (const l of lines) {
      if (!l.mean.x.length) continue;
      const i = nearest(l.mean.x, x);
      element("circle", { class: "dot f" + l.line.c, cx: s.toX(l.mean.x[i]),
        cy: s.toY(l.smooth ? l.smooth[i] : l.mean.y[i]), r: 4 }, hair);
    }
    const near = (e) => Math.abs(s.toX(e.x) - s.toX(x)) <= 5;
    const tip = readValues(fig, chart, lines, x, events, near), box = svg.getBoundingClientRect();
    const outer = fig.getBoundingClientRect(), scale = box.width / s.width;
    tip.style.display = "block";
    let left = s.toX(x) * scale + box.left - outer.left + 14;
    if (left + tip.offsetWidth > outer.width - 4) left -= tip.offsetWidth + 28;
    tip.style.left = Math.max(4, left) + "px";
    tip.style.top = box.top - outer.top + s.margin.top * scale + 4 + "px";
  };
  const toValue = (event) => {
    const box = svg.getBoundingClientRect();
    const px = (event.clientX - box.left) * s.width / box.width;
    const share = (px - s.margin.left) / (s.right - s.margin.left);
    return s.x0 + Math.min(1, Math.max(0, share)) * (s.x1 - s.x0);
  };
  svg.addEventListener("pointermove", (event) => {
    const x = toValue(event);
    if (from !== null) {
      const a = s.toX(Math.min(from, x)), b = s.toX(Math.max(from, x));
      brush = brush || element("rect", { class: "brush", y: s.margin.top,
        height: s.bottom - s.margin.top }, svg);
      brush.setAttribute("x", a);
      brush.setAttribute("width", b - a);
    }
    at = nearest(all, x);
    show(all[at]);
  });
  svg.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    from = toValue(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointerup", (event) => {
    const start = from, end = toValue(event);
    from = null;
    if (start !== null && Math.abs(s.toX(end) - s.toX(start)) > 8)
      zoomTo([Math.min(start, end), Math.max(start, end)]);
  });
  svg.addEventListener("pointerleave", leave);
  svg.addEventListener("blur", leave);
  svg.addEventListener("dblclick", () => zoomTo(null));
  svg.addEventListener("keydown", (event) => {
    const stride = event.shiftKey ? Math.max(1, Math.round(all.length / 20)) : 1;
    const last = all.length - 1, now = at === null ? 0 : at;
    const to = { ArrowLeft: now - stride, ArrowRight: at === null ? 0 : now + stride, Home: 0,
      End: last }[event.key];
    if (event.key === "Escape") {
      if (hair) leave();
      else zoomTo(null);
    } else if (to !== undefined) {
      at = Math.min(last, Math.max(0, to));
      show(all[at]);
    } else return;
    event.preventDefault();
  });
}

function zoomTo(range) {
  state.zoom = range;
  document.getElementById("reset").hidden = !range;
  drawAll();
}
