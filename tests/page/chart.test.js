import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest, ticks } from "../../inkling/web/static/chart.js";

test("an axis has round values, inside its ends", () => {
  assert.deepEqual(ticks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticks(0.913, 0.997, 5), [0.92, 0.94, 0.96, 0.98]);
  assert.deepEqual(ticks(0, 3000, 6), [0, 500, 1000, 1500, 2000, 2500, 3000]);
  for (const [low, high] of [[-3, 7], [1e-6, 2e-6], [99, 100], [0, 1e9]]) {
    const found = ticks(low, high, 5);
    assert.ok(found.length >= 2 && found.length <= 11);
    assert.ok(found[0] >= low - 1e-9 && found.at(-1) <= high * (1 + 1e-9));
  }
});

test("the value nearest to a place is found", () => {
  const xs = [0, 1, 2, 10];
  assert.deepEqual([-5, 0.4, 0.6, 5.9, 6.1, 99].map((x) => nearest(xs, x)), [0, 0, 1, 2, 3, 3]);
});
