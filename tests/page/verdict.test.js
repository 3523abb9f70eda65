import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_CHOICES, nothing, verdictOf } from "../../inkling/web/static/verdict.js";

const CARD = { classes: [..."0123456789"], acceptance: { max_ood_score: 3 } };
const shares = (of) => Array.from({ length: 10 }, (_, label) => of[label] ?? 0);
const digit = (values) => ({ label: 4, name: "4", confidence: 0.6, accepted: true, ood_score: 0, labels: [4], probabilities: shares({ 4: 0.6, 9: 0.4 }), ...values });
const number = (values) => ({ text: "71", confidence: 0.8, accepted: true, parts: [{}], alternatives: [{ text: "74", confidence: 0.1 }, { text: "7?", confidence: 0.05 }, { text: "1", confidence: 0.001 }], ...values });

test("each kind of reading has a state of its own", () => {
  const states = {
    accepted: [digit({}), digit({ accepted: null }), number({})],
    rejected: [digit({ accepted: false }), number({ accepted: false })],
    "not-a-digit": [digit({ accepted: false, ood_score: 3.1 })],
  };
  for (const [state, answers] of Object.entries(states)) {
    for (const answer of answers) assert.equal(verdictOf(answer, CARD, answer.text ? [answer.text] : []).state, state);
  }
  assert.deepEqual([true, false].map((isEmpty) => nothing(isEmpty).state), ["empty", "unread"]);
});

test("the likeliest come first, and at most three", () => {
  const { choices } = verdictOf(digit({ probabilities: shares({ 1: 0.1, 4: 0.5, 7: 0.3, 9: 0.1 }) }), CARD, []);
  assert.deepEqual(choices.map(({ text }) => text), ["4", "7", "1"]);
  assert.ok(choices.length <= MAX_CHOICES);
  assert.deepEqual(verdictOf(number({}), CARD, ["71"]).choices, [{ text: "71", share: 0.8 }, { text: "74", share: 0.1 }]);
});

test("what it may be is named, whether the bundle gives a label set or not", () => {
  assert.equal(verdictOf(digit({ accepted: false, labels: [4, 9] }), CARD, []).label, "4 or 9");
  assert.equal(verdictOf(digit({ accepted: false, labels: null }), CARD, []).label, "4 or 9");
  assert.equal(verdictOf(digit({ accepted: false, labels: [9, 4, 1, 7] }), CARD, []).label, "9 or 4 or 1");
});

test("a number that was corrected says what was read", () => {
  const { state, label, details, said } = verdictOf(number({}), CARD, ["74"]);
  assert.deepEqual([state, label], ["corrected", "74"]);
  assert.match(details, /\b71$/);
  assert.match(said, /7 4$/);
});

test("of several rows the least sure counts", () => {
  const lines = { lines: [number({}), number({ text: "12", confidence: 0.3 })], model: "" };
  const { label, confidence, choices } = verdictOf(lines, CARD, ["71", "12"]);
  assert.deepEqual([label, confidence, choices], ["71\n12", "30.0 %", []]);
});
