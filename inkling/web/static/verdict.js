// @ts-check
// A reading in words: what it is, how sure, and what else it may be. Nothing here touches the page.

import { confidenceText as percent, spoken } from "./format.js";
import { isText, rowsOf } from "./number.js";

/** @import { Answer, LinesAnswer, NumberAnswer } from "../types.js" */
/**
 * @typedef {object} Verdict
 * @property {"empty" | "unread" | "accepted" | "rejected" | "not-a-digit" | "corrected"} state
 * @property {string} label - What it is, in large letters
 * @property {string} verdict - The state in words
 * @property {string} confidence
 * @property {string} details
 * @property {string} said - For a screen reader
 * @property {{ text: string, share: number }[]} choices - The likeliest, at most MAX_CHOICES
 */

export const MAX_CHOICES = 3;
const LIKELY = 0.01; // confidence, from which another text of a number is named

/** @param {boolean} isEmpty - Whether nothing is drawn @returns {Verdict} */
export const nothing = (isEmpty) => ({
  state: isEmpty ? "empty" : "unread", label: "–", verdict: isEmpty ? "Nothing drawn yet" : "Nothing read",
  confidence: "", details: "", said: "", choices: [],
});

/**
 * What a reading comes to.
 * @param {Answer | NumberAnswer | LinesAnswer} answer
 * @param {any} card - Of the served bundle, or null
 * @param {string[]} texts - Of its numbers, as corrected
 * @returns {Verdict}
 */
export const verdictOf = (answer, card, texts) => (rowsOf(answer).length
  ? ofNumbers(/** @type {NumberAnswer | LinesAnswer} */ (answer), texts) : ofDigit(/** @type {Answer} */ (answer), card));

/** A single digit: accepted, rejected, or not a digit at all. @param {Answer} answer  @param {any} card @returns {Verdict} */
function ofDigit(answer, card) {
  const shares = answer.probabilities;
  /** @param {number} label */
  const nameOf = (label) => card?.classes[label] ?? String(label);
  const order = shares.map((_, label) => label).sort((a, b) => shares[b] - shares[a]);
  const choices = order.slice(0, MAX_CHOICES).map((label) => ({ text: nameOf(label), share: shares[label] }));
  if (answer.accepted !== false) {
    const confidence = percent(answer.confidence);
    const said = `${answer.name}, ${spoken(answer.confidence)}`;
    return { state: "accepted", label: answer.name, verdict: "Sure", confidence, details: "", said, choices };
  }
  if (card?.acceptance && answer.ood_score > card.acceptance.max_ood_score) {
    const details = `Nearest: ${answer.name}`;
    return { state: "not-a-digit", label: "?", verdict: "Not a digit", confidence: "", details, said: "Not a digit", choices };
  }
  const labels = (answer.labels?.length ?? 0) > 1 ? (answer.labels ?? []).slice(0, MAX_CHOICES) : order.slice(0, 2);
  const label = labels.map(nameOf).join(" or ");
  const details = labels.map((each) => `${nameOf(each)}, ${percent(shares[each])}`).join("; ");
  return { state: "rejected", label, verdict: "Not sure", confidence: "", details, said: `Not sure: ${label}`, choices };
}

/** One number, or several rows of them. @param {NumberAnswer | LinesAnswer} answer  @param {string[]} texts @returns {Verdict} */
function ofNumbers(answer, texts) {
  const rows = rowsOf(answer);
  const spelled = texts.map((text) => [...text].join(" ")).join("; ");
  const label = texts.join("\n") || "?";
  const asRead = rows.map((row) => row.text).join("\n");
  const confidence = Math.min(...rows.map((row) => row.confidence));
  const others = rows.length > 1 ? [] : rows[0].alternatives.filter((other) => other.confidence >= LIKELY && isText(other.text));
  const choices = rows.length > 1 ? [] : [rows[0], ...others].slice(0, MAX_CHOICES)
    .map(({ text, confidence: share }) => ({ text: text || "?", share }));
  const rest = { label, choices };
  if (label !== asRead) {
    return { ...rest, state: "corrected", verdict: "Corrected", confidence: "", details: `Read as ${asRead}`, said: `Corrected: ${spelled}` };
  }
  if (rows.some((row) => row.accepted === false)) {
    const details = rows.length > 1 ? "At least one row" : "";
    return { ...rest, state: "rejected", verdict: "Not sure", confidence: percent(confidence), details, said: `Not sure: ${spelled}` };
  }
  return { ...rest, state: "accepted", verdict: "Sure", confidence: percent(confidence), details: "", said: `${spelled}, ${spoken(confidence)}` };
}
