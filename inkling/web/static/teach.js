// @ts-check
// Fine-tuning on the stored drawings: start, watch, stop; before and after; back to the pretrained network.

import { call, canTrain, find, recall, reporting, setStatus, table } from "./dom.js";
import { percent } from "./format.js";

const POLL_MS = 700;
const say = (text, state) => setStatus(find("teach-status"), text, state);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
let name = null; // of the fine-tuning that is watched
let available = false; // whether this installation can train
const session = recall("session"); // under which this browser has stored drawings

function setRunning(is) {
  find("teach-start").disabled = is || !available;
  find("teach-mine").disabled = is || !session;
  for (const id of ["teach-stop", "teach-progress"]) find(id).hidden = !is;
}

function showOutcome({ before, after }) {
  const heldOut = `${after.drawings} held-out drawings`;
  const rows = [
    [`Of ${heldOut}, read correctly`, before.right, after.right],
    [`Of ${heldOut}, rejected`, before.rejected, after.rejected],
    ["Of MNIST's test images, read correctly", percent(before.test, 2), percent(after.test, 2)],
    ["Of MNIST's test images, rejected", percent(before.test_rejected, 2), percent(after.test_rejected, 2)],
  ];
  find("teach-outcome").replaceChildren(table("Before and after", ["Measure", "before", "after"], rows));
}

let steps = 1; // of the whole fine-tuning

function showEvent(event) {
  const bar = find("teach-progress");
  if (event.event === "fine-tune-start") steps = event.steps;
  if (event.event === "progress") {
    bar.value = event.step / steps;
    say(`Learning: ${Math.ceil(event.seconds_left)} s left`, "learning");
  }
  if (event.event === "epoch") {
    bar.removeAttribute("value");
    say("Comparing before and after …", "comparing");
  }
  if (event.event === "fine-tune-end") {
    showOutcome(event);
    say(`${event.why}. ${event.better ? "It is served now." : "Nothing has changed."}`, event.better ? "better" : "no-better");
  }
  if (event.event === "stopped") say("Stopped. Nothing has changed.", "stopped");
}

const url = (name) => `api/teach/${encodeURIComponent(name)}`;

function showStopping(is) {
  find("teach-stop").disabled = is;
  find("teach-stop").textContent = is ? "Stopping …" : "Stop";
}

/** Show the events of a fine-tuning until it ends. */
async function watch(started) {
  name = started;
  let next = 0;
  find("teach-progress").removeAttribute("value");
  setRunning(true);
  showStopping(false);
  say("Getting ready …", "preparing");
  while (started === name) {
    let state;
    try {
      state = await call(`${url(started)}?after=${next}`);
    } catch (error) {
      say(error.message, "error");
      if (!error.offline) return setRunning(false);
      await sleep(3 * POLL_MS); // the fine-tuning may still run
      continue;
    }
    next = state.next;
    showStopping(state.stopping);
    state.events.forEach(showEvent);
    if (state.state !== "running") {
      setRunning(false);
      if (state.said) say(state.said.replace(/^inkling: /, ""), "error");
      return showBack();
    }
    await sleep(POLL_MS);
  }
}

/** Offer the pretrained network while a fine-tuned one is served. */
async function showBack() {
  const { served } = await call("api/models");
  find("teach-back").hidden = !served.startsWith("taught/");
}

find("teach-start").addEventListener("click", reporting(async () => {
  find("teach-outcome").replaceChildren();
  const query = find("teach-mine").checked ? `?${new URLSearchParams({ session })}` : "";
  await watch((await call(`api/teach${query}`, { method: "POST" })).name);
}, say));
find("teach-stop").addEventListener("click", reporting(async () => {
  await call(`${url(name)}/stop`, { method: "POST" });
  showStopping(true);
}, say));
find("teach-back").addEventListener("click", reporting(async () => {
  await call("api/teach/back", { method: "POST" });
  say("The pretrained network is served again.", "pretrained");
  await showBack();
}, say));

reporting(async () => {
  available = await canTrain(find("cannot-train"));
  setRunning(false);
  await showBack();
  const latest = await call("api/teach");
  if (latest.state === "running") await watch(latest.name);
}, say)();
