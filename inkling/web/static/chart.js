// @ts-check
// Line charts as SVG, in the page's colours. A pointer or the arrow keys show the values at a place.

import { make } from "./dom.js";

const [HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [240, 56, 12, 8, 40]; // pixels: of the chart, and around its lines
const COLOURS = ["--accent", "--warn", "--third", "--fourth", "--fifth", "--sixth"];

/**
 * @typedef {object} Series
 * @property {string} label
 * @property {number[]} xs - Rising
 * @property {number[]} ys
 * @property {number} hue - The number of its colour
 * @property {boolean} [dashed]
 * @property {boolean} [points] - Whether a dot marks each value
 */
/** @typedef {{ x?: { range: [number, number] }, y?: { range: [number, number] } }} Scales - What the axes show, where it is not all */
/** @typedef {[HTMLElement, string, string, string, Series[], Scales]} Chart - What drawLines was given */

/** @type {Map<HTMLElement, Chart>} */ const charts = new Map();
/** @type {Map<HTMLElement, number>} */ const widths = new Map(); // they are drawn for
const observer = typeof ResizeObserver === "undefined" ? null : new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const chart = charts.get(/** @type {HTMLElement} */ (target));
    if (chart && target.clientWidth !== widths.get(chart[0])) drawLines(...chart);
  }
});

/** Remove a chart. @param {HTMLElement} element */
export function removeChart(element) {
  observer?.unobserve(element);
  charts.delete(element);
  element.replaceChildren();
}

/** Round values on an axis from `low` to `high`, about `count` of them. @param {number} low  @param {number} high  @param {number} count @returns {number[]} */
export function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((times) => times * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** The index of the value next to `x`. @param {number[]} xs - Rising  @param {number} x */
export function nearest(xs, x) {
  const after = xs.findIndex((value) => value >= x);
  if (after < 1) return after < 0 ? xs.length - 1 : 0;
  return x - xs[after - 1] < xs[after] - x ? after - 1 : after;
}

/** What an axis shows: the given range, or all values and a little around them. @param {number[]} values  @param {[number, number]} [range] @returns {[number, number]} */
function domain(values, range) {
  if (range) return range;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const around = (high - low) * 0.05 || Math.abs(high) * 0.1 || 1;
  return [low >= 0 ? Math.max(low - around, 0) : low - around, high + around];
}

const number = (/** @type {number} */ value) => value.toLocaleString("en", { maximumSignificantDigits: 4 });

/** An SVG element. @param {string} kind  @param {Record<string, string | number>} attributes  @param {...(Node | string)} children */
export function svg(kind, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** An element whose styles get the colour of a number. @param {number} hue  @param {any} element */
export function inHue(hue, element) {
  element.style.setProperty("--hue", `var(${COLOURS[hue % COLOURS.length]})`);
  return element;
}

/** Draw lines into an element, in place of its chart. @param {HTMLElement} element  @param {string} title  @param {string} xLabel  @param {string} yLabel  @param {Series[]} series  @param {Scales} [scales] */
export function drawLines(element, title, xLabel, yLabel, series, scales = {}) {
  const width = Math.max(element.clientWidth, 240);
  const [x0, x1] = domain(series.flatMap(({ xs }) => xs), scales.x?.range);
  const [y0, y1] = domain(series.flatMap(({ ys }) => ys), scales.y?.range);
  const across = (/** @type {number} */ x) => LEFT + ((x - x0) / (x1 - x0)) * (width - LEFT - RIGHT);
  const up = (/** @type {number} */ y) => HEIGHT - BOTTOM - ((y - y0) / (y1 - y0)) * (HEIGHT - TOP - BOTTOM);
  const said = series.map(({ label, ys }) => `${label} ${ys.length ? number(ys[ys.length - 1]) : "–"}`).join(", ");
  const picture = svg("svg", { width, height: HEIGHT, role: "img", tabindex: 0, "aria-label": `${title}: ${said}` },
    ...ticks(y0, y1, 5).flatMap((y) => [
      svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: up(y), y2: up(y) }),
      svg("text", { x: LEFT - 8, y: up(y) + 4, "text-anchor": "end" }, number(y))]),
    ...ticks(x0, x1, Math.min(width / 80, 8)).map((x) => svg("text", { x: across(x), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, number(x))),
    svg("text", { class: "axis", x: width - RIGHT, y: HEIGHT - 4, "text-anchor": "end" }, xLabel),
    ...series.map(({ xs, ys, hue, dashed, points }) => inHue(hue, svg("g", { class: "series" },
      svg("polyline", { points: xs.map((x, i) => `${across(x).toFixed(1)},${up(ys[i]).toFixed(1)}`).join(" "), ...(dashed && { "stroke-dasharray": "6 4" }) }),
      ...(points ? xs.map((x, i) => svg("circle", { cx: across(x), cy: up(ys[i]), r: 3 })) : [])))));
  const legend = make("ul", { className: "legend" }, ...series.map(({ label, hue, dashed }) =>
    inHue(hue, make("li", { textContent: label, className: dashed ? "dashed" : "" }))));
  const values = make("div", { className: "values", hidden: true });
  values.setAttribute("role", "status");
  element.classList.add("chart");
  element.replaceChildren(make("p", { className: "small" }, make("b", { textContent: title }), ` ${yLabel}`), picture, values, legend);
  showValues(picture, values, { series, across, xLabel, left: (x) => x0 + ((x - LEFT) / (width - LEFT - RIGHT)) * (x1 - x0) });
  charts.set(element, [element, title, xLabel, yLabel, series, scales]);
  widths.set(element, element.clientWidth);
  observer?.observe(element);
}

/** Show the values at the pointer, and step through them by the arrow keys. @param {SVGElement} picture  @param {HTMLElement} values  @param {{ series: Series[], across: (x: number) => number, xLabel: string, left: (pixel: number) => number }} chart */
function showValues(picture, values, { series, across, xLabel, left }) {
  const xs = [...new Set(series.flatMap((one) => one.xs))].sort((a, b) => a - b);
  const line = svg("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM, visibility: "hidden" });
  picture.append(line);
  let at = -1; // the index in xs
  const show = (/** @type {number} */ index) => {
    at = Math.min(Math.max(index, 0), xs.length - 1);
    const x = across(xs[at]);
    line.setAttribute("visibility", "visible");
    for (const end of ["x1", "x2"]) line.setAttribute(end, String(x));
    values.hidden = false;
    values.replaceChildren(make("b", { textContent: `${xLabel} ${number(xs[at])}` }), ...series.filter((one) => one.xs.length).map((one) =>
      inHue(one.hue, make("span", { textContent: `${one.label} ${number(one.ys[nearest(one.xs, xs[at])])}` }))));
    values.style.left = `${Math.min(x + 8, picture.clientWidth - values.offsetWidth)}px`;
  };
  const hide = () => {
    at = -1;
    line.setAttribute("visibility", "hidden");
    values.hidden = true;
  };
  picture.addEventListener("pointermove", (event) => show(nearest(xs, left(event.clientX - picture.getBoundingClientRect().left))));
  picture.addEventListener("pointerdown", (event) => show(nearest(xs, left(event.clientX - picture.getBoundingClientRect().left))));
  picture.addEventListener("pointerleave", hide);
  picture.addEventListener("blur", hide);
  picture.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(at < 0 ? xs.length - 1 : at + step);
  });
}
