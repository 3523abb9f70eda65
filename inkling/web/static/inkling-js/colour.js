// @ts-check
// Turns colours into brightness, so that ink differs most from its paper: inkling/ink/colour.py.

import { Grid } from "./grid.js";
import { principal } from "./leastsquares.js";
import { sum } from "./statistics.js";

const LUMA = [0.299, 0.587, 0.114].map(Math.fround); // of red, green, blue: ITU-R BT.601
const MIDDLE = 128; // grey level that stays as it is
const { fround } = Math;

/** @typedef {Grid[]} Planes - Of a picture: its grey, or its red, green and blue */

/** The brightness of a picture to an eye. @param {Planes} planes */
export const luma = (planes) => (planes.length === 1 ? planes[0].map(Number) : weighted(planes, LUMA, 0));

/** The brightness of a picture along the principal direction of the differences between neighbouring pixels; the largest ones decide. @param {Planes} planes */
export function brightness(planes) {
  if (planes.length === 1) return planes[0].map(Number);
  const matrix = [0, 0, 0].map(() => new Float64Array(3));
  const some = planes.map((plane) => plane.every(2));
  const [{ width, data }] = some;
  for (let place = 0; place < data.length; place++) {
    if (place >= width) addStep(matrix, some.map((plane) => plane.data[place] - plane.data[place - width]));
    if (place % width) addStep(matrix, some.map((plane) => plane.data[place] - plane.data[place - 1]));
  }
  const axis = [...principal(matrix)];
  const factor = (sum(axis) >= 0 ? 1 : -1) / Math.sqrt(3); // grey differences keep their size
  const weights = axis.map((weight) => fround(weight * factor));
  return weighted(planes, weights, fround(MIDDLE * fround(1 - fround(fround(weights[0] + weights[1]) + weights[2]))));
}

/** Add the products of a difference of colours, times its strength. @param {Float64Array[]} matrix  @param {number[]} step */
function addStep(matrix, step) {
  const strength = step.reduce((total, value) => total + value * value, 0);
  if (strength) step.forEach((one, row) => step.forEach((other, column) => { matrix[row][column] += strength * one * other; }));
}

/** @param {Planes} planes  @param {number[]} weights  @param {number} offset */
function weighted([red, green, blue], [r, g, b], offset) {
  return red.map((value, place) => fround(fround(fround(value * r) + fround(green.data[place] * g)) + fround(blue.data[place] * b)) + offset);
}
