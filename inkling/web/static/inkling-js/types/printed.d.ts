/** @typedef {{ rows: number[], profile: Float32Array }} Line - Its middle in each column from edge to edge; its contrast, from some rows above the middle to as many below */
/** The contrast of ink to its paper, 0 where there are only printed lines: those that leave the picture without meeting ink; or, if `unbroken` is given, that are seen over this share of their length. @param {Grid} contrast  @param {number} threshold - From which on a contrast is taken for ink  @param {number} [unbroken] */
export function withoutLines(contrast: Grid, threshold: number, unbroken?: number): Grid;
/** The contrast without boxes that are drawn around other ink. A box alone stays. Ink that touches its box stays where there is no other; if `touched`, wherever it does. @param {Grid} contrast  @param {number} threshold  @param {boolean} [touched] */
export function withoutBoxes(contrast: Grid, threshold: number, touched?: boolean): Grid;
/**
 * - Its middle in each column from edge to edge; its contrast, from some rows above the middle to as many below
 */
export type Line = {
    rows: number[];
    profile: Float32Array;
};
import { Grid } from "./grid.js";
