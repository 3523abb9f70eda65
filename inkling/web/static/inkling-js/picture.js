// @ts-check
// A picture, as a photograph or a scan, is read like a drawing: inkling/ink/decode.py and image.py, of pixels.

import { brightness, luma } from "./colour.js";
import { Grid } from "./grid.js";
import { SIDE, fit } from "./image.js";
import { ifDrawn, isAround, offTheBorder, offThePaper, worded } from "./paper.js";
import { toLines } from "./picture-lines.js";
import { min, sum } from "./statistics.js";

const MAX_PIXELS = 50_000_000; // admits a photograph of 48 megapixels
const MIN_PAPER = 64; // pixels of the longer side; in a smaller picture, uneven paper is not removed
const LOSSY = /jpe?g|webp|avif|hei[cf]|jp2/i; // the types of files that were compressed with loss
const [BLACK, WHITE, OPAQUE] = [0, 255, 255];
const [RED, GREEN, BLUE] = [19595, 38470, 7471]; // of brightness, in units of 1 / 65536: ITU-R BT.601

/** @typedef {{ data: ArrayLike<number>, width: number, height: number }} Pixels - Red, green, blue and alpha of each pixel, row by row, from 0 to 255, as in an ImageData */

/**
 * A picture whose pixels are known. A Reader reads it as it reads strokes.
 *
 *     const reading = reader.readAny(await Picture.fromBlob(file));
 */
export class Picture {
  /** @param {Pixels} pixels  @param {boolean} [lossy] - Whether it was compressed with loss, as a JPEG: what is faint around its strokes is no ink */
  constructor({ data, width, height }, lossy = false) {
    checkSize(width, height);
    if (data?.length !== 4 * width * height) throw new RangeError(`Expected 4 numbers for each of ${width} x ${height} pixels, got ${data?.length}: give an ImageData`);
    this.width = width;
    this.height = height;
    this.lossy = lossy;
    this.planes = withoutColour(onPaper(channelsOf(data, width, height)));
  }

  /** A picture of a file that this browser can decode. @param {Blob} blob @returns {Promise<Picture>} */
  static async fromBlob(blob) {
    const bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" }).catch(() => null);
    if (!bitmap) throw new TypeError(`Expected a picture, but this browser cannot decode ${blob.type || "the file"}: save it as PNG`);
    checkSize(bitmap.width, bitmap.height);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d"));
    context.drawImage(bitmap, 0, 0);
    return new Picture(context.getImageData(0, 0, bitmap.width, bitmap.height), LOSSY.test(blob.type));
  }

  /** The image that a network reads, and where it lies: left, top, right, bottom. Null where nothing is drawn. @returns {{ image: Float32Array, box: number[] } | null} */
  toPlacedImage() {
    return ifDrawn(() => {
      const { planes, lossy } = this;
      if (this.width === SIDE && this.height === SIDE) {
        const grey = luma(planes);
        if (!isAround(grey)) return { image: Float32Array.from(grey.data, (value) => value / 255), box: [0, 0, SIDE, SIDE] }; // ink reaches its border, as in an image
      }
      const isSmall = Math.max(this.width, this.height) < MIN_PAPER;
      const { ink, scale, corner } = isSmall ? { ink: offTheBorder(brightness(planes), lossy), scale: 1, corner: [0, 0] } : offThePaper(planes, lossy);
      const { image, left, top, side } = fit(ink.data, ink.width, ink.height);
      const [x, y] = [corner[0] + left / scale, corner[1] + top / scale];
      return { image, box: [x, y, x + side / scale, y + side / scale] };
    });
  }

  /** Its lines, top to bottom; none where nothing is drawn. @returns {import("./lines.js").Line[]} */
  toLines() {
    return ifDrawn(() => toLines(this.planes, this.lossy)) ?? [];
  }
}

/** @param {number} width  @param {number} height */
function checkSize(width, height) {
  if (!(width > 0 && height > 0)) throw new RangeError(`Expected a picture of at least one pixel, got ${width} x ${height}: check how it was made`);
  if (width * height > MAX_PIXELS) throw new RangeError(`Expected at most ${worded(MAX_PIXELS)} pixels, got ${worded(width)} x ${worded(height)}: scale the picture down`);
}

/** Red, green, blue and alpha. @param {ArrayLike<number>} data  @param {number} width  @param {number} height */
function channelsOf(data, width, height) {
  const channels = [0, 1, 2, 3].map(() => new Grid(width, height, new Uint8Array(width * height)));
  channels.forEach((channel, index) => { for (let place = 0, at = index; at < data.length; place++, at += 4) channel.data[place] = data[at]; });
  return channels;
}

/** The colours of a transparent picture on black if its ink is light, on white otherwise. @param {Grid[]} channels - Red, green, blue, alpha */
function onPaper([red, green, blue, alpha]) {
  if (min(alpha.data) === OPAQUE) return [red, green, blue];
  const on = (/** @type {number} */ paper) => [red, green, blue].map((plane) => plane.map((value, place) => composed(value, paper, alpha.data[place]), new Uint8Array(plane.data.length)));
  const onBlack = on(BLACK);
  const [r, g, b] = onBlack.map(({ data }) => data);
  let light = 0; // of the ink, as far as it covers the paper
  for (let place = 0; place < r.length; place++) light += (r[place] * RED + g[place] * GREEN + b[place] * BLUE + 0x8000) >> 16;
  return 255 * light > 127 * sum(alpha.data) ? onBlack : on(WHITE);
}

/** A colour over paper, rounded as by Pillow. @param {number} value  @param {number} paper  @param {number} alpha */
function composed(value, paper, alpha) {
  const scaled = (value * alpha + paper * (255 - alpha)) * 128 + 0x4000;
  return ((scaled >> 8) + scaled) >> 15;
}

/** One plane, if all are equal. @param {Grid[]} planes */
function withoutColour(planes) {
  const [red, green, blue] = planes.map(({ data }) => data);
  for (let place = 0; place < red.length; place++) if (red[place] !== green[place] || red[place] !== blue[place]) return planes;
  return [planes[0]];
}
