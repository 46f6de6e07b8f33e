// One frame, or a square part of it: picture below, contours, ids and scale bar as vectors above.
"use strict";

class FrameView {
  // `box` is {top, left, width, height} in pixels of the movie; `closeup` a picture for it, {image, cover}, that is
  // sharper than that of the whole frame; `chosen` tells which ids are named in any case.
  constructor({ contours, pictures, box, label, closeup = null, onpick = null, onpoint = null }) {
    Object.assign(this, { contours, pictures, box, closeup });
    this.show = { contours: true, ids: true };
    this.frame = 0;
    this.chosen = new Set();
    this.caption = "";
    this.canvas = html("canvas", { "aria-hidden": "true" });
    this.svg = svg("svg", { viewBox: `${box.left} ${box.top} ${box.width} ${box.height}`, role: "img", "aria-label": label, "font-family": FONT });
    this.node = html("div", { class: "frame", style: `aspect-ratio: ${box.width} / ${box.height}` }, this.canvas, this.svg);
    if (onpick) this.svg.addEventListener("click", (event) => onpick(idAt(event)));
    if (onpoint) {
      this.svg.addEventListener("pointermove", (event) => onpoint(idAt(event)));
      this.svg.addEventListener("pointerleave", () => onpoint(null));
    }
    new ResizeObserver(() => this.draw()).observe(this.node);
  }

  async draw() {
    const cssWidth = this.node.clientWidth;
    if (!cssWidth) return;
    const index = shownIndex(this.frame);
    this.unit = this.box.width / cssWidth; // pixels of the movie in one of the screen
    if (this.pictures.any) {
      this.wanted = index;
      const image = await (this.closeup?.image ?? this.pictures.get(index));
      if (this.wanted !== index) return; // the slider has moved on
      this.#drawPicture(image, cssWidth);
    }
    this.svg.replaceChildren(...this.#drawVectors(index));
    this.node.dataset.frame = shownFrames[index];
  }

  #drawPicture(image, cssWidth) {
    const { top, left, width, height } = this.box, density = Math.min(devicePixelRatio || 1, 2);
    this.canvas.width = Math.round(cssWidth * density);
    this.canvas.height = Math.round((cssWidth * density * height) / width);
    const pen = this.canvas.getContext("2d"), zoom = this.canvas.width / width;
    const cover = this.closeup?.cover ?? { top: 0, left: 0, bottom: HEIGHT, right: WIDTH };
    pen.imageSmoothingQuality = "high";
    pen.drawImage(image, (cover.left - left) * zoom, (cover.top - top) * zoom, (cover.right - cover.left) * zoom, (cover.bottom - cover.top) * zoom);
  }

  #drawVectors(index) {
    const here = [...this.contours.particles(index).values()].filter(({ box }) => this.#isInside(box));
    const nodes = [];
    if (this.show.contours) nodes.push(...this.#drawContours(here));
    if (this.show.ids) nodes.push(...here.filter((one) => this.#isNamed(one)).map((one) => this.#drawId(one)));
    nodes.push(...this.#drawScaleBar());
    if (this.caption) {
      const { top, left } = this.box;
      nodes.push(this.#words(left + 10 * this.unit, top + 22 * this.unit, this.caption, 14, { "text-anchor": "start" }));
    }
    return nodes;
  }

  #isInside(box) {
    const { top, left, width, height } = this.box;
    return box.right > left && box.bottom > top && box.left < left + width && box.top < top + height;
  }

  #drawContours(here) {
    const hem = svg("path", { d: here.map((one) => one.d).join(""), fill: "none", stroke: "#14171a", "stroke-opacity": 0.55, "stroke-width": round(3.2 * this.unit) });
    const ground = this.pictures.any ? 0 : 0.35;
    return [hem, ...here.map((one) => {
      const isChosen = this.chosen.has(one.id);
      return svg("path", {
        d: one.d, "data-id": one.id, fill: colorOf(one.id), "fill-opacity": isChosen ? Math.max(ground, 0.18) : ground, "fill-rule": "evenodd",
        stroke: colorOf(one.id), "stroke-width": round((isChosen ? 2.4 : 1.4) * this.unit), "stroke-linejoin": "round", "pointer-events": "all",
      });
    })];
  }

  // An id that fits into its particle stands there; others come when they are asked for.
  #isNamed({ id, box }) {
    return this.chosen.has(id) || box.right - box.left > (String(id).length * 7 + 7) * this.unit;
  }

  #drawId({ id, y, x }) {
    return this.#words(x, y + 4 * this.unit, id, 11.5, { "text-anchor": "middle" });
  }

  #drawScaleBar() {
    if (unit !== "nm") return [];
    const longest = (this.box.width * UNIT_PER_PX) / (this.box.width === WIDTH ? 5 : 3);
    const power = 10 ** Math.floor(Math.log10(longest));
    const length = Math.max(...[1, 2, 5].map((one) => one * power).filter((one) => one <= longest * 1.0001));
    const name = length >= 1000 ? `${short(length / 1000)} µm` : `${short(length)} nm`;
    const right = this.box.left + this.box.width - 12 * this.unit, bottom = this.box.top + this.box.height - 12 * this.unit;
    const width = length / UNIT_PER_PX;
    return [
      svg("rect", { x: round(right - width), y: round(bottom - 4 * this.unit), width: round(width), height: round(4 * this.unit), fill: "#fff", stroke: "#14171a", "stroke-width": round(this.unit) }),
      this.#words(right - width / 2, bottom - 9 * this.unit, name, 12, { "text-anchor": "middle" }),
    ];
  }

  #words(x, y, words, size, attributes) {
    return text(x, y, words, {
      fill: "#fff", stroke: "#14171a", "stroke-width": round(3 * this.unit), "paint-order": "stroke", "stroke-linejoin": "round",
      "font-size": round(size * this.unit), "font-weight": 600, "pointer-events": "none", ...attributes,
    });
  }

  // The frame as one SVG, the picture in it.
  async save(name) {
    const copy = this.svg.cloneNode(true), index = shownIndex(this.frame);
    copy.setAttribute("width", this.box.width);
    copy.setAttribute("height", this.box.height);
    if (this.pictures.any) copy.prepend(svg("image", { href: await this.pictures.url(index), x: 0, y: 0, width: WIDTH, height: HEIGHT, preserveAspectRatio: "none" }));
    saveSvg(name, copy);
  }
}

function idAt(event) {
  const id = event.target.dataset?.id;
  return id === undefined ? null : Number(id);
}
