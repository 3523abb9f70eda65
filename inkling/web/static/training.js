// @ts-check
// Training runs: start, watch, stop, resume, compare.

import { drawLines, removeChart } from "./chart.js";
import { call, canTrain, find, make, nameInAddress, reporting, say, setStatus } from "./dom.js";
import { capitalise, clock, count, percent, plural, short } from "./format.js";
import { histories, line, runUrl, update } from "./history.js";
import { kindOf, row, showKind } from "./runs.js";
import { toast } from "./shell.js";
import { State } from "./state.js";

/** @typedef {import("./runs.js").Listed} Listed */
/** @typedef {import("./history.js").History} History */
/** @typedef {{ name: string, about: string, dataset: string, epochs: number }} Recipe */

const POLL_MS = 1000;
const TILE = 48; // pixels of a digit of the sheet on the page
const form = find("start");

const page = new State({
  available: false, // whether this installation can train
  recipes: [],
  datasets: [], // names of those that are here
  runs: null, // the list, the newest first; null until it is loaded
  watched: null, // the name of the open run
});
/** @type {Set<string>} */ const compared = new Set(); // names of runs
let charted = ""; // what the charts show: the runs, and how many events of each
let listed = ""; // what the list shows
let logged = ""; // what the log shows

const post = (/** @type {string} */ path) => call(path, { method: "POST" });

// --- the list of runs

/** The names of the runs in the charts: the open one, then those it is compared with. */
const inCharts = () => [...new Set([page.get("watched"), ...compared])];

/** @param {Listed} run */
const rowOf = (run) => row(run, {
  isOpen: run.name === page.get("watched"),
  place: inCharts().indexOf(run.name),
  open: reporting(() => openRun(run.name)),
  compare: reporting(async (is) => {
    compared[is ? "add" : "delete"](run.name);
    await list();
    await showWatched();
  }),
});

/** Load the list, and open the newest run where none is. */
async function list() {
  /** @type {Listed[]} */ const runs = await call("api/runs");
  page.set("runs", runs);
  if (!page.get("watched") && runs.length) watch(runs[0].name, false);
  const now = JSON.stringify([runs, inCharts()]);
  if (now === listed) return;
  listed = now;
  const focused = /** @type {HTMLElement | null} */ (document.activeElement?.closest("#runs button, #runs input"));
  const inRow = focused && [/** @type {HTMLElement} */ (focused.closest("li")).dataset.run, focused.localName];
  find("runs").replaceChildren(...runs.map(rowOf));
  if (inRow) find("runs").querySelector(`[data-run="${CSS.escape(inRow[0] ?? "")}"] ${inRow[1]}`)?.focus();
}

page.watch("runs", (/** @type {Listed[] | null} */ runs) => {
  if (!runs) return;
  const isFirst = !find("training").dataset.state;
  find("training").dataset.state = runs.length ? "full" : "empty";
  find("empty").hidden = runs.length > 0;
  find("runs-part").hidden = !runs.length;
  find("runs-count").textContent = plural(runs.length, "run");
  find("start-button").classList.toggle("primary", runs.length > 0); // one primary button a page
  if (isFirst && !runs.length) find("new").open = true;
});

/** Draw the losses or accuracies of runs. Returns whether there are any. @param {"loss" | "accuracy"} kind  @param {string[]} names */
function showChart(kind, names) {
  const series = names.flatMap((name, hue) => {
    const { points, epochs } = /** @type {History} */ (histories.get(name));
    const training = line([...points, ...epochs], kind);
    const validation = line(epochs, `validation_${kind}`);
    return [
      { label: names.length > 1 ? `${name}, training` : "Training", ...training, hue, dashed: true },
      { label: names.length > 1 ? `${name}, validation` : "Validation", ...validation, hue, points: validation.xs.length < 30 },
    ];
  }).filter(({ xs }) => xs.length);
  if (series.length) drawLines(find(kind), capitalise(kind), "epoch", kind === "loss" ? "nats per image" : "share of images", series);
  else removeChart(find(kind));
  return series.length > 0;
}

// --- the open run

/** How far a run is: a text, and its state. @returns {[string, string]} */
function progress({ state, died, said, epochs, history }) {
  const { latest, end, stopped } = history;
  if (said) return [said.replace(/^inkling: /, ""), "error"];
  if (end) return [`Finished: ${percent(end.test.accuracy, 2)} of ${count(end.test.n)} test images read correctly, trained in ${end.train_seconds.toFixed(1)}\u00a0s.`, "ended"];
  if (!latest && state === "running") return ["Getting ready …", "preparing"];
  const epoch = latest ? `Epoch ${latest.epoch} of ${Math.ceil(epochs)}` : "No epoch reported";
  if (state !== "running" && stopped) return [`${epoch}: stopped and saved.`, "stopped"];
  if (state !== "running" && (latest || died)) return [`${epoch}: interrupted. Resume continues after the last saved epoch.`, "interrupted"];
  if (!latest) return ["No progress reported.", "stopped"];
  if (latest.seconds_left < 1 && history.epochs.length >= Math.ceil(epochs)) return ["Calibrating, exporting, checking, testing …", "finishing"];
  return [`${epoch}: ${count(Math.round(latest.images_per_second))} images/s, ${clock(latest.seconds_left)} left`, "training"];
}

