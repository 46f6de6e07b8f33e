// Merges: when they happen, who comes from whom, and the frames before and after the one that was chosen.
"use strict";

const mergeName = (merge) => `${merge.parent_ids.join(" + ")} → ${merge.child_id}, ${frameText(merge.frame)}`;
const familyOf = (merge) => [...new Set([...merge.parent_ids, merge.child_id])];

function chooseMerge(index) {
  set("merge", index);
  set("particle", null);
  set("frame", merges[index].frame);
}

// What a reader says of merges: "accepted" or "rejected" by its place among them. The same word again takes it back.
const answers = new Map();

function answerMerge(index, word) {
  if (answers.get(index) === word) answers.delete(index); else answers.set(index, word);
  set("answer", state.answer + 1);
}

// The answers as a log that `temtrack correct --from` takes.
function saveAnswers() {
  const { head, answers: known } = numbers.corrections, time = new Date().toISOString().replace(/\.\d+Z$/, "+00:00");
  const lines = [...answers].map(([index, word]) => {
    const { kind, ...fields } = known[index][word === "accepted" ? 0 : 1];
    const id = [...crypto.getRandomValues(new Uint8Array(6))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return { kind, id, time, why: "in the report", ...fields };
  });
  save("corrections.jsonl", [head, ...lines].map((line) => `${JSON.stringify(line)}\n`).join(""), "application/jsonl");
}

// Something of a merge that a click or the enter key chooses.
function clickable(node, index) {
  node.classList.add("clickable");
  node.dataset.merge = index;
  node.append(svg("title", {}, mergeName(merges[index])));
  node.addEventListener("click", () => chooseMerge(index));
  return node;
}

function drawTimeline(width) {
  const xs = [timeOf(0), timeOf(N_FRAMES - 1)];
  const axes = new Axes({ width, height: 210, x: xs, y: extent(merges.map((merge) => merge.diameter), true), xName: TIME_NAME, yName: `diameter of the child (${unit})` });
  merges.forEach((merge, index) => {
    if (merge.diameter === null) return;
    const isChosen = index === state.merge, radius = 3 + merge.parent_ids.length;
    axes.add(clickable(svg("circle", {
      cx: round(axes.x(timeOf(merge.frame))), cy: round(axes.y(merge.diameter)), r: radius, fill: isChosen ? RED : BLUE,
      "fill-opacity": 0.3 + 0.6 * (merge.confidence ?? 1), stroke: isChosen ? RED : BLUE, "stroke-width": isChosen ? 2.5 : 1,
    }), index));
  });
  return axes;
}

// Each particle a line from its first to its last frame, joined where particles become one.
function drawTree(width) {
  const placed = tracks.id.filter((_, index) => tracks.row[index] !== null);
  const rowOf = (id) => tracks.row[trackOf.get(id)];
  const nRows = Math.max(0, ...placed.map(rowOf)) + 1, step = nRows > 80 ? 9 : 14;
  const margin = { top: 8, left: 12, right: 40 };
  const axes = new Axes({ width, height: nRows * step + 52, x: [timeOf(0), timeOf(N_FRAMES - 1)], y: [nRows - 0.3, -0.7], xName: TIME_NAME, margin, hasY: false });
  const y = (id) => round(axes.y(rowOf(id))), x = (frame) => round(axes.x(timeOf(frame)));
  const family = new Set(state.merge === null ? [] : familyOf(merges[state.merge]));
  for (const id of placed) {
    const index = trackOf.get(id), isChosen = family.has(id) || id === state.particle;
    const ends = { x1: x(tracks.start[index]), x2: Math.max(x(tracks.end[index]), x(tracks.start[index]) + 1.5), y1: y(id), y2: y(id) };
    axes.add(svg("line", { ...ends, stroke: isChosen ? RED : "#7d8790", "stroke-width": isChosen ? 2.6 : 1.4 }));
    if (step > 10) axes.add(text(ends.x2 + 3, ends.y2 + 3.5, id, { "font-size": 9, fill: isChosen ? RED : MUTED, stroke: PAPER, "stroke-width": 2.5, "paint-order": "stroke" }));
  }
  merges.forEach((merge, index) => {
    const at = x(merge.frame), rows = familyOf(merge).map(y), isChosen = index === state.merge;
    const joints = merge.parent_ids.map((id) => svg("line", { x1: x(tracks.end[trackOf.get(id)] ?? merge.frame), x2: at, y1: y(id), y2: y(id), stroke: isChosen ? RED : "#7d8790", "stroke-width": 1.4 }));
    axes.add(...joints, svg("line", { x1: at, x2: at, y1: Math.min(...rows), y2: Math.max(...rows), stroke: isChosen ? RED : "#7d8790", "stroke-width": isChosen ? 2.6 : 1.4 }));
    axes.add(clickable(svg("circle", { cx: at, cy: y(merge.child_id), r: isChosen ? 5.5 : 4, fill: isChosen ? RED : BLUE, stroke: PAPER, "stroke-width": 1 }), index));
  });
  return axes;
}

// The pictures of a merge's key frames as they were taken, where the page holds them.
function closeupOf(index, place, { top, left, side }) {
  const name = `closeup-${index}-${place}`;
  if (!numbers.closeups.includes(name)) return null;
  const cover = { top: Math.max(top, 0), left: Math.max(left, 0), bottom: Math.min(top + side, HEIGHT), right: Math.min(left + side, WIDTH) };
  return { cover, image: partText(name).then(webp).then(decoded) };
}

class MergeDetail {
  constructor(contours, pictures) {
    Object.assign(this, { contours, pictures, node: document.getElementById("merge-detail") });
    for (const what of ["merge", "answer"]) listen(what, () => this.show());
  }

  show() {
    if (state.merge === null) return;
    const merge = merges[state.merge], { top, left, side } = merge.box;
    const box = { top, left, width: side, height: side };
    const views = merge.keyframes.map(([frame, caption], place) => {
      const closeup = closeupOf(state.merge, place, merge.box);
      const view = new FrameView({ contours: this.contours, pictures: this.pictures, box, closeup, label: `${caption}, ${frameText(frame)}`, onpick: () => set("frame", frame) });
      view.frame = frame;
      view.chosen = new Set(familyOf(merge));
      return html("figure", { class: "keyframe" }, view.node, html("figcaption", {}, html("b", {}, caption), html("br"), frameText(frame)));
    });
    const index = state.merge, answer = (word, name) => html("button", { type: "button", "aria-pressed": answers.get(index) === word, onclick: () => answerMerge(index, word) }, name);
    const asked = numbers.corrections ? [answer("accepted", "Accept"), answer("rejected", "Reject")] : [];
    const jump = (by, name) => html("button", { type: "button", disabled: merges[state.merge + by] ? null : "", onclick: () => chooseMerge(state.merge + by) }, name);
    this.node.replaceChildren(
      html("header", {}, html("h3", {}, `${merge.parent_ids.join(" + ")} → ${merge.child_id}`), html("div", { class: "row" }, asked, jump(-1, "Earlier"), jump(1, "Later"))),
      html("div", { class: "keyframes" }, views),
      facts([
        ["merged", frameText(merge.frame)],
        ["in contact from", merge.contact_frame === null ? "not seen" : frameText(merge.contact_frame)],
        ["child's diameter", `${short(merge.diameter, 3)} ${unit}`],
        ["area, child / parents", short(merge.area_ratio, 3)],
        ...(merge.mass_ratio === null ? [] : [["optical mass, child / parents", short(merge.mass_ratio, 3)]]),
        ["confidence", short(merge.confidence, 2)],
      ]),
      html("p", { class: "hint" }, `${merge.parent_ids.length} equal spheres that become one keep their volume and show ${short(merge.parent_ids.length ** (-1 / 3), 3)} of their area once they are round.`),
    );
  }
}
