/** The way from A to B and back, played or moved by hand. */

const SECONDS = 3; // from one end to the other

export class Walk {
  #slider;
  #button;
  #onStep;
  #direction = 1;
  #last = null;

  /**
   * @param slider its place, 0 to 1.
   * @param button starts and stops it.
   * @param onStep takes the place.
   */
  constructor(slider, button, onStep) {
    this.#slider = slider;
    this.#button = button;
    this.#onStep = onStep;
    slider.addEventListener("input", () => {
      this.stop();
      onStep(Number(slider.value));
    });
    button.addEventListener("click", () => this.toggle());
  }

  enable() {
    this.#slider.disabled = this.#button.disabled = false;
  }

  toggle() {
    if (this.#button.disabled) return;
    if (this.#last === null) this.play();
    else this.stop();
  }

  play() {
    if (this.#last !== null) return;
    this.#last = performance.now();
    this.#label("Pause", true);
    requestAnimationFrame((now) => this.#step(now));
  }

  stop() {
    this.#last = null;
    this.#label("Play", false);
  }

  #label(text, isPlaying) {
    this.#button.querySelector("span").textContent = text;
    this.#button.classList.toggle("playing", isPlaying);
  }

  #step(now) {
    if (this.#last === null) return;
    const passed = Math.max(0, now - this.#last) / 1000 / SECONDS;
    this.#last = now;
    let t = Number(this.#slider.value) + this.#direction * passed;
    if (t >= 1 || t <= 0) {
      this.#direction = t >= 1 ? -1 : 1;
      t = Math.min(1, Math.max(0, t));
    }
    this.#slider.value = t;
    this.#onStep(t);
    requestAnimationFrame((next) => this.#step(next));
  }
}
