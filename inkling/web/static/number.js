// @ts-check
// Numbers on the sheet: each character stands along its ink. A character can be replaced by one of
// its alternatives, or by typing over it; the whole text can be corrected in a field.

import { make } from "./dom.js";
import { confidenceText } from "./format.js";

export const SIGNS = "Digits and . , - / : + ( ) % $ € ="; // that a number may have
export const isText = (text) => /^[0-9.,\-/:+()%$€=]{1,64}$/.test(text); // as the server takes it
const SURE = 0.9; // confidence, below which a character is marked
const [HEIGHT, MIN_WIDTH, MAX_WIDTH, GAP] = [30, 24, 36, 4]; // pixels: of a character along the ink, and around it
const TARGET = 44; // pixels, the height of what can be tapped: a character, and the space beyond it
const HOVER_MS = 250; // before the alternatives of a character appear under a mouse
const MAX_CHOICES = 5; // alternatives of a character

/** The rows of an answer, each a number; none of a single digit. */
export const rowsOf = (answer) => answer.lines ?? (answer.parts ? [answer] : []);

/** What is to be shown of a character: "sure", "unsure", "corrected" or "removed". */
function stateOf({ text, now, confidence }) {
  if (now !== text) return now ? "corrected" : "removed";
  return confidence < SURE || !isText(text) ? "unsure" : "sure";
}

const textOf = (row) => row.parts.map((part) => part.now).join("");

/** The box around boxes: left, top, right, bottom. */
const around = (boxes) => [Math.min, Math.min, Math.max, Math.max].map((end, side) => end(...boxes.map((box) => box[side])));

const centre = ([left, , right]) => (left + right) / 2;

/** Left ends of boxes, `width` wide, near their centres: in order, none over another, within `total`. */
function spread(centres, width, total) {
  const pushed = centres.reduce((lefts, x) => [...lefts, Math.max(x - width / 2, (lefts.at(-1) ?? -Infinity) + width)], []);
  const pulled = centres.reduceRight((lefts, x) => [Math.min(x - width / 2, (lefts[0] ?? Infinity) - width), ...lefts], []);
  return centres.map((_, i) => Math.min(Math.max((pushed[i] + pulled[i]) / 2, i * width), total - (centres.length - i) * width));
}

/** Whether a row of characters goes below its ink: where there is room, and not above. Boxes are of rows of ink. */
function goesBelow([, top, , bottom], others, total) {
  const isFree = (y) => y >= 0 && y + HEIGHT <= total && others.every(([, from, , to]) => y + HEIGHT <= from || to <= y);
  return !isFree(top - 2 * GAP - HEIGHT) && isFree(bottom + 2 * GAP);
}

/** Where the characters of a row stand on a layer of `width` pixels: their `lefts`, their `top` and their `size`. */
function layout(box, parts, isBelow, width) {
  const size = Math.min(Math.max((box[2] - box[0]) / parts.length, MIN_WIDTH), MAX_WIDTH, width / parts.length);
  const top = isBelow ? box[3] + 2 * GAP : Math.max(box[1] - 2 * GAP, HEIGHT) - TARGET;
  return { lefts: spread(parts.map(centre), size, width), top, size };
}

export class Numbers {
  #rows = []; // each { parts: [{ text, now, confidence, box, alternatives }], box }
  #parts = new WeakMap(); // a character's button -> its part
  #toSheet = (box) => box; // what the reader calls a box -> the same in pixels of the layer
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #hover; // the timer of the alternatives
  /** @type {HTMLElement | null} */ #open = null; // the character whose alternatives are shown

  /** @type {HTMLElement} */ layer; // of the characters, over the sheet
  /** @type {SVGElement} */ boxes; // around the ink
  /** @type {HTMLElement} */ menu; // of alternatives
  /** @type {() => void} */ onChange; // a character was corrected
  /** @type {() => void} */ onConfirm; // the number is right as it stands

