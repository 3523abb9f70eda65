export function forward(layers: Layer[], value: Value): Value;
/**
 * - Channels, rows and columns; or one row of numbers
 */
export type Value = {
    data: Float32Array;
    shape: number[];
};
/**
 * - Sizes are rows, then columns
 */
export type Layer = {
    kind: string;
    weights?: Float32Array;
    bias?: Float32Array;
    scale?: Float32Array;
    shift?: Float32Array;
    kernel?: number[];
    padding?: number[];
    size?: number[];
    epsilon?: number;
    layers?: Layer[];
};
