// Corrections: what a tool needs selected or drawn, and what it asks the server for.
"use strict";

let tool = null, drawn = []; // points (y, x) of what is being drawn
let pointer = [0, 0];

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

// Drawing: with the button held down, or click by click until Enter.

const here = () => selected.find((one) => one.t === t);
const outlined = (points, one) => correct("particle_outlined", { frame: { t }, rings: [points], ...(one ? { at: one } : {}) });
const byServer = (how, points, one, more = {}, after = refresh) => did("draw", { how, t, points, ...(one ? { id: one.id } : {}), ...more, why: $("why").value }, how, after);

const DRAWN = { // by tool: points that it needs, and what it does with them
  "line": [2, (points) => correct("particle_split", { at: selected[0], line: points })],
  "outline": [3, (points) => outlined(points, selected[0])],
  "new outline": [3, (points) => outlined(points)],
  "box": [2, (points) => byServer("box", points, here())],
  "brush": [1, (points) => paint(points)],
  "eraser": [1, (points) => paint(points)],
};

const CLICKED = {
  "polygon": [3, (points) => outlined(points, selected[0])],
  "point": [1, (points) => byServer("point", points, here())],
  "split at points": [2, (points) => byServer("divide", points, here())],
};

const isBrush = () => tool === "brush" || tool === "eraser";

// A stroke, after which brush and particle stay in the hand.
function paint(points) {
  const one = here(), name = tool;
  if (name === "eraser" && !one) return tell("eraser: select a particle of this frame first", true);
  if (!one) setTool(null);
  return byServer(name, points, one, { radius: Number($("radius").value) }, () => {
    selected = one ? [one] : [];
    showSelected();
    return refresh();
  });
}

function drawTool(pen) {
  pen.strokeStyle = pen.fillStyle = "#fff";
  pen.lineWidth = (isBrush() ? 2 * Number($("radius").value) : 2 / view.scale);
  pen.lineCap = pen.lineJoin = "round";
  pen.globalAlpha = isBrush() ? 0.45 : 1;
  pen.beginPath();
  if (tool === "box" && drawn.length === 2) pen.rect(drawn[0][1], drawn[0][0], drawn[1][1] - drawn[0][1], drawn[1][0] - drawn[0][0]);
  else drawn.forEach(([y, x]) => pen.lineTo(x, y));
  pen.stroke();
  pen.globalAlpha = 1;
  pen.lineWidth = 1.5 / view.scale;
  for (const [y, x] of isBrush() ? [pointer] : tool in CLICKED ? drawn : []) {
    pen.beginPath();
    pen.arc(x, y, isBrush() ? Number($("radius").value) : 3 / view.scale, 0, 7);
    pen.stroke();
  }
}

function drawWith(event) {
  if (tool in CLICKED) {
    drawn = [...drawn, placeOf(event)];
    redraw();
    if (tool === "point") finish();
    return;
  }
  drawn = [placeOf(event)];
  const move = (now) => {
    drawn = tool === "line" || tool === "box" ? [drawn[0], placeOf(now)] : [...drawn, placeOf(now)];
    redraw();
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", () => {
    removeEventListener("pointermove", move);
    finish();
  }, { once: true });
}

function finish() {
  if (!tool) return;
  const [n, act] = DRAWN[tool] ?? CLICKED[tool], points = drawn, name = tool;
  if (points.length < n) {
    setTool(null);
    return tell(name in CLICKED ? `${name}: click ${n} points or more, then Enter` : "draw in the picture with the button held down", true);
  }
  if (!isBrush()) setTool(null);
  else drawn = [];
  act(points);
}

function setTool(name) {
  tool = tool === name ? null : name;
  drawn = [];
  for (const button of $("tools").children) button.setAttribute("aria-pressed", button.dataset.tool === tool);
  if (tool in CLICKED && tool !== "point") tell(`${tool}: click in the picture, Backspace takes the last point back, Enter ends`);
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
  "polygon": [0, () => setTool("polygon")],
  "brush": [0, () => setTool("brush")],
  "eraser": [1, () => setTool("eraser")],
  "point": [0, () => setTool("point")],
  "box": [0, () => setTool("box")],
  "split at points": [1, () => setTool("split at points")],
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
