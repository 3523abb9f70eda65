// Trainings: started, watched as they learn, stopped, taken up again, compared.

import { forget, lines } from "./chart.js";
import { call, find, make, percent, say, telling } from "./dom.js";

const EVERY = 1000; // milliseconds
const SIDE = 56; // pixels of a digit of the sheet, as shown
let recipes = [];
let watched = null; // the name of a run
let charted = ""; // what the charts show: runs, and how many events of each
let listed = ""; // the runs as they were last listed
const compared = new Set(); // names of others
const courses = new Map(); // by run: what its events have come to

/** What is known of a run, brought up to date. */
async function follow(name) {
  const course = courses.get(name) ?? { next: 0, points: [], epochs: [], steps: 1, latest: null };
  courses.set(name, course);
  const state = await call(`/api/runs/${encodeURIComponent(name)}?after=${course.next}`);
  course.next = state.next;
  for (const event of state.events) {
    if (event.event === "start") course.steps = event.steps_per_epoch;
    if (event.event === "progress") {
      course.points.push({ at: event.epoch - 1 + event.step / course.steps, ...event });
      course.latest = event;
    }
    if (event.event === "epoch") course.epochs.push(event);
    if (event.event === "end") course.end = event;
    course.stopped = event.event === "stopped";
  }
  return { ...state, course };
}

function ordered(points) { // by epoch, each place once: what was trained anew counts
  const at = new Map(points.map((point) => [point.x, point.y]));
  const xs = [...at.keys()].sort((a, b) => a - b);
  return { xs, ys: xs.map((x) => at.get(x)) };
}

function chart(kind, names) {
  const series = names.flatMap((name, hue) => {
    const { points, epochs } = courses.get(name);
    const training = ordered([...points.map((p) => ({ x: p.at, y: p[kind] })), ...epochs.map((e) => ({ x: e.epoch, y: e[kind] }))]);
    const validation = ordered(epochs.filter((e) => `validation_${kind}` in e).map((e) => ({ x: e.epoch, y: e[`validation_${kind}`] })));
    return [
      { label: `${name}, training, as augmented`, ...training, hue, dashed: true },
      ...(validation.xs.length ? [{ label: `${name}, validation`, ...validation, hue, points: validation.xs.length < 30 }] : []),
    ];
  }).filter(({ xs }) => xs.length);
  if (series.length) return lines(find(kind), kind === "loss" ? "Loss" : "Accuracy", "epoch", kind, series);
  forget(find(kind));
  find(kind).replaceChildren();
}

function progress({ state, said, epochs, course }) {
  const { latest, end } = course;
  if (said) return said.replace(/^inkling: /, "");
  if (end) return `It has ended: ${percent(end.test.accuracy, 2)} of ${end.test.n.toLocaleString("en")} test images, trained in ${end.train_seconds.toFixed(1)} s.`;
  if (!latest) return state === "running" ? "Getting ready …" : "It has reported nothing yet.";
  const of = `Epoch ${latest.epoch} of ${Math.ceil(epochs)}`;
  if (state !== "running") return course.stopped ? `${of}, stopped and saved.` : `${of}: it broke off; it goes on from the last epoch that was saved.`;
  const left = Math.round(latest.seconds_left);
  if (left < 1 && course.epochs.length >= Math.ceil(epochs)) return "Calibrating, exporting, checking, testing …";
  const [minutes, seconds] = [Math.floor(left / 60), String(left % 60).padStart(2, "0")];
  return `${of}: ${Math.round(latest.images_per_second).toLocaleString("en")} images/s, ${minutes}:${seconds} left`;
}

async function showLook(name) {
  const of = `/api/runs/${encodeURIComponent(name)}`;
  const look = await call(`${of}/look`);
  find("sheet-part").hidden = !look;
  if (!look) return;
  find("sheet").replaceChildren(...look.readings.map((reading, index) => {
    const right = reading === look.labels[index];
    const tile = make("span", { className: "tile" });
    tile.style.backgroundImage = `url("${of}/sheet.png")`;
    tile.style.backgroundPosition = `${-SIDE * (index % 5)}px ${-SIDE * Math.floor(index / 5)}px`;
    return make("li", { className: right ? "right" : "wrong" }, tile,
      make("span", { textContent: `${reading} ${Math.min(Math.floor(100 * look.confidences[index]), 99)} %` }),
      make("span", { className: "unseen", textContent: right ? "" : `, but it is ${look.labels[index]}` }));
  }));
  find("kernels").src = `${of}/filters.png?${look.step}`;
}
find("kernels").addEventListener("load", () => { find("kernels-part").hidden = false; });
find("kernels").addEventListener("error", () => { find("kernels-part").hidden = true; });

