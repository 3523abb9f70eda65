// @ts-check
// Labels a drawing and stores it, after the person has once agreed to that.

import { find, recall, remember } from "./dom.js";
import { isText } from "./number.js";
import { keep } from "./offline.js";
import { drawing, shared } from "./state.js";

const CONSENT = "keep"; // the key in localStorage; browsers hold it, so its name stays

/** A random name, of 24 hexadecimal digits. */
const randomName = () =>
  [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Under which this browser stores. @returns {string} */
function session() {
  if (!recall("session")) remember("session", randomName());
  return /** @type {string} */ (recall("session"));
}

/** @typedef {{ label: number } | { text: string }} Label */

export class Labels {
  #isStoring = false;
  /** @type {import("./inkling-js/sheet.js").Sheet} */ sheet;
  /** @type {(path: string) => Promise<any[]>} */ post; // sends the drawing; gives whether it succeeded, and the answer
  /** @type {(state: string, text?: string) => void} */ showMessage;
  /** @type {{ strokes?: number[][][], key: string }} */ #latest = { key: "" }; // the strokes sent last, with their idempotency key: sent again, they are stored once

  constructor(sheet, post, showMessage) {
    Object.assign(this, { sheet, post, showMessage });
  }

  /** What is on the sheet has changed in itself: a picture's frame. */
  forget() { this.#latest = { key: "" }; }

  /** Store the drawing as a label, once the person has agreed. @param {Label} label */
  give(label) {
    const consent = find("consent");
    if (find("truth").disabled || consent.open) return;
    if (recall(CONSENT) === "yes") return void this.#store(label);
    consent.returnValue = "no"; // the value if Escape closes it
    consent.showModal();
    consent.onclose = () => {
      if (consent.returnValue !== "yes") return this.showMessage("declined");
      remember(CONSENT, "yes");
      this.#store(label);
    };
  }

  /** Store the text of the number's field, or else the drawing as it is read. A text of one digit labels a digit. */
  confirm() {
    const answer = drawing.get("reading");
    if (find("truth").disabled || !answer) return;
    const text = find("number").value.trim();
    if (!text && "label" in answer) return this.give({ label: answer.label });
    if (!isText(text)) return this.showMessage("no-number");
    const label = shared.get("card").classes.indexOf(text);
    this.give(label < 0 ? { text } : { label });
  }

  /** @param {Label} label */
  async #store(label) {
    if (this.#isStoring) return;
    this.#isStoring = true;
    const drawn = this.sheet.strokes;
    if (this.#latest.strokes !== drawn) this.#latest = { strokes: drawn, key: randomName() };
    const { key } = this.#latest;
    const path = `api/drawings?${new URLSearchParams({ .../** @type {any} */ (label), session: session(), idempotency_key: key })}`;
    const name = "text" in label ? label.text : shared.get("card")?.classes[label.label] ?? label.label;
    try {
      const [ok, answer] = await this.post(path);
      if (!ok) return this.showMessage("error", `${answer.error}. ${answer.hint}. Your drawing is still here.`);
      if (this.sheet.strokes === drawn) this.sheet.replace([]);
      this.showMessage("stored", `Stored as ${name}. Write the next one.`);
    } catch {
      await this.#wait({ key, path, body: JSON.stringify({ strokes: drawn, pen: this.sheet.width }) }, drawn, name);
    } finally {
      this.#isStoring = false;
    }
  }

  /** The server does not answer: strokes wait in the browser; a picture stays on the sheet. */
  async #wait(sent, drawn, name) {
    if (this.sheet.picture || shared.get("connection") !== "offline") return this.showMessage("unconfirmed");
    try {
      await keep(sent);
    } catch { // the browser keeps nothing
      return this.showMessage("unconfirmed");
    }
    if (this.sheet.strokes === drawn) this.sheet.replace([]);
    this.showMessage("kept", `Kept in this browser as ${name}. It is sent once the server is back.`);
  }
}
