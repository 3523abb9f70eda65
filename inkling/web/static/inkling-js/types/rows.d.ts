/** @typedef {number[]} Box - Left, top, right, bottom */
/** The rows of a drawing, top to bottom, each with all strokes that belong to it. @param {number[][][]} strokes @returns {number[][][][]} */
export function rowsOf(strokes: number[][][]): number[][][][];
/** The parts of each row, as indexes into `boxes`. @param {Box[]} boxes  @param {number} pen  @param {number} [far] - Usual heights; a small part that is further away from every row is in none  @param {boolean} [torn] - Whether parts may be pieces of characters @returns {number[][]} */
export function group(boxes: Box[], pen: number, far?: number, torn?: boolean): number[][];
/** A quantile of the heights of parts, each counted by its height; the usual one is 0.5. @param {Box[]} boxes  @param {number} [share] */
export function height(boxes: Box[], share?: number): number;
export const TALL: 0.5;
/**
 * - Left, top, right, bottom
 */
export type Box = number[];
