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

// Measures what the corrections change in the results, which takes as long as the analysis of the run.
async function showChanges() {
  $("measure").disabled = true;
  tell("measuring what changed …");
  const { revision } = state;
  try {
    const rows = (await ask("changes")).map((one) => [one.quantity.replace(/^n_/, "").replaceAll("_", " ") + (one.unit === "1" ? "" : ` (${one.unit})`), inWords(one, "before"), inWords(one, "after")]);
    $("changes").replaceChildren(...[["", "as tracked", "as corrected"], ...rows].map((cells, row) => {
      const line = document.createElement("tr");
      line.append(...cells.map((words) => Object.assign(document.createElement(row ? "td" : "th"), { textContent: words })));
      return line;
    }));
    tell(revision === state.revision ? "" : "these are of the corrections before the last");
  } catch (error) {
    tell(error.message, true);
  }
  $("measure").disabled = false;
}

function showState() {
  $("changes").replaceChildren(); // of a state that was
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
