/** The test image behind a dot of the plane, beside what its posterior mean decodes to. */

import { paint } from "./pixels.js";

export class DotView {
  #element;
  #run;
  #classes;

  /**
   * @param element with a place for each part.
   * @param run that has the test images.
   * @param classes their `names`.
   */
  constructor(element, run, classes) {
    this.#element = element;
    this.#run = run;
    this.#classes = classes;
    this.#say(`Point at a dot to see its ${run.info.noun}.`);
    element.hidden = !run.canEncode;
  }

  /** Show test image number `digit`, one of `digits`. */
  async show(digit, { means, labels }) {
    const { noun, image_shape: shape } = this.#run.info;
    const [original, decoded] = await Promise.all([
      this.#run.digit(digit),
      this.#run.decode([means[digit]], this.#run.info.is_told_classes ? labels[digit] : undefined),
    ]);
    paint(this.#find(".original"), original, shape);
    paint(this.#find(".decoded-dot"), decoded, shape);
    this.#say(`test ${noun} ${digit} (${this.#classes.names[labels[digit]]}), decoded`);
    this.#element.dataset.digit = digit;
  }

  #say(text) {
    this.#find(".which").textContent = text;
  }

  #find = (selector) => this.#element.querySelector(selector);
}
