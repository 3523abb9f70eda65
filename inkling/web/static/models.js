// @ts-check
// The bundles: their figures, confusion matrices, calibration and rejection; which one is served.

import { drawLines } from "./chart.js";
import { call, find, make, nameInAddress, reporting, say, showProblem } from "./dom.js";
import { clock, confidenceText, count, percent, plural, short } from "./format.js";
import { loadCard } from "./shell.js";

/** @typedef {{ name: string, card?: any, sources?: string[], error?: string }} Model - error: of a broken one */
/** @typedef {{ n: number, label: number, reading: number }} Cell - of a confusion matrix */
/** @typedef {{ confusion: number[][], reliability: any[], risk_coverage: any[], problem?: any }} Report */

const MISTAKES = 6; // how many of the most frequent ones are listed
const FULL_SHADE = { right: 1, wrong: 0.05 }; // the share of a row with the full colour

/** @type {Map<string, Model>} */ let models = new Map(); // by name
const rows = new Map(); // of the table, by name
let served = ""; // the name of the served bundle
let selected = ""; // the name of the bundle to look at
let compared = null; // the name of the second bundle
let source = ""; // of the reports; "" for the test images
let latest = 0; // the number of the latest request; earlier answers are dropped

const model = (name) => models.get(name);

/** The share of validation images that a bundle accepts, where it can say. @param {any} card */
const accepted = ({ acceptance }) => acceptance
  ? percent(acceptance.curve.find(({ confidence }) => confidence >= acceptance.min_confidence)?.coverage ?? 0) : "–";

// --- the table

/** @param {Model} model */
function row({ name, card, error }) {
  const box = make("input", { type: "checkbox", ariaLabel: `Compare ${name}` });
  box.addEventListener("change", () => compare(box.checked ? name : null));
  const open = make("button", { type: "button", className: "quiet", textContent: name });
  open.addEventListener("click", () => select(name));
  const chip = error ? ["failed", "broken"] : name === served ? ["served", "served"] : null;
  const cells = card && [card.dataset, percent(card.test.accuracy, 2), short(card.parameters), accepted(card)];
  const element = make("tr", {}, make("td", {}, make("label", { className: "check" }, box)),
    make("th", { scope: "row" }, open, ...(chip ? [" ", make("span", { className: "chip", textContent: chip[1] })] : [])),
    ...["more", "figure", "figure more", "figure more"].map((className, i) => make("td", { className, textContent: cells?.[i] ?? "–" })));
  if (chip) element.querySelector(".chip").dataset.state = chip[0];
  element.dataset.name = name;
  rows.set(name, { line: element, open, box });
  return element;
}

function markRows() {
  for (const [name, { line, open, box }] of rows) {
    open.ariaPressed = String(name === selected);
    line.classList.toggle("selected", name === selected);
    box.checked = name === selected || name === compared;
    box.disabled = name === selected || Boolean(model(name).error);
  }
}

/** List the bundles. Select the wanted one, else the served one. */
async function list(wanted) {
  const found = await call("api/models");
  served = found.served;
  models = new Map(found.models.map((each) => [each.name, each]));
  rows.clear();
  find("bundles").tBodies[0].replaceChildren(...[...models.values()].map(row));
  selected = [wanted, served, found.models[0].name].find((name) => models.has(name)) ?? "";
  if (compared && !models.has(compared)) compared = null;
}

// --- the figures of a bundle

const describe = ({ recipe, seed, dataset, created, versions }) =>
  `Recipe ${recipe.name}, seed ${seed}, on ${dataset}: ${recipe.about}. Created on ${created.slice(0, 10)} by Inkling ${versions.inkling}.`;

/** The tiles of a bundle: a name, a figure and what it means. @param {any} card @returns {string[][]} */
function figures(card) {
  const { test, acceptance } = card;
  return [
    ["Test accuracy", percent(test.accuracy, 2), `95 % interval ${percent(test.interval[0], 2)} to ${percent(test.interval[1], 2)}, ${plural(test.n, "image")}`],
    ["Calibration error", percent(test.calibration_error, 2), "expected, on the test images"],
    ["Accepted", accepted(card), !acceptance ? "trained without validation images"
      : `from ${confidenceText(acceptance.min_confidence)} confidence, of ${plural(acceptance.n, "image")}`],
    ["Parameters", short(card.parameters), count(card.parameters)],
    ["Multiply-adds", short(card.multiply_adds), "per image"],
    ["Training", clock(card.train_seconds), `on ${card.device}`],
  ];
}

