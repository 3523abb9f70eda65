// @ts-check
// The lines of a picture, one for each row of what is written: inkling/ink/lines.py, by the same names. The light is evened and
// the ink made 1; what is printed on the paper stays, as grey.

import { brightness } from "./colour.js";
import * as desk from "./desk.js";
import { Grid } from "./grid.js";
import { FLATTEST, HEIGHT, MARGIN, MAX_WIDTH, SIDE_MARGIN } from "./lines.js";
import { find } from "./marks.js";
import { maxima } from "./morphology.js";
import { CLOSER, aroundInk, cut, evened, ifDrawn, isPlain, offTheBorder, reduced } from "./paper.js";
import { BOX, HAMMING, resized } from "./resample.js";
import { TALL, group, height } from "./rows.js";
import { max, mean, median, quantile, sum } from "./statistics.js";

const FLAT = 4; // pens; a row that is not as high is of dashes alone
const CELLS = 32; // along a picture, in which its light is estimated
const AREA = 100_000; // pixels, of a picture in which rows are looked for; a larger one is reduced
const LEAST = 30; // pixels, of a row in a reduced picture
const LARGE = 3; // times reduced, from which on the ink of a picture is looked for first
const FAR = 0.9; // heights from its row, at most, of a point or dash; what is further away is none
const HIGH = 0.8; // quantile of the heights of a row's parts, among which there may be specks
const LOW = 0.45; // of the highest row; a lower one is a caption, or specks
const LITTLE = 0.04; // of the row with most ink
const TOWERING = 1.8; // times the usual height; a slash or a bracket is lower
const BEYOND = [0.5, 0.1]; // heights above and below digits, of a part, and of one that is far too high
const SOLID = 0.75; // quantile of the ink's contrast that becomes 1
const PALEST = 0.25; // of the ink, to which a hair may have paled
const MAX_FLOOR = 0.3; // of the ink's contrast; up to it, what most of the paper has becomes 0
const { fround } = Math;

/** @typedef {import("./colour.js").Planes} Planes */
/** @typedef {import("./lines.js").Line} Line */

/** The lines of a picture, top to bottom; where there is a sheet on a desk, of that sheet. @param {Planes} planes  @param {boolean} lossy @returns {Line[]} */
export function toLines(planes, lossy) {
  const times = timesOf(planes);
  const small = reduced(planes, times);
  const corners = desk.sheet(small)?.map((corner) => corner.map((value) => value * times));
  if (corners) {
    const flat = desk.straightened(planes, corners);
    const [x, y] = [mean(corners.map(([across]) => across)) - flat[0].width / 2, mean(corners.map(([, down]) => down)) - flat[0].height / 2];
    const found = ifDrawn(() => onPaper(flat, reduced(flat, timesOf(flat)), lossy, timesOf(flat))); // if it is empty, it is no sheet
    if (found) return moved(found, x, y);
  }
  return onPaper(planes, small, lossy, times);
}

/** How many pixels of a picture, along each side, become one. @param {Planes} planes */
const timesOf = ([{ width, height: high }]) => Math.ceil(Math.sqrt((width * high) / AREA));

/** Lines of a part of a picture whose upper left corner lies at x, y. @param {Line[]} found  @param {number} x  @param {number} y @returns {Line[]} */
const moved = (found, x, y) => found.map((line) => ({ ...line, corner: [line.corner[0] + x, line.corner[1] + y] }));

/** The lines of a picture that paper fills, and of which `small` is reduced `times`. Where little of a large picture is ink, the part around it is read at a finer scale. So is a picture in which a row is lower than LEAST. @param {Planes} planes  @param {Planes} small  @param {boolean} lossy  @param {number} times @returns {Line[]} */
function onPaper(planes, small, lossy, times) {
  const grey = brightness(small);
  const closer = times >= LARGE && ifDrawn(() => {
    const place = aroundInk(grey, times, planes[0], false);
    const part = cut(planes, place);
    return times >= CLOSER * timesOf(part) ? moved(toLines(part, lossy), place.left, place.top) : null;
  });
  if (closer) return closer;
  const seen = isPlain(grey) ? offTheBorder(grey, lossy) : evened(grey, CELLS);
  const ink = find(seen);
  const found = group(ink.boxes, ink.pen, FAR, ink.torn);
  const much = found.map((row) => sum(row.map((part) => ink.sizes[part])));
  const high = found.map((row) => height(row.map((part) => ink.boxes[part]), HIGH));
  const isKept = found.map((_, index) => much[index] > LITTLE * max(much) && high[index] > LOW * max(high));
  const lowest = Math.min(...high.filter((_, index) => isKept[index]));
  if (times > 1 && lowest < LEAST && grey.data.length < 4 * AREA) {
    const finer = Math.max(1, Math.min(times - 1, Math.trunc((times * lowest) / LEAST)));
    return onPaper(planes, reduced(planes, finer), lossy, finer);
  }
  const rowOf = new Int32Array(ink.boxes.length + 1); // of each label, from 1 on
  found.forEach((row, index) => { for (const part of row) rowOf[part + 1] = index + 1; });
  const rows = ink.labels.map((one) => rowOf[one], new Int32Array(ink.labels.data.length));
  return found.flatMap((row, index) => (isKept[index] ? [lineOf(seen, ink, row, rows, index + 1, times)] : []));
}

