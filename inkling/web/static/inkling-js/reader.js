// @ts-check
// A reader of digits: what `Reader` is in Python. A source is strokes of points x, y and perhaps a pressure; or a Picture of picture.js.

import { align, alternatives, candidates, UNKNOWN } from "./decoding.js";
import { Format } from "./formats.js";
import { SIDE, toPlacedImage } from "./image.js";
import { forward } from "./layers.js";
import { boxes, toLine } from "./lines.js";
import { rowsOf } from "./rows.js";

/** @typedef {number[][][] | import("./picture.js").Picture} Source */

/**
 * @typedef {object} Reading
 * @property {number} label - Index of the likeliest class
 * @property {string} name - Its name
 * @property {number} confidence - Its probability
 * @property {Float32Array} probabilities - Of every class
 * @property {number} oodScore - Out-of-distribution score in nats: above 0 for what shows no digit
 * @property {boolean | null} accepted - Whether to believe it; null if the bundle cannot say
 * @property {number[] | null} labels - Label set, the likeliest first
 * @property {Float32Array} image - What the network saw: 784 numbers in [0, 1]
 * @property {number[]} [imageBox] - Where that lies: left, top, right, bottom in the unit of the strokes
 */

/**
 * @typedef {object} Options
 * @property {number} [threshold] - The least confidence of an accepted reading, in [0, 1]; without it, that of the bundle
 * @property {string | Format} [format] - What a number looks like: a name, such as "date", or a regular expression
 */

/**
 * @typedef {object} NumberReading
 * @property {string} text - As "-12.5"; "?" stands for ink that is no character of a number
 * @property {number} confidence - That all of it is right
 * @property {boolean | null} accepted
 * @property {{ text: string, confidence: number, alternatives: [string, number][], box: number[] }[]} parts - Its characters, what else each could be, and where it lies: left, top, right, bottom in the unit of the strokes
 * @property {number[]} box - Around the number
 * @property {[string, number][]} alternatives - Other texts, the likeliest first
 */

const MIN_LIKELY = 0.9; // confidence of a number, from which on it is no single digit
const DOUBTFUL_SCORE = -2.5; // out-of-distribution score at which a digit is as likely as none
const COLUMN = 4; // pixels of a column that the line network gives

/** Reads with one bundle, as `inkling export --to js` writes it: model.json and model.bin. */
export class Reader {
  /** @param {any} model - What model.json holds  @param {ArrayBuffer} weights - What model.bin holds */
  constructor(model, weights) {
    if (model?.format !== "inkling-js 1") throw new Error("Expected the model.json of `inkling export --to js`, got something else");
    if (weights.byteLength !== model.bytes) throw new Error(`Expected ${model.bytes} bytes of weights, got ${weights.byteLength}: is model.bin whole?`);
    this.model = model;
    this.layers = loaded(model.layers, weights);
    this.lineLayers = model.numbers && loaded(model.numbers.layers, weights);
  }

  /** Fetch a bundle: the address of its folder. @param {string | URL} address @returns {Promise<Reader>} */
  static async load(address) {
    const folder = String(address).replace(/\/?$/, "/");
    const [model, weights] = await Promise.all(["model.json", "model.bin"].map(async (name) => {
      const response = await fetch(folder + name);
      if (!response.ok) throw new Error(`Expected ${name} at ${folder}, got status ${response.status}`);
      return name === "model.json" ? response.json() : response.arrayBuffer();
    }));
    return new Reader(model, weights);
  }

  /** Read a digit; null where nothing is drawn. @param {Source} source  @param {number} [pen] - The width of a line of strokes  @param {Options} [options] @returns {Reading | null} */
  read(source, pen, options) {
    const placed = isPicture(source) ? this.#ofDigits(source).toPlacedImage() : toPlacedImage(source, pen);
    return placed && { ...this.readImage(placed.image, options), imageBox: placed.box };
  }

  /** Read what is there: a digit, a number of several characters where that is more likely, or several rows. What has a format is a number. @param {Source} source  @param {number} [pen]  @param {Options} [options] @returns {Reading | NumberReading | NumberReading[] | null} */
  readAny(source, pen, options = {}) {
    if (!this.lineLayers) return this.read(source, pen, options);
    const rows = this.readLines(source, options);
    if (rows.length > 1) return rows;
    const [number] = rows;
    const isLong = number && [...number.text].length > 1;
    if (!number || options.format || (isLong && number.confidence > MIN_LIKELY)) return number ?? null;
    const digit = this.read(source, pen, options);
    const likely = digit && digit.confidence / (1 + Math.exp(digit.oodScore - DOUBTFUL_SCORE)); // that there is a digit, and this one
    return digit && isLong && likely < number.confidence ? number : digit;
  }

  /** Read every row, from top to bottom. @param {Source} source  @param {Options} [options] @returns {NumberReading[]} */
  readLines(source, options) {
    const lines = isPicture(source) ? this.#ofDigits(source).toLines() : rowsOf(source).map(toLine).filter(Boolean);
    return lines.map((line) => this.#readLine(line, options));
  }

  /** Read a number; null where nothing is drawn. Of several rows it is the largest, and not accepted. @param {Source} source  @param {Options} [options] @returns {NumberReading | null} */
  readNumber(source, options) {
    const [first, ...others] = this.readLines(source, options);
    if (!others.length) return first ?? null;
    const area = (/** @type {NumberReading} */ { box: [left, top, right, bottom] }) => (right - left) * (bottom - top);
    const largest = others.reduce((one, other) => (area(other) > area(one) ? other : one), first);
    return { ...largest, accepted: largest.accepted && false };
  }

  /** The picture, for a bundle of digits. @param {import("./picture.js").Picture} picture */
  #ofDigits(picture) {
    if (!this.lineLayers) throw new Error("Expected a bundle of digits to read a picture, got another one: use readImage");
    return picture;
  }

