// @ts-check
// The drawing page. The server reads the drawing while it grows; the page shows the reading.

import { makeKeys, showAnswer, showButton, showOverlay } from "./answer.js";
import { Crop, cut } from "./crop.js";
import { find, say } from "./dom.js";
import { EXAMPLES, PHOTO, centred, play } from "./examples.js";
import { Labels } from "./labels.js";
import { Live } from "./live.js";
import { Numbers, SIGNS, rowsOf } from "./number.js";
import { readHere, ready, send, waiting } from "./offline.js";
import * as share from "./share.js";
import { Sheet, drawThrough } from "./inkling-js/sheet.js";
import { isForControl, listShortcuts, loadCard, shortcutsAreOn } from "./shell.js";
import { drawing, shared } from "./state.js";

const MESSAGES = { // of the status line, by its state
  "": "",
  interrupted: "Connection lost. Connecting again …",
  here: "The server is gone. This page reads by itself.",
  waiting: "Waiting for the server …",
  unreachable: "The server does not answer. Your drawing is still here. Check that the server is running, then try again.",
  unconfirmed: "The server has not confirmed that your drawing is stored. Your drawing is still here. Try again.",
  empty: "Write a digit or a number first.",
  "no-ink": "There is no ink in this picture.",
  "no-number": `A number has 1 to 64 characters: ${SIGNS}.`,
  full: "The sheet is full. Undo a stroke, or clear the sheet.",
  declined: "Not stored.",
  "bad-link": "This link does not hold a complete drawing. Copy it again.",
  "copy-failed": "The browser does not allow copying here.",
};
const WAITING_MS = 2000; // without an answer, after which the status line says so
const GIVE_UP_MS = 60000; // without an answer, after which a request is aborted
const REREAD_MS = 150; // without a change of the crop frame, after which its inside is read
const FETCH_MS = 1000; // after the page is shown, when the network is fetched
const SAME = { scale: 1, x: 0, y: 0 }; // the place of strokes on the sheet

/** @type {ReturnType<typeof setTimeout> | undefined} */ let rereading; // the timer of the crop frame

/** @param {string} state  @param {string} [text] */
const showMessage = (state, text = MESSAGES[/** @type {keyof typeof MESSAGES} */ (state)]) => drawing.set("message", { state, text });
const message = () => drawing.get("message").state;
drawing.watch("message", ({ state, text }) => say(text, state));

const sheet = new Sheet(find("canvas"), find("pen"), changed, () => showMessage("full"), placeAll);
const crop = new Crop(find("crop"), sheet, reframed);
const numbers = new Numbers({
  layer: find("characters"),
  boxes: find("boxes"),
  menu: find("alternatives"),
  onChange: correct,
  onConfirm: () => labels.confirm(),
});
drawThrough(find("characters"), find("canvas"), () => numbers.hide());
drawThrough(find("invitation"), find("canvas"));
const live = new Live(
  (answer) => { if (!sheet.empty) show(answer); },
  () => {
    shared.set("connection", "online");
    if (["interrupted", "here"].includes(message())) showMessage("");
    if (!sheet.empty) changed();
    sendWhatWaits();
  },
  () => {
    if (shared.get("connection") === "refused") return; // the header says why
    shared.set("connection", "offline");
    if (!message()) showMessage("interrupted");
    if (!sheet.empty && !["here", "no-ink"].includes(message())) changed();
  },
);
shared.watch("connection", (state) => { if (state === "refused" && message() === "interrupted") showMessage(""); });
const labels = new Labels(sheet, post, showMessage);

function changed() {
  clearTimeout(rereading);
  crop.show(sheet.picture);
  const isUnseen = sheet.picture && !sheet.picture.bitmap;
  find("invitation").hidden = !sheet.empty;
  find("unseen").hidden = !isUnseen;
  if (isUnseen) find("unseen").textContent = `${sheet.picture.file.name}: this browser cannot show it`;
  find("whole").hidden = find("crop").hidden;
  find("pen").parentElement.hidden = find("eraser").disabled = Boolean(sheet.picture);
  find("undo").disabled = !sheet.canUndo;
  find("redo").disabled = !sheet.canRedo;
  for (const button of find("share").querySelectorAll("button")) {
    button.disabled = button.id === "save-input" ? !drawing.get("reading")?.image : !sheet.strokes.length;
  }
  if (sheet.empty) {
    live.cancel();
    if (message() !== "interrupted") showMessage("");
    return clear();
  }
  if (sheet.picture) return predict();
  live.send({ ...content(), explain: drawing.get("look") === "why", image: true });
  return shared.get("connection") === "offline" ? withoutServer() : undefined;
}

