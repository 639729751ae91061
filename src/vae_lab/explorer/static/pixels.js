/** Images are one byte per pixel, SIDE rows of SIDE. */

export const SIDE = 28;
export const PIXELS = SIDE * SIDE;

export const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

export const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));

/** Paint images side by side; the canvas takes their size, and CSS enlarges it. */
export function paint(canvas, bytes) {
  const count = bytes.length / PIXELS;
  if (canvas.width !== count * SIDE) canvas.width = count * SIDE;
  if (canvas.height !== SIDE) canvas.height = SIDE;
  const context = canvas.getContext("2d");
  const image = context.createImageData(count * SIDE, SIDE);
  const words = new Uint32Array(image.data.buffer);
  bytes.forEach((grey, i) => {
    const [tile, row, column] = [Math.floor(i / PIXELS), Math.floor((i % PIXELS) / SIDE), i % SIDE];
    words[(row * count + tile) * SIDE + column] = 0xff000000 | (grey * 0x010101);
  });
  context.putImageData(image, 0, 0);
}
