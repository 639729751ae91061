/** What a run makes of the image given: its reconstruction, its bound, the test images nearest to it. */

import { fromBase64, paint } from "./pixels.js";

const SHORT = 3; // letters of a name that fit below a small image
const LONG = 1000; // nats of which there is no room for a decimal, nor need
const inNats = (value) => value.toFixed(Math.abs(value) < LONG ? 1 : 0).replace("-", "−");

export class Explanation {
  #element;
  #info;
  #classes;

  /**
   * @param element with a place for each part.
   * @param info of the run.
   * @param classes `names` and `colors`.
   */
  constructor(element, info, classes) {
    this.#element = element;
    this.#info = info;
    this.#classes = classes;
    const given = info.image_shape[0] > 1 ? "Give an image" : `Draw a${info.noun === "image" ? "n" : ""} ${info.noun}`;
    element.dataset.hint =
      `${given}, or take a dot, to see its posterior, its reconstruction, its ELBO and the test ${info.noun}s nearest to it.`;
    this.#find(".near").title =
      `The test ${info.noun}s whose posterior means are nearest in all ${info.latents} latents`;
  }

  hide() {
    this.#element.hidden = true;
  }

  /**
   * @param pixels given.
   * @param found what the run answered.
   * @param labels of the test images.
   */
  show(pixels, found, labels) {
    this.#paint(".given", pixels);
    this.#paint(".reconstruction", fromBase64(found.image));
    this.#find(".bound").hidden = this.#find(".ellipse").hidden = found.elbo === null;
    if (found.elbo !== null) {
      this.#find(".elbo-name").textContent = this.#info.elbo;
      this.#find(".elbo").textContent = inNats(found.elbo);
      this.#find(".log-likelihood").textContent = inNats(found.reconstruction);
      this.#find(".kl").textContent = inNats(found.kl);
    }
    this.#paint(".neighbours", fromBase64(found.neighbour_images));
    const near = found.neighbours.map((digit) => labels[digit]);
    const { names } = this.#classes;
    const isRoom = near.every((label) => names[label].length <= SHORT);
    const marks = near.map((label) => this.#mark(label, isRoom));
    this.#find(".near-classes").replaceChildren(...marks);
    const what = `nearest test ${this.#info.noun}s`;
    this.#find(".near-what").textContent = isRoom ? what : `${what}: ${this.#count(near)}`;
    this.#element.hidden = false;
  }

  #count(near) {
    const groups = [...Map.groupBy(near, (label) => label)];
    return groups.map(([label, all]) => `${all.length} × ${this.#classes.names[label]}`).join(", ");
  }

  /** The colour of a class, and its name if there is room for it below a small image. */
  #mark(label, isRoom) {
    const item = document.createElement("li");
    item.title = this.#classes.names[label];
    if (isRoom) item.textContent = item.title;
    item.style.setProperty("--class", this.#classes.colors[label]);
    return item;
  }

  #find = (selector) => this.#element.querySelector(selector);

  #paint(selector, bytes) {
    paint(this.#find(selector), bytes, this.#info.image_shape);
  }
}
