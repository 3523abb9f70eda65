/** @typedef {import("./grid.js").Grid} Grid */
/** @typedef {number[][]} Corners - Four of x, y; clockwise from the upper left */
/** The corners of a light quadrilateral, in pixels of a picture; null if there is none, or if the sheet fills the picture. @param {import("./colour.js").Planes} planes @returns {Corners | null} */
export function sheet(planes: import("./colour.js").Planes): Corners | null;
/** The quadrilateral between the corners as a rectangle with sides of the same mean length. @param {import("./colour.js").Planes} planes  @param {Corners} corners @returns {import("./colour.js").Planes} */
export function straightened(planes: import("./colour.js").Planes, corners: Corners): import("./colour.js").Planes;
export type Grid = import("./grid.js").Grid;
/**
 * - Four of x, y; clockwise from the upper left
 */
export type Corners = number[][];
