export { Format } from "./formats.js";
export { toImage } from "./image.js";
export { Reader } from "./reader.js";
export type Reading = import("./reader.js").Reading;
export type NumberReading = import("./reader.js").NumberReading;
export type Options = import("./reader.js").Options;
