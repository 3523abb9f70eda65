// The drawing page. The server reads the drawing while it grows; the page shows the reading.

import { Crop, cut } from "./crop.js";
import { find, make, recall, remember, say } from "./dom.js";
import { confidenceText as percent } from "./format.js";
import { Live } from "./live.js";
import { Numbers, SIGNS, isText, rowsOf } from "./number.js";
import * as share from "./share.js";
import { Sheet } from "./sheet.js";
import "./shell.js";

const MESSAGES = { // of the status line, by its state
  "": "",
  interrupted: "Connection lost. Connecting again …",
  waiting: "Waiting for the server …",
  unreachable: "The server does not answer. Your drawing is still here. Check that the server is running, then try again.",
  unconfirmed: "The server has not confirmed that your drawing is stored. Your drawing is still here. Try again.",
  empty: "Write a digit or a number first.",
  "no-number": `A number has 1 to 64 characters: ${SIGNS}.`,
  full: "The sheet is full. Undo a stroke, or clear the sheet.",
  declined: "Not stored.",
  "bad-link": "This link does not hold a complete drawing. Copy it again.",
  "copy-failed": "The browser does not allow copying here.",
};
const WAITING_MS = 2000; // without an answer, after which the status line says so
const GIVE_UP_MS = 60000; // without an answer, after which a request is aborted
const REREAD_MS = 150; // without a change of the crop frame, after which its inside is read
const SETTLED_MS = 600; // without a change, after which a screen reader hears the reading
const FULL_COLOUR_NATS = 2; // of an explanation, from which on a colour is full
const LIKELY = 0.01; // confidence, from which another text of a number is named
const CONSENT = "keep"; // the key in localStorage; browsers hold it, so its name stays
const SAME = { scale: 1, x: 0, y: 0 }; // the place of strokes on the sheet

let card = null; // of the served bundle
let reading = null; // the one shown
let announcement; // its timer
let rereading; // the timer of the crop frame

const showMessage = (state, text = MESSAGES[state]) => say(text, state);
const status = () => find("status").dataset.state;

const sheet = new Sheet(find("canvas"), find("pen"), changed, () => showMessage("full"), placeAll);
const crop = new Crop(find("crop"), sheet, reframed);
const numbers = new Numbers({
  layer: find("characters"),
  boxes: find("boxes"),
  menu: find("alternatives"),
  onChange: showCorrection,
  onConfirm: confirmNumber,
});
const input = find("input").getContext("2d", { willReadFrequently: true });
const live = new Live(
  (answer) => { if (!sheet.empty) show(answer); },
  () => { if (status() === "interrupted") showMessage(""); if (!sheet.empty) changed(); },
  () => { if (!status()) showMessage("interrupted"); },
);

function changed() {
  clearTimeout(rereading);
  crop.show(sheet.picture);
  const isUnseen = sheet.picture && !sheet.picture.bitmap;
  find("invitation").hidden = !sheet.empty && !isUnseen;
  find("invitation").textContent = isUnseen ? `${sheet.picture.file.name}: this browser cannot show it` : "Write a digit or a number here";
  find("whole").hidden = find("crop").hidden;
  find("pen").parentElement.hidden = find("eraser").disabled = Boolean(sheet.picture);
  find("undo").disabled = !sheet.canUndo;
  find("redo").disabled = !sheet.canRedo;
  for (const button of document.querySelectorAll("#share button")) {
    button.disabled = button.id === "save-input" ? !reading?.image : !sheet.strokes.length;
  }
  if (sheet.empty) {
    live.cancel();
    if (status() !== "interrupted") showMessage("");
    return clear();
  }
  if (sheet.picture) return predict();
  return live.send({ ...content(), explain: find("explain").checked, image: true });
}

const content = () => ({ strokes: sheet.strokes, pen: sheet.width });

/** The sheet has another size, or shows its content in another size. */
function placeAll() {
  crop.place();
  numbers.place();
}

/** Read what is inside the crop frame, once the frame rests. */
function reframed() {
  live.cancel();
  latest = {};
  forget();
  numbers.show([]);
  clearTimeout(rereading);
  rereading = setTimeout(predict, REREAD_MS);
}

/** Send the picture or the strokes over HTTP. Returns whether it succeeded, the answer, and the place of what was sent. */
async function post(path) {
  const type = sheet.picture ? "application/octet-stream" : "application/json";
  const { body, place } = sheet.picture ? await cut(sheet.picture) : { body: JSON.stringify(content()), place: SAME };
  const abort = new AbortController();
  const timers = [setTimeout(() => showMessage("waiting"), WAITING_MS), setTimeout(() => abort.abort(), GIVE_UP_MS)];
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": type },
      body,
      signal: abort.signal,
    });
    return [response.ok, await response.json(), place];
  } finally {
    timers.forEach(clearTimeout);
    if (status() === "waiting") showMessage("");
  }
}