/** The licence of a bundle, and the makers of its data sets. */
const licences = ({ licence, attribution }) => [
  make("summary", { textContent: "Licence and attribution" }),
  make("p", { textContent: `The weights: ${licence}.` }),
  make("ul", {}, ...attribution.map(({ dataset, licence: terms, citation, url }) =>
    make("li", {}, url ? make("a", { href: url, textContent: dataset }) : dataset, ` (${terms}): ${citation}`))),
];

/** Show a bundle in the elements whose ids begin with `prefix`. @param {string} prefix  @param {Model} model */
function showFigures(prefix, { name, card, error }) {
  find(`${prefix}name`).textContent = name;
  find(`${prefix}in-use`).hidden = name !== served;
  for (const id of ["description", "figures", "licence"]) find(prefix + id).hidden = Boolean(error);
  if (error) return;
  find(`${prefix}description`).textContent = describe(card);
  find(`${prefix}licence`).replaceChildren(...licences(card));
  find(`${prefix}figures`).replaceChildren(...figures(card).map(([term, figure, about]) =>
    make("div", {}, make("dt", { textContent: term }), make("dd", {}, figure, make("small", { textContent: about })))));
}

function showBundles() {
  const { error } = model(selected);
  const query = new URLSearchParams({ name: selected });
  markRows();
  showFigures("", model(selected));
  Object.assign(find("report-problem"), { hidden: !error, textContent: error ?? "" });
  find("serve").disabled = selected === served || Boolean(error);
  find("download").href = `api/models/bundle.zip?${query}`;
  find("export").href = `api/models/model.onnx?${query}`;
  find("actions").hidden = Boolean(error);
  find("bundle").hidden = false;
  find("other").hidden = !compared;
  if (compared) showFigures("other-", model(compared));
}

// --- the reports

/** The server's answer, or its problem, as where the data set is missing. */
const asked = (path, query) => call(`${path}?${new URLSearchParams(query)}`).catch((error) => {
  if (error.problem) return { problem: error.problem, images: [] };
  throw error;
});

function showSources() {
  const { card, sources = [] } = model(selected);
  find("sources").hidden = !sources.length;
  if (sources.length) find("sources").replaceChildren(...["", ...sources].map((name) => {
    const button = make("button", { type: "button", textContent: name || `${card.dataset} test`, ariaPressed: String(name === source) });
    button.addEventListener("click", () => {
      source = name;
      for (const each of find("sources").children) each.ariaPressed = String(each === button);
      showReports();
    });
    return button;
  }));
}