/** Read the strokes in the page. */
async function withoutServer() {
  const drawn = sheet.strokes;
  const answer = await readHere(content()).catch(() => null); // the network was never fetched
  if (!answer || drawn !== sheet.strokes || shared.get("connection") !== "offline") return;
  show(answer);
  showMessage("here");
}

/** Read the picture in the page, as far as that can be. */
async function pictureWithoutServer() {
  const { id } = live; // changes with the drawing
  try {
    const { body, place } = await cut(sheet.picture);
    const answer = await readHere(body);
    if (id !== live.id) return;
    if (answer) show(answer, place);
    showMessage(answer ? "here" : "no-ink");
  } catch { // the network was never fetched, or the browser cannot decode the picture
    if (id === live.id) showMessage("unreachable");
  }
}

/** Send the drawings that were labelled without a server. */
async function sendWhatWaits() {
  if (!(await waiting().catch(() => 0))) return; // or the browser keeps nothing
  const stored = await send();
  if (stored) showMessage("sent", `Stored ${stored} drawing${stored === 1 ? "" : "s"} that waited for the server.`);
}

const content = () => ({ strokes: sheet.strokes, pen: sheet.width });

/** The sheet has another size, or shows its content in another size. */
function placeAll() {
  crop.place();
  numbers.place();
  showOverlay();
}

/** Read what is inside the crop frame, once the frame rests. */
function reframed() {
  live.cancel();
  labels.forget();
  clear();
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
    if (message() === "waiting") showMessage("");
  }
}

/** Read over HTTP: a picture, or the strokes once more. */
async function predict() {
  live.cancel();
  const id = live.id; // changes with the drawing
  try {
    const [, answer, place] = await post(`api/read?number=auto&image=true&explain=${drawing.get("look") === "why"}`);
    if (id === live.id && !sheet.empty) show(answer, place);
  } catch {
    if (id === live.id) await (sheet.picture ? pictureWithoutServer() : showMessage("unreachable"));
  }
}

// --- controls

find("predict").addEventListener("click", () => (sheet.empty ? showMessage("empty") : predict()));
find("reset").addEventListener("click", () => { if (!sheet.empty) sheet.replace([]); showMessage(""); });
find("whole").addEventListener("click", () => crop.reset());
find("undo").addEventListener("click", () => sheet.undo());
find("redo").addEventListener("click", () => sheet.redo());
find("look").addEventListener("change", (event) => drawing.set("look", event.target.value));
drawing.watch("look", (look) => {
  showOverlay();
  if (look === "why" && drawing.get("reading") && !drawing.get("reading").explanation) changed();
});
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

// --- labelling and correcting

find("as-number").addEventListener("submit", (event) => {
  event.preventDefault();
  labels.confirm();
});
find("number").addEventListener("input", () => {
  const answer = drawing.get("reading");
  if (!answer || "label" in answer) return showButton();
  const text = find("number").value.trim();
  numbers.correct(0, text);
  drawing.set("texts", [text]);
  showAnswer(sheet.empty);
});

/** A character was corrected on the sheet. */
function correct() {
  drawing.set("texts", numbers.texts);
  if (numbers.texts.length === 1) [find("number").value] = numbers.texts;
  showAnswer(sheet.empty);
}

