// @ts-check
// A trained network, read from its ONNX file and computed for one image, in plain JavaScript. The file holds a graph:
// operators in the order in which they are computed, and the tensors that training found. tests/test_learn.py holds
// the values beside those of ONNX Runtime.
//
// Sources: onnx.ai/onnx/operators, and onnx.proto for the numbers of the fields.

import { softmax } from "./network.js";

/** @typedef {{ dims: number[], data: Float32Array }} Tensor - Row after row; maps are `(1, C, H, W)` */
/** @typedef {{ operator: string, inputs: string[], output: string, attributes: Record<string, any> }} Step */
/** @typedef {{ nodes: Step[], tensors: Map<string, Tensor>, inputs: string[], outputs: string[] }} Graph */
/** @typedef {(inputs: Tensor[], attributes: Record<string, any>) => Tensor} Operator */

const SIDE = 28; // pixels of an image
const NO_GRAPH = "Expected an ONNX file, got other bytes";
const [FLOAT, INT64] = [1, 7]; // types of a tensor's values

// --- the file: messages of protobuf, see protobuf.dev/programming-guides/encoding

/** A whole number, and the place after it: seven bits a byte, the lowest first; the eighth says that more follow. @param {Uint8Array} bytes  @param {number} at @returns {[number, number]} */
function varint(bytes, at) {
  let value = 0n;
  for (let shift = 0n; at < bytes.length; shift += 7n) {
    const byte = bytes[at++];
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return [Number(BigInt.asIntN(64, value)), at];
  }
  throw new Error(NO_GRAPH);
}

/** The values of each field of a message, by its number. A value is a whole number, or bytes: of a text, of a float, of other numbers, of another message. @param {Uint8Array} bytes @returns {any[][]} */
function fields(bytes) {
  /** @type {any[][]} */ const found = [];
  for (let at = 0, value; at < bytes.length;) {
    const [key, from] = varint(bytes, at);
    const [number, kind] = [Math.floor(key / 8), key & 7]; // kinds: 0 a whole number, 1 eight bytes, 2 as many as it says, 5 four
    if (kind === 0) [value, at] = varint(bytes, from);
    else {
      const [size, start] = kind === 2 ? varint(bytes, from) : [kind === 1 ? 8 : 4, from];
      at = start + size;
      if (size < 0 || at > bytes.length) throw new Error(NO_GRAPH);
      value = bytes.subarray(start, at);
    }
    (found[number] ??= []).push(value);
  }
  return found;
}

const text = (/** @type {Uint8Array} */ bytes) => new TextDecoder().decode(bytes);
const floats = (/** @type {Uint8Array} */ bytes) => new Float32Array(bytes.slice().buffer); // a copy begins where a float may

/** Whole numbers, of a field each or packed into one. @param {(number | Uint8Array)[]} values @returns {number[]} */
const integers = (values = []) => values.flatMap((value) => {
  if (typeof value === "number") return value;
  const found = [];
  for (let at = 0, number; at < value.length; found.push(number)) [number, at] = varint(value, at);
  return found;
});

/** @param {Uint8Array} bytes @returns {[string, Tensor]} */
function tensor(bytes) {
  const { 1: dims, 2: [type] = [FLOAT], 4: [packed] = [new Uint8Array()], 7: whole, 8: [name], 9: [raw] = [] } = fields(bytes);
  if (type !== FLOAT && type !== INT64) throw new Error(`Expected tensors of type ${FLOAT} or ${INT64}, got ${type}`);
  const numbers = () => (raw ? Array.from(new BigInt64Array(raw.slice().buffer), Number) : integers(whole));
  return [text(name), { dims: integers(dims), data: type === FLOAT ? floats(raw ?? packed) : Float32Array.from(numbers()) }];
}

/** @param {Uint8Array} bytes @returns {[string, any]} */
function attribute(bytes) {
  const { 1: [name], 2: [float] = [], 3: [integer] = [], 4: [string] = [], 8: many } = fields(bytes);
  return [text(name), float ? floats(float)[0] : string ? text(string) : integer ?? integers(many)];
}

/** @param {Uint8Array} bytes @returns {Step} */
function step(bytes) {
  const { 1: inputs = [], 2: [output], 4: [operator], 5: attributes = [] } = fields(bytes);
  return { operator: text(operator), inputs: inputs.map(text), output: text(output), attributes: Object.fromEntries(attributes.map(attribute)) };
}

