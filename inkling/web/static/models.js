// The bundles here: their cards in words, what they take for what, how far to trust them.

import { lines } from "./chart.js";
import { call, find, make, percent, say, telling } from "./dom.js";

let models = {}; // by name
let served = null;
let asked = 0; // an answer to anything older is out of date
const number = (value) => value.toLocaleString("en");

function words(name, card) {
  const { recipe, test, acceptance } = card;
  const low = percent(test.interval[0], 2);
  const sure = acceptance
    ? ` It accepts a reading from a confidence of ${percent(acceptance.confidence, 1)} on; on ${number(acceptance.n)} validation images, ${percent(1 - missed(acceptance), 1)} were accepted.`
    : " No image validated it, so it does not say when to believe it.";
  return `${recipe.about}. ${name === served ? "It is served now. " : ""}Recipe ${recipe.name}, seed ${card.seed}, on ${card.dataset}: ` +
    `${number(card.parameters)} parameters, ${number(card.multiply_adds)} multiply-adds an image, trained in ${number(Math.round(card.train_seconds))} s ` +
    `on ${card.device}. It reads ${percent(test.accuracy, 2)} of ${number(test.n)} test images rightly (95 % interval ${low} to ${percent(test.interval[1], 2)}); ` +
    `what it says of its confidence is off by ${percent(test.calibration_error, 2)} on average.${sure} Made on ${card.created.slice(0, 10)} by Inkling ${card.versions.inkling}; licence ${card.licence}.`;
}

function missed(acceptance) { // share of validation that it refuses for its confidence
  const point = acceptance.curve.find(({ confidence }) => confidence >= acceptance.confidence);
  return point ? 1 - point.coverage : 1;
}

function showConfusion(name, classes, counts) {
  const head = make("tr", {}, make("td"), ...classes.map((text) => make("th", { scope: "col", textContent: text })));
  const most = counts.map((row) => row.reduce((sum, count) => sum + count, 0) || 1);
  const rows = counts.map((row, label) => make("tr", {}, make("th", { scope: "row", textContent: classes[label] }),
    ...row.map((count, reading) => {
      if (!count) return make("td", { textContent: "·", className: "none" });
      const button = make("button", { type: "button", textContent: number(count), ariaLabel: `${count} of ${classes[label]} read as ${classes[reading]}` });
      button.className = label === reading ? "right" : "wrong";
      button.style.setProperty("--share", Math.sqrt(count / most[label]).toFixed(3));
      button.addEventListener("click", telling(() => openCell(name, classes, label, reading)));
      return make("td", {}, button);
    })));
  find("confusion").replaceChildren(find("confusion").caption, make("thead", {}, head), make("tbody", {}, ...rows));
  find("confusion-part").hidden = false;
}

async function openCell(name, classes, label, reading) {
  const mine = asked;
  const query = new URLSearchParams({ name, label, reading });
  const { dataset, n, images } = await call(`/api/models/cell?${query}`);
  if (mine !== asked) return;
  const shown = n > images.length ? `, ${images.length} of them` : "";
  const order = label === reading ? "the least sure first" : "the surest first";
  find("cell-title").textContent = `${classes[label]} read as ${classes[reading]}: ${number(n)}${shown}, ${order}`;
  find("cell-images").replaceChildren(...images.map(({ index, confidence }) => make("li", {},
    make("img", { src: `/api/data/${dataset}/${index}.png`, alt: `Test image ${index}, a ${classes[label]}`, width: 28, height: 28, loading: "lazy" }),
    make("p", { textContent: `${index}: ${percent(confidence)}` }))));
  find("cell").hidden = false;
  find("cell-title").focus();
}

function showCharts({ reliability, risk_coverage: curve }) {
  find("charts").hidden = false;
  const confidences = reliability.map((bin) => bin.confidence);
  lines(find("reliability"), "Reliability", "confidence", "right", [
    { label: "as it is", xs: confidences, ys: reliability.map((bin) => bin.accuracy), hue: 0, points: true },
    { label: "as it says", xs: [0, 1], ys: [0, 1], hue: 1, dashed: true },
  ], { x: { range: [0, 1] }, y: { range: [0, 1] } });
  const points = [...curve].sort((a, b) => a.coverage - b.coverage);
  lines(find("risk"), "Risk and coverage", "accepted, %", "wrong of these, %", [
    { label: "test images", xs: points.map((p) => 100 * p.coverage), ys: points.map((p) => 100 * (1 - p.accuracy)), hue: 0 },
  ]);
}

const show = telling(async () => {
  asked += 1;
  const mine = asked;
  const name = find("bundle").value;
  const { card, error } = models[name];
  location.hash = name;
  for (const id of ["confusion-part", "charts", "cell"]) find(id).hidden = true;
  find("serve").disabled = name === served || Boolean(error);
  find("words").textContent = error ?? words(name, card);
  if (error) return say("");
  say("Reading the test images …");
  const report = await call(`/api/models/report?${new URLSearchParams({ name })}`);
  if (mine !== asked) return;
  say("");
  showConfusion(name, card.classes, report.confusion);
  showCharts(report);
});

async function list(chosen) {
  const found = await call("/api/models");
  served = found.served;
  models = Object.fromEntries(found.models.map((model) => [model.name, model]));
  find("bundle").replaceChildren(...found.models.map(({ name }) => make("option", { value: name, textContent: name === served ? `${name} (served)` : name })));
  find("bundle").value = chosen in models ? chosen : served in models ? served : found.models[0].name;
}

find("bundle").addEventListener("change", show);
find("serve").addEventListener("click", telling(async () => {
  const name = find("bundle").value;
  await call(`/api/models/served?${new URLSearchParams({ name })}`, { method: "PUT" });
  await list(name);
  find("serve").disabled = true;
  find("words").textContent = words(name, models[name].card);
  say(`${name} is served now.`);
}));

telling(async () => {
  await list(decodeURIComponent(location.hash.slice(1)));
  await show();
})();
