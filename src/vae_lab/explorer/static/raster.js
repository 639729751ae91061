/**
 * Strokes → a grey image as MNIST has them: of 28 pixels 20 are large, centred by its mass, 2 to 3
 * pixels thick; in images of another size, that part of the shorter side.
 */

const LARGE = 20 / 28;
const THICK = 2.3 / 28;
const SMALLEST = 0.25; // of the pad: what is smaller is not enlarged to full size

/**
 * @param strokes lists of [x, y] in 0…1, from the top left.
 * @param shape of the image, [1, H, W].
 */
export function toDigit(strokes, [, rows, columns]) {
  const points = strokes.flat();
  if (!points.length) return new Uint8Array(rows * columns);
  const side = Math.min(rows, columns);
  const sizes = [columns, rows];
  const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
  const extent = (values) => [Math.min(...values), Math.max(...values)];
  const [[left, right], [top, bottom]] = [extent(xs), extent(ys)];
  const scale = ((LARGE - THICK) * side) / Math.max(right - left, bottom - top, SMALLEST);
  const middle = [(left + right) / 2, (top + bottom) / 2];
  const placed = (shift) =>
    strokes.map((stroke) =>
      stroke.map((point) => point.map((v, i) => (v - middle[i]) * scale + sizes[i] / 2 + shift[i])),
    );
  const image = render(placed([0, 0]), sizes, THICK * side);
  const mass = image.reduce((sum, grey) => sum + grey, 0);
  const centre = [0, 0];
  image.forEach((grey, i) => {
    centre[0] += (grey / mass) * ((i % columns) + 0.5);
    centre[1] += (grey / mass) * (Math.floor(i / columns) + 0.5);
  });
  const shift = centre.map((value, i) => sizes[i] / 2 - value);
  return render(placed(shift), sizes, THICK * side);
}

function render(strokes, sizes, thickness) {
  const context = new OffscreenCanvas(...sizes).getContext("2d", { willReadFrequently: true });
  context.fillRect(0, 0, ...sizes);
  trace(context, strokes, thickness);
  const { data } = context.getImageData(0, 0, ...sizes);
  return Uint8Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
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
