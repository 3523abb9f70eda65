/**
 * The singular value decomposition A V = U S of a matrix that is given by its columns. Pairs of columns are rotated until all
 * are orthogonal. Source: Hestenes 1958.
 * @param {Vector[]} matrix @returns {{ columns: Float64Array[], turned: Float64Array[] }} - The columns of U S, and those of V
 */
export function decomposed(matrix: Vector[]): {
    columns: Float64Array[];
    turned: Float64Array[];
};
/** The shortest of the vectors x for which A x is nearest to the values. @param {Vector[]} matrix - Its columns  @param {Vector} values */
export function leastSquares(matrix: Vector[], values: Vector): number[];
/** The principal direction of a symmetric matrix: its eigenvector of the largest eigenvalue, of several the last. @param {Vector[]} matrix */
export function principal(matrix: Vector[]): Float64Array<ArrayBufferLike>;
export type Vector = ArrayLike<number>;
