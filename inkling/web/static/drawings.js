// The gallery of stored drawings: view, relabel, delete and download.

import { call, find, make, reporting, say } from "./dom.js";
import { confidenceText, percent } from "./format.js";
import { SIGNS } from "./number.js";
import "./shell.js";

const PAGE_SIZE = 60; // drawings that one request loads
let classes = [];
let latest = 0; // the number of the latest list request; answers to earlier ones are dropped

/** What says and changes the label of a drawing: a field for a number, else a list of the classes. */
function labelControl({ id, label, name }, own) {
  const ariaLabel = `Label of drawing ${id}`;
  if (typeof label === "string") return make("input", { ariaLabel, value: label, maxLength: 64, title: SIGNS, autocomplete: "off" });
  const labels = own ? [...classes.entries()] : [[label, name]];
  return make("select", { ariaLabel, disabled: !own },
    ...labels.map(([value, textContent]) => make("option", { value, textContent, selected: value === label })));
}

function card(drawing) {
  const { id, label, name, reading, confidence, accepted } = drawing;
  const isNumber = typeof label === "string";
  const own = classes[label] === name; // otherwise, it was labelled while a bundle of other classes was served
  const read = isNumber ? reading : own ? classes[reading] : `class ${reading}`;
  const parts = [label === reading ? "read correctly" : `read as ${read}`, confidenceText(confidence)];
  if (accepted === false) parts.push("rejected");
  const image = make("img", { src: `api/drawings/${id}/image`, alt: `Drawing ${id}, labelled ${name}`, loading: "lazy" });
  const control = labelControl(drawing, own);
  const remove = make("button", { type: "button", textContent: "Delete", ariaLabel: `Delete drawing ${id}` });
  const download = make("a", { href: image.src, download: `${id}.png`, textContent: "Download" });
  const item = make("li", {}, image, make("p", { textContent: `${name}: ${parts.join(", ")}` }),
    make("div", { className: "row" }, control, remove), download);
  item.classList.toggle("number", isNumber);
  Object.assign(item.dataset, { label, reading });
  control.addEventListener("change", reporting(async () => {
    const query = new URLSearchParams({ [isNumber ? "text" : "label"]: control.value });
    const changed = await call(`api/drawings/${id}?${query}`, { method: "PATCH" });
    item.replaceWith(card(changed));
    say(`Drawing ${id} is now labelled ${changed.name}.`);
    await summarise();
  }));
  remove.addEventListener("click", reporting(async () => {
    await call(`api/drawings/${id}`, { method: "DELETE" });
    item.remove();
    say(`Deleted drawing ${id}.`);
    await summarise();
  }));
  return item;
}

async function summarise() {
  const { n, right, accepted, days } = await call("api/drawings/stats");
  find("summary").textContent = n
    ? `${n.toLocaleString("en")} stored, ${percent(right / n)} read correctly, ${percent(accepted / n)} accepted.`
    : "No drawing is stored yet. Write a digit or a number, then label it.";
  find("by-day").hidden = days.length < 2;
  find("days").replaceChildren(...days.map((day) => {
    const share = day.right / day.n;
    const text = `${day.day}: ${percent(share)} of ${day.n} read correctly`;
    const bar = make("li", { title: text, ariaLabel: text });
    bar.style.height = `${100 * share}%`;
    return bar;
  }));
}

/** Whether a listed drawing still fits the filters: its label may have changed since. */
function fits({ dataset: { label, reading } }) {
  const { label: wanted, wrong } = find("filters").elements;
  return (!wanted.value || label === wanted.value) && (!wrong.checked || label !== reading);
}

const list = reporting(async (fromStart) => {
  const skip = fromStart ? 0 : [...find("gallery").children].filter(fits).length;
  latest += 1;
  const request = latest;
  const filters = [...new FormData(find("filters"))].filter(([, value]) => value);
  const query = new URLSearchParams([...filters, ["count", PAGE_SIZE], ["skip", skip]]);
  const found = await call(`api/drawings?${query}`);
  if (request !== latest) return;
  if (fromStart) find("gallery").replaceChildren();
  find("gallery").append(...found.map(card));
  find("more").hidden = found.length < PAGE_SIZE;
  say(skip + found.length || filters.length < 2 ? "" : "No drawing matches these filters."); // the order is always set
});

find("filters").addEventListener("change", () => list(true));
find("more").addEventListener("click", () => list(false));

reporting(async () => {
  classes = (await call("api/card")).classes;
  find("filters").elements.label.append(...classes.map((name, value) => make("option", { value, textContent: name })));
  await summarise();
  await list(true);
})();
