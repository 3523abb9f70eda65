// @ts-check
// Shows a reading: its verdict, bars and label keys beside the sheet, and what the network sees on it.

import { find, make } from "./dom.js";
import { confidenceText as percent } from "./format.js";
import { isText, rowsOf } from "./number.js";
import { paintGrey } from "./share.js";
import { drawing, shared } from "./state.js";
import { nothing, verdictOf } from "./verdict.js";

const SETTLED_MS = 600; // without a change, after which a screen reader hears the reading
const FULL_COLOUR_NATS = 2; // of an explanation, from which on a colour is full
const KEYS = { // what is in the sheet's corner, by what it shows
  ink: "",
  input: "28 × 28 pixels: all that the network sees",
  why: "Red ink speaks for this reading, blue ink against it",
};

const input = find("input").getContext("2d", { willReadFrequently: true });
/** @type {ReturnType<typeof setTimeout> | undefined} */ let announcement;

/** Show the reading that drawing state holds, or that there is none. @param {boolean} isEmpty - Whether nothing is drawn */
export function showAnswer(isEmpty) {
  const [answer, card] = [drawing.get("reading"), shared.get("card")];
  const verdict = answer ? verdictOf(answer, card, drawing.get("texts")) : nothing(isEmpty);
  const rows = answer ? rowsOf(answer).length : 0;
  showVerdict(verdict);
  showBars(find("likeliest"), verdict.choices.map(({ text, share }) => [text, share]), verdict.state === "accepted" ? 0 : -1);
  const best = verdict.state === "accepted" ? answer.label : -1;
  if (card) showBars(find("bars"), card.classes.map((/** @type {string} */ name, /** @type {number} */ i) => [name, answer?.probabilities?.[i] ?? 0]), best);
  for (const id of ["all", "classes"]) find(id).hidden = rows > 0;
  find("as-number").hidden = rows > 1 || (card !== null && card.frame !== "digit");
  find("keys").textContent = rows > 1 ? "Several rows cannot be stored yet." : "";
  find("truth").disabled = !answer || rows > 1; // several rows cannot be labelled
  find("save-input").disabled = !answer?.image;
  find("look").disabled = !answer?.image;
  showButton();
  showOverlay();
}

/** @param {import("./verdict.js").Verdict} verdict */
function showVerdict({ state, label, verdict, confidence, details, said }) {
  find("result").dataset.state = find("verdict").dataset.state = state;
  find("label").textContent = label;
  find("label").dataset.size = label.length > 7 ? "long" : label.length > 2 ? "word" : "one";
  find("verdict").textContent = verdict;
  find("confidence").textContent = confidence;
  find("details").textContent = details;
  clearTimeout(announcement);
  announcement = setTimeout(() => { find("announcement").textContent = said; }, SETTLED_MS);
}

/** Bars of names and their shares. Rows are kept from reading to reading, so that they move. @param {HTMLElement} list  @param {[string, number][]} shares  @param {number} best - The index of the accepted one, or -1 */
function showBars(list, shares, best) {
  while (list.children.length > shares.length) list.lastElementChild?.remove();
  while (list.children.length < shares.length) {
    const fill = make("span", { className: "fill" });
    list.append(make("li", {}, make("span", { className: "name" }), make("span", { className: "track" }, fill), make("span", { className: "share" })));
  }
  shares.forEach(([name, share], i) => {
    const [text, track, number] = /** @type {HTMLElement[]} */ ([...list.children[i].children]);
    list.children[i].classList.toggle("best", i === best);
    text.textContent = name;
    /** @type {HTMLElement} */ (track.firstChild).style.transform = `scaleX(${share})`;
    number.textContent = percent(share);
  });
}

/** What the button beside the number's field stores: the field's text, or the reading. */
export function showButton() {
  const [answer, text] = [drawing.get("reading"), find("number").value.trim()];
  const stored = text || answer?.name;
  find("confirm").disabled = !answer || !stored || (text !== "" && !isText(text));
  find("confirm").textContent = answer && stored && !find("confirm").disabled ? `Store as ${stored}` : "Store";
}

/** What the network sees, over the ink: as it is, or coloured by what it did for the reading. */
export function showOverlay() {
  const [answer, look, toSheet] = [drawing.get("reading"), drawing.get("look"), drawing.get("place")];
  const isShown = Boolean(answer?.image && toSheet) && look !== "ink";
  if (answer?.image) paintGrey(input, answer.image);
  else input.clearRect(0, 0, 28, 28);
  if (answer?.explanation && look === "why") tint(answer.explanation);
  find("input").hidden = !isShown;
  find("key").hidden = !isShown;
  find("key").textContent = KEYS[/** @type {keyof typeof KEYS} */ (look)];
  if (!isShown) return;
  const [left, top, right, bottom] = toSheet(answer.image_box);
  Object.assign(find("input").style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
}

/** Turn ink that supports the reading red, and ink that opposes it blue. @param {number[][]} explanation */
function tint(explanation) {
  const pixels = input.getImageData(0, 0, 28, 28);
  explanation.flat().forEach((nats, i) => {
    const strength = Math.min(Math.abs(nats) / FULL_COLOUR_NATS, 1);
    for (const channel of nats > 0 ? [1, 2] : [0, 1]) pixels.data[4 * i + channel] *= 1 - strength;
  });
  input.putImageData(pixels, 0, 0);
}

/** Make the label keys of a bundle's classes. @param {string[]} names  @param {(label: number) => void} onLabel */
export function makeKeys(names, onLabel) {
  find("all").firstElementChild.textContent = `All ${names.length}`;
  find("classes").classList.toggle("words", names.some((name) => name.length > 2));
  find("classes").replaceChildren(...names.map((name, label) => {
    const button = make("button", { type: "button", textContent: name, ariaLabel: `Label it ${name}` });
    button.addEventListener("click", () => onLabel(label));
    return button;
  }));
}