  /** @param {import("./lines.js").Line} line  @param {Options} [options] @returns {NumberReading} */
  #readLine(line, { format, threshold } = {}) {
    if (!this.lineLayers) throw new Error("Expected a bundle that reads numbers, got one without the line network");
    const { classes, prior, acceptance } = this.model.numbers;
    const columns = this.columns(line, prior);
    const found = candidates(columns, classes, typeof format === "string" ? new Format(format) : format);
    const { text, probability } = found[0] ?? { text: "", probability: 0 };
    const places = boxes(line, align(columns, text, classes).map((span) => span.map((column) => column * COLUMN)));
    const isNumber = !text.includes(UNKNOWN) && /\d/.test(text);
    const lowest = threshold ?? acceptance?.min_confidence;
    return {
      text, confidence: probability,
      accepted: lowest === undefined ? null : probability >= lowest && isNumber,
      parts: alternatives(columns, text, classes).map(([[own, confidence], ...others], index) => ({ text: own, confidence, alternatives: others, box: places[index] })),
      box: places.at(-1),
      alternatives: found.slice(1).map((other) => /** @type {[string, number]} */ ([other.text, other.probability])),
    };
  }

  /** The log-probabilities of each column of a line. @param {import("./lines.js").Line} line  @param {number[]} prior @returns {Float64Array[]} */
  columns({ data, shape: [, rows, wide] }, prior) {
    const whole = Math.ceil(wide / COLUMN) * COLUMN;
    const padded = new Float32Array(rows * whole);
    for (let row = 0; row < rows; row++) padded.set(data.subarray(row * wide, (row + 1) * wide), row * whole);
    const scores = forward(this.lineLayers, { data: padded, shape: [1, rows, whole] });
    const many = scores.shape[2];
    return Array.from({ length: many }, (_, column) => {
      const own = Float64Array.from(prior, (one, index) => one + scores.data[index * many + column]);
      const total = logSumExp(own);
      return own.map((one) => one - total);
    });
  }

  /** Read an image as MNIST's: 784 numbers in [0, 1], 1 is ink. @param {Float32Array} image  @param {Options} [options] @returns {Reading} */
  readImage(image, { threshold } = {}) {
    const { classes, temperature, acceptance } = this.model;
    const own = forward(this.layers, { data: image, shape: [1, SIDE, SIDE] }).data; // logits, not divided by the temperature
    const oodScore = -logSumExp(own);
    const logits = own.map((value) => value / temperature);
    const total = logSumExp(logits);
    const probabilities = logits.map((value) => Math.exp(value - total));
    const label = probabilities.indexOf(Math.max(...probabilities));
    const confidence = probabilities[label];
    const lowest = threshold ?? acceptance?.min_confidence;
    return {
      label, name: classes[label], confidence, probabilities, oodScore, image,
      accepted: lowest === undefined ? null : confidence >= lowest && oodScore <= (acceptance?.max_ood_score ?? Infinity),
      labels: acceptance?.min_label_probability == null ? null : labelSet(probabilities, acceptance.min_label_probability),
    };
  }

  /** The labels it may be, the likeliest first: this share of such sets holds the true one. @param {Reading} reading  @param {number} level - The share, as 0.99 @returns {number[]} */
  labelSet({ probabilities }, level) {
    const levels = this.model.acceptance?.sets ?? [];
    const found = levels.find(([known]) => known >= level);
    if (!found) throw new Error(`Expected a level that the bundle can promise, at most ${levels.at(-1)?.[0] ?? 0}, got ${level}`);
    return labelSet(probabilities, found[1]);
  }
}

/** The likeliest label, and the others from that probability on. @param {Float32Array} probabilities  @param {number} lowest */
function labelSet(probabilities, lowest) {
  const order = [...probabilities.keys()].sort((one, other) => probabilities[other] - probabilities[one]);
  return order.filter((label, place) => !place || probabilities[label] >= lowest);
}

/** Whether a source is a Picture, not strokes. @param {any} source @returns {source is import("./picture.js").Picture} */
function isPicture(source) {
  if (!Array.isArray(source) && typeof source?.toLines !== "function") throw new TypeError(`Expected strokes or a Picture, got ${source?.constructor?.name ?? source}: of pixels, new Picture(pixels) from inkling-js/picture.js`);
  return !Array.isArray(source);
}

/** Layers with their arrays. @param {any[]} layers  @param {ArrayBuffer} weights @returns {import("./layers.js").Layer[]} */
const loaded = (layers, weights) => layers.map(({ arrays = {}, ...layer }) => ({
  ...layer,
  ...(layer.layers ? { layers: loaded(layer.layers, weights) } : {}),
  ...Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, unpacked(array, weights)])),
}));

/** @param {ArrayLike<number>} values */
function logSumExp(values) {
  const top = Math.max(...Array.from(values));
  return top + Math.log(Array.from(values).reduce((sum, value) => sum + Math.exp(value - top), 0));
}

/** The numbers of an array: of 32 bits, or whole numbers with a scale for each row. @returns {Float32Array} */
function unpacked({ offset, size, bits, rows, scales }, bytes) {
  if (!rows) return new Float32Array(bytes, offset, size);
  const whole = new (bits === 8 ? Int8Array : Int16Array)(bytes, offset, size);
  const factors = new Float32Array(bytes, scales, rows);
  const found = Float32Array.from(whole);
  factors.forEach((factor, row) => {
    for (let place = (row * size) / rows, end = place + size / rows; place < end; place++) found[place] *= factor;
  });
  return found;
}
