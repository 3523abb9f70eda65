// The gallery: what is kept, to look through, relabel, delete and download.

import { call, find, make, percent, say, telling } from "./dom.js";

const COUNT = 60; // of one page
let classes = [];
let skip = 0;
let asked = 0; // lists; an answer to any but the latest is out of date

function card(drawing) {
  const name = classes[drawing.label];
  const read = drawing.reading === drawing.label ? "read rightly" : `read as ${classes[drawing.reading]}`;
  const image = make("img", { src: `/api/drawings/${drawing.id}/image`, alt: `A drawn ${name}`, loading: "lazy", width: 28, height: 28 });
  const label = make("select", { ariaLabel: `What drawing ${drawing.id} is` },
    ...classes.map((text, value) => make("option", { value, textContent: text, selected: value === drawing.label })));
  const remove = make("button", { type: "button", textContent: "Delete", ariaLabel: `Delete drawing ${drawing.id}` });
  const download = make("a", { href: image.src, download: `${drawing.id}.png`, textContent: "Download" });
  const item = make("li", {}, image,
    make("p", { textContent: `${name}: ${read}, ${drawing.confidence >= 0.9995 ? "> 99.9 %" : percent(drawing.confidence)}${drawing.accepted === false ? ", not accepted" : ""}` }),
    make("div", { className: "row" }, label, remove), download);
  label.addEventListener("change", telling(async () => {
    const changed = await call(`/api/drawings/${drawing.id}?label=${label.value}`, { method: "PATCH" });
    item.replaceWith(card(changed));
    say(`Drawing ${drawing.id} is now ${classes[changed.label]}.`);
    await summarise();
  }));
  remove.addEventListener("click", telling(async () => {
    await call(`/api/drawings/${drawing.id}`, { method: "DELETE" });
    item.remove();
    skip -= 1;
    say(`Deleted drawing ${drawing.id}.`);
    await summarise();
  }));
  return item;
}

async function summarise() {
  const stats = await call("/api/drawings/stats");
  find("summary").textContent = stats.n
    ? `${stats.n.toLocaleString("en")} kept, ${percent(stats.right / stats.n)} read rightly, ${percent(stats.accepted / stats.n)} accepted.`
    : "Nothing is kept yet. Draw a digit, then say what it is.";
  find("course").hidden = stats.days.length < 2;
  find("days").replaceChildren(...stats.days.map(({ day, n, right }) => {
    const bar = make("li", { title: `${day}: ${percent(right / n)} of ${n}`, ariaLabel: `${day}: ${percent(right / n)} of ${n}` });
    bar.style.height = percent(right / n).replace(" ", "");
    return bar;
  }));
}

const list = telling(async (anew) => {
  if (anew) skip = 0;
  asked += 1;
  const mine = asked;
  const wanted = [...new FormData(find("filters"))].filter(([, value]) => value);
  const query = new URLSearchParams([...wanted, ["count", COUNT], ["skip", skip]]);
  const found = await call(`/api/drawings?${query}`);
  if (mine !== asked) return;
  if (anew) find("gallery").replaceChildren();
  find("gallery").append(...found.map(card));
  skip += found.length;
  find("more").hidden = found.length < COUNT;
  say(skip || wanted.length < 2 ? "" : "No drawing fits these filters.");
});

find("filters").addEventListener("change", () => list(true));
find("more").addEventListener("click", () => list(false));

telling(async () => {
  classes = (await call("/api/card")).classes;
  find("filters").elements.label.append(...classes.map((text, value) => make("option", { value, textContent: text })));
  await summarise();
  await list(true);
})();