/** Read over HTTP: a picture, or the strokes when Predict is pressed. */
async function predict() {
  live.cancel();
  const id = live.id; // changes with the drawing
  try {
    const [, answer, place] = await post(`api/read?number=auto&image=true&explain=${find("explain").checked}`);
    if (id === live.id && !sheet.empty) show(answer, place);
  } catch {
    if (id === live.id) showMessage("unreachable");
  }
}

// --- controls

find("predict").addEventListener("click", () => (sheet.empty ? showMessage("empty") : predict()));
find("reset").addEventListener("click", () => { if (!sheet.empty) sheet.replace([]); showMessage(""); });
find("whole").addEventListener("click", () => crop.reset());
find("undo").addEventListener("click", () => sheet.undo());
find("redo").addEventListener("click", () => sheet.redo());
find("explain").addEventListener("change", changed);
find("eraser").addEventListener("click", () => {
  sheet.erasing = !sheet.erasing;
  find("eraser").setAttribute("aria-pressed", sheet.erasing);
  find("canvas").classList.toggle("erasing", sheet.erasing);
});

document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  if (key === "y" || event.shiftKey) sheet.redo();
  else sheet.undo();
});

// --- pictures: pasted, dropped, chosen or photographed

let newest; // the file chosen last: others may take longer to decode

/** Put a picture on the sheet. One that the browser cannot decode is sent as it is. */
async function readPicture(file) {
  if (!file) return;
  newest = file;
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => null);
  if (file === newest) sheet.replace([], { file, bitmap });
}

find("picture").addEventListener("change", (event) => {
  readPicture(event.target.files[0]);
  event.target.value = "";
});
document.addEventListener("paste", (event) => readPicture(event.clipboardData.files[0]));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  readPicture(event.dataTransfer.files[0]);
});

// --- labelling and storing

const randomName = () =>
  [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function session() {
  if (!recall("session")) remember("session", randomName());
  return recall("session");
}

/** Store the drawing as `label`, { label } or { text }, after the person has once agreed to that. */
function giveLabel(label) {
  if (find("truth").disabled || find("consent").open) return;
  if (recall(CONSENT) === "yes") return void store(label);
  find("consent").returnValue = "no"; // the value if Escape closes it
  find("consent").showModal();
  find("consent").onclose = () => {
    if (find("consent").returnValue !== "yes") return showMessage("declined");
    remember(CONSENT, "yes");
    store(label);
  };
}

let storing = false;
let latest = {}; // the strokes sent last, with their idempotency key: sent again, they are stored once

async function store(label) {
  if (storing) return;
  storing = true;
  const drawn = sheet.strokes;
  try {
    if (latest.strokes !== drawn) latest = { strokes: drawn, key: randomName() };
    const query = new URLSearchParams({ ...label, session: session(), idempotency_key: latest.key });
    const [ok, answer] = await post(`api/drawings?${query}`);
    if (!ok) return showMessage("error", `${answer.error}. ${answer.hint}. Your drawing is still here.`);
    if (sheet.strokes === drawn) sheet.replace([]);
    showMessage("stored", `Stored as ${label.text ?? className(label.label)}. Write the next one.`);
  } catch {
    showMessage("unconfirmed");
  } finally {
    storing = false;
  }
}

/** Store the number as its field has it. A text of one digit labels a digit. */
function confirmNumber() {
  if (find("truth").disabled) return;
  const text = find("number").value.trim();
  if (!isText(text)) return showMessage("no-number");
  const label = card.classes.indexOf(text);
  giveLabel(label < 0 ? { text } : { label });
}

find("as-number").addEventListener("submit", (event) => {
  event.preventDefault();
  confirmNumber();
});
find("number").addEventListener("input", () => {
  if (reading && "label" in reading) return showButton();
  numbers.correct(0, find("number").value.trim());
  showNumbers();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || find("consent").open) return;
  if (event.key === "Escape" && numbers.isOpen) return numbers.hide();
  if (event.key === "Escape" && !crop.isWhole) return crop.reset();
  if (event.key === "Escape" && !sheet.empty) return find("reset").click();
  if (event.target.closest("input, select")) return;
  const isClass = /^[0-9]$/.test(event.key) && card && Number(event.key) < card.classes.length;
  if (isClass && reading && "label" in reading) return giveLabel({ label: Number(event.key) });
  if (event.key !== "Enter" || event.target.closest("button, a, summary") || !reading) return;
  if ("label" in reading) giveLabel({ label: reading.label });
  else confirmNumber();
});

