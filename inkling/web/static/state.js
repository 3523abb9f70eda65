// @ts-check
// What a page knows. Modules set values here, and are told when one changes. Nothing is read off the
// page but what a person types into a field.

/** Named values that tell who watches them. */
export class State {
  /** @type {Map<string, any>} */ #values = new Map();
  /** @type {Map<string, ((value: any) => void)[]>} */ #watchers = new Map();

  /** @param {Record<string, any>} [values] */
  constructor(values = {}) {
    for (const [key, value] of Object.entries(values)) this.#values.set(key, value);
  }

  /** @param {string} key */
  get(key) { return this.#values.get(key); }

  /** Set a value, and tell its watchers where it is another. @param {string} key  @param {any} value */
  set(key, value) {
    if (Object.is(this.#values.get(key), value)) return;
    this.#values.set(key, value);
    for (const watcher of this.#watchers.get(key) ?? []) watcher(value);
  }

  /** Call `watcher` with the value now, and with each one after it. @param {string} key  @param {(value: any) => void} watcher */
  watch(key, watcher) {
    this.#watchers.set(key, [...(this.#watchers.get(key) ?? []), watcher]);
    watcher(this.get(key));
  }
}

/** Of every page: the card of the served bundle, and whether the server answers. */
export const shared = new State({ card: null, connection: "connecting" });

/** Of the drawing page. */
export const drawing = new State({
  message: { state: "", text: "" }, // of the status line
  reading: null, // the answer that is shown
  place: null, // of what was read, on the sheet
  texts: [], // of a number's rows, as corrected
  look: "ink", // what the sheet shows: "ink", the network's "input", or "why" it reads so
});
