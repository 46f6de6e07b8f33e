// The movie: slider, keys, what is under the pointer, and the life of the particle that was chosen.
"use strict";

const FRAMES_PER_SECOND = 12;

class Player {
  constructor(contours, pictures) {
    this.contours = contours;
    this.pointed = null;
    document.documentElement.style.setProperty("--aspect", WIDTH / HEIGHT);
    this.view = new FrameView({
      contours, pictures, box: { top: 0, left: 0, width: WIDTH, height: HEIGHT }, label: "Frame with the contours of its particles",
      onpick: (id) => set("particle", id === state.particle ? null : id),
      onpoint: (id) => this.#point(id),
    });
    this.slider = html("input", { type: "range", id: "slider", min: 0, max: shownFrames.length - 1, step: 1, value: 0, "aria-label": "Frame",
      oninput: () => set("frame", shownFrames[this.slider.value]) });
    this.now = html("output", { id: "now", for: "slider" });
    this.play = html("button", { type: "button", id: "play", onclick: () => this.#toggle() }, "Play");
    this.zoom = new Zoom(this.view);
    document.getElementById("stage").append(this.view.node);
    document.getElementById("controls").append(
      html("div", { class: "row" }, this.play, this.#stepper("◀", -1, "One frame back"), this.#stepper("▶", 1, "One frame on"), this.now,
        this.#switch("contours", "Contours"), this.#switch("ids", "Ids"),
        ...this.zoom.buttons, html("button", { type: "button", onclick: () => this.view.save(`frame_${state.frame}`) }, "Frame as SVG")),
      html("div", { class: "track" }, this.marks = html("div", { class: "marks" }), this.slider),
    );
    this.about = document.getElementById("inspector");
    for (const what of ["frame", "particle", "merge"]) listen(what, () => this.#refresh());
    document.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#drawMarks()).observe(this.marks);
    this.#refresh();
  }

  #stepper(sign, by, label) {
    return html("button", { type: "button", class: "icon", "aria-label": label, title: `${label} (arrow keys)`, onclick: () => this.#step(by) }, sign);
  }

  #switch(what, name) {
    const box = html("input", { type: "checkbox", checked: "", onchange: () => { this.view.show[what] = box.checked; this.view.draw(); } });
    return html("label", { class: "switch" }, box, name);
  }

  #step(by) {
    set("frame", shownFrames[clamp(shownIndex(state.frame) + by, 0, shownFrames.length - 1)]);
  }

  #key(event) {
    if (event.target.closest?.("input, button, summary, a, [tabindex]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") { this.#step(by); event.preventDefault(); }
    if (event.key === " ") { this.#toggle(); event.preventDefault(); }
    if (event.key === "Escape") set("particle", null);
  }

  #toggle() {
    if (this.timer) {
      clearInterval(this.timer);
      this.timer = null;
    } else {
      if (shownIndex(state.frame) === shownFrames.length - 1) set("frame", shownFrames[0]);
      this.timer = setInterval(() => {
        if (shownIndex(state.frame) === shownFrames.length - 1) this.#toggle();
        else this.#step(1);
      }, 1000 / FRAMES_PER_SECOND);
    }
    this.play.textContent = this.timer ? "Pause" : "Play";
  }

  #point(id) {
    if (id === this.pointed) return;
    this.pointed = id;
    this.#tell();
  }

  #refresh() {
    this.slider.value = shownIndex(state.frame);
    this.slider.setAttribute("aria-valuetext", frameText(state.frame));
    this.now.textContent = frameText(state.frame);
    const family = state.merge === null ? [] : familyOf(merges[state.merge]);
    this.view.frame = state.frame;
    this.view.caption = frameText(state.frame);
    this.view.chosen = new Set(state.particle === null ? family : [...family, state.particle]);
    this.view.draw();
    this.#tell();
  }

  #frameFacts() {
    const { n_particles: n, size, coverage, quality, temperature_c: celsius } = series, frame = state.frame;
    return [
      ...(seconds ? [["time", `${short(seconds[frame])} s`]] : []),
      ...(celsius ? [["temperature", `${short(celsius[frame])} °C`]] : []),
      ["particles", `${n[frame]}`],
      ["mean diameter", `${short(size.mean[frame], 3)} ${unit}`],
      ["coverage", `${short(coverage[frame] * 100, 3)} %`],
      ...(quality ? [["quality", quality[frame] ?? "unknown"]] : []),
    ];
  }

