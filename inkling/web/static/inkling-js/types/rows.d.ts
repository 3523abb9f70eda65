/** @typedef {number[]} Box - Left, top, right, bottom */
/** The rows of a drawing, top to bottom, each with all strokes that belong to it. @param {number[][][]} strokes @returns {number[][][][]} */
export function rowsOf(strokes: number[][][]): number[][][][];
/** The parts of each row, as indexes into `boxes`. @param {Box[]} boxes  @param {number} pen @returns {number[][]} */
export function group(boxes: Box[], pen: number): number[][];
/**
 * - Left, top, right, bottom
 */
export type Box = number[];
