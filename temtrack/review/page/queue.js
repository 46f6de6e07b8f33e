// The queue: the question, its answers, frames around it, and what was done so far.
"use strict";

let item = 0;

const current = () => run.queue?.[item];

async function go(step) {
  item = Math.max(0, Math.min(run.queue.length - 1, item + step));
  await toItem();
}

const placesOf = (one) => (one.places.length ? one.places : [[run.height / 2, run.width / 2]]);

async function toItem() {
  const one = current();
  showItem();
  if (!one) return;
  const [[y, x]] = placesOf(one);
  if (one.places.length) {
    const { width, height } = $("overlay");
    view.scale = Math.max(view.scale, Math.min(width, height) / 160);
    view.x = width / 2 - x * view.scale;
    view.y = height / 2 - y * view.scale;
  }
  await goTo(one.t);
  await showStrip(one);
}

const nextOpen = () => run.queue.findIndex((other, i) => i > item && !state.answered[other.key]);

// The frames of the question that comes next, that of its strip too.
function framesOfNext() {
  const one = run.queue?.[nextOpen()];
  return one ? [0, ...STRIP].map((step) => one.t + step) : [];
}

async function answer(yes) {
  const one = current();
  if (!one || (!yes && !one.has_no)) return;
  const next = nextOpen();
  if (next >= 0) item = next; // shown with what the answer changes, once it is on the disk
  const before = run.queue.indexOf(one);
  if (!await did("answer", { key: one.key, yes }, yes ? "yes" : "no", toItem)) item = before;
}

function showItem() {
  const one = current(), n = Object.keys(state.answered).length;
  $("place").textContent = one ? `${item + 1} of ${run.queue.length}, ${n} answered${one.is_sample ? " · drawn at random" : ""}` : "";
  $("question").textContent = one ? one.question : "Nothing is doubtful.";
  $("yes").disabled = !one;
  $("no").disabled = !one?.has_no;
  showWhatIf();
  $("answer").textContent = one && state.answered[one.key] ? `answered: ${state.answered[one.key].replaceAll("_", " ")}` : "";
}

async function showStrip(one) {
  const [[y, x]] = placesOf(one);
  const frames = STRIP.map((step) => one.t + step).filter((frame) => frame >= 0 && frame < run.n_frames);
  const made = await Promise.all(frames.map(async (frame) => {
    const figure = document.createElement("figure"), canvas = document.createElement("canvas");
    canvas.width = canvas.height = 120;
    canvas.dataset.frame = frame;
    const whole = Math.max(run.width, run.height), scale = 120 / (one.places.length ? Math.min(100, whole) : whole);
    const place = { scale, x: 60 - x * scale, y: 60 - y * scale };
    const [image, outlines] = await Promise.all([pictures.get(frame), contours.get(frame)]);
    outlines.stroke(drawPicture(canvas, place, image), place, new Set(one.ids));
    canvas.onclick = () => goTo(frame);
    const caption = document.createElement("figcaption");
    caption.textContent = movieFrame(frame);
    figure.append(canvas, caption);
    return figure;
  }));
  if (one === current()) $("strip").replaceChildren(...made);
}

const inWords = (one, side) => {
  const [value, low, high] = ["", "_low", "_high"].map((end) => one[side + end]), short = (number) => String(Number(number.toPrecision(3)));
  return value === null ? "–" : low === null || high === null ? short(value) : `${short(value)} [${short(low)}, ${short(high)}]`;
};

const openOf = (kind) => run.queue.filter((one) => one.kind === kind && !state.answered[one.key]).length;

function showWhatIf() {
  const kind = current()?.kind, n = openOf(kind);
  $("whatif").hidden = !n;
  $("whatif").textContent = `What if all ${n} open ${kind} questions show mistakes?`;
}

// Measures what the corrections change in the results, and what they would if all open questions of a kind
// showed mistakes; seconds each in a long run.
async function showChanges(kind) {
  $("measure").disabled = $("whatif").disabled = true;
  tell("measuring what changes …");
  const { revision } = state, n = openOf(kind);
  try {
    const now = await ask("changes"), then = kind && await ask(`changes?if=${encodeURIComponent(kind)}`);
    const mended = new Map((then || []).map((one) => [one.quantity, one]));
    const named = (one) => one.quantity.replace(/^n_/, "").replaceAll("_", " ") + (one.unit === "1" ? "" : ` (${one.unit})`);
    const last = (one) => (!then ? [] : mended.has(one.quantity) ? [inWords(mended.get(one.quantity), "after")] : ["–"]);
    const rows = now.map((one) => [named(one), inWords(one, "before"), inWords(one, "after"), ...last(one)]);
    $("changes").replaceChildren(...[["", "as tracked", "as corrected", ...(then ? [`if all ${n} are mended`] : [])], ...rows].map((cells, row) => {
      const line = document.createElement("tr");
      line.append(...cells.map((words) => Object.assign(document.createElement(row ? "td" : "th"), { textContent: words })));
      return line;
    }));
    tell(revision === state.revision ? "" : "these are of the corrections before the last");
  } catch (error) {
    tell(error.message, true);
  }
  $("measure").disabled = $("whatif").disabled = false;
}

function showState() {
  $("changes").replaceChildren(); // of a state that was
  $("undo").disabled = !state.can_undo;
  $("redo").disabled = !state.can_redo;
  $("log").replaceChildren(...state.log.toReversed().map((entry) => {
    const line = document.createElement("li");
    const words = entry.kind.replaceAll("_", " ") + (entry.t === null ? "" : `, frame ${movieFrame(entry.t)}`);
    line.textContent = words + (entry.stale ? `: does not apply, ${entry.stale}` : "");
    line.title = entry.told;
    line.className = entry.stale ? "error" : "";
    if (entry.t !== null) line.onclick = () => goTo(entry.t);
    return line;
  }));
  const words = Object.entries(state.shares).map(([name, one]) => one.value === null
    ? `${name} unknown yet (${one.n_reviewed} of ${one.n} reviewed)`
    : `${name} ${one.value.toFixed(2)} [${one.low.toFixed(2)}, ${one.high.toFixed(2)}] (${one.n_reviewed} of ${one.n} reviewed)`);
  const stale = state.n_stale ? `; ${state.n_stale} corrections do not apply` : "";
  $("shares").textContent = `Merges: ${state.n_merges} now; of those told, ${words.join("; ")}${stale}.`;
}
