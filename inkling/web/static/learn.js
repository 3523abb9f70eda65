// @ts-check
// A network that learns in the page: a drawing is followed through it, and a worker trains it.

import { drawLines } from "./chart.js";
import { toImage } from "./inkling-js/image.js";
import { find, make, recall, remember, say, table } from "./dom.js";
import { count, percent } from "./format.js";
import { showMaps } from "./maps.js";
import { ACTIVATIONS, forward } from "./network.js";
import { Sheet } from "./inkling-js/sheet.js";
import "./shell.js";
import { classRow, grey, group, paint, showShare, signed, tint } from "./units.js";

/** @typedef {import("./learner.js").Progress} Progress */

const SIDE = 28;
const NAMES = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const ACROSS = 10; // units in a row of a layer
const PICTURES = 20; // units of the first layer that are shown
const SUMMANDS = 3; // the largest ones, that are written out
const KEPT = "learn-settings";

const form = find("settings");
const worker = new Worker(new URL("./learner.js", import.meta.url), { type: "module" });
/** @type {Float64Array} */ let image; // of what is drawn
/** @type {Progress | null} */ let now = null; // how far the network is
/** @type {Float64Array[]} */ let outputs = []; // of each layer, for what is drawn
/** @type {Progress[]} */ let history = [];
/** @type {[number, number] | null} */ let chosen = null; // the layer and the unit that are looked at
let [isRunning, isReady] = [false, false];

// --- what is drawn, and its way through the network

const sheet = new Sheet(find("sheet"), find("pen"), look, () => say("The sheet is full: clear it, or undo."), () => {});
find("undo").onclick = () => sheet.undo();
find("clear").onclick = () => sheet.replace([]);

/** The settings as the form has them. @returns {import("./learner.js").Settings} */
function settings() {
  const { hidden, activation, optimizer, rate, batch, seed } = Object.fromEntries(new FormData(form));
  const sizes = String(hidden).split(",").filter(Boolean).map(Number);
  return /** @type {any} */ ({ hidden: sizes, activation, optimizer, rate: Number(rate), batch: Number(batch), seed: Number(seed) });
}

/** The network whose parameters are here. @returns {import("./network.js").Network} */
function network() {
  const sizes = [SIDE * SIDE, ...now.parameters.map(({ bias }) => bias.length)];
  return { sizes, activation: now.settings.activation, loss: "cross-entropy", initialiser: "glorot" };
}

/** Show what is drawn as both networks see it. */
function look() {
  find("undo").disabled = !sheet.canUndo;
  image = Float64Array.from(toImage(sheet.strokes) ?? new Float64Array(SIDE * SIDE));
  paint(find("image"), image, SIDE, grey);
  follow();
  showMaps(image);
}

/** Read what is drawn, and show each layer. */
function follow() {
  if (!now) return;
  outputs = forward(network(), now.parameters, image);
  const shape = outputs.slice(1).map(({ length }) => length).join();
  if (find("layers").dataset.shape !== shape) find("layers").replaceChildren(...outputs.slice(1).map((values, index) => layer(values.length, index)));
  find("layers").dataset.shape = shape;
  [...find("layers").children].forEach((figure, index) => fill(figure, outputs[index + 1], index));
  showUnit();
}

/** Whether the parameters of that number are of the last layer. @param {number} index */
const isLast = (index) => index === now.parameters.length - 1;

/** A layer: a button for each unit. @param {number} size  @param {number} index - Of its parameters */
function layer(size, index) {
  const units = Array.from({ length: size }, (_, unit) => (isLast(index) ? classRow("button", NAMES[unit]) : make("button", {})));
  const list = group(units, isLast(index) ? "classes" : "units", (unit) => choose(index, unit));
  return make("figure", {}, list, make("figcaption", {}));
}

/** Show the values of a layer: its units as light as they are strong, or the share of each class. @param {Element} figure  @param {Float64Array} values  @param {number} index */
function fill(figure, values, index) {
  const [list, caption] = /** @type {any} */ (figure.children);
  const [best, span] = [values.indexOf(Math.max(...values)), Math.max(...values.map(Math.abs), 1e-9)];
  [...list.children].forEach((button, unit) => {
    const value = values[unit];
    button.setAttribute("aria-label", isLast(index) ? `${NAMES[unit]}: ${percent(value, 1)}` : `Unit ${unit + 1}: ${value.toFixed(2)}`);
    if (isLast(index)) showShare(button, value, unit === best && !sheet.empty);
    else button.style.setProperty("--value", String(Math.abs(value) / span));
  });
  caption.textContent = isLast(index) ? "Probabilities: the softmax of ten sums" : `Layer ${index + 1}: ${values.length} units, ${now.settings.activation}`;
  list.setAttribute("aria-label", caption.textContent);
}

/** @param {number} index  @param {number} unit */
function choose(index, unit) {
  chosen = [index, unit];
  showUnit();
}

