// @ts-check
// Without a server: the page reads by itself, and keeps what was labelled until the server is back.

const MODEL = "api/models/js"; // of the served bundle; the service worker keeps it
const [DATABASE, STORE] = ["inkling", "outbox"];
const SIDE = 28; // pixels of an image

/** @typedef {import("./inkling-js/reader.js").Reader} Reader */
/** @type {Promise<Reader> | null} */ let reader = null;

/** The reader of the page, fetched once; what fails is tried again. */
export function ready() {
  reader ??= import("./inkling-js/reader.js").then(({ Reader }) => Reader.load(new URL(MODEL, document.baseURI))).catch((error) => {
    reader = null;
    throw error;
  });
  return reader;
}

/** Read strokes, or the file of a picture, as the server would answer; null where nothing is drawn. @param {{ strokes: number[][][], pen: number } | Blob} content @returns {Promise<any>} */
export async function readHere(content) {
  const own = await ready();
  const reading = content instanceof Blob ? own.readAny(await pictureOf(content)) : own.readAny(content.strokes, content.pen);
  if (!reading) return null;
  const of = ({ model_sha256: digest }) => digest.slice(0, 12);
  const texts = (/** @type {[string, number][]} */ pairs) => pairs.map(([text, confidence]) => ({ text, confidence }));
  const number = (/** @type {import("./inkling-js/reader.js").NumberReading} */ one) => ({
    ...one, model: of(own.model.numbers), alternatives: texts(one.alternatives), parts: one.parts.map((part) => ({ ...part, alternatives: texts(part.alternatives) })) });
  if (Array.isArray(reading)) return { lines: reading.map(number), model: of(own.model.numbers) };
  if ("text" in reading) return number(reading);
  const { oodScore, image, imageBox, probabilities, ...rest } = reading;
  const rows = Array.from({ length: SIDE }, (_, y) => Array.from(image.slice(y * SIDE, (y + 1) * SIDE), (value) => Math.round(value * 255)));
  return { ...rest, model: of(own.model), ood_score: oodScore, probabilities: [...probabilities], image: rows, image_box: imageBox, explanation: null };
}

/** A picture, by modules that are loaded where they are needed. @param {Blob} file */
const pictureOf = async (file) => (await import("./inkling-js/picture.js")).Picture.fromBlob(file);

// --- what was labelled meanwhile

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/** @param {IDBTransactionMode} mode */
async function outbox(mode) {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "key" });
  return (await done(opening)).transaction(STORE, mode).objectStore(STORE);
}

/** Keep a drawing until it can be sent. @param {{ key: string, path: string, body: string }} drawing - `key` is its idempotency key: sent twice, it is stored once */
export async function keep(drawing) {
  await done((await outbox("readwrite")).put(drawing));
}

/** How many drawings wait to be sent. @returns {Promise<number>} */
export const waiting = async () => done((await outbox("readonly")).count());

/** Send what waits, until the server is gone again; what it refuses waits on. Returns how many were stored. @returns {Promise<number>} */
export async function send() {
  let stored = 0;
  for (const { key, path, body } of await done((await outbox("readonly")).getAll())) {
    const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body }).catch(() => null);
    if (!response) break;
    if (!response.ok) continue;
    await done((await outbox("readwrite")).delete(key));
    stored += 1;
  }
  return stored;
}
