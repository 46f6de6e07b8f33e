"use strict";

const $ = (id) => document.getElementById(id);
const STEPS = [[0, 1], [1, 0], [0, -1], [-1, 0]]; // right, down, left, up, as (dy, dx)
const MAX_KEPT = 60;

let run, state;
let t = 0, item = 0, playing = null;
let view = { scale: 1, x: 0, y: 0 };
let selected = []; // {id, t}
let tool = null, drawn = []; // points (y, x) of the line or outline that is being drawn
const pictures = new Map(), contours = new Map();

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, options);
  const told = await response.json();
  if (!response.ok) throw new Error(told.error);
  return told;
}

function keep(map, key, make) {
  if (!map.has(key)) {
    map.set(key, make());
    if (map.size > MAX_KEPT) map.delete(map.keys().next().value);
  }
  return map.get(key);
}

const pictureOf = (frame) => keep(pictures, frame, async () => {
  const image = new Image();
  image.src = `frame/${frame}`;
  await image.decode();
  return image;
});

const contoursOf = (frame) => keep(contours, frame, async () => {
  const told = await ask(`contours/${frame}`);
  const particles = new Map();
  let at = 0;
  for (const [id, area, y0, x0, n] of told.polylines) {
    const known = particles.get(id) || { path: new Path2D(), area, y: 0, x: 0, n: 0 };
    let y = y0, x = x0;
    known.path.moveTo(x, y);
    for (let i = 0; i < n; i++) {
      const [dy, dx] = STEPS[told.steps.charCodeAt(at++) - 48];
      y += dy; x += dx; known.y += y; known.x += x; known.n++;
      known.path.lineTo(x, y);
    }
    known.path.closePath();
    particles.set(id, known);
  }
  return particles;
});

const colorOf = (id) => run.colors[(id - 1) % run.colors.length];
const movieFrame = (frame) => run.first_frame + frame * run.frame_step;

// The stage

function resize() {
  for (const canvas of [$("picture"), $("overlay")]) {
    canvas.width = $("stage").clientWidth;
    canvas.height = $("stage").clientHeight;
  }
}

function fit() {
  const { width, height } = $("overlay");
  view.scale = Math.min(width / run.width, height / run.height);
  view.x = (width - run.width * view.scale) / 2;
  view.y = (height - run.height * view.scale) / 2;
}

function drawOn(canvas, place, image, particles, marked) {
  const pen = canvas.getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  if (image) pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.setTransform(place.scale, 0, 0, place.scale, place.x, place.y);
  pen.imageSmoothingEnabled = place.scale < 3;
  if (image) pen.drawImage(image, 0, 0, run.width, run.height);
  for (const [id, { path }] of particles || []) {
    pen.strokeStyle = colorOf(id);
    pen.lineWidth = (marked.has(id) ? 3.5 : 1.4) / place.scale;
    pen.stroke(path);
  }
  return pen;
}

async function show() {
  const frame = t;
  $("slider").value = frame;
  const [image, particles] = await Promise.all([pictureOf(frame), contoursOf(frame)]);
  if (frame !== t) return;
  const overlay = $("overlay");
  drawOn($("picture"), view, image, null, new Set());
  overlay.getContext("2d").setTransform(1, 0, 0, 1, 0, 0);
  overlay.getContext("2d").clearRect(0, 0, overlay.width, overlay.height);
  const marked = new Set([...selected.map((one) => one.id), ...(current()?.ids || [])]);
  const pen = drawOn(overlay, view, null, $("outlines").checked ? particles : null, marked);
  pen.font = `${13 / view.scale}px system-ui`;
  pen.textAlign = "center";
  for (const [id, one] of particles) {
    if (!marked.has(id)) continue;
    pen.lineWidth = 3 / view.scale;
    pen.strokeStyle = "#000";
    pen.fillStyle = "#fff";
    pen.strokeText(id, one.x / one.n, one.y / one.n);
    pen.fillText(id, one.x / one.n, one.y / one.n);
  }
  if (drawn.length > 1) {
    pen.beginPath();
    drawn.forEach(([y, x]) => pen.lineTo(x, y));
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2 / view.scale;
    pen.stroke();
  }
  const time = run.seconds ? ` · ${Number(run.seconds[frame].toPrecision(5))} s` : "";
  const out = state.excluded.includes(frame) ? " · excluded" : "";
  $("now").textContent = `frame ${movieFrame(frame)}${time} · ${particles.size} particles${out}`;
  $("stage").dataset.frame = frame;
  $("stage").dataset.revision = state.revision;
}

function goTo(frame) {
  t = Math.max(0, Math.min(run.n_frames - 1, frame));
  for (const ahead of [t + 1, t + 2]) if (ahead < run.n_frames) { pictureOf(ahead); contoursOf(ahead); }
  return show();
}

