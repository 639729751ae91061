/** Runs without a server: the plane decoded beforehand on a grid, interpolated in between. */

import { project } from "./geometry.js";
import { PIXELS, SIDE, fromBase64 } from "./pixels.js";
import { splitDigits } from "./server.js";

class EmbeddedRun {
  canEncode = false;

  constructor({ info, digits, size }, tiles) {
    this.info = info;
    this.size = size;
    this.tiles = tiles;
    this.bytes = fromBase64(digits);
  }

  digits = async () => splitDigits(this.bytes, this.info);

  async decode(latents) {
    const images = new Uint8Array(latents.length * PIXELS);
    latents.forEach((z, i) => images.set(this.#decodeOne(z), i * PIXELS));
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
    const start = (below * this.size + left) * PIXELS;
    const above = start + this.size * PIXELS;
    const { tiles } = this;
    const image = new Uint8Array(PIXELS);
    for (let i = 0; i < PIXELS; i++) {
      const low = (1 - x) * tiles[start + i] + x * tiles[start + PIXELS + i];
      const high = (1 - x) * tiles[above + i] + x * tiles[above + PIXELS + i];
      image[i] = Math.round((1 - y) * low + y * high);
    }
    return image;
  }
}

/** Return the tiles of a square mosaic, one after the other, row by row from the bottom left. */
async function cut(url, size) {
  const mosaic = new Image();
  mosaic.src = url;
  await mosaic.decode();
  const canvas = new OffscreenCanvas(mosaic.width, mosaic.height);
  const context = canvas.getContext("2d");
  context.drawImage(mosaic, 0, 0);
  const { data } = context.getImageData(0, 0, mosaic.width, mosaic.height);
  const tiles = new Uint8Array(size * size * PIXELS);
  for (let i = 0; i < tiles.length; i++) {
    const tile = Math.floor(i / PIXELS);
    const row = (size - 1 - Math.floor(tile / size)) * SIDE + Math.floor((i % PIXELS) / SIDE);
    const column = (tile % size) * SIDE + (i % SIDE);
    tiles[i] = data[4 * (row * mosaic.width + column)];
  }
  return tiles;
}

export async function openEmbedded(text) {
  const { colors, runs } = JSON.parse(text);
  const opened = runs.map(async (run) => new EmbeddedRun(run, await cut(run.mosaic, run.size)));
  return { colors, runs: await Promise.all(opened) };
}
