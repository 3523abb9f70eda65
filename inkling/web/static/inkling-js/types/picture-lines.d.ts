/** @typedef {import("./colour.js").Planes} Planes */
/** @typedef {import("./lines.js").Line} Line */
/** The lines of a picture, top to bottom; where there is a sheet on a desk, of that sheet. @param {Planes} planes  @param {boolean} lossy @returns {Line[]} */
export function toLines(planes: Planes, lossy: boolean): Line[];
export type Planes = import("./colour.js").Planes;
export type Line = import("./lines.js").Line;
