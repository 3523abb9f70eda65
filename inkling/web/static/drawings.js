// @ts-check
// The gallery of stored drawings: view, select, relabel, delete, undo and download.

import { answerOf, call, find, make, recall, reporting, say } from "./dom.js";
import { confidenceText, count, percent, plural } from "./format.js";
import { SIGNS } from "./number.js";
import { isForControl, listShortcuts, shortcutsAreOn, toast, undoLast } from "./shell.js";

/**
 * @typedef {object} Stored - A drawing, as the API lists it
 * @property {number} id
 * @property {number | string} label - Of a number, its text
 * @property {number | string} reading
 * @property {string} name - Of the label
 * @property {number} confidence
 * @property {boolean | null} accepted
 * @property {number[][][] | null} strokes
 * @property {string} session - Its writer's browser
 * @property {string} created
 */

const PAGE_SIZE = 60; // drawings that one request loads
const DAYS = 60; // the latest, which have room
const ENOUGH = 5; // drawings of a class, to teach with
const MINE = recall("session"); // under which this browser has stored drawings

/** @type {string[]} */ let classes = [];
/** @type {Map<number, Stored>} */ const listed = new Map(); // by id, in the order of the list
/** @type {Set<number>} */ const selected = new Set(); // ids
let current = 0; // the id of the drawing that keys act on
/** @type {string | null} */ let next = null; // the address of the page that follows the list
let latest = 0; // the number of the latest list request; answers to earlier ones are dropped

const url = (/** @type {number} */ id) => `api/drawings/${id}`;
const isNumber = (/** @type {Stored} */ drawing) => typeof drawing.label === "string";
/** Whether the served bundle has the class; otherwise, it was labelled while another was served. @param {Stored} drawing */
const isOwn = ({ label, name }) => typeof label === "number" && classes[label] === name;
const items = () => /** @type {HTMLElement[]} */ ([...find("gallery").children]);
const itemOf = (/** @type {number} */ id) => items().find((item) => Number(item.dataset.id) === id);

// --- a drawing

/** What says and changes the label of a drawing: a field for a number, else a list of the classes. @param {Stored} drawing */
function labelControl(drawing) {
  const { id, label, name } = drawing;
  const ariaLabel = `Label of drawing ${id}`;
  if (isNumber(drawing)) return make("input", { ariaLabel, value: label, maxLength: 64, title: SIGNS, autocomplete: "off" });
  const labels = isOwn(drawing) ? [...classes.entries()] : [[label, name]];
  return make("select", { ariaLabel, disabled: !isOwn(drawing) },
    ...labels.map(([value, textContent]) => make("option", { value, textContent, selected: value === label })));
}

/** How a drawing was read, and by whom it is. @param {Stored} drawing */
function facts(drawing) {
  const { id, label, reading, confidence, accepted, session, created, strokes } = drawing;
  const read = isNumber(drawing) ? reading : isOwn(drawing) ? classes[Number(reading)] : `class ${reading}`;
  const isRight = label === reading;
  const chip = make("span", { className: "chip", textContent: isRight ? "read correctly" : `read as ${read}` });
  chip.dataset.state = isRight ? "accepted" : "wrong";
  const writer = !session ? "unknown writer" : session === MINE ? "by you" : `writer ${session.slice(0, 4)}`;
  const details = [confidenceText(confidence), ...(accepted === false ? ["rejected"] : []), writer, strokes ? "strokes" : "picture", created.slice(0, 10)];
  const download = make("a", { href: `${url(id)}/image`, download: `${id}.png`, textContent: "Download" });
  return [" ", chip, " ", make("p", { className: "small soft" }, `${details.join(" · ")} · `, download)];
}

/** @param {Stored} drawing */
function card(drawing) {
  const { id, label, name, reading } = drawing;
  const image = make("img", { src: `${url(id)}/image`, alt: `Drawing ${id}, labelled ${name}`, loading: "lazy" });
  const box = make("input", { type: "checkbox", checked: selected.has(id), ariaLabel: `Select drawing ${id}`, tabIndex: -1 });
  const control = labelControl(drawing);
  const remove = make("button", { type: "button", className: "quiet", textContent: "Delete", ariaLabel: `Delete drawing ${id}` });
  const item = make("li", { tabIndex: id === current ? 0 : -1 }, make("label", { className: "pick" }, box), image,
    make("div", { className: "row" }, make("b", { textContent: name }), ...facts(drawing)),
    make("div", { className: "row controls" }, control, remove));
  item.classList.toggle("number", isNumber(drawing));
  item.classList.toggle("selected", selected.has(id));
  Object.assign(item.dataset, { id, label, reading });
  box.addEventListener("change", () => select(id, box.checked));
  control.addEventListener("change", () => relabel([id], control.value));
  remove.addEventListener("click", () => removeAll([id]));
  item.addEventListener("focusin", () => setCurrent(id));
  return item;
}

