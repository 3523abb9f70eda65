// @ts-check
// A dense network from first principles, in plain JavaScript: what inkling/networks/scratch.py is in NumPy. The
// same names, the same rules, the same numbers: tests/test_learn.py holds both side by side.
//
// A matrix is a Float64Array, row after row. Images are rows `(N, I)`, so x W + b computes a whole batch. Below, L is
// the loss, averaged over the batch; z = x W + b is the input of an activation and a = f(z) its output. Sources are
// named in scratch.py.

/** @typedef {"sigmoid" | "tanh" | "relu" | "leaky_relu"} Activation */
/**
 * @typedef {object} Network - The last layer ends in a softmax
 * @property {number[]} sizes - Of the image, the hidden layers, the classes
 * @property {Activation} activation - Of the hidden layers
 * @property {"cross-entropy" | "squared-error"} loss
 * @property {"glorot" | "he"} initialiser
 */
/** @typedef {{ weights: Float64Array, bias: Float64Array }} Layer - Weights `(I, O)`: a row for each input; bias `(O,)` */
/**
 * @typedef {object} Optimizer
 * @property {"sgd" | "adam"} kind
 * @property {number} momentum - Nesterov's, or Adam's beta 1
 * @property {number} second_momentum - Adam's beta 2
 */
/** @typedef {{ parameters: Layer[], velocity: Layer[], squares: Layer[], steps: number }} State - What a step passes to the next */

const LEAK = 0.01; // the slope of a leaky ReLU below 0
const ADAM_EPSILON = 1e-8;
const MIN_PROBABILITY = 1e-12; // keeps the logarithm of 0 finite

/** Each activation f(z), and its derivative f'(z) as a function of a = f(z). @type {Record<Activation, [(z: number) => number, (a: number) => number]>} */
export const ACTIVATIONS = {
  sigmoid: [(z) => 0.5 * Math.tanh(0.5 * z) + 0.5, (a) => a * (1 - a)],
  tanh: [Math.tanh, (a) => 1 - a * a],
  relu: [(z) => Math.max(z, 0), (a) => (a > 0 ? 1 : 0)],
  leaky_relu: [(z) => Math.max(z, LEAK * z), (a) => (a > 0 ? 1 : LEAK)],
};

/** Numbers in [0, 1) that a seed decides: mulberry32, by Tommy Ettinger. @param {number} seed @returns {() => number} */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Fresh parameters: random weights, and biases of 0. @param {Network} network  @param {() => number} rng - In [0, 1) @returns {Layer[]} */
export function initialise({ sizes, initialiser }, rng) {
  const normal = () => Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng()); // Box & Muller 1958
  return sizes.slice(1).map((outputs, index) => {
    const inputs = sizes[index];
    const bound = Math.sqrt(6 / (inputs + outputs)); // glorot: uniform within it
    const draw = initialiser === "glorot" ? () => (2 * rng() - 1) * bound : () => normal() * Math.sqrt(2 / inputs);
    return { weights: Float64Array.from({ length: inputs * outputs }, draw), bias: new Float64Array(outputs) };
  });
}

/** The state before the first step. @param {Layer[]} parameters @returns {State} */
export function begin(parameters) {
  const zeros = each(() => 0, parameters);
  return { parameters, velocity: zeros, squares: zeros, steps: 0 };
}

/** The output of each layer: first the images `(N, I)`, last the probabilities `(N, K)`. @param {Network} network  @param {Layer[]} parameters  @param {Float64Array} images @returns {Float64Array[]} */
export function forward({ activation, sizes }, parameters, images) {
  const [activate] = ACTIVATIONS[activation];
  const outputs = [images];
  parameters.forEach(({ weights, bias }, index) => {
    const z = affine(outputs[index], weights, bias, sizes[index]);
    outputs.push(index < parameters.length - 1 ? z.map(activate) : softmax(z, bias.length));
  });
  return outputs;
}

