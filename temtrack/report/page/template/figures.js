// Figures of the whole ensemble. Each is drawn for the width that it has and can be saved as SVG.
"use strict";

const frames = Array.from({ length: N_FRAMES }, (_, frame) => frame);
const times = frames.map(timeOf);
const wholeTime = [times[0], times.at(-1)];
const INKS = { good: GREEN, blurred: ORANGE, blank: RED, jump: BLUE };

// Drawn so narrow for paper, where a figure takes half a page, letters stay large enough to read.
const PRINT_WIDTH = 340;

// A figure with title, words and a button. `draw(width)` gives Axes; `tell(frame)` what the figure says of one
// frame, where its x is time: it then shows the frame of the movie, and a click goes there.
class Figure {
  static all = [];

  constructor({ name, title, words, draw, tell = null, shape = "", place = "figures", paper = PRINT_WIDTH }) {
    Object.assign(this, { draw, tell, paper });
    this.body = html("div", { class: "drawing" });
    this.readout = html("output", { class: "readout" });
    this.node = html("figure", { class: `card ${shape}`, id: `figure-${name}` },
      html("header", {}, html("h3", {}, title), this.readout,
        html("button", { type: "button", class: "quiet", "data-save": name, onclick: () => saveSvg(name, this.axes.node) }, "SVG")),
      this.body, words ? html("figcaption", {}, words) : null);
    document.getElementById(place).append(this.node);
    new ResizeObserver(() => this.refresh()).observe(this.body);
    if (tell) listen("frame", () => this.#moveCursor());
    Figure.all.push(this);
  }

  refresh(force = false) {
    const width = Math.floor(this.body.clientWidth);
    if (width && (width !== this.width || force)) this.render(width);
  }

  render(width) {
    this.width = width;
    this.axes = this.draw(width);
    this.axes.node.setAttribute("aria-label", this.node.querySelector("h3").textContent);
    this.body.replaceChildren(this.axes.node);
    if (this.tell) this.#followPointer();
  }

  #followPointer() {
    const { node, inner } = this.axes;
    this.cursor = svg("line", { y1: inner.top, y2: inner.bottom, stroke: INK, "stroke-width": 1, "stroke-opacity": 0.5, "stroke-dasharray": "2 3", "data-passing": "" });
    node.append(this.cursor);
    const frameOf = (event) => frameAt(this.axes.xOf(event.offsetX * (this.axes.width / node.clientWidth)));
    node.addEventListener("pointermove", (event) => { this.readout.textContent = `${frameText(frameOf(event))}: ${this.tell(frameOf(event))}`; });
    node.addEventListener("pointerleave", () => { this.readout.textContent = ""; });
    node.addEventListener("click", (event) => { if (!event.target.closest(".clickable")) set("frame", frameOf(event)); });
    node.style.cursor = "crosshair";
    this.#moveCursor();
  }

  #moveCursor() {
    if (!this.cursor) return;
    const at = round(this.axes.x(timeOf(state.frame)));
    this.cursor.setAttribute("x1", at);
    this.cursor.setAttribute("x2", at);
  }
}

const timeAxes = (width, more) => new Axes({ width, height: 240, x: wholeTime, xName: TIME_NAME, ...more });

function drawNumber(width) {
  return timeAxes(width, { y: extent(series.n_particles, true), yName: "particles", integerY: true }).line(times, series.n_particles, BLUE);
}

function drawSize(width) {
  const { mean, low, high, q25, q75 } = series.size;
  return timeAxes(width, { y: extent([...q25, ...q75, ...low, ...high]), yName: `diameter (${unit})` })
    .band(times, q25, q75, SKY, 0.28).band(times, low, high, BLUE, 0.3).line(times, mean, BLUE)
    .legend([{ name: "mean", color: BLUE }, { name: "95 %", color: BLUE, band: 0.35 }, { name: "quartiles", color: SKY, band: 0.4 }]);
}