// --- export and sharing

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    showMessage("copied", `Copied ${what}.`);
  } catch {
    showMessage("copy-failed");
  }
}

const buttons = {
  "save-png": async () => share.save(await share.png(sheet), "drawing.png"),
  "save-strokes": () => share.save(new Blob([share.json(sheet)], { type: "application/json" }), "drawing.json"),
  "save-input": async () => share.save(await share.inputPng(reading.image), "input-28x28.png"),
  "copy-curl": () => copy(share.curl(sheet), "a curl command"),
  "copy-python": () => copy(share.python(sheet, rowsOf(reading ?? {}).length), "a Python program"),
  "copy-link": () => copy(share.link(sheet), "a link to this drawing"),
};
for (const [id, act] of Object.entries(buttons)) find(id).addEventListener("click", act);

function openLink() {
  if (!location.hash) return;
  const drawing = share.fromLink(location.hash);
  if (!drawing) return void showMessage("bad-link");
  find("pen").value = drawing.pen;
  sheet.replace(drawing.strokes);
}
window.addEventListener("hashchange", openLink);

// --- the reading

const spoken = (part) => `${Math.min(Math.round(100 * part), 99)} percent`;
const className = (label) => card?.classes[label] ?? String(label);

function show({ id, ...answer }, place = SAME) {
  if (answer.error) {
    clear();
    return showMessage("error", `${answer.error}. ${answer.hint}.`);
  }
  if (!sheet.full) showMessage("");
  if (JSON.stringify(answer) === JSON.stringify(reading)) return; // corrections of it stay
  reading = answer;
  if ("label" in answer && !card?.model_sha256.startsWith(answer.model)) loadCard().catch(() => {}); // another bundle is served now
  find("save-input").disabled = !answer.image;
  const rows = rowsOf(answer);
  find("truth").disabled = rows.length > 1; // several rows cannot be labelled
  numbers.show(rows, place && ((box) => onSheet(box, place)));
  if (document.activeElement !== find("number")) find("number").value = rows.length === 1 ? answer.text : "";
  setKind(rows.length);
  if (rows.length) return showNumbers();
  showText(answer);
  showBars(answer.probabilities, answer.accepted === false ? null : answer.label);
  share.paintGrey(input, answer.image);
  if (answer.explanation) tint(answer.explanation);
}

/** Where a box of a reading lies, in pixels of the page: `place` is that of what was sent, in the drawing or picture. */
function onSheet([left, top, right, bottom], place) {
  const [{ scale, x, y }, unit] = [sheet.placement, find("canvas").clientWidth / sheet.view.width];
  const across = (value) => ((value * place.scale + place.x) * scale + x) * unit;
  const down = (value) => ((value * place.scale + place.y) * scale + y) * unit;
  return [across(left), down(top), across(right), down(bottom)];
}

/** A single digit in words: accepted, rejected, or not a digit at all. */
function showText(answer) {
  const shares = answer.probabilities;
  const [first, second] = shares.map((_, label) => label).sort((a, b) => shares[b] - shares[a]);
  if (answer.accepted !== false) {
    const details = `then ${className(second)}, ${percent(shares[second])}`;
    setResult("accepted", answer.name, percent(answer.confidence), details, `${answer.name}, ${spoken(answer.confidence)}`);
  } else if (card?.acceptance && answer.ood_score > card.acceptance.max_ood_score) {
    setResult("not-a-digit", "?", "Not a digit", `nearest: ${answer.name}`, "Not a digit");
  } else {
    const labels = answer.labels?.length > 1 ? answer.labels.slice(0, 3) : [first, second];
    const choice = labels.map(className).join(" or ");
    const details = labels.map((label) => `${className(label)}, ${percent(shares[label])}`).join("; ");
    setResult("rejected", choice, "Not sure", details, `Not sure: ${choice}`);
  }
}