/** The gradient of the loss with respect to each weight and bias; `outputs` are those of `forward`. @param {Network} network  @param {Layer[]} parameters  @param {Float64Array[]} outputs  @param {Float64Array} targets - `(N, K)` @returns {Layer[]} */
export function backward(network, parameters, outputs, targets) {
  const { sizes } = network;
  const [, derivative] = ACTIVATIONS[network.activation];
  let slope = lossSlope(network, outputs.at(-1), targets); // dL/dz of the last layer
  const gradients = [];
  for (let index = parameters.length - 1; index >= 0; index--) {
    const [inputs, count] = [outputs[index], sizes[index + 1]];
    gradients.unshift(layerGradient(inputs, slope, sizes[index], count));
    if (index) { // dL/dx = dL/dz W', and dL/dz below = dL/dx f'(z)
      const below = timesTransposed(slope, parameters[index].weights, count, sizes[index]);
      slope = below.map((value, place) => value * derivative(inputs[place]));
    }
  }
  return gradients;
}

/** The state after a step with the learning rate `rate`: new arrays; the old ones stay. @param {Optimizer} optimizer  @param {State} state  @param {Layer[]} gradients  @param {number} rate @returns {State} */
export function update(optimizer, { parameters, velocity, squares, steps }, gradients, rate) {
  const { kind, momentum: beta, second_momentum: beta2 } = optimizer;
  if (kind === "sgd") { // v = b v + g; w - r (g + b v)
    const moved = beta ? each((v, g) => beta * v + g, velocity, gradients) : velocity;
    const learnt = beta
      ? each((w, g, v) => w - rate * (g + beta * v), parameters, gradients, moved)
      : each((w, g) => w - rate * g, parameters, gradients);
    return { parameters: learnt, velocity: moved, squares, steps: steps + 1 };
  }
  // m = b m + (1 - b) g; s = b2 s + (1 - b2) g^2; both divided by 1 - b^t, since they begin at 0
  const means = each((v, g) => beta * v + (1 - beta) * g, velocity, gradients);
  const spreads = each((s, g) => beta2 * s + (1 - beta2) * g * g, squares, gradients);
  const [whole, root] = [1 - beta ** (steps + 1), Math.sqrt(1 - beta2 ** (steps + 1))];
  const move = (w, v, s) => w - (rate / whole) * (v / (Math.sqrt(s) / root + ADAM_EPSILON));
  return { parameters: each(move, parameters, means, spreads), velocity: means, squares: spreads, steps: steps + 1 };
}

/** The mean loss of a batch, of which `backward` is the gradient. @param {Network} network  @param {Float64Array} probabilities  @param {Float64Array} targets @returns {number} */
export function loss({ loss: kind, sizes }, probabilities, targets) {
  let sum = 0;
  if (kind === "cross-entropy") { // -sum t log p, the mean over images
    targets.forEach((target, place) => { if (target) sum -= target * Math.log(Math.max(probabilities[place], MIN_PROBABILITY)); });
    return sum / (targets.length / sizes.at(-1));
  }
  targets.forEach((target, place) => { sum += (probabilities[place] - target) ** 2; });
  return sum / targets.length; // the mean over images and classes
}

/** The place of the largest of each row. @param {Float64Array} values  @param {number} width @returns {number[]} */
export function largest(values, width) {
  return Array.from({ length: values.length / width }, (_, row) => {
    let best = 0;
    for (let column = 1; column < width; column++) if (values[row * width + column] > values[row * width + best]) best = column;
    return best;
  });
}

/** Targets `(N, K)`: 1 at the label, 0 elsewhere. @param {ArrayLike<number>} labels  @param {number} classes @returns {Float64Array} */
export function oneHot(labels, classes) {
  const targets = new Float64Array(labels.length * classes);
  for (let row = 0; row < labels.length; row++) targets[row * classes + labels[row]] = 1;
  return targets;
}

/** Positive rows that sum to 1; the largest value is subtracted first, against overflow. @param {Float64Array} values  @param {number} width @returns {Float64Array} */
export function softmax(values, width) {
  const found = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += width) {
    let [top, sum] = [-Infinity, 0];
    for (let place = start; place < start + width; place++) top = Math.max(top, values[place]);
    for (let place = start; place < start + width; place++) sum += found[place] = Math.exp(values[place] - top);
    for (let place = start; place < start + width; place++) found[place] /= sum;
  }
  return found;
}

