// @ts-check
// Line charts by uPlot in the page's colours. Their aria-label gives the last values.

import { make } from "./dom.js";

const COLOURS = ["--accent", "--warn", "--third", "--fourth", "--fifth", "--sixth"];
const uPlot = () => /** @type {any} */ (globalThis).uPlot; // the vendored script defines it
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const worded = (value) => value?.toLocaleString("en", { maximumSignificantDigits: 4 }) ?? "–";

/** @typedef {{ label: string, xs: number[], ys: number[], hue: number, dashed?: boolean, points?: boolean }} Series */

/** @type {Map<HTMLElement, { chart: any, redraw: () => void }>} */
const charts = new Map();
const redrawAll = () => { for (const { redraw } of [...charts.values()]) redraw(); };
addEventListener("resize", redrawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);

/** Remove a chart. Without this call, uPlot keeps it in memory. @param {HTMLElement} element */
export function removeChart(element) {
  charts.get(element)?.chart.destroy();
  charts.delete(element);
}

/** Where series `i` has a value, next to index `at`. @param {any} chart  @param {number} i  @param {number} at */
function nearest(chart, i, at) {
  const ys = chart.data[i];
  for (let away = 0; away < ys.length; away += 1) {
    for (const index of [at - away, at + away]) if (Number.isFinite(ys[index])) return index;
  }
  return at;
}

/** Shows the values of the nearest points beside the cursor or tap. */
function tooltip() {
  const element = make("div", { className: "panel tooltip", hidden: true, ariaHidden: "true" });
  Object.assign(element.style, { position: "absolute", top: "8px", gap: 0, padding: "4px 8px", fontSize: "var(--small)", whiteSpace: "nowrap", pointerEvents: "none" });
  const follow = (chart) => {
    const { left, idx } = chart.cursor;
    element.hidden = left < 0 || !Number.isInteger(idx);
    if (element.hidden) return;
    element.replaceChildren(make("b", { textContent: `${chart.series[0].label} ${worded(chart.data[0][idx])}` }),
      ...chart.series.slice(1).map(({ label }, i) =>
        make("span", { textContent: `${label} ${worded(chart.data[i + 1][nearest(chart, i + 1, idx)])}` })));
    const beside = left + 12 + element.offsetWidth > chart.over.clientWidth ? left - 12 - element.offsetWidth : left + 12;
    element.style.left = `${Math.max(beside, 0)}px`;
  };
  return { hooks: { init: (chart) => chart.over.append(element), setCursor: follow } };
}

/** Draw lines into an element, in place of its chart. @param {HTMLElement} element  @param {string} title  @param {string} xLabel  @param {string} yLabel  @param {Series[]} series  @param {{ x?: any, y?: any }} [scales] */
export function drawLines(element, title, xLabel, yLabel, series, scales = {}) {
  removeChart(element);
  const data = uPlot().join(series.map(({ xs, ys }) => [xs, ys]));
  const axis = (label, size) => ({
    label, size, labelSize: 22, stroke: colour("--soft"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") },
  });
  const chart = new (uPlot())({
    title,
    width: Math.max(element.clientWidth, 240),
    height: 260,
    plugins: [tooltip()],
    scales: { x: { time: false, ...scales.x }, y: { ...scales.y } },
    axes: [axis(xLabel, 40), axis(yLabel, 60)],
    cursor: { drag: { x: false, y: false }, dataIdx: nearest },
    series: [{ label: xLabel }, ...series.map(({ label, dashed, hue, points }) => ({
      label, stroke: colour(COLOURS[hue % COLOURS.length]), width: 2, spanGaps: true,
      dash: dashed ? [6, 4] : undefined, points: { show: points ?? false, size: 7 },
      value: (_, value) => worded(value),
    }))],
  }, data);
  element.replaceChildren(chart.root);
  charts.set(element, { chart, redraw: () => drawLines(element, title, xLabel, yLabel, series, scales) });
  const last = series.map(({ label, ys }) => `${label} ${worded(ys.at(-1))}`);
  chart.root.setAttribute("role", "img");
  chart.root.setAttribute("aria-label", `${title}: ${last.join(", ")}`);
}
