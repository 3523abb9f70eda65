// @ts-check
// The layers of a network, one after the other, in plain JavaScript. What each is, inkling/exports/layers.py says.

/** @typedef {{ data: Float32Array, shape: number[] }} Value - Channels, rows and columns; or one row of numbers */
/** @typedef {{ kind: string, weights?: Float32Array, bias?: Float32Array, scale?: Float32Array, shift?: Float32Array, kernel?: number[], padding?: number[], size?: number[], epsilon?: number, layers?: Layer[] }} Layer - Sizes are rows, then columns */

/** What each kind of layer computes. @type {Record<string, (value: Value, layer: Layer) => Value>} */
const COMPUTE = { standardise, convolution, pool, affine, relu, residual, dense };

/** What comes out of the last layer. @param {Layer[]} layers  @param {Value} value @returns {Value} */
export const forward = (layers, value) => layers.reduce((found, layer) => COMPUTE[layer.kind](found, layer), value);

/** (x - mean) / sqrt(variance + epsilon). @param {Value} value  @param {Layer} layer @returns {Value} */
function standardise({ data, shape }, { epsilon }) {
  const mean = data.reduce((sum, one) => sum + one, 0) / data.length;
  const variance = data.reduce((sum, one) => sum + (one - mean) ** 2, 0) / data.length;
  const root = Math.sqrt(variance + epsilon);
  return { data: data.map((one) => (one - mean) / root), shape };
}

/** Kernels `(O, I, H, W)` slid over an image with a border of zeros. @param {Value} value  @param {Layer} layer @returns {Value} */
function convolution({ data, shape: [channels, rows, columns] }, { weights, bias, kernel: [tall, broad], padding: [above, before] }) {
  const [high, wide] = [rows + 2 * above - tall + 1, columns + 2 * before - broad + 1];
  const [places, taps] = [high * wide, channels * tall * broad];
  const patches = new Float32Array(taps * places); // what lies under each weight, at each place
  for (let channel = 0, tap = 0; channel < channels; channel++) {
    for (let dy = -above; dy < tall - above; dy++) {
      for (let dx = -before; dx < broad - before; dx++, tap++) {
        const [first, end] = [Math.max(0, -dx), Math.min(wide, columns - dx)];
        for (let y = Math.max(0, -dy); y < Math.min(high, rows - dy); y++) {
          const [from, to] = [(channel * rows + y + dy) * columns + dx, tap * places + y * wide];
          for (let x = first; x < end; x++) patches[to + x] = data[from + x];
        }
      }
    }
  }
  const found = new Float32Array(bias.length * places);
  bias.forEach((one, kernel) => found.fill(one, kernel * places, (kernel + 1) * places));
  for (let kernel = 0; kernel < bias.length; kernel += 4) product(found, kernel, Math.min(4, bias.length - kernel), weights, patches, taps, places);
  return { data: found, shape: [bias.length, high, wide] };
}

/** Add rows of weights times the patches: up to four kernels at once, which share what they read. */
function product(found, kernel, many, weights, patches, taps, places) {
  const start = (next) => (kernel + Math.min(next, many - 1)) * taps;
  const row = (next) => (next < many ? found.subarray((kernel + next) * places, (kernel + next + 1) * places) : new Float32Array(places));
  const [a, b, c, d] = [start(0), start(1), start(2), start(3)];
  const [one, two, three, four] = [row(0), row(1), row(2), row(3)];
  for (let tap = 0; tap < taps; tap++) {
    const [u, v, w, z] = [weights[a + tap], weights[b + tap], weights[c + tap], weights[d + tap]];
    for (let place = 0, from = tap * places; place < places; place++, from++) {
      const input = patches[from];
      one[place] += u * input;
      two[place] += v * input;
      three[place] += w * input;
      four[place] += z * input;
    }
  }
}

/** The largest of each rectangle of `size` pixels. @param {Value} value  @param {Layer} layer @returns {Value} */
function pool({ data, shape: [channels, rows, columns] }, { size: [tall, broad] }) {
  const [high, wide] = [Math.floor(rows / tall), Math.floor(columns / broad)];
  const found = new Float32Array(channels * high * wide);
  for (let channel = 0, to = 0; channel < channels; channel++) {
    for (let y = 0; y < high; y++) {
      for (let x = 0; x < wide; x++, to++) {
        let most = -Infinity;
        for (let dy = 0; dy < tall; dy++) {
          const from = (channel * rows + y * tall + dy) * columns + x * broad;
          for (let dx = 0; dx < broad; dx++) if (data[from + dx] > most) most = data[from + dx];
        }
        found[to] = most;
      }
    }
  }
  return { data: found, shape: [channels, high, wide] };
}

/** Each channel times its scale, plus its shift. @param {Value} value  @param {Layer} layer @returns {Value} */
function affine({ data, shape }, { scale, shift }) {
  const places = data.length / scale.length;
  const found = new Float32Array(data.length);
  for (let channel = 0, place = 0; channel < scale.length; channel++) {
    for (const end = place + places; place < end; place++) found[place] = data[place] * scale[channel] + shift[channel];
  }
  return { data: found, shape };
}

/** What is below 0 becomes 0. @param {Value} value @returns {Value} */
function relu({ data, shape }) {
  return { data: data.map((one) => (one > 0 ? one : 0)), shape };
}

/** x, and what other layers make of it, added. @param {Value} value  @param {Layer} layer @returns {Value} */
function residual(value, { layers }) {
  const { data } = forward(layers, value);
  return { data: data.map((one, place) => one + value.data[place]), shape: value.shape };
}

/** W x + b. @param {Value} value  @param {Layer} layer @returns {Value} */
function dense({ data }, { weights, bias }) {
  const found = bias.map((start, row) => {
    let sum = start;
    for (let place = 0, weight = row * data.length; place < data.length; place++, weight++) sum += weights[weight] * data[place];
    return sum;
  });
  return { data: found, shape: [bias.length] };
}
