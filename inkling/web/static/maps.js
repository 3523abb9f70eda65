// @ts-check
// On /learn, the network that Inkling reads with: the maps of each of its convolutions, for what is drawn.

import { find, make, reporting, setStatus } from "./dom.js";
import { parse, patches, run, stages } from "./graph.js";
import { classRow, grey, group, paint, showShare, signed, spanOf, tint } from "./units.js";

const SHOWN = 3; // input maps of a chosen map, those that add most to it
const AFTER = { MaxPool: "the largest nearby", BatchNormalization: "normalised", Relu: "after the ReLU" };

/** @type {import("./graph.js").Graph | null} */ let graph = null;
/** @type {import("./graph.js").Step[][]} */ let layers = []; // each a convolution, and what comes after it
/** @type {Map<string, import("./graph.js").Tensor>} */ let values; // of the graph, for the image
/** @type {Float64Array} */ let image;
/** @type {[number, number] | null} */ let chosen = null; // the layer and the map that are looked at

const tell = (/** @type {string} */ text, state = "") => setStatus(find("maps-status"), text, state);

/** Show the maps of an image, where they are looked at. @param {Float64Array} given */
export function showMaps(given) {
  image = given;
  if (graph && find("patches").open) show();
}

const look = reporting(async () => {
  if (!find("patches").open) return;
  if (!graph) await load();
  show();
}, tell);
find("patches").addEventListener("toggle", look);
look(); // the browser may have it open already

/** Load the network, compute it once, and make room for its maps. */
async function load() {
  tell("Loading the network …");
  const response = await fetch(find("learn").dataset.model).catch(() => null);
  if (!response?.ok) throw new Error("The network did not load. Close this section and open it again to try once more.");
  try {
    const parsed = parse(new Uint8Array(await response.arrayBuffer()));
    values = run(parsed, image);
    layers = stages(parsed);
    if (!layers.length) throw new Error("Expected a convolution that ends in a ReLU, got none");
    graph = parsed;
  } catch (error) {
    throw new Error(`This network cannot be shown here. ${error.message}.`);
  }
  const shares = Array.from(values.get("probabilities").data, (_, label) => classRow("li", String(label)));
  find("stages").replaceChildren(
    stage(`The image: 28 x 28 pixels.${layers[0][0].inputs[0] === graph.inputs[0] ? "" : " For layer 1 they are moved and scaled; red is above 0, blue below."}`, make("canvas", { id: "maps-image" })),
    ...layers.map(room),
    stage("The probabilities: a dense layer weighs all values of the last maps, and a softmax makes shares of its sums.", make("ul", { className: "classes" }, ...shares)));
  tell("");
}

/** @param {string} caption  @param {HTMLElement} content */
const stage = (caption, content) => make("figure", {}, make("figcaption", { textContent: caption }), content);

/** Room for the maps of a layer. @param {import("./graph.js").Step[]} steps  @param {number} index */
function room(steps, index) {
  const [{ inputs: [input, kernels] }, ...after] = steps;
  const [count, before, ...kernel] = values.get(kernels).dims;
  const pool = after.find(({ operator }) => operator === "MaxPool")?.attributes.kernel_shape;
  const caption = [
    `Layer ${index + 1}: ${count} maps of ${values.get(steps.at(-1).output).dims.slice(2).join(" x ")}.`,
    `Each shows where ${before > 1 ? `the ${before} maps of ${values.get(input).dims.slice(2).join(" x ")} before it have` : "the image has"} one pattern of ${kernel.join(" x ")}.`,
    ...(pool ? [`Of ${pool.join(" x ")} values the largest is kept.`] : [])].join(" ");
  const list = group(Array.from({ length: count }, () => make("button", {}, make("canvas"))), "maps", (map) => {
    chosen = [index, map];
    showMap();
  });
  list.setAttribute("aria-label", caption);
  return stage(caption, list);
}

/** The values of one map. @param {string} name  @param {number} map */
function valuesOf(name, map) {
  const { dims: [, count], data } = values.get(name);
  return data.subarray((map * data.length) / count, ((map + 1) * data.length) / count);
}

