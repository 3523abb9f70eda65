// @ts-check
// <inkling-pad>: a field of a form that is filled in by drawing a digit, or by its picture, and read in the page.

import { Reader } from "./reader.js";
import { Sheet } from "./sheet.js";

const STYLE = `
:host { display: inline-grid; gap: 8px; width: var(--inkling-size, 240px); font: inherit; }
:host([hidden]) { display: none; }
:host([mode="number"]) { width: var(--inkling-size, 480px); }
:host([mode="number"]) canvas { aspect-ratio: 3; }
canvas { width: 100%; aspect-ratio: 1; border-radius: 8px; background: var(--inkling-sheet, #16161d); touch-action: none; cursor: crosshair; }
canvas:focus-visible, button:focus-visible { outline: 3px solid var(--inkling-accent, #4338ca); outline-offset: 2px; }
div { display: flex; align-items: center; gap: 8px; }
output { flex: 1; font-size: 1.5em; font-weight: 600; min-height: 1.5em; }
output small { font-size: 0.6em; font-weight: 400; }
button { font: inherit; padding: 4px 12px; }
`;
const WORDS = { sheet: "Sheet to write on. Arrow keys move, space puts the pen down. A picture can be pasted.", undo: "Undo", clear: "Clear", unsure: "unsure" };

/**
 * Attributes: `mode`, which is "digit" or "number" on one line; `name`, `required` and `disabled` as of any field; `model`, the address of a folder that
 * `inkling export --to js` wrote; `threshold`, the least confidence of an accepted reading, in [0, 1].
 * A picture that is pasted or dropped is read instead of strokes.
 * Its `value` is what was read, or "" where nothing is drawn. It is invalid where the reading is not accepted.
 * Parts: sheet, answer, undo, clear. Custom properties: --inkling-size, --inkling-sheet, --inkling-accent.
 * @fires read - A drawing was read; `detail` is the Reading, or null
 * @fires input - The value has changed, as of any field
 * @fires change - Likewise, once the pen is lifted
 */
export class InklingPad extends HTMLElement {
  static formAssociated = true;
  static observedAttributes = ["model", "mode", "threshold", "required", "disabled"];

