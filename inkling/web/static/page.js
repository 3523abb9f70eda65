// The page: what is drawn on the sheet is read by the server as it grows, and shown beside it.

import { Live } from "./live.js";
import * as share from "./share.js";
import { SIDE, Sheet } from "./sheet.js";

const find = (id) => document.getElementById(id);
const INTERRUPTED = "Live reading is interrupted; connecting again.";
const GONE = "The server does not answer. Is it still running? Your drawing is kept: try again.";
const UNTOLD = "The server has not said that it is kept. Your drawing is still here: try again.";
const WAITING = "The server takes long to answer; still waiting.";
const [LONG, TOO_LONG] = [2000, 60000]; // milliseconds without an answer: it is said, it is given up
const SETTLED = 600; // milliseconds without change, after which a reading is announced
const FULL_STRENGTH = 2; // nats of explanation at which a colour is full

let card = null; // of the served bundle
let last = null; // the latest reading shown
let announcing;

const say = (text) => { find("status").textContent = text; };
const sheet = new Sheet(find("canvas"), find("pen"), changed, say);
const seen = find("seen").getContext("2d", { willReadFrequently: true });
const live = new Live(
  (answer) => { if (!sheet.empty) show(answer); },
  () => { if (find("status").textContent === INTERRUPTED) say(""); if (!sheet.empty) changed(); },
  () => { if (!find("status").textContent) say(INTERRUPTED); },
);

function changed() {
  find("invitation").hidden = !sheet.empty;
  find("undo").disabled = !sheet.canUndo;
  find("redo").disabled = !sheet.canRedo;
  for (const button of document.querySelectorAll("#share button")) {
    button.disabled = button.dataset.of === "seen" ? !last?.image : !sheet.strokes.length;
  }
  if (sheet.empty) {
    live.forget();
    if (find("status").textContent !== INTERRUPTED) say("");
    return clear();
  }
  if (sheet.behind) return ask();
  return live.send({ ...content(), explain: find("why").checked });
}

const content = () => ({ strokes: sheet.strokes, pen: sheet.width });

/** Send the picture or strokes over HTTP: whether the server could, and its answer. */
async function post(path) {
  const picture = sheet.behind?.file;
  const given = new AbortController();
  const timers = [setTimeout(() => say(WAITING), LONG), setTimeout(() => given.abort(), TOO_LONG)];
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": picture ? picture.type : "application/json" },
      body: picture ?? JSON.stringify(content()),
      signal: given.signal,
    });
    return [response.ok, await response.json()];
  } finally {
    timers.forEach(clearTimeout);
    if (find("status").textContent === WAITING) say("");
  }
}

/** Ask once: of a picture, or of all strokes when one wants to be sure. */
async function ask() {
  live.forget();
  const asked = live.id;
  try {
    const [, answer] = await post(`/api/read?number=auto&explain=${find("why").checked}`);
    if (asked === live.id && !sheet.empty) show(answer);
  } catch {
    if (asked === live.id) say(GONE);
  }
}

// --- controls

find("predict").addEventListener("click", () => (sheet.empty ? say("Draw a digit first.") : ask()));
find("reset").addEventListener("click", () => { if (!sheet.empty) sheet.take([]); say(""); });
find("undo").addEventListener("click", () => sheet.undo());
find("redo").addEventListener("click", () => sheet.redo());
find("why").addEventListener("change", changed);
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

// --- pictures: pasted, dropped, chosen, photographed

async function takePicture(file) {
  if (!file) return;
  try {
    sheet.take([], { file, bitmap: await createImageBitmap(file) });
  } catch {
    say("Expected a picture (PNG, JPEG, WebP, BMP or GIF), but it cannot be shown. Choose another.");
  }
}

find("picture").addEventListener("change", (event) => {
  takePicture(event.target.files[0]);
  event.target.value = "";
});
document.addEventListener("paste", (event) => takePicture(event.clipboardData.files[0]));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  takePicture(event.dataTransfer.files[0]);
});

// --- saying what it really is

