// What one takes along of a drawing: its points, pictures of it, commands, a link.

import { FINEST, MOST_POINTS, SIDE, draw } from "./sheet.js";

const DOTS = 10; // a coordinate counts in tenths of a pixel

export const json = (sheet) => JSON.stringify({ strokes: sheet.strokes, pen: sheet.width });

export function png(sheet) {
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d");
  context.fillRect(0, 0, SIDE, SIDE);
  draw(context, sheet.strokes, sheet.width);
  return blob(canvas);
}

export function seen(image) {
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

export function save(content, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(content), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export const curl = (sheet) => `curl --json '${json(sheet)}' '${location.origin}/api/read?number=auto'`;

export const python = (sheet) =>
  `from inkling import Drawing, Reader\n\ndrawing = Drawing(${JSON.stringify(sheet.strokes)}, pen=${sheet.width})\n` +
  "print(Reader.load().read_any(drawing).to_json())\n";

/** The address of this page with the drawing in its fragment: differences of coordinates, base 36; pressures. */
export function link(sheet) {
  const strokes = sheet.strokes.map((stroke) => {
    let [a, b] = [0, 0];
    return stroke.map((point) => {
      const [x, y] = point.map((value) => Math.round(value * DOTS));
      const moved = [x - a, y - b, ...point.slice(2).map((pressure) => Math.round(pressure * FINEST))];
      [a, b] = [x, y];
      return moved.map((value) => value.toString(36)).join(",");
    }).join("_");
  });
  return `${location.origin}${location.pathname}#${sheet.width}~${strokes.join("~")}`;
}

const isPoint = (point) => point.every(Number.isFinite)
  && (point.length === 2 || (point.length === 3 && point[2] > 0 && point[2] <= 1));

/** The drawing of a fragment, or null where it holds none that can be read. */
export function linked(fragment) {
  let text = fragment.slice(1);
  try {
    text = decodeURIComponent(text); // some messengers write commas in another way
  } catch {
    return null;
  }
  const [pen, ...strokes] = text.split("~");
  const read = strokes.map((stroke) => {
    let [x, y] = [0, 0];
    return stroke.split("_").map((pair) => {
      const [right, down, ...pressure] = pair.split(",").map((value) => parseInt(value, 36));
      [x, y] = [x + right, y + down];
      return [x / DOTS, y / DOTS, ...pressure.map((value) => value / FINEST)];
    });
  });
  const points = read.flat();
  const few = points.length && points.length <= MOST_POINTS;
  const whole = few && Number(pen) > 0 && points.every(isPoint);
  return whole ? { pen: Number(pen), strokes: read } : null;
}
