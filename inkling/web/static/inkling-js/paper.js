// @ts-check
// Separates ink from paper in a picture, as a scan, a canvas or a photograph: inkling/ink/paper.py, by the same names.

import { brightness } from "./colour.js";
import { label, placeOf, sizes } from "./components.js";
import * as desk from "./desk.js";
import { Grid } from "./grid.js";
import { leastSquares } from "./leastsquares.js";
import { closed, distances, inverted, maxima, medians, minima, opened, reached, surrounded } from "./morphology.js";
import { ofDigit, width } from "./parts.js";
import { withoutBoxes, withoutLines } from "./printed.js";
import { BILINEAR, BOX, resized } from "./resample.js";
import { deviation, max, mean, median, min, quantile, select, share, sum } from "./statistics.js";

const COARSE = 48; // pixels of the longer side, to which a picture is reduced to estimate its light
const FITS = 6; // of a surface to the light, each to the half of the pixels nearest to the last fit
const WORKING = 512; // pixels of the longer side, at most; larger pictures are reduced
const [FINE, WIDE] = [15, 101]; // pixels; in a reduced picture, small digits have strokes narrower than FINE
const ALIKE = 0.8; // of the stronger contrast, from which on the one that covers more decides
const FEW = 8; // pixels; those of the least ink that is looked for
export const CLOSER = 4 / 3; // times as fine, at least, has a part of a picture to be to be read for itself
const SHADOW = 0.6; // of the contrast of ink, at most; what is darker is ink, however wide
export const MIN_CONTRAST = 16; // grey levels of 255, of ink
const MIN_PAPER_SHARE = 0.6; // of each side of the border; a digit cut out tightly leaves less free
const LOSSY_FLOOR = 0.1; // of the peak; artefacts of JPEG and WebP around a stroke are fainter
const MIN_SEPARATION = 2.3; // of the means of ink and paper, in standard deviations; noise has 2.2
const SIZE = 20; // pixels of the longer side of MNIST's digits
const [THINNEST, WIDEST] = [1.3, 4.5]; // pixels of a stroke in that box; 1 % of MNIST's are thinner, 2 % wider
const MAX_PARTS = 64; // connected components of the ink; noise has hundreds
const { fround } = Math;

/** @typedef {import("./colour.js").Planes} Planes */
/** @typedef {{ left: number, top: number, right: number, bottom: number }} Place */
/** @typedef {{ ink: Grid, scale: number, corner: number[] }} Sheet - Its ink >= 0; pixels of the ink for each of the picture; x and y of the ink's upper left corner there */

/** There is no ink in a picture. */
export class NothingDrawn extends Error {
  constructor() {
    super("Expected ink on a plain background, but there is nothing drawn: give a picture with more contrast");
  }
}

/** What is found, or null where nothing is drawn. @template T  @param {() => T} find @returns {T | null} */
export function ifDrawn(find) {
  try {
    return find();
  } catch (error) {
    if (error instanceof NothingDrawn) return null;
    throw error;
  }
}

/** A whole number for an error, as 50,000,000. @param {number} value */
export const worded = (value) => value.toLocaleString("en");

/** Whether all four sides of a picture are mostly paper of the same grey. @param {Grid} grey */
export function isAround(grey) {
  const sides = grey.sides();
  const paper = median(joined(sides));
  return sides.every((side) => share(side, (value) => Math.abs(fround(value - paper)) < MIN_CONTRAST) >= MIN_PAPER_SHARE);
}

/** @param {import("./grid.js").Numbers[]} parts */
const joined = (parts) => Float32Array.from(parts.flatMap((part) => [...part]));

/** How much each pixel differs from the paper at the border, without the noise there, and without what a lossy format leaves around a stroke. @param {Grid} grey  @param {boolean} lossy */
export function offTheBorder(grey, lossy) {
  const border = joined(grey.sides());
  const paper = median(border);
  let contrast = grey.map((value) => value - paper);
  if (max(contrast.data) < -min(contrast.data)) contrast = contrast.map((value) => -value);
  const peak = max(contrast.data);
  const noise = Math.min(3 * median(border.map((value) => Math.abs(value - paper))), peak / 2);
  const floor = fround(Math.max(noise, lossy ? fround(fround(LOSSY_FLOOR) * peak) : 0));
  if (peak < MIN_CONTRAST || peak <= floor) throw new NothingDrawn();
  return contrast.map((value) => (value > floor ? value : 0));
}