/** Compute the network, and show each stage; within a layer, white is the same value. */
function show() {
  values = run(graph, image);
  paint(find("maps-image"), image, values.get(graph.inputs[0]).dims[3], grey);
  layers.forEach((steps, index) => {
    const { output } = steps.at(-1);
    const { dims, data } = values.get(output);
    const span = spanOf(data);
    find("stages").querySelectorAll(".maps")[index].querySelectorAll("button").forEach((/** @type {HTMLElement} */ button, /** @type {number} */ map) => {
      const own = valuesOf(output, map);
      paint(button.querySelector("canvas"), own, dims[3], grey, span);
      button.setAttribute("aria-label", `Map ${map + 1}: at most ${Math.max(...own).toFixed(2)}`);
    });
  });
  const { data } = values.get("probabilities");
  const best = image.some(Boolean) ? data.indexOf(Math.max(...data)) : -1;
  find("stages").querySelectorAll("li").forEach((/** @type {HTMLElement} */ row, /** @type {number} */ label) => showShare(row, data[label], label === best));
  showMap();
}

/** A picture in a table. @param {string} label  @param {Float32Array} pixels  @param {number} width  @param {import("./units.js").Colour} colour  @param {number} [span] */
function cell(label, pixels, width, colour, span) {
  const canvas = make("canvas", { role: "img", ariaLabel: label });
  paint(canvas, pixels, width, colour, span);
  return make("td", {}, canvas);
}

/** What made the chosen map: at its strongest place, the sum that the convolution computes there. */
function showMap() {
  find("map").hidden = !chosen;
  find("map-hint").hidden = Boolean(chosen);
  if (!chosen) return;
  const [index, map] = chosen;
  const [{ inputs: [input, kernels, bias], output: sums, attributes }, ...after] = layers[index];
  const strengths = valuesOf(after.at(-1).inputs[0], map); // before the ReLU: there is a largest even where all is 0 after it
  let place = strengths.indexOf(Math.max(...strengths));
  const then = after.toReversed().map(({ operator, inputs: [before], output }) => { // back to the convolution
    const value = valuesOf(output, map)[place];
    if (operator === "MaxPool") place = valuesOf(before, map).indexOf(value);
    return `${AFTER[operator]} ${signed(value)}`;
  }).toReversed();

  const [, count, ...kernel] = values.get(kernels).dims;
  const { data: below, width } = patches(values.get(input), kernel, attributes);
  const area = kernel[0] * kernel[1];
  const parts = Array.from({ length: count }, (_, from) => {
    const patch = below.subarray((place * count + from) * area).subarray(0, area);
    const weights = values.get(kernels).data.subarray((map * count + from) * area).subarray(0, area);
    return { from, patch, weights, sum: patch.reduce((sum, value, k) => sum + value * weights[k], 0) };
  }).sort((one, other) => Math.abs(other.sum) - Math.abs(one.sum));
  const shown = parts.slice(0, SHOWN);

  const own = valuesOf(after.at(-1).output, map);
  paint(find("map-large"), own, values.get(after.at(-1).output).dims[3], grey);
  find("map-title").textContent = `Layer ${index + 1}, map ${map + 1}`;
  find("map-parts").replaceChildren(...shown.map(({ from, patch, weights, sum }) => {
    const [whole, name] = [valuesOf(input, from), count > 1 ? `map ${from + 1}` : "image"];
    const colour = whole.some((value) => value < 0) ? tint : grey;
    return make("tr", {}, make("th", { scope: "row", textContent: name }),
      cell(`All of the ${name}`, whole, values.get(input).dims[3], colour),
      cell(`Patch of the ${name}`, patch, kernel[1], colour, spanOf(whole)),
      cell(`Kernel for the ${name}`, weights, kernel[1], tint),
      make("td", { textContent: signed(sum) }));
  }));
  const terms = count > 1 ? shown.map(({ sum }) => signed(sum)) : [...shown[0].patch].map((value, k) => `${signed(value)} × ${signed(shown[0].weights[k])}`);
  const others = parts.slice(SHOWN);
  if (others.length) terms.push(`${signed(others.reduce((whole, { sum }) => whole + sum, 0))} from ${others.length} other maps`);
  if (bias) terms.push(`bias ${signed(values.get(bias).data[map])}`);
  find("map-sum").textContent = `At row ${Math.floor(place / width) + 1}, column ${(place % width) + 1}: ${terms.join(" + ")} = ${[signed(valuesOf(sums, map)[place]), ...then].join("; ")}`;
}
