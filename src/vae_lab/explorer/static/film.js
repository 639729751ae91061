/** The pictures that a run kept while it learned, and a slider over the epochs. */

import { latestOnly } from "./latest.js";

export class Film {
  #element;
  #run;
  #show;

  /**
   * @param element a `details` with a slider, an image and a caption.
   * @param run that may have frames.
   * @param report takes the message of what goes wrong.
   */
  constructor(element, run, report) {
    this.#element = element;
    this.#run = run;
    const { frames } = run.info;
    element.hidden = !frames.length;
    if (!frames.length) return;
    this.#show = latestOnly((index) => this.#load(index).catch((error) => report(error.message)));
    const slider = this.#find("input");
    slider.max = slider.value = frames.length - 1;
    slider.disabled = frames.length === 1;
    slider.addEventListener("input", () => this.#show(Number(slider.value)));
    element.addEventListener("toggle", () => element.open && this.#show(Number(slider.value)));
  }

  async #load(index) {
    const { step, epoch, bound } = this.#run.info.frames[index];
    const when = epoch === null ? `${step} steps` : `epoch ${epoch}`;
    const worth = bound === null ? "" : `, bound ${bound.toFixed(1).replace("-", "−")} nats`;
    const image = this.#find("img");
    image.src = this.#run.frame(index);
    try {
      await image.decode();
    } catch {
      throw new Error("The server does not answer. Is scripts/explore.py still running?");
    }
    image.alt = `The run after ${when}`;
    this.#find("output").textContent = `${when}${worth}`;
    this.#find("input").setAttribute("aria-valuetext", when);
  }

  #find = (selector) => this.#element.querySelector(selector);
}