/** The ink of a picture: without uneven light, shadows, ruled lines, specks and what enters from the edge, its strokes as wide as in MNIST. @param {Planes} planes  @param {boolean} lossy @returns {Sheet} */
export function offThePaper(planes, lossy) {
  const small = reduced(planes, timesOf(planes));
  const corners = desk.sheet(small)?.map((corner) => corner.map((value) => value * timesOf(planes)));
  if (corners) {
    const flat = desk.straightened(planes, corners);
    const found = ifDrawn(() => offFlatPaper(flat, reduced(flat, timesOf(flat)), lossy)); // if it is empty, it is no sheet
    if (found) return moved(found, mean(corners.map(([x]) => x)) - flat[0].width / 2, mean(corners.map(([, y]) => y)) - flat[0].height / 2);
  }
  return offFlatPaper(planes, small, lossy);
}

/** @param {Sheet} sheet  @param {number} x  @param {number} y @returns {Sheet} */
const moved = ({ ink, scale, corner }, x, y) => ({ ink, scale, corner: [corner[0] + x, corner[1] + y] });

/** The ink of a picture that paper fills, and of which `small` is reduced. Where little of a large one is ink, the part around it is read at a finer scale. @param {Planes} planes  @param {Planes} small  @param {boolean} lossy @returns {Sheet} */
function offFlatPaper(planes, small, lossy) {
  const [grey, times] = [brightness(small), timesOf(planes)];
  const closer = times > 1 && ifDrawn(() => {
    const place = aroundInk(grey, times, planes[0]);
    const part = cut(planes, place);
    return times >= CLOSER * timesOf(part) ? moved(offThePaper(part, lossy), place.left, place.top) : null;
  });
  if (closer) return closer;
  const { mask, soft } = inkOf(grey, lossy);
  const { ink, padding } = stroked(mask, soft);
  return { ink, scale: 1 / times, corner: [-padding * times, -padding * times] };
}

/** @param {Planes} planes  @param {Place} place @returns {Planes} */
export const cut = (planes, { left, top, right, bottom }) => planes.map((plane) => plane.part(left, top, right - left, bottom - top));

/** The part of a picture around its ink, with half the ink's size as paper on each side. Throws unless little of the picture is ink. @param {Grid} grey - The picture, reduced `times`  @param {number} times  @param {{ width: number, height: number }} whole - Its size before  @param {boolean} [alone] - It is one digit, and other ink beside it does not count @returns {Place} */
export function aroundInk(grey, times, whole, alone = true) {
  const { left, top, right, bottom } = placeOf(little(grey, alone));
  const room = (Math.max(right - left, bottom - top) >> 1) + 4;
  return {
    left: Math.max(left - room, 0) * times, top: Math.max(top - room, 0) * times,
    right: Math.min((right + room) * times, whole.width), bottom: Math.min((bottom + room) * times, whole.height),
  };
}

/** The ink of a picture in which little is ink: of thin strokes, far from each other. Light and shadows are wider. @param {Grid} grey  @param {boolean} alone */
function little(grey, alone) {
  const [thin, wide] = [FINE, WIDE].map((size) => narrower(grey, size));
  const limit = peakOf(thin) / 2;
  if (2 * limit < Math.max(MIN_CONTRAST, peakOf(wide) / 2)) throw new NothingDrawn();
  const { mask } = written(thin, limit, alone);
  const whole = reached(mask, mask.where((is, place) => is || wide.data[place] > limit));
  if (width(whole) > FINE / 2) throw new NothingDrawn(); // where all strokes are wide, some of their ends are thin
  return whole;
}

/** How much each pixel differs from the paper, for strokes narrower than `size` pixels. @param {Grid} grey  @param {number} size */
function narrower(grey, size) {
  const [above, below] = [closed, opened].map((fill) => fill(grey, size >> 1));
  const dark = above.map((value, place) => value - grey.data[place]);
  const light = grey.map((value, place) => value - below.data[place]);
  let [lights, darks] = [peakOf(light), peakOf(dark)];
  if (Math.min(lights, darks) > ALIKE * Math.max(lights, darks)) [lights, darks] = [light, dark].map(({ data }) => sum(data.map((value) => value * value))); // where strokes meet, the paper between them is narrow, too
  return lights > darks ? light : dark;
}

/** The contrast that only a few pixels exceed, as specks do. @param {Grid} contrast */
const peakOf = ({ data }) => select(data, data.length - FEW);

/** Whether a picture has paper of one grey, without the noise of a photograph. @param {Grid} grey */
export function isPlain(grey) {
  const sides = grey.sides().map(median);
  let same = 0;
  for (let place = 1; place < grey.data.length; place++) if (grey.data[place] === grey.data[place - 1]) same++;
  return max(sides) - min(sides) < MIN_CONTRAST && 2 * same > grey.data.length - 1; // not so with light from one side, however smooth
}

