// @ts-check
// Finds the ink of a picture, part by part, on plain paper and on printed patterns: inkling/ink/marks.py, by the same names.

import { label, places, sizes } from "./components.js";
import { Grid } from "./grid.js";
import { maxima, smoothed } from "./morphology.js";
import { MIN_CONTRAST, NothingDrawn, otsu } from "./paper.js";
import { rint } from "./pen.js";
import { withoutBoxes, withoutLines } from "./printed.js";
import { deviation, max, mean } from "./statistics.js";

const PATTERN = 0.15; // of the ink, of what is fainter and lies apart from it: print on the paper
const [PALE, MAX_PALE] = [0.5, 1.4]; // of the ink's threshold; times the ink with what is pale and joined
const [SPAN, RISE] = [0.6, 0.85]; // of a picture's width and height; shorter parts are in no grid
const UNBROKEN = 0.9; // of its length, over which a printed line is seen
const MIN_SEPARATION = 2.8; // of ink and paper, in standard deviations; noise has less
const MAX_PARTS = 256; // of the ink; noise has more, and none larger than LONG
const LONG = 30; // times the square of the pen's width
const DARK = [0.05, 0.15]; // of a part, as dark as ink, where print is pale and where it is dark
const CROSSING = 0.5; // of a part's pixels, of removed ones beside it, where printed lines cross
const SPECK = 0.4; // of the square of the pen's width

/** @typedef {import("./components.js").Components} Components */
/** @typedef {{ labels: Grid, boxes: number[][], sizes: number[], pen: number, torn: boolean }} Marks - The parts of the ink: n + 1 in the labels of part n; its left, top, right, bottom; its pixels; the width of the strokes; whether parts may be pieces of strokes, torn by print as dark as some of the ink */

/** The parts of the ink in the contrast to the paper. @param {Grid} seen @returns {Marks} */
export function find(seen) {
  let smooth = smoothed(seen);
  let limit = otsu(smooth.data);
  let components = label(smooth.where((value) => value > limit));
  const inked = components.labels;
  if (hasPrint(components)) {
    smooth = withoutBoxes(smooth, limit, true);
    smooth = withoutLines(smooth, otsu(smooth.data), UNBROKEN);
    limit = otsu(smooth.data);
    components = label(smooth.where((value) => value > limit));
  }
  let mask = components.labels.where(Boolean);
  const dark = otsu(smooth.under(mask));
  const strong = smooth.where((value) => value > dark);
  const pen = penOf(strong);
  if (!isInk(smooth.under(strong), smooth.data.filter((_, place) => !mask.data[place])) || areNoise(strong, pen)) throw new NothingDrawn();
  const pale = label(smooth.where((value) => value > PALE * limit));
  const inkInPale = sizes(pale, mask);
  const ofInk = pale.labels.where((one) => one && inkInPale[one]);
  const close = maxima(strong, Math.max(2, rint(pen)));
  const isClose = mask.where((is, place) => is && close.data[place]);
  const closeIn = sizes(components, isClose);
  const all = sizes(components);
  const near = components.labels.where((one, place) => isClose.data[place] || (one && closeIn[one] > all[one] / 2));
  const torn = ofInk.count > MAX_PALE * mask.count;
  let darkest = 0;
  if (torn) { // print, as pale as parts of the ink
    const isPatterned = mask.count > (1 + PATTERN) * near.count;
    if (isPatterned) mask = near;
    components = label(maxima(mask, (rint(pen) | 1) >> 1));
    components.labels = components.labels.map((one, place) => (mask.data[place] ? one : 0), components.labels.data);
    darkest = DARK[Number(isPatterned)];
  } else { // where strokes are pale, the pen is worn
    components = { labels: pale.labels.map((one, place) => (ofInk.data[place] ? one : 0), pale.labels.data), count: pale.count };
  }
  const [own, ownDark] = [sizes(components), sizes(components, strong)];
  const around = maxima(components.labels, 1);
  const crossing = sizes({ labels: around, count: components.count }, smooth.where((value, place) => inked.data[place] && !value));
  let count = 0;
  const numbers = Array.from(own, (size, one) => (one && size > SPECK * pen * pen && ownDark[one] >= darkest * size && crossing[one] < CROSSING * size ? ++count : 0));
  if (!count) throw new NothingDrawn();
  const labels = components.labels.map((one) => numbers[one], new Int32Array(inked.data.length));
  return { labels, boxes: places({ labels, count }).map(({ left, top, right, bottom }) => [left, top, right, bottom]), sizes: [...own].filter((_, one) => numbers[one]), pen, torn };
}

/** Whether the contrasts of dark pixels stand out from those of all paper. @param {import("./grid.js").Numbers} dark  @param {import("./grid.js").Numbers} ground */
function isInk(dark, ground) {
  if (!dark.length || !ground.length || mean(dark) < MIN_CONTRAST) return false;
  return mean(dark) - mean(ground) > MIN_SEPARATION * (deviation(dark) + deviation(ground));
}

/** Whether there are too many dark parts for writing, and none as long as a stroke. @param {Grid} mask  @param {number} pen */
function areNoise(mask, pen) {
  const components = label(mask);
  const [, ...many] = sizes(components);
  return components.count > MAX_PARTS && max(many) < LONG * pen * pen;
}

/** Whether a part of the ink may be a ruled line, a frame or a grid, or joined to one. @param {Components} components */
const hasPrint = (components) => places(components).some(({ left, top, right, bottom }) => bottom - top > RISE * components.labels.height || right - left > SPAN * components.labels.width);

/** The width of strokes in pixels, by their area and the length of their outlines. A stroke of length l and width w has 2 l of outline, which is 4 / pi times as long where it is counted along rows and columns, as a mean over directions. @param {Grid} mask */
function penOf({ width, data, count }) {
  let outline = 0;
  for (let place = 0; place < data.length; place++) {
    if (place % width && data[place] !== data[place - 1]) outline++;
    if (place >= width && data[place] !== data[place - width]) outline++;
  }
  return Math.max(1, ((8 / Math.PI) * count) / Math.max(outline, 1));
}
