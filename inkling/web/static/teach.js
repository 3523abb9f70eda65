// Teaching: the button, how far it is, before and after side by side, and the way back.

import { call, find, percent, table } from "./dom.js";

const EVERY = 700; // milliseconds
const tell = (text) => { find("teach-status").textContent = text; };
const acting = (act) => async () => {
  try {
    await act();
  } catch (error) {
    tell(error.message);
  }
};
let name = null; // of the teaching that is watched

function working(is) {
  find("teach-start").disabled = is;
  for (const id of ["teach-stop", "teach-progress"]) find(id).hidden = !is;
}

function showOutcome({ before, after }) {
  const of = `Of ${after.drawings} drawings kept aside`;
  const rows = [
    [`${of}, read rightly`, before.right, after.right],
    [`${of}, refused`, before.refused, after.refused],
    ["MNIST test, read rightly", percent(before.test, 2), percent(after.test, 2)],
    ["MNIST test, refused", percent(before.test_refused, 2), percent(after.test_refused, 2)],
  ];
  find("teach-outcome").replaceChildren(table("Before and after", ["What", "before", "after"], rows));
}

async function watch(started) {
  name = started;
  const mine = name;
  let [next, steps] = [0, 1];
  find("teach-progress").removeAttribute("value");
  working(true);
  tell("Getting ready …");
  while (mine === name) {
    let state;
    try {
      state = await call(`/api/teach/${mine}?after=${next}`);
    } catch (error) {
      tell(error.message);
      if (!error.lost) return working(false); // else what is under way goes on
      await new Promise((done) => setTimeout(done, 3 * EVERY));
      continue;
    }
    next = state.next;
    for (const event of state.events) {
      if (event.event === "start") steps = event.steps;
      if (event.event === "progress") {
        find("teach-progress").value = event.step / steps;
        tell(`Learning: ${Math.ceil(event.seconds_left)} s left`);
      }
      if (event.event === "epoch") {
        find("teach-progress").removeAttribute("value");
        tell("Comparing before and after …");
      }
      if (event.event === "end") {
        showOutcome(event);
        tell(`${event.why}. ${event.better ? "It is served now." : "Nothing has changed."}`);
      }
      if (event.event === "stopped") tell("Stopped. Nothing has changed.");
    }
    if (state.state !== "running") {
      working(false);
      if (state.said) tell(state.said.replace(/^inkling: /, ""));
      return showBack();
    }
    await new Promise((done) => setTimeout(done, EVERY));
  }
}

async function showBack() {
  const { served } = await call("/api/models");
  find("teach-back").hidden = !served.startsWith("taught/");
}

find("teach-start").addEventListener("click", acting(async () => {
  find("teach-outcome").replaceChildren();
  await watch((await call("/api/teach", { method: "POST" })).name);
}));
find("teach-stop").addEventListener("click", acting(() => call(`/api/teach/${name}/stop`, { method: "POST" })));
find("teach-back").addEventListener("click", acting(async () => {
  await call("/api/teach/back", { method: "POST" });
  tell("The network that ships is served again.");
  await showBack();
}));

acting(async () => {
  await showBack();
  const latest = await call("/api/teach");
  if (latest.state === "running") await watch(latest.name);
})();