  #internals = this.attachInternals();
  /** @type {Sheet} */ #sheet;
  /** @type {Promise<Reader> | null} */ #reader = null;
  /** @type {any} */ #reading = null; // of the reader, for the mode
  #asked = 0; // readings that were asked for: an old answer is dropped

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.innerHTML = `<style>${STYLE}</style>
      <canvas part="sheet" tabindex="0" role="img"></canvas><input type="range" min="1" max="60" value="16" hidden>
      <div><output part="answer" aria-live="polite"></output><button part="undo" type="button"></button><button part="clear" type="button"></button></div>`;
    const [canvas, pen, undo, clear] = ["canvas", "input", "[part=undo]", "[part=clear]"].map((found) => root.querySelector(found));
    canvas.setAttribute("aria-label", WORDS.sheet);
    [undo.textContent, clear.textContent] = [WORDS.undo, WORDS.clear];
    this.#sheet = new Sheet(canvas, pen, () => this.#read(), () => {}, () => {});
    undo.addEventListener("click", () => this.#sheet.undo());
    clear.addEventListener("click", () => this.clear());
    canvas.addEventListener("pointerup", () => this.dispatchEvent(new Event("change", { bubbles: true })));
    this.addEventListener("paste", (event) => this.#take(event, event.clipboardData));
    this.addEventListener("drop", (event) => this.#take(event, event.dataTransfer));
    this.addEventListener("dragover", (event) => { if (event.dataTransfer.types.includes("Files")) event.preventDefault(); });
  }

  connectedCallback() {
    this.#read();
  }

  attributeChangedCallback(/** @type {string} */ name) {
    if (name === "model") this.#reader = null;
    this.#read();
  }

  get form() { return this.#internals.form; }
  get name() { return this.getAttribute("name") ?? ""; }
  get type() { return "inkling-pad"; }
  get validity() { return this.#internals.validity; }
  get validationMessage() { return this.#internals.validationMessage; }
  get willValidate() { return this.#internals.willValidate; }
  checkValidity() { return this.#internals.checkValidity(); }
  reportValidity() { return this.#internals.reportValidity(); }

  /** What was read, or "". */
  get value() { return this.#reading?.text ?? this.#reading?.name ?? ""; }

  /** What was read, or null where nothing is drawn. */
  get reading() { return this.#reading; }

  /** The strokes: lists of points x, y and perhaps a pressure. */
  get strokes() { return this.#sheet.strokes; }
  set strokes(strokes) { this.#sheet.replace(strokes); }

  /** Remove what is drawn. */
  clear() {
    this.#sheet.replace([]);
  }

  /** @param {boolean} disabled */
  formDisabledCallback(disabled) {
    this.inert = disabled;
  }

  formResetCallback() {
    this.clear();
  }

  /** The browser gives back what was drawn, as after Back. @param {string} state */
  formStateRestoreCallback(state) {
    this.strokes = JSON.parse(state);
  }

  /** Show a picture, and read it. @param {Event} event - Of pasting or dropping  @param {DataTransfer} data */
  async #take(event, { files: [file] }) {
    if (!file) return;
    event.preventDefault();
    try {
      const { Picture } = await import("./picture.js"); // few forms need it
      const source = await Picture.fromBlob(file);
      this.#sheet.replace([], { file, bitmap: await createImageBitmap(file, { imageOrientation: "from-image" }), source });
      this.dispatchEvent(new Event("change", { bubbles: true }));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Read what is drawn, and tell the form. */
  async #read() {
    const asked = ++this.#asked;
    const before = this.value;
    const source = this.#sheet.picture?.source ?? this.strokes;
    if (this.#sheet.empty) this.#reading = null;
    else {
      try {
        this.#reader ??= Reader.load(new URL(this.getAttribute("model") ?? "model", document.baseURI));
        const reader = await this.#reader;
        if (asked !== this.#asked) return;
        this.#reading = this.getAttribute("mode") === "number" ? reader.readNumber(source) : reader.read(source, this.#sheet.width);
      } catch (error) {
        this.#reader = null; // the next stroke tries again
        this.#reading = null;
        return this.#fail(error);
      }
    }
    this.#show();
    this.#internals.setFormValue(this.value, JSON.stringify(this.strokes));
    this.#validate();
    this.dispatchEvent(new CustomEvent("read", { detail: this.#reading, bubbles: true }));
    if (this.value !== before) this.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** @param {Error} error */
  #fail({ message }) {
    this.#show(message);
    this.#internals.setValidity({ customError: true }, message, this.#canvas);
  }

  get #canvas() { return /** @type {HTMLElement} */ (this.shadowRoot.querySelector("canvas")); }

  /** Whether the reading is believed, at the threshold of the bundle or of the attribute. */
  get accepted() {
    if (!this.#reading) return false;
    const threshold = Number(this.getAttribute("threshold") ?? NaN);
    return Number.isNaN(threshold) ? this.#reading.accepted !== false : this.#reading.confidence >= threshold;
  }

  #validate() {
    if (!this.#reading && this.hasAttribute("required")) this.#internals.setValidity({ valueMissing: true }, "Write something on the sheet.", this.#canvas);
    else if (this.#reading && !this.accepted) this.#internals.setValidity({ customError: true }, "This cannot be read for sure. Write it again.", this.#canvas);
    else this.#internals.setValidity({});
  }

  /** Show the answer, or what went wrong. @param {string} [problem] */
  #show(problem) {
    const answer = this.shadowRoot.querySelector("output");
    answer.textContent = problem ?? this.value;
    if (problem || !this.#reading || this.accepted) return;
    const small = document.createElement("small");
    small.textContent = ` ${WORDS.unsure}`;
    answer.append(small);
  }
}

customElements.define("inkling-pad", InklingPad);
