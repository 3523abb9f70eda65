/** @typedef {{ labels: Grid, count: number }} Components - 0 outside of the mask, else 1 to `count` */
/** @typedef {{ left: number, top: number, right: number, bottom: number }} Place - Right and bottom are not included */
/** @param {Grid} mask  @param {boolean} [diagonally] - Whether pixels that touch at a corner are connected @returns {Components} */
export function label({ width, height, data }: Grid, diagonally?: boolean): Components;
/** How often each label stands in a grid, or under a mask of it; that of 0 first. @param {Components} components  @param {Grid} [mask] */
export function sizes({ labels, count }: Components, mask?: Grid): Int32Array<ArrayBuffer>;
/** The place of each label, from 1 on. @param {Components} components @returns {Place[]} */
export function places({ labels: { width, height, data }, count }: Components): Place[];
export function placeOf(mask: Grid): Place;
/**
 * - 0 outside of the mask, else 1 to `count`
 */
export type Components = {
    labels: Grid;
    count: number;
};
/**
 * - Right and bottom are not included
 */
export type Place = {
    left: number;
    top: number;
    right: number;
    bottom: number;
};
import { Grid } from "./grid.js";