const madeUp = () => [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");

const agreed = () => localStorage.getItem("keep") === "yes";

function session() {
  if (!localStorage.getItem("session")) localStorage.setItem("session", madeUp());
  return localStorage.getItem("session");
}

function teach(label) {
  if (find("truth").disabled || find("consent").open) return;
  if (agreed()) return void keep(label);
  find("consent").returnValue = "no"; // what Escape leaves
  find("consent").showModal();
  find("consent").onclose = () => {
    if (find("consent").returnValue !== "yes") return say("Not kept.");
    localStorage.setItem("keep", "yes");
    keep(label);
  };
}

let keeping = false;
let sent = {}; // the latest, and its name: when it is sent again, it is kept once

async function keep(label) {
  if (keeping) return;
  keeping = true;
  const kept = sheet.strokes;
  try {
    if (sent.strokes !== kept) sent = { strokes: kept, name: madeUp() };
    const [ok, answer] = await post(`/api/drawings?label=${label}&session=${session()}&sending=${sent.name}`);
    if (!ok) return say(`${answer.error}. ${answer.hint}. Your drawing is still here.`);
    if (sheet.strokes === kept) sheet.take([]);
    say(`Kept as ${name(label)}. Draw the next one.`);
  } catch {
    say(UNTOLD);
  } finally {
    keeping = false;
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || find("consent").open) return;
  if (event.key === "Escape" && !sheet.empty) return find("reset").click();
  if (/^[0-9]$/.test(event.key) && card && Number(event.key) < card.classes.length) return teach(Number(event.key));
  const elsewhere = event.target.closest("button, input, a, summary");
  if (event.key === "Enter" && !elsewhere && last && "label" in last) teach(last.label);
});