/** Show a drawing as it is now. @param {Stored} drawing */
function update(drawing) {
  if (!listed.has(drawing.id)) return;
  const [old, hadFocus] = [itemOf(drawing.id), itemOf(drawing.id) === document.activeElement];
  listed.set(drawing.id, drawing);
  old?.replaceWith(card(drawing));
  if (hadFocus) itemOf(drawing.id)?.focus();
}

// --- changes, each of which can be undone

/** Give drawings another label; undo gives each its old one. @param {number[]} ids  @param {string} value - A class's number, or a text */
const relabel = reporting(async (ids, value) => {
  const changed = ids.flatMap((/** @type {number} */ id) => listed.get(id) ?? [])
    .filter((drawing) => ids.length === 1 || (isOwn(drawing) && String(drawing.label) !== value));
  if (!changed.length) return; // each has that label already
  for (const drawing of changed) update(await setLabel(drawing, value));
  await summarise();
  const name = isNumber(changed[0]) ? value : classes[Number(value)];
  const what = changed.length === 1 ? `Drawing ${changed[0].id} is` : `${plural(changed.length, "drawing")} are`;
  toast(`${what} now labelled ${name}.`, reporting(async () => {
    for (const drawing of changed) update(await setLabel(drawing, String(drawing.label)));
    await summarise();
  }));
});

/** @param {Stored} drawing  @param {string} value */
function setLabel(drawing, value) {
  const query = new URLSearchParams({ [isNumber(drawing) ? "text" : "label"]: value });
  return call(`${url(drawing.id)}?${query}`, { method: "PATCH" });
}

/** Delete drawings; undo puts them back as they were. @param {number[]} ids */
const removeAll = reporting(async (ids) => {
  /** @type {[number, string][]} */ const deleted = [];
  const at = [...listed.keys()].indexOf(ids[0]);
  try {
    for (const id of ids) {
      const whole = JSON.stringify(await call(url(id)));
      await call(url(id), { method: "DELETE" });
      deleted.push([id, whole]);
      forget(id);
    }
  } finally { // also of those deleted before one failed
    focusAt(Math.min(at, listed.size - 1));
    showSelection();
    await summarise();
    if (deleted.length) toast(deleted.length === 1 ? `Deleted drawing ${ids[0]}.` : `Deleted ${plural(deleted.length, "drawing")}.`, reporting(() => putBack(deleted)));
  }
});

/** @param {number} id */
function forget(id) {
  itemOf(id)?.remove();
  listed.delete(id);
  selected.delete(id);
}

/** @param {[number, string][]} deleted */
async function putBack(deleted) {
  for (const [id, body] of deleted) await call(url(id), { method: "PUT", headers: { "Content-Type": "application/json" }, body });
  await summarise();
  await list(true);
}

// --- selection, and the keyboard

/** @param {number} id  @param {boolean} is */
function select(id, is) {
  selected[is ? "add" : "delete"](id);
  const item = itemOf(id);
  item?.classList.toggle("selected", is);
  if (item) /** @type {HTMLInputElement} */ (item.querySelector("input[type=checkbox]")).checked = is;
  showSelection();
}

function showSelection() {
  find("selection").hidden = !selected.size;
  find("selected").textContent = `${selected.size} selected`;
}

/** @param {number} id */
function setCurrent(id) {
  const old = itemOf(current);
  if (old) old.tabIndex = -1;
  current = id;
  const item = itemOf(id);
  if (item) item.tabIndex = 0;
}

/** @param {number} index - Of the list */
function focusAt(index) {
  const item = items()[index];
  if (!item) return;
  setCurrent(Number(item.dataset.id));
  item.focus();
  item.scrollIntoView({ block: "nearest" });
}

/** How many drawings stand in a row. */
const columns = () => items().filter((item, _, all) => item.offsetTop === all[0].offsetTop).length;

