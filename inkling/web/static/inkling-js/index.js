// @ts-check
// Reads handwritten digits in a page, without a server. A bundle comes from `inkling export --to js`.

export { Format } from "./formats.js";
export { toImage } from "./image.js";
export { Reader } from "./reader.js";

/** @typedef {import("./reader.js").Reading} Reading */
/** @typedef {import("./reader.js").NumberReading} NumberReading */
/** @typedef {import("./reader.js").Options} Options */
