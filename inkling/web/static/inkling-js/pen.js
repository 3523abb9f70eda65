// @ts-check
// Draws strokes with a round pen, pixel for pixel as inkling/ink/pen.py does with Pillow: a wide line is a
// polygon, its ends and sharp bends are discs. No pixel is half covered.

const STEP = 2.5; // pixels, between two points of a stroke that are drawn
const MANY = 64; // points; fewer are all drawn
const ASIDE = 1e-6; // pixels, so that what lies between two pixels is drawn at the same one always
const BEND = 0.85; // cosine between two parts of a stroke; a sharper bend is rounded by a disc

const USUAL = 0.5; // the pressure at which a line is as wide as the pen, and of a point without one
const [THINNEST, WIDEST] = [0.3, 1.7]; // pens

const { fround } = Math;

/** How wide a line is at a point x, y and perhaps a pressure, in pens. @param {number[]} point */
export const widthAt = (point) => Math.min(Math.max((point[2] ?? USUAL) / USUAL, THINNEST), WIDEST);

/** To the nearest whole number, halves to the even one. @param {number} value */
export const rint = (value) => {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
};

/** Halves away from 0. @param {number} value */
const awayFromZero = (value) => Math.sign(value) * Math.floor(Math.abs(value) + 0.5);

/** Halves towards 0. @param {number} value */
const towardsZero = (value) => Math.sign(value) * Math.ceil(Math.abs(value) - 0.5);

/** The same of numbers of 32 bits. @param {number} value */
const awayFromZero32 = (value) => (value >= 0 ? Math.floor(fround(value + 0.5)) : awayFromZero(value));
/** @param {number} value */
const towardsZero32 = (value) => (value >= 0 ? Math.ceil(fround(value - 0.5)) : towardsZero(value));

/** A sheet of pixels: 0 is paper, 255 is ink. */
export class Canvas {
  /** @param {number} width  @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint8Array(width * height); // row by row
  }

  /** Ink in a row, from x to `end`, both included. @param {number} x  @param {number} end  @param {number} y */
  row(x, end, y) {
    if (y < 0 || y >= this.height || x >= this.width || end < 0) return;
    this.pixels.fill(255, y * this.width + Math.max(x, 0), y * this.width + Math.min(end, this.width - 1) + 1);
  }

  /** A line one pixel wide, without its end. @param {number} x  @param {number} y  @param {number} endX  @param {number} endY */
  thinLine(x, y, endX, endY) {
    let [dx, dy] = [Math.abs(endX - x), Math.abs(endY - y)];
    const [stepX, stepY] = [endX < x ? -1 : 1, endY < y ? -1 : 1];
    const level = dx > dy;
    const many = Math.max(dx, dy);
    [dx, dy] = level ? [dx, dy] : [dy, dx]; // along, and across
    let error = 2 * dy - dx; // Bresenham 1965
    for (let done = 0; done < many; done++) {
      this.row(x, x, y);
      if (error >= 0 && dy) {
        if (level) y += stepY; else x += stepX;
        error -= 2 * dx;
      }
      error += 2 * dy;
      if (level) x += stepX; else y += stepY;
    }
  }

  /** A line `width` > 1 pixels wide, between whole pixels: the polygon of its four corners. @param {number} x  @param {number} y  @param {number} endX  @param {number} endY  @param {number} width */
  wideLine(x, y, endX, endY, width) {
    const [dx, dy] = [endX - x, endY - y];
    if (!dx && !dy) {
      this.row(x, x, y);
      return;
    }
    const [length, half] = [Math.hypot(dx, dy), (width - 1) / 2];
    const [most, least] = [awayFromZero(half) / length, towardsZero(half) / length];
    const [leastX, mostX, leastY, mostY] = [least * dy, most * dy, least * dx, most * dx].map(towardsZero);
    this.polygon([[x - leastX, y + mostY], [endX - leastX, endY + mostY], [endX + mostX, endY - leastY], [x + mostX, y - leastY]]);
  }

  /** A filled polygon of whole pixels, row by row. Numbers are of 32 bits, as Pillow's. @param {number[][]} corners */
  polygon(corners) {
    const edges = [];
    for (const [index, [x, y]] of corners.entries()) {
      const [endX, endY] = corners[(index + 1) % corners.length];
      if (y === endY) this.row(Math.min(x, endX), Math.max(x, endX), y);
      else edges.push({ x, y, top: Math.min(y, endY), bottom: Math.max(y, endY), slope: fround(fround(endX - x) / (endY - y)) });
    }
    const at = (edge, y) => fround(fround((y - edge.y) * edge.slope) + edge.x);
    const rows = corners.map(([, y]) => y);
    const bottom = Math.min(Math.max(...rows), this.height);
    for (let y = Math.max(Math.min(...rows, this.height - 1), 0); y <= bottom; y++) {
      const crossings = [];
      edges.forEach((edge, index) => {
        if (y < edge.top || y > edge.bottom) return;
        let crossing = at(edge, y);
        if (y === edge.bottom && y < bottom) crossings.push(crossing); // twice, so that pairs stay pairs
        else if ((y === edge.top || y === edge.bottom) && edge.slope) crossing = joined(edge, edges.slice(0, index), y, crossing, at);
        crossings.push(crossing);
      });
      crossings.sort((one, other) => one - other);
      for (let pair = 1; pair < crossings.length; pair += 2) this.row(awayFromZero32(crossings[pair - 1]), towardsZero32(crossings[pair]), y);
    }
  }

