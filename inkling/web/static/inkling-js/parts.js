// @ts-check
// Tells the parts of a digit from other ink beside it, by size and place: inkling/ink/parts.py.

import { label, placeOf, places } from "./components.js";
import { Grid } from "./grid.js";
import { distances } from "./morphology.js";
import { mean } from "./statistics.js";

const SMALL = 0.35; // of the largest part; a digit's parts that are smaller lie near it
const FAR = 0.4; // of the largest part, between two boxes
const APART = 0.08; // of the largest part; a word's letters are further away from a digit
const CELL = 4; // pixels
const WORD = 3; // small parts apart from a digit are letters
const FLAT = 3; // times as wide as high
const CUT = 0.7; // a part at the edge is the digit's only if this share of it is taller than others
const WHOLE = 0.9; // of a side of the picture
const BLOB = 0.25; // of its length, of the thickness of what is no stroke

/** The width of the strokes in pixels: four times the mean distance of ink from paper. @param {Grid} mask */
export function width(mask) {
  const { left, top, right, bottom } = placeOf(mask);
  const inside = distances(mask.part(left - 1, top - 1, right - left + 2, bottom - top + 2));
  return 4 * (mean(inside.data.filter((distance) => distance > 0)) - 0.5);
}

/** The ink of the one digit in a mask, without what lies beside it. @param {Grid} mask */
export function ofDigit(mask) {
  const components = label(mask);
  if (components.count < 2) return mask;
  const boxes = places(components);
  const high = boxes.map(({ top, bottom }) => bottom - top);
  const wide = boxes.map(({ left, right }) => right - left);
  const size = boxes.map((_, part) => Math.max(high[part], wide[part]));
  const atEdge = boxes.map(({ left, top, right, bottom }) => !left || !top || right === mask.width || bottom === mask.height);
  let surrounds = surroundings(components.labels, size);
  if (surrounds.every(Boolean)) surrounds = surrounds.map(() => false);
  const tallness = high.map((one, part) => (surrounds[part] ? 0 : one * (atEdge[part] ? CUT : 1)));
  const main = tallness.indexOf(Math.max(...tallness));
  const gap = gaps(components.labels, components.count, main).map((distance) => distance / size[main]);
  const small = size.map((one) => one < SMALL * size[main]);
  const letters = small.map((is, part) => is && gap[part] > APART);
  const isWord = letters.filter(Boolean).length >= WORD;
  const isOther = boxes.map(({ top }, part) => {
    const isUnderline = wide[part] > FLAT * high[part] && gap[part] > APART && top >= boxes[main].bottom;
    return part !== main && (surrounds[part] || isUnderline || (gap[part] > FAR && (small[part] || atEdge[part])) || (isWord && letters[part]));
  });
  return components.labels.where((one) => one && !isOther[one - 1]);
}

/** How far each part lies from the main one, in pixels, to within CELL. @param {Grid} labels  @param {number} count  @param {number} main */
function gaps(labels, count, main) {
  const [wide, high] = [Math.ceil(labels.width / CELL), Math.ceil(labels.height / CELL)];
  const away = new Grid(wide, high, new Uint8Array(wide * high).fill(1));
  const cell = (/** @type {number} */ place) => Math.floor(Math.floor(place / labels.width) / CELL) * wide + Math.floor((place % labels.width) / CELL);
  labels.data.forEach((one, place) => { if (one === main + 1) away.data[cell(place)] = 0; });
  const distance = distances(away).data;
  const found = Array(count).fill(Infinity);
  labels.data.forEach((one, place) => { if (one) found[one - 1] = Math.min(found[one - 1], CELL * distance[cell(place)]); });
  return found;
}

/** Which parts at the edge are no writing, but a table, a finger or a shadow: no strokes, or along a whole side of the picture. @param {Grid} labels  @param {number[]} size */
function surroundings(labels, size) {
  const longest = size.map(() => 0); // share of a side
  for (const side of labels.sides()) {
    const counts = size.map(() => 0);
    side.forEach((/** @type {number} */ one) => { if (one) counts[one - 1]++; });
    counts.forEach((count, part) => { longest[part] = Math.max(longest[part], count / side.length); });
  }
  return longest.map((most, part) => most > WHOLE || (most > 0 && width(labels.where((one) => one === part + 1)) > BLOB * size[part]));
}
