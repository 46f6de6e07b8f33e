// Pictures and contours of frames: asked for once, the last ones kept, those that come next fetched ahead.
"use strict";

const $ = (id) => document.getElementById(id);
const STEPS = [[0, 1], [1, 0], [0, -1], [-1, 0]]; // right, down, left, up, as (dy, dx)
const KEPT_BYTES = 256e6, MIN_KEPT = 8, MAX_KEPT = 60;

let run, state; // the state is known once the tables are read

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, options);
  const told = await response.json();
  if (!response.ok) throw new Error(told.error);
  return told;
}

// What was made for a key, as long as it is among those used last; what failed is made again.
class Kept {
  max = MIN_KEPT;
  #found = new Map();

  constructor(make) { this.make = make; }

  has(key) { return this.#found.has(key); }

  get(key) {
    const known = this.#found.get(key), one = known ?? this.make(key);
    this.#found.delete(key);
    this.#found.set(key, one);
    if (!known) one.catch(() => this.drop([key]));
    if (this.#found.size > this.max) this.#found.delete(this.#found.keys().next().value);
    return one;
  }

  drop(keys) { for (const key of keys) this.#found.delete(key); }
}

const pictures = new Kept(async (frame) => {
  const response = await fetch(`frame/${frame}`);
  if (!response.ok) throw new Error((await response.json()).error);
  return createImageBitmap(await response.blob());
});

const contours = new Kept(async (frame) => new Outlines(await ask(`contours/${frame}`)));

function keepWhatFits() {
  const bytes = 4 * run.width * run.height;
  pictures.max = contours.max = Math.max(MIN_KEPT, Math.min(MAX_KEPT, Math.floor(KEPT_BYTES / bytes)));
}

// The outlines of a frame: by particle, and those of one colour in one path.
class Outlines {
  particles = new Map();
  #byColor = new Map();

  constructor({ polylines, steps }) {
    let at = 0;
    for (const [id, , y, x, n] of polylines) {
      this.#add(id, y, x, steps, at, n);
      at += n;
    }
    for (const [id, { path }] of this.particles) {
      const color = colorOf(id);
      if (!this.#byColor.has(color)) this.#byColor.set(color, new Path2D());
      this.#byColor.get(color).addPath(path);
    }
  }

  #add(id, y, x, steps, at, n) {
    let one = this.particles.get(id);
    if (!one) this.particles.set(id, one = { path: new Path2D(), y: 0, x: 0, n: 0, top: y, left: x, bottom: y, right: x });
    one.path.moveTo(x, y);
    for (let i = at; i < at + n; i++) {
      const code = steps.charCodeAt(i), [dy, dx] = STEPS[code - 48];
      y += dy; x += dx;
      one.y += y; one.x += x;
      if (i + 1 < at + n && steps.charCodeAt(i + 1) === code) continue; // straight on
      one.path.lineTo(x, y);
      one.top = Math.min(one.top, y); one.bottom = Math.max(one.bottom, y);
      one.left = Math.min(one.left, x); one.right = Math.max(one.right, x);
    }
    one.n += n;
    one.path.closePath();
  }

  get size() { return this.particles.size; }

  // Stroke what lies in a canvas whose pixels are `place` of the frame; the marked ones wider.
  stroke(pen, place, marked) {
    const [top, left] = [-place.y / place.scale, -place.x / place.scale];
    const [bottom, right] = [top + pen.canvas.height / place.scale, left + pen.canvas.width / place.scale];
    const seen = [...this.particles].filter(([, one]) => one.right >= left && one.left <= right && one.bottom >= top && one.top <= bottom);
    const draw = (path, color, width) => {
      pen.strokeStyle = color;
      pen.lineWidth = width / place.scale;
      pen.stroke(path);
    };
    if (4 * seen.length < this.size) for (const [id, { path }] of seen) draw(path, colorOf(id), 1.4);
    else for (const [color, path] of this.#byColor) draw(path, color, 1.4);
    for (const [id, { path }] of seen) if (marked.has(id)) draw(path, colorOf(id), 3.5);
  }

  // The particle at a pixel, 0 where there is none.
  at(y, x, pen) {
    const hits = [...this.particles].filter(([, one]) => x >= one.left && x <= one.right && y >= one.top && y <= one.bottom);
    return hits.find(([, one]) => pen.isPointInPath(one.path, x, y, "evenodd"))?.[0] ?? 0;
  }
}

const NO_OUTLINES = new Outlines({ polylines: [], steps: "" });
const outlinesOf = async (frame) => (state ? contours.get(frame) : NO_OUTLINES);

const colorOf = (id) => run.colors[(id - 1) % run.colors.length];
const movieFrame = (frame) => run.first_frame + frame * run.frame_step;

// Frames that are likely wanted next, one after another, so that what is asked for meanwhile does not wait.
let ahead = [], isFetching = false;

async function fetchAhead(frames) {
  ahead = frames.filter((frame) => frame >= 0 && frame < run.n_frames && !(pictures.has(frame) && (contours.has(frame) || !state)));
  if (isFetching) return;
  isFetching = true;
  while (ahead.length) {
    const frame = ahead.shift();
    await Promise.allSettled([pictures.get(frame), outlinesOf(frame)]);
  }
  isFetching = false;
}
