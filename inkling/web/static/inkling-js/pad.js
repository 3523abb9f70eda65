// @ts-check
// <inkling-pad>: a field of a form that is filled in by drawing a digit or a number, or by its picture, and read in the page.

import { Format } from "./formats.js";
import { Reader } from "./reader.js";
import { Sheet } from "./sheet.js";

const STYLE = `
:host { --size: 240px; display: inline-grid; gap: 8px; width: var(--inkling-size, var(--size)); max-width: 100%; font: inherit; }
:host([mode="number"]) { --size: 480px; }
:host([size]) { }
:host([hidden]) { display: none; }
:host([mode="number"]) canvas { aspect-ratio: 3; }
canvas { width: 100%; aspect-ratio: 1; border-radius: 8px; background: var(--inkling-sheet, #16161d); outline: 1px solid #888; touch-action: none; cursor: crosshair; }
canvas:focus-visible, button:focus-visible { outline: 3px solid var(--inkling-accent, #4338ca); outline-offset: 2px; }
div { display: flex; align-items: center; gap: 8px; }
output { flex: 1; font-size: 1.5em; font-weight: 600; min-height: 1.5em; }
output small { font-size: 0.6em; font-weight: 400; }
button { font: inherit; padding: 4px 12px; }
`;
const OF_SIZE = 2; // the rule of a pad that has the attribute
const PEN = "16"; // pixels, the width of the line
const PAUSE = 100; // milliseconds without a movement, after which a number is read while the pen is down: reading takes longer than a frame
const WORDS = {
  sheet: "Sheet to write on. Arrow keys move, space puts the pen down. A picture can be pasted.", undo: "Undo", clear: "Clear", unsure: "unsure",
  missing: "Write something on the sheet.", notAccepted: "This cannot be read for sure. Write it again.", waiting: "This is being read.",
};

const Field = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {}); // a server that renders pages has none

/** @param {string} tag  @param {Record<string, string>} [attributes]  @param {(Node | string)[]} children */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * A field of a form. Attributes: `mode`, "digit" or "number"; `format`, what a number looks like, as of `Format`; `size`, its width in pixels;
 * `model`, the address of a folder that `inkling export --to js` wrote; `threshold`, the least confidence of an accepted reading, in [0, 1];
 * `name`, `value`, `required` and `disabled`, as of any field. Each is a property, too.
 * A picture that is pasted or dropped is read instead of strokes. Its `value` is what was read, what the page gave instead, or "". It is invalid where the reading is not accepted.
 * Parts: sheet, answer, undo, clear. Custom properties: --inkling-size, --inkling-sheet, --inkling-accent.
 * @fires read - A drawing was read; `detail` is the reading, or null where nothing is drawn any more
 * @fires input - The value has changed, as of any field
 * @fires change - Likewise, once the pen is lifted
 */
export class InklingPad extends Field {
  static formAssociated = true;
  static observedAttributes = ["model", "mode", "format", "threshold", "size", "value", "required"];