function drawRidges(width) {
  const { grid, rows } = numbers.ridges, step = 40, top = 56;
  const height = top + rows.length * step + 40;
  const axes = new Axes({ width, height, x: [0, grid.at(-1)], y: [0, 1], xName: `diameter (${unit})`, hasY: false, margin: { left: 86 } });
  const highest = Math.max(1e-12, ...rows.flatMap(({ density }) => density ?? []));
  rows.forEach(({ frame, diameters, density }, index) => {
    const base = top + (index + 0.75) * step, color = shade(index / Math.max(rows.length - 1, 1));
    axes.add(text(8, base - 2, seconds ? `${short(seconds[frame])} s` : `frame ${frame}`, { fill: INK }));
    axes.add(text(8, base + 11, `n = ${diameters.length}`, { "font-size": 9.5 }));
    if (density) {
      const points = grid.map((d, i) => `${round(axes.x(d))} ${round(base - (density[i] / highest) * step * 1.6)}`).join("L");
      axes.add(svg("path", { d: `M${points}`, fill: color, "fill-opacity": 0.55, stroke: INK, "stroke-width": 1, "stroke-linejoin": "round" }));
    }
    const marks = diameters.map((d) => `M${round(axes.x(d))} ${base}v4`).join("");
    axes.add(svg("path", { d: marks, stroke: INK, "stroke-opacity": density ? 0.25 : 0.8, fill: "none" }));
    axes.add(svg("line", { x1: axes.inner.left, x2: axes.inner.right, y1: base, y2: base, stroke: RULE }));
  });
  return axes;
}

// From light blue to dark blue: order in time, also in grey print.
function shade(share) {
  const mix = (from, to) => Math.round(from + (to - from) * share);
  return `rgb(${mix(158, 8)},${mix(202, 69)},${mix(225, 130)})`;
}

function drawCoverage(width) {
  const percent = series.coverage.map((share) => share * 100);
  return timeAxes(width, { y: extent(percent, true), yName: "covered by particles (%)" }).line(times, percent, BLUE);
}

function drawTemperature(width) {
  return timeAxes(width, { y: extent(series.temperature_c), yName: "temperature (°C)" }).line(times, series.temperature_c, RED);
}

function drawDrift(width) {
  const { y, x } = numbers.drift;
  return timeAxes(width, { y: extent([...y, ...x]), yName: `drift (${unit})` })
    .line(times, y, BLUE).line(times, x, RED, { "stroke-dasharray": "6 3" })
    .legend([{ name: "down (y)", color: BLUE }, { name: "right (x)", color: RED, dash: "6 3" }]);
}

// Bars with the number of particles for each word of a column.
function drawCounts(column, color, width) {
  const counts = new Map();
  for (const word of tracks[column]) counts.set(word ?? "unknown", (counts.get(word ?? "unknown") ?? 0) + 1);
  const entries = [...counts].sort((a, b) => b[1] - a[1]), step = 26;
  const most = Math.max(1, ...entries.map(([, count]) => count));
  const axes = new Axes({ width, height: entries.length * step + 64, x: [0, most * 1.12], y: [0, 1], xName: "particles", hasY: false, margin: { left: 82, top: 14 } });
  entries.forEach(([word, count], index) => {
    const top = 18 + index * step;
    axes.add(svg("rect", { x: axes.inner.left, y: top, width: Math.max(1, round(axes.x(count) - axes.inner.left)), height: step - 9, fill: color, rx: 1.5 }),
      text(axes.inner.left - 8, top + 13, word, { "text-anchor": "end", fill: INK, "font-size": 12 }),
      text(axes.x(count) + 6, top + 13, count, { fill: INK, "font-size": 12 }));
  });
  return axes;
}

// A strip in the colours of the tracker's words, and how many masks were gap-filled.
function drawQuality(width) {
  const filled = series.n_gap_filled, most = Math.max(1, ...filled);
  const axes = timeAxes(width, { height: 200, y: [0, most * 1.1], yName: "gap-filled masks", integerY: true, margin: { bottom: 66 } });
  axes.line(times, filled, ORANGE);
  const top = axes.inner.bottom + 22, words = [...new Set(series.quality.map((word) => word ?? "unknown"))];
  for (const word of words) {
    for (const [from, to] of runs(series.quality.map((one) => (one ?? "unknown") === word))) {
      const left = axes.x(times[from]), right = axes.x(times[Math.min(to, N_FRAMES - 1)]);
      axes.add(svg("rect", { x: round(left), y: top, width: Math.max(1.5, round(right - left)), height: 12, fill: INKS[word] ?? GREY, "fill-opacity": word === "good" ? 0.35 : 1 }));
    }
  }
  return axes.legend(words.map((word) => ({ name: word, color: INKS[word] ?? GREY, band: word === "good" ? 0.35 : 1 })));
}

