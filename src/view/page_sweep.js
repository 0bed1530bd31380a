// A sweep: its trials as a table that sorts, each key against the loss, and two keys at once.

function trialsOf(sweep) {
  return sweep.rows.filter((r) => r && typeof r === "object" && r.values);
}

// Do the values of a key spread over powers of ten?
function spreads(values) {
  const least = Math.min(...values), most = Math.max(...values);
  return least > 0 && most / least > 20;
}

function axisOf(rows, key, from, to) {
  const values = rows.map((r) => r.values[key]).filter((v) => v !== undefined && v !== null);
  const numbers = values.every((v) => typeof v === "number");
  if (!numbers) {
    const names = [...new Set(values.map((v) => JSON.stringify(v)))].sort();
    const at = (v) => from + (names.indexOf(JSON.stringify(v)) + 0.5) / names.length * (to - from);
    return { at, ticks: names.map((n) => [at(JSON.parse(n)),
      n.replace(/^"|"$/g, "").slice(0, 12)]), names: true };
  }
  let low = Math.min(...values), high = Math.max(...values);
  const log = spreads(values), pad = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  if (log) [low, high] = [low / (high / low) ** 0.05, high * (high / low) ** 0.05];
  else [low, high] = [low - pad, high + pad];
  const at = log ? (v) => from + Math.log(v / low) / Math.log(high / low) * (to - from)
    : (v) => from + (v - low) / (high - low) * (to - from);
  const room = Math.max(2, Math.round(Math.abs(to - from) / 80));
  const few = [...new Set(values)].sort((a, b) => a - b);
  const clear = few.every((v, i) => !i || Math.abs(at(v) - at(few[i - 1])) > 40);
  const marks = few.length <= 8 && clear ? few : log ? logTicks(low, high, room + 1) : ticks(low, high, room);
  return { at, ticks: marks.map((t) => [at(t), figure(t)]) };
}

function frame(svg, box, x, y) {
  for (const [at, text] of y.ticks) {
    element("line", { class: "gridline", x1: box.left, x2: box.right, y1: at, y2: at }, svg);
    element("text", { x: box.left - 7, y: at + 4, "text-anchor": "end" }, svg, text);
  }
  element("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom,
    y2: box.bottom }, svg);
  for (const [at, text] of x.ticks)
    element("text", { x: at, y: box.bottom + 17, "text-anchor": "middle" }, svg, text);
}

function trialText(row) {
  const values = Object.entries(row.values).map(([k, v]) => k + " = " +
    (typeof v === "number" ? figure(v) : typeof v === "string" ? v : JSON.stringify(v)));
  return ["trial " + row.trial + (row.base ? ", the base config" : ""), ...values,
  row.loss === null || row.loss === undefined ? row.state + " after step " + (row.step || 0)
    : "loss " + figure(row.loss) + (row.step ? " after step " + row.step : "")];
}

function pointTip(fig, mark, row) {
  const tip = fig.querySelector(".tip");
  const show = () => {
    const outer = fig.getBoundingClientRect(), box = mark.getBoundingClientRect();
    tip.textContent = "";
    trialText(row).forEach((line, i) => html("div", i ? "" : "range", tip, line.slice(0, 80)));
    tip.style.display = "block";
    tip.style.left = Math.max(4, Math.min(box.right - outer.left + 8,
      outer.width - tip.offsetWidth - 8)) + "px";
    tip.style.top = box.top - outer.top + 8 + "px";
  };
  mark.addEventListener("pointerenter", show);
  mark.addEventListener("focus", show);
  for (const kind of ["pointerleave", "blur"])
    mark.addEventListener(kind, () => { tip.style.display = "none"; });
}

// The middle of the losses of each value, or of eighths of a range.
function marginalLine(rows, key, x, y) {
  const groups = new Map();
  const sorted = [...rows].sort((a, b) => x.at(a.values[key]) - x.at(b.values[key]));
  const distinct = new Set(sorted.map((r) => JSON.stringify(r.values[key]))).size;
  sorted.forEach((r, i) => {
    const group = distinct <= 8 ? JSON.stringify(r.values[key]) : Math.floor(i / sorted.length * 8);
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push(r);
  });
  return [...groups.values()].map((g) => {
    const losses = g.map((r) => r.loss).sort((a, b) => a - b), n = losses.length;
    const median = n % 2 ? losses[n >> 1] : (losses[n / 2 - 1] + losses[n / 2]) / 2;
    return [g.reduce((sum, r) => sum + x.at(r.values[key]), 0) / n, y.at(median)];
  });
}

function lossAxis(losses, from, to) {
  const rows = losses.map((loss) => ({ values: { loss } }));
  return axisOf(rows, "loss", from, to);
}

function drawCross(fig, svg, x, y, row) {
  const cross = element("path", { class: "cross",
    d: `M${x - 4} ${y - 4}l8 8m0 -8l-8 8` }, svg);
  pointTip(fig, cross, row);
}

// Trials without a loss, diverged and failed ones, stand at the upper edge.
function drawFailed(fig, svg, failed, key, x, top) {
  for (const row of failed) {
    if (row.values[key] === undefined || row.values[key] === null) continue;
    drawCross(fig, svg, x.at(row.values[key]), top, row);
  }
}