  constructor({ layer, boxes, menu, onChange, onConfirm }) {
    Object.assign(this, { layer, boxes, menu, onChange, onConfirm });
    layer.addEventListener("keydown", (event) => this.#onKey(event));
    layer.addEventListener("click", (event) => { const button = event.target.closest("button"); if (button) this.#show(button, true); });
    layer.addEventListener("pointerover", (event) => this.#onHover(event));
    layer.addEventListener("pointerout", () => this.#hideSoon());
    menu.addEventListener("pointerover", () => clearTimeout(this.#hover));
    menu.addEventListener("pointerout", () => this.#hideSoon());
    menu.addEventListener("keydown", (event) => this.#onMenuKey(event));
    menu.addEventListener("focusout", (event) => { if (!menu.contains(/** @type {Node} */ (event.relatedTarget))) this.hide(); });
    document.addEventListener("pointerdown", ({ target }) => { if (!menu.contains(/** @type {Node} */ (target)) && !this.#open?.contains(/** @type {Node} */ (target))) this.hide(); });
  }

  get texts() { return this.#rows.map(textOf); }
  get isCorrected() { return this.#rows.some((row) => row.parts.some((part) => part.now !== part.text)); }

  /** Show rows of numbers. `toSheet` gives where a box lies, in pixels of the layer; null where nothing can be shown. */
  show(rows, toSheet = this.#toSheet) {
    this.#rows = rows.map((row) => ({ ...row, parts: row.parts.map((part) => ({ ...part, now: part.text })) }));
    this.#toSheet = toSheet;
    this.place();
  }

  /** Put a corrected text in place of a row's, where each of its characters has a place. */
  correct(index, text) {
    const kept = this.#rows[index].parts.filter((part) => part.now);
    if (text.length !== kept.length) return;
    kept.forEach((part, i) => { part.now = text[i]; });
    this.place();
  }

  /** Place the characters, as the layer is now. */
  place() {
    this.hide();
    const focused = this.#buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const { clientWidth, clientHeight } = this.layer;
    this.boxes.setAttribute("viewBox", `0 0 ${clientWidth} ${clientHeight}`);
    const rows = this.#toSheet ? this.#rows : [];
    const boxes = rows.map(({ box, parts }) => this.#toSheet(around([box, ...parts.map((part) => part.box)])));
    this.layer.replaceChildren(...rows.map(({ parts }, row) => {
      const isBelow = goesBelow(boxes[row], boxes.filter((_, other) => other !== row), clientHeight);
      const name = `${rows.length > 1 ? `Row ${row + 1}` : "Number"}, character by character`;
      const places = layout(boxes[row], parts.map((part) => this.#toSheet(part.box)), isBelow, clientWidth);
      return make("div", { role: "toolbar", ariaLabel: name, className: isBelow ? "below" : "" },
        ...parts.map((part, i) => this.#character(part, i, parts.length, places)));
    }));
    this.boxes.replaceChildren(...rows.flatMap(({ parts }) => parts.map((part) => this.#rect(part))));
    if (focused >= 0) this.#focus(focused);
  }

  get #buttons() { return [...this.layer.querySelectorAll("button")]; }

  #character(part, index, count, { lefts, top, size }) {
    const state = stateOf(part);
    const share = confidenceText(part.confidence);
    const said = { corrected: `corrected, was ${part.text}`, removed: "removed", unsure: `unsure, ${share}`, sure: share }[state];
    const button = make("button", {
      type: "button", className: state, tabIndex: index ? -1 : 0, ariaHasPopup: "menu", ariaExpanded: "false",
      ariaLabel: `${part.now || part.text}, character ${index + 1} of ${count}, ${said}`,
    }, make("span", { textContent: part.now || part.text }));
    Object.assign(button.style, { left: `${lefts[index]}px`, top: `${top}px`, width: `${size}px`, height: `${TARGET}px` });
    this.#parts.set(button, part);
    return button;
  }

  #rect(part) {
    const [left, top, right, bottom] = this.#toSheet(part.box);
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const attributes = { x: left - GAP, y: top - GAP, width: right - left + 2 * GAP, height: bottom - top + 2 * GAP, rx: 4, class: stateOf(part) };
    for (const [key, value] of Object.entries(attributes)) rect.setAttribute(key, String(value));
    return rect;
  }

  /** Focus a character, the first or last one where `index` is beyond them. */
  #focus(index) {
    const button = this.#buttons[Math.min(Math.max(index, 0), this.#buttons.length - 1)];
    for (const each of this.#buttons) if (each.parentElement === button?.parentElement) each.tabIndex = each === button ? 0 : -1;
    button?.focus();
  }

  #set(button, text) {
    this.#parts.get(button).now = text;
    this.place();
    this.onChange();
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const [button, index] = [event.target, this.#buttons.indexOf(event.target)];
    const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: Infinity }[event.key];
    if (to !== undefined) this.#focus(to);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp" || event.key === " ") this.#show(button, true);
    else if (event.key === "Enter") this.onConfirm();
    else if (event.key === "Escape" && this.isCorrected) this.#revert();
    else if (event.key === "Backspace" || event.key === "Delete") this.#type(button, index, "", event.key === "Delete" ? 1 : -1);
    else if (event.key.length === 1 && isText(event.key)) this.#type(button, index, event.key, 1);
    else return;
    event.preventDefault();
    event.stopPropagation(); // digits would label the drawing
  }

  #type(button, index, text, step) {
    this.#set(button, text);
    this.#focus(index + step);
  }

  #revert() {
    for (const { parts } of this.#rows) for (const part of parts) part.now = part.text;
    this.place();
    this.onChange();
  }

  // --- a pointer: a tap chooses a character

  #onHover(event) {
    if (event.pointerType !== "mouse" || event.buttons) return;
    clearTimeout(this.#hover);
    const button = event.target.closest("button");
    if (button && button !== this.#open) this.#hover = setTimeout(() => this.#show(button, false), HOVER_MS);
  }

  #hideSoon() {
    clearTimeout(this.#hover);
    if (!this.menu.contains(document.activeElement)) this.#hover = setTimeout(() => this.hide(), HOVER_MS);
  }

  // --- the alternatives of a character

  get isOpen() { return this.#open !== null; }

  hide() {
    clearTimeout(this.#hover);
    this.#open?.setAttribute("aria-expanded", "false");
    this.#open = null;
    if (this.menu.matches(":popover-open")) this.menu.hidePopover();
  }

  #show(button, takesFocus) {
    if (!button.isConnected) return;
    this.hide();
    const { text, now, confidence, alternatives } = this.#parts.get(button);
    const known = alternatives.filter((other) => !other.text || isText(other.text)).slice(0, MAX_CHOICES);
    const choices = [{ text, confidence }, ...known, ...(known.some((other) => !other.text) ? [] : [{ text: "" }])];
    this.menu.ariaLabel = `Instead of ${now || text}`;
    this.menu.replaceChildren(...choices.filter((choice) => choice.text !== now).map((choice) => {
      const share = choice.confidence === undefined ? "" : confidenceText(choice.confidence);
      const item = make("button", { type: "button", role: "menuitem", tabIndex: -1 }, make("span", { textContent: choice.text || "Remove" }), make("small", { textContent: share }));
      item.addEventListener("click", () => {
        const index = this.#buttons.indexOf(button);
        this.#set(button, choice.text);
        this.#focus(index);
      });
      return item;
    }));
    this.menu.showPopover();
    const [box, { offsetWidth, offsetHeight }] = [button.firstChild.getBoundingClientRect(), this.menu];
    const fitsAbove = box.top >= offsetHeight && !button.closest(".below"); // it does not cover the ink
    this.menu.style.left = `${Math.max(Math.min(box.left, document.documentElement.clientWidth - offsetWidth - GAP), GAP)}px`;
    this.menu.style.top = `${fitsAbove ? box.top - offsetHeight : Math.max(Math.min(box.bottom, innerHeight - offsetHeight), 0)}px`;
    button.setAttribute("aria-expanded", "true");
    this.#open = button;
    if (takesFocus) /** @type {HTMLElement} */ (this.menu.firstElementChild)?.focus();
  }

  #onMenuKey(event) {
    const items = /** @type {HTMLElement[]} */ ([...this.menu.children]);
    const [index, button] = [items.indexOf(/** @type {HTMLElement} */ (document.activeElement)), this.#open];
    if (event.key === "ArrowDown") items[(index + 1) % items.length].focus();
    else if (event.key === "ArrowUp") items.at(index - 1).focus();
    else if (event.key === "Escape" || event.key === "Tab") button.focus();
    else if (event.key.length === 1 && isText(event.key)) {
      button.focus();
      button.dispatchEvent(new KeyboardEvent("keydown", event));
    } else return;
    event.stopPropagation();
    if (event.key !== "Tab") event.preventDefault();
  }
}
