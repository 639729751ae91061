/** What moves on the plane: the point decoded, a posterior, and the ends of an interpolation. */

import { ellipseOn } from "./geometry.js";

const SIGMAS = 2; // of the ellipse
const RING = 13; // of the cursor: leaves room for what it surrounds
const GAP = 6; // between the cursor and an ellipse within it
const LARGEST_RING = 40; // of the cursor: a larger ellipse is seen around it

const ink = (style, name) => style.getPropertyValue(name);

/** Stroke a path twice, the first time wider and in the colour of the ground, to stand out. */
function outline(context, style, color, width, trace) {
  for (const [thickness, paint] of [[width + 3, ink(style, "--surface")], [width, color]]) {
    context.lineWidth = thickness;
    context.strokeStyle = paint;
    context.beginPath();
    trace();
    context.stroke();
  }
}

export function disc(context, x, y, radius, fill, edge) {
  badge(context, x, y, radius, 0, fill, edge);
}

/** A disc cut in two halves, `apart` pixels from each other, and joined. */
export function badge(context, x, y, radius, apart, fill, edge) {
  context.beginPath();
  context.arc(x + apart / 2, y, radius, -Math.PI / 2, Math.PI / 2);
  context.arc(x - apart / 2, y, radius, Math.PI / 2, -Math.PI / 2);
  context.closePath();
  context.fillStyle = fill;
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = edge;
  context.stroke();
}

export function drawLine(context, style, from, to) {
  outline(context, style, ink(style, "--text"), 2, () => {
    context.moveTo(...from);
    context.lineTo(...to);
  });
}

export function drawEnd(context, style, [x, y], name) {
  disc(context, x, y, 11, ink(style, "--text"), ink(style, "--surface"));
  context.fillStyle = ink(style, "--surface");
  context.font = `700 13px ${style.fontFamily}`;
  context.textAlign = "center";
  context.fillText(name, x, y + 4.5);
}

/** Mark the mean, and two standard deviations around it where there is a covariance. */
export function drawPosterior(context, style, frame, { mean, covariance }) {
  const [x, y] = frame.place(mean);
  const color = ink(style, "--mark");
  if (covariance && !frame.isFlat) {
    const { major, minor, angle } = ellipseOn(frame.plane, covariance);
    const radii = [major, minor].map((radius) => Math.max(2, SIGMAS * radius * frame.scale));
    outline(context, style, color, 2.5, () => {
      context.ellipse(x, y, ...radii, -angle, 0, 2 * Math.PI);
    });
  }
  disc(context, x, y, 2.5, color, color);
}

/** Ring a dot that is pointed at. */
export function drawDot(context, style, [x, y]) {
  outline(context, style, ink(style, "--text"), 1.5, () => context.arc(x, y, 6, 0, 2 * Math.PI));
}

/** The radius of a ring that surrounds a posterior's ellipse. */
export function ringAround(frame, { covariance }) {
  return Math.max(RING, SIGMAS * ellipseOn(frame.plane, covariance).major * frame.scale + GAP);
}

/** Mark the point `z`, so that a posterior below it is still seen. */
export function drawCursor(context, style, frame, { z, posterior, isHeld }) {
  const [x, y] = frame.place(z);
  let ring = RING;
  if (posterior?.covariance && !frame.isFlat) {
    const [column, row] = frame.place(posterior.mean);
    const around = ringAround(frame, posterior);
    if (Math.hypot(column - x, row - y) < RING && around < LARGEST_RING) ring = around;
  }
  outline(context, style, ink(style, "--text"), 2, () => {
    context.arc(x, y, ring, 0, 2 * Math.PI);
    for (const [dx, dy] of [[1, 0], [0, 1], [-1, 0], [0, -1]]) {
      context.moveTo(x + ring * dx, y + ring * dy);
      context.lineTo(x + (ring + 6) * dx, y + (ring + 6) * dy);
    }
  });
  if (isHeld) disc(context, x, y, 3, ink(style, "--text"), ink(style, "--text"));
}
