// The bundles: their cards in words, confusion matrices, calibration and rejection; which one is served.

import { drawLines } from "./chart.js";
import { call, find, make, nameInAddress, reporting, say, showProblem } from "./dom.js";
import { capitalise, percent } from "./format.js";
import "./shell.js";

let models = {}; // by name
let served = null; // the name of the served bundle
let latest = 0; // the number of the latest request; answers to earlier ones are dropped
const number = (value) => value.toLocaleString("en");

function describe(name, card) {
  const { recipe, test, acceptance } = card;
  return [
    name === served ? "This bundle is served now." : "",
    `Recipe ${recipe.name}, seed ${card.seed}, on ${card.dataset}. ${capitalise(recipe.about)}.`,
    `The network has ${number(card.parameters)} parameters and takes ${number(card.multiply_adds)} multiply-adds per image.`,
    `It was trained in ${number(Math.round(card.train_seconds))} s on ${card.device}.`,
    `It reads ${percent(test.accuracy, 2)} of ${number(test.n)} test images correctly ` +
      `(95 % interval ${percent(test.interval[0], 2)} to ${percent(test.interval[1], 2)}).`,
    `Its calibration error is ${percent(test.calibration_error, 2)}.`,
    acceptance
      ? `It accepts readings with a confidence of at least ${percent(acceptance.min_confidence)}: ` +
        `${percent(coverage(acceptance))} of ${number(acceptance.n)} validation images.`
      : "It was trained without validation images, so it cannot say which readings to accept.",
    `Created on ${card.created.slice(0, 10)} by Inkling ${card.versions.inkling}. Licence: ${card.licence}.`,
  ].filter(Boolean).join(" ");
}

/** The share of validation images that reach the minimum confidence. */
function coverage({ curve, min_confidence: minimum }) {
  return curve.find(({ confidence }) => confidence >= minimum)?.coverage ?? 0;
}

function showConfusion(name, classes, counts) {
  const head = make("tr", {}, make("td"), ...classes.map((text) => make("th", { scope: "col", textContent: text })));
  const rows = counts.map((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0) || 1;
    return make("tr", {}, make("th", { scope: "row", textContent: classes[label] }), ...row.map((count, reading) => {
      if (!count) return make("td", { textContent: "·", className: "none" });
      const text = `${count} images of ${classes[label]} read as ${classes[reading]}`;
      const button = make("button", { type: "button", textContent: number(count), ariaLabel: text });
      Object.assign(button.dataset, { label, reading });
      button.className = label === reading ? "right" : "wrong";
      button.style.setProperty("--share", Math.sqrt(count / total).toFixed(3));
      button.addEventListener("click", reporting(() => openCell(name, classes, label, reading)));
      return make("td", {}, button);
    }));
  });
  find("confusion").replaceChildren(find("confusion").caption, make("thead", {}, head), make("tbody", {}, ...rows));
  find("confusion-part").hidden = false;
}

/** The server's answer, or its problem, as where the data set is missing. */
const asked = (path, query) => call(`${path}?${new URLSearchParams(query)}`).catch((error) => {
  if (error.problem) return { problem: error.problem, images: [] };
  throw error;
});

/** Show the test images of one cell of the confusion matrix. */
async function openCell(name, classes, label, reading) {
  const request = latest;
  say("Reading the test images …"); // the first time, it takes seconds
  const { dataset, n, images, problem } = await asked("api/models/cell", { name, label, reading });
  if (request !== latest) return;
  say("");
  let title = `${classes[label]} read as ${classes[reading]}`;
  if (!problem) {
    const count = n > images.length ? `${images.length} of ${number(n)}` : number(n);
    title += `: ${count}, ${label === reading ? "lowest" : "highest"} confidence first`;
  }
  find("cell-title").textContent = title;
  showProblem(find("cell-problem"), problem);
  find("cell-images").replaceChildren(...images.map(({ index, confidence }) => make("li", {},
    make("img", { src: `api/data/${dataset}/${index}.png`, alt: `Test image ${index}, labelled ${classes[label]}`, width: 28, height: 28, loading: "lazy" }),
    make("p", { textContent: `${index}: ${percent(confidence)}` }))));
  find("cell").hidden = false;
  find("cell-title").focus();
}

function showCharts({ reliability, risk_coverage: curve }) {
  find("charts").hidden = false;
  drawLines(find("reliability"), "Reliability", "confidence", "accuracy", [
    { label: "measured", xs: reliability.map((bin) => bin.confidence), ys: reliability.map((bin) => bin.accuracy), hue: 0, points: true },
    { label: "perfectly calibrated", xs: [0, 1], ys: [0, 1], hue: 1, dashed: true },
  ], { x: { range: [0, 1] }, y: { range: [0, 1] } });
  const points = [...curve].sort((a, b) => a.coverage - b.coverage);
  drawLines(find("risk"), "Risk and coverage", "accepted, %", "wrong of these, %", [
    { label: "test images", xs: points.map((p) => 100 * p.coverage), ys: points.map((p) => 100 * (1 - p.accuracy)), hue: 0 },
  ]);
}

const show = reporting(async () => {
  latest += 1;
  const request = latest;
  const name = find("bundle").value;
  const { card, error } = models[name];
  location.hash = encodeURI(name);
  for (const id of ["confusion-part", "charts", "cell", "report-problem"]) find(id).hidden = true;
  find("serve").disabled = name === served || Boolean(error);
  find("description").textContent = error ?? describe(name, card);
  if (error) return say("");
  say("Loading the report …");
  const report = await asked("api/models/report", { name });
  if (request !== latest) return;
  say("");
  showProblem(find("report-problem"), report.problem);
  if (report.problem) return;
  showConfusion(name, card.classes, report.confusion);
  showCharts(report);
});

/** List the bundles, and select one: the given one if it is there, else the served one. */
async function list(selected) {
  const found = await call("api/models");
  served = found.served;
  models = Object.fromEntries(found.models.map((model) => [model.name, model]));
  find("bundle").replaceChildren(...found.models.map(({ name }) =>
    make("option", { value: name, textContent: name === served ? `${name} (served)` : name })));
  find("bundle").value = [selected, served, found.models[0].name].find((name) => name in models);
}

find("bundle").addEventListener("change", show);
find("serve").addEventListener("click", reporting(async () => {
  const name = find("bundle").value;
  await call(`api/models/served?${new URLSearchParams({ name })}`, { method: "PUT" });
  await list(name);
  find("serve").disabled = true;
  find("description").textContent = describe(name, models[name].card);
  say(`${name} is served now.`);
}));

reporting(async () => {
  await list(nameInAddress());
  await show();
})();
