/** The latent plane: it draws itself, and tells where it is pointed at. */

import { drawBackdrop } from "./backdrop.js";
import { Frame } from "./frame.js";
import { project } from "./geometry.js";
import { drawCursor, drawDot, drawEnd, drawLine, drawPosterior, ringAround } from "./marks.js";

const STEP = 1 / 80; // of the range, per arrow key
const LONG_STEP = 8; // times that, with shift
const REACH = 6; // pixels from the middle of a dot that belong to it
const FINGER = 12; // the same for a finger
const STILL = 5; // pixels that a click may move
const ELLIPSE = "q(z|x): the ellipse is two standard deviations of what the encoder thinks of the image given";
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class PlaneView {
  #canvas;
  #classes;
  #plane = null;
  #digits = null;
  #only = null;
  #marks = { z: null, posterior: null, a: null, b: null, dot: null, isHeld: false };
  #places = [];
  #backdrop = document.createElement("canvas");
  #isStale = true;
  #isDue = false;

  /**
   * @param canvas is drawn in the size that CSS gives it.
   * @param classes `names` and `colors`.
   * @param actions `hover`, `press` and `drag` take coordinates and the event, `press` also the
   *   number of the dot there or null, and returns whether a click there takes the dot; `take` and
   *   `point` take the number of a dot, `point` null beside all; `key` takes the event, and returns
   *   whether it means something.
   */
  constructor(canvas, classes, actions) {
    this.#canvas = canvas;
    this.#classes = classes;
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
    return new Frame(this.#plane, clientWidth, clientHeight, this.#classes.names);
  }

  #listen({ hover, press, drag, take, point, key }) {
    const canvas = this.#canvas;
    let pressed = null; // where, and on which dot
    const placeOf = ({ clientX, clientY }) => {
      const box = canvas.getBoundingClientRect();
      return [clientX - box.left, clientY - box.top];
    };
    const pointAt = (event) => this.#frame.toPlane(...placeOf(event));
    const lookAt = (digit) => {
      if (digit === this.#marks.dot) return;
      this.mark({ dot: digit });
      point(digit);
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      const place = placeOf(event);
      const digit = this.#dotAt(place, event.pointerType === "mouse" ? REACH : FINGER);
      lookAt(digit);
      pressed = press(pointAt(event), event, digit) ? { place, digit } : null;
    });
    canvas.addEventListener("click", (event) => {
      const [x, y] = placeOf(event);
      const isTaken = pressed && Math.hypot(x - pressed.place[0], y - pressed.place[1]) < STILL;
      if (isTaken && pressed.digit !== null) take(pressed.digit);
      pressed = null;
    });
    canvas.addEventListener("pointermove", (event) => {
      (event.buttons ? drag : hover)(pointAt(event), event);
      if (event.pointerType !== "mouse") return;
      const place = placeOf(event);
      lookAt(this.#dotAt(place, REACH));
      canvas.title = this.#isInEllipse(place) ? ELLIPSE : this.#className;
    });
    canvas.addEventListener("pointerleave", () => this.mark({ dot: null }));
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const here = this.#pointAfter(event);
      if (here) {
        drag(here, event);
        lookAt(this.#dotAt(this.#frame.place(this.#marks.z), REACH));
      }
      if (event.key === "Enter") {
        const nearest = this.#dotAt(this.#frame.place(this.#marks.z), Infinity);
        lookAt(nearest);
        take(nearest);
      }
      if (here || event.key === "Enter" || key(event)) event.preventDefault();
    });
  }

  /** The number of the dot nearest to a place, if it is within reach and not faded; else null. */
  #dotAt([x, y], reach) {
    let nearest = null;
    let least = reach;
    this.#places.forEach(([column, row], i) => {
      const distance = Math.hypot(column - x, row - y);
      if (distance > least || (this.#only !== null && this.#digits.labels[i] !== this.#only)) return;
      [nearest, least] = [i, distance];
    });
    return nearest;
  }

  get #className() {
    const { dot } = this.#marks;
    return dot === null ? "" : this.#classes.names[this.#digits.labels[dot]];
  }

  #isInEllipse([x, y]) {
    const { posterior } = this.#marks;
    if (!posterior?.covariance || this.#frame.isFlat) return false;
    const [column, row] = this.#frame.place(posterior.mean);
    return Math.hypot(column - x, row - y) < ringAround(this.#frame, posterior);
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
    const { z, posterior, a, b, dot, isHeld } = this.#marks;
    if (a && b) drawLine(context, style, frame.place(a), frame.place(b));
    if (dot !== null) drawDot(context, style, this.#places[dot]);
    if (z) drawCursor(context, style, frame, { z, posterior, isHeld });
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
    const shown = { digits: this.#digits, colors: this.#classes.colors, only: this.#only };
    this.#places = drawBackdrop(context, style, frame, shown);
  }
}