/** The graph of an ONNX file. @param {Uint8Array} bytes @returns {Graph} */
export function parse(bytes) {
  const { 7: [graph] = [] } = fields(bytes);
  if (!graph) throw new Error(NO_GRAPH);
  const { 1: nodes = [], 5: tensors = [], 11: inputs = [], 12: outputs = [] } = fields(graph);
  const name = (/** @type {Uint8Array} */ value) => text(fields(value)[1][0]);
  return { nodes: nodes.map(step), tensors: new Map(tensors.map(tensor)), inputs: inputs.map(name), outputs: outputs.map(name) };
}

// --- the operators, for one image

const product = (/** @type {number[]} */ numbers) => numbers.reduce((sofar, number) => sofar * number, 1);

/** Refuse the attributes of an operator whose meaning is not written here. @param {Record<string, any>} attributes  @param {Record<string, any>} usual */
function expect(attributes, usual) {
  for (const [name, value] of Object.entries(usual)) {
    const got = attributes[name] ?? value;
    if (String(got) !== String(value)) throw new Error(`Expected ${name} ${value}, got ${got}`);
  }
}

/** Each place that a kernel fits on: what lies below it, `(H W, C h w)` of maps `(1, C, ., .)`. @param {Tensor} maps  @param {number[]} kernel - Its height h and width w  @param {Record<string, any>} attributes  @param {number} [outside] - What lies beyond the edge */
export function patches({ dims: [, count, rows, columns], data }, [h, w], { strides: [down, right] = [1, 1], pads = [0, 0, 0, 0], ...others }, outside = 0) {
  expect(others, { group: 1, dilations: [1, 1], auto_pad: "NOTSET", ceil_mode: 0 });
  const [top, left, bottom, end] = pads;
  const [height, width] = [Math.floor((rows + top + bottom - h) / down) + 1, Math.floor((columns + left + end - w) / right) + 1];
  const found = new Float32Array(height * width * count * h * w).fill(outside);
  for (let place = 0, to = 0; place < height * width; place++) {
    const [y, x] = [Math.floor(place / width) * down - top, (place % width) * right - left];
    for (let map = 0; map < count; map++) {
      for (let row = y; row < y + h; row++) {
        for (let column = x; column < x + w; column++, to++) {
          if (row >= 0 && row < rows && column >= 0 && column < columns) found[to] = data[(map * rows + row) * columns + column];
        }
      }
    }
  }
  return { height, width, data: found };
}

/** Apply a function to each value. @param {(value: number, place: number) => number} compute @returns {Operator} */
const each = (compute) => ([{ dims, data }]) => ({ dims, data: data.map((value, place) => compute(value, place)) });

/** Apply a function to the values of two tensors, side by side; a single value goes with each of the other. @param {(one: number, other: number) => number} compute @returns {Operator} */
const pairs = (compute) => ([one, other]) => {
  const { dims, data } = one.data.length < other.data.length ? other : one;
  const [a, b] = [one, other].map((tensor) => tensor.data.length);
  if (a !== b && a !== 1 && b !== 1) throw new Error(`Expected two tensors of one size, got ${a} and ${b} values`);
  return { dims, data: data.map((_, place) => compute(one.data[a > 1 ? place : 0], other.data[b > 1 ? place : 0])) };
};

/** Make one value of those along the last axes. @param {(values: Float32Array) => number} compute @returns {Operator} */
const reduced = (compute) => ([{ dims, data }, axes], { keepdims = 1 }) => {
  const kept = dims.length - axes.data.length;
  if (axes.data.some((axis) => (axis + dims.length) % dims.length < kept)) throw new Error(`Expected the last axes, got ${axes.data}`);
  const size = product(dims.slice(kept));
  return {
    dims: [...dims.slice(0, kept), ...(keepdims ? dims.slice(kept).fill(1) : [])],
    data: Float32Array.from({ length: data.length / size }, (_, row) => compute(data.subarray(row * size, (row + 1) * size))),
  };
};

