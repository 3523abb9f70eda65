import assert from "node:assert/strict";
import { test } from "node:test";
import { State } from "../../inkling/web/static/state.js";

test("a watcher gets the value now and each other one after it", () => {
  const state = new State({ look: "ink" });
  const seen = [];
  state.watch("look", (value) => seen.push(value));
  for (const value of ["ink", "why", "why", "ink"]) state.set("look", value);
  assert.deepEqual(seen, ["ink", "why", "ink"]);
  assert.equal(state.get("look"), "ink");
  assert.equal(state.get("nothing"), undefined);
});
