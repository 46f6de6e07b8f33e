// What a reader asks of the tables: sizes in the frame that is shown, and any two columns against each other.
"use strict";

const N_BINS = 24, MOST_POINTS = 4000;
const COLUMNS = { particles: ["frame", "particle_id"], tracks: ["start_frame", "particle_id"], merges: ["frame", "child_id"] };

function drawHistogram(contours) {
  const top = numbers.ridges.grid.at(-1), step = top / N_BINS;
  const edge = contours.stride; // outlines are smoothed: one that meets the border by a pixel stays less than that away
  const whole = ({ box }) => box.top >= edge && box.left >= edge && box.bottom <= HEIGHT - edge && box.right <= WIDTH - edge;
  const diametersOf = (frame) => [...contours.particles(shownIndex(frame)).values()].filter(whole).map(({ area }) => diameterOf(area));
  const figure = new Figure({ name: "histogram", title: "Sizes in this frame", words: "Particles of the frame shown above that are not cut by the border; gap-filled ones count.",
    draw: (width) => {
      const diameters = diametersOf(state.frame), counts = new Array(N_BINS).fill(0);
      for (const one of diameters) counts[clamp(Math.floor(one / step), 0, N_BINS - 1)]++;
      const mean = diameters.reduce((sum, one) => sum + one, 0) / diameters.length;
      const axes = new Axes({ width, height: 240, x: [0, top], xName: `diameter (${unit})`, y: [0, Math.max(1, ...counts) * 1.1], yName: "particles", integerY: true });
      counts.forEach((count, bin) => {
        if (!count) return;
        const left = axes.x(bin * step), y = axes.y(count);
        axes.add(svg("rect", { x: round(left + 0.5), y: round(y), width: round(Math.max(axes.x((bin + 1) * step) - left - 1, 1)), height: round(axes.inner.bottom - y), fill: BLUE, "fill-opacity": 0.75 },
          svg("title", {}, `${short(bin * step, 3)} to ${short((bin + 1) * step, 3)} ${unit}: ${count}`)));
      });
      const told = diameters.length ? `, mean ${short(mean, 3)} ${unit}` : "";
      return axes.add(text(axes.inner.right, 13, `${frameText(shownFrames[shownIndex(state.frame)])}: n = ${diameters.length}${told}`, { "text-anchor": "end", fill: INK }));
    } });
  listen("frame", () => figure.refresh(true));
}

// The columns of a table that hold numbers, by name; null where a cell is empty.
async function numericColumns(name) {
  const csv = new TextDecoder().decode(await unpacked(await partText(`csv-${name}`)));
  const [head, ...rows] = csv.split("\r\n").filter(Boolean).map((line) => (line.match(/("([^"]|"")*"|[^,]*)(,|$)/g) ?? []).map((cell) => cell.replace(/,$/, "")));
  const found = new Map();
  head.forEach((column, i) => {
    const values = rows.map((row) => (row[i] === "" || row[i] === undefined ? null : Number(row[i])));
    if (column && values.some((one) => one !== null) && values.every((one) => one === null || Number.isFinite(one))) found.set(column, values);
  });
  return found;
}

class Scatter {
  constructor() {
    const there = numbers.tables.filter((table) => table.has_csv && table.n_rows && table.name in COLUMNS).map(({ name }) => name);
    if (!there.length) return;
    const select = (label, onchange) => html("select", { "aria-label": label, onchange });
    this.table = select("Table", () => this.#read());
    [this.x, this.y] = ["Across", "Up"].map((label) => select(label, () => this.figure.refresh(true)));
    this.here = html("input", { type: "checkbox", onchange: () => this.figure.refresh(true) });
    this.table.append(...there.map((name) => html("option", {}, name)));
    this.columns = new Map();
    this.figure = new Figure({ name: "scatter", title: "One column against another", shape: "wide", draw: (width) => this.#draw(width),
      words: "Click a point to see its particle in its frame. The larger points are of the particle that is chosen." });
    this.figure.node.querySelector("header").after(html("div", { class: "row" }, this.table, this.y, "over", this.x, html("label", { class: "switch" }, this.here, "only this frame")));
    listen("particle", () => this.figure.refresh(true));
    listen("frame", () => { if (this.here.checked) this.figure.refresh(true); });
    this.#read();
  }

  async #read() {
    const name = this.table.value, columns = await numericColumns(name);
    if (name !== this.table.value) return;
    this.columns = columns;
    const names = [...columns.keys()], prefer = (...wanted) => wanted.find((one) => columns.has(one)) ?? names[0];
    for (const [list, chosen] of [[this.x, prefer("equivalent_diameter_nm", "equivalent_diameter_px", "mean_diameter_nm", "frame")], [this.y, prefer("circularity", "n_frames", "confidence", names.at(-1))]]) {
      list.replaceChildren(...names.map((one) => html("option", { value: one }, one.replaceAll("_", " "))));
      list.value = chosen;
    }
    this.here.disabled = !columns.has(COLUMNS[name][0]);
    this.figure.refresh(true);
    this.figure.node.dataset.table = name;
  }

  // The rows that are shown: all, or evenly chosen ones of too many.
  #rows(xs, ys) {
    const frames = this.columns.get(COLUMNS[this.table.value][0]);
    const rows = xs.map((_, row) => row).filter((row) => xs[row] !== null && ys[row] !== null && (!this.here.checked || !frames || frames[row] === state.frame));
    const every = Math.ceil(rows.length / MOST_POINTS);
    return [rows.filter((_, n) => n % every === 0), rows.length];
  }

  #draw(width) {
    const xs = this.columns.get(this.x.value) ?? [], ys = this.columns.get(this.y.value) ?? [];
    const [frames, ids] = COLUMNS[this.table.value].map((name) => this.columns.get(name));
    const [rows, n] = this.#rows(xs, ys);
    const axes = new Axes({ width, height: 320, x: extent(rows.map((row) => xs[row])), xName: this.x.value.replaceAll("_", " "), y: extent(rows.map((row) => ys[row])), yName: this.y.value.replaceAll("_", " ") });
    const isChosen = (row) => ids?.[row] === state.particle && state.particle !== null;
    for (const row of [...rows.filter((one) => !isChosen(one)), ...rows.filter(isChosen)]) {
      axes.add(svg("circle", { cx: round(axes.x(xs[row])), cy: round(axes.y(ys[row])), r: isChosen(row) ? 3.4 : 2.6, fill: isChosen(row) ? RED : BLUE, "fill-opacity": isChosen(row) ? 1 : 0.35, class: "clickable", "data-row": row,
        onclick: () => { if (frames?.[row] !== undefined) set("frame", frames[row]); if (ids) set("particle", ids[row]); } }));
    }
    return axes.add(text(axes.inner.right, 13, rows.length < n ? `${rows.length} of ${n} rows` : `${n} rows`, { "text-anchor": "end" }));
  }
}
