/** One run: its plane, the image decoded at a point of it, and what it makes of a drawing. */

import { DotView } from "./dot.js";
import { Explanation } from "./explanation.js";
import { Film } from "./film.js";
import { between, moveTo } from "./geometry.js";
import { atRest, latestOnly } from "./latest.js";
import { paint } from "./pixels.js";
import { PlaneView } from "./plane.js";
import { Sliders } from "./sliders.js";
import { Where } from "./where.js";

const REST = 60; // milliseconds on a dot before its image is asked for: moving on is not slowed
const STRIP = 9; // images of an interpolation shown in a row
const FINE = 36; // pixels of a side: small pictures of larger images are blended

export class RunCard {
  #run;
  #element;
  #plane;
  #view;
  #sliders;
  #where;
  #explanation;
  #digits;
  #ends = { a: null, b: null };
  #working = 0;
  #decode;
  #showDot;
  #showStrip;

  /**
   * @param run from the server, or embedded in the page.
   * @param parent gets the card.
   * @param colors of the classes.
   * @param actions of the plane, of which `press` and `take` get the card too, and `slide`, `report`.
   */
  constructor(run, parent, colors, actions) {
    this.#run = run;
    const { info } = run;
    const classes = { names: info.classes, colors };
    parent.append(document.getElementById("run").content.cloneNode(true));
    this.#element = parent.lastElementChild;
    this.#element.classList.toggle("fine", Math.max(...info.image_shape.slice(1)) > FINE);
    this.z = info.start;
    const facts = [info.kind, `${info.latents} latent${info.latents > 1 ? "s" : ""}`];
    if (info.folder !== info.name) facts.push(info.folder);
    this.#find(".title").textContent = info.name;
    this.#find(".kind").textContent = facts.join(" · ");
    const canvas = this.#find(".plane");
    canvas.setAttribute("aria-label", `Latent plane of ${info.name}. Arrow keys move the point.`);
    const dot = new DotView(this.#find(".dot"), run, classes);
    this.#explanation = new Explanation(this.#find(".explained"), info, classes);
    this.#where = new Where(this.#find(".where"), info.command);
    new Film(this.#find(".film"), run, actions.report);
    this.#view = new PlaneView(canvas, classes, {
      ...actions,
      press: (point, event, digit) => actions.press(this, point, event, digit),
      take: (digit) => actions.take(this, digit),
      point: atRest((digit) => run.canEncode && digit !== null && this.#showDot(digit), REST),
    });
    this.#sliders = new Sliders(this.#find(".sliders"), info, (dimension, value) => {
      actions.slide();
      this.setLatent(this.z.with(dimension, value), performance.now());
    });
    if (!run.canEncode && info.latents > 2) this.#sliders.disable();
    this.#decode = this.#latest(({ z, since }) => this.#showDecoded(z, since), actions.report);
    this.encode = this.#latest((pixels) => this.#showEncoded(pixels), actions.report);
    this.#showStrip = this.#latest((ends) => this.#decodeStrip(ends), actions.report);
    this.#showDot = this.#latest((digit) => dot.show(digit, this.#digits), actions.report);
    this.#buildAxes();
  }

  async start() {
    this.#digits = await this.#run.digits();
    this.#choosePlane();
    this.setLatent(this.#run.info.start);
  }

  /** Move to a point of the plane, and along it alone. */
  moveTo(point, since) {
    this.setLatent(moveTo(this.#plane, this.z, point.slice(0, this.#plane.length)), since);
  }

  /** Decode `z`; `since` is when the wish arose, to tell how long it took. */
  setLatent(z, since = performance.now()) {
    this.z = z;
    this.#view.mark({ z });
    this.#sliders.show(z);
    this.#where.show(z);
    this.#decode({ z, since });
  }

  hold(isHeld) {
    this.#view.mark({ isHeld });
    this.#find(".held").hidden = !isHeld;
  }

  /** The pixels of a picture's file. */
  read = (file) => this.#run.read(file);

  /** The pixels of test image number `digit`. */
  original = (digit) => this.#run.digit(digit);

  highlight = (only) => this.#view.highlight(only);

  refresh = () => this.#view.refresh();

  /** Make the point of now an end of the interpolation, "a" or "b". */
  setEnd(name) {
    this.#ends[name] = this.z;
    this.#view.mark(this.#ends);
    const { a, b } = this.#ends;
    if (a && b) this.#showStrip([a, b]);
  }

  /** Show the point at `t` of the interpolation. */
  walk(t) {
    this.setLatent(between(this.#ends.a, this.#ends.b, t));
  }

  #find = (selector) => this.#element.querySelector(selector);

  #paint(selector, bytes) {
    paint(this.#find(selector), bytes, this.#run.info.image_shape);
  }

  #latest = (work, report) =>
    latestOnly(async (input) => {
      this.#setWorking(this.#working + 1);
      try {
        await work(input);
        report(null);
      } catch (error) {
        report(error.message);
      }
      this.#setWorking(this.#working - 1);
    });

  #setWorking(count) {
    this.#working = count;
    this.#element.setAttribute("aria-busy", count > 0);
  }

  async #showDecoded(z, since) {
    this.#paint(".decoded", await this.#run.decode([z]));
    const milliseconds = performance.now() - since;
    this.#find(".latency").textContent = `${milliseconds.toFixed(0)} ms`;
    this.#element.dataset.latency = milliseconds;
  }

  async #showEncoded(pixels) {
    if (!pixels) {
      this.#view.mark({ posterior: null });
      this.#explanation.hide();
      return;
    }
    const found = await this.#run.encode(pixels);
    this.#explanation.show(pixels, found, this.#digits.labels);
    this.#view.mark({ posterior: found });
    this.setLatent(found.mean);
  }

  async #decodeStrip([a, b]) {
    const steps = Array.from({ length: STRIP }, (_, i) => between(a, b, i / (STRIP - 1)));
    this.#paint(".strip", await this.#run.decode(steps));
    this.#find(".strip").hidden = false;
  }

  #buildAxes() {
    const { axes } = this.#run.info;
    const selects = [this.#find(".horizontal"), this.#find(".vertical")];
    this.#find(".field").classList.toggle("fixed", axes.length < 3 || !this.#run.canEncode);
    selects.forEach((select, i) => {
      axes.forEach(({ name }, index) => select.add(new Option(name, index)));
      select.value = Math.min(i, axes.length - 1);
      select.addEventListener("change", () => this.#choosePlane());
    });
  }

  #choosePlane() {
    const { axes } = this.#run.info;
    const selects = [this.#find(".horizontal"), this.#find(".vertical")];
    selects.forEach((select, i) => {
      for (const option of select.options) option.disabled = option.value === selects[1 - i].value;
    });
    const chosen = selects.map((select) => axes[Number(select.value)]);
    this.#plane = axes.length === 1 ? [axes[0]] : chosen;
    this.#view.show(this.#plane, this.#digits);
  }
}
