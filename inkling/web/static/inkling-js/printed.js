// @ts-check
// Takes away what is printed on paper, as ruled lines, grids and boxes around digits: inkling/ink/printed.py, by the same names.
// A printed line is thin, straight, and goes from one edge of the paper to the other. It is followed through strips of the picture.

import { label, places } from "./components.js";
import { Grid } from "./grid.js";
import { leastSquares } from "./leastsquares.js";
import { maxima, minima, surrounded } from "./morphology.js";
import { width } from "./parts.js";
import { rint } from "./pen.js";
import { max, mean, median, min, quantile, share } from "./statistics.js";

const STRIPS = 16; // across the picture, through which a line is followed
const MIN_STRIPS = 12.5; // in which it is seen; a strip full of ink counts as HIDDEN
const HIDDEN = 0.75;
const LEAN = 0.08; // rows a column, at most: 4.6 degrees
const THICKNESS = 1 / 32; // of the picture's height, at most; but always MIN_THICKNESS
const MIN_THICKNESS = 8; // pixels
const MAX_WAVER = 1.5; // pixels from a smooth curve; a drawn stroke wavers more
const ASIDE = 1e-6; // pixels, so that a line between two rows is in the same one always
const DARKER = [1.2, 1.3].map(Math.fround); // times the contrast of a line, at least; darker pixels are ink on it
const MARGIN = Math.fround(0.9); // of a line's contrast, expected one row further, as a line may waver
const FAMILY = 3; // lines of one direction that are ruled paper, whatever their pen
const [FAINT, THIN] = [0.7, 0.6]; // of the ink; one or two lines fainter or thinner than it are printed
const SIDE = 0.12; // of a box, in which its line lies; a box may lean
const ALONG = 0.9; // of a side, over which a box has its line
const MIN_INSIDE = 0.3; // of the box's height, of the ink inside
const { fround } = Math;

/** @typedef {{ rows: number[], profile: Float32Array }} Line - Its middle in each column from edge to edge; its contrast, from some rows above the middle to as many below */

/** The contrast of ink to its paper, 0 where there are only printed lines: those that leave the picture without meeting ink; or, if `unbroken` is given, that are seen over this share of their length. @param {Grid} contrast  @param {number} threshold - From which on a contrast is taken for ink  @param {number} [unbroken] */
export function withoutLines(contrast, threshold, unbroken) {
  const turned = contrast.transposed();
  let [across, down] = [contrast, turned].map((part) => lines(part, threshold / 4));
  if (unbroken !== undefined) [across, down] = [[across, contrast], [down, turned]].map(([found, part]) => /** @type {Line[]} */ (found).filter((line) => seen(line, /** @type {Grid} */ (part)) >= unbroken));
  if (!across.length && !down.length) return contrast;
  const left = rest(contrast, across, down, threshold);
  if (unbroken !== undefined) return left;
  return rest(contrast, printed(across, left, threshold), printed(down, left.transposed(), threshold), threshold);
}

/** @param {Line} line */
const thickness = ({ profile }) => profile.filter(Boolean).length;

/** The thin lines that go through the whole width of a picture, as one stroke. @param {Grid} contrast  @param {number} faintest  @param {number} [thickest] @returns {Line[]} */
function lines(contrast, faintest, thickest = THICKNESS) {
  const { width: length, height } = contrast;
  const [wide, thick] = [Math.floor(length / STRIPS), Math.max(MIN_THICKNESS, rint(thickest * height)) | 1];
  if (wide < 2 || height < thick) return [];
  const strips = new Grid(height, STRIPS).map((_, place) => {
    const from = (place % height) * length + Math.floor(place / height) * wide;
    return fround(mean(contrast.data.subarray(from, from + wide)));
  });
  const reach = thick >> 1;
  const broad = maxima(minima(strips.part(-reach, 0, height + 2 * reach, STRIPS), reach, 0).part(reach, 0, height, STRIPS), reach, 0);
  const thin = strips.map((value, place) => value - broad.data[place]); // what crosses a strip downwards adds to both
  const least = fround(Math.max(faintest, 3 * median(thin.data)));
  const score = strips.map((_, place) => (thin.data[place] > least ? 1 : broad.data[place] > least ? HIDDEN : 0), new Float64Array(strips.data.length));
  if (Array.from({ length: STRIPS }, (_, strip) => max(rowOf(score, strip))).filter(Boolean).length < MIN_STRIPS) return [];
  const [lean, beyond] = [Math.max(1, rint(LEAN * wide)), rint((LEAN * length) / 2)];
  const scale = Math.max(max(thin.data), 1);
  const ranked = score.map((value, place) => value + fround(fround(fround(0.01) * thin.data[place]) / scale), score.data);
  const [scores, thins] = [ranked, thin].map((part) => part.part(-beyond, 0, height + 2 * beyond, STRIPS)); // a line may leave the picture at the side
  for (let place = 0; place < scores.data.length; place++) if (place % scores.width < beyond || place % scores.width >= beyond + height) scores.data[place] = HIDDEN;
  return paths(scores, lean).flatMap((path) => {
    const rows = straight(path, thins, least, thick, length);
    const found = rows && line(contrast, rows.map((row) => row - beyond), thick);
    return found ? [found] : [];
  });
}