  /** A filled ellipse in a box, of which the right and the lower edge are included. @param {number[]} box - Left, top, right, bottom */
  ellipse(box) {
    const [left, top, right, bottom] = box.map(Math.trunc);
    const [a, b] = [right - left, bottom - top];
    if (a < 0 || b < 0) return;
    // A quarter of the outline, in half pixels from the centre: of three next points, the nearest to the curve
    const off = (x, y) => Math.abs(a * a * y * y + b * b * x * x - a * a * b * b);
    let [x, y, last] = [a, b % 2, -1];
    for (;;) {
      if (y !== last) {
        this.row(left + (a - x) / 2, left + (a + x) / 2, top + (b + y) / 2);
        this.row(left + (a - x) / 2, left + (a + x) / 2, top + (b - y) / 2);
        last = y;
      }
      if (x === a % 2 && y === b) return;
      let next = [x, y + 2];
      let least = off(x, y + 2);
      if (x > 1) {
        for (const other of [[x - 2, y + 2], [x - 2, y]]) {
          const found = off(other[0], other[1]);
          if (least > found) [next, least] = [other, found];
        }
      }
      [x, y] = next;
    }
  }
}

/** Where an edge begins or ends at a corner with another one: moved, so that the two leave no gap. */
function joined(edge, others, y, crossing, at) {
  for (const other of others) {
    if ((y !== other.top && y !== other.bottom) || !other.slope || awayFromZero(crossing) !== awayFromZero(at(other, y))) continue;
    const beside = y + (y === edge.bottom ? -1 : 1); // the next row, or of the last one the row before
    if (beside < other.top || beside > other.bottom) continue;
    const [one, two] = [at(edge, beside), at(other, beside)];
    if (crossing > one + 1 && crossing > two + 1) return awayFromZero(Math.max(one, two)) + 1;
    if (crossing < one - 1 && crossing < two - 1) return awayFromZero(Math.min(one, two)) - 1;
    return crossing;
  }
  return crossing;
}

/**
 * Draw strokes on a canvas, with a pen `width` pixels wide. Points are x, y, and where `pressed` the width of the line there, in pens.
 * @param {Canvas} canvas  @param {number[][][]} strokes  @param {number[]} corner - Of the canvas, in the unit of the points  @param {number} scale - Pixels a unit  @param {number} width  @param {boolean} pressed
 */
export function trace(canvas, strokes, corner, scale, width, pressed) {
  const paths = thinned(strokes.map((stroke) => stroke.map(([x, y, ...wide]) => [(x - corner[0]) * scale, (y - corner[1]) * scale, ...wide])));
  for (const path of paths) for (const point of path) [point[0], point[1]] = [point[0] + ASIDE, point[1] + ASIDE];
  for (const path of paths) {
    const places = path.map(([x, y]) => [rint(x), rint(y)]);
    for (let index = 1; index < places.length; index++) {
      const [[x, y], [endX, endY]] = [places[index - 1], places[index]];
      const wide = Math.max(1, rint(pressed ? width * path[index - 1][2] : width));
      if (wide > 1) canvas.wideLine(x, y, endX, endY, wide);
      else {
        canvas.thinLine(x, y, endX, endY);
        if (pressed || index === places.length - 1) canvas.row(endX, endX, endY);
      }
    }
  }
  for (const [x, y, wide] of discs(paths, pressed)) {
    const reach = (width / 2) * (pressed ? wide : 1);
    const beyond = Math.max(reach - 1, -reach);
    canvas.ellipse([x - reach, y - reach, x + beyond, y + beyond]);
  }
}

/** Of many points, without those closer than STEP to the one before. @param {number[][][]} paths */
function thinned(paths) {
  const points = paths.flat();
  if (points.length < MANY) return paths;
  let [along, before] = [0, 0];
  const kept = new Set();
  for (let index = 1; index < points.length; index++) {
    along += Math.hypot(points[index][0] - points[index - 1][0], points[index][1] - points[index - 1][1]);
    const steps = Math.floor(along / STEP);
    if (steps !== before) kept.add(index - 1);
    before = steps;
  }
  if (before !== 0) kept.add(points.length - 1);
  let first = 0;
  return paths.map((path) => {
    const found = path.filter((_, index) => index === 0 || index === path.length - 1 || kept.has(first + index));
    first += path.length;
    return found;
  });
}

/** The points where a disc is drawn: all of a line whose width changes, else its ends and sharp bends. @param {number[][][]} paths  @param {boolean} pressed */
function discs(paths, pressed) {
  return paths.flatMap((path) => path.filter(([x, y], index) => {
    if (pressed || index === 0 || index === path.length - 1) return true;
    const [[fromX, fromY], [toX, toY]] = [path[index - 1], path[index + 1]];
    const [dx, dy, thenX, thenY] = [x - fromX, y - fromY, toX - x, toY - y];
    return dx * thenX + dy * thenY < BEND * Math.sqrt((dx * dx + dy * dy) * (thenX * thenX + thenY * thenY));
  }));
}
