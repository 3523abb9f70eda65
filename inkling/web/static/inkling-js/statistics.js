// @ts-check
// Means, medians and quantiles, as NumPy computes them of numbers of 32 bits.

const { fround } = Math;

/** @typedef {import("./grid.js").Numbers | number[]} Values */

/** @param {Values} values */
export function sum(values) {
  let total = 0;
  for (let place = 0; place < values.length; place++) total += values[place];
  return total;
}

/** @param {Values} values */
export const mean = (values) => sum(values) / values.length;

/** The standard deviation. @param {Values} values */
export function deviation(values) {
  const middle = mean(values);
  let total = 0;
  for (let place = 0; place < values.length; place++) total += (values[place] - middle) ** 2;
  return Math.sqrt(total / values.length);
}

/** @param {Values} values */
export function max(values) {
  let most = -Infinity;
  for (let place = 0; place < values.length; place++) if (values[place] > most) most = values[place];
  return most;
}

/** @param {Values} values */
export function min(values) {
  let least = Infinity;
  for (let place = 0; place < values.length; place++) if (values[place] < least) least = values[place];
  return least;
}

/** The share of values for which something holds. @param {Values} values  @param {(value: number) => boolean} holds */
export function share(values, holds) {
  let count = 0;
  for (let place = 0; place < values.length; place++) if (holds(values[place])) count++;
  return count / values.length;
}

/** The value that stands at a rank once they are sorted, from 0. Source: Hoare 1961. @param {Values} values  @param {number} rank */
export function select(values, rank) {
  const order = values.slice();
  let [low, high] = [0, order.length - 1];
  while (low < high) {
    const pivot = order[(low + high) >> 1];
    let [left, right] = [low, high];
    while (left <= right) {
      while (order[left] < pivot) left++;
      while (order[right] > pivot) right--;
      if (left > right) break;
      const moved = order[left];
      order[left++] = order[right];
      order[right--] = moved;
    }
    if (rank <= right) high = right;
    else if (rank >= left) low = left;
    else break;
  }
  return order[rank];
}

/** @param {Values} values */
export const median = (values) => quantile(values, 0.5);

/** The value below which a share of them lies, interpolated between two. @param {Values} values  @param {number} level */
export function quantile(values, level) {
  const rounded = values instanceof Float32Array ? fround : Number;
  const rank = level * (values.length - 1);
  const low = select(values, Math.floor(rank));
  const beyond = rank % 1;
  if (!beyond) return low;
  const high = select(values, Math.floor(rank) + 1);
  const step = rounded(high - low);
  return beyond < 0.5 ? rounded(low + rounded(step * rounded(beyond))) : rounded(high - rounded(step * rounded(1 - beyond)));
}
