// @ts-check
// A drawing becomes the image that a network reads, exactly as MNIST was made: inkling/ink/drawing.py and image.py.

import { Canvas, rint, trace, widthAt } from "./pen.js";

const BOX = 20; // pixels of a digit
export const SIDE = 28; // pixels of an image
const RASTER = 160; // pixels of the longer side, in which strokes are drawn
const STROKE = 2.5; // pixels of the box, the width of a stroke
const { fround } = Math;

/**
 * The image of strokes: 784 numbers in [0, 1], row by row, 1 is ink. Null where nothing is drawn.
 * @param {number[][][]} strokes - Of points x (to the right), y (down) and perhaps a pressure in (0, 1], in any unit
 * @param {number} [pen] - The width of the line, in the same unit; it matters for a dot alone
 * @returns {Float32Array | null}
 */
export const toImage = (strokes, pen = 30) => toPlacedImage(strokes, pen)?.image ?? null;

/** The image of strokes, and where it lies: left, top, right, bottom in their unit. @param {number[][][]} strokes  @param {number} [pen] @returns {{ image: Float32Array, box: number[] } | null} */
export function toPlacedImage(strokes, pen = 30) {
  const drawn = strokes.filter((stroke) => stroke.length);
  if (!drawn.length) return null;
  const { ink, width, height, corner, scale } = render(drawn, pen);
  const { image, left, top, side } = fit(ink, width, height);
  const [x, y] = [left / scale + corner[0], top / scale + corner[1]];
  return { image, box: [x, y, x + side / scale, y + side / scale] };
}

/** The ink of strokes, their longer side RASTER pixels. @param {number[][][]} strokes  @param {number} ownPen */
function render(strokes, ownPen) {
  const hasPressure = strokes.some((stroke) => stroke.some((point) => point.length > 2));
  const widths = strokes.flatMap((stroke) => stroke.map((point) => (hasPressure ? widthAt(point) : 1)));
  const usual = widths.reduce((sum, one) => sum + one, 0) / widths.length;
  const pressed = hasPressure && widths.some((one) => one !== widths[0]);
  const points = strokes.flat();
  const ends = (axis, around) => [Math.min(...points.map((point, index) => point[axis] - around[index])), Math.max(...points.map((point, index) => point[axis] + around[index]))];
  const none = widths.map(() => 0);
  const reach = Math.max(...[0, 1].map((axis) => { const [low, high] = ends(axis, none); return high - low; }));
  let pen = ownPen * usual;
  if (reach >= pen / 2) pen = (reach * STROKE) / (BOX - STROKE); // only a dot has its own width
  const around = widths.map((one) => (pressed ? (pen / 2) * (one / usual) : pen / 2));
  const [[left, right], [top, bottom]] = [ends(0, around), ends(1, around)];
  const scale = RASTER / Math.max(right - left, bottom - top);
  const canvas = new Canvas(Math.ceil((right - left) * scale) + 1, Math.ceil((bottom - top) * scale) + 1);
  const paths = strokes.map((stroke) => stroke.map((point) => [point[0], point[1], ...(pressed ? [widthAt(point) / usual] : [])]));
  trace(canvas, paths, [left, top], scale, pen * scale, pressed);
  return { ink: canvas.pixels, width: canvas.width, height: canvas.height, corner: [left, top], scale };
}

/** The image of ink `(height, width)` that has some: boxed, reduced to 20x20, its peak stretched, its centre of mass in the middle; and where it lies in the ink. @param {ArrayLike<number>} ink  @param {number} width  @param {number} height */
export function fit(ink, width, height) {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!ink[y * width + x]) continue;
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
    }
  }
  const [wide, high] = [right - left + 1, bottom - top + 1];
  const side = Math.max(wide, high);
  const across = averaging(wide, (side - wide) >> 1, side);
  const down = averaging(high, (side - high) >> 1, side);
  const rows = new Float32Array(BOX * wide); // down @ box
  down.forEach((weights, cell) => {
    for (const [y, weight] of weights) {
      for (let x = 0; x < wide; x++) {
        const value = ink[(top + y) * width + left + x];
        if (value) rows[cell * wide + x] += weight * value;
      }
    }
  });
  const small = new Float32Array(BOX * BOX);
  for (let row = 0; row < BOX; row++) {
    across.forEach((weights, cell) => {
      let sum = 0;
      for (const [x, weight] of weights) sum += weight * rows[row * wide + x];
      small[row * BOX + cell] = sum;
    });
  }
  const stretch = fround(255 / small.reduce((most, value) => Math.max(most, value)));
  const { image, shift } = placed(small.map((value) => rint(fround(value * stretch))));
  const cell = side / BOX;
  const [x, y] = [left - ((side - wide) >> 1) - shift[0] * cell, top - ((side - high) >> 1) - shift[1] * cell];
  return { image, left: x, top: y, side: SIDE * cell };
}

/** How an axis of a box is resized inside its square: for each cell, the pixels that it covers and their share of it. @param {number} length  @param {number} start - Where the box begins in the square  @param {number} side - Of the square @returns {[number, number][][]} */
function averaging(length, start, side) {
  const cell = fround(side / BOX);
  const off = fround((side / BOX - 1) / 2);
  return Array.from({ length: BOX }, (_, index) => {
    const edge = fround(index * cell);
    const found = [];
    for (let place = 0; place < length; place++) {
      const pixel = start + place;
      const share = cell >= 1
        ? fround(Math.min(fround(edge + cell), pixel + 1) - Math.max(edge, pixel)) / cell
        : 1 - Math.abs(fround(fround(edge + off) - pixel)); // cells smaller than a pixel are interpolated
      if (share > 0) found.push(/** @type {[number, number]} */ ([place, fround(share)]));
    }
    return found;
  });
}

/** 20x20 cells in 28x28, shifted by whole pixels so that the centre of mass lies in [14, 15). @param {Float32Array} cells */
function placed(cells) {
  const mass = cells.reduce((sum, value) => sum + value, 0);
  const shift = (/** @type {(place: number) => number} */ along) => {
    const moment = cells.reduce((sum, value, place) => sum + value * (along(place) + 0.5), 0);
    return Math.ceil(SIDE / 2 - moment / mass);
  };
  const [left, top] = [shift((place) => place % BOX), shift((place) => Math.floor(place / BOX))];
  const image = new Float32Array(SIDE * SIDE);
  cells.forEach((value, place) => {
    const [x, y] = [left + (place % BOX), top + Math.floor(place / BOX)];
    if (x >= 0 && x < SIDE && y >= 0 && y < SIDE) image[y * SIDE + x] = fround(value / 255);
  });
  return { image, shift: [left, top] };
}