/** A button that opens a cell. @param {Cell} cell  @param {string[]} classes */
function opener(cell, classes, ...content) {
  const button = make("button", { type: "button" }, ...content);
  button.addEventListener("click", reporting(() => openCell(cell, classes)));
  return button;
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

/** A confusion matrix with totals. */
function showConfusion(classes, counts) {
  const total = (values) => make("td", { className: "total", textContent: count(sum(values)) });
  const heading = (scope, text) => make("th", { scope, textContent: text });
  const body = counts.map((numbers, label) => make("tr", {}, heading("row", classes[label]), ...numbers.map((n, reading) => {
    if (!n) return make("td", { textContent: "·", className: "none" });
    const kind = label === reading ? "right" : "wrong";
    const button = opener({ label, reading, n }, classes, count(n));
    button.className = kind;
    button.ariaLabel = `${plural(n, "image")} of ${classes[label]} read as ${classes[reading]}`;
    button.style.setProperty("--share", Math.sqrt(Math.min(n / sum(numbers) / FULL_SHADE[kind], 1)).toFixed(3));
    Object.assign(button.dataset, { label, reading });
    return make("td", {}, button);
  }), total(numbers)));
  const columns = classes.map((_, reading) => counts.map((numbers) => numbers[reading]));
  find("confusion").replaceChildren(find("confusion").caption,
    make("thead", {}, make("tr", {}, make("td"), ...classes.map((text) => heading("col", text)), heading("col", "Σ"))),
    make("tbody", {}, ...body),
    make("tfoot", {}, make("tr", {}, heading("row", "Σ"), ...columns.map(total), total(counts.flat()))));
  const [n, right] = [sum(counts.flat()), sum(counts.map((numbers, label) => numbers[label]))];
  find("confusion-about").textContent = `${percent(right / n, 2)} of ${plural(n, "reading")} are correct. ` +
    "Each row is a label, each column a reading. A stronger colour is a larger share of the row.";
  showMistakes(classes, counts);
  find("confusion-part").hidden = false;
}

/** List the most frequent mistakes. */
function showMistakes(classes, counts) {
  const mistakes = counts.flatMap((numbers, label) => numbers.map((n, reading) => ({ n, label, reading })))
    .filter(({ n, label, reading }) => n && label !== reading).sort((a, b) => b.n - a.n).slice(0, MISTAKES);
  find("mistakes-part").hidden = !mistakes.length;
  find("mistakes").replaceChildren(...mistakes.map((cell) => make("li", {}, opener(cell, classes,
    `${classes[cell.label]} read as ${classes[cell.reading]}`, make("span", { className: "soft", textContent: count(cell.n) })))));
}

/** Show the images of a cell. @param {Cell} cell  @param {string[]} classes */
async function openCell({ label, reading, n }, classes) {
  const request = latest;
  const here = !source; // the test images alone are served
  if (here) say("Reading the test images …"); // the first time, it takes seconds
  const { dataset, images, problem } = here ? await asked("api/models/cell", { name: selected, label, reading }) : { dataset: "", images: [], problem: null };
  if (request !== latest) return;
  say("");
  const shown = n > images.length && images.length ? `${images.length} of ${count(n)}` : count(n);
  const order = images.length ? `, ${label === reading ? "lowest" : "highest"} confidence first` : "";
  find("cell-title").textContent = `${classes[label]} read as ${classes[reading]}: ${shown}${order}`;
  Object.assign(find("cell-note"), { hidden: here, textContent: `The card counts the drawings of ${source}; their images are not on this server.` });
  showProblem(find("cell-problem"), problem);
  find("cell-images").replaceChildren(...images.map(({ index, confidence }) => make("li", {},
    make("img", { src: `api/data/${dataset}/${index}.png`, alt: `Test image ${index}, labelled ${classes[label]}`, width: 28, height: 28, loading: "lazy" }),
    make("p", { textContent: percent(confidence), title: `Image ${index}` }))));
  find("cell").hidden = false;
  find("cell-title").focus();
}

/** Draw the curves of one report or two. @param {{ label: string, report: Report }[]} reports */
function showCharts(reports) {
  find("charts").hidden = false; // first: a hidden chart has no width
  const xs = [0, ...reports.flatMap(({ report }) => report.reliability.map((bin) => bin.confidence)).sort((a, b) => a - b), 1];
  const line = ({ label }, i, points, x, y) => ({ label, hue: 2 * i, xs: points.map(x), ys: points.map(y) });
  drawLines(find("reliability"), "Reliability", "confidence", "accuracy", [
    ...reports.map((one, i) => ({ ...line(one, i, one.report.reliability, (bin) => bin.confidence, (bin) => bin.accuracy), points: true })),
    { label: "perfect", xs, ys: xs, hue: 1, dashed: true },
  ], { x: { range: [0, 1] }, y: { range: [0, 1] } });
  drawLines(find("risk"), "Risk and coverage", "accepted, %", "wrong of these, %", reports.map((one, i) => line(one, i,
    [...one.report.risk_coverage].sort((a, b) => a.coverage - b.coverage), (point) => 100 * point.coverage, (point) => 100 * (1 - point.accuracy))));
}

/** Load and show the reports of the one bundle or two. */
const showReports = reporting(async () => {
  latest += 1;
  const request = latest;
  find("cell").hidden = true;
  const { card, error } = model(selected);
  if (error) return say("");
  const lacking = compared && source && !model(compared).sources?.includes(source);
  const names = [selected, ...(compared && !lacking ? [compared] : [])];
  say("Loading the report …");
  const reports = await Promise.all(names.map((name) => asked("api/models/report", { name, source })));
  if (request !== latest) return;
  say(lacking ? `${compared} has no report on ${source}.` : "");
  const problem = reports.find((report) => report.problem)?.problem;
  showProblem(find("report-problem"), problem);
  if (reports[0].problem) return hideReports();
  showConfusion(card.classes, reports[0].confusion);
  showCharts(names.map((name, i) => ({ label: name, report: reports[i] })).filter(({ report }) => !report.problem));
});

function hideReports() {
  for (const id of ["confusion-part", "charts", "cell"]) find(id).hidden = true;
}

// --- what is done with a bundle

/** Look at a bundle. */
function select(name) {
  selected = name;
  if (compared === name || model(name).error) compared = null;
  if (!model(name).sources?.includes(source)) source = "";
  location.hash = encodeURI(name);
  hideReports();
  showBundles();
  showSources();
  return showReports();
}

/** Compare the selected bundle with another, or with none. */
function compare(name) {
  compared = name;
  showBundles();
  return showReports();
}

find("other-close").addEventListener("click", () => compare(null));
find("serve").addEventListener("click", reporting(async () => {
  const name = selected;
  await call(`api/models/served?${new URLSearchParams({ name })}`, { method: "PUT" });
  await list(selected);
  showBundles();
  await loadCard(); // for the header
  say(`${name} is served now.`);
}));

reporting(async () => {
  await list(nameInAddress());
  await select(selected);
})();