/** Show how far a run is, in words and as a bar. @param {any} run */
function showProgress(run) {
  const [text, state] = progress(run);
  setStatus(find("progress"), text, state);
  const { points, latest } = run.history;
  find("bar").hidden = ["ended", "error"].includes(state);
  if (latest && state !== "finishing") find("bar").value = Math.min(points[points.length - 1].x / run.epochs, 1);
  else if (run.state === "running") find("bar").removeAttribute("value"); // it moves, and says nothing
  else find("bar").value = 0;
}

/** Show what a run has reached. @param {History} history */
function showFigures({ start, epochs, end }) {
  const last = epochs[epochs.length - 1];
  const share = (/** @type {number | undefined} */ value) => (value === undefined ? "–" : percent(value, 2));
  const figures = [
    ["Test accuracy", share(end?.test.accuracy)],
    ["Validation accuracy", share(last?.validation_accuracy)],
    ["Time in training", last ? clock(last.seconds) : "–"],
    ["Parameters", start ? short(start.parameters) : "–"],
  ];
  find("figures").hidden = !start;
  find("figures").replaceChildren(...figures.map(([name, value]) =>
    make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))));
}

/** Show how the network reads 25 images now, and the filters of its first layer. @param {string} name */
async function showSnapshot(name) {
  const snapshot = await call(`${runUrl(name)}/snapshot`);
  if (name !== page.get("watched")) return;
  find("sheet-part").hidden = !snapshot;
  if (!snapshot) return;
  const { step, labels, readings, confidences } = snapshot;
  find("sheet").replaceChildren(...readings.map((reading, index) => {
    const right = reading === labels[index];
    const tile = make("span", { className: "tile" });
    tile.style.backgroundImage = `url("${runUrl(name)}/sheet.png")`;
    tile.style.backgroundPosition = `${-TILE * (index % 5)}px ${-TILE * Math.floor(index / 5)}px`;
    return make("li", { className: right ? "right" : "wrong" }, tile,
      make("span", {}, make("b", { textContent: reading }), ` ${Math.min(Math.floor(100 * confidences[index]), 99)} %`),
      make("span", { className: "unseen", textContent: right ? "" : `, wrong: the label is ${labels[index]}` }));
  }));
  find("first-layer").src = `${runUrl(name)}/filters.png?${step}`; // the step makes the browser load it again
}
find("first-layer").addEventListener("load", () => { find("first-layer-part").hidden = false; });
find("first-layer").addEventListener("error", () => { find("first-layer-part").hidden = true; });

/** Show what can be done with a run. @param {any} run */
function showControls({ name, state, said, recipe, stopping }) {
  find("stop").hidden = state !== "running";
  find("stop").disabled = stopping;
  find("stop").textContent = stopping ? "Stopping …" : "Stop and save";
  find("resume").hidden = state !== "stopped" || Boolean(said && !recipe);
  find("resume").disabled = !page.get("available");
  find("report").hidden = state !== "ended";
  find("report").href = `models#${encodeURIComponent(`runs/${name}`)}`;
}

/** Show the end of the log of a process that died. @param {string[]} [log] */
function showLog(log = []) {
  find("log-part").hidden = !log.length;
  const text = log.join("\n");
  if (logged === text) return; // what is selected stays so
  logged = text;
  find("log").textContent = text;
  find("log").scrollTop = find("log").scrollHeight; // its last line says why
}

/** Load the histories of the runs that are compared. One whose folder was deleted is left out. @param {string} open */
async function updateCompared(open) {
  for (const name of [...compared].filter((other) => other !== open)) {
    try {
      await update(name);
    } catch (error) {
      if (error.offline) throw error;
      compared.delete(name);
    }
  }
}

async function showWatched() {
  const name = page.get("watched");
  if (!name) return;
  const run = await update(name);
  await updateCompared(name);
  if (name !== page.get("watched")) return;
  find("watched").hidden = false;
  find("watched-title").textContent = name;
  showKind(find("watched-state"), kindOf(run));
  showProgress(run);
  showControls(run);
  showLog(run.log);
  const names = inCharts().filter((each) => histories.has(each)); // one just chosen is loaded next time
  const now = JSON.stringify(names.map((each) => [each, histories.get(each)?.next]));
  if (now === charted) return;
  charted = now;
  showFigures(run.history);
  find("curves").hidden = false; // first: a chart is as wide as its place
  find("curves").hidden = !["loss", "accuracy"].map((kind) => showChart(/** @type {any} */ (kind), names)).some(Boolean);
  if (run.recipe) await showSnapshot(name);
}

