// Training runs: start, watch, stop, resume, compare.

import { drawLines, removeChart } from "./chart.js";
import { call, canTrain, find, make, nameInAddress, reporting, say, setStatus } from "./dom.js";
import { capitalise, percent } from "./format.js";
import "./shell.js";

const POLL_MS = 1000;
const TILE = 56; // pixels of a digit of the sheet on the page
let recipes = [];
let available = false; // whether this installation can train
let watched = null; // the name of a run
let charted = ""; // what the charts show: the runs, and how many events of each
let listed = ""; // what the table shows
const compared = new Set(); // names of runs
const histories = new Map(); // run name -> what its events have reported

const runUrl = (name) => `api/runs/${encodeURIComponent(name)}`;

/** Load the new events of a run into its history. Returns its state. */
async function update(name) {
  const history = histories.get(name) ?? { next: 0, points: [], epochs: [], steps: 1, latest: null };
  histories.set(name, history);
  const state = await call(`${runUrl(name)}?after=${history.next}`);
  history.next = state.next;
  for (const event of state.events) {
    if (event.event === "start") history.steps = event.steps_per_epoch;
    if (event.event === "progress") {
      history.points.push({ x: event.epoch - 1 + event.step / history.steps, ...event });
      history.latest = event;
    }
    if (event.event === "epoch") history.epochs.push({ x: event.epoch, ...event });
    if (event.event === "end") history.end = event;
    history.stopped = event.event === "stopped";
  }
  return { ...state, history };
}

/** The values of one key as a line. A step that was trained twice, after a crash, counts once: the later. */
function line(points, key) {
  const values = new Map(points.filter((point) => Number.isFinite(point[key])).map((point) => [point.x, point[key]]));
  const xs = [...values.keys()].sort((a, b) => a - b);
  return { xs, ys: xs.map((x) => values.get(x)) };
}

function showChart(kind, names) {
  const series = names.flatMap((name, hue) => {
    const { points, epochs } = histories.get(name);
    const training = line([...points, ...epochs], kind);
    const validation = line(epochs, `validation_${kind}`);
    return [
      { label: `${name}, training`, ...training, hue, dashed: true },
      { label: `${name}, validation`, ...validation, hue, points: validation.xs.length < 30 },
    ];
  }).filter(({ xs }) => xs.length);
  if (series.length) return drawLines(find(kind), kind === "loss" ? "Loss" : "Accuracy", "epoch", kind, series);
  removeChart(find(kind));
  find(kind).replaceChildren();
}

/** How far a run is: a text, and its state. */
function progress({ state, said, epochs, history }) {
  const { latest, end, stopped } = history;
  if (said) return [said.replace(/^inkling: /, ""), "error"];
  if (end) {
    const accuracy = `${percent(end.test.accuracy, 2)} of ${end.test.n.toLocaleString("en")} test images read correctly`;
    return [`Finished: ${accuracy}, trained in ${end.train_seconds.toFixed(1)} s.`, "ended"];
  }
  if (!latest) return state === "running" ? ["Getting ready …", "preparing"] : ["No progress reported.", "stopped"];
  const epoch = `Epoch ${latest.epoch} of ${Math.ceil(epochs)}`;
  if (state !== "running" && stopped) return [`${epoch}: stopped and saved.`, "stopped"];
  if (state !== "running") return [`${epoch}: interrupted. Resume continues after the last saved epoch.`, "interrupted"];
  const left = Math.round(latest.seconds_left);
  if (left < 1 && history.epochs.length >= Math.ceil(epochs)) return ["Calibrating, exporting, checking, testing …", "finishing"];
  const [minutes, seconds] = [Math.floor(left / 60), String(left % 60).padStart(2, "0")];
  return [`${epoch}: ${Math.round(latest.images_per_second).toLocaleString("en")} images/s, ${minutes}:${seconds} left`, "training"];
}

/** Show how the network reads 25 images now, and the filters of its first layer. */
async function showSnapshot(name) {
  const snapshot = await call(`${runUrl(name)}/snapshot`);
  find("sheet-part").hidden = !snapshot;
  if (!snapshot) return;
  const { step, labels, readings, confidences } = snapshot;
  find("sheet").replaceChildren(...readings.map((reading, index) => {
    const right = reading === labels[index];
    const tile = make("span", { className: "tile" });
    tile.style.backgroundImage = `url("${runUrl(name)}/sheet.png")`;
    tile.style.backgroundPosition = `${-TILE * (index % 5)}px ${-TILE * Math.floor(index / 5)}px`;
    return make("li", { className: right ? "right" : "wrong" }, tile,
      make("span", { textContent: `${reading} ${Math.min(Math.floor(100 * confidences[index]), 99)} %` }),
      make("span", { className: "unseen", textContent: right ? "" : `, wrong: the label is ${labels[index]}` }));
  }));
  find("first-layer").src = `${runUrl(name)}/filters.png?${step}`; // the step makes the browser load it again
}
find("first-layer").addEventListener("load", () => { find("first-layer-part").hidden = false; });
find("first-layer").addEventListener("error", () => { find("first-layer-part").hidden = true; });