/** One number, or several rows of them, as read or as corrected. */
function showNumbers() {
  const rows = rowsOf(reading);
  const texts = rows.length > 1 ? numbers.texts : [find("number").value.trim()];
  const spelled = texts.map((text) => [...text].join(" ")).join("; ");
  const text = texts.join("\n") || "?";
  const asRead = rows.map((row) => row.text).join("\n");
  const confidence = Math.min(...rows.map((row) => row.confidence));
  const likely = rows.length > 1 ? [] : reading.alternatives.filter((other) => other.confidence >= LIKELY && isText(other.text));
  const others = likely.slice(0, 3).map((other) => `${other.text}, ${percent(other.confidence)}`).join("; ");
  if (text !== asRead) setResult("corrected", text, "Corrected", `read as ${asRead}`, `Corrected: ${spelled}`);
  else if (rows.some((row) => row.accepted === false)) setResult("rejected", text, "Not sure", others && `or ${others}`, `Not sure: ${spelled}`);
  else setResult("accepted", text, percent(confidence), others && `else ${others}`, `${spelled}, ${spoken(confidence)}`);
  showButton();
}

/** A character was corrected. */
function showCorrection() {
  if (numbers.texts.length === 1) [find("number").value] = numbers.texts;
  showNumbers();
}

/** What the button beside the number's field says and does. */
function showButton() {
  const text = find("number").value.trim();
  const isAsRead = reading?.text === text;
  find("confirm").disabled = !isText(text);
  find("confirm").textContent = isAsRead ? "That is right" : "Store this number";
}

/** Show what a digit has, or `rows` of numbers: bars and labels, input image, explanation; or the field of a number. */
function setKind(rows) {
  for (const element of [find("bars"), find("input").parentElement, find("explain").parentElement, find("classes")]) element.hidden = rows > 0;
  find("as-number").hidden = rows > 1 || card?.frame !== "digit";
  find("truth").dataset.kind = rows > 1 ? "rows" : rows ? "number" : "digit";
  find("keys").textContent = rows > 1 ? "Several rows cannot be stored yet." : rows
    ? "Tab to a character and type the right one. Enter: as it stands." : "Keys 0 to 9. Enter: as read. Escape: discard.";
  showButton();
}

function setResult(state, label, confidence, details, announced) {
  find("result").dataset.state = state;
  find("label").textContent = label;
  find("label").classList.toggle("word", label.length > 2);
  find("confidence").textContent = confidence;
  find("details").textContent = details;
  clearTimeout(announcement);
  announcement = setTimeout(() => { find("announcement").textContent = announced; }, SETTLED_MS);
}

/** Turn ink that supports the reading red, and ink that opposes it blue. */
function tint(explanation) {
  const pixels = input.getImageData(0, 0, 28, 28);
  explanation.flat().forEach((nats, i) => {
    const strength = Math.min(Math.abs(nats) / FULL_COLOUR_NATS, 1);
    for (const channel of nats > 0 ? [1, 2] : [0, 1]) pixels.data[4 * i + channel] *= 1 - strength;
  });
  input.putImageData(pixels, 0, 0);
}

function showBars(probabilities, best) {
  [...find("bars").children].forEach((row, label) => {
    row.classList.toggle("best", label === best);
    row.querySelector(".fill").style.transform = `scaleX(${probabilities[label]})`;
    row.querySelector(".share").textContent = percent(probabilities[label]);
  });
}

/** Have no reading that could be stored or saved. */
function forget() {
  reading = null;
  find("truth").disabled = find("save-input").disabled = true;
}

function clear() {
  forget();
  if (sheet.empty) setResult("empty", "–", "Nothing drawn yet", "", "");
  else setResult("unread", "–", "Nothing read", "", "");
  clearTimeout(announcement);
  find("announcement").textContent = "";
  showBars(card ? card.classes.map(() => 0) : [], null);
  numbers.show([]);
  find("number").value = "";
  input.clearRect(0, 0, 28, 28);
  setKind(0);
}

/** Load the card of the served bundle. Make the bars and label buttons of its classes. */
async function loadCard() {
  card = await (await fetch("api/card")).json();
  const part = (className, ...children) => make("span", { className }, ...children);
  find("bars").replaceChildren(...card.classes.map((name) =>
    make("li", {}, part("name", name), part("track", part("fill")), part("share"))));
  find("classes").replaceChildren(...card.classes.map((name, label) => {
    const button = make("button", { type: "button", textContent: name, ariaLabel: `Label it ${name}` });
    button.addEventListener("click", () => giveLabel({ label }));
    return button;
  }));
  const { recipe, parameters, test, dataset } = card;
  find("card").dataset.recipe = recipe.name;
  find("card").textContent = `Network ${recipe.name}: ${parameters.toLocaleString("en")} parameters. ` +
    `It reads ${(100 * test.accuracy).toFixed(2)} % of ${test.n.toLocaleString("en")} ${dataset} test images correctly.`;
  clear();
  if (!sheet.empty) changed();
}

changed();
openLink();
(function tryToLoadCard() {
  loadCard().catch(() => setTimeout(tryToLoadCard, 2000));
})();
