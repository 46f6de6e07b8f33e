// The stage: a frame with its outlines, zoom and pan, what is selected, and the movie playing.
"use strict";

const STRIP = [-2, -1, 0, 1, 2]; // frames around the one of a question
const N_AHEAD = 4;

let t = 0, playing = null;
let view = { scale: 1, x: 0, y: 0 };
let shown = null; // {frame, image, outlines}
let selected = []; // {id, t}

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

function cleared(canvas, place) {
  const pen = canvas.getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.setTransform(place.scale, 0, 0, place.scale, place.x, place.y);
  return pen;
}

function drawPicture(canvas, place, image) {
  const pen = cleared(canvas, place);
  pen.imageSmoothingEnabled = place.scale < 3;
  pen.drawImage(image, 0, 0, run.width, run.height);
  return pen;
}

function draw() {
  const { frame, image, outlines } = shown;
  drawPicture($("picture"), view, image);
  const pen = cleared($("overlay"), view);
  const marked = new Set([...selected.map((one) => one.id), ...(current()?.ids || [])]);
  if ($("outlines").checked) outlines.stroke(pen, view, marked);
  drawNames(pen, outlines, marked);
  drawTool(pen);
  const time = run.seconds ? ` · ${Number(run.seconds[frame].toPrecision(5))} s` : "";
  const known = state ? ` · ${outlines.size} particles${state.excluded.includes(frame) ? " · excluded" : ""}` : "";
  if (document.activeElement !== $("number")) $("number").value = movieFrame(frame);
  $("now").textContent = `of ${movieFrame(run.n_frames - 1)}${time}${known}`;
  $("stage").dataset.frame = frame;
  $("stage").dataset.revision = state?.revision ?? "";
}

function drawNames(pen, outlines, marked) {
  pen.font = `${13 / view.scale}px system-ui`;
  pen.textAlign = "center";
  pen.lineWidth = 3 / view.scale;
  pen.strokeStyle = "#000";
  pen.fillStyle = "#fff";
  for (const id of marked) {
    const one = outlines.particles.get(id);
    if (!one) continue;
    pen.strokeText(id, one.x / one.n, one.y / one.n);
    pen.fillText(id, one.x / one.n, one.y / one.n);
  }
}

let isDrawing = false;

// Draw again at the next picture of the screen, however often it is asked for until then.
function redraw() {
  if (isDrawing || !shown) return;
  isDrawing = true;
  requestAnimationFrame(() => { isDrawing = false; draw(); });
}

async function show() {
  const frame = t;
  $("slider").value = frame;
  try {
    const [image, outlines] = await Promise.all([pictures.get(frame), outlinesOf(frame)]);
    if (frame !== t) return;
    shown = { frame, image, outlines };
  } catch (error) {
    return tell(error.message, true);
  }
  draw();
}

async function goTo(frame) {
  const forward = frame >= t ? 1 : -1;
  if (frame !== t) drawn = [];
  t = Math.max(0, Math.min(run.n_frames - 1, frame));
  const here = t;
  await show();
  if (here !== t) return;
  const next = Array.from({ length: N_AHEAD }, (_, n) => t + forward * (n + 1));
  fetchAhead(playing === null ? [next[0], t - forward, ...framesOfNext(), ...next] : next);
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

// The particle at a pixel of the frame that is shown, 0 where there is none.
async function particleAt(y, x) {
  const pen = $("overlay").getContext("2d");
  pen.setTransform(1, 0, 0, 1, 0, 0);
  return (await contours.get(t)).at(y, x, pen);
}

async function select(event) {
  if (!state) return;
  const hit = await particleAt(...placeOf(event));
  selected = event.shiftKey ? selected : [];
  if (hit) selected = [...selected.filter((one) => one.id !== hit || one.t !== t), { id: hit, t }];
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

function pan(event) {
  const start = [event.clientX - view.x, event.clientY - view.y], from = [event.clientX, event.clientY];
  let moved = false;
  const move = (now) => {
    moved ||= Math.hypot(now.clientX - from[0], now.clientY - from[1]) > 3;
    if (moved) [view.x, view.y] = [now.clientX - start[0], now.clientY - start[1]];
    redraw();
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", (last) => {
    removeEventListener("pointermove", move);
    if (!moved) select(last);
  }, { once: true });
}

function zoom(event) {
  event.preventDefault();
  const [y, x] = placeOf(event), factor = Math.exp(-event.deltaY / 400);
  const scale = Math.max(0.05, Math.min(60, view.scale * factor));
  view.x += x * (view.scale - scale);
  view.y += y * (view.scale - scale);
  view.scale = scale;
  redraw();
}
