/** @typedef {import("./components.js").Components} Components */
/** @typedef {{ labels: Grid, boxes: number[][], sizes: number[], pen: number, torn: boolean }} Marks - The parts of the ink: n + 1 in the labels of part n; its left, top, right, bottom; its pixels; the width of the strokes; whether parts may be pieces of strokes, torn by print as dark as some of the ink */
/** The parts of the ink in the contrast to the paper. @param {Grid} seen @returns {Marks} */
export function find(seen: Grid): Marks;
export type Components = import("./components.js").Components;
/**
 * - The parts of the ink: n + 1 in the labels of part n; its left, top, right, bottom; its pixels; the width of the strokes; whether parts may be pieces of strokes, torn by print as dark as some of the ink
 */
export type Marks = {
    labels: Grid;
    boxes: number[][];
    sizes: number[];
    pen: number;
    torn: boolean;
};
import { Grid } from "./grid.js";
