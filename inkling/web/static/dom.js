// @ts-check
// Shared by the pages: elements, and calls to the server.

import { shared } from "./state.js";

/** The element of an id. Which kind it is, the page's HTML decides. @param {string} id @returns {any} */
export const find = (id) => document.getElementById(id);

/** Show a text in a status element. `state` names its kind for styles and tests. @param {HTMLElement} element  @param {string} text  @param {string} [state] */
export function setStatus(element, text, state = "") {
  element.textContent = text;
  element.dataset.state = state;
}

/** @param {string} text  @param {string} [state] */
export const say = (text, state) => setStatus(find("status"), text, state);

/** @type {Map<string, string>} */ const memory = new Map(); // while the browser keeps no data for this site

/** A value of an earlier visit, or null. @param {string} key @returns {string | null} */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch { // cookies are blocked
    return memory.get(key) ?? null;
  }
}

/** Keep a value for later visits, or until this page closes where the browser keeps none. @param {string} key  @param {string} value */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    memory.set(key, value);
  }
}

/** An element with properties and children. @param {string} kind  @param {Record<string, any>} [properties]  @param {...(Node | string)} children @returns {any} */
export function make(kind, properties = {}, ...children) {
  const element = Object.assign(document.createElement(kind), properties);
  element.append(...children);
  return element;
}

/** The JSON that the server answers. Throws an Error to show: `offline` without an answer, else with its `problem`. @param {string} path  @param {RequestInit} [options] @returns {Promise<any>} */
export const call = async (path, options) => (await answerOf(path, options)).content;

/** The same, and the address of the next page where there is one: a Link header's. @param {string} path  @param {RequestInit} [options] @returns {Promise<{ content: any, next: string | null }>} */
export async function answerOf(path, options) {
  let response;
  try {
    response = await fetch(path, options);
    shared.set("connection", "online");
  } catch {
    shared.set("connection", "offline");
    throw Object.assign(new Error("The server does not answer. Check that it is running."), { offline: true });
  }
  const content = response.status === 204 ? null : await response.json();
  if (!response.ok) throw Object.assign(new Error(`${content.error}. ${content.hint}.`), { problem: content });
  const [, next] = response.headers.get("Link")?.match(/<([^>]*)>; rel="next"/) ?? [];
  return { content, next: next ? new URL(next, response.url).href : null };
}

/** `act`, with its errors shown by `show(text, state)`. @param {(...values: any[]) => any} act  @param {(text: string, state?: string) => void} [show] */
export const reporting = (act, show = say) => async (...values) => {
  try {
    await act(...values);
  } catch (error) {
    show(/** @type {Error} */ (error).message, "error");
  }
};

/** Show an error of the server in `element`, its command as code; hide the element without one. @param {HTMLElement} element  @param {import("../types.js").Problem | null} problem */
export function showProblem(element, problem) {
  element.hidden = !problem;
  if (!problem) return;
  const { error, hint } = problem;
  const [, lead, command] = hint.match(/^(.*?: )((?:pip|inkling) .*)$/) ?? [null, hint, ""];
  element.replaceChildren(`${error}. ${lead}`, ...(command ? [make("code", { textContent: command })] : []));
}

/** Whether this installation can train. If not, show the reason and the pip command in `element`. @param {HTMLElement} element */
export async function canTrain(element) {
  const problem = await call("api/training");
  showProblem(element, problem.error ? problem : null);
  return !problem.error;
}

/** The name in the address, after its #. One typed by hand may be no encoded text. */
export function nameInAddress() {
  const text = location.hash.slice(1);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A table with a caption. The first cell of each row is its heading. @param {string} caption  @param {string[]} head  @param {string[][]} rows */
export function table(caption, head, rows) {
  /** @param {string} kind  @param {string} text  @param {string} [scope] */
  const cell = (kind, text, scope) => make(kind, { textContent: text, ...(scope && { scope }) });
  return make("table", {}, make("caption", { textContent: caption }),
    make("thead", {}, make("tr", {}, ...head.map((text) => cell("th", text, "col")))),
    make("tbody", {}, ...rows.map(([first, ...others]) =>
      make("tr", {}, cell("th", first, "row"), ...others.map((text) => cell("td", text))))));
}