  #internals = this.attachInternals();
  #style = new CSSStyleSheet(); // which a page's Content-Security-Policy allows
  /** @type {Sheet} */ #sheet;
  /** @type {HTMLOutputElement} */ #answer;
  /** @type {Promise<Reader> | null} */ #reader = null;
  /** @type {Format | undefined} */ #format;
  /** @type {import("./reader.js").Reading | import("./reader.js").NumberReading | null} */ #reading = null;
  #given = ""; // the value that the page gave, until something is drawn
  #told = ""; // the value of the last input event
  #committed = ""; // and of the last change event
  #isDown = false; // whether a pointer draws
  #asked = 0; // readings that were asked for: an old answer is dropped
  #read = Promise.resolve(); // the newest one

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    this.#style.replaceSync(STYLE);
    root.adoptedStyleSheets = [this.#style];
    const canvas = element("canvas", { part: "sheet", tabindex: "0", role: "img", "aria-label": WORDS.sheet });
    const [undo, clear] = ["undo", "clear"].map((part) => element("button", { part, type: "button" }, WORDS[part]));
    this.#answer = /** @type {HTMLOutputElement} */ (element("output", { part: "answer", "aria-live": "polite" }));
    root.append(canvas, element("div", {}, this.#answer, undo, clear));
    this.#sheet = new Sheet(canvas, element("input", { value: PEN }), () => this.#ask(this.#isDown && this.mode === "number" ? PAUSE : 0), () => {}, () => {});
    undo.addEventListener("click", () => { this.#sheet.undo(); this.#commit(); });
    clear.addEventListener("click", () => { this.clear(); this.#commit(); });
    canvas.addEventListener("pointerdown", () => { this.#isDown = true; }, true); // before the sheet hears of it
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => this.#lift());
    this.addEventListener("paste", (event) => this.#take(event, event.clipboardData));
    this.addEventListener("drop", (event) => this.#take(event, event.dataTransfer));
    this.addEventListener("dragover", (event) => { if (event.dataTransfer.types.includes("Files")) event.preventDefault(); });
    canvas.addEventListener("keyup", () => { if (!this.#sheet.cursor.down) this.#commit(); });
  }

  connectedCallback() {
    this.#ask();
  }

  attributeChangedCallback(/** @type {string} */ name) {
    if (name === "size") this.#resize();
    else if (name === "value" && this.#sheet.empty) this.#give(this.getAttribute("value"));
    else {
      if (name === "model") this.#reader = null;
      this.#ask();
    }
  }

  /** @type {HTMLFormElement | null} */
  get form() { return this.#internals.form; }
  get type() { return "inkling-pad"; }
  get validity() { return this.#internals.validity; }
  get validationMessage() { return this.#internals.validationMessage; }
  get willValidate() { return this.#internals.willValidate; }
  checkValidity() { return this.#internals.checkValidity(); }
  reportValidity() { return this.#internals.reportValidity(); }

  get name() { return this.getAttribute("name") ?? ""; }
  set name(name) { this.#reflect("name", name); }
  get mode() { return this.getAttribute("mode") === "number" ? "number" : "digit"; }
  set mode(mode) { this.#reflect("mode", mode); }
  /** @type {string | null} */
  get format() { return this.getAttribute("format"); }
  set format(format) { this.#reflect("format", format); }
  get model() { return this.getAttribute("model") ?? "model"; }
  set model(model) { this.#reflect("model", model); }
  /** @type {number | undefined} */
  get threshold() { return numberOf(this.getAttribute("threshold")); }
  set threshold(threshold) { this.#reflect("threshold", threshold); }
  /** @type {number | undefined} */
  get size() { return numberOf(this.getAttribute("size")); }
  set size(size) { this.#reflect("size", size); }
  get required() { return this.hasAttribute("required"); }
  set required(required) { this.#reflect("required", required); }
  get disabled() { return this.hasAttribute("disabled"); }
  set disabled(disabled) { this.#reflect("disabled", disabled); }

  /** Set an attribute, or remove it. @param {string} name  @param {string | number | boolean | null | undefined} value */
  #reflect(name, value) {
    if (value === null || value === undefined || value === false) this.removeAttribute(name);
    else this.setAttribute(name, value === true ? "" : String(value));
  }

  /** What was read, or what the page gave; "" where there is nothing. Another value than the present one removes what is drawn. */
  get value() { return this.#reading ? textOf(this.#reading) : this.#given; }
  set value(value) { if (String(value ?? "") !== this.value) this.#give(value); }

  /** @param {string | null | undefined} value */
  #give(value) {
    this.#reading = null;
    this.#given = this.#told = this.#committed = String(value ?? "");
    if (this.#sheet.empty) this.#ask();
    else this.#sheet.replace([]);
  }

  /** What was read, or null where nothing is drawn. @returns {import("./reader.js").Reading | import("./reader.js").NumberReading | null} */
  get reading() { return this.#reading; }

  /** The strokes: lists of points x, y and perhaps a pressure. */
  get strokes() { return this.#sheet.strokes; }
  set strokes(strokes) { this.#sheet.replace(strokes); }

  /** Remove what is drawn. */
  clear() {
    this.#given = "";
    this.#sheet.replace([]);
  }

  /** @param {boolean} disabled */
  formDisabledCallback(disabled) {
    this.inert = disabled;
  }

  formResetCallback() {
    this.#give(this.getAttribute("value"));
  }

  /** The browser gives back what was drawn, as after Back. @param {string} state */
  formStateRestoreCallback(state) {
    this.strokes = JSON.parse(state);
  }

  /** Whether to believe the value: the reading is accepted, or the page gave it. */
  get accepted() { return this.#reading ? this.#reading.accepted !== false : this.#given !== ""; }

  #lift() {
    this.#isDown = false;
    if (this.mode === "number") this.#ask();
    this.#commit();
  }

  /** Show a picture, and read it. @param {Event} event - Of pasting or dropping  @param {DataTransfer} data */
  async #take(event, { files: [file] }) {
    if (!file) return;
    event.preventDefault();
    try {
      const { Picture } = await import("./picture.js"); // few forms need it
      const source = await Picture.fromBlob(file);
      this.#sheet.replace([], { file, bitmap: await createImageBitmap(file, { imageOrientation: "from-image" }), source });
      this.#commit();
    } catch (error) {
      this.#show(error.message);
      this.#validate(error.message);
    }
  }

  #ask(pause = 0) {
    this.#read = this.#answered(++this.#asked, pause);
  }

  /** Read what is drawn, and tell the form and the page. @param {number} asked  @param {number} pause - Milliseconds to wait for more */
  async #answered(asked, pause) {
    let [reading, problem] = [null, ""];
    if (!this.#sheet.empty) {
      if (!this.#reading) this.#internals.setValidity({ customError: true }, WORDS.waiting, this.#sheet.canvas);
      try {
        const reader = await this.#loaded();
        if (pause) await new Promise((done) => { setTimeout(done, pause); });
        if (asked !== this.#asked) return;
        reading = this.#readBy(reader);
      } catch (error) {
        if (asked !== this.#asked) return;
        problem = error.message;
      }
      this.#given = "";
    }
    const isNew = reading !== this.#reading;
    this.#reading = reading;
    this.#show(problem);
    this.#validate(problem);
    this.#internals.setFormValue(this.value, JSON.stringify(this.strokes));
    if (isNew) this.dispatchEvent(new CustomEvent("read", { detail: reading, bubbles: true }));
    if (this.value === this.#told) return;
    this.#told = this.value;
    this.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #loaded() {
    this.#reader ??= Reader.load(new URL(this.model, document.baseURI)).catch((error) => {
      this.#reader = null; // the next stroke tries again
      throw error;
    });
    return this.#reader;
  }

  /** @param {Reader} reader */
  #readBy(reader) {
    const { threshold, format } = this;
    const source = this.#sheet.picture?.source ?? this.strokes;
    if (this.mode === "digit") return reader.read(source, this.#sheet.width, { threshold });
    if (this.#format?.name !== format) this.#format = format === null ? undefined : new Format(format);
    return reader.readNumber(source, { threshold, format: this.#format });
  }

  /** Tell the page of another value, once what is drawn is read. */
  async #commit() {
    await this.#read;
    if (this.value === this.#committed) return;
    this.#committed = this.value;
    this.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /** @param {string} problem - Why there is no reading */
  #validate(problem) {
    const missing = this.required && !this.value;
    if (problem) this.#internals.setValidity({ customError: true }, problem, this.#sheet.canvas);
    else if (this.#reading && !this.accepted) this.#internals.setValidity({ badInput: true }, WORDS.notAccepted, this.#sheet.canvas);
    else if (missing) this.#internals.setValidity({ valueMissing: true }, WORDS.missing, this.#sheet.canvas);
    else this.#internals.setValidity({});
  }

  /** @param {string} problem */
  #show(problem) {
    this.#answer.replaceChildren(problem || this.value);
    if (this.#reading && !this.accepted) this.#answer.append(element("small", {}, ` ${WORDS.unsure}`));
  }

  #resize() {
    const { style } = /** @type {CSSStyleRule} */ (this.#style.cssRules[OF_SIZE]);
    style.setProperty("--size", this.size === undefined ? "" : `${this.size}px`);
  }
}

/** @param {string | null} text */
const numberOf = (text) => (text === null || text.trim() === "" || Number.isNaN(Number(text)) ? undefined : Number(text));

/** @param {import("./reader.js").Reading | import("./reader.js").NumberReading} reading */
const textOf = (reading) => ("text" in reading ? reading.text : reading.name);

if (!globalThis.customElements?.get("inkling-pad")) globalThis.customElements?.define("inkling-pad", InklingPad);
