/** The latent plane: it draws itself, and tells where it is pointed at. */

import { drawBackdrop } from "./backdrop.js";
import { Frame } from "./frame.js";
import { project } from "./geometry.js";
import { drawCursor, drawEnd, drawLine, drawPosterior } from "./marks.js";

const STEP = 1 / 80; // of the range, per arrow key
const LONG_STEP = 8; // times that, with shift
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class PlaneView {
  #canvas;
  #classes;
  #colors;
  #plane = null;
  #digits = null;
  #only = null;
  #marks = { z: null, posterior: null, a: null, b: null, isHeld: false };
  #backdrop = document.createElement("canvas");
  #isStale = true;
  #isDue = false;

  /**
   * @param canvas is drawn in the size that CSS gives it.
   * @param classes their names.
   * @param colors of the classes.
   * @param actions `hover`, `press` and `drag` take coordinates and the event; `key` takes the
   *   event, and returns whether it means something.
   */
  constructor(canvas, classes, colors, actions) {
    this.#canvas = canvas;
    this.#classes = classes;
    this.#colors = colors;
    new ResizeObserver(() => this.refresh()).observe(canvas);
    this.#listen(actions);
  }

  /** Show these digits on these axes. */
  show(plane, digits) {
    this.#plane = plane;
    this.#digits = digits;
    this.refresh();
  }

  /** Mark other things: the latent `z` and whether it is held, a posterior, the ends `a`, `b`. */
  mark(changes) {
    Object.assign(this.#marks, changes);
    this.#request();
  }

  /** Show one class alone, or all with null. */
  highlight(only) {
    this.#only = only;
    this.refresh();
  }

  /** Draw everything anew, in the size and the colours of now. */
  refresh() {
    this.#isStale = true;
    this.#request();
  }

  get #frame() {
    const { clientWidth, clientHeight } = this.#canvas;
    return new Frame(this.#plane, clientWidth, clientHeight, this.#classes);
  }

  #listen({ hover, press, drag, key }) {
    const canvas = this.#canvas;
    const pointAt = ({ clientX, clientY }) => {
      const box = canvas.getBoundingClientRect();
      return this.#frame.toPlane(clientX - box.left, clientY - box.top);
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      press(pointAt(event), event);
    });
    canvas.addEventListener("pointermove", (event) => {
      (event.buttons ? drag : hover)(pointAt(event), event);
    });
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const point = this.#pointAfter(event);
      if (point) drag(point, event);
      if (point || key(event)) event.preventDefault();
    });
  }

  #pointAfter({ key, shiftKey }) {
    const direction = ARROWS[key];
    if (!direction) return null;
    const { ranges } = this.#frame;
    return project(this.#plane, this.#marks.z).map((now, i) => {
      const [low, high] = ranges[i];
      const step = direction[i] * STEP * (shiftKey ? LONG_STEP : 1) * (high - low);
      return Math.min(high, Math.max(low, now + step));
    });
  }

  #request() {
    if (this.#isDue || !this.#plane) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#draw();
    });
  }

  #draw() {
    const style = getComputedStyle(this.#canvas);
    const frame = this.#frame;
    if (this.#isStale) this.#drawBackdrop(style, frame);
    const context = this.#canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    context.drawImage(this.#backdrop, 0, 0);
    context.scale(devicePixelRatio, devicePixelRatio);
    const { z, posterior, a, b, isHeld } = this.#marks;
    if (a && b) drawLine(context, style, frame.place(a), frame.place(b));
    if (z) drawCursor(context, style, frame.place(z), isHeld);
    if (a) drawEnd(context, style, frame.place(a), "A");
    if (b) drawEnd(context, style, frame.place(b), "B");
    if (posterior) drawPosterior(context, style, frame, posterior);
  }

  #drawBackdrop(style, frame) {
    this.#isStale = false;
    for (const canvas of [this.#canvas, this.#backdrop]) {
      canvas.width = Math.max(1, Math.round(this.#canvas.clientWidth * devicePixelRatio));
      canvas.height = Math.max(1, Math.round(this.#canvas.clientHeight * devicePixelRatio));
    }
    const context = this.#backdrop.getContext("2d");
    context.scale(devicePixelRatio, devicePixelRatio);
    const shown = { digits: this.#digits, colors: this.#colors, only: this.#only };
    drawBackdrop(context, style, frame, shown);
  }
}
