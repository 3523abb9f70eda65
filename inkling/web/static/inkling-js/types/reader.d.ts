/** Reads with one bundle, as `inkling export --to js` writes it: model.json and model.bin. */
export class Reader {
    /** Fetch a bundle: the address of its folder. @param {string | URL} address @returns {Promise<Reader>} */
    static load(address: string | URL): Promise<Reader>;
    /** @param {any} model - What model.json holds  @param {ArrayBuffer} weights - What model.bin holds */
    constructor(model: any, weights: ArrayBuffer);
    model: any;
    layers: import("./layers.js").Layer[];
    lineLayers: import("./layers.js").Layer[];
    /** Read a digit; null where nothing is drawn. @param {Source} source  @param {number} [pen] - The width of a line of strokes  @param {Options} [options] @returns {Reading | null} */
    read(source: Source, pen?: number, options?: Options): Reading | null;
    /** Read what is there: a digit, a number of several characters where that is more likely, or several rows. What has a format is a number. @param {Source} source  @param {number} [pen]  @param {Options} [options] @returns {Reading | NumberReading | NumberReading[] | null} */
    readAny(source: Source, pen?: number, options?: Options): Reading | NumberReading | NumberReading[] | null;
    /** Read every row, from top to bottom. @param {Source} source  @param {Options} [options] @returns {NumberReading[]} */
    readLines(source: Source, options?: Options): NumberReading[];
    /** Read a number; null where nothing is drawn. Of several rows it is the largest, and not accepted. @param {Source} source  @param {Options} [options] @returns {NumberReading | null} */
    readNumber(source: Source, options?: Options): NumberReading | null;
    /** The log-probabilities of each column of a line. @param {import("./lines.js").Line} line  @param {number[]} prior @returns {Float64Array[]} */
    columns({ data, shape: [, rows, wide] }: import("./lines.js").Line, prior: number[]): Float64Array[];
    /** Read an image as MNIST's: 784 numbers in [0, 1], 1 is ink. @param {Float32Array} image  @param {Options} [options] @returns {Reading} */
    readImage(image: Float32Array, { threshold }?: Options): Reading;
    /** The labels it may be, the likeliest first: this share of such sets holds the true one. @param {Reading} reading  @param {number} level - The share, as 0.99 @returns {number[]} */
    labelSet({ probabilities }: Reading, level: number): number[];
    #private;
}
export type Source = number[][][] | import("./picture.js").Picture;
export type Reading = {
    /**
     * - Index of the likeliest class
     */
    label: number;
    /**
     * - Its name
     */
    name: string;
    /**
     * - Its probability
     */
    confidence: number;
    /**
     * - Of every class
     */
    probabilities: Float32Array;
    /**
     * - Out-of-distribution score in nats: above 0 for what shows no digit
     */
    oodScore: number;
    /**
     * - Whether to believe it; null if the bundle cannot say
     */
    accepted: boolean | null;
    /**
     * - Label set, the likeliest first
     */
    labels: number[] | null;
    /**
     * - What the network saw: 784 numbers in [0, 1]
     */
    image: Float32Array;
    /**
     * - Where that lies: left, top, right, bottom in the unit of the strokes
     */
    imageBox?: number[];
};
export type Options = {
    /**
     * - The least confidence of an accepted reading, in [0, 1]; without it, that of the bundle
     */
    threshold?: number;
    /**
     * - What a number looks like: a name, such as "date", or a regular expression
     */
    format?: string | Format;
};
export type NumberReading = {
    /**
     * - As "-12.5"; "?" stands for ink that is no character of a number
     */
    text: string;
    /**
     * - That all of it is right
     */
    confidence: number;
    accepted: boolean | null;
    /**
     * - Its characters, what else each could be, and where it lies: left, top, right, bottom in the unit of the strokes
     */
    parts: {
        text: string;
        confidence: number;
        alternatives: [string, number][];
        box: number[];
    }[];
    /**
     * - Around the number
     */
    box: number[];
    /**
     * - Other texts, the likeliest first
     */
    alternatives: [string, number][];
};
import { Format } from "./formats.js";