  // Merges above the slider, bad frames below it.
  #drawMarks() {
    const width = this.marks.clientWidth, last = Math.max(shownFrames.length - 1, 1), thumb = 16;
    const at = (frame) => round(thumb / 2 + (shownIndex(frame) / last) * (width - thumb));
    const marks = merges.map((merge, index) => svg("circle", {
      cx: at(merge.frame), cy: 5, r: 3, fill: BLUE, "fill-opacity": 0.75, class: "clickable", onclick: () => chooseMerge(index),
    }, svg("title", {}, mergeName(merge))));
    const bad = (series.quality ?? []).flatMap((word, frame) => (word === null || word === "good" ? [] : [svg("rect", {
      x: at(frame) - 1, y: 11, width: 2, height: 5, fill: RED }, svg("title", {}, `frame ${frame}: ${word}`))]));
    this.marks.replaceChildren(svg("svg", { width: "100%", height: 16, role: "img", "aria-label": "Merges and bad frames along the movie" }, marks, bad));
  }

  #tell() {
    const id = this.pointed ?? state.particle;
    if (id === null || !trackOf.has(id)) {
      this.about.replaceChildren(html("h3", {}, "This frame"), facts(this.#frameFacts()),
        html("p", { class: "hint" }, "Point at a particle to read its id, click to follow it. Arrow keys go from frame to frame, the space bar plays."));
      return;
    }
    const here = this.contours.particles(shownIndex(state.frame)).get(id);
    this.about.replaceChildren(
      html("h3", {}, html("span", { class: "dot", style: `background:${colorOf(id)}` }), `Particle ${id}`),
      html("p", {}, lifeOf(id)),
      facts([
        ["diameter now", here ? `${short(diameterOf(here.area), 3)} ${unit}` : "not in this frame"],
        ["mean diameter", `${short(tracks.diameter[trackOf.get(id)], 3)} ${unit}`],
        ["frames", `${tracks.n_frames[trackOf.get(id)]}`],
      ]),
      drawGrowth(this.contours.diameters(id), colorOf(id)),
    );
  }
}

function facts(pairs) {
  return html("dl", { class: "facts" }, pairs.map(([name, value]) => html("div", {}, html("dt", {}, name), html("dd", {}, value))));
}

// Origin and fate of a particle in a sentence.
function lifeOf(id) {
  const index = trackOf.get(id), start = tracks.start[index], end = tracks.end[index], parents = tracks.parents[index];
  const child = merges.find((merge) => merge.parent_ids.includes(id) && merge.child_id !== id)?.child_id;
  const began = {
    present: "There from the start", entered: `Entered the field in frame ${start}`, nucleated: `Nucleated in frame ${start}`,
    merge: `Made of ${parents.join(" + ")} in frame ${start}`, split: `Split off ${parents.join(", ")} in frame ${start}`, appeared: `Appeared in frame ${start}`,
  }[tracks.origin[index]] ?? `First seen in frame ${start}`;
  const ended = {
    present: "still there at the end", left: `left the field after frame ${end}`, merged: `merged into ${child ?? "another"} after frame ${end}`,
    dissolved: `dissolved after frame ${end}`, split: `split after frame ${end}`, lost: `lost after frame ${end}`,
  }[tracks.fate[index]] ?? `last seen in frame ${end}`;
  return `${began}, ${ended}.`;
}

function drawGrowth(points, color) {
  const xs = points.map(([time]) => time), ys = points.map(([, diameter]) => diameter);
  const axes = new Axes({ width: 290, height: 150, x: extent(xs), y: extent(ys), xName: TIME_NAME, yName: `diameter (${unit})`, margin: { left: 38 } });
  axes.line(xs, ys, color, { stroke: color, "stroke-width": 1.5 });
  return axes.node;
}
