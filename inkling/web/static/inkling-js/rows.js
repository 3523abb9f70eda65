// @ts-check
// Groups strokes, or the parts of a picture's ink, into rows, top to bottom: inkling/ink/rows.py and `_rows_of` of lines.py, by the same names.

import { label } from "./components.js";
import { Grid } from "./grid.js";
import { HEIGHT, MAX_WIDTH, PEN } from "./lines.js";
import { Canvas, trace } from "./pen.js";

const BAR = 2.5; // pens; what is lower and wide is a dash, a point or a bar of a digit
export const TALL = 0.5; // of the usual height; a lower part joins the row it lies in
const BESIDE = 1.5; // usual heights to the left, within which a part is a neighbour
const OVER = 2.2; // times the usual height, of what may be no part of one row
const LOW = 0.8; // times the usual height; a lower row may be a comma alone
const SHARED = 0.22; // of the lower of two neighbours, of their heights that overlap, in one row
const NEAR = 2; // pens between two parts that may be one digit
const MOST = 0.5; // of the torn parts of two rows, that meet one of the other: they are halves
const TORN = 0; // or where torn parts are pieces of characters
const SAME = 0.3; // of the lower of two rows, of their heights that overlap: they are one
const BELOW = 0.7; // times as near seems a row to what hangs under it, as a comma does
const OFF = 3; // how much a distance above or below a row counts
const [DASH, POINT] = [0.35, 0.6]; // how much one beside it counts
const SKETCH = 48; // pixels of the tallest stroke, where strokes are drawn to see which touch

/** @typedef {number[]} Box - Left, top, right, bottom */

/** The rows of a drawing, top to bottom, each with all strokes that belong to it. @param {number[][][]} strokes @returns {number[][][][]} */
export function rowsOf(strokes) {
  const written = strokes.filter((stroke) => stroke.length);
  if (written.length < 2) return [written];
  const boxes = written.map((stroke) => around(stroke.map(([x, y]) => [x, y, x, y])));
  const [wide, tallest] = [2, 3].map((end) => Math.max(...boxes.map((box) => box[end] - box[end - 2])));
  const high = Math.max(tallest > wide / 3 ? tallest : wide / 2, 1e-9); // of digits, whose dashes these are
  const pen = (high * PEN) / HEIGHT;
  let found = group(boxes, pen);
  if (found.length > 1) { // or strokes of one digit lie above each other
    const parts = touching(written, SKETCH / high);
    const names = [...new Set(parts)].sort((one, other) => one - other);
    const joined = names.map((name) => around(boxes.filter((_, index) => parts[index] === name)));
    found = group(joined, pen).map((row) => [...parts.keys()].filter((index) => row.includes(names.indexOf(parts[index]))));
  }
  return found.map((row) => [...row].sort((one, other) => one - other).map((index) => written[index]));
}

/** The parts of each row, as indexes into `boxes`. @param {Box[]} boxes  @param {number} pen  @param {number} [far] - Usual heights; a small part that is further away from every row is in none  @param {boolean} [torn] - Whether parts may be pieces of characters @returns {number[][]} */
export function group(boxes, pen, far = Infinity, torn = false) {
  const high = boxes.map(([, top, , bottom]) => bottom - top);
  const flat = boxes.map(([left, , right], index) => high[index] < BAR * pen && right - left > 1.5 * high[index]);
  const all = [...boxes.keys()];
  if (flat.every(Boolean)) { // two bars are one sign
    const reach = boxes.map(([left, , right], index) => Math.max(high[index], right - left) / 2);
    const squares = boxes.map(([left, top, right, bottom], index) => [left, (top + bottom) / 2 - reach[index], right, (top + bottom) / 2 + reach[index]]);
    return sorted(merged(chains(squares, all, 2 * Math.max(...reach)), squares, SAME), squares);
  }
  const usual = height(boxes.filter((_, index) => !flat[index]));
  const tall = all.map((index) => !flat[index] && high[index] >= TALL * usual);
  const over = all.filter((index) => high[index] > OVER * usual);
  if (over.length) {
    const rows = chains(boxes, all.filter((index) => tall[index] && high[index] <= OVER * usual), usual);
    for (const part of over) if (crosses(boxes, rows, part, usual)) tall[part] = false;
  }
  const rows = whole(merged(chains(boxes, all.filter((index) => tall[index]), usual), boxes, torn ? TORN : SAME), boxes, pen, torn);
  const small = all.filter((index) => (over.length ? high[index] < TALL * usual : !tall[index]));
  const nearest = small.map((part) => {
    const away = rows.map((row) => distance(boxes, row, part, usual));
    const least = Math.min(...away);
    return least <= far ? away.indexOf(least) : -1;
  });
  small.forEach((part, index) => rows[nearest[index]]?.push(part));
  return sorted(rows, boxes);
}

/** A quantile of the heights of parts, each counted by its height; the usual one is 0.5. @param {Box[]} boxes  @param {number} [share] */
export function height(boxes, share = 0.5) {
  const order = boxes.map(([, top, , bottom]) => bottom - top).sort((one, other) => one - other);
  const wanted = share * order.reduce((sum, one) => sum + one, 0);
  let sum = 0;
  return order.find((one) => (sum += one) >= wanted) ?? order.at(-1);
}

/** @param {Box[]} boxes @returns {Box} */
const around = (boxes) => [Math.min, Math.min, Math.max, Math.max].map((end, side) => boxes.reduce((found, box) => end(found, box[side]), boxes[0][side]));

