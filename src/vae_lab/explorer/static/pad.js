/** A pad to draw a grey image on, with mouse, finger, pen or arrow keys; it shows those of any kind. */

import { paint } from "./pixels.js";
import { toDigit, trace } from "./raster.js";

const PEN_WIDTH = 0.085; // of the pad
const PEN_STEP = 0.05; // of the pad, per arrow key
const PEN_ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class DrawingPad {
  #canvas;
  #shape;
  #onChange;
  #strokes = [];
  #given = null;
  #pen = [0.5, 0.5];
  #isDown = false;

  /**
   * @param canvas is drawn on, unless the images are in colour.
   * @param shape of the images, [C, H, W].
   * @param onChange takes the pixels whenever they change.
   */
  constructor(canvas, shape, onChange) {
    this.#canvas = canvas;
    this.#shape = shape;
    this.#onChange = onChange;
    if (shape[0] === 1) this.#listen();
    new ResizeObserver(() => this.#draw()).observe(canvas);
  }

  clear() {
    this.#strokes = [];
    this.#given = null;
    this.#isDown = false;
    this.#changed();
  }

  /** Show a finished image instead of strokes. */
  show(pixels) {
    this.clear();
    this.#given = pixels;
    this.#changed();
  }

  #listen() {
    const canvas = this.#canvas;
    canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const type of ["focus", "blur"]) canvas.addEventListener(type, () => this.#draw());
    const pointAt = ({ clientX, clientY }) => {
      const box = canvas.getBoundingClientRect();
      return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#begin(pointAt(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!event.buttons || !canvas.hasPointerCapture(event.pointerId)) return;
      const events = event.getCoalescedEvents?.() ?? [];
      this.#extend((events.length ? events : [event]).map(pointAt));
    });
  }

  #key(event) {
    const direction = PEN_ARROWS[event.key];
    if (direction) {
      this.#pen = this.#pen.map((v, i) => Math.min(0.95, Math.max(0.05, v + PEN_STEP * direction[i])));
      if (this.#isDown) this.#extend([this.#pen]);
      else this.#draw();
    } else if (event.key === " ") {
      this.#isDown = !this.#isDown;
      if (this.#isDown) this.#begin(this.#pen);
      else this.#draw();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.clear();
    } else return;
    event.preventDefault();
  }

  #begin(point) {
    this.#given = null;
    this.#strokes.push([point]);
    this.#changed();
  }

  #extend(points) {
    this.#strokes.at(-1).push(...points);
    this.#changed();
  }

  #changed() {
    this.#draw();
    const isEmpty = !this.#given && !this.#strokes.length;
    this.#onChange(isEmpty ? null : (this.#given ?? toDigit(this.#strokes, this.#shape)));
  }

  #draw() {
    const canvas = this.#canvas;
    if (this.#given) {
      paint(canvas, this.#given, this.#shape);
      return;
    }
    const size = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
    canvas.width = canvas.height = size;
    const context = canvas.getContext("2d");
    const large = this.#strokes.map((stroke) => stroke.map((point) => point.map((v) => v * size)));
    trace(context, large, PEN_WIDTH * size);
    if (canvas.matches(":focus-visible")) this.#drawPen(context, size);
  }

  #drawPen(context, size) {
    context.beginPath();
    context.arc(...this.#pen.map((v) => v * size), 0.05 * size, 0, 2 * Math.PI);
    context.lineWidth = 0.012 * size;
    context.strokeStyle = this.#isDown ? "#ffa90e" : "#9aa4b1";
    context.stroke();
  }
}