// --- sharing

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied ${what}.`);
  } catch {
    say("The browser does not allow copying here.");
  }
}

const sharing = {
  "save-png": async () => share.save(await share.png(sheet), "drawing.png"),
  "save-strokes": () => share.save(new Blob([share.json(sheet)], { type: "application/json" }), "drawing.json"),
  "save-seen": async () => share.save(await share.seen(last.image), "seen-28x28.png"),
  "copy-curl": () => copy(share.curl(sheet), "a command for curl"),
  "copy-python": () => copy(share.python(sheet), "a Python program"),
  "copy-link": () => copy(share.link(sheet), "a link to this drawing"),
};
for (const [id, act] of Object.entries(sharing)) find(id).addEventListener("click", act);

function openLinked() {
  if (!location.hash) return;
  const drawing = share.linked(location.hash);
  if (!drawing) return void say("Expected a drawing in the link, but it is not whole. Copy it again.");
  find("pen").value = drawing.pen;
  sheet.take(drawing.strokes);
}
window.addEventListener("hashchange", openLinked);

// --- showing

const percent = (part) => (part >= 0.9995 ? "> 99.9 %" : `${(100 * part).toFixed(1)} %`); // never sure
const spoken = (part) => `${Math.min(Math.round(100 * part), 99)} percent`; // as is heard
const name = (label) => card?.classes[label] ?? String(label);

function show(answer) {
  if (answer.error) {
    clear();
    return say(`${answer.error}. ${answer.hint}.`);
  }
  if (!sheet.full) say("");
  last = answer;
  if (!card?.model_sha256.startsWith(answer.model)) introduce().catch(() => {}); // another is served now
  find("save-seen").disabled = !answer.image;
  find("truth").disabled = !answer.image; // several digits are no example of one
  if (answer.parts) return showNumber(answer);
  const ranked = answer.probabilities.map((part, label) => [part, label]).sort((a, b) => b[0] - a[0]);
  const [[, first], [part, second]] = ranked;
  const then = `then ${name(second)}, ${percent(part)}`;
  if (answer.accepted !== false) {
    tell(answer.name, percent(answer.confidence), then, `${answer.name}, ${spoken(answer.confidence)}`);
  } else if (card?.acceptance && answer.evidence < card.acceptance.evidence) {
    tell("?", "Not a digit", `nearest: ${answer.name}`, "not a digit");
  } else {
    const labels = answer.labels?.length > 1 ? answer.labels.slice(0, 3) : [first, second];
    const choice = labels.map(name).join(" or ");
    tell(choice, "Not sure", labels.map((l) => `${name(l)}, ${percent(answer.probabilities[l])}`).join("; "), `not sure: ${choice}`);
  }
  bars(answer.probabilities, answer.accepted === false ? null : answer.label);
  boxes([]);
  share.paintGrey(seen, answer.image);
  if (answer.explanation) tint(answer.explanation);
  oneDigit(true);
}

function showNumber(number) {
  const sure = number.accepted === false ? "Not sure" : percent(number.confidence);
  const each = number.parts.map((part) => ("label" in part ? `${part.text} ${percent(part.confidence)}` : part.text));
  const aloud = [...number.text].join(" ");
  tell(number.text, sure, each.join("; "),
    number.accepted === false ? `not sure: ${aloud}` : `${aloud}, ${spoken(number.confidence)}`);
  boxes(number.parts);
  oneDigit(false);
}

/** Whether what only one digit has is to be seen: its bars, its image. */
function oneDigit(is) {
  for (const of of [find("bars"), find("seen").parentElement, find("why").parentElement]) of.hidden = !is;
}

function tell(label, confidence, second, announced) {
  find("label").textContent = label;
  find("label").classList.toggle("word", label.length > 2);
  find("confidence").textContent = confidence;
  find("second").textContent = second;
  clearTimeout(announcing);
  announcing = setTimeout(() => { find("announcement").textContent = announced; }, SETTLED);
}

/** Around each part of a number, on the sheet. */
function boxes(parts) {
  let [scale, x, y] = [1, 0, 0];
  if (sheet.behind) {
    const { width, height } = sheet.behind.bitmap;
    scale = SIDE / Math.max(width, height);
    [x, y] = [(SIDE - width * scale) / 2, (SIDE - height * scale) / 2];
  }
  const make = (kind, attributes, text = "") => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  };
  find("boxes").replaceChildren(...parts.flatMap(({ box: [left, top, right, bottom], text, accepted }) => {
    const [a, b] = [left * scale + x, top * scale + y];
    const state = accepted === false ? "unsure" : "sure";
    return [
      make("rect", { x: a, y: b, width: (right - left) * scale, height: (bottom - top) * scale, rx: 4, class: state }),
      make("text", { x: a + 2, y: Math.max(b - 5, 14), class: state }, text),
    ];
  }));
}

/** Ink that spoke for the reading turns red, ink against it blue. */
function tint(explanation) {
  const pixels = seen.getImageData(0, 0, 28, 28);
  explanation.flat().forEach((nats, i) => {
    const strength = Math.min(Math.abs(nats) / FULL_STRENGTH, 1);
    for (const channel of nats > 0 ? [1, 2] : [0, 1]) pixels.data[4 * i + channel] *= 1 - strength;
  });
  seen.putImageData(pixels, 0, 0);
}

function bars(probabilities, best) {
  [...find("bars").children].forEach((row, label) => {
    row.classList.toggle("best", label === best);
    row.querySelector(".fill").style.transform = `scaleX(${probabilities[label]})`;
    row.querySelector(".share").textContent = percent(probabilities[label]);
  });
}

function clear() {
  last = null;
  find("truth").disabled = find("save-seen").disabled = true;
  tell("–", sheet.empty ? "Nothing drawn yet" : "Nothing read", "", "");
  clearTimeout(announcing);
  find("announcement").textContent = "";
  bars(card ? card.classes.map(() => 0) : [], null);
  boxes([]);
  seen.clearRect(0, 0, 28, 28);
  oneDigit(true);
}

async function introduce() {
  card = await (await fetch("/api/card")).json();
  find("bars").replaceChildren(...card.classes.map((text) => {
    const row = document.createElement("li");
    for (const part of ["name", "track", "share"]) {
      row.append(Object.assign(document.createElement("span"), { className: part }));
    }
    row.querySelector(".name").textContent = text;
    row.querySelector(".track").append(Object.assign(document.createElement("span"), { className: "fill" }));
    return row;
  }));
  for (const button of find("truth").querySelectorAll("button")) button.remove();
  find("truth").append(...card.classes.map((text, label) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    button.setAttribute("aria-label", `It is ${text}`);
    button.addEventListener("click", () => teach(label));
    return button;
  }));
  find("card").textContent =
    `Network ${card.recipe.name}: ${card.parameters.toLocaleString("en")} parameters, ` +
    `${(100 * card.test.accuracy).toFixed(2)} % of ${card.test.n.toLocaleString("en")} ${card.dataset} test images.`;
  bars(card.classes.map(() => 0), null);
  if (!sheet.empty) changed();
}

changed();
openLinked();
(function tryToIntroduce() {
  introduce().catch(() => setTimeout(tryToIntroduce, 2000));
})();