/** @param {Grid} grid  @param {number} row */
const rowOf = ({ width, data }, row) => data.subarray(row * width, (row + 1) * width);

/** @param {number} value  @param {number} end */
const within = (value, end) => Math.min(Math.max(value, 0), end - 1);

/** The share of a line's columns in which it is at least half as strong as its profile. @param {Line} line  @param {Grid} contrast */
function seen({ rows, profile }, { width: length, height, data }) {
  const half = max(profile) / 2;
  const at = (/** @type {number} */ row, /** @type {number} */ column) => data[within(row, height) * length + column];
  return rows.filter((row, column) => Math.max(at(row - 1, column), at(row, column), at(row + 1, column)) >= half).length / rows.length;
}

/** The paths through the strips that see enough of a line: its row in each. From strip to strip, a path goes up or down by `lean` rows at most. No two share a row. @param {Grid} score - A strip in each row  @param {number} lean @returns {number[][]} */
function paths(score, lean) {
  const { width: height } = score;
  let reached = Float64Array.from(rowOf(score, 0));
  const steps = Array.from({ length: STRIPS - 1 }, (_, before) => {
    const [here, next, step] = [rowOf(score, before + 1), new Float64Array(height), new Int32Array(height)];
    for (let row = 0; row < height; row++) {
      let best = -Infinity;
      for (let shift = -lean; shift <= lean; shift++) {
        const value = (reached[row + shift] ?? -Infinity) - 1e-3 * Math.abs(shift);
        if (value > best) [best, step[row]] = [value, shift];
      }
      next[row] = here[row] + best;
    }
    reached = next;
    return step;
  });
  const last = rowOf(score, STRIPS - 1);
  const ends = [...reached.keys()].filter((row) => reached[row] >= MIN_STRIPS && last[row] >= HIDDEN).sort((one, other) => reached[other] - reached[one]);
  const taken = new Set();
  return ends.map((end) => {
    const path = [end];
    for (let strip = STRIPS - 2; strip >= 0; strip--) path.unshift(path[0] + steps[strip][path[0]]);
    return path;
  }).filter((path) => {
    if (score.data[path[0]] < HIDDEN || path.some((row, strip) => taken.has(strip * height + row))) return false; // it goes from edge to edge
    path.forEach((row, strip) => { for (const near of [row - 1, row, row + 1]) if (near >= 0 && near < height) taken.add(strip * height + near); });
    return true;
  });
}

/** The row of a path in each column, or null if it is not straight where it is seen. @param {number[]} path  @param {Grid} thin  @param {number} least - Of what is seen  @param {number} thick  @param {number} length */
function straight(path, thin, least, thick, length) {
  const rows = path.map((row, strip) => row + offCentre(rowOf(thin, strip), row, thick >> 1));
  const middles = path.map((_, strip) => (strip + 0.5) / STRIPS);
  let good = path.map((row, strip) => thin.data[strip * thin.width + row] > least);
  /** @type {(at: number) => number} */ let curve;
  for (let time = 0; time < 2; time++) {
    const many = good.filter(Boolean).length;
    if (many < STRIPS / 2) return null;
    curve = parabola(middles.filter((_, strip) => good[strip]), rows.filter((_, strip) => good[strip]));
    const near = good.map((is, strip) => is && Math.abs(curve(middles[strip]) - rows[strip]) <= MAX_WAVER);
    if (near.filter(Boolean).length < 0.8 * many) return null;
    good = near;
  }
  const whole = Math.floor(length / STRIPS) * STRIPS;
  return Array.from({ length }, (_, column) => rint(curve((column + 0.5) / whole) + ASIDE));
}

/** How far the middle of a line lies from the row of its path: of the rows around it that are at least half as strong. @param {import("./grid.js").Numbers} thin  @param {number} row  @param {number} reach */
function offCentre(thin, row, reach) {
  const isNear = (/** @type {number} */ off) => Math.abs(off) <= reach && thin[within(row + off, thin.length)] >= thin[row] / 2;
  let [above, below] = [0, 0];
  while (isNear(above - 1)) above--;
  while (isNear(below + 1)) below++;
  return (above + below) / 2;
}

