/** Where a plane's coordinates are on a canvas, in CSS pixels. */

import { project } from "./geometry.js";

const MARGIN = { left: 34, right: 10, top: 32, bottom: 46 };
const ABOVE = 0.7; // and below: the room around classes, against which one latent is drawn

export class Frame {
  constructor(plane, width, height, classes) {
    this.plane = plane;
    this.classes = classes;
    this.isFlat = plane.length === 1;
    this.ranges = [plane[0].range, plane[1]?.range ?? [-ABOVE, classes.length - 1 + ABOVE]];
    this.width = width - MARGIN.left - MARGIN.right;
    this.height = height - MARGIN.top - MARGIN.bottom;
  }

  toScreen([x, y]) {
    const [[left, right], [bottom, top]] = this.ranges;
    return [
      MARGIN.left + ((x - left) / (right - left)) * this.width,
      MARGIN.top + ((top - y) / (top - bottom)) * this.height,
    ];
  }

  /** The coordinates of a place on the canvas, or the nearest within the ranges. */
  toPlane(column, row) {
    const [[left, right], [bottom, top]] = this.ranges;
    const part = (value, size) => Math.min(1, Math.max(0, value / size));
    return [
      left + part(column - MARGIN.left, this.width) * (right - left),
      top - part(row - MARGIN.top, this.height) * (top - bottom),
    ];
  }

  /** The place of a latent; with one latent, `label` says how high. */
  place(z, label = (this.classes.length - 1) / 2) {
    const point = project(this.plane, z);
    return this.toScreen(this.isFlat ? [point[0], label] : point);
  }

  /** Pixels per unit of the plane. */
  get scale() {
    return this.width / (this.ranges[0][1] - this.ranges[0][0]);
  }
}
