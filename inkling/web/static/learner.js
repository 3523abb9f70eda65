// @ts-check
// A worker that trains the network of network.js, so that the page stays quick. It keeps the sample and the state.
//
// The page sends { do: ... }, one of ACTS below. The worker answers { kind: "loaded" | "progress" | "checked" | "failed", ... }.

import { backward, begin, forward, initialise, largest, loss, oneHot, random, update } from "./network.js";

/**
 * @typedef {object} Settings
 * @property {number[]} hidden - Units of each hidden layer
 * @property {import("./network.js").Activation} activation
 * @property {"sgd" | "adam"} optimizer
 * @property {number} rate - The learning rate
 * @property {number} batch - Images a step
 * @property {number} seed
 */
/**
 * @typedef {object} Progress
 * @property {"progress"} kind
 * @property {Settings} settings - With which it was begun
 * @property {number} steps
 * @property {number} epoch - How many times all images were seen
 * @property {number} seconds - Of training alone
 * @property {number} trained - Mean loss of the steps since the last progress
 * @property {number} loss - On the images held out
 * @property {number} accuracy - On the images held out, in [0, 1]
 * @property {number[]} confusion - `(K, K)`: rows are labels, columns readings
 * @property {import("./network.js").Layer[]} parameters
 */
/** @typedef {{ layer: number, place: number, backward: number, differences: number }} Checked - The slope of the loss along one weight, twice */

const [PIXELS, CLASSES] = [28 * 28, 10];
const HELD_OUT = 1000; // images, the last of the sample; as in web/learn.py
const SLICE_MS = 150; // of training, between two answers
const CHECKED = 8; // weights whose slopes are compared
const MOVED = 1e-5; // how far each is moved

/** @type {{ images: Float64Array, labels: Uint8Array, targets: Float64Array }} */ let learning;
/** @type {{ images: Float64Array, labels: Uint8Array, targets: Float64Array }} */ let heldOut;
/** @type {Settings} */ let settings;
/** @type {import("./network.js").Network} */ let network;
/** @type {import("./network.js").State} */ let state;
/** @type {() => number} */ let rng;
/** @type {number[]} */ let order = []; // of the images that are left in this epoch
let [running, seconds, timer] = [false, 0, 0];

/** The sample: for each image its label and its pixels, as bytes. @param {string} url */
async function load(url) {
  const response = await fetch(url);
  if (!response.ok) {
    const { error, hint } = await response.json();
    throw new Error(`${error}. ${hint}.`);
  }
  const bytes = new Uint8Array(await response.arrayBuffer());
  const count = bytes.length / (PIXELS + 1);
  /** @param {number} from  @param {number} to */
  const part = (from, to) => {
    const images = new Float64Array((to - from) * PIXELS);
    const labels = new Uint8Array(to - from);
    for (let row = from; row < to; row++) {
      const start = row * (PIXELS + 1);
      labels[row - from] = bytes[start];
      for (let pixel = 0; pixel < PIXELS; pixel++) images[(row - from) * PIXELS + pixel] = bytes[start + 1 + pixel] / 255;
    }
    return { images, labels, targets: oneHot(labels, CLASSES) };
  };
  [learning, heldOut] = [part(0, count - HELD_OUT), part(count - HELD_OUT, count)];
  postMessage({ kind: "loaded", learning: learning.labels.length, heldOut: HELD_OUT });
}

/** Fresh weights. @param {Settings} chosen */
function start(chosen) {
  settings = chosen;
  network = { sizes: [PIXELS, ...chosen.hidden, CLASSES], activation: chosen.activation, loss: "cross-entropy", initialiser: "glorot" };
  rng = random(chosen.seed);
  state = begin(initialise(network, rng));
  [order, seconds] = [[], 0];
  report(NaN);
}

/** Rows of the sample, in the order of `rows`. @param {Float64Array} values  @param {number} width  @param {number[]} rows */
function taken(values, width, rows) {
  const found = new Float64Array(rows.length * width);
  rows.forEach((row, place) => found.set(values.subarray(row * width, (row + 1) * width), place * width));
  return found;
}