/** dL/dz `(N, K)` of the softmax, of the loss averaged over the batch. @param {Network} network  @param {Float64Array} probabilities  @param {Float64Array} targets */
function lossSlope({ loss: kind, sizes }, probabilities, targets) {
  const width = sizes.at(-1);
  const count = targets.length / width;
  if (kind === "cross-entropy") return probabilities.map((p, place) => (p - targets[place]) / count); // p - t: the logarithm cancels the softmax
  const slope = probabilities.map((p, place) => (2 * (p - targets[place])) / targets.length); // dL/dp
  for (let start = 0; start < slope.length; start += width) { // dp_i/dz_j = p_i (d_ij - p_j)
    let mean = 0;
    for (let place = start; place < start + width; place++) mean += probabilities[place] * slope[place];
    for (let place = start; place < start + width; place++) slope[place] = probabilities[place] * (slope[place] - mean);
  }
  return slope;
}

/** x W + b `(N, O)`. Where an input is 0, as most pixels are, it adds nothing. @param {Float64Array} inputs  @param {Float64Array} weights  @param {Float64Array} bias  @param {number} width - Of an input */
function affine(inputs, weights, bias, width) {
  const size = bias.length;
  const count = inputs.length / width;
  const sums = new Float64Array(count * size);
  for (let row = 0; row < count; row++) {
    const [from, to] = [row * width, row * size];
    for (let place = 0; place < size; place++) sums[to + place] = bias[place];
    for (let input = 0; input < width; input++) {
      const value = inputs[from + input];
      if (value === 0) continue;
      for (let place = 0, weight = input * size; place < size; place++, weight++) sums[to + place] += value * weights[weight];
    }
  }
  return sums;
}

/** dL/dW = x' dL/dz and dL/db = dL/dz, summed over the images. @param {Float64Array} inputs  @param {Float64Array} slope  @param {number} width - Of an input  @param {number} size - Of an output @returns {Layer} */
function layerGradient(inputs, slope, width, size) {
  const [weights, bias] = [new Float64Array(width * size), new Float64Array(size)];
  for (let row = 0; row < inputs.length / width; row++) {
    const [from, to] = [row * width, row * size];
    for (let place = 0; place < size; place++) bias[place] += slope[to + place];
    for (let input = 0; input < width; input++) {
      const value = inputs[from + input];
      if (value === 0) continue;
      for (let place = 0, weight = input * size; place < size; place++, weight++) weights[weight] += value * slope[to + place];
    }
  }
  return { weights, bias };
}

/** dL/dz W' `(N, I)`. @param {Float64Array} slope  @param {Float64Array} weights  @param {number} size - Of a row of slopes  @param {number} width - Of a row that comes out */
function timesTransposed(slope, weights, size, width) {
  const count = slope.length / size;
  const below = new Float64Array(count * width);
  for (let row = 0; row < count; row++) {
    for (let input = 0; input < width; input++) {
      let sum = 0;
      for (let place = 0; place < size; place++) sum += slope[row * size + place] * weights[input * size + place];
      below[row * width + input] = sum;
    }
  }
  return below;
}

/** Apply a function to each weight and bias of one to three lists of layers, side by side. @param {(x: number, y: number, z: number) => number} apply  @param {Layer[]} first  @param {Layer[]} [second]  @param {Layer[]} [third] @returns {Layer[]} */
function each(apply, first, second = first, third = first) {
  const joined = (x, y, z) => {
    const found = new Float64Array(x.length);
    for (let place = 0; place < x.length; place++) found[place] = apply(x[place], y[place], z[place]);
    return found;
  };
  return first.map(({ weights, bias }, index) => {
    const [other, last] = [second[index], third[index]];
    return { weights: joined(weights, other.weights, last.weights), bias: joined(bias, other.bias, last.bias) };
  });
}
