// Charts by uPlot, in the page's colours; what a chart shows is also said in words.

const COLOURS = ["--accent", "--warn", "--third", "--fourth", "--fifth", "--sixth"];
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const drawn = new Map(); // by element: its chart, and what draws it anew
const again = () => { for (const { draw } of [...drawn.values()]) draw(); };
addEventListener("resize", again);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);

/** Take a chart away: uPlot itself holds on to each until then. */
export function forget(element) {
  drawn.get(element)?.chart.destroy();
  drawn.delete(element);
}

/** Draw lines `{label, xs, ys, dashed, colour}` into an element, anew each time. */
export function lines(element, title, across, up, series, options = {}) {
  forget(element);
  const data = uPlot.join(series.map(({ xs, ys }) => [xs, ys])); // global, of the vendored file
  const axis = (label) => ({
    label, stroke: colour("--soft"), grid: { stroke: colour("--line") }, ticks: { stroke: colour("--line") },
    labelSize: 22, size: label === up ? 60 : 40,
  });
  const chart = new uPlot({
    title,
    width: Math.max(element.clientWidth, 240),
    height: 260,
    scales: { x: { time: false, ...options.x }, y: { ...options.y } },
    axes: [axis(across), axis(up)],
    cursor: { drag: { x: false, y: false } },
    series: [{ label: across }, ...series.map(({ label, dashed, hue, points }) => ({
      label, stroke: colour(COLOURS[hue % COLOURS.length]), width: 2, spanGaps: true,
      dash: dashed ? [6, 4] : undefined, points: { show: points ?? false, size: 7 },
      value: (_, value) => (value === null || value === undefined ? "–" : value.toPrecision(4)),
    }))],
  }, data);
  element.replaceChildren(chart.root);
  drawn.set(element, { chart, draw: () => lines(element, title, across, up, series, options) });
  chart.root.setAttribute("role", "img");
  chart.root.setAttribute("aria-label", `${title}: ${series.map(({ label, ys }) => `${label} ${ys.at(-1)?.toPrecision(3) ?? ""}`).join(", ")}`);
}
