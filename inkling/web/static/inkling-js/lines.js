// @ts-check
// A drawn number becomes a line, the grey image that a line network reads: inkling/ink/lines.py, of strokes. Those of a picture: picture-lines.js.

import { Canvas, rint, trace, widthAt } from "./pen.js";

export const HEIGHT = 32; // pixels of a line
export const [MARGIN, SIDE_MARGIN] = [3, 4]; // pixels above and below the ink, and beside it
export const MAX_WIDTH = 1600; // pixels of a line; a longer one is made smaller
export const FLATTEST = 6; // times as wide as high; a line with a flatter stroke, a dash, is not as high
export const PEN = 2.3; // pixels of a stroke
const FINER = 3; // times as fine as the line, in which strokes are drawn
const { fround } = Math;

/** @typedef {{ data: Float32Array, shape: number[], scale: number, corner: number[] }} Line - Pixels in [0, 1]; scale: pixels a unit of the strokes or pixel of the picture; corner: x and y of the line's upper left one, in that unit */

/** The line of strokes of points x, y and perhaps a pressure; null where nothing is drawn. @param {number[][][]} strokes @returns {Line | null} */
export function toLine(strokes) {
  const drawn = strokes.filter((stroke) => stroke.length);
  if (!drawn.length) return null;
  const pressed = drawn.some((stroke) => stroke.some((point) => point.length > 2));
  const points = drawn.flat();
  const mean = points.reduce((sum, point) => sum + widthAt(point), 0) / points.length;
  const paths = drawn.map((stroke) => stroke.map((point) => [point[0], point[1], ...(pressed ? [widthAt(point) / mean] : [])]));
  const ends = (axis, among) => { const values = among.map((point) => point[axis]); return [Math.min(...values), Math.max(...values)]; };
  const [[left, right], [top, bottom]] = [ends(0, points), ends(1, points)];
  const broadest = Math.max(...drawn.map((stroke) => { const [from, to] = ends(0, stroke); return to - from; }));
  const reach = Math.max(bottom - top, broadest / FLATTEST);
  let scale = reach > 0 ? (HEIGHT - 2 * MARGIN - PEN) / reach : 1;
  scale = Math.min(scale, (MAX_WIDTH - 2 * SIDE_MARGIN - PEN) / Math.max(right - left, 1e-9));
  const across = Math.ceil((right - left) * scale + PEN) + 2 * SIDE_MARGIN;
  const corner = [left - (SIDE_MARGIN + PEN / 2) / scale, top - (HEIGHT - (bottom - top) * scale) / 2 / scale];
  const canvas = new Canvas(across * FINER, HEIGHT * FINER);
  trace(canvas, paths, corner, scale * FINER, PEN * FINER, pressed);
  return { data: reduced(canvas), shape: [1, HEIGHT, across], scale, corner };
}

/** The mean of each square of FINER pixels, rounded to a byte, in [0, 1]. @param {Canvas} canvas */
function reduced({ pixels, width, height }) {
  const [wide, high, area] = [width / FINER, height / FINER, FINER * FINER];
  const found = new Float32Array(wide * high);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) found[Math.floor(y / FINER) * wide + Math.floor(x / FINER)] += pixels[y * width + x];
  return found.map((sum) => fround(Math.floor((sum + Math.floor(area / 2)) / area) / 255));
}

const INKED = fround(0.3); // of full ink, of a pixel that belongs to a character's box

/** The box of each character, left, top, right, bottom in the unit of the strokes; last, that of the whole line. Between two characters, the line is divided where the least ink is. @param {Line} line  @param {number[][]} places - The columns of each character, in pixels @returns {number[][]} */
export function boxes(line, places) {
  const [, high, wide] = line.shape;
  const ink = Array.from({ length: wide }, (_, x) => { let sum = 0; for (let y = 0; y < high; y++) sum += Number(line.data[y * wide + x] > INKED); return sum; });
  const middles = places.map(([first, beyond]) => rint((first + beyond) / 2));
  const cuts = middles.slice(1).map((right, index) => cutBetween(ink, middles[index], right));
  const ends = [0, ...cuts, wide];
  return [...places.map((_, index) => boxOf(line, ends[index], ends[index + 1])), boxOf(line, 0, wide)];
}

/** The column with the least ink between two, of several the one nearest to their middle. */
function cutBetween(ink, left, right) {
  const least = Math.min(...ink.slice(left, right + 1));
  const columns = [...ink.keys()].filter((x) => x >= left && x <= right && ink[x] === least);
  const off = (x) => Math.abs(x - (left + right) / 2);
  return columns.reduce((best, x) => (off(x) < off(best) ? x : best), columns[0] ?? left);
}

/** The box of the ink between two columns of a line. @param {Line} line  @param {number} start  @param {number} end */
function boxOf({ data, shape: [, high, wide], scale, corner }, start, end) {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  for (let y = 0; y < high; y++) {
    for (let x = start; x < end; x++) {
      if (data[y * wide + x] > INKED) [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
    }
  }
  if (right < 0) [left, top, right, bottom] = [start, 0, Math.max(end - 1, start), high - 1]; // only faint ink
  return [left / scale + corner[0], top / scale + corner[1], (right + 1) / scale + corner[0], (bottom + 1) / scale + corner[1]];
}
