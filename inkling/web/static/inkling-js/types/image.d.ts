/** The image of strokes, and where it lies: left, top, right, bottom in their unit. @param {number[][][]} strokes  @param {number} [pen] @returns {{ image: Float32Array, box: number[] } | null} */
export function toPlacedImage(strokes: number[][][], pen?: number): {
    image: Float32Array;
    box: number[];
} | null;
/** The image of ink `(height, width)` that has some: boxed, reduced to 20x20, its peak stretched, its centre of mass in the middle; and where it lies in the ink. @param {Uint8Array} ink  @param {number} width  @param {number} height */
export function fit(ink: Uint8Array, width: number, height: number): {
    image: Float32Array<ArrayBuffer>;
    left: number;
    top: number;
    side: number;
};
export function toImage(strokes: number[][][], pen?: number): Float32Array | null;
