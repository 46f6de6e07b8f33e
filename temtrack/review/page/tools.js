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

// Do something with the selected particle of the frame that is shown.
function withOneHere(act) {
  const one = here();
  return one ? act(one) : tell("select a particle of this frame first", true);
}

const DRAWN = { // by tool: points that it needs, and what it does with them
  "split by line": [2, (points) => withOneHere((at) => correct("particle_split", { at, line: points }))],
  "outline": [3, (points) => outlined(points, selected[0])],
  "new outline": [3, (points) => outlined(points)],
  "box": [2, (points) => byServer("box", points, here())],
  "brush": [1, (points) => paint("brush", points, here())],
  "eraser": [1, (points) => withOneHere((one) => paint("eraser", points, one))],
};

const CLICKED = {
  "polygon": [3, (points) => outlined(points, selected[0])],
  "point": [1, (points) => byServer("point", points, here())],
  "split at points": [2, (points) => withOneHere((one) => byServer("divide", points, one))],
};

const isBrush = () => tool === "brush" || tool === "eraser";

// A stroke, after which brush and particle stay in the hand, also one that it has just begun.
function paint(name, points, one) {
  return byServer(name, points, one, { radius: Number($("radius").value) }, async () => {
    const id = one ? one.id : await particleAt(...points[0]);
    selected = id ? [{ id, t }] : [];
    showSelected();
    await refresh();
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
    drawn = tool === "split by line" || tool === "box" ? [drawn[0], placeOf(now)] : [...drawn, placeOf(now)];
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
  for (const button of $("tools").querySelectorAll("button")) button.setAttribute("aria-pressed", button.dataset.tool === tool);
  if (tool in CLICKED && tool !== "point") tell(`${tool}: click in the picture, Backspace takes the last point back, Enter ends`);
  redraw();
}

const inOrder = () => [...selected].sort((a, b) => a.t - b.t);

const TOOLS = { // by group and name: how many particles are selected for it, what it does, and what that says
  Links: {
    "link": [2, ([before, after]) => correct("link_made", { before, after }), "the earlier one goes on as the later one"],
    "cut link": [1, ([at]) => correct("link_cut", { at }), "it is not what it is said to come from: itself before, a merge, a split"],
    "swap": [2, ([one, other]) => correct("ids_swapped", { one, other }), "from here on the two are each other"],
    "fragment of": [2, ([before, after]) => correct("link_made", { before, after, as_split: true }), "the later one split off the earlier one, which lives on"],
  },
  Merge: {
    "merged": [3, (all) => correct("merge_added", { child: all.at(-1), parents: all.slice(0, -1) }), "two or more became one: select them, and last the child in its first frame"],
    "other parents": [2, (parents) => ofMerge((child) => correct("merge_parents", { child, parents })), "the selected ones are the parents of the merge in the queue"],
    "merged here": [0, () => ofMerge((child) => correct("merge_frame", { child, frame: { t } })), "the child of the merge in the queue stands as one from this frame on"],
  },
  Particle: {
    "delete here": [1, ([at]) => correct("particle_deleted", { at, everywhere: false }), "it is no particle in this frame"],
    "delete everywhere": [1, ([at]) => correct("particle_deleted", { at, everywhere: true }), "it is no particle at all"],
    "join here": [2, ([one, other]) => correct("particles_joined", { one, other }), "they are fragments of one particle in this frame"],
    "join everywhere": [2, ([one, other]) => correct("particles_joined", { one, other, everywhere: true }), "they are fragments of one particle"],
  },
  Outline: {
    "split by line": [1, () => setTool("split by line"), "it is two: draw the line between them"],
    "split at points": [1, () => setTool("split at points"), "it is several: click into each, then Enter"],
    "outline": [1, () => setTool("outline"), "draw its outline anew with the button held down"],
    "new outline": [0, () => setTool("new outline"), "draw a particle that lacks"],
    "polygon": [0, () => setTool("polygon"), "outline the selected one, or one that lacks, click by click, then Enter"],
    "brush": [0, () => setTool("brush"), "add pixels to the selected one, or paint one that lacks"],
    "eraser": [1, () => setTool("eraser"), "take pixels from the selected one"],
    "point": [0, () => setTool("point"), "the model outlines what you click on: the selected one, or one that lacks"],
    "box": [0, () => setTool("box"), "the model outlines what you draw a box around"],
    "copy here": [1, ([at]) => correct("particle_copied", { at, frame: { t } }), "in this frame it looks as in the one where it was selected"],
  },
  End: {
    "dissolved": [1, ([at]) => correct("fate_told", { at, fate: "dissolved" }), "it shrank until nothing was left"],
    "left": [1, ([at]) => correct("fate_told", { at, fate: "left" }), "it left the field"],
    "lost": [1, ([at]) => correct("fate_told", { at, fate: "lost" }), "nobody knows how it ended"],
  },
  Frame: {
    "frame is right": [0, () => correct("confirmed", { what: "frame", frame: { t } }), "all outlines of this frame are as they should be"],
    "exclude frame": [0, () => correct("frame_excluded", { frame: { t } }), "nothing is to be measured in this frame"],
    "note": [0, () => correct("note", { text: $("why").value, frame: { t }, ...(selected[0] ? { at: selected[0] } : {}) }), "words, from the field below, on the frame or the selected particle"],
  },
};

const TOOL_KEYS = {
  d: "delete here", D: "delete everywhere", c: "cut link", l: "link", s: "swap", j: "join here", m: "merged",
  x: "exclude frame", b: "brush", e: "eraser", p: "polygon", a: "point",
};

// The merge in the queue, wherever corrections have moved it.
async function ofMerge(act) {
  const one = current();
  if (one?.kind !== "merge") return tell("go to the merge in the queue first", true);
  const [id] = one.ids, child = await ask(`particle/${id}`).catch(() => null);
  if (!child) return tell(`${id} is there no more; undo what took it away, or use "merged"`, true);
  return act({ id, t: one.ids.indexOf(id, 1) < 0 ? child.start : one.t }); // some programs call it like a parent
}

function use(name) {
  const [n, act] = Object.assign({}, ...Object.values(TOOLS))[name];
  if (selected.length < n) return tell(`${name}: select ${n} ${n === 1 ? "particle" : "particles"} first`, true);
  return act(inOrder());
}
