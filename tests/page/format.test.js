import assert from "node:assert/strict";
import { test } from "node:test";
import { clock, confidenceText, count, percent, plural, short, spoken } from "../../inkling/web/static/format.js";

test("a confidence never reads 100 %", () => {
  for (const share of [0.99949, 0.9995, 0.99999, 1]) assert.ok(!confidenceText(share).includes("100"));
  assert.equal(confidenceText(0.98765), "98.8 %");
  assert.equal(confidenceText(1), "> 99.9 %");
  assert.equal(spoken(1), "99 percent");
});

test("numbers are grouped, shortened and counted", () => {
  assert.equal(count(66170), "66,170");
  assert.equal(short(2489000), "2.49M");
  assert.equal(percent(0.9948, 2), "99.48 %");
  assert.deepEqual([0, 1, 2].map((n) => plural(n, "drawing")), ["0 drawings", "1 drawing", "2 drawings"]);
});

test("seconds read as a clock does", () => {
  for (const [seconds, text] of [[0, "0:00"], [59.6, "1:00"], [61, "1:01"], [3600, "1:00:00"], [3725, "1:02:05"], [-1, "0:00"]]) {
    assert.equal(clock(seconds), text);
  }
});