/** Make a run the open one. @param {string} name  @param {boolean} [inAddress] */
function watch(name, inAddress = true) {
  page.set("watched", name);
  charted = "";
  if (inAddress) location.hash = encodeURIComponent(name);
  for (const id of ["sheet-part", "first-layer-part"]) find(id).hidden = true;
}

/** Open a run, and bring it into view where it lies below the list. @param {string} name */
async function openRun(name) {
  watch(name);
  await list();
  await showWatched();
  const { top } = find("watched").getBoundingClientRect();
  if (top > innerHeight / 2) find("watched").scrollIntoView({ behavior: "smooth" });
}
addEventListener("hashchange", reporting(async () => {
  if (location.hash && nameInAddress() !== page.get("watched")) await openRun(nameInAddress());
}));

// --- starting, stopping, resuming

/** Start a run, and open it. @param {{ recipe: string, dataset?: string | null, epochs?: number | null, seed?: number }} wanted */
async function begin(wanted) {
  const headers = { "Content-Type": "application/json" };
  const { name } = await call("api/runs", { method: "POST", headers, body: JSON.stringify(wanted) });
  say("");
  find("new").open = false;
  await openRun(name);
}

/** The recipe of the fewest epochs, of those whose data set is here if there are any. @returns {Recipe | undefined} */
function quickest() {
  const isHere = (/** @type {Recipe} */ { dataset }) => page.get("datasets").includes(dataset);
  return [...page.get("recipes")].sort((a, b) => Number(isHere(b)) - Number(isHere(a)) || a.epochs - b.epochs)[0];
}

form.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const { recipe, dataset, epochs, seed } = /** @type {Record<string, string>} */ (Object.fromEntries(new FormData(form)));
  reporting(begin)({ recipe, dataset: dataset || null, epochs: epochs ? Number(epochs) : null, seed: Number(seed) });
});
find("quick-start").addEventListener("click", reporting(() => begin({ recipe: quickest()?.name ?? "digits" })));
find("stop").addEventListener("click", reporting(async () => {
  const name = page.get("watched");
  showControls(await post(`${runUrl(name)}/stop`));
  toast("The run stops after this step and saves.");
}));
find("resume").addEventListener("click", reporting(async () => {
  await post(`${runUrl(page.get("watched"))}/resume`);
  say("");
  await showWatched();
}));
find("copy").addEventListener("click", async () => {
  const command = find("cannot-train").querySelector("code");
  getSelection()?.selectAllChildren(command);
  try {
    await navigator.clipboard.writeText(command.textContent);
    toast("The command is copied.");
  } catch { // the clipboard is for safe addresses alone
    toast("The command is selected: press Ctrl-C.");
  }
});

const describeRecipe = () => {
  const recipe = page.get("recipes").find(({ name }) => name === form.elements.recipe.value);
  if (!recipe) return;
  find("about").textContent = `${capitalise(recipe.about)}. It trains for ${recipe.epochs} epochs on ${recipe.dataset}.`;
  form.elements.epochs.placeholder = recipe.epochs;
};
form.addEventListener("change", describeRecipe);

page.watch("available", (available) => {
  for (const id of ["start-button", "resume", "quick-start"]) find(id).disabled = !available;
  for (const id of ["quick-start", "quick-about"]) find(id).hidden = !available;
});
page.watch("recipes", (/** @type {Recipe[]} */ recipes) => {
  const recipe = quickest();
  if (!recipe) return;
  form.elements.recipe.append(...recipes.map(({ name }) => make("option", { value: name, textContent: name })));
  form.elements.dataset.append(...page.get("datasets").map((name) => make("option", { value: name, textContent: name })));
  const first = page.get("datasets").includes(recipe.dataset) ? "" : ` ${recipe.dataset} is downloaded first.`;
  find("quick-about").textContent = `Recipe ${recipe.name}: ${recipe.about}. About half a minute in all.${first}`;
  describeRecipe();
});

let offline = false;
async function poll() {
  try {
    await list();
    await showWatched();
    if (offline) say("");
    offline = false;
  } catch (error) { // keep polling: the server may come back, and a run of a terminal goes on
    offline = Boolean(error.offline);
    say(error.message, "error");
    if (error.problem && !page.get("runs")?.some(({ name }) => name === page.get("watched"))) { // its folder was deleted
      page.set("watched", null);
      find("watched").hidden = true;
    }
  }
  setTimeout(poll, POLL_MS);
}

if (location.hash) watch(nameInAddress());
reporting(async () => {
  const available = await canTrain(find("cannot-train"));
  find("cannot-part").hidden = available;
  page.set("available", available);
  page.set("datasets", [...new Set(await call("api/data"))]);
  page.set("recipes", await call("api/recipes"));
})();
poll();
