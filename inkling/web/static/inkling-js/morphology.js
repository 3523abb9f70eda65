// @ts-check
// Neighbourhoods of pixels: what scipy.ndimage does by the names that stand beside each function.

import { label, sizes } from "./components.js";
import { Grid } from "./grid.js";
import { select } from "./statistics.js";

const FAR = 1e10; // the square of more pixels than any picture has

/** The largest number within so many pixels to each side: maximum_filter. @param {Grid} grid  @param {number} across  @param {number} [down] */
export function maxima(grid, across, down = across) {
  const wide = across ? largest(grid, across) : grid;
  return down ? largest(wide.transposed(), down).transposed() : wide;
}

/** The smallest number likewise: minimum_filter. @param {Grid} grid  @param {number} across  @param {number} [down] */
export const minima = (grid, across, down = across) => negative(maxima(negative(grid), across, down));

/** What is darker and narrower than so many pixels to each side is filled: grey_closing. @param {Grid} grid  @param {number} across  @param {number} [down] */
export const closed = (grid, across, down) => minima(maxima(grid, across, down), across, down);

/** What is lighter and narrower is removed: grey_opening. @param {Grid} grid  @param {number} across  @param {number} [down] */
export const opened = (grid, across, down) => maxima(minima(grid, across, down), across, down);

/** @param {Grid} grid */
const negative = (grid) => grid.map((value) => -value);

/** The largest number within so many pixels of each, along the rows: those that may still become it wait in a queue, the largest first. @param {Grid} grid  @param {number} reach */
function largest({ width, height, data }, reach) {
  const found = data.slice();
  const queue = new Int32Array(width);
  for (let row = 0; row < data.length; row += width) {
    let [first, end] = [0, 0];
    for (let x = -reach; x < width; x++) {
      const next = x + reach;
      if (next < width) {
        while (end > first && data[row + queue[end - 1]] <= data[row + next]) end--;
        queue[end++] = next;
      }
      if (x < 0) continue;
      if (queue[first] < x - reach) first++;
      found[row + x] = data[row + queue[first]];
    }
  }
  return new Grid(width, height, found);
}

/** @param {Grid} mask */
export const inverted = (mask) => mask.where((is) => !is);

/** A mask with all its eight neighbours: binary_dilation. @param {Grid} mask */
export const surrounded = (mask) => maxima(mask, 1);

/** A mask with its four neighbours, some times over: binary_dilation. @param {Grid} mask  @param {number} [times] */
export function grown(mask, times = 1) {
  const { width, height } = mask;
  for (; times; times--) {
    const { data } = mask;
    mask = mask.where((is, place) => {
      const x = place % width;
      return is || (x && data[place - 1]) || (x < width - 1 && data[place + 1]) || (place >= width && data[place - width]) || (place < (height - 1) * width && data[place + width]);
    });
  }
  return mask;
}

/** A mask without what is next to its outside, some times over: binary_erosion. @param {Grid} mask  @param {number} [times] */
export const shrunk = (mask, times = 1) => inverted(grown(inverted(mask.padded(times)), times)).part(times, times, mask.width, mask.height);

/** A mask without holes: binary_fill_holes. @param {Grid} mask */
export function filled(mask) {
  const { labels } = label(inverted(mask.padded(1)), false);
  return labels.where((one) => one !== 1).part(1, 1, mask.width, mask.height); // 1 is the outside, which begins in the corner
}

/** The parts of a mask that hold a seed: binary_propagation. @param {Grid} seeds  @param {Grid} mask */
export function reached(seeds, mask) {
  const components = label(mask);
  const seeded = sizes(components, seeds);
  return components.labels.where((one) => one && seeded[one]);
}

/** How far each pixel of a mask is from the nearest one outside: distance_transform_edt. @param {Grid} mask */
export function distances(mask) {
  const squares = mask.map((is) => (is ? FAR : 0), new Float64Array(mask.data.length));
  const found = envelope(envelope(squares).transposed()).transposed();
  return found.map(Math.sqrt, found.data);
}

/** The least of (x - at)^2 + value over all places `at` of a row: the lower envelope of parabolas. Source: Felzenszwalb & Huttenlocher 2012. @param {Grid} grid */
function envelope({ width, height, data }) {
  const found = new Float64Array(data.length);
  const [roots, from] = [new Int32Array(width), new Float64Array(width + 1)]; // of the parabolas that count, and where each begins to
  for (let row = 0; row < data.length; row += width) {
    const meeting = (/** @type {number} */ one, /** @type {number} */ other) => (data[row + one] + one * one - data[row + other] - other * other) / (2 * (one - other));
    let last = 0;
    roots[0] = 0;
    from[0] = -Infinity;
    for (let x = 1; x < width; x++) {
      while (meeting(x, roots[last]) <= from[last]) last--;
      from[last + 1] = meeting(x, roots[last]);
      roots[++last] = x;
    }
    from[last + 1] = Infinity;
    for (let x = 0, at = 0; x < width; x++) {
      while (from[at + 1] < x) at++;
      found[row + x] = (x - roots[at]) ** 2 + data[row + roots[at]];
    }
  }
  return new Grid(width, height, found);
}

/** The mean of three by three pixels: uniform_filter. @param {Grid} grid */
export const smoothed = (grid) => meansOfThree(meansOfThree(grid.transposed()).transposed());

/** The mean of three numbers along the rows, kept from one to the next as there. @param {Grid} grid */
function meansOfThree({ width, height, data }) {
  const found = new Grid(width, height);
  for (let row = 0; row < data.length; row += width) {
    const at = (/** @type {number} */ x) => data[row + Math.min(Math.max(x, 0), width - 1)];
    let mean = (at(-1) + at(0) + at(1)) / 3;
    found.data[row] = mean;
    for (let x = 1; x < width; x++) {
      mean += (at(x + 1) - at(x - 2)) / 3;
      found.data[row + x] = mean;
    }
  }
  return found;
}

/** The median of the square that reaches so many pixels to each side; the edge goes on beyond it: median_filter. @param {Grid} grid  @param {number} reach */
export function medians({ width, height, data }, reach) {
  const side = 2 * reach + 1;
  const square = new Float32Array(side * side);
  return new Grid(width, height).map((_, place) => {
    const [x, y] = [place % width, Math.floor(place / width)];
    for (let dy = -reach, at = 0; dy <= reach; dy++) {
      const row = Math.min(Math.max(y + dy, 0), height - 1) * width;
      for (let dx = -reach; dx <= reach; dx++) square[at++] = data[row + Math.min(Math.max(x + dx, 0), width - 1)];
    }
    return select(square, square.length >> 1);
  });
}
