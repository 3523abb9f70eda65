// @ts-check
// A drawing becomes the image that a network reads, in the page: the steps of inkling/ink/image.py, with the
// browser's own lines in place of Pillow's. Pixels differ from Python's by a few grey levels.

const [RASTER, BOX, SIDE] = [160, 20, 28]; // pixels: of the strokes' longer side, of a digit, of an image
const STROKE = 2.5; // pixels of a digit's box, the width of a stroke

/** The image `(28, 28)` in [0, 1] of strokes of points x, y; null where nothing is drawn. @param {number[][][]} strokes @returns {Float64Array | null} */
export function toImage(strokes) {
  const points = strokes.flat();
  if (!points.length) return null;
  const ends = [0, 1].map((axis) => [Math.min(...points.map((point) => point[axis])), Math.max(...points.map((point) => point[axis]))]);
  const reach = Math.max(...ends.map(([low, high]) => high - low));
  const pen = reach ? (reach * STROKE) / (BOX - STROKE) : 1;
  const scale = RASTER / (reach + pen);
  const raster = new OffscreenCanvas(RASTER, RASTER);
  const context = raster.getContext("2d", { willReadFrequently: true });
  const [left, top] = ends.map(([low, high]) => (RASTER - (high - low) * scale) / 2 - low * scale); // in the middle of the square
  context.translate(left, top);
  context.scale(scale, scale);
  Object.assign(context, { lineWidth: pen, lineCap: "round", lineJoin: "round" });
  for (const stroke of strokes) {
    context.beginPath();
    for (const [x, y] of [stroke[0], ...stroke]) context.lineTo(x, y);
    context.stroke();
  }
  return placed(averaged(context.getImageData(0, 0, RASTER, RASTER).data));
}

/** The mean ink of each of 20x20 cells, the peak stretched to 255. @param {Uint8ClampedArray} data - Red, green, blue and how opaque, a byte each */
function averaged(data) {
  const [cell, cells] = [RASTER / BOX, new Float64Array(BOX * BOX)];
  for (let y = 0; y < RASTER; y++) {
    for (let x = 0; x < RASTER; x++) cells[Math.floor(y / cell) * BOX + Math.floor(x / cell)] += data[4 * (y * RASTER + x) + 3];
  }
  const peak = Math.max(...cells);
  return cells.map((ink) => Math.round((ink * 255) / peak));
}

/** The box in 28x28, shifted by whole pixels so that the centre of mass lies in [14, 15). @param {Float64Array} cells */
function placed(cells) {
  const total = cells.reduce((sum, ink) => sum + ink, 0);
  const centre = (/** @type {(place: number) => number} */ along) => cells.reduce((sum, ink, place) => sum + ink * (along(place) + 0.5), 0) / total;
  const [left, top] = [centre((place) => place % BOX), centre((place) => Math.floor(place / BOX))].map((at) => Math.ceil(SIDE / 2 - at));
  const image = new Float64Array(SIDE * SIDE);
  cells.forEach((ink, place) => {
    const [x, y] = [left + (place % BOX), top + Math.floor(place / BOX)];
    if (x >= 0 && x < SIDE && y >= 0 && y < SIDE) image[y * SIDE + x] = ink / 255;
  });
  return image;
}