/** The next batch. Each epoch shuffles the images. */
function nextBatch() {
  if (order.length < settings.batch) {
    order = Array.from(learning.labels.keys());
    for (let place = order.length - 1; place > 0; place--) { // Fisher & Yates
      const other = Math.floor(rng() * (place + 1));
      [order[place], order[other]] = [order[other], order[place]];
    }
  }
  const rows = order.splice(-settings.batch);
  return { images: taken(learning.images, PIXELS, rows), targets: taken(learning.targets, CLASSES, rows) };
}

/** One step of gradient descent; the loss before it. */
function step() {
  const { images, targets } = nextBatch();
  const outputs = forward(network, state.parameters, images);
  const gradients = backward(network, state.parameters, outputs, targets);
  const optimizer = { kind: settings.optimizer, momentum: settings.optimizer === "adam" ? 0.9 : 0, second_momentum: 0.999 };
  state = update(optimizer, state, gradients, settings.rate);
  return loss(network, outputs.at(-1), targets);
}

/** Steps for a moment, again and again until it is paused. */
function train() {
  if (!running) return;
  const began = performance.now();
  let [sum, count] = [0, 0];
  do {
    sum += step();
    count += 1;
  } while (performance.now() - began < SLICE_MS);
  seconds += (performance.now() - began) / 1000;
  report(sum / count);
  timer = setTimeout(train); // so that messages come in
}

/** Tell the page how far it is. @param {number} trained - The mean loss of the last steps */
function report(trained) {
  const probabilities = forward(network, state.parameters, heldOut.images).at(-1);
  const read = largest(probabilities, CLASSES);
  const confusion = new Array(CLASSES * CLASSES).fill(0);
  read.forEach((label, row) => { confusion[heldOut.labels[row] * CLASSES + label] += 1; });
  const right = read.filter((label, row) => label === heldOut.labels[row]).length;
  postMessage({
    kind: "progress",
    settings,
    steps: state.steps,
    epoch: (state.steps * settings.batch) / learning.labels.length,
    seconds,
    trained,
    loss: loss(network, probabilities, heldOut.targets),
    accuracy: right / HELD_OUT,
    confusion,
    parameters: state.parameters,
  });
}

/** The slope of the loss along a few weights, by backpropagation and by moving each a little. */
function check() {
  const rows = Array.from({ length: 20 }, (_, row) => row);
  const [images, targets] = [taken(learning.images, PIXELS, rows), taken(learning.targets, CLASSES, rows)];
  const gradients = backward(network, state.parameters, forward(network, state.parameters, images), targets);
  const draw = random(state.steps); // not that of the training, which a check must not change
  /** @type {Checked[]} */ const found = [];
  for (let number = 0; number < CHECKED; number++) {
    const layer = number % gradients.length;
    const slopes = gradients[layer].weights;
    const alive = [...slopes.keys()].filter((place) => slopes[place]); // of a pixel that is always 0, there is nothing to see
    const place = alive[Math.floor(draw() * alive.length)] ?? 0;
    const at = (/** @type {number} */ move) => {
      const moved = state.parameters.map(({ weights, bias }) => ({ weights: weights.slice(), bias }));
      moved[layer].weights[place] += move;
      return loss(network, forward(network, moved, images).at(-1), targets);
    };
    found.push({ layer, place, backward: slopes[place], differences: (at(MOVED) - at(-MOVED)) / (2 * MOVED) });
  }
  postMessage({ kind: "checked", found });
}

/** @type {Record<string, (message: any) => void | Promise<void>>} */
const ACTS = {
  load: ({ url }) => load(url),
  begin: ({ settings: chosen }) => { running = false; start(chosen); },
  run: () => { clearTimeout(timer); running = true; train(); },
  pause: () => { running = false; },
  step: () => { running = false; report(step()); },
  check: () => { check(); },
};

addEventListener("message", async ({ data }) => {
  try {
    await ACTS[data.do](data);
  } catch (error) {
    postMessage({ kind: "failed", text: error.message });
  }
});