const figureList = () => [
  { name: "number", title: "Number of particles", draw: drawNumber, tell: (frame) => `${series.n_particles[frame]} particles` },
  { name: "size", title: "Mean diameter", draw: drawSize, tell: (frame) => `${short(series.size.mean[frame], 3)} ${unit}`,
    words: "Diameter of whole particles, of mask or edge as in the kinetics: those cut by the border or gap-filled do not count. 95 % is the interval of the mean, by Student's t." },
  { name: "distribution", title: "Size distribution", draw: drawRidges, shape: "tall",
    words: "Gaussian kernel densities of Scott's width on one scale, each of the whole particles of one frame; a tick is a particle." },
  { name: "coverage", title: "Coverage", draw: drawCoverage, tell: (frame) => `${short(series.coverage[frame] * 100, 3)} %` },
  ...(series.temperature_c ? [{ name: "temperature", title: "Temperature", draw: drawTemperature, tell: (frame) => `${short(series.temperature_c[frame])} °C` }] : []),
  { name: "drift", title: "Drift", draw: drawDrift, words: numbers.drift.words,
    tell: (frame) => `y ${short(numbers.drift.y[frame], 3)}, x ${short(numbers.drift.x[frame], 3)} ${unit}` },
];

function drawFigures() {
  for (const one of figureList()) new Figure(one);
  new Figure({ name: "origins", title: "Origins", draw: (width) => drawCounts("origin", SKY, width), place: "lives" });
  new Figure({ name: "fates", title: "Fates", draw: (width) => drawCounts("fate", BLUE, width), place: "lives" });
  if (series.quality) new Figure({ name: "quality", title: "Quality of frames", draw: drawQuality, place: "lives", shape: "wide",
    tell: (frame) => series.quality[frame] ?? "unknown", words: "The tracker's word on each frame; in a blank or blurred one it carries masks over from other frames." });
}

// Quantities of windows of the movie, told by a frame in the middle; others of single frames describe that frame alone.
const OF_WINDOWS = new Set(["critical_radius"]);

// Where a row stands on its curve, as `at` and its unit.
function placed(row) {
  const told = (row.at ?? null) === null && OF_WINDOWS.has(row.quantity) && (row.frame ?? null) !== null;
  return told ? { ...row, at: timeOf(row.frame), at_unit: seconds ? "s" : "frame" } : row;
}

// The curves of the kinetics: rows of one quantity, each at a radius, a time or a distance, with 95 % bands.
function drawCurves() {
  const curves = new Map();
  for (const row of numbers.kinetics.map(placed)) {
    if ((row.at ?? null) === null || row.value === null) continue;
    curves.set(row.quantity, [...(curves.get(row.quantity) ?? []), row]);
  }
  for (const [quantity, rows] of curves) {
    if (rows.length < 2) continue;
    rows.sort((a, b) => a.at - b.at);
    const title = quantity.replaceAll("_", " ");
    new Figure({ name: `curve-${quantity}`, title: title[0].toUpperCase() + title.slice(1), draw: (width) => drawCurve(rows, width), words: `${rows[0].method}.`, place: "kinetics-curves" });
  }
}

function drawCurve(rows, width) {
  const [xs, values, lows, highs] = ["at", "value", "low", "high"].map((end) => rows.map((row) => row[end]));
  const { unit: yUnit, at_unit: xUnit } = rows[0], over = rows[0].quantity.split("_over_")[1]?.replaceAll("_", " ");
  const what = over ?? (xUnit === "s" ? "time" : "radius"), xName = xUnit === "frame" ? "frame" : xUnit === "1" ? what : `${what} (${xUnit})`;
  return new Axes({ width, height: 240, x: [xs[0], xs.at(-1)], xName, y: extent([...values, ...lows, ...highs]), yName: yUnit === "1" ? "" : yUnit })
    .band(xs, lows, highs, BLUE, 0.18).line(xs, values, BLUE);
}

function redrawForPaper() {
  addEventListener("beforeprint", () => Figure.all.forEach((figure) => figure.render(figure.paper)));
  addEventListener("afterprint", () => Figure.all.forEach((figure) => figure.refresh(true)));
}

function drawMergeFigures() {
  const both = [
    new Figure({ name: "merges", title: "Merges over time", draw: drawTimeline, place: "merge-figures", tell: (frame) => `${series.n_merges[frame] ?? 0} merges`,
      words: "A dot is a merge, the larger the more parents, the fainter the less sure. Click one to see it happen." }),
    new Figure({ name: "lineage", title: "Family tree", draw: drawTree, place: "merge-figures", paper: 520, tell: (frame) => `${series.n_particles[frame]} particles`,
      words: "A line is a particle from its first to its last frame, a dot the frame from which on its parents are one. Particles that take no part in a merge are left out." }),
  ];
  const redraw = () => both.forEach((figure) => figure.refresh(true));
  listen("merge", redraw);
  listen("particle", redraw);
}
