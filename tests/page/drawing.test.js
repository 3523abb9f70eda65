import assert from "node:assert/strict";
import { test } from "node:test";
import { EXAMPLES, centred, smooth } from "../../inkling/web/static/examples.js";
import { isText, rowsOf } from "../../inkling/web/static/number.js";
import { fromLink, link } from "../../inkling/web/static/share.js";

globalThis.location = { origin: "http://localhost", pathname: "/" };

/** The same random numbers each time. */
function random(seed) {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

test("a link holds the drawing, to a tenth of a pixel", () => {
  const next = random(7);
  for (let round = 0; round < 200; round += 1) {
    const pressed = next() < 0.5;
    const point = () => [next() * 3000 - 500, next() * 900, ...(pressed ? [(1 + Math.floor(next() * 100)) / 100] : [])];
    const strokes = Array.from({ length: 1 + Math.floor(next() * 4) }, () => Array.from({ length: 1 + Math.floor(next() * 30) }, point));
    const found = fromLink(link({ strokes, width: 16 }).slice("http://localhost/".length));
    assert.equal(found.pen, 16);
    assert.deepEqual(found.strokes.map((stroke) => stroke.length), strokes.map((stroke) => stroke.length));
    found.strokes.flat().forEach((values, i) => values.forEach((value, k) => assert.ok(Math.abs(value - strokes.flat()[i][k]) <= 0.0501)));
  }
});

test("what is no link is no drawing", () => {
  for (const fragment of ["#", "#16", "#no~drawing", "#16~!,1", "#16~1,1,1,1", "#0~1,1", "#16~1,1,-1", "#%E0%A4%A"]) assert.equal(fromLink(fragment), null);
});

test("an example fits any sheet, in its middle", () => {
  for (const strokes of Object.values(EXAMPLES)) {
    for (const [width, height] of [[320, 200], [1000, 440], [200, 900]]) {
      const points = centred(strokes, { width, height }).flat();
      for (const [x, y] of points) assert.ok(x > 0 && x < width && y > 0 && y < height);
      const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
      assert.ok(Math.abs(Math.min(...xs) + Math.max(...xs) - width) < 0.1 * width);
      assert.ok(Math.abs(Math.min(...ys) + Math.max(...ys) - height) < 0.1 * height);
    }
  }
});

test("a spline goes through its control points", () => {
  const points = [[0, 0], [10, 5], [3, 20], [3, 21]];
  const through = smooth(points, 8);
  assert.equal(through.length, 1 + 3 * 8);
  points.forEach((point, i) => assert.deepEqual(through[8 * i], point));
  assert.deepEqual(smooth([[1, 2]]), [[1, 2]]);
});

test("a number is what the server takes", () => {
  for (const text of ["7", "-12.5", "1,000", "24/12", "3:40", "(5)", "€9", "1".repeat(64)]) assert.ok(isText(text));
  for (const text of ["", " ", "7 ", "seven", "½", "1".repeat(65)]) assert.ok(!isText(text));
  assert.deepEqual(rowsOf({ label: 7 }), []);
  assert.equal(rowsOf({ parts: [{}] }).length, 1);
  assert.equal(rowsOf({ lines: [{}, {}] }).length, 2);
});
