// Starts the page: words at its head and foot, then movie, merges, figures and tables.
"use strict";

function tellHead() {
  const { n_frames: nFrames, pixel_size_nm: pixelSize } = numbers;
  const span = seconds ? ` over ${short(seconds.at(-1) - seconds[0])} s` : "";
  const scale = pixelSize === null ? "pixel size unknown" : `${short(pixelSize)} nm per pixel`;
  document.getElementById("summary").textContent = `${nFrames} frames${span}, ${WIDTH} × ${HEIGHT} px, ${scale}${seconds ? "" : ", frame times unknown"}`;
  const { mean } = series.size, firstMean = mean.find((one) => one !== null), lastMean = mean.findLast((one) => one !== null);
  const n = series.n_particles, coverage = series.coverage;
  const key = [
    [`${n[0]} → ${n.at(-1)}`, "particles, first and last frame"],
    [`${merges.length}`, merges.length === 1 ? "merge" : "merges"],
    [firstMean === undefined ? "–" : `${short(firstMean, 3)} → ${short(lastMean, 3)} ${unit}`, "mean diameter"],
    [`${short(coverage[0] * 100, 3)} → ${short(coverage.at(-1) * 100, 3)} %`, "coverage"],
  ];
  document.getElementById("key").append(...key.map(([value, name]) => html("div", {}, html("dd", {}, value), html("dt", {}, name))));
  document.getElementById("notes").append(...numbers.notes.map((note) => html("p", { class: "note" }, note)));
}

function tellFoot() {
  document.getElementById("facts").append(...Object.entries(numbers.facts).map(([name, value]) =>
    html("div", {}, html("dt", {}, name.replaceAll("_", " ")), html("dd", {}, value))));
}

async function start() {
  if (RUNS.length > 1) tellRuns();
  tellHead();
  const contours = await Contours.unpack(), pictures = new Pictures();
  const player = new Player(contours, pictures);
  if (merges.length) {
    new MergeDetail(contours, pictures);
    drawMergeFigures();
    listMerges();
    set("merge", 0);
  } else {
    document.getElementById("merges").replaceChildren(html("h2", {}, "Merges"), html("p", {}, "No particles merged in this movie."));
  }
  drawFigures();
  drawHistogram(contours);
  new Scatter();
  redrawForPaper();
  if (numbers.kinetics) {
    drawCurves();
    listKinetics();
  } else document.querySelectorAll("#kinetics, nav [href='#kinetics']").forEach((node) => node.remove());
  listTables();
  tellFoot();
  await player.view.draw();
  performance.mark("ready");
  document.documentElement.dataset.ready = "";
}

start().catch((error) => {
  document.getElementById("notes").append(html("p", { class: "note" }, `This page could not be drawn; it needs a browser of 2023 or later. (${error.message})`));
  throw error;
});
