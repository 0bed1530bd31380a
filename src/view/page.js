// The controls of the page, and what is drawn when they change.

function drawAll() {
  for (const chart of data.charts) {
    const fig = document.querySelector(`figure[data-chart="${chart.id}"]`);
    if (fig) draw(fig, chart);
  }
}

// ---- layers: parameters by steps, coloured by the logarithm --------------------------------------

const SHADES = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

function shade(share) {
  const at = Math.min(0.9999, Math.max(0, share)) * (SHADES.length - 1), i = Math.floor(at);
  const mix = SHADES[i].map((c, k) => Math.round(c + (SHADES[i + 1][k] - c) * (at - i)));
  return `rgb(${mix.join(",")})`;
}

function drawLayers(fig, run, what) {
  const rows = run.layers[what] || {}, names = Object.keys(rows);
  const steps = [...new Set(names.flatMap((n) => rows[n].s))].sort((a, b) => a - b);
  const logs = names.flatMap((n) => rows[n].v.filter((v) => v > 0).map(Math.log10));
  const low = Math.min(...logs), high = Math.max(...logs), old = fig.querySelector("svg.map");
  const width = Math.max(260, fig.clientWidth - 38), small = width < 560;
  const left = small ? 110 : 210, row = names.length > 60 ? 11 : 15, top = 6;
  const height = top + names.length * row + 40;
  const svg = element("svg", { class: "map", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": "A map of parameters by steps; the table below has the latest values." });
  old.replaceWith(svg);
  const cell = (width - left) / steps.length, tip = fig.querySelector(".tip");
  names.forEach((name, r) => {
    if (row > 12 || r % 2 === 0)
      element("text", { x: left - 8, y: top + r * row + row - 4, "text-anchor": "end" }, svg,
        small && name.length > 16 ? "…" + name.slice(-15) : name);
    rows[name].s.forEach((s, i) => {
      const value = rows[name].v[i], x = left + steps.indexOf(s) * cell;
      if (!(value > 0)) return;
      const share = high > low ? (Math.log10(value) - low) / (high - low) : 0.5;
      const rect = element("rect", { x, y: top + r * row, width: cell + 0.4, height: row - 1,
        fill: shade(share) }, svg);
      rect.addEventListener("pointermove", (event) => {
        const outer = fig.getBoundingClientRect();
        tip.textContent = "";
        html("div", "range", tip, name);
        html("div", "", tip, "step " + s + ": " + figure(value));
        tip.style.display = "block";
        tip.style.left = Math.max(4, Math.min(event.clientX - outer.left + 14,
          outer.width - tip.offsetWidth - 8)) + "px";
        tip.style.top = event.clientY - outer.top + 14 + "px";
      });
    });
  });
  svg.addEventListener("pointerleave", () => { tip.style.display = "none"; });
  const y = top + names.length * row + 14;
  for (const i of [...new Set([0, steps.length >> 1, steps.length - 1])])
    element("text", { x: left + (i + 0.5) * cell, y, "text-anchor": i ? (i === steps.length - 1 ?
      "end" : "middle") : "start" }, svg, "step " + count(steps[i]));
  for (let i = 0; i < 60; i++)
    element("rect", { x: left + i * 2, y: y + 8, width: 2.3, height: 8, fill: shade(i / 59) }, svg);
  element("text", { x: left - 8, y: y + 16, "text-anchor": "end" }, svg, figure(10 ** low));
  element("text", { x: left + 128, y: y + 16 }, svg, figure(10 ** high));
}

function prepareLayers() {
  const fig = document.querySelector("figure[data-layers]");
  if (!fig) return () => {};
  const select = fig.querySelector("select");
  const again = () => drawLayers(fig, data.runs[+fig.dataset.layers], select.value);
  select.hidden = false;
  select.addEventListener("change", again);
  again();
  return again;
}

// ---- controls -----------------------------------------------------------------------------------

function remember() {
  try {
    sessionStorage.setItem("lmtrain", JSON.stringify({ x: state.x, log: state.log,
      smooth: state.smooth }));
    const theme = document.documentElement.dataset.theme;
    if (theme) localStorage.setItem("lmtrain-theme", theme);
  } catch (e) { /* a reader may forbid it */ }
}

function recall() {
  try {
    const kept = JSON.parse(sessionStorage.getItem("lmtrain") || "{}");
    if (AXES[kept.x]) state.x = kept.x;
    state.log = kept.log === true;
    if (kept.smooth >= 0 && kept.smooth <= 0.3) state.smooth = kept.smooth;
    const theme = localStorage.getItem("lmtrain-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch (e) { /* as above */ }
}

function segments(id, value, change) {
  const buttons = document.querySelectorAll(`#${id} button`);
  const mark = (v) => buttons.forEach((b) => b.setAttribute("aria-pressed", b.value === v));
  buttons.forEach((b) => b.addEventListener("click", () => {
    mark(b.value);
    change(b.value);
    remember();
    drawAll();
  }));
  mark(value);
}

// Smoothing from 0 to 30% of the run; the first half of the slider has the short ones.
const toShare = (v) => (v <= 0 ? 0 : 0.3 * (v / 100) ** 2.5);

function start() {
  document.documentElement.classList.add("js");
  recall();
  const controls = document.querySelector(".controls");
  if (data.charts.length) {
    if (data.runs.every((r) => !(r.flops > 0))) {
      document.querySelector("#axis [value=flops]").hidden = true;
      if (state.x === "flops") state.x = "steps";
    }
    segments("axis", state.x, (v) => { state.x = v; state.zoom = null; });
    segments("scale", state.log ? "log" : "linear", (v) => { state.log = v === "log"; });
    const slider = document.getElementById("smooth"), said = document.getElementById("smoothness");
    const say = () => {
      said.textContent = state.smooth ? (100 * state.smooth).toPrecision(2) + "%" : "off";
    };
    slider.value = Math.round(100 * (state.smooth / 0.3) ** 0.4);
    slider.addEventListener("input", () => {
      state.smooth = toShare(+slider.value);
      say();
      remember();
      drawAll();
    });
    say();
    document.getElementById("reset").addEventListener("click", () => zoomTo(null));
    drawAll();
  } else if (controls) controls.remove();
  const again = [prepareLayers(), prepareSweep()];
  document.getElementById("theme").hidden = false;
  document.getElementById("theme").addEventListener("click", () => {
    const root = document.documentElement, dark = root.dataset.theme ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    remember();
  });
  let width = innerWidth, waiting = 0;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(() => { drawAll(); again.forEach((f) => f()); }, 100);
  });
  if (controls && controls.isConnected)
    addEventListener("scroll", () => {
      controls.classList.toggle("stuck", controls.getBoundingClientRect().top <= 0);
    }, { passive: true });
  if (data.running) {
    // The page of a run that goes on comes again, unless somebody is reading values just now.
    let touched = 0;
    for (const kind of ["pointermove", "keydown", "pointerdown"])
      addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
    setInterval(() => { if (Date.now() - touched > 8000) location.reload(); }, 15000);
  }
}

start();
