// @ts-check
// A grid of numbers, as the pixels of a picture: row by row.

/** @typedef {Float32Array | Float64Array | Int32Array | Uint8Array | Uint8ClampedArray} Numbers */

/** Numbers `(height, width)`. In a mask, they are 0 or 1. */
export class Grid {
  /** @param {number} width  @param {number} height  @param {Numbers} [data] */
  constructor(width, height, data = new Float32Array(width * height)) {
    this.width = width;
    this.height = height;
    this.data = data;
  }

  /** The same size, filled by a function of each number and its place. @param {(value: number, place: number) => number} change  @param {Numbers} [data] */
  map(change, data = new Float32Array(this.data.length)) {
    for (let place = 0; place < data.length; place++) data[place] = change(this.data[place], place);
    return new Grid(this.width, this.height, data);
  }

  /** The mask of the numbers for which something holds. @param {(value: number, place: number) => any} holds */
  where(holds) {
    return this.map((value, place) => (holds(value, place) ? 1 : 0), new Uint8Array(this.data.length));
  }

  /** The numbers under a mask, in their order. @param {Grid} mask */
  under(mask) {
    return this.data.filter((_, place) => mask.data[place]);
  }

  /** How many numbers are not 0. */
  get count() {
    let count = 0;
    for (let place = 0; place < this.data.length; place++) if (this.data[place]) count++;
    return count;
  }

  /** Rows become columns. */
  transposed() {
    const found = new Grid(this.height, this.width, this.#empty(this.data.length));
    for (let y = 0; y < this.height; y++) for (let x = 0; x < this.width; x++) found.data[x * this.height + y] = this.data[y * this.width + x];
    return found;
  }

  /** A part, with 0 where it lies outside. @param {number} left  @param {number} top  @param {number} width  @param {number} height */
  part(left, top, width, height) {
    const found = new Grid(width, height, this.#empty(width * height));
    const [first, end] = [Math.max(left, 0), Math.min(left + width, this.width)];
    for (let y = Math.max(top, 0); y < Math.min(top + height, this.height); y++) {
      if (first < end) found.data.set(this.data.subarray(y * this.width + first, y * this.width + end), (y - top) * width + first - left);
    }
    return found;
  }

  /** With a border of 0. @param {number} wide */
  padded(wide) {
    return this.part(-wide, -wide, this.width + 2 * wide, this.height + 2 * wide);
  }

  /** Every n-th number of every n-th row. @param {number} step */
  every(step) {
    const found = new Grid(Math.ceil(this.width / step), Math.ceil(this.height / step), this.#empty(Math.ceil(this.width / step) * Math.ceil(this.height / step)));
    return found.map((_, place) => this.data[Math.floor(place / found.width) * step * this.width + (place % found.width) * step], found.data);
  }

  /** Its first and last row, and its first and last column. */
  sides() {
    return [this.part(0, 0, this.width, 1), this.part(0, this.height - 1, this.width, 1), this.part(0, 0, 1, this.height), this.part(this.width - 1, 0, 1, this.height)].map(({ data }) => data);
  }

  /** Numbers of the same kind. @param {number} length @returns {Numbers} */
  #empty(length) {
    return new /** @type {any} */ (this.data.constructor)(length);
  }
}