/** @type {Record<string, Operator>} */
const OPERATORS = {
  Add: pairs((one, other) => one + other),
  Sub: pairs((one, other) => one - other),
  Mul: pairs((one, other) => one * other),
  Div: pairs((one, other) => one / other),
  Sqrt: each(Math.sqrt),
  Neg: each((value) => -value),
  Relu: each((value) => Math.max(value, 0)), // what is below 0 becomes 0
  ReduceMean: reduced((values) => values.reduce((sum, value) => sum + value, 0) / values.length),
  ReduceLogSumExp: reduced((values) => { // the largest is subtracted first, against overflow
    const top = Math.max(...values);
    return top + Math.log(values.reduce((sum, value) => sum + Math.exp(value - top), 0));
  }),
  /** The patch at each place times each kernel, summed: how much the patch is like the kernel. */
  Conv([maps, { dims: [count, , ...kernel], data: weights }, bias], attributes) {
    const { height, width, data: below } = patches(maps, kernel, attributes);
    const [places, size] = [height * width, weights.length / count];
    const data = new Float32Array(count * places);
    for (let map = 0, to = 0; map < count; map++) {
      for (let place = 0; place < places; place++, to++) {
        let sum = bias ? bias.data[map] : 0;
        for (let k = 0, weight = map * size, value = place * size; k < size; k++, weight++, value++) sum += weights[weight] * below[value];
        data[to] = sum;
      }
    }
    return { dims: [1, count, height, width], data };
  },
  /** The largest value of each patch, map by map: smaller maps, and a pattern may lie a pixel off. */
  MaxPool([maps], { kernel_shape: kernel, ...attributes }) {
    const { height, width, data: below } = patches(maps, kernel, attributes, -Infinity);
    const [count, places, size] = [maps.dims[1], height * width, product(kernel)];
    const largest = (/** @type {number} */ from) => below.subarray(from, from + size).reduce((top, value) => Math.max(top, value));
    const data = Float32Array.from({ length: count * places }, (_, to) => largest(((to % places) * count + Math.floor(to / places)) * size));
    return { dims: [1, count, height, width], data };
  },
  /** Each map moved and scaled by the mean and variance that it had in training, and then as training found best. */
  BatchNormalization([maps, scale, bias, mean, variance], { epsilon = 1e-5 }) {
    const size = product(maps.dims.slice(2));
    const scales = scale.data.map((value, map) => value / Math.sqrt(variance.data[map] + epsilon));
    return each((value, place) => {
      const map = Math.floor(place / size);
      return (value - mean.data[map]) * scales[map] + bias.data[map];
    })([maps], {});
  },
  /** The same values in other rows; one size, -1, is what is left. */
  Reshape([{ dims, data }, { data: sizes }]) {
    return { dims: [...sizes].map((size) => (size < 0 ? data.length / Math.abs(product([...sizes])) : size || dims[0])), data };
  },
  /** A dense layer: all values times the weights of each unit, summed, and its bias. */
  Gemm([{ data }, { dims: [count, size], data: weights }, bias], attributes) {
    expect(attributes, { alpha: 1, beta: 1, transA: 0, transB: 1 });
    const sum = (/** @type {number} */ unit) => data.reduce((sofar, value, place) => sofar + value * weights[unit * size + place], bias.data[unit]);
    return { dims: [1, count], data: Float32Array.from({ length: count }, (_, unit) => sum(unit)) };
  },
  /** Positive values that sum to 1. */
  Softmax: ([{ dims, data }]) => ({ dims, data: Float32Array.from(softmax(Float64Array.from(data), dims.at(-1))) }),
};

/** Every value of the graph for one image, by name. @param {Graph} graph  @param {ArrayLike<number>} image - `(28, 28)` in [0, 1] @returns {Map<string, Tensor>} */
export function run({ nodes, tensors, inputs: [first] }, image) {
  const values = new Map(tensors).set(first, { dims: [1, 1, SIDE, SIDE], data: Float32Array.from(image) });
  for (const { operator, inputs, output, attributes } of nodes) {
    if (!(operator in OPERATORS)) throw new Error(`Expected the operators ${Object.keys(OPERATORS).join(", ")}, got ${operator}`);
    values.set(output, OPERATORS[operator](inputs.map((name) => values.get(name)), attributes));
  }
  return values;
}

/** Each convolution that ends in a ReLU, with the operators between them. @param {Graph} graph @returns {Step[][]} */
export function stages({ nodes }) {
  return nodes.filter(({ operator }) => operator === "Relu").flatMap((relu) => {
    const steps = [relu];
    while (["Relu", "BatchNormalization", "MaxPool"].includes(steps[0]?.operator)) steps.unshift(nodes.find(({ output }) => output === steps[0].inputs[0]));
    return steps[0]?.operator === "Conv" ? [steps] : [];
  });
}
