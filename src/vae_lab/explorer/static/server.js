/** Runs behind the server of scripts/explore.py. */

import { toBase64 } from "./pixels.js";

const post = (type, body) => ({ method: "POST", headers: { "Content-Type": type }, body });

async function send(path, request) {
  try {
    return await fetch(path, request);
  } catch {
    throw new Error("The server does not answer. Is scripts/explore.py still running?");
  }
}

async function ask(path, question) {
  const json = question && post("application/json", JSON.stringify(question));
  const response = await send(path, json);
  if (!response.ok) throw new Error(`The server refused: ${await response.text()}`);
  return response;
}

const bytesOf = async (response) => new Uint8Array(await response.arrayBuffer());

class ServedRun {
  canEncode = true;

  constructor(info, index) {
    this.info = info;
    this.path = `api/runs/${index}`;
  }

  /** Posterior means (one array each) and classes of the test digits. */
  async digits() {
    const bytes = await bytesOf(await ask(`${this.path}/digits`));
    return splitDigits(bytes, this.info);
  }

  digit = async (index) => bytesOf(await ask(`${this.path}/digits/${index}`));

  /** The address of a picture of the film. */
  frame = (index) => `${this.path}/frames/${index}`;

  async decode(latents) {
    const z = latents.map((one) => one.map((value) => Number(value.toFixed(4))));
    return bytesOf(await ask(`${this.path}/decode`, { z }));
  }

  /** The pixels of a picture's file, brought to the shape of the run's images. */
  async read(file) {
    const response = await send(`${this.path}/picture`, post("application/octet-stream", file));
    if (response.ok) return bytesOf(response);
    const [{ message }] = (await response.json()).detail;
    throw new Error(`${file.name} is not shown: ${message}.`);
  }

  encode = async (pixels) =>
    (await ask(`${this.path}/encode`, { pixels: toBase64(pixels) })).json();
}

/** Read what comes as float32 means followed by one byte per class. */
export function splitDigits(bytes, { digits, latents }) {
  const numbers = new Float32Array(bytes.slice(0, 4 * digits * latents).buffer);
  const means = Array.from({ length: digits }, (_, i) =>
    Array.from(numbers.subarray(i * latents, (i + 1) * latents)),
  );
  return { means, labels: bytes.subarray(4 * digits * latents) };
}

export async function openServer() {
  const { runs, ...others } = await (await ask("api/explorer")).json();
  return { ...others, runs: runs.map((info, index) => new ServedRun(info, index)) };
}
