/** The brightness of a picture along the principal direction of the differences between neighbouring pixels; the largest ones decide. @param {Planes} planes */
export function brightness(planes: Planes): Grid;
export function luma(planes: Planes): Grid;
/**
 * - Of a picture: its grey, or its red, green and blue
 */
export type Planes = Grid[];
import { Grid } from "./grid.js";