/** The parabola nearest to values at places in [0, 1]. @param {number[]} places  @param {number[]} values */
function parabola(places, values) {
  const x = places.map((place) => 2 * place - 1);
  const terms = leastSquares([x.map(() => 1), x, x.map((value) => value * value)], values);
  return (/** @type {number} */ place) => (terms[2] * (2 * place - 1) + terms[1]) * (2 * place - 1) + terms[0];
}

/** The line along these rows, or null if it is thicker than `thick`. @param {Grid} contrast  @param {number[]} rows  @param {number} thick @returns {Line | null} */
function line({ width: length, height, data }, rows, thick) {
  const profile = Float32Array.from({ length: 2 * thick + 1 }, (_, at) => median(Float32Array.from(rows, (middle, column) => {
    const row = middle + at - thick;
    return row >= 0 && row < height ? data[row * length + column] : 0;
  }))); // ink covers less than half of a line
  const near = profile.subarray(thick - 1, thick + 2);
  const middle = thick - 1 + near.indexOf(max(near));
  const faint = fround(fround(0.2) * profile[middle]);
  let [first, last] = [middle, middle];
  while (first > 0 && profile[first - 1] > faint) first--;
  while (last < profile.length - 1 && profile[last + 1] > faint) last++;
  if (profile[middle] <= 0 || last - first >= thick) return null;
  return { rows, profile: profile.map((value, at) => (at < first || at > last ? 0 : value)) };
}

/** The contrast without these lines. @param {Grid} contrast  @param {Line[]} across  @param {Line[]} down  @param {number} threshold */
function rest(contrast, across, down, threshold) {
  const limit = fround(threshold);
  const [level, upright] = [expected(contrast.width, contrast.height, across), expected(contrast.height, contrast.width, down).transposed()];
  const both = level.map((value, place) => (value && upright.data[place] ? Math.hypot(value, upright.data[place]) : value + upright.data[place]));
  const others = contrast.under(contrast.where((value, place) => !both.data[place] && value > limit));
  const ink = others.length ? median(others) : 0;
  const alone = contrast.where((value, place) => {
    const own = both.data[place];
    return own > 0 && value <= Math.min(Math.max(fround(own + ink) / 2, fround(DARKER[0] * own)), fround(DARKER[1] * own));
  });
  const strokes = contrast.where((value, place) => value > limit && !alone.data[place]);
  // Where a stroke no darker than the line crosses it, the line is kept from stroke to stroke
  const { width: length } = contrast;
  for (const one of across) cross(one, alone, strokes, contrast.height, (row, column) => row * length + column);
  for (const one of down) cross(one, alone, strokes, length, (row, column) => column * length + row);
  return contrast.map((value, place) => (alone.data[place] ? 0 : value));
}

/** The contrast of lines alone. It reaches one row further, as they may waver. @param {number} length  @param {number} height  @param {Line[]} found */
function expected(length, height, found) {
  const sheet = new Grid(length, height);
  for (const { rows, profile } of found) {
    const margin = maxima(new Grid(profile.length, 1, profile), 1, 0).data;
    profile.forEach((own, at) => {
      const value = Math.max(fround(margin[at] * MARGIN), own);
      if (!value) return;
      rows.forEach((middle, column) => {
        const row = middle + at - (profile.length >> 1);
        if (row >= 0 && row < height) sheet.data[row * length + column] = Math.max(sheet.data[row * length + column], value);
      });
    });
  }
  return sheet;
}

/** Mark as not `alone` the parts of a line that have ink right above or below. @param {Line} line  @param {Grid} alone  @param {Grid} ink  @param {number} height  @param {(row: number, column: number) => number} place - In the grids */
function cross(line, alone, ink, height, place) {
  const { rows, profile } = line;
  const half = profile.length >> 1;
  const first = profile.findIndex(Boolean) - half;
  const last = profile.findLastIndex(Boolean) - half;
  const beside = [first - 2, last + 2].map((off) => new Grid(rows.length, 1, Uint8Array.from(rows, (row, column) => (row + off >= 0 && row + off < height ? ink.data[place(row + off, column)] : 0))));
  const [above, below] = beside.map(({ data }) => data);
  const [aboveNear, belowNear] = beside.map((side) => maxima(side, thickness(line), 0).data); // strokes may slant
  rows.forEach((middle, column) => {
    if (!(above[column] && belowNear[column]) && !(aboveNear[column] && below[column])) return;
    for (let row = Math.max(middle + first - 1, 0); row <= Math.min(middle + last + 1, height - 1); row++) alone.data[place(row, column)] = 0;
  });
}

