/** The width of the strokes in pixels: four times the mean distance of ink from paper. @param {Grid} mask */
export function width(mask: Grid): number;
/** The ink of the one digit in a mask, without what lies beside it. @param {Grid} mask */
export function ofDigit(mask: Grid): Grid;
import { Grid } from "./grid.js";