async function showWatched() {
  if (!watched) return;
  const name = watched;
  const run = await follow(name);
  for (const other of [...compared]) {
    if (other === name) continue;
    try {
      await follow(other);
    } catch (error) { // its folder may be gone
      if (error.lost) throw error;
      compared.delete(other);
    }
  }
  if (name !== watched) return;
  find("watched").hidden = false;
  find("watched-title").textContent = name;
  find("progress").textContent = progress(run);
  find("stop").hidden = run.state !== "running";
  find("resume").hidden = run.state !== "stopped" || Boolean(run.said && !run.recipe);
  find("report").hidden = run.state !== "ended";
  find("report").href = `/models#${encodeURIComponent(`runs/${name}`)}`;
  const names = [name, ...[...compared].filter((other) => other !== name)];
  const now = JSON.stringify(names.map((each) => [each, courses.get(each).next]));
  if (now === charted) return;
  charted = now;
  chart("loss", names);
  chart("accuracy", names);
  if (run.recipe) await showLook(name);
}

function watch(name) {
  watched = name;
  charted = "";
  location.hash = encodeURIComponent(name);
  for (const id of ["sheet-part", "kernels-part"]) find(id).hidden = true;
}

async function list() {
  const runs = await call("/api/runs");
  const now = JSON.stringify([runs, watched]);
  if (now === listed) return;
  listed = now;
  const focused = document.activeElement?.closest("#runs button, #runs input")?.ariaLabel;
  find("runs-part").hidden = !runs.length;
  find("runs").tBodies[0].replaceChildren(...runs.map(({ name, state, dataset, seed }) => {
    const box = make("input", { type: "checkbox", checked: compared.has(name), ariaLabel: `Compare ${name}` });
    box.addEventListener("change", telling(async () => {
      compared[box.checked ? "add" : "delete"](name);
      if (!watched) watch(name);
      await showWatched();
    }));
    const open = make("button", { type: "button", textContent: name, ariaLabel: `Watch ${name}`, ariaPressed: String(name === watched) });
    open.addEventListener("click", telling(async () => { watch(name); await list(); await showWatched(); }));
    return make("tr", {}, make("td", {}, make("label", { className: "touch" }, box)), make("td", {}, open), ...[state, dataset, String(seed)].map((text) => make("td", { textContent: text })));
  }));
  if (focused) [...find("runs").querySelectorAll("button, input")].find((each) => each.ariaLabel === focused)?.focus();
}

find("start").addEventListener("submit", (event) => {
  event.preventDefault();
  telling(async () => {
    const { recipe, dataset, epochs, seed } = Object.fromEntries(new FormData(event.target));
    const wanted = { recipe, dataset: dataset || null, epochs: epochs ? Number(epochs) : null, seed: Number(seed) };
    const { name } = await call("/api/runs", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(wanted) });
    say("");
    watch(name);
    await showWatched();
  })();
});
const about = () => {
  const recipe = recipes.find(({ name }) => name === find("start").elements.recipe.value);
  find("about").textContent = recipe ? `${recipe.about}: ${recipe.epochs} epochs of ${recipe.dataset}.` : "";
};
find("start").addEventListener("change", about);
find("stop").addEventListener("click", telling(async () => { await call(`/api/runs/${encodeURIComponent(watched)}/stop`, { method: "POST" }); say("It will stop after this step, saved."); }));
find("resume").addEventListener("click", telling(async () => { await call(`/api/runs/${encodeURIComponent(watched)}/resume`, { method: "POST" }); say(""); }));

let lost = false;
async function keepLooking() {
  try {
    await list();
    await showWatched();
    if (lost) say("");
    lost = false;
  } catch (error) { // the server may be gone for a while; trainings of a terminal go on
    lost = true;
    say(error.message);
  }
  setTimeout(keepLooking, EVERY);
}

telling(async () => {
  recipes = await call("/api/recipes");
  find("start").elements.recipe.append(...recipes.map(({ name }) => make("option", { value: name, textContent: name })));
  const datasets = [...new Set(await call("/api/data"))];
  find("start").elements.dataset.append(...datasets.map((name) => make("option", { value: name, textContent: name })));
  about();
  if (location.hash) watch(decodeURIComponent(location.hash.slice(1)));
})();
keepLooking();