listShortcuts([
  ["0 … 9", "Label a digit, and store it"], ["Enter", "Store as read"], ["Esc", "Clear the sheet"],
  ["Ctrl Z", "Undo"], ["Ctrl Shift Z", "Redo"], ["Ctrl V", "Paste a picture"],
  ["← ↑ → ↓", "On the sheet: move the cursor"], ["Space", "On the sheet: start or end a stroke"],
  ["← →", "On a number: choose a character; type over it"],
]);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && numbers.isOpen) return numbers.hide();
  if (event.key === "Escape" && !crop.isWhole) return crop.reset();
  if (event.key === "Escape" && !sheet.empty) return find("reset").click();
  const [answer, card] = [drawing.get("reading"), shared.get("card")];
  if (isForControl(event) || !answer) return;
  const isClass = /^[0-9]$/.test(event.key) && Number(event.key) < card?.classes.length;
  if (isClass && "label" in answer && shortcutsAreOn()) return labels.give({ label: Number(event.key) });
  if (event.key === "Enter" && !/** @type {Element} */ (event.target).closest("button, a, summary")) labels.confirm();
});

// --- examples for who does not want to draw

find("invitation").addEventListener("click", async ({ target }) => {
  const name = target.dataset?.example;
  if (name === "photo") return readPicture(new File([await (await fetch(PHOTO)).blob()], "photo.jpg", { type: "image/jpeg" }));
  if (name) await play(sheet, centred(EXAMPLES[/** @type {keyof typeof EXAMPLES} */ (name)], sheet.view));
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
  "save-input": async () => share.save(await share.inputPng(drawing.get("reading").image), "input-28x28.png"),
  "copy-curl": () => copy(share.curl(sheet), "a curl command"),
  "copy-python": () => copy(share.python(sheet, rowsOf(drawing.get("reading") ?? {}).length), "a Python program"),
  "copy-link": () => copy(share.link(sheet), "a link to this drawing"),
};
for (const [id, act] of Object.entries(buttons)) find(id).addEventListener("click", act);

function openLink() {
  if (!location.hash) return;
  const linked = share.fromLink(location.hash);
  if (!linked) return void showMessage("bad-link");
  find("pen").value = linked.pen;
  sheet.replace(linked.strokes);
}
window.addEventListener("hashchange", openLink);

// --- the reading

/** Show an answer. `place` is that of what was sent, in the drawing or picture; null where it cannot be shown. */
function show({ id, ...answer }, place = SAME) {
  if (answer.error) {
    clear();
    return showMessage("error", `${answer.error}. ${answer.hint}.`);
  }
  if (!sheet.full) showMessage("");
  if (JSON.stringify(answer) === JSON.stringify(drawing.get("reading"))) return; // corrections of it stay
  const card = shared.get("card");
  if ("label" in answer && !card?.model_sha256.startsWith(answer.model)) loadCard().catch(() => {}); // another bundle is served now
  const rows = rowsOf(answer);
  const toSheet = place && ((box) => onSheet(box, place));
  drawing.set("place", toSheet);
  drawing.set("reading", answer);
  drawing.set("texts", rows.map((row) => row.text));
  numbers.show(rows, toSheet);
  if (document.activeElement !== find("number")) find("number").value = rows.length === 1 ? answer.text : "";
  else if (rows.length === 1) drawing.set("texts", [find("number").value.trim()]);
  showAnswer(false);
}

/** Where a box of a reading lies, in pixels of the page: `place` is that of what was sent, in the drawing or picture. */
function onSheet([left, top, right, bottom], place) {
  const [{ scale, x, y }, unit] = [sheet.placement, find("canvas").clientWidth / sheet.view.width];
  const across = (value) => ((value * place.scale + place.x) * scale + x) * unit;
  const down = (value) => ((value * place.scale + place.y) * scale + y) * unit;
  return [across(left), down(top), across(right), down(bottom)];
}

function clear() {
  drawing.set("reading", null);
  numbers.show([]);
  find("number").value = "";
  showAnswer(sheet.empty);
}

shared.watch("card", (card) => {
  if (!card) return;
  makeKeys(card.classes, (label) => labels.give({ label }));
  clear();
  if (!sheet.empty) changed();
});
changed();
openLink();
if ("serviceWorker" in navigator) navigator.serviceWorker.register("sw.js").catch(() => {}); // as where the browser keeps nothing
addEventListener("load", () => setTimeout(() => ready().catch(() => {}), FETCH_MS)); // the network, for when the server is gone
