/** The page: one card per run, and what they have in common. */

import { RunCard } from "./card.js";
import { openEmbedded } from "./grid.js";
import { DrawingPad } from "./pad.js";
import { openServer } from "./server.js";
import { listenForPictures } from "./upload.js";
import { Walk } from "./walk.js";

const element = (id) => document.getElementById(id);

const cards = [];
let isHeld = false; // the point stays where it is when the mouse moves on
let picking = null; // the end of the interpolation that the next click sets
let given = {}; // the card and the number of the dot that was taken last
let pad = null;

function report(problem) {
  element("problem").hidden = !problem;
  element("problem").textContent = problem ?? "";
}

function hold(wish) {
  isHeld = wish;
  for (const card of cards) card.hold(isHeld);
}

function moveAll(point, event) {
  walk.stop();
  for (const card of cards) card.moveTo(point, event.timeStamp);
}

function setEnd(name) {
  walk.stop();
  for (const card of cards) card.setEnd(name);
  element(`set-${name}`).classList.add("set");
  if (element("set-a").classList.contains("set") && element("set-b").classList.contains("set")) {
    walk.enable();
  }
}

function pick(next) {
  picking = next;
  if (picking) hold(false);
  document.body.classList.toggle("picking", Boolean(picking));
  element("pick").setAttribute("aria-pressed", Boolean(picking));
  element("hint").textContent = {
    a: "Click on the plane where to begin.",
    b: "Now click where to end.",
  }[picking] ?? "From any point to any other, in a straight line."; // prettier-ignore
}

/** Hold the point or let it go, or set an end; tell whether a click takes the dot there. */
function press(card, point, event, digit) {
  moveAll(point, event);
  if (picking) {
    setEnd(picking);
    pick(picking === "a" ? "b" : null);
    if (!picking) walk.play();
    return false;
  }
  const isOther = digit !== null && (card !== given.card || digit !== given.digit);
  hold(event.pointerType !== "mouse" || !isHeld || (pad !== null && isOther));
  return isHeld;
}

/** Give all runs the test image of a dot. */
async function take(card, digit) {
  if (!pad) return;
  try {
    pad.show(await card.original(digit));
    given = { card, digit };
  } catch (error) {
    report(error.message);
  }
}

const KEYS = {
  a: () => setEnd("a"),
  b: () => setEnd("b"),
  p: () => walk.toggle(),
  Escape() {
    pick(null);
    hold(false);
  },
};

const actions = {
  hover: (point, event) => isHeld || moveAll(point, event),
  drag(point, event) {
    if (event.type === "keydown") hold(true);
    moveAll(point, event);
  },
  press,
  take,
  key(event) {
    KEYS[event.key]?.();
    return event.key in KEYS;
  },
  slide() {
    walk.stop();
    hold(true);
  },
  report,
};

const walk = new Walk(element("progress"), element("play"), (t) => {
  hold(true);
  for (const card of cards) card.walk(t);
});

function buildClasses(classes, colors) {
  classes.forEach((name, label) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.style.setProperty("--class", colors[label]);
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", `Show class ${name} alone`);
    button.addEventListener("click", () => {
      const isOn = button.getAttribute("aria-pressed") !== "true";
      for (const other of button.parentElement.children) other.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-pressed", String(isOn));
      for (const card of cards) card.highlight(isOn ? label : null);
    });
    element("classes").append(button);
  });
}

/** Give all runs a picture of the user's own. */
async function takePicture(file) {
  try {
    const pixels = await cards[0].read(file);
    pad.show(pixels);
    report(null);
  } catch (error) {
    report(error.message);
  }
}

function buildDrawing(run, largestFile) {
  const { noun, image_shape: shape } = run.info;
  element("draw").textContent = `Draw a${noun === "image" ? "n" : ""} ${noun}`;
  element("test-digit").textContent = `Take a test ${noun}`;
  const takesPictures = noun === "image";
  for (const part of document.querySelectorAll(".picture")) part.hidden = !takesPictures;
  if (takesPictures) {
    element("pad-hint").textContent = "Draw here, or open, drop or paste a picture";
    const pictureActions = { take: takePicture, report };
    listenForPictures(element("open"), element("file"), largestFile, pictureActions);
  }
  if (shape[0] > 1) forbidDrawing();
  pad = new DrawingPad(element("pad"), shape, (pixels) => {
    given = {};
    element("pad-hint").hidden = Boolean(pixels);
    walk.stop();
    if (pixels) hold(true);
    for (const card of cards) card.encode(pixels);
  });
  element("clear").addEventListener("click", () => pad.clear());
  element("test-digit").addEventListener("click", () => {
    take(cards[0], Math.floor(Math.random() * run.info.digits));
  });
}

/** Colours are not drawn: pictures and test images can be given. */
function forbidDrawing() {
  element("draw").textContent = "Encode an image";
  element("pad-hint").textContent = "Open, drop or paste a picture, or take a test image";
  element("pad").removeAttribute("tabindex");
  element("pad").setAttribute("role", "img");
  element("pad").setAttribute("aria-label", "The image given");
  for (const part of document.querySelectorAll(".pen")) part.hidden = true;
}

function buildScheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const refresh = () => cards.forEach((card) => card.refresh());
  const isDark = () => (root.dataset.scheme ?? (dark.matches ? "dark" : "light")) === "dark";
  dark.addEventListener("change", refresh);
  element("scheme").addEventListener("click", () => {
    root.dataset.scheme = isDark() ? "light" : "dark";
    refresh();
  });
}

/** Say what a page without a server lacks, and what shows it. */
function explainEmbedded(runs) {
  element("embedded-note").hidden = false;
  for (const part of document.querySelectorAll(".dots, .pen, .picture")) part.hidden = true;
  element("lacking").textContent =
    "Images were decoded before this page was written. Drawing, and the images behind the dots, need the model itself" +
    (runs.some(({ info }) => info.latents > 2) ? "; so do sliders where there are more than two latents." : ".");
}

async function start() {
  const embedded = element("embedded");
  const opened = await (embedded ? openEmbedded(embedded.textContent) : openServer());
  const { classes, colors, runs } = opened;
  buildClasses(classes, colors);
  buildScheme();
  document.body.dataset.runs = runs.length;
  for (const run of runs) cards.push(new RunCard(run, element("runs"), colors, actions));
  element("drawing").hidden = !runs[0].canEncode;
  if (embedded) explainEmbedded(runs);
  if (runs[0].canEncode) buildDrawing(runs[0], opened.largest_file);
  element("pick").addEventListener("click", () => pick(picking ? null : "a"));
  for (const name of ["a", "b"]) element(`set-${name}`).addEventListener("click", () => setEnd(name));
  pick(null);
  await Promise.all(cards.map((card) => card.start()));
  document.body.dataset.ready = "";
}

start().catch((error) => report(error.message));
