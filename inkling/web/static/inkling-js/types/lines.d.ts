/** @typedef {{ data: Float32Array, shape: number[], scale: number, corner: number[] }} Line - Pixels in [0, 1]; scale: pixels a unit of the strokes or pixel of the picture; corner: x and y of the line's upper left one, in that unit */
/** The line of strokes of points x, y and perhaps a pressure; null where nothing is drawn. @param {number[][][]} strokes @returns {Line | null} */
export function toLine(strokes: number[][][]): Line | null;
/** The box of each character, left, top, right, bottom in the unit of the strokes; last, that of the whole line. Between two characters, the line is divided where the least ink is. @param {Line} line  @param {number[][]} places - The columns of each character, in pixels @returns {number[][]} */
export function boxes(line: Line, places: number[][]): number[][];
export const HEIGHT: 32;
export const MARGIN: number;
export const SIDE_MARGIN: number;
export const MAX_WIDTH: 1600;
export const FLATTEST: 6;
export const PEN: 2.3;
/**
 * - Pixels in [0, 1]; scale: pixels a unit of the strokes or pixel of the picture; corner: x and y of the line's upper left one, in that unit
 */
export type Line = {
    data: Float32Array;
    shape: number[];
    scale: number;
    corner: number[];
};
