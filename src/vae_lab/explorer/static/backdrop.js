/** What lies still on the plane: rules, numbers, and the test digits coloured by class. */

import { badge } from "./marks.js";

const FAINT = 0.07;
const STRONG = 0.72;
const ROUND = 0.6; // of a disc's width: longer names widen it

/**
 * @param context of a canvas in CSS pixels.
 * @param style the computed style that holds the colours.
 * @param digits `means` and `labels` of the test digits.
 * @param colors of the classes.
 * @param only the class to show alone, or null.
 * @return the places of the digits.
 */
export function drawBackdrop(context, style, frame, { digits, colors, only }) {
  // a little ink lifts pale colours from a light ground, and dark ones from a dark ground
  const text = style.getPropertyValue("--text");
  const inks = colors.map((color) => `color-mix(in oklab, ${color} 85%, ${text})`);
  drawRules(context, style, frame);
  const [left, bottom] = frame.toScreen(frame.ranges.map(([low]) => low));
  const [right, top] = frame.toScreen(frame.ranges.map(([, high]) => high));
  context.save();
  context.beginPath();
  context.rect(left, top, right - left, bottom - top);
  context.clip();
  const radius = Math.max(1.6, frame.width / 260);
  const places = digits.means.map((z, i) => frame.place(z, digits.labels[i]));
  places.forEach((place, i) => {
    const label = digits.labels[i];
    context.globalAlpha = only === null || label === only ? STRONG : FAINT;
    context.fillStyle = inks[label];
    context.beginPath();
    context.arc(...place, radius, 0, 2 * Math.PI);
    context.fill();
  });
  context.globalAlpha = 1;
  if (!frame.isFlat) drawNames(context, style, places, { frame, digits, colors: inks, only });
  context.restore();
  return places;
}

function drawRules(context, style, frame) {
  const [[left, right], [bottom, top]] = frame.ranges;
  context.lineWidth = 1;
  context.font = `12px ${style.fontFamily}`;
  for (const x of ticks(left, right)) {
    const [column, row] = frame.toScreen([x, bottom]);
    rule(context, style, x === 0, [column, row], frame.toScreen([x, top]));
    context.textAlign = "center";
    context.fillText(signed(x), column, row + 15);
  }
  const room = frame.toScreen([left, 0])[0] - 6;
  const fits = !frame.isFlat || frame.classes.every((name) => context.measureText(name).width < room);
  for (const y of frame.isFlat ? frame.classes.keys() : ticks(bottom, top)) {
    const [column, row] = frame.toScreen([left, y]);
    rule(context, style, y === 0 && !frame.isFlat, [column, row], frame.toScreen([right, y]));
    const text = frame.isFlat ? frame.classes[y] : signed(y);
    context.textAlign = fits ? "right" : "left";
    context.fillText(text, ...(fits ? [column - 6, row + 4] : [column + 4, row - 4]));
  }
  context.fillStyle = style.getPropertyValue("--text");
  context.font = `600 12px ${style.fontFamily}`;
  const [end, floor] = frame.toScreen([right, bottom]);
  context.textAlign = "right";
  context.fillText(frame.plane[0].name, end, floor + 36);
  const [start, ceiling] = frame.toScreen([left, top]);
  context.textAlign = "left";
  context.fillText(frame.plane[1]?.name ?? "class", start, ceiling - 12);
}

function rule(context, style, isZero, from, to) {
  context.strokeStyle = style.getPropertyValue(isZero ? "--axis" : "--rule");
  context.fillStyle = style.getPropertyValue("--quiet");
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}

/** Write each class at its median, so that no one has to tell many colours apart. */
function drawNames(context, style, places, { frame, digits, colors, only }) {
  const names = colors
    .map((color, label) => ({ color, label, mine: places.filter((_, i) => digits.labels[i] === label) }))
    .filter(({ label, mine }) => mine.length && (only === null || only === label))
    .map(({ color, label, mine }) => ({ color, label, place: [0, 1].map((axis) => median(mine, axis)) }));
  const size = Math.min(25, Math.max(19, frame.width / 18));
  context.font = `700 ${size / 1.9}px ${style.fontFamily}`;
  context.textAlign = "center";
  const spares = names.map(({ label }) =>
    Math.max(0, context.measureText(frame.classes[label]).width - size * ROUND),
  );
  keepApart(
    names.map(({ place }) => place),
    spares.map((spare) => [size + spare, size]),
  );
  for (const [i, { color, label, place }] of names.entries()) {
    badge(context, ...place, size / 2 - 1, spares[i], style.getPropertyValue("--surface"), color);
    context.fillStyle = style.getPropertyValue("--text");
    context.fillText(frame.classes[label], place[0], place[1] + size / 5.5);
  }
}

/** Push places apart, in place, until what stands there, of sizes [width, height], hardly overlaps. */
function keepApart(places, sizes) {
  for (let round = 0; round < 50; round++) {
    for (const [i, one] of places.entries()) {
      for (const [j, other] of places.entries()) {
        if (j <= i) continue;
        const least = [0, 1].map((axis) => (sizes[i][axis] + sizes[j][axis]) / 2);
        const away = one.map((value, axis) => (value - other[axis] + (axis - 0.5) * 1e-3) / least[axis]);
        const distance = Math.hypot(...away);
        if (distance >= 1) continue;
        away.forEach((value, axis) => {
          const push = (value / distance) * (1 - distance) * 0.5 * least[axis];
          one[axis] += push;
          other[axis] -= push;
        });
      }
    }
  }
}

const median = (points, axis) =>
  points.map((point) => point[axis]).sort((p, q) => p - q)[points.length >> 1];

const signed = (value) => String(Number(value.toFixed(3))).replace("-", "−");

/** Four to nine round numbers in a range. */
function ticks(low, high) {
  const power = 10 ** Math.floor(Math.log10((high - low) / 4));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power * 9 >= high - low);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}
