// @ts-check
// What the events of each run have reported. Each event is loaded once.

import { call } from "./dom.js";

/** @typedef {{ next: number, points: any[], epochs: any[], start: any, latest: any, end: any, stopped: boolean }} History */

/** @type {Map<string, History>} */ export const histories = new Map(); // by the run's name

export const runUrl = (/** @type {string} */ name) => `api/runs/${encodeURIComponent(name)}`;

/** Load the new events of a run into its history. Returns its state. @param {string} name */
export async function update(name) {
  const history = histories.get(name) ?? { next: 0, points: [], epochs: [], start: null, latest: null, end: null, stopped: false };
  histories.set(name, history);
  const state = await call(`${runUrl(name)}?after=${history.next}`);
  history.next = state.next;
  for (const event of state.events) addTo(history, event);
  return { ...state, history };
}

/** @param {History} history  @param {any} event */
function addTo(history, event) {
  if (event.event === "start") history.start = event;
  if (event.event === "progress") {
    history.points.push({ x: event.epoch - 1 + event.step / (history.start?.steps_per_epoch ?? 1), ...event });
    history.latest = event;
  }
  if (event.event === "epoch") history.epochs.push({ x: event.epoch, ...event });
  if (event.event === "end") history.end = event;
  history.stopped = event.event === "stopped";
}

/** The values of one key as a line. A step that was trained twice, after a crash, counts once: the later. @param {any[]} points  @param {string} key */
export function line(points, key) {
  const values = new Map(points.filter((point) => Number.isFinite(point[key])).map((point) => [point.x, point[key]]));
  const xs = [...values.keys()].sort((a, b) => a - b);
  return { xs, ys: xs.map((x) => values.get(x)) };
}
