/** What is found, or null where nothing is drawn. @template T  @param {() => T} find @returns {T | null} */
export function ifDrawn<T>(find: () => T): T | null;
/** Whether all four sides of a picture are mostly paper of the same grey. @param {Grid} grey */
export function isAround(grey: Grid): boolean;
/** How much each pixel differs from the paper at the border, without the noise there, and without what a lossy format leaves around a stroke. @param {Grid} grey  @param {boolean} lossy */
export function offTheBorder(grey: Grid, lossy: boolean): Grid;
/** The ink of a picture: without uneven light, shadows, ruled lines, specks and what enters from the edge, its strokes as wide as in MNIST. @param {Planes} planes  @param {boolean} lossy @returns {Sheet} */
export function offThePaper(planes: Planes, lossy: boolean): Sheet;
/** The part of a picture around its ink, with half the ink's size as paper on each side. Throws unless little of the picture is ink. @param {Grid} grey - The picture, reduced `times`  @param {number} times  @param {{ width: number, height: number }} whole - Its size before  @param {boolean} [alone] - It is one digit, and other ink beside it does not count @returns {Place} */
export function aroundInk(grey: Grid, times: number, whole: {
    width: number;
    height: number;
}, alone?: boolean): Place;
/** Whether a picture has paper of one grey, without the noise of a photograph. @param {Grid} grey */
export function isPlain(grey: Grid): boolean;
/** The picture reduced: each pixel is the mean of a square of so many along each side. @param {Planes} planes  @param {number} times @returns {Planes} */
export function reduced(planes: Planes, times: number): Planes;
/** How much each pixel differs from the paper around it. The light is estimated on a picture whose longer side is `cells` pixels: the grey of the paper is the median of a window of half of it. At the edge of a shadow, it is that of the side which is nearer to the pixel's own grey. Where the median is as dark as ink, the slope of the light alone gives the paper. The contrast of dark ink is divided by the light that falls on it. @param {Grid} grey  @param {number} [cells] */
export function evened(grey: Grid, cells?: number): Grid;
/** The threshold that separates ink from paper: the largest variance between the two. Source: Otsu 1979. @param {import("./grid.js").Numbers} contrast */
export function otsu(contrast: import("./grid.js").Numbers): number;
export const CLOSER: number;
export const MIN_CONTRAST: 16;
/** @typedef {import("./colour.js").Planes} Planes */
/** @typedef {{ left: number, top: number, right: number, bottom: number }} Place */
/** @typedef {{ ink: Grid, scale: number, corner: number[] }} Sheet - Its ink >= 0; pixels of the ink for each of the picture; x and y of the ink's upper left corner there */
/** There is no ink in a picture. */
export class NothingDrawn extends Error {
    constructor();
}
export function worded(value: number): string;
export function cut(planes: Planes, { left, top, right, bottom }: Place): Planes;
export type Planes = import("./colour.js").Planes;
export type Place = {
    left: number;
    top: number;
    right: number;
    bottom: number;
};
/**
 * - Its ink >= 0; pixels of the ink for each of the picture; x and y of the ink's upper left corner there
 */
export type Sheet = {
    ink: Grid;
    scale: number;
    corner: number[];
};
import { Grid } from "./grid.js";