/** Which pixels are ink, and how much ink they and those around hold. @param {Grid} grey  @param {boolean} lossy */
function inkOf(grey, lossy) {
  const plain = isPlain(grey);
  const seen = plain ? offTheBorder(grey, lossy) : evened(grey);
  const { mask, isUnlined } = written(seen);
  // Ink reaches one pixel beyond the mask; on plain paper, as far as it is connected
  const isSeen = seen.where((value) => value > 0);
  const around = (plain && isUnlined ? reached(mask, isSeen) : surrounded(mask)).data;
  const peak = plain ? max(seen.under(mask)) : quantile(seen.under(mask), 0.95);
  return { mask, soft: seen.map((value, place) => (around[place] ? Math.min(value, peak) : 0)) };
}

/** The ink of a picture by its contrast, and whether nothing is printed beside it. @param {Grid} seen  @param {number} [threshold] - Otsu's, if it is not given  @param {boolean} [alone] */
function written(seen, threshold, alone = true) {
  let contrast = withoutBoxes(seen, threshold ?? otsu(seen.data));
  contrast = withoutLines(contrast, threshold ?? otsu(contrast.data));
  const limit = threshold ?? otsu(contrast.data);
  const inked = contrast.where((value) => value > limit);
  if (threshold === undefined && isNoise(contrast.under(inked), contrast.data.filter((value) => value <= limit / 2))) throw new NothingDrawn();
  const mask = withoutSpecks(inked);
  return { mask: alone ? ofDigit(mask) : mask, isUnlined: contrast === seen };
}

/** How many pixels of a picture, along each side, become one. @param {Planes} planes */
const timesOf = ([{ width, height }]) => Math.ceil(Math.max(width, height) / WORKING);

/** The picture reduced: each pixel is the mean of a square of so many along each side. @param {Planes} planes  @param {number} times @returns {Planes} */
export function reduced(planes, times) {
  const [whole] = planes;
  if (times === 1) return planes;
  if (Math.min(whole.width, whole.height) < times) throw new RangeError(`Expected a picture of digits, got a strip of ${worded(whole.width)} x ${worded(whole.height)} pixels: crop it to what is to be read`);
  const [wide, high] = [Math.floor(whole.width / times), Math.floor(whole.height / times)];
  return planes.map(({ width, data }) => {
    const sums = new Float64Array(wide * high);
    for (let y = 0; y < high * times; y++) {
      const row = Math.floor(y / times) * wide;
      for (let x = 0, place = y * width; x < wide; x++) {
        let total = 0;
        for (const end = place + times; place < end; place++) total += data[place];
        sums[row + x] += total;
      }
    }
    return new Grid(wide, high, Float32Array.from(sums, (total) => total / (times * times)));
  });
}

/** How much each pixel differs from the paper around it. The light is estimated on a picture whose longer side is `cells` pixels: the grey of the paper is the median of a window of half of it. At the edge of a shadow, it is that of the side which is nearer to the pixel's own grey. Where the median is as dark as ink, the slope of the light alone gives the paper. The contrast of dark ink is divided by the light that falls on it. @param {Grid} grey  @param {number} [cells] */
export function evened(grey, cells = COARSE) {
  const cell = Math.max(grey.width, grey.height) / cells;
  const coarse = resized(grey, Math.ceil(grey.width / cell), Math.ceil(grey.height / cell), BOX);
  const slope = slopeOf(coarse);
  const middles = medians(coarse.map((value, place) => value - slope.data[place]), cells >> 2);
  const paper = (/** @type {Grid} */ offset) => bounds(slope.map((value, place) => value + offset.data[place]), grey);
  let { darkest, lightest } = paper(middles);
  const [dark, light] = [darkest.map((value, place) => Math.max(value - grey.data[place], 0)), grey.map((value, place) => Math.max(value - lightest.data[place], 0))];
  const [low, high] = range(grey, slope).map((end) => fround(SHADOW * end));
  if (fourths(light) > fourths(dark)) { // the largest differences decide
    ({ lightest } = paper(middles.map((value) => (value > high ? 0 : value))));
    return grey.map((value, place) => Math.max(value - lightest.data[place], 0));
  }
  ({ darkest } = paper(middles.map((value) => (value < low ? 0 : value))));
  const usual = median(darkest.data);
  return darkest.map((value, place) => fround(fround(Math.max(fround(value - grey.data[place]), 0)) * usual) / Math.max(value, 1));
}

/** @param {Grid} contrast */
const fourths = ({ data }) => sum(data.map((value) => (value * value) ** 2));