/** Rows of parts, from the left: a part joins the row whose neighbours it overlaps most. @param {Box[]} boxes  @param {number[]} parts  @param {number} usual @returns {any[]} */
function chains(boxes, parts, usual) {
  const rows = [];
  for (const part of [...parts].sort((one, other) => boxes[one][0] - boxes[other][0])) {
    const shared = rows.map((row) => sharedWith(boxes, row, part, usual));
    const most = Math.max(-Infinity, ...shared);
    if (rows.length && most >= SHARED) rows[shared.indexOf(most)].push(part);
    else rows.push([part]);
  }
  return rows;
}

/** Whether a part goes through several rows. */
function crosses(boxes, rows, part, usual) {
  const extents = rows.map((row) => extent(boxes, row)).filter(([, top, , bottom]) => bottom - top > LOW * usual);
  return extents.filter((box) => overlap(box, boxes[part]) >= SAME).length > 1;
}

/** How much of its height a part shares with those of a row that end nearest to it. */
function sharedWith(boxes, row, part, usual) {
  const [others, own] = [row.map((index) => boxes[index]), boxes[part]];
  const least = Math.min(own[0] - BESIDE * usual, Math.max(...others.map((box) => box[2])));
  return Math.max(...others.filter((box) => box[2] >= least).map((box) => overlap(box, own)));
}

/** The heights that boxes share, of the lower one's height. @param {Box} one  @param {Box} other */
function overlap(one, other) {
  const both = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  return both / Math.max(Math.min(one[3] - one[1], other[3] - other[1]), 1e-9);
}

/** Rows without those that lie beside each other's parts, as a row that was begun twice. */
function merged(rows, boxes, same) {
  const found = [];
  for (const row of [...rows].sort((one, other) => other.length - one.length)) {
    const other = found.find((before) => overlap(extent(boxes, row), extent(boxes, before)) >= same);
    if (other) other.push(...row);
    else found.push(row);
  }
  return found;
}

/** The median box of a row. @returns {Box} */
const extent = (boxes, row) => [0, 1, 2, 3].map((side) => median(row.map((index) => boxes[index][side])));

/** @param {number[]} values */
function median(values) {
  const order = [...values].sort((one, other) => one - other);
  const middle = order.length / 2;
  return order.length % 2 ? order[Math.floor(middle)] : (order[middle - 1] + order[middle]) / 2;
}

/** Rows, of which two are one if they are the rings of an 8, or halves of `torn` digits. */
function whole(rows, boxes, pen, torn) {
  const [first, ...rest] = [...rows].sort((one, other) => extent(boxes, one)[1] - extent(boxes, other)[1]);
  const found = [first];
  for (const row of rest) {
    const above = found.at(-1);
    const gaps = above.map((one) => row.map((other) => gap(boxes[one], boxes[other])));
    const areRings = above.length === 1 && row.length === 1 && gaps[0][0] <= NEAR * pen;
    if (areRings || (torn && areHalves(gaps, pen))) found[found.length - 1] = [...above, ...row];
    else found.push(row);
  }
  return found;
}

/** Whether most parts of either row meet one of the other. @param {number[][]} gaps - Below each of the upper row, for each of the lower one  @param {number} pen */
function areHalves(gaps, pen) {
  const [upper, lower] = [gaps, gaps[0].map((_, index) => gaps.map((below) => below[index]))];
  return [upper, lower].every((parts) => parts.filter((others) => Math.min(...others) <= pen / 2).length > MOST * parts.length);
}

/** How far one part lies below another, where they lie above each other. */
function gap(above, below) {
  const beside = Math.min(above[2], below[2]) - Math.max(above[0], below[0]);
  return beside > Math.min(above[2] - above[0], below[2] - below[0]) / 4 ? below[1] - above[3] : Infinity;
}

/** How far a part is from a row, in usual heights: above, below or beside its nearest part. */
function distance(boxes, row, part, usual) {
  const own = boxes[part];
  const middle = (own[1] + own[3]) / 2;
  const asides = row.map((index) => Math.max(boxes[index][0] - own[2], own[0] - boxes[index][2], 0));
  const nearest = asides.indexOf(Math.min(...asides));
  const [, top, , bottom] = boxes[row[nearest]];
  const off = Math.max(top - middle, BELOW * (middle - bottom), 0);
  const isWide = own[2] - own[0] > 1.5 * (own[3] - own[1]);
  return Math.max(OFF * off, (isWide ? DASH : POINT) * asides[nearest]) / usual;
}

/** Rows from top to bottom, their parts from left to right. @returns {number[][]} */
function sorted(rows, boxes) {
  const place = (row) => { const [, top, , bottom] = extent(boxes, row); return top + bottom; };
  return [...rows].sort((one, other) => place(one) - place(other)).map((row) => [...row].sort((one, other) => boxes[one][0] - boxes[other][0]));
}

/** Which connected part of the ink each stroke belongs to, drawn at this scale. @param {number[][][]} strokes  @param {number} wanted @returns {number[]} */
function touching(strokes, wanted) {
  const [left, top, right, bottom] = around(strokes.flat().map(([x, y]) => [x, y, x, y]));
  const scale = Math.min(wanted, MAX_WIDTH / Math.max(right - left, bottom - top, 1e-9));
  const wide = (SKETCH * PEN) / HEIGHT;
  const canvas = new Canvas(Math.floor((right - left) * scale + 2 * wide), Math.floor((bottom - top) * scale + 2 * wide));
  const corner = [left - wide / scale, top - wide / scale];
  trace(canvas, strokes.map((stroke) => stroke.map(([x, y]) => [x, y])), corner, scale, wide, false);
  const { labels } = label(new Grid(canvas.width, canvas.height, canvas.pixels));
  return strokes.map(([[x, y]]) => labels.data[Math.floor((y - corner[1]) * scale) * canvas.width + Math.floor((x - corner[0]) * scale)]);
}
