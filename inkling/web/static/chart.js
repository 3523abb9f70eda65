// Line charts by uPlot in the page's colours. Their aria-label gives the last values as text.

const COLOURS = ["--accent", "--warn", "--third", "--fourth", "--fifth", "--sixth"];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const charts = new Map(); // element -> { chart, redraw }
const redrawAll = () => { for (const { redraw } of [...charts.values()]) redraw(); };
addEventListener("resize", redrawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);

/** Remove a chart. Without this call, uPlot keeps it in memory. */
export function removeChart(element) {
  charts.get(element)?.chart.destroy();
  charts.delete(element);
}

/** Draw series `{label, xs, ys, hue, dashed, points}` into an element, in place of its chart. */
export function drawLines(element, title, xLabel, yLabel, series, scales = {}) {
  removeChart(element);
  const data = uPlot.join(series.map(({ xs, ys }) => [xs, ys])); // uPlot is a global of the vendored script
  const axis = (label, size) => ({
    label, size, labelSize: 22, stroke: colour("--soft"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") },
  });
  const chart = new uPlot({
    title,
    width: Math.max(element.clientWidth, 240),
    height: 260,
    scales: { x: { time: false, ...scales.x }, y: { ...scales.y } },
    axes: [axis(xLabel, 40), axis(yLabel, 60)],
    cursor: { drag: { x: false, y: false } },
    series: [{ label: xLabel }, ...series.map(({ label, dashed, hue, points }) => ({
      label, stroke: colour(COLOURS[hue % COLOURS.length]), width: 2, spanGaps: true,
      dash: dashed ? [6, 4] : undefined, points: { show: points ?? false, size: 7 },
      value: (_, value) => (value === null || value === undefined ? "–" : value.toPrecision(4)),
    }))],
  }, data);
  element.replaceChildren(chart.root);
  charts.set(element, { chart, redraw: () => drawLines(element, title, xLabel, yLabel, series, scales) });
  const last = series.map(({ label, ys }) => `${label} ${ys.at(-1)?.toPrecision(3) ?? ""}`);
  chart.root.setAttribute("role", "img");
  chart.root.setAttribute("aria-label", `${title}: ${last.join(", ")}`);
}
