// What benchmarks/in_page.py asks a page.

const SIDE = 28 * 28; // numbers of an image
const DIGITS = "unipen:digits-dev", NUMBERS = "unipen:numbers-dev";
const readers = {};

const fetched = async (part) => (await fetch(`./${part}.json`)).json();

/** Images of MNIST's test set, from the first to before the end. */
async function images(first, end) {
  const bytes = new Uint8Array(await (await fetch("images.bin")).arrayBuffer());
  return Array.from({ length: end - first }, (_, at) =>
    Float32Array.from(bytes.subarray((first + at) * SIDE, (first + at + 1) * SIDE), (ink) => ink / 255));
}

/** What is read of items of a kind: "images", or a file of strokes. */
export async function read([way, kind, first, end]) {
  const { Reader } = await import("./inkling-js/index.js");
  const reader = readers[way] ??= await Reader.load(way);
  const plain = (one) => [one.label, one.accepted, one.oodScore, ...one.probabilities];
  if (kind === "images") return (await images(first, end)).map((image) => plain(reader.readImage(image)));
  const items = (await fetched(kind)).slice(first, end);
  if (kind.includes("digits")) return items.map((strokes) => plain(reader.read(strokes)));
  return items.map((strokes) => reader.readNumber(strokes)).map((one) => [one.text, one.accepted, one.confidence]);
}

/** Milliseconds of an item, read one by one. */
async function time(items, act) {
  const began = performance.now();
  for (const item of items) await act(item);
  return (performance.now() - began) / items.length;
}

/** Milliseconds of inkling-js: until the first digit is read, then of each. */
export async function timed([way, digits, numbers]) {
  const [pictures, strokes, texts] = [await images(0, digits), await fetched(DIGITS), await fetched(NUMBERS)];
  const began = performance.now();
  const { Reader } = await import("./inkling-js/index.js");
  const reader = await Reader.load(way);
  reader.read(strokes[0]);
  return {
    first: performance.now() - began,
    digit: await time(strokes.slice(0, digits), (one) => reader.read(one)),
    image: await time(pictures, (one) => reader.readImage(one)),
    number: await time(texts.slice(0, numbers), (one) => reader.readNumber(one)),
  };
}

/** The same of ONNX Runtime Web, which reads images. */
export async function timedPeer([, digits]) {
  const pictures = await images(0, digits);
  const began = performance.now();
  const ort = await import("./ort/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create("digits.onnx");
  const act = (image) => session.run({ [session.inputNames[0]]: new ort.Tensor("float32", image, [1, 1, 28, 28]) });
  await act(pictures[0]);
  return { first: performance.now() - began, image: await time(pictures, act) };
}
