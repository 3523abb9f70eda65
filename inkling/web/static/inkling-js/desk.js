// @ts-check
// Finds a sheet of paper on a darker desk, and straightens it: inkling/ink/desk.py, by the same names.

import { label, sizes } from "./components.js";
import { leastSquares } from "./leastsquares.js";
import { filled, grown, shrunk, smoothed } from "./morphology.js";
import { rint } from "./pen.js";
import { perspective } from "./resample.js";
import { mean, median } from "./statistics.js";

const COARSE = 128; // pixels of the longer side, on which the sheet is looked for
const MIN_SHARE = 0.08; // of the picture, of a sheet
const MIN_SIDE = 0.15; // of the picture's longer side, of each side of a sheet
const MAX_SIDE = 0.9; // of each side of a picture, of a sheet that leaves it; shadows leave more light
const DARKER = 0.6; // logarithm of a sheet's light over that of its desk
const BLACK = 16; // grey levels added to all, so that those near 0 do not count
const FILLED = 0.85; // of the shape around it, by a sheet that ink may cut; bold digits fill less
const STRAIGHT = 0.88; // of the shape around it, by a quadrilateral; an ellipse has 0.64
const DIRECTIONS = 64; // in which the outermost points of a sheet are looked for
const BARE = 0.8; // of a sheet, without ink
const CLOSED = 5; // coarse pixels, half the width of strokes that may cut a sheet in two
const EDGE = 3; // coarse pixels, within which the light changes; that of a shadow changes slowly
const INSET = 1.5; // coarse pixels cut off at each side, as the edge is blurred

/** @typedef {import("./grid.js").Grid} Grid */
/** @typedef {number[][]} Corners - Four of x, y; clockwise from the upper left */

/** The corners of a light quadrilateral, in pixels of a picture; null if there is none, or if the sheet fills the picture. @param {import("./colour.js").Planes} planes @returns {Corners | null} */
export function sheet(planes) {
  const [{ width, height }] = planes;
  const step = Math.ceil(Math.max(width, height) / COARSE);
  if (Math.min(width, height) < 8 * step) return null;
  const [first, ...others] = planes.map((plane) => plane.every(step));
  const darkest = first.map((value, place) => Math.min(value, ...others.map((plane) => plane.data[place]))); // wood is as light as paper, but coloured
  const light = smoothed(darkest.map((value) => Math.log(Math.max(value, 0) + BLACK)));
  const level = middle(light);
  const bright = light.where((value) => value > level);
  if (!bright.count || Math.max(...bright.sides().map(mean)) > MAX_SIDE) return null;
  const whole = shrunk(grown(bright.padded(CLOSED), CLOSED), CLOSED).part(CLOSED, CLOSED, light.width, light.height); // over strokes
  const components = label(bright.where((is, place) => is || whole.data[place]), false);
  const [, ...many] = sizes(components);
  const largest = many.indexOf(Math.max(...many)) + 1;
  const region = filled(components.labels.where((one) => one === largest));
  if (mean(region.data) < MIN_SHARE || edge(light, region) < DARKER) return null;
  if (mean(bright.under(region)) < BARE) return null; // light strokes side by side on a dark ground
  return quadrilateral(region)?.map((corner) => corner.map((value) => step * (value + 0.5))) ?? null;
}

/** How much lighter a region is just inside its edge than just outside. @param {Grid} light  @param {Grid} region */
function edge(light, region) {
  const [near, away] = [1, EDGE].map((times) => grown(region, times).data);
  const [inner, core] = [1, EDGE].map((times) => shrunk(region, times).data);
  const [inside, outside] = [[inner, core], [away, near]].map(([own, other]) => light.data.filter((_, place) => own[place] && !other[place]));
  return inside.length && outside.length ? median(inside) - median(outside) : 0;
}

