// @ts-check
// The connected parts of a mask, numbered as scipy.ndimage.label does: by their first pixels, row by row.

import { Grid } from "./grid.js";

/** @typedef {{ labels: Grid, count: number }} Components - 0 outside of the mask, else 1 to `count` */
/** @typedef {{ left: number, top: number, right: number, bottom: number }} Place - Right and bottom are not included */

/** @param {Grid} mask  @param {boolean} [diagonally] - Whether pixels that touch at a corner are connected @returns {Components} */
export function label({ width, height, data }, diagonally = true) {
  const labels = new Int32Array(data.length);
  const todo = new Int32Array(data.length);
  let count = 0;
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || labels[start]) continue;
    labels[start] = ++count;
    let many = 1;
    todo[0] = start;
    while (many) {
      const place = todo[--many];
      const x = place % width;
      const y = (place - x) / width;
      for (let dy = y ? -1 : 0; dy <= (y < height - 1 ? 1 : 0); dy++) {
        for (let dx = x ? -1 : 0; dx <= (x < width - 1 ? 1 : 0); dx++) {
          const next = place + dy * width + dx;
          if (!data[next] || labels[next] || (!diagonally && dx && dy)) continue;
          labels[next] = count;
          todo[many++] = next;
        }
      }
    }
  }
  return { labels: new Grid(width, height, labels), count };
}

/** How often each label stands in a grid, or under a mask of it; that of 0 first. @param {Components} components  @param {Grid} [mask] */
export function sizes({ labels, count }, mask) {
  const found = new Int32Array(count + 1);
  for (let place = 0; place < labels.data.length; place++) if (!mask || mask.data[place]) found[labels.data[place]]++;
  return found;
}

/** The place of each label, from 1 on. @param {Components} components @returns {Place[]} */
export function places({ labels: { width, height, data }, count }) {
  const found = Array.from({ length: count }, () => ({ left: width, top: height, right: 0, bottom: 0 }));
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (!data[at]) continue;
      const place = found[data[at] - 1];
      if (x < place.left) place.left = x;
      if (x >= place.right) place.right = x + 1;
      if (y < place.top) place.top = y;
      place.bottom = y + 1;
    }
  }
  return found;
}

/** The place of all that is in a mask. @param {Grid} mask */
export const placeOf = (mask) => places({ labels: mask, count: 1 })[0];
