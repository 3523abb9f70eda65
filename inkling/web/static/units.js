// @ts-check
// What the networks of /learn are shown with: values as pictures, units to step through, a share for each class.

import { make } from "./dom.js";
import { percent } from "./format.js";

export const signed = (/** @type {number} */ value) => value.toFixed(2).replace("-", "−");

/** @typedef {(value: number, span: number) => [number, number, number]} Colour */
/** White at the span, black at 0. @type {Colour} */
export const grey = (value, span) => [255 * (value / span), 255 * (value / span), 255 * (value / span)];
/** Red above 0, blue below, white at 0. @type {Colour} */
export const tint = (value, span) => {
  const share = value / span;
  return [255 * Math.min(1 + share, 1), 255 * (1 - Math.abs(share)), 255 * Math.min(1 - share, 1)];
};

/** The largest distance from 0. @param {Float32Array | Float64Array} values */
export const spanOf = (values) => {
  let span = 1e-9;
  for (const value of values) span = Math.max(span, Math.abs(value));
  return span;
};

/** Paint values as pixels, `width` in a row. @param {HTMLCanvasElement} canvas  @param {Float32Array | Float64Array} values  @param {number} width  @param {Colour} colour  @param {number} [span] */
export function paint(canvas, values, width, colour, span = spanOf(values)) {
  const height = Math.ceil(values.length / width);
  Object.assign(canvas, { width, height });
  const picture = new ImageData(width, height);
  values.forEach((value, place) => picture.data.set([...colour(value, span), 255], 4 * place));
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

/** Units in a grid, each a button that is chosen under the pointer or by the arrow keys. @param {HTMLButtonElement[]} units  @param {string} className  @param {(unit: number) => void} choose */
export function group(units, className, choose) {
  units.forEach((button, unit) => {
    Object.assign(button, { type: "button", tabIndex: unit ? -1 : 0 });
    for (const event of ["pointerenter", "focus"]) button.addEventListener(event, () => choose(unit));
  });
  const list = make("div", { className }, ...units);
  list.setAttribute("role", "group");
  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const { direction, gridTemplateColumns } = getComputedStyle(list);
    const [right, across] = [direction === "rtl" ? -1 : 1, gridTemplateColumns.split(" ").length];
    const move = { ArrowLeft: -right, ArrowRight: right, ArrowUp: -across, ArrowDown: across }[event.key];
    const at = units.indexOf(/** @type {any} */ (document.activeElement));
    if (!move || at < 0) return;
    event.preventDefault();
    units[Math.min(Math.max(at + move, 0), units.length - 1)].focus();
  });
  return list;
}

/** The row of a class: its name, and room for its share. @param {string} kind - Of element  @param {string} name */
export const classRow = (kind, name) =>
  make(kind, {}, make("b", { textContent: name }), make("span", { className: "bar" }), make("span", { className: "share" }));

/** @param {HTMLElement} row  @param {number} share  @param {boolean} isBest */
export function showShare(row, share, isBest) {
  row.className = isBest ? "best" : "";
  row.style.setProperty("--value", String(share));
  row.querySelector(".share").textContent = percent(share, 1);
}