/** The level halfway between the two groups that differ most. Source: Ridler & Calvard 1978. @param {Grid} light */
function middle({ data }) {
  let level = Math.fround(mean(data));
  for (let time = 0; time < 20; time++) {
    const [upper, lower] = [data.filter((value) => value > level), data.filter((value) => value <= level)];
    if (!upper.length || !lower.length) break;
    level = Math.fround(Math.fround(mean(upper)) + Math.fround(mean(lower))) / 2;
  }
  return level;
}

/** The corners of a region with four straight sides, a little inside it. @param {Grid} region @returns {Corners | null} */
function quadrilateral(region) {
  const inner = shrunk(region);
  const points = [...region.data.keys()].filter((place) => region.data[place] && !inner.data[place]).map((place) => [place % region.width, Math.floor(place / region.width)]);
  const ends = Array.from({ length: DIRECTIONS }, (_, turn) => {
    const [cosine, sine] = [Math.cos((turn * 2 * Math.PI) / DIRECTIONS), Math.sin((turn * 2 * Math.PI) / DIRECTIONS)];
    const reach = points.map(([x, y]) => x * cosine + y * sine);
    return reach.indexOf(Math.max(...reach));
  });
  const around = ends.filter((end, turn) => end !== ends.at(turn - 1)).map((end) => points[end]); // clockwise on screen
  if (around.length < 4) return null;
  const corners = largestOf(around);
  const whole = area(around);
  if (region.count < FILLED * whole || area(corners) < STRAIGHT * whole) return null;
  if (Math.min(...corners.map((corner, index) => distance(corner, corners.at(index - 1)))) < MIN_SIDE * Math.max(region.width, region.height)) return null;
  const centre = [0, 1].map((axis) => mean(corners.map((corner) => corner[axis])));
  const inset = corners.map((corner, index) => corner.map((value, axis) => centre[axis] + (value - centre[axis]) * (1 - (2 * Math.SQRT2 * INSET) / distance(corner, corners.at(index - 2)))));
  const sums = inset.map(([x, y]) => x + y);
  const first = sums.indexOf(Math.min(...sums));
  return [...inset.slice(first), ...inset.slice(0, first)];
}

/** @param {number[]} one  @param {number[]} other */
const distance = (one, other) => Math.hypot(one[0] - other[0], one[1] - other[1]);

/** @param {Corners} corners */
function area(corners) {
  return Math.abs(corners.reduce((sum, [x, y], index) => { const [beforeX, beforeY] = corners.at(index - 1); return sum + x * beforeY - y * beforeX; }, 0)) / 2;
}

/** The largest quadrilateral whose corners are corners of a convex polygon. @param {Corners} around @returns {Corners} */
function largestOf(around) {
  let [best, most] = [around.slice(0, 4), -1];
  around.forEach(([firstX, firstY], first) => {
    for (let third = first + 2; third < around.length; third++) {
      const [acrossX, acrossY] = [around[third][0] - firstX, around[third][1] - firstY];
      const reach = around.map(([x, y]) => acrossX * (y - firstY) - acrossY * (x - firstX));
      const [least, greatest] = [Math.min(...reach), Math.max(...reach)];
      if (greatest - least <= most) continue;
      most = greatest - least;
      best = [first, reach.indexOf(least), third, reach.indexOf(greatest)].sort((one, other) => one - other).map((index) => around[index]);
    }
  });
  return best;
}

/** The quadrilateral between the corners as a rectangle with sides of the same mean length. @param {import("./colour.js").Planes} planes  @param {Corners} corners @returns {import("./colour.js").Planes} */
export function straightened(planes, corners) {
  const sides = corners.map((corner, index) => distance(corner, corners[(index + 1) % 4]));
  const [width, height] = [rint((sides[0] + sides[2]) / 2), rint((sides[1] + sides[3]) / 2)];
  const rows = [[0, 0], [width, 0], [width, height], [0, height]].flatMap(([x, y], index) => {
    const [u, v] = corners[index];
    return [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]];
  });
  const terms = leastSquares(rows.map((_, column) => rows.map((row) => row[column])), corners.flat());
  return planes.map((plane) => perspective(plane, width, height, terms));
}
