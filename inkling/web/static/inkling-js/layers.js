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
  const patches = new Float32Array(places * taps); // a row for each place: what lies under each weight there
  for (let channel = 0, tap = 0; channel < channels; channel++) {
    for (let dy = -above; dy < tall - above; dy++) {
      for (let dx = -before; dx < broad - before; dx++, tap++) {
        const [first, end] = [Math.max(0, -dx), Math.min(wide, columns - dx)];
        for (let y = Math.max(0, -dy); y < Math.min(high, rows - dy); y++) {
          const [from, to] = [(channel * rows + y + dy) * columns + dx, y * wide];
          for (let x = first; x < end; x++) patches[(to + x) * taps + tap] = data[from + x];
        }
      }
    }
  }
  const found = new Float32Array(bias.length * places);
  for (let kernel = 0; kernel < bias.length; kernel += 4) {
    for (let place = 0; place < places; place += 2) sums(found, kernel, place, weights, bias, patches, taps, places);
  }
  return { data: found, shape: [bias.length, high, wide] };
}

/** The sums of four kernels at two places: a number that is loaded is used more than once. Where fewer are left, the last is done again. */
function sums(found, kernel, place, weights, bias, patches, taps, places) {
  const top = bias.length - 1;
  const one = kernel, two = Math.min(kernel + 1, top), three = Math.min(kernel + 2, top), four = Math.min(kernel + 3, top);
  const other = Math.min(place + 1, places - 1);
  let ap = bias[one], bp = bias[two], cp = bias[three], dp = bias[four];
  let aq = ap, bq = bp, cq = cp, dq = dp;
  for (let tap = 0; tap < taps; tap++) {
    const p = patches[place * taps + tap], q = patches[other * taps + tap];
    const a = weights[one * taps + tap], b = weights[two * taps + tap], c = weights[three * taps + tap], d = weights[four * taps + tap];
    ap += a * p; aq += a * q;
    bp += b * p; bq += b * q;
    cp += c * p; cq += c * q;
    dp += d * p; dq += d * q;
  }
  found[one * places + place] = ap; found[one * places + other] = aq;
  found[two * places + place] = bp; found[two * places + other] = bq;
  found[three * places + place] = cp; found[three * places + other] = cq;
  found[four * places + place] = dp; found[four * places + other] = dq;
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