/** Those lines of one direction that are printed, and no strokes of what is written. A stroke of a digit, as the bar of a 7, meets another stroke at one end, where a picture is cut out tightly. A printed line leaves the picture at both ends alone. @param {Line[]} found  @param {Grid} left - The contrast without them  @param {number} threshold */
function printed(found, left, threshold) {
  const ink = left.where((value) => value > fround(threshold));
  const free = found.filter((one) => !meets(one, ink));
  if (free.length >= FAMILY) return 2 * free.length > found.length ? found : free;
  if (!free.length || !ink.count) return [];
  const isFainter = Math.max(...free.map(({ profile }) => max(profile))) < FAINT * quantile(left.under(ink), 0.9);
  const isThinner = Math.max(...free.map(thickness)) < THIN * width(ink);
  return isFainter || isThinner || !ink.sides().some((side) => max(side)) ? free : [];
}

/** Whether ink that is not the line's reaches one of its ends. @param {Line} line  @param {Grid} ink */
function meets(line, ink) {
  const [wide, near] = [Math.floor(line.rows.length / STRIPS), thickness(line) + 3];
  return [0, line.rows.length - wide].some((left) => {
    const rows = line.rows.slice(left, left + wide);
    const top = Math.max(min(rows) - near, 0);
    const part = ink.part(left, top, wide, Math.max(max(rows) + near + 1 - top, 0)).transposed();
    return Array.from({ length: wide }, (_, column) => max(rowOf(part, column))).filter((is) => is > 0).length > wide / 4;
  });
}

/** The contrast without boxes that are drawn around other ink. A box alone stays. Ink that touches its box stays where there is no other; if `touched`, wherever it does. @param {Grid} contrast  @param {number} threshold  @param {boolean} [touched] */
export function withoutBoxes(contrast, threshold, touched = false) {
  const components = label(contrast.where((value) => value > fround(threshold / 2)));
  const isInk = (/** @type {number} */ value) => value > fround(threshold);
  places(components).forEach(({ left, top, right, bottom }, index) => {
    const cut = (/** @type {Grid} */ grid) => grid.part(left, top, right - left, bottom - top);
    if (Math.min(right - left, bottom - top) < 2 * MIN_THICKNESS) return;
    const part = cut(components.labels).where((one) => one === index + 1);
    if (!isBox(part, [!top, bottom === contrast.height, !left, right === contrast.width])) return;
    const own = cut(contrast);
    const near = surrounded(part).data;
    let others = own.map((value, place) => (near[place] ? 0 : value));
    if (touched || !isMuch(others.where(isInk))) { // the digit touches its box
      const alone = own.map((value, place) => (part.data[place] ? value : 0));
      const [across, down] = [alone, alone.transposed()].map((each) => lines(each, threshold / 4, 2 * THICKNESS));
      const left = rest(own, across, down, threshold);
      if (!isMuch(others.where(isInk)) || isMuch(left.where((value, place) => isInk(value) && part.data[place]))) others = left;
    }
    if (!isMuch(others.where(isInk))) return;
    contrast = contrast.map(Number);
    for (let y = 0; y < others.height; y++) contrast.data.set(rowOf(others, y), (top + y) * contrast.width + left);
  });
  return contrast;
}

/** Whether a component has lines along three sides of its place, and along the fourth or there the edge of the picture. @param {Grid} part  @param {boolean[]} atEdge - Top, bottom, left, right */
function isBox(part, atEdge) {
  const { width: length, height } = part;
  if (mean(part.data) > 0.4) return false;
  const [down, across] = [Math.max(1, rint(SIDE * height)), Math.max(1, rint(SIDE * length))];
  const upright = part.transposed();
  const bands = [part.part(0, 0, length, down).transposed(), part.part(0, height - down, length, down).transposed(),
    upright.part(0, 0, height, across).transposed(), upright.part(0, length - across, height, across).transposed()];
  const lined = bands.map((band) => share(Array.from({ length: band.height }, (_, row) => max(rowOf(band, row))), (is) => is > 0) >= ALONG);
  return lined.filter(Boolean).length >= 3 && lined.every((is, side) => is || atEdge[side]) && !atEdge.every(Boolean);
}

/** Whether a stroke inside a box is more than a mark. @param {Grid} inside */
const isMuch = (inside) => Math.max(0, ...places(label(inside)).map(({ top, bottom }) => bottom - top)) >= MIN_INSIDE * inside.height;