/** How the value of the chosen unit comes about. */
function showUnit() {
  const [index, unit] = chosen ?? [-1, 0];
  const bias = now?.parameters[index]?.bias;
  find("unit").hidden = !bias || unit >= bias.length;
  find("unit-hint").hidden = !find("unit").hidden;
  if (find("unit").hidden) return;
  const inputs = outputs[index];
  const weights = inputs.map((_, place) => now.parameters[index].weights[place * bias.length + unit]);
  const products = weights.map((weight, place) => weight * inputs[place]);
  const width = index ? ACROSS : SIDE;
  paint(find("unit-weights"), weights, width, tint);
  paint(find("unit-products"), products, width, tint);
  const z = products.reduce((sum, product) => sum + product, bias[unit]);
  const largest = [...products.keys()].sort((one, other) => Math.abs(products[other]) - Math.abs(products[one])).slice(0, SUMMANDS);
  const written = largest.filter((place) => products[place]).map((place) => `${inputs[place].toFixed(2)} × ${signed(weights[place])}`);
  const after = isLast(index) ? `the softmax makes ${percent(outputs[index + 1][unit], 1)} of it` : `${now.settings.activation}(${signed(z)}) = ${outputs[index + 1][unit].toFixed(3)}`;
  find("unit-title").textContent = isLast(index) ? `The class ${NAMES[unit]}` : `Layer ${index + 1}, unit ${unit + 1}`;
  find("unit-sum").textContent = `z = ${[...written, written.length ? "…" : "0", `bias ${signed(bias[unit])}`].join(" + ")} = ${signed(z)}; ${after}`;
}

// --- training

/** Tell the worker to begin with the settings of the form. */
function fresh() {
  if (!form.reportValidity()) return;
  remember(KEPT, JSON.stringify(Object.fromEntries(new FormData(form))));
  [history, chosen] = [[], null];
  find("checked").hidden = true;
  setRunning(false);
  worker.postMessage({ do: "begin", settings: settings() });
}

/** @param {boolean} is */
function setRunning(is) {
  isRunning = is;
  find("run").textContent = is ? "Pause" : "Train";
  for (const id of ["run", "step", "again", "check"]) find(id).disabled = !isReady;
}

find("run").onclick = () => {
  setRunning(!isRunning);
  worker.postMessage({ do: isRunning ? "run" : "pause" });
};
find("step").onclick = () => {
  setRunning(false);
  worker.postMessage({ do: "step" });
};
find("again").onclick = fresh;
find("check").onclick = () => worker.postMessage({ do: "check" });
form.addEventListener("change", fresh);
form.addEventListener("submit", (/** @type {Event} */ event) => event.preventDefault());

/** @type {Record<string, (message: any) => void>} */
const ANSWERS = {
  loaded: ({ learning, heldOut }) => {
    isReady = true;
    find("sample").textContent = `It learns from ${count(learning)} images of MNIST's training set; ${count(heldOut)} others, held out, tell how well it reads.`;
    fresh();
  },
  progress: (/** @type {Progress} */ progress) => {
    now = progress;
    history.push({ ...progress, parameters: [] }); // the last ones are enough
    showProgress();
    follow();
  },
  checked: ({ found }) => {
    find("checked").hidden = false;
    find("checked").replaceChildren(table(
      "The slope of the loss along eight weights: by backpropagation, and by moving each weight a little",
      ["weight", "backpropagation", "differences", "they differ by"],
      found.map((/** @type {import("./learner.js").Checked} */ one) => [
        `layer ${one.layer + 1}, ${one.place}`, one.backward.toExponential(4), one.differences.toExponential(4),
        Math.abs(one.backward - one.differences).toExponential(1)]),
    ));
  },
  failed: ({ text }) => say(text, "error"),
};
worker.addEventListener("message", ({ data }) => ANSWERS[data.kind](data));

/** How far the training is. */
function showProgress() {
  const tile = (/** @type {string} */ name, /** @type {string} */ value) => make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }));
  find("figures").replaceChildren(
    tile("Accuracy, held out", percent(now.accuracy, 1)), tile("Loss, held out", now.loss.toFixed(3)),
    tile("Epochs", now.epoch.toFixed(1)), tile("Steps", count(now.steps)), tile("Seconds", now.seconds.toFixed(1)));
  const known = history.filter(({ steps }) => steps);
  find("curves").hidden = known.length < 2;
  if (known.length > 1) {
    const xs = known.map(({ epoch }) => epoch);
    drawLines(find("loss"), "Loss", "epoch", "of the steps' images, and of those held out", [
      { label: "training", xs, ys: known.map(({ trained }) => trained), hue: 0, dashed: true },
      { label: "held out", xs, ys: known.map(({ loss }) => loss), hue: 0 }]);
    drawLines(find("accuracy"), "Accuracy", "epoch", "of the images held out", [{ label: "held out", xs, ys: known.map(({ accuracy }) => accuracy), hue: 2 }]);
  }
  const rows = NAMES.map((name, label) => [name, ...now.confusion.slice(10 * label, 10 * label + 10).map((many) => (many ? String(many) : "·"))]);
  find("confusion").replaceChildren(table("What held-out digits are read as: a row for each true digit", ["true", ...NAMES], rows));
  const { weights, bias } = now.parameters[0];
  find("first-layer").replaceChildren(...Array.from({ length: Math.min(PICTURES, bias.length) }, (_, unit) => {
    const canvas = make("canvas", {});
    paint(canvas, Float64Array.from({ length: SIDE * SIDE }, (_, pixel) => weights[pixel * bias.length + unit]), SIDE, tint);
    return canvas;
  }));
}

const kept = JSON.parse(recall(KEPT) ?? "{}");
for (const [name, value] of Object.entries(kept)) if (form.elements[name]) form.elements[name].value = value;
if (!(settings().activation in ACTIVATIONS)) form.reset();
look();
worker.postMessage({ do: "load", url: new URL(find("learn").dataset.sample, document.baseURI).href });