find("gallery").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
  const item = /** @type {HTMLElement} */ (event.target);
  if (item.parentElement !== find("gallery") || event.ctrlKey || event.metaKey || event.altKey) return;
  const [id, index] = [Number(item.dataset.id), items().indexOf(item)];
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns(), Home: -index, End: items().length }[event.key];
  const drawing = listed.get(id);
  if (step !== undefined) focusAt(Math.min(Math.max(index + step, 0), items().length - 1));
  else if (event.key === "Enter") focusAt(index + 1);
  else if (event.key === "Delete") removeAll(selected.size ? [...selected] : [id]);
  else if (event.key === " ") select(id, !selected.has(id));
  else if (/^[0-9]$/.test(event.key) && Number(event.key) < classes.length && drawing && isOwn(drawing) && shortcutsAreOn()) {
    focusAt(index + 1);
    if (String(drawing.label) !== event.key) relabel([id], event.key);
  } else return;
  event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (isForControl(event)) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") undoLast();
  else if (event.key === "Escape") selectNone();
});
function selectNone() {
  for (const id of [...selected]) select(id, false);
}
find("select-none").addEventListener("click", selectNone);
find("delete").addEventListener("click", () => removeAll([...selected]));
find("relabel").addEventListener("change", ({ target }) => {
  relabel([...selected], target.value);
  target.value = "";
});
listShortcuts([
  ["← ↑ → ↓", "Go to another drawing"], ["0 … 9", "Label it, and go to the next"], ["Enter", "The label is right: next"],
  ["Space", "Select it"], ["Delete", "Delete it, or the selected ones"], ["Esc", "Select none"], ["Ctrl Z", "Undo"],
]);

// --- what is stored in all

async function summarise() {
  const { n, right, accepted, labels, days } = await call("api/drawings/stats");
  find("summary").textContent = n
    ? `${count(n)} stored, ${percent(right / n)} read correctly, ${percent(accepted / n)} accepted.` : "";
  find("empty").hidden = n > 0;
  find("filters").hidden = !n;
  showCounts(labels);
  showDays(days);
}

/** How many drawings of each class there are, of those that teaching needs. @param {Record<string, { n: number, right: number }>} labels */
function showCounts(labels) {
  const counts = classes.map((_, label) => labels[label]?.n ?? 0);
  const enough = counts.reduce((sum, n) => sum + Math.min(n, ENOUGH), 0);
  find("collected").textContent = `${enough} of ${ENOUGH * classes.length}: five of each`;
  find("counts").replaceChildren(...classes.map((name, label) => {
    const text = `${name}: ${counts[label]} of ${ENOUGH}`;
    const cell = make("li", { title: text }, make("span", { textContent: name }), make("span", { className: "unseen", textContent: `: ${counts[label]} of ${ENOUGH}` }));
    cell.style.setProperty("--share", Math.min(counts[label] / ENOUGH, 1));
    cell.classList.toggle("full", counts[label] >= ENOUGH);
    return cell;
  }));
}

/** @param {{ day: string, n: number, right: number }[]} days */
function showDays(days) {
  find("by-day").hidden = days.length < 2;
  find("days").replaceChildren(...days.slice(-DAYS).map(({ day, n, right }) => {
    const text = `${day}: ${percent(right / n)} of ${n} read correctly`;
    const bar = make("li", { title: text }, make("span", { className: "unseen", textContent: text }));
    bar.style.height = `${Math.max((100 * right) / n, 2)}%`;
    return bar;
  }));
}

// --- the list

const list = reporting(async (fromStart) => {
  latest += 1;
  const request = latest;
  const filters = /** @type {[string, string][]} */ ([...new FormData(find("filters"))].filter(([, value]) => value));
  const first = `api/drawings?${new URLSearchParams([...filters, ["count", String(PAGE_SIZE)]])}`;
  const answer = await answerOf(fromStart || !next ? first : next);
  if (request !== latest) return;
  /** @type {Stored[]} */ const found = answer.content;
  next = answer.next;
  if (fromStart) {
    listed.clear();
    find("gallery").replaceChildren();
  }
  if (!listed.size && found.length) current = found[0].id;
  const added = found.filter(({ id }) => !listed.has(id)); // one that was put back may be listed
  for (const drawing of added) listed.set(drawing.id, drawing);
  find("gallery").append(...added.map(card));
  for (const id of selected) if (!listed.has(id)) selected.delete(id);
  showSelection();
  find("more").hidden = !next;
  say(listed.size || filters.length < 2 ? "" : "No drawing matches these filters."); // the order is always set
});

find("filters").addEventListener("change", () => list(true));
find("more").addEventListener("click", () => list(false));

reporting(async () => {
  classes = (await call("api/card")).classes;
  const options = () => classes.map((name, value) => make("option", { value, textContent: name }));
  find("filters").elements.label.append(...options());
  find("relabel").append(make("option", { value: "", textContent: "Label as …" }), ...options());
  if (MINE) find("filters").elements.session.append(make("option", { value: MINE, textContent: "me" }));
  else find("filters").elements.session.parentElement.hidden = true;
  await summarise();
  await list(true);
})();
