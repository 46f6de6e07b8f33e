// Zoom and pan of the movie's frame: the box of the movie that its view shows.
"use strict";

const MOST_ZOOM = 40;

class Zoom {
  constructor(view) {
    this.view = view;
    this.whole = { ...view.box };
    const part = (name, sign, act) => html("button", { type: "button", class: "icon", "aria-label": name, title: name, onclick: act }, sign);
    this.buttons = [
      part("Zoom out", "−", () => this.by(1 / 1.6)), part("Zoom in (Ctrl and wheel)", "+", () => this.by(1.6)),
      this.back = part("Whole frame", "⤢", () => this.#look(this.whole)),
    ];
    view.svg.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    view.svg.addEventListener("pointerdown", (event) => this.#drag(event));
    this.#look(this.whole);
  }

  // Zoom by a factor; what lies at (y, x), else in the middle, stays there.
  by(factor, at = null) {
    const { top, left, width, height } = this.view.box, { y, x } = at ?? { y: top + height / 2, x: left + width / 2 };
    const wider = clamp(width / factor, this.whole.width / MOST_ZOOM, this.whole.width), share = wider / width;
    this.#look({ top: y - (y - top) * share, left: x - (x - left) * share, width: wider, height: height * share });
  }

  #look({ top, left, width, height }) {
    const { whole, view } = this;
    view.box = { width, height, top: clamp(top, whole.top, whole.top + whole.height - height), left: clamp(left, whole.left, whole.left + whole.width - width) };
    view.svg.setAttribute("viewBox", `${view.box.left} ${view.box.top} ${width} ${height}`);
    view.svg.style.touchAction = this.isWhole ? "" : "none";
    view.node.dataset.zoom = round(whole.width / width);
    this.back.disabled = this.isWhole;
    view.draw();
  }

  get isWhole() {
    return this.view.box.width >= this.whole.width;
  }

  #placeOf(event) {
    const edge = this.view.svg.getBoundingClientRect(), { top, left, width } = this.view.box, unit = width / edge.width;
    return { y: top + (event.clientY - edge.top) * unit, x: left + (event.clientX - edge.left) * unit };
  }

  // Without Ctrl the wheel scrolls the page.
  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.by(Math.exp(-event.deltaY / 300), this.#placeOf(event));
  }

  #drag(event) {
    if (this.isWhole || event.button !== 0) return;
    const box = { ...this.view.box }, from = [event.clientX, event.clientY], unit = box.width / this.view.svg.clientWidth;
    let isDrag = false;
    const move = (now) => {
      const [dx, dy] = [now.clientX - from[0], now.clientY - from[1]];
      isDrag ||= Math.hypot(dx, dy) > 3;
      if (isDrag) this.#look({ ...box, top: box.top - dy * unit, left: box.left - dx * unit });
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", () => {
      removeEventListener("pointermove", move);
      if (!isDrag) return;
      const swallow = (click) => click.stopPropagation(); // a drag chooses no particle
      addEventListener("click", swallow, { capture: true, once: true });
      setTimeout(() => removeEventListener("click", swallow, { capture: true }));
    }, { once: true });
  }
}
