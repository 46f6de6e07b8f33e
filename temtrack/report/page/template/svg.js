// Small tools: make elements, choose ticks, draw axes, save files. Figures carry their looks in their own
// attributes, so that a saved SVG looks the same without this page.
"use strict";

const INK = "#1d2227", MUTED = "#66707a", RULE = "#dedbd5", PAPER = "#ffffff";
// Okabe and Ito's colours, which colour-blind eyes tell apart.
const BLUE = "#0072b2", ORANGE = "#e69f00", GREEN = "#009e73", RED = "#d55e00", SKY = "#56b4e9", GREY = "#8a9199";
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

function text(x, y, words, attributes = {}) {
  return svg("text", { x: round(x), y: round(y), fill: MUTED, "font-size": 11, ...attributes }, String(words));
}

const round = (value) => Math.round(value * 100) / 100;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// Four significant digits, without the zeros that say nothing.
function short(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const rounded = Number(value.toPrecision(digits)), isTiny = rounded !== 0 && Math.abs(rounded) < 1e-3;
  return (isTiny ? rounded.toExponential() : String(rounded)).replaceAll("-", "−");
}

// Round numbers (1, 2 or 5 times a power of ten) across a range, about `count` of them.
function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((one) => one * power >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(Number((i * step).toPrecision(12)));
  return found;
}

// The smallest range that holds all values, a little wider; from zero where asked.
function extent(values, fromZero = false) {
  let low = fromZero ? 0 : Infinity, high = fromZero ? 0 : -Infinity;
  for (const value of values) {
    if (value === null || value === undefined) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [fromZero && low >= 0 ? 0 : low - room, high + room];
}

// A drawing of a given size with two linear scales, their ticks and names.
class Axes {
  constructor({ width, height, x, y, xName, yName, margin = {}, integerY = false, hasY = true }) {
    this.margin = { top: 26, right: 14, bottom: 36, left: 46, ...margin };
    Object.assign(this, { width, height });
    const { top, right, bottom, left } = this.margin;
    this.inner = { left, top, right: width - right, bottom: height - bottom };
    this.x = (value) => left + ((value - x[0]) / (x[1] - x[0] || 1)) * (width - left - right);
    this.y = (value) => height - bottom - ((value - y[0]) / (y[1] - y[0] || 1)) * (height - top - bottom);
    this.xOf = (pixel) => x[0] + ((pixel - left) / (width - left - right)) * (x[1] - x[0]);
    this.node = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "font-family": FONT, role: "img" });
    this.node.append(svg("rect", { width, height, fill: PAPER }));
    for (const value of ticks(...x, (width - left - right) / 75)) this.#tickX(value);
    if (hasY) {
      const values = ticks(...y, (height - top - bottom) / 38).filter((v) => !integerY || Number.isInteger(v));
      for (const value of values) this.#tickY(value);
    }
    this.node.append(text((this.inner.left + this.inner.right) / 2, height - 4, xName, { "text-anchor": "middle" }));
    if (yName) this.node.append(text(4, 13, yName, { fill: INK }));
  }

  #tickX(value) {
    const { bottom } = this.inner, at = round(this.x(value));
    this.node.append(svg("line", { x1: at, x2: at, y1: bottom, y2: bottom + 4, stroke: RULE }));
    this.node.append(text(at, bottom + 16, short(value), { "text-anchor": "middle" }));
  }

  #tickY(value) {
    const { left, right } = this.inner, at = round(this.y(value));
    this.node.append(svg("line", { x1: left, x2: right, y1: at, y2: at, stroke: RULE, "stroke-width": value === 0 ? 1.2 : 0.7 }));
    this.node.append(text(left - 6, at + 4, short(value), { "text-anchor": "end" }));
  }

  add(...nodes) {
    this.node.append(...nodes);
    return this;
  }

  // Where y is null the line is broken.
  path(xs, ys) {
    let d = "", isDown = false;
    for (let i = 0; i < xs.length; i++) {
      if (ys[i] === null) { isDown = false; continue; }
      d += `${isDown ? "L" : "M"}${round(this.x(xs[i]))} ${round(this.y(ys[i]))}`;
      isDown = true;
    }
    return d;
  }

  line(xs, ys, color, attributes = {}) {
    return this.add(svg("path", { d: this.path(xs, ys), fill: "none", stroke: color, "stroke-width": 1.8, "stroke-linejoin": "round", ...attributes }));
  }

  band(xs, lows, highs, color, opacity) {
    for (const [from, to] of runs(xs.map((_, i) => lows[i] !== null && highs[i] !== null))) {
      const there = xs.slice(from, to), back = [...there].reverse();
      const d = `${this.path(there, highs.slice(from, to))}${this.path(back, lows.slice(from, to).reverse()).replace("M", "L")}Z`;
      this.add(svg("path", { d, fill: color, "fill-opacity": opacity }));
    }
    return this;
  }

  // Names of lines in their colours, from the right.
  legend(entries) {
    let at = this.inner.right;
    for (const { name, color, dash, band } of [...entries].reverse()) {
      at -= name.length * 6.2 + 20; // letters of most fonts are narrower
      const label = text(at + 20, 13, name);
      const mark = band
        ? svg("rect", { x: at, y: 4, width: 16, height: 10, fill: color, "fill-opacity": band })
        : svg("line", { x1: at, x2: at + 16, y1: 9, y2: 9, stroke: color, "stroke-width": 2, "stroke-dasharray": dash });
      this.add(mark, label);
      at -= 14;
    }
    return this;
  }
}

// [from, to) of each run of true values.
function runs(flags) {
  const found = [];
  for (let i = 0; i < flags.length; i++) {
    if (!flags[i]) continue;
    const from = i;
    while (i < flags.length && flags[i]) i++;
    found.push([from, i]);
  }
  return found;
}

function save(name, content, type) {
  const url = URL.createObjectURL(new Blob([content], { type }));
  html("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // a busy browser begins to save much later
}

function saveSvg(name, node) {
  const copy = node.cloneNode(true);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  for (const passing of copy.querySelectorAll("[data-passing]")) passing.remove();
  save(`${name}.svg`, new XMLSerializer().serializeToString(copy), "image/svg+xml");
}
