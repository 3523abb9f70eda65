// @ts-check
// The header of every page, its keyboard shortcuts, and messages that can be undone.

import { call, find, make, recall, remember, showProblem } from "./dom.js";
import { count, percent } from "./format.js";
import { shared } from "./state.js";

const [ASK_MS, RETRY_MS] = [30000, 2000]; // between questions whether the server is there
const CONNECTIONS = { connecting: "Connecting", online: "Online", offline: "Offline", refused: "Refused" };

shared.watch("connection", (state) => {
  const connection = find("connection");
  if (!connection) return; // as on the documentation site, where no server is
  connection.dataset.state = state;
  connection.title = CONNECTIONS[state];
  connection.replaceChildren(make("span", { className: ["offline", "refused"].includes(state) ? "" : "unseen", textContent: CONNECTIONS[state] }));
});
shared.watch("card", (card) => {
  if (find("served")) find("served").hidden = !card;
  if (!card) return;
  const { recipe, test, dataset } = card;
  find("served").dataset.recipe = recipe.name;
  find("served").title = `Served: ${recipe.name} reads ${percent(test.accuracy, 2)} of ${count(test.n)} ${dataset} test images correctly`;
  find("served").replaceChildren(make("b", { textContent: recipe.name }), ` ${percent(test.accuracy, 2)}`);
});

/** Load the card of the served bundle, for the header and the page. */
export async function loadCard() {
  shared.set("card", await call("api/card"));
}

/** Ask now and then: the server may go, or serve another bundle. */
async function keepAsking() {
  let pause = ASK_MS;
  try {
    if (!document.hidden || !shared.get("card")) await loadCard();
    showProblem(find("refusal"), null);
  } catch (error) {
    if (error.problem) shared.set("connection", "refused"); // as where it wants a token
    showProblem(find("refusal"), error.problem ?? null);
    if (!shared.get("card")) pause = RETRY_MS;
  }
  setTimeout(keepAsking, pause);
}
if (find("connection")) keepAsking();

// --- keyboard shortcuts: listed under "?", and those of a single key can be switched off

const OFF = "shortcuts-off"; // the key in localStorage
const ANYWHERE = [["?", "List the shortcuts"]];

/** Whether shortcuts of a single key act. */
export const shortcutsAreOn = () => recall(OFF) !== "yes";

/** List shortcuts under "?". @param {string[][]} shortcuts - each its keys, apart by a space, and what they do */
export function listShortcuts(shortcuts) {
  find("shortcuts").querySelector("dl").replaceChildren(...[...shortcuts, ...ANYWHERE].flatMap(([keys, about]) => [
    make("dt", {}, ...keys.split(" ").flatMap((key, i) => [...(i ? [" "] : []), make("kbd", { textContent: key })])),
    make("dd", { textContent: about })]));
}

/** Whether a key press is text or a choice for the element it goes to. @param {KeyboardEvent} event */
export const isForControl = (event) => Boolean(/** @type {Element} */ (event.target).closest("input, select, textarea, dialog"));

listShortcuts([]);
find("shortcuts-on").checked = shortcutsAreOn();
find("shortcuts-on").addEventListener("change", ({ target }) => remember(OFF, target.checked ? "no" : "yes"));
find("help").addEventListener("click", () => find("shortcuts").showModal());
document.addEventListener("keydown", (event) => {
  if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey || isForControl(event) || !shortcutsAreOn()) return;
  event.preventDefault();
  find("shortcuts").showModal();
});

// --- what was done, and how to undo it

let undoing = null; // what undoes the last action

/** Say what was done. With `undo`, it can be undone, by the button or by Ctrl-Z. @param {string} text  @param {(() => Promise<void>) | null} [undo] */
export function toast(text, undo = null) {
  undoing = undo;
  const button = make("button", { type: "button", textContent: "Undo" });
  button.addEventListener("click", undoLast);
  find("toast").replaceChildren(make("div", {}, make("span", { textContent: text }), ...(undo ? [button] : [])));
}

/** Undo the last action, if it can be. */
export async function undoLast() {
  const undo = undoing;
  if (!undo) return;
  undoing = null;
  find("toast").replaceChildren();
  await undo();
}
