// @ts-check
// Exports of a drawing: its strokes as JSON, PNG images, commands, and a link.

import { MAX_POINTS, PRESSURE_STEPS, draw } from "./inkling-js/sheet.js";

const COORDINATE_STEPS = 10; // in a link, a coordinate counts tenths of a pixel

export const json = (sheet) => JSON.stringify({ strokes: sheet.strokes, pen: sheet.width });

/** The drawing as a PNG. */
export function png(sheet) {
  const canvas = Object.assign(document.createElement("canvas"), sheet.view);
  const context = canvas.getContext("2d");
  context.fillRect(0, 0, canvas.width, canvas.height);
  draw(context, sheet.strokes, sheet.width);
  return blob(canvas);
}

/** The network's input, 28 rows of 0..255, as a PNG. */
export function inputPng(image) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
  paintGrey(canvas.getContext("2d"), image);
  return blob(canvas);
}

export function paintGrey(context, image) {
  const pixels = context.createImageData(28, 28);
  image.flat().forEach((grey, i) => pixels.data.set([grey, grey, grey, 255], 4 * i));
  context.putImageData(pixels, 0, 0);
}

const blob = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/png"));

/** Download a blob as a file. */
export function save(content, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(content), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export const curl = (sheet) => `curl --json '${json(sheet)}' '${new URL("api/read?number=auto", document.baseURI)}'`;

/** A Python program that reads the drawing: one digit, or rows of numbers. */
export function python(sheet, rows) {
  const read = rows ? "for reading in Reader.load().read_lines(drawing):\n    print(reading.text, reading.confidence)\n"
    : "reading = Reader.load().read(drawing)\nprint(reading.name, reading.confidence)\n";
  return "from inkling import Drawing, Reader\n\n" +
    `drawing = Drawing(${JSON.stringify(sheet.strokes)}, pen=${sheet.width})\n${read}`;
}

/** A link to this page whose fragment holds the drawing.
 *
 * The fragment is pen~stroke~stroke. A stroke is point_point. A point is x,y or x,y,pressure in
 * base 36; x and y are differences from the point before.
 */
export function link(sheet) {
  const strokes = sheet.strokes.map((stroke) => {
    let [lastX, lastY] = [0, 0];
    return stroke.map((point) => {
      const [x, y] = point.map((value) => Math.round(value * COORDINATE_STEPS));
      const pressure = point.slice(2).map((value) => Math.round(value * PRESSURE_STEPS));
      const numbers = [x - lastX, y - lastY, ...pressure];
      [lastX, lastY] = [x, y];
      return numbers.map((value) => value.toString(36)).join(",");
    }).join("_");
  });
  return `${location.origin}${location.pathname}#${sheet.width}~${strokes.join("~")}`;
}

const isPoint = (point) => point.every(Number.isFinite)
  && (point.length === 2 || (point.length === 3 && point[2] > 0 && point[2] <= 1));

/** The drawing that a fragment holds, or null if it holds none. */
export function fromLink(fragment) {
  let text = fragment.slice(1);
  try {
    text = decodeURIComponent(text); // some messengers escape the commas
  } catch {
    return null;
  }
  const [pen, ...parts] = text.split("~");
  const strokes = parts.map((part) => {
    let [x, y] = [0, 0];
    return part.split("_").map((numbers) => {
      const [dx, dy, ...pressure] = numbers.split(",").map((value) => parseInt(value, 36));
      [x, y] = [x + dx, y + dy];
      return [x / COORDINATE_STEPS, y / COORDINATE_STEPS, ...pressure.map((value) => value / PRESSURE_STEPS)];
    });
  });
  const points = strokes.flat();
  const valid = Number(pen) > 0 && points.length && points.length <= MAX_POINTS && points.every(isPoint);
  return valid ? { pen: Number(pen), strokes } : null;
}
