/** @typedef {{ data: ArrayLike<number>, width: number, height: number }} Pixels - Red, green, blue and alpha of each pixel, row by row, from 0 to 255, as in an ImageData */
/**
 * A picture whose pixels are known. A Reader reads it as it reads strokes.
 *
 *     const reading = reader.readAny(await Picture.fromBlob(file));
 */
export class Picture {
    /** A picture of a file that this browser can decode. @param {Blob} blob @returns {Promise<Picture>} */
    static fromBlob(blob: Blob): Promise<Picture>;
    /** @param {Pixels} pixels  @param {boolean} [lossy] - Whether it was compressed with loss, as a JPEG: what is faint around its strokes is no ink */
    constructor({ data, width, height }: Pixels, lossy?: boolean);
    width: number;
    height: number;
    lossy: boolean;
    planes: Grid[];
    /** The image that a network reads, and where it lies: left, top, right, bottom. Null where nothing is drawn. @returns {{ image: Float32Array, box: number[] } | null} */
    toPlacedImage(): {
        image: Float32Array;
        box: number[];
    } | null;
    /** Its lines, top to bottom; none where nothing is drawn. @returns {import("./lines.js").Line[]} */
    toLines(): import("./lines.js").Line[];
}
/**
 * - Red, green, blue and alpha of each pixel, row by row, from 0 to 255, as in an ImageData
 */
export type Pixels = {
    data: ArrayLike<number>;
    width: number;
    height: number;
};
import { Grid } from "./grid.js";
