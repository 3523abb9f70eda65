/** The image of strokes, and where it lies: left, top, right, bottom in their unit. @param {number[][][]} strokes  @param {number} [pen] @returns {{ image: Float32Array, box: number[] } | null} */
export function toPlacedImage(strokes: number[][][], pen?: number): {
    image: Float32Array;
    box: number[];
} | null;
/** The image of ink `(height, width)` that has some: boxed, reduced to 20x20, its peak stretched, its centre of mass in the middle; and where it lies in the ink. @param {ArrayLike<number>} ink  @param {number} width  @param {number} height */
export function fit(ink: ArrayLike<number>, width: number, height: number): {
    image: Float32Array<ArrayBuffer>;
    left: number;
    top: number;
    side: number;
};
export const SIDE: 28;
export function toImage(strokes: number[][][], pen?: number): Float32Array | null;
