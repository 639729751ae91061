/** Runs without a server: the plane decoded beforehand on a grid, interpolated in between. */

import { project } from "./geometry.js";
import { fromBase64, sizeOf } from "./pixels.js";
import { splitDigits } from "./server.js";

class EmbeddedRun {
  canEncode = false;

  constructor({ info, digits, size }, tiles) {
    this.info = info;
    this.size = size;
    this.tiles = tiles;
    this.bytes = fromBase64(digits);
    this.length = sizeOf(info.image_shape); // of an image
  }

  digits = async () => splitDigits(this.bytes, this.info);

  async decode(latents) {
    const images = new Uint8Array(latents.length * this.length);
    latents.forEach((z, i) => images.set(this.#decodeOne(z), i * this.length));
    return images;
  }

  #decodeOne(z) {
    const plane = this.info.axes.slice(0, 2);
    const places = project(plane, z).map((value, i) => {
      const [low, high] = plane[i].range;
      const place = ((value - low) / (high - low)) * (this.size - 1);
      return Math.min(Math.max(place, 0), this.size - 1);
    });
    const [left, below] = places.map((place) => Math.min(Math.floor(place), this.size - 2));
    const [x, y] = [places[0] - left, places[1] - below];
    const { tiles, length } = this;
    const start = (below * this.size + left) * length;
    const above = start + this.size * length;
    const image = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      const low = (1 - x) * tiles[start + i] + x * tiles[start + length + i];
      const high = (1 - x) * tiles[above + i] + x * tiles[above + length + i];
      image[i] = Math.round((1 - y) * low + y * high);
    }
    return image;
  }
}

/** Return the tiles of a square mosaic, one after the other, row by row from the bottom left. */
async function cut(url, size, shape) {
  const mosaic = new Image();
  mosaic.src = url;
  await mosaic.decode();
  const canvas = new OffscreenCanvas(mosaic.width, mosaic.height);
  const context = canvas.getContext("2d");
  context.drawImage(mosaic, 0, 0);
  const { data } = context.getImageData(0, 0, mosaic.width, mosaic.height);
  const [, rows, columns] = shape;
  const [length, area] = [sizeOf(shape), rows * columns];
  const tiles = new Uint8Array(size * size * length);
  for (let i = 0; i < tiles.length; i++) {
    const tile = Math.floor(i / length);
    const channel = Math.floor((i % length) / area);
    const row = (size - 1 - Math.floor(tile / size)) * rows + Math.floor((i % area) / columns);
    const column = (tile % size) * columns + (i % columns);
    tiles[i] = data[4 * (row * mosaic.width + column) + channel];
  }
  return tiles;
}

export async function openEmbedded(text) {
  const { runs, ...classes } = JSON.parse(text);
  const open = async (run) =>
    new EmbeddedRun(run, await cut(run.mosaic, run.size, run.info.image_shape));
  return { ...classes, runs: await Promise.all(runs.map(open)) };
}
