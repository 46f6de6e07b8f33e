// Corrections: what a tool needs selected or drawn, and what it asks the server for.
"use strict";

let tool = null, drawn = []; // points (y, x) of what is being drawn

function tell(message, isError = false) {
  $("message").textContent = message;
  $("message").className = isError ? "error" : "";
}

// Ask for a correction; then show what it changed, by `after` where more than this frame is to be shown.
async function did(path, body, words, after = refresh) {
  try {
    state = await ask(path, body);
  } catch (error) {
    tell(error.message, true);
    return false;
  }
  contours.drop(state.changed);
  selected = [];
  $("why").value = "";
  tell(words);
  showState();
  showSelected();
  await after();
  return true;
}

async function refresh() {
  showItem();
  await show();
  if (current()) await showStrip(current());
}

function correct(kind, fields) {
  const key = current()?.key || "";
  const isOfItem = key && (kind.startsWith("merge_") || selected.some((one) => current().ids.includes(one.id)));
  return did("correct", { kind, fields, why: $("why").value, item: isOfItem ? key : "" }, kind.replaceAll("_", " "));
}

function drawTool(pen) {
  if (drawn.length < 2) return;
  pen.beginPath();
  drawn.forEach(([y, x]) => pen.lineTo(x, y));
  pen.strokeStyle = "#fff";
  pen.lineWidth = 2 / view.scale;
  pen.stroke();
}

function drawWith(event) {
  drawn = [placeOf(event)];
  const move = (now) => {
    if (tool === "line") drawn = [drawn[0], placeOf(now)];
    else drawn.push(placeOf(now));
    redraw();
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", () => {
    removeEventListener("pointermove", move);
    finish();
  }, { once: true });
}

function finish() {
  const points = drawn, [one] = selected, name = tool;
  setTool(null);
  if (name === "line" && points.length === 2 && one) correct("particle_split", { at: one, line: points });
  else if (name !== "line" && points.length > 2)
    correct("particle_outlined", { frame: { t }, rings: [points], ...(name === "outline" && one ? { at: one } : {}) });
  else tell("draw in the picture with the button held down; a line needs a selected particle", true);
}

function setTool(name) {
  tool = tool === name ? null : name;
  drawn = [];
  for (const button of $("tools").children) button.setAttribute("aria-pressed", button.dataset.tool === tool);
  redraw();
}

const inOrder = () => [...selected].sort((a, b) => a.t - b.t);

const TOOLS = {
  "delete here": [1, ([at]) => correct("particle_deleted", { at, everywhere: false })],
  "delete everywhere": [1, ([at]) => correct("particle_deleted", { at, everywhere: true })],
  "cut link": [1, ([at]) => correct("link_cut", { at })],
  "link": [2, ([before, after]) => correct("link_made", { before, after })],
  "fragment of": [2, ([before, after]) => correct("link_made", { before, after, as_split: true })],
  "swap": [2, ([one, other]) => correct("ids_swapped", { one, other })],
  "join here": [2, ([one, other]) => correct("particles_joined", { one, other })],
  "join everywhere": [2, ([one, other]) => correct("particles_joined", { one, other, everywhere: true })],
  "merged": [3, (all) => correct("merge_added", { child: all.at(-1), parents: all.slice(0, -1) })],
  "other parents": [2, (parents) => ofMerge((child) => correct("merge_parents", { child, parents }))],
  "merged here": [0, () => ofMerge((child) => correct("merge_frame", { child, frame: { t } }))],
  "line": [1, () => setTool("line")],
  "outline": [1, () => setTool("outline")],
  "new outline": [0, () => setTool("new outline")],
  "copy here": [1, ([at]) => correct("particle_copied", { at, frame: { t } })],
  "dissolved": [1, ([at]) => correct("fate_told", { at, fate: "dissolved" })],
  "left": [1, ([at]) => correct("fate_told", { at, fate: "left" })],
  "lost": [1, ([at]) => correct("fate_told", { at, fate: "lost" })],
  "frame is right": [0, () => correct("confirmed", { what: "frame", frame: { t } })],
  "exclude frame": [0, () => correct("frame_excluded", { frame: { t } })],
  "note": [0, () => correct("note", { text: $("why").value, frame: { t }, ...(selected[0] ? { at: selected[0] } : {}) })],
};

function ofMerge(act) {
  const one = current();
  if (one?.kind !== "merge") return tell("go to the merge in the queue first", true);
  return act({ id: one.ids[0], t: one.t });
}

function use(name) {
  const [n, act] = TOOLS[name];
  if (selected.length < n) return tell(`${name}: select ${n} ${n === 1 ? "particle" : "particles"} first`, true);
  return act(inOrder());
}
