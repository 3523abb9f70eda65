// @ts-check
// Pictures in another size or shape, as Pillow computes them.

import { Grid } from "./grid.js";

/** @typedef {{ reach: number, weight: (distance: number) => number }} Filter - How far it reaches, and what a pixel counts at a distance */

/** @type {Filter} */ export const BOX = { reach: 0.5, weight: (distance) => (distance > -0.5 && distance <= 0.5 ? 1 : 0) };
/** @type {Filter} */ export const BILINEAR = { reach: 1, weight: (distance) => Math.max(1 - Math.abs(distance), 0) };
/** @type {Filter} */ export const HAMMING = { reach: 1, weight: hamming };
const UNIT = 2 ** 22; // weights of bytes are whole multiples of 1 / UNIT
const { fround } = Math;

/** sin(pi x) / (pi x) under Hamming's window. @param {number} distance */
function hamming(distance) {
  const angle = Math.abs(distance) * Math.PI;
  if (angle >= Math.PI) return 0;
  return angle ? (Math.sin(angle) / angle) * (fround(0.54) + fround(0.46) * Math.cos(angle)) : 1;
}

/** A part of a picture in another size: Image.resize. @param {Grid} grid  @param {number} width  @param {number} height  @param {Filter} filter  @param {number[]} [box] - Left, top, right, bottom of the part */
export function resized(grid, width, height, filter, box = [0, 0, grid.width, grid.height]) {
  const [left, top, right, bottom] = box.map(fround);
  const wide = along(grid, width, left, right, filter);
  return along(wide.transposed(), height, top, bottom, filter).transposed();
}

/** The rows in another length. @param {Grid} grid  @param {number} width  @param {number} from  @param {number} to  @param {Filter} filter */
function along(grid, width, from, to, filter) {
  if (width === grid.width && !from && to === width) return grid;
  const isBytes = grid.data instanceof Uint8Array;
  const taps = weights(grid.width, width, from, to, filter);
  const found = new Grid(width, grid.height, isBytes ? new Uint8Array(width * grid.height) : undefined);
  for (let y = 0, at = 0; y < grid.height; y++) {
    for (const { first, shares } of taps) {
      let sum = isBytes ? 0.5 : 0;
      for (let tap = 0, place = y * grid.width + first; tap < shares.length; tap++, place++) sum += grid.data[place] * (isBytes ? Math.floor(shares[tap] * UNIT + 0.5) / UNIT : shares[tap]);
      found.data[at++] = sum;
    }
  }
  return found;
}

/** The pixels that each new one is made of: the first of them, and the share of each. @param {number} length  @param {number} wanted  @param {number} from  @param {number} to  @param {Filter} filter */
function weights(length, wanted, from, to, { reach, weight }) {
  const scale = fround(to - from) / wanted;
  const wide = Math.max(scale, 1);
  return Array.from({ length: wanted }, (_, index) => {
    const centre = from + (index + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - reach * wide + 0.5), 0);
    const end = Math.min(Math.trunc(centre + reach * wide + 0.5), length);
    const shares = Float64Array.from({ length: end - first }, (_, tap) => weight((tap + first - centre + 0.5) * (1 / wide)));
    const total = shares.reduce((sum, share) => sum + share, 0);
    return { first, shares: total ? shares.map((share) => share / total) : shares };
  });
}

/** What is seen through a perspective, each pixel of bytes cut to a whole number: Image.transform. @param {Grid} grid  @param {number} width  @param {number} height  @param {number[]} terms - Eight, as there */
export function perspective(grid, width, height, [a, b, c, d, e, f, g, h]) {
  const { data } = grid;
  const column = (/** @type {number} */ x) => Math.min(Math.max(x, 0), grid.width - 1);
  const row = (/** @type {number} */ y) => Math.min(Math.max(y, 0), grid.height - 1) * grid.width;
  return new Grid(width, height, new Uint8Array(width * height)).map((_, place) => {
    const [across, down] = [(place % width) + 0.5, Math.floor(place / width) + 0.5];
    const depth = g * across + h * down + 1;
    const [x, y] = [(a * across + b * down + c) / depth, (d * across + e * down + f) / depth];
    if (x < 0 || x >= grid.width || y < 0 || y >= grid.height) return 0;
    const [left, top] = [Math.floor(x - 0.5), Math.floor(y - 0.5)];
    const [dx, dy] = [x - 0.5 - left, y - 0.5 - top];
    const between = (/** @type {number} */ from) => data[from + column(left)] + (data[from + column(left + 1)] - data[from + column(left)]) * dx;
    const [upper, lower] = [between(row(top)), between(row(top + 1))];
    return upper + (lower - upper) * dy;
  }, new Uint8Array(width * height));
}