/** How far the grey goes below and above a coarse slope, but for a few pixels. @param {Grid} grey  @param {Grid} slope */
function range(grey, slope) {
  const some = grey.every(2);
  const off = some.map((value, place) => {
    const [x, y] = [2 * (place % some.width), 2 * Math.floor(place / some.width)];
    return value - slope.data[Math.floor((y * slope.height) / grey.height) * slope.width + Math.floor((x * slope.width) / grey.width)];
  });
  return [0.001, 0.999].map((level) => quantile(off.data, level));
}

/** The darkest and lightest grey near each pixel of a coarse picture of paper, in the size of the picture. @param {Grid} paper  @param {Grid} picture */
function bounds(paper, { width, height }) {
  const [darkest, lightest] = [minima, maxima].map((reach) => resized(reach(paper, 2), width, height, BILINEAR));
  return { darkest, lightest };
}

/** The light on a picture: a quadratic surface, fitted to the half nearest to it. @param {Grid} grey */
function slopeOf(grey) {
  const places = [...grey.data.keys()];
  const [x, y] = [places.map((place) => (place % grey.width) / COARSE), places.map((place) => Math.floor(place / grey.width) / COARSE)];
  const terms = [x.map(() => 1), x, y, x.map((value) => value * value), x.map((value, place) => value * y[place]), y.map((value) => value * value)];
  /** @type {import("./grid.js").Numbers} */ let surface = new Float32Array(places.length).fill(median(grey.data));
  for (let time = 0; time < FITS; time++) {
    const away = surface.map((value, place) => Math.abs(grey.data[place] - value));
    const middle = median(away);
    const isNear = (/** @type {any} */ _, /** @type {number} */ place) => away[place] <= middle;
    const shares = leastSquares(terms.map((term) => term.filter(isNear)), grey.data.filter(isNear));
    surface = Float64Array.from(places, (place) => shares.reduce((total, own, term) => total + own * terms[term][place], 0));
  }
  return grey.map((_, place) => surface[place]);
}

/** The threshold that separates ink from paper: the largest variance between the two. Source: Otsu 1979. @param {import("./grid.js").Numbers} contrast */
export function otsu(contrast) {
  const counts = new Float64Array(Math.max(256, Math.trunc(max(contrast)) + 1));
  for (let place = 0; place < contrast.length; place++) counts[Math.trunc(contrast[place])]++;
  const total = counts.reduce((before, count, level) => before + count * (level + 0.5), 0);
  let [below, before, best, most] = [0, 0, 0, 0];
  counts.forEach((count, level) => {
    below += count;
    before += count * (level + 0.5);
    const above = contrast.length - below;
    const between = below && above ? below * above * ((total - before) / above - before / below) ** 2 : 0;
    if (between > most) [best, most] = [level, between];
  });
  return best + 1;
}

/** Whether the contrasts of the ink do not stand out from those of the paper. @param {import("./grid.js").Numbers} ink  @param {import("./grid.js").Numbers} paper */
function isNoise(ink, paper) {
  if (!ink.length || !paper.length || mean(ink) < MIN_CONTRAST) return true;
  return mean(ink) - mean(paper) < MIN_SEPARATION * (deviation(ink) + deviation(paper));
}

/** The ink without specks, which are smaller than a dot of its pen. @param {Grid} mask */
function withoutSpecks(mask) {
  const components = label(mask);
  if (components.count < 2) return mask;
  const [, ...many] = sizes(components);
  const largest = many.indexOf(Math.max(...many)) + 1;
  const least = 0.5 * width(components.labels.where((one) => one === largest)) ** 2;
  const kept = many.filter((size) => size > least).length;
  if (!kept || kept > MAX_PARTS) throw new NothingDrawn();
  return components.labels.where((one) => one && many[one - 1] > least);
}

/** The ink with strokes made as wide, for its size, as those of MNIST; and its padding, in pixels a side. @param {Grid} mask  @param {Grid} soft */
function stroked(mask, soft) {
  const { left, top, right, bottom } = placeOf(mask);
  const side = Math.max(right - left, bottom - top);
  const pen = Math.max(width(mask), 0.5);
  const part = Math.min(Math.max((pen * SIZE) / side, THINNEST), WIDEST) / SIZE;
  let grow = (part * side - pen) / (2 * (1 - part)); // (pen + 2 grow) / (side + 2 grow) = part
  if (Math.abs(grow) < 0.25) return { ink: soft, padding: 0 };
  const padding = Math.ceil(Math.max(grow, 0)) + 1;
  const whole = mask.padded(padding);
  const [inside, outside] = [whole, inverted(whole)].map((one) => distances(one).data);
  grow = Math.max(grow, -max(inside) / 2); // thins a blot by no more than half
  const ink = whole.map((is, place) => 255 * Math.min(Math.max(inside[place] - outside[place] + grow + (is ? 0 : 1), 0), 1)); // a pixel at the edge lies one pixel deep
  return { ink, padding };
}
