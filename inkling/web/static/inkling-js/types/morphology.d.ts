/** The largest number within so many pixels to each side: maximum_filter. @param {Grid} grid  @param {number} across  @param {number} [down] */
export function maxima(grid: Grid, across: number, down?: number): Grid;
/** A mask with its four neighbours, some times over: binary_dilation. @param {Grid} mask  @param {number} [times] */
export function grown(mask: Grid, times?: number): Grid;
/** A mask without holes: binary_fill_holes. @param {Grid} mask */
export function filled(mask: Grid): Grid;
/** The parts of a mask that hold a seed: binary_propagation. @param {Grid} seeds  @param {Grid} mask */
export function reached(seeds: Grid, mask: Grid): Grid;
/** How far each pixel of a mask is from the nearest one outside: distance_transform_edt. @param {Grid} mask */
export function distances(mask: Grid): Grid;
/** The median of the square that reaches so many pixels to each side; the edge goes on beyond it: median_filter. @param {Grid} grid  @param {number} reach */
export function medians({ width, height, data }: Grid, reach: number): Grid;
export function minima(grid: Grid, across: number, down?: number): Grid;
export function closed(grid: Grid, across: number, down?: number): Grid;
export function opened(grid: Grid, across: number, down?: number): Grid;
export function inverted(mask: Grid): Grid;
export function surrounded(mask: Grid): Grid;
export function shrunk(mask: Grid, times?: number): Grid;
export function smoothed(grid: Grid): Grid;
import { Grid } from "./grid.js";