/** The line of a row of parts, of the contrast of a picture reduced `times`. @param {Grid} seen  @param {import("./marks.js").Marks} ink  @param {number[]} row  @param {Grid} rows - The number of the row of each pixel, 0 for paper  @param {number} own - That of this row  @param {number} times @returns {Line} */
function lineOf(seen, ink, row, rows, own, times) {
  const [left, top, right, bottom] = boxOf(row.map((part) => ink.boxes[part]), ink.torn);
  let reach = bottom - top;
  if (reach < FLAT * ink.pen) reach = Math.max(reach, (right - left) / FLATTEST);
  const scale = Math.min((HEIGHT - 2 * MARGIN) / reach, (MAX_WIDTH - 2 * SIDE_MARGIN) / (right - left));
  const across = Math.ceil((right - left) * scale) + 2 * SIDE_MARGIN;
  const [x, y] = [left - SIDE_MARGIN / scale, (top + bottom) / 2 - HEIGHT / 2 / scale];
  const [startX, startY] = [Math.floor(x) - 1, Math.floor(y) - 1];
  const [width, high] = [Math.ceil(x + across / scale) + 1 - startX, Math.ceil(y + HEIGHT / scale) + 1 - startY];
  const [whose, part] = [rows, seen].map((grid) => grid.part(startX, startY, width, high));
  const inside = whose.where((one) => one === own);
  const solid = quantile(part.under(inside), SOLID);
  const around = maxima(inside, 2).data;
  const beside = maxima(whose.where((one) => one && one !== own), 2).data;
  const ground = part.data.filter((_, place) => !around[place] && !beside[place]);
  const floor = Math.min(ground.length ? median(ground) : 0, MAX_FLOOR * solid);
  const range = fround(solid - floor);
  const even = part.map((value, place) => (beside[place] && !around[place] ? 0 : Math.min(Math.max(fround(value - fround(floor)) / range, 0), 1)));
  const box = [x - startX, y - startY, x - startX + across / scale, y - startY + HEIGHT / scale];
  const small = resized(even, across, HEIGHT, HAMMING, box);
  const covered = resized(inside.map((is) => 255 * is, new Uint8Array(inside.data.length)), across, HEIGHT, BOX, box);
  const half = max(covered.data) / 2;
  const level = fround(Math.max(quantile(small.under(covered.where((value) => value > half)), SOLID), PALEST)); // strokes thinner than a pixel of the line became pale
  const data = Float32Array.from(small.data, (value) => Math.min(Math.max(fround(value / level), 0), 1));
  return { data, shape: [1, HEIGHT, across], scale: scale / times, corner: [x * times, y * times] };
}

/** The box around a row of boxes, which may be of `torn` pieces. What goes far above or below the others, as ink that touches a fold or a ruled line, counts only as far as digits or signs do. @param {number[][]} boxes  @param {boolean} torn */
function boxOf(boxes, torn) {
  const heights = boxes.map(([, top, , bottom]) => bottom - top);
  const [x, y] = [0, 1].map((axis) => boxes.map((box) => (box[axis] + box[axis + 2]) / 2));
  let usual = height(boxes);
  const tall = [...boxes.keys()].filter((part) => heights[part] >= TALL * usual);
  const rises = tall.flatMap((one) => tall.filter((other) => x[one] - x[other] > usual).map((other) => (y[one] - y[other]) / (x[one] - x[other])));
  const slope = rises.length ? median(rises) : 0; // Theil 1950 and Sen 1968
  if (torn) {
    const end = (/** @type {number} */ side, /** @type {number} */ share) => quantile(boxes.map((box, part) => box[side] - slope * x[part]), share);
    usual = Math.max(usual, end(3, 0.75) - end(1, 0.25));
  }
  const level = median(tall.map((part) => y[part] - slope * x[part]));
  const ends = boxes.map(([, top, , bottom], part) => {
    const [middle, room] = [slope * x[part] + level, usual * (0.5 + BEYOND[Number(heights[part] > TOWERING * usual)])];
    return [Math.max(top, middle - room), Math.min(bottom, middle + room)];
  });
  return [Math.min(...boxes.map(([left]) => left)), Math.min(...ends.map(([top]) => top)), Math.max(...boxes.map(([, , right]) => right)), Math.max(...ends.map(([, bottom]) => bottom))];
}