function showStopping(is) {
  find("stop").disabled = is;
  find("stop").textContent = is ? "Stopping …" : "Stop and save";
}

async function showWatched() {
  if (!watched) return;
  const name = watched;
  const run = await update(name);
  for (const other of [...compared]) {
    if (other === name) continue;
    try {
      await update(other);
    } catch (error) { // its folder may be deleted
      if (error.offline) throw error;
      compared.delete(other);
    }
  }
  if (name !== watched) return;
  find("watched").hidden = false;
  find("watched-title").textContent = name;
  setStatus(find("progress"), ...progress(run));
  find("stop").hidden = run.state !== "running";
  showStopping(run.stopping);
  find("resume").hidden = run.state !== "stopped" || Boolean(run.said && !run.recipe);
  find("resume").disabled = !available;
  find("report").hidden = run.state !== "ended";
  find("report").href = `models#${encodeURIComponent(`runs/${name}`)}`;
  const names = [name, ...[...compared].filter((other) => other !== name)];
  const now = JSON.stringify(names.map((each) => [each, histories.get(each).next]));
  if (now === charted) return;
  charted = now;
  showChart("loss", names);
  showChart("accuracy", names);
  if (run.recipe) await showSnapshot(name);
}

function watch(name) {
  watched = name;
  charted = "";
  location.hash = encodeURIComponent(name);
  for (const id of ["sheet-part", "first-layer-part"]) find(id).hidden = true;
}

function row({ name, state, dataset, seed }) {
  const box = make("input", { type: "checkbox", checked: compared.has(name), ariaLabel: `Compare ${name}` });
  box.addEventListener("change", reporting(async () => {
    compared[box.checked ? "add" : "delete"](name);
    if (!watched) watch(name);
    await showWatched();
  }));
  const open = make("button", { type: "button", textContent: name, ariaLabel: `Watch ${name}`, ariaPressed: String(name === watched) });
  open.addEventListener("click", reporting(async () => { watch(name); await list(); await showWatched(); }));
  return make("tr", {}, make("td", {}, make("label", { className: "touch" }, box)), make("td", {}, open),
    ...[state, dataset ?? "–", String(seed ?? "–")].map((text) => make("td", { textContent: text })));
}

async function list() {
  const runs = await call("api/runs");
  const now = JSON.stringify([runs, watched]);
  if (now === listed) return;
  listed = now;
  const focused = document.activeElement?.closest("#runs button, #runs input")?.ariaLabel;
  find("runs-part").hidden = !runs.length;
  find("runs").tBodies[0].replaceChildren(...runs.map(row));
  if (focused) [...find("runs").querySelectorAll("button, input")].find((each) => each.ariaLabel === focused)?.focus();
}

find("start").addEventListener("submit", (event) => {
  event.preventDefault();
  reporting(async () => {
    const { recipe, dataset, epochs, seed } = Object.fromEntries(new FormData(event.target));
    const wanted = { recipe, dataset: dataset || null, epochs: epochs ? Number(epochs) : null, seed: Number(seed) };
    const headers = { "Content-Type": "application/json" };
    const { name } = await call("api/runs", { method: "POST", headers, body: JSON.stringify(wanted) });
    say("");
    watch(name);
    await showWatched();
  })();
});
find("stop").addEventListener("click", reporting(async () => {
  await call(`${runUrl(watched)}/stop`, { method: "POST" });
  showStopping(true);
  say("The run stops after this step and saves.");
}));
find("resume").addEventListener("click", reporting(async () => {
  await call(`${runUrl(watched)}/resume`, { method: "POST" });
  say("");
}));

const describeRecipe = () => {
  const recipe = recipes.find(({ name }) => name === find("start").elements.recipe.value);
  find("about").textContent = recipe
    ? `${capitalise(recipe.about)}. By default, it trains for ${recipe.epochs} epochs on ${recipe.dataset}.` : "";
};
find("start").addEventListener("change", describeRecipe);

let offline = false;
async function poll() {
  try {
    await list();
    await showWatched();
    if (offline) say("");
    offline = false;
  } catch (error) { // keep polling: the server may come back, and a run of a terminal goes on
    offline = true;
    say(error.message, "error");
  }
  setTimeout(poll, POLL_MS);
}

reporting(async () => {
  available = await canTrain(find("cannot-train"));
  find("start-button").disabled = find("resume").disabled = !available;
  recipes = await call("api/recipes");
  find("start").elements.recipe.append(...recipes.map(({ name }) => make("option", { value: name, textContent: name })));
  const datasets = [...new Set(await call("api/data"))];
  find("start").elements.dataset.append(...datasets.map((name) => make("option", { value: name, textContent: name })));
  describeRecipe();
  if (location.hash) watch(nameInAddress());
})();
poll();
