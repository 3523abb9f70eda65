/** @typedef {Float32Array | Float64Array | Int32Array | Uint8Array | Uint8ClampedArray} Numbers */
/** Numbers `(height, width)`. In a mask, they are 0 or 1. */
export class Grid {
    /** @param {number} width  @param {number} height  @param {Numbers} [data] */
    constructor(width: number, height: number, data?: Numbers);
    width: number;
    height: number;
    data: Numbers;
    /** The same size, filled by a function of each number and its place. @param {(value: number, place: number) => number} change  @param {Numbers} [data] */
    map(change: (value: number, place: number) => number, data?: Numbers): Grid;
    /** The mask of the numbers for which something holds. @param {(value: number, place: number) => any} holds */
    where(holds: (value: number, place: number) => any): Grid;
    /** The numbers under a mask, in their order. @param {Grid} mask */
    under(mask: Grid): Uint8Array<ArrayBuffer> | Uint8ClampedArray<ArrayBuffer> | Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
    /** How many numbers are not 0. */
    get count(): number;
    /** Rows become columns. */
    transposed(): Grid;
    /** A part, with 0 where it lies outside. @param {number} left  @param {number} top  @param {number} width  @param {number} height */
    part(left: number, top: number, width: number, height: number): Grid;
    /** With a border of 0. @param {number} wide */
    padded(wide: number): Grid;
    /** Every n-th number of every n-th row. @param {number} step */
    every(step: number): Grid;
    /** Its first and last row, and its first and last column. */
    sides(): Numbers[];
    #private;
}
export type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array | Uint8ClampedArray;
