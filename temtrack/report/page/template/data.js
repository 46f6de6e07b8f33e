// What Python put into the page, unpacked when it is asked for.
"use strict";

const read = (id) => JSON.parse(document.getElementById(RUN.prefix + id).textContent);
const numbers = read("numbers");
const { n_frames: N_FRAMES, seconds, unit, unit_per_px: UNIT_PER_PX, merges, tracks, series } = numbers;
const HEIGHT = numbers.height, WIDTH = numbers.width;
const shownFrames = numbers.shown_frames; // those that have a picture or contours
const trackOf = new Map(tracks.id.map((id, index) => [id, index]));
const STEPS = [[0, 1], [1, 0], [0, -1], [-1, 0]]; // right, down, left, up, as (dy, dx)

const colorOf = (id) => tracks.color[trackOf.get(id)] ?? GREY;
const timeOf = (frame) => (seconds ? seconds[frame] : frame);
const TIME_NAME = seconds ? "time (s)" : "frame";

function frameText(frame) {
  const parts = [`frame ${frame}`];
  if (seconds) parts.push(`${short(seconds[frame])} s`);
  const celsius = series.temperature_c?.[frame];
  if (celsius !== undefined && celsius !== null) parts.push(`${short(celsius)} °C`);
  return parts.join(" · ");
}

// The frame whose time is nearest.
function frameAt(time) {
  if (!seconds) return clamp(Math.round(time), 0, N_FRAMES - 1);
  let low = 0, high = N_FRAMES - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (seconds[middle] > time) high = middle; else low = middle;
  }
  return time - seconds[low] < seconds[high] - time ? low : high;
}

// Place in `shownFrames` of a frame, or of the last one shown before it.
function shownIndex(frame) {
  let low = 0, high = shownFrames.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (shownFrames[middle] > frame) high = middle; else low = middle;
  }
  return low;
}

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const letters = atob(base64), bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

// The text of a part that stands below the scripts, so that the page works while it is still being read. A part
// is complete once another follows it.
async function partText(id) {
  for (;;) {
    const part = document.getElementById(RUN.prefix + id);
    if (part?.nextElementSibling || document.readyState !== "loading") return part?.textContent ?? "";
    await new Promise((resume) => setTimeout(resume, 10));
  }
}

function unpacked(base64) {
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

const webp = (base64) => `data:image/webp;base64,${base64}`;

async function decoded(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

// Pictures of the shown frames; the last few hundred stay decoded.
class Pictures {
  any = numbers.has_pictures;
  images = new Map();

  async url(index) {
    return webp(await partText(`picture-${index}`));
  }

  get(index) {
    if (!this.images.has(index)) {
      this.images.set(index, this.url(index).then(decoded));
      if (this.images.size > 300) this.images.delete(this.images.keys().next().value);
    }
    return this.images.get(index);
  }
}

// Polylines along the edges of pixels, as `temtrack.report.page.contours` tells of them.
class Contours {
  static async unpack() {
    const { n_polylines, polylines, directions, stride } = read("contours");
    return new Contours(n_polylines, new Int32Array(await unpacked(polylines)), new Uint8Array(await unpacked(directions)), stride);
  }

  constructor(nPolylines, polylines, directions, stride) {
    const n = polylines.length / 5;
    [this.ids, this.areas, this.y, this.x, this.lengths] = [0, 1, 2, 3, 4].map((i) => polylines.subarray(i * n, (i + 1) * n));
    this.directions = directions;
    this.stride = stride;
    this.firstPolyline = [0];
    for (const count of nPolylines) this.firstPolyline.push(this.firstPolyline.at(-1) + count);
    this.firstStep = new Uint32Array(n + 1);
    for (let i = 0; i < n; i++) this.firstStep[i + 1] = this.firstStep[i] + this.lengths[i];
    this.drawn = new Map();
  }

  // The particles of a shown frame: id -> {id, area, d, box, y, x}, in pixels of the movie.
  particles(index) {
    let found = this.drawn.get(index);
    if (found === undefined) {
      found = new Map();
      for (let polyline = this.firstPolyline[index]; polyline < this.firstPolyline[index + 1]; polyline++) this.#add(found, polyline);
      this.drawn.set(index, found);
      if (this.drawn.size > 60) this.drawn.delete(this.drawn.keys().next().value);
    }
    return found;
  }

  // [time, diameter] of a particle in all shown frames.
  diameters(id) {
    const found = [];
    for (let index = 0; index < shownFrames.length; index++) {
      for (let polyline = this.firstPolyline[index]; polyline < this.firstPolyline[index + 1]; polyline++) {
        if (this.ids[polyline] !== id) continue;
        found.push([timeOf(shownFrames[index]), diameterOf(this.areas[polyline])]);
        break;
      }
    }
    return found;
  }

  #add(found, polyline) {
    const points = this.#points(polyline), box = boxOf(points), id = this.ids[polyline];
    let d = "";
    for (const [y, x] of points) d += `${d ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    const known = found.get(id);
    if (known === undefined) {
      const centre = { y: (box.top + box.bottom) / 2, x: (box.left + box.right) / 2 };
      found.set(id, { id, area: this.areas[polyline], d: `${d}Z`, box, ...centre });
      return;
    }
    known.d += `${d}Z`;
    known.box = joined(known.box, box);
  }

  // Middles of the edges, smoothed over three: stairs of pixels become the line that they stand for.
  #points(polyline) {
    const n = this.lengths[polyline], from = this.firstStep[polyline], stride = this.stride;
    const middles = [];
    let y = this.y[polyline], x = this.x[polyline];
    for (let i = 0; i < n; i++) {
      const [dy, dx] = STEPS[this.directions[from + i]];
      middles.push([(y + dy / 2) * stride, (x + dx / 2) * stride]);
      y += dy;
      x += dx;
    }
    const every = n > 24 ? 2 : 1, points = [];
    for (let i = 0; i < n; i += every) {
      const before = middles[(i + n - 1) % n], here = middles[i], after = middles[(i + 1) % n];
      points.push([(before[0] + 2 * here[0] + after[0]) / 4, (before[1] + 2 * here[1] + after[1]) / 4]);
    }
    return points;
  }
}

const diameterOf = (area) => 2 * Math.sqrt(area / Math.PI) * UNIT_PER_PX;

function boxOf(points) {
  const box = { top: Infinity, left: Infinity, bottom: -Infinity, right: -Infinity };
  for (const [y, x] of points) {
    box.top = Math.min(box.top, y);
    box.left = Math.min(box.left, x);
    box.bottom = Math.max(box.bottom, y);
    box.right = Math.max(box.right, x);
  }
  return box;
}

function joined(a, b) {
  return {
    top: Math.min(a.top, b.top), left: Math.min(a.left, b.left),
    bottom: Math.max(a.bottom, b.bottom), right: Math.max(a.right, b.right),
  };
}

// What is looked at now; whoever shows it listens.
const state = { frame: 0, particle: null, merge: null, answer: 0 };
const listeners = { frame: [], particle: [], merge: [], answer: [] };
const listen = (what, act) => listeners[what].push(act);
function set(what, value) {
  if (state[what] === value) return;
  state[what] = value;
  for (const act of listeners[what]) act(value);
}
