/** A part of a picture in another size: Image.resize. @param {Grid} grid  @param {number} width  @param {number} height  @param {Filter} filter  @param {number[]} [box] - Left, top, right, bottom of the part */
export function resized(grid: Grid, width: number, height: number, filter: Filter, box?: number[]): Grid;
/** What is seen through a perspective, each pixel of bytes cut to a whole number: Image.transform. @param {Grid} grid  @param {number} width  @param {number} height  @param {number[]} terms - Eight, as there */
export function perspective(grid: Grid, width: number, height: number, [a, b, c, d, e, f, g, h]: number[]): Grid;
/** @typedef {{ reach: number, weight: (distance: number) => number }} Filter - How far it reaches, and what a pixel counts at a distance */
/** @type {Filter} */ export const BOX: Filter;
/** @type {Filter} */ export const BILINEAR: Filter;
/** @type {Filter} */ export const HAMMING: Filter;
/**
 * - How far it reaches, and what a pixel counts at a distance
 */
export type Filter = {
    reach: number;
    weight: (distance: number) => number;
};
import { Grid } from "./grid.js";
