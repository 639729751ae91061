/** Strokes → an image as MNIST has them: 20 pixels large, centred by its mass, 2 to 3 pixels thick. */

import { PIXELS, SIDE } from "./pixels.js";

const LARGE = 20;
const THICK = 2.3;
const SMALLEST = 0.25; // of the pad: what is smaller is not enlarged to full size

/** @param strokes lists of [x, y] in 0…1, from the top left. */
export function toDigit(strokes) {
  const points = strokes.flat();
  if (!points.length) return new Uint8Array(PIXELS);
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const extent = (values) => [Math.min(...values), Math.max(...values)];
  const [[left, right], [top, bottom]] = [extent(xs), extent(ys)];
  const scale = (LARGE - THICK) / Math.max(right - left, bottom - top, SMALLEST);
  const middle = [(left + right) / 2, (top + bottom) / 2];
  const placed = (shift) =>
    strokes.map((stroke) =>
      stroke.map((point) => point.map((v, i) => (v - middle[i]) * scale + SIDE / 2 + shift[i])),
    );
  const image = render(placed([0, 0]));
  const mass = image.reduce((sum, grey) => sum + grey, 0);
  const centre = [0, 0];
  image.forEach((grey, i) => {
    centre[0] += (grey / mass) * ((i % SIDE) + 0.5);
    centre[1] += (grey / mass) * (Math.floor(i / SIDE) + 0.5);
  });
  return render(placed(centre.map((value) => SIDE / 2 - value)));
}

function render(strokes) {
  const context = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
  context.fillRect(0, 0, SIDE, SIDE);
  trace(context, strokes, THICK);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  return Uint8Array.from({ length: PIXELS }, (_, i) => data[4 * i]);
}

/** Draw white strokes; a single point becomes a dot. */
export function trace(context, strokes, thickness) {
  context.strokeStyle = "white";
  context.lineWidth = thickness;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(...stroke[0]);
    for (const point of stroke) context.lineTo(...point);
    context.stroke();
  }
}
