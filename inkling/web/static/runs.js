// @ts-check
// A run as a row of the list: its state, its plan, how well it reads, and its curve.

import { inHue, svg } from "./chart.js";
import { make, setStatus } from "./dom.js";
import { percent } from "./format.js";

/** @typedef {import("../types.js").RunState & { accuracy: number | null, curve: number[] }} Listed - A run in the list */

const STATES = { running: "Running", stopping: "Stopping", ended: "Finished", stopped: "Stopped", failed: "Failed" };
const [SPARK_WIDTH, SPARK_HEIGHT] = [72, 24];

/** The kind of a run's state, for its chip. @param {import("../types.js").RunState} run */
export function kindOf({ state, died, said, stopping }) {
  if (state === "running") return stopping ? "stopping" : "running";
  return state === "ended" ? "ended" : died || said ? "failed" : "stopped";
}

/** Show a state in a chip. @param {HTMLElement} chip  @param {string} kind */
export function showKind(chip, kind) {
  setStatus(chip, STATES[kind], kind === "stopping" ? "stopped" : kind);
  return chip;
}

/** The validation accuracy of each epoch as a small line, or nothing of less than two. @param {number[]} curve */
function sparkline(curve) {
  if (curve.length < 2) return "";
  const [low, high] = [Math.min(...curve), Math.max(...curve)];
  const points = curve.map((value, i) => {
    const up = high > low ? (value - low) / (high - low) : 0.5;
    return `${(2 + (i / (curve.length - 1)) * (SPARK_WIDTH - 4)).toFixed(1)},${(SPARK_HEIGHT - 2 - up * (SPARK_HEIGHT - 4)).toFixed(1)}`;
  });
  const said = `Validation accuracy: ${percent(curve[0])} at first, ${percent(curve[curve.length - 1])} at last`;
  return svg("svg", { class: "spark", width: SPARK_WIDTH, height: SPARK_HEIGHT, role: "img", "aria-label": said },
    svg("polyline", { points: points.join(" ") }));
}

/** What a run was begun with, as text. @param {import("../types.js").RunState} run */
const planText = ({ recipe, dataset, seed }) => (recipe ? `${recipe} · ${dataset} · seed ${seed}` : "No plan yet");

/** A row. `place` is the run's place among those in the charts, or -1. @param {Listed} run  @param {{ isOpen: boolean, place: number, open: () => void, compare: (is: boolean) => void }} options */
export function row(run, { isOpen, place, open, compare }) {
  const { name, accuracy, curve } = run;
  const box = make("input", { type: "checkbox", checked: place >= 0, disabled: isOpen, ariaLabel: `Compare ${name}` });
  box.addEventListener("change", () => compare(box.checked));
  const button = make("button", { type: "button", className: "open", ariaPressed: String(isOpen), title: name },
    make("b", { textContent: name }), make("span", { className: "small soft", textContent: planText(run) }));
  button.addEventListener("click", open);
  const chip = showKind(make("span", { className: "chip" }), kindOf(run));
  const item = make("li", {}, make("label", { className: "pick", title: isOpen ? "The open run is in the charts" : "Compare" }, box), button, sparkline(curve),
    make("span", { className: "outcome" }, chip, ...(accuracy === null ? [] : [make("b", { textContent: percent(accuracy, 2), title: "Test accuracy" })])));
  if (place >= 0) inHue(place, item);
  item.dataset.run = name;
  return item;
}
