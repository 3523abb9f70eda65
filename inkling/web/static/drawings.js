// The gallery of stored drawings: view, relabel, delete and download.

import { call, confidenceText, find, make, percent, reporting, say } from "./dom.js";

const PAGE_SIZE = 60; // drawings that one request loads
let classes = [];
let latest = 0; // the number of the latest list request; answers to earlier ones are dropped

function card(drawing) {
  const { id, label, name, reading, confidence, accepted } = drawing;
  const own = classes[label] === name; // otherwise, it was labelled while a bundle of other classes was served
  const read = own ? classes[reading] : `class ${reading}`;
  const parts = [label === reading ? "read correctly" : `read as ${read}`, confidenceText(confidence)];
  if (accepted === false) parts.push("rejected");
  const image = make("img", { src: `/api/drawings/${id}/image`, alt: `Drawing ${id}, labelled ${name}`, loading: "lazy", width: 28, height: 28 });
  const labels = own ? [...classes.entries()] : [[label, name]];
  const select = make("select", { ariaLabel: `Label of drawing ${id}`, disabled: !own },
    ...labels.map(([value, textContent]) => make("option", { value, textContent, selected: value === label })));
  const remove = make("button", { type: "button", textContent: "Delete", ariaLabel: `Delete drawing ${id}` });
  const download = make("a", { href: image.src, download: `${id}.png`, textContent: "Download" });
  const item = make("li", {}, image, make("p", { textContent: `${name}: ${parts.join(", ")}` }),
    make("div", { className: "row" }, select, remove), download);
  Object.assign(item.dataset, { label, reading });
  select.addEventListener("change", reporting(async () => {
    const changed = await call(`/api/drawings/${id}?label=${select.value}`, { method: "PATCH" });
    item.replaceWith(card(changed));
    say(`Drawing ${id} is now labelled ${changed.name}.`);
    await summarise();
  }));
  remove.addEventListener("click", reporting(async () => {
    await call(`/api/drawings/${id}`, { method: "DELETE" });
    item.remove();
    say(`Deleted drawing ${id}.`);
    await summarise();
  }));
  return item;
}

async function summarise() {
  const { n, right, accepted, days } = await call("/api/drawings/stats");
  find("summary").textContent = n
    ? `${n.toLocaleString("en")} stored, ${percent(right / n)} read correctly, ${percent(accepted / n)} accepted.`
    : "No drawing is stored yet. Draw a digit, then label it.";
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
  const found = await call(`/api/drawings?${query}`);
  if (request !== latest) return;
  if (fromStart) find("gallery").replaceChildren();
  find("gallery").append(...found.map(card));
  find("more").hidden = found.length < PAGE_SIZE;
  say(skip + found.length || filters.length < 2 ? "" : "No drawing matches these filters."); // the order is always set
});

find("filters").addEventListener("change", () => list(true));
find("more").addEventListener("click", () => list(false));

reporting(async () => {
  classes = (await call("/api/card")).classes;
  find("filters").elements.label.append(...classes.map((name, value) => make("option", { value, textContent: name })));
  await summarise();
  await list(true);
})();