function drawMarginal(fig, rows, failed, best, key) {
  const width = Math.max(240, fig.clientWidth - 38), height = 240;
  const svg = element("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": "Loss of each trial against " + key });
  fig.querySelector("svg.plot").replaceWith(svg);
  const box = { left: 52, right: width - 12, top: 20, bottom: height - 28 };
  const has = (r) => r.values[key] !== undefined && r.values[key] !== null;
  const here = rows.filter(has), x = axisOf(rows.concat(failed).filter(has), key, box.left,
    box.right);
  const y = lossAxis((here.length ? here : rows).map((r) => r.loss), box.bottom, box.top);
  frame(svg, box, x, y);
  const line = marginalLine(here, key, x, y);
  element("path", { class: "line k1", "stroke-dasharray": x.names ? "2 4" : "",
    d: line.map((p, i) => (i ? "L" : "M") + p[0].toFixed(1) + " " + p[1].toFixed(1)).join("") },
  svg);
  drawFailed(fig, svg, failed, key, x, 8);
  for (const row of [...here].sort((a, b) => b.loss - a.loss)) {
    const dot = element("circle", { class: row === best ? "dot f1" : "trial f0",
      cx: x.at(row.values[key]), cy: y.at(row.loss), r: row === best ? 6 : 3.8 }, svg);
    pointTip(fig, dot, row);
  }
}

function drawPair(fig, rows, failed, best, keys) {
  const width = Math.max(240, fig.clientWidth - 38), height = Math.min(420, width * 0.7 + 60);
  const svg = element("svg", { class: "plot", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": "Trials by " + keys.join(" and ") + ", coloured by loss" });
  fig.querySelector("svg.plot").replaceWith(svg);
  const box = { left: 62, right: width - 12, top: 10, bottom: height - 62 };
  const has = (r) => keys.every((k) => r.values[k] !== undefined && r.values[k] !== null);
  const here = rows.filter(has), bad = failed.filter(has), all = here.concat(bad);
  const x = axisOf(all, keys[0], box.left, box.right);
  const y = axisOf(all, keys[1], box.bottom, box.top);
  frame(svg, box, x, y);
  for (const row of bad)
    drawCross(fig, svg, x.at(row.values[keys[0]]), y.at(row.values[keys[1]]), row);
  const ranked = [...here].sort((a, b) => b.loss - a.loss), n = ranked.length;
  ranked.forEach((row, i) => {
    const dot = element("circle", { class: "dot", fill: shade(n > 1 ? i / (n - 1) : 1),
      cx: x.at(row.values[keys[0]]), cy: y.at(row.values[keys[1]]), r: row === best ? 8 : 6 }, svg);
    pointTip(fig, dot, row);
  });
  const bottom = height - 16;
  element("text", { x: box.right, y: box.bottom + 33, "text-anchor": "end" }, svg, keys[0]);
  element("text", { x: box.left, y: bottom }, svg, n ? figure(ranked[0].loss) : "");
  for (let i = 0; i < 60; i++)
    element("rect", { x: box.left + 60 + i * 2, y: bottom - 8, width: 2.3, height: 8,
      fill: shade(i / 59) }, svg);
  element("text", { x: box.left + 188, y: bottom }, svg,
    n ? figure(ranked[n - 1].loss) + " best" : "");
}

function sortable(table) {
  const heads = [...table.querySelectorAll("thead th")], body = table.tBodies[0];
  heads.forEach((th, column) => {
    const button = html("button", "", null, th.textContent);
    th.textContent = "";
    th.appendChild(button);
    button.addEventListener("click", () => {
      const up = button.getAttribute("aria-sort") !== "ascending";
      heads.forEach((h) => h.firstChild.removeAttribute("aria-sort"));
      button.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.v || row.cells[column].textContent;
      [...body.rows].sort((a, b) => {
        const [p, q] = [key(a), key(b)], [m, n] = [parseFloat(p), parseFloat(q)];
        const order = isNaN(m) || isNaN(n) ? (isNaN(m) - isNaN(n)) || p.localeCompare(q) : m - n;
        return up ? order : -order;
      }).forEach((row) => body.appendChild(row));
    });
  });
}

function prepareSweep() {
  document.querySelectorAll("table.sort").forEach(sortable);
  if (!data.sweep) return () => {};
  const rows = trialsOf(data.sweep).filter((r) => typeof r.loss === "number" && isFinite(r.loss));
  const failed = trialsOf(data.sweep).filter((r) => r.state === "diverged" || r.state === "failed");
  const best = rows[0]; // as the leaderboard ranks them: by what they reached, over all seeds
  const figs = [...document.querySelectorAll("figure[data-key]")];
  const pair = document.querySelector("figure[data-pair]");
  const selects = pair ? [...pair.querySelectorAll("select")] : [];
  const again = () => {
    figs.forEach((fig) => drawMarginal(fig, rows, failed, best, fig.dataset.key));
    if (pair) drawPair(pair, rows, failed, best, selects.map((s) => s.value));
  };
  selects.forEach((s) => {
    s.disabled = false;
    s.addEventListener("change", again);
  });
  if (rows.length) again();
  return again;
}
