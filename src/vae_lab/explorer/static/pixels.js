/** Images of a shape [C, H, W] are one byte per pixel and channel: channel by channel, row by row. */

/** How many bytes an image has. */
export const sizeOf = ([channels, rows, columns]) => channels * rows * columns;

export const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

export const toBase64 = (bytes) =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** Paint images side by side; the canvas takes their size, and CSS enlarges it. */
export function paint(canvas, bytes, shape) {
  const [channels, rows, columns] = shape;
  const area = rows * columns;
  const count = bytes.length / sizeOf(shape);
  const width = count * columns;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== rows) canvas.height = rows;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, rows);
  const words = new Uint32Array(image.data.buffer);
  const [green, blue] = channels === 1 ? [0, 0] : [area, 2 * area]; // how far behind the red
  for (let tile = 0; tile < count; tile++) {
    const red = tile * sizeOf(shape);
    for (let i = 0; i < area; i++) {
      const color = bytes[red + i] | (bytes[red + green + i] << 8) | (bytes[red + blue + i] << 16);
      const row = Math.floor(i / columns);
      words[row * width + tile * columns + (i % columns)] = 0xff000000 | color;
    }
  }
  context.putImageData(image, 0, 0);
}