function play(wanted) {
  clearTimeout(playing);
  playing = null;
  $("play").textContent = wanted ? "Pause" : "Play";
  if (!wanted) return;
  const step = async () => {
    if (t >= run.n_frames - 1) return play(false);
    const began = performance.now();
    await goTo(t + 1);
    if (playing !== null) playing = setTimeout(step, Math.max(0, 1000 / $("speed").value - (performance.now() - began)));
  };
  playing = setTimeout(step, 0);
}

const placeOf = (event) => {
  const box = $("stage").getBoundingClientRect();
  return [(event.clientY - box.top - view.y) / view.scale, (event.clientX - box.left - view.x) / view.scale];
};

async function select(event) {
  const [y, x] = placeOf(event), pen = $("overlay").getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  const hit = [...await contoursOf(t)].find(([, one]) => pen.isPointInPath(one.path, x, y, "evenodd"));
  selected = event.shiftKey ? selected : [];
  if (hit) selected = [...selected.filter((one) => one.id !== hit[0] || one.t !== t), { id: hit[0], t }];
  showSelected();
  show();
}

async function showSelected() {
  const words = selected.map((one) => `${one.id} (frame ${movieFrame(one.t)})`).join(", ");
  $("selected").textContent = words || "nothing";
  if (selected.length !== 1) return;
  const told = await ask(`particle/${selected[0].id}`).catch(() => null);
  if (told) $("selected").textContent = `${words}: frames ${movieFrame(told.start)} to ${movieFrame(told.end)}, ${told.origin}, ${told.fate}`;
}

function drag(event) {
  const start = [event.clientX - view.x, event.clientY - view.y], from = [event.clientX, event.clientY];
  let moved = false;
  if (tool) drawn = [placeOf(event)];
  const move = (now) => {
    moved ||= Math.hypot(now.clientX - from[0], now.clientY - from[1]) > 3;
    if (tool === "line") drawn = [drawn[0], placeOf(now)];
    else if (tool === "outline" || tool === "new outline") drawn.push(placeOf(now));
    else if (moved) [view.x, view.y] = [now.clientX - start[0], now.clientY - start[1]];
    show();
  };
  const end = (last) => {
    removeEventListener("pointermove", move);
    if (tool) finish();
    else if (!moved) select(last);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end, { once: true });
}

function zoom(event) {
  event.preventDefault();
  const [y, x] = placeOf(event), factor = Math.exp(-event.deltaY / 400);
  const scale = Math.max(0.05, Math.min(60, view.scale * factor));
  view.x += x * (view.scale - scale);
  view.y += y * (view.scale - scale);
  view.scale = scale;
  show();
}

// Corrections

function tell(message, isError = false) {
  $("message").textContent = message;
  $("message").className = isError ? "error" : "";
}

async function did(path, body, words) {
  try {
    state = await ask(path, body);
  } catch (error) {
    tell(error.message, true);
    return false;
  }
  contours.clear();
  selected = [];
  $("why").value = "";
  tell(words);
  await Promise.all([showItem(), showState(), showSelected(), show()]);
  return true;
}

function correct(kind, fields) {
  const key = current()?.key || "";
  const isOfItem = key && (kind.startsWith("merge_") || selected.some((one) => current().ids.includes(one.id)));
  return did("correct", { kind, fields, why: $("why").value, item: isOfItem ? key : "" }, kind.replaceAll("_", " "));
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
  show();
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

// The queue

const current = () => run.queue[item];

async function go(step) {
  item = Math.max(0, Math.min(run.queue.length - 1, item + step));
  await toItem();
}

async function toItem() {
  const one = current();
  await showItem();
  if (!one) return;
  const [[y, x]] = one.places.length ? one.places : [[run.height / 2, run.width / 2]];
  if (one.places.length) {
    const { width, height } = $("overlay");
    view.scale = Math.max(view.scale, Math.min(width, height) / 160);
    view.x = width / 2 - x * view.scale;
    view.y = height / 2 - y * view.scale;
  }
  await goTo(one.t);
}

async function answer(yes) {
  const one = current();
  if (!one || (!yes && !one.has_no)) return;
  if (await did("answer", { key: one.key, yes }, yes ? "yes" : "no")) {
    const left = run.queue.findIndex((other, i) => i > item && !state.answered[other.key]);
    if (left >= 0) go(left - item);
  }
}

async function showItem() {
  const one = current(), n = Object.keys(state.answered).length;
  $("place").textContent = one ? `${item + 1} of ${run.queue.length}, ${n} answered${one.is_sample ? " · drawn at random" : ""}` : "";
  $("question").textContent = one ? one.question : "Nothing is doubtful.";
  $("yes").disabled = !one;
  $("no").disabled = !one?.has_no;
  $("answer").textContent = one && state.answered[one.key] ? `answered: ${state.answered[one.key].replaceAll("_", " ")}` : "";
  if (one) await showStrip(one);
}

async function showStrip(one) {
  const [[y, x]] = one.places.length ? one.places : [[run.height / 2, run.width / 2]];
  const frames = [-2, -1, 0, 1, 2].map((step) => one.t + step).filter((frame) => frame >= 0 && frame < run.n_frames);
  const made = await Promise.all(frames.map(async (frame) => {
    const figure = document.createElement("figure"), canvas = document.createElement("canvas");
    canvas.width = canvas.height = 120;
    canvas.dataset.frame = frame;
    const scale = one.places.length ? 120 / Math.min(100, Math.max(run.width, run.height)) : 120 / Math.max(run.width, run.height);
    const place = { scale, x: 60 - x * scale, y: 60 - y * scale };
    drawOn(canvas, place, await pictureOf(frame), await contoursOf(frame), new Set(one.ids));
    canvas.onclick = () => goTo(frame);
    const caption = document.createElement("figcaption");
    caption.textContent = movieFrame(frame);
    figure.append(canvas, caption);
    return figure;
  }));
  if (one === current()) $("strip").replaceChildren(...made);
}

function showState() {
  $("undo").disabled = !state.can_undo;
  $("redo").disabled = !state.can_redo;
  $("log").replaceChildren(...state.log.toReversed().map((entry) => {
    const line = document.createElement("li");
    line.textContent = `${entry.kind.replaceAll("_", " ")}${entry.item ? `: ${entry.item}` : ""}`;
    line.title = `${entry.author}, ${entry.time}`;
    return line;
  }));
  const words = Object.entries(state.shares).map(([name, one]) => one.value === null
    ? `${name} unknown yet (${one.n_reviewed} of ${one.n} reviewed)`
    : `${name} ${one.value.toFixed(2)} [${one.low.toFixed(2)}, ${one.high.toFixed(2)}] (${one.n_reviewed} of ${one.n} reviewed)`);
  const stale = state.stale.length ? `; ${state.stale.length} corrections do not apply` : "";
  $("shares").textContent = `Merges: ${state.n_merges} now; of those told, ${words.join("; ")}${stale}.`;
}

const KEYS = {
  y: () => answer(true), n: () => answer(false), ".": () => go(1), ",": () => go(-1),
  ArrowRight: () => goTo(t + 1), ArrowLeft: () => goTo(t - 1), " ": () => play(playing === null),
  z: () => did("reverse", { redo: false }, "undone"), Z: () => did("reverse", { redo: true }, "made again"),
  0: () => { fit(); show(); }, d: () => use("delete here"), D: () => use("delete everywhere"), c: () => use("cut link"),
  l: () => use("link"), s: () => use("swap"), j: () => use("join here"), m: () => use("merged"), x: () => use("exclude frame"),
  Escape: () => { selected = []; setTool(null); showSelected(); },
};

async function start() {
  [run, state] = await Promise.all([ask("run"), ask("state")]);
  document.title = `${run.name} · temtrack review`;
  $("name").textContent = run.name;
  $("slider").max = run.n_frames - 1;
  for (const name of Object.keys(TOOLS)) {
    const button = document.createElement("button");
    button.textContent = button.dataset.tool = name;
    button.onclick = () => use(name);
    $("tools").append(button);
  }
  const actions = { play: " ", yes: "y", no: "n", next: ".", back: ",", undo: "z", redo: "Z", fit: "0" };
  for (const [id, key] of Object.entries(actions)) $(id).onclick = () => KEYS[key]();
  $("slider").oninput = () => goTo(Number($("slider").value));
  $("outlines").onchange = show;
  const look = () => { $("picture").style.filter = `brightness(${$("brightness").value}%) contrast(${$("contrast").value}%)`; };
  $("brightness").oninput = $("contrast").oninput = look;
  $("stage").onpointerdown = drag;
  $("stage").addEventListener("wheel", zoom, { passive: false });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.id === "why") return;
    const act = KEYS[event.key];
    if (act) { event.preventDefault(); act(); }
  });
  addEventListener("resize", () => { resize(); show(); });
  resize();
  fit();
  showState();
  const left = run.queue.findIndex((one) => !state.answered[one.key]);
  item = Math.max(left, 0);
  await toItem();
  if (!run.queue.length) await goTo(0);
  document.documentElement.dataset.ready = "";
}

start().catch((error) => tell(error.message, true));
