// @ts-check
// The singular value decomposition, and what it solves.

/** @typedef {ArrayLike<number>} Vector */

/** @param {Vector} one  @param {Vector} other */
function dot(one, other) {
  let sum = 0;
  for (let place = 0; place < one.length; place++) sum += one[place] * other[place];
  return sum;
}

/**
 * The singular value decomposition A V = U S of a matrix that is given by its columns. Pairs of columns are rotated until all
 * are orthogonal. Source: Hestenes 1958.
 * @param {Vector[]} matrix @returns {{ columns: Float64Array[], turned: Float64Array[] }} - The columns of U S, and those of V
 */
export function decomposed(matrix) {
  const columns = matrix.map((column) => Float64Array.from(column));
  const turned = columns.map((_, own) => Float64Array.from(columns, (__, other) => Number(own === other)));
  let isDone = false;
  while (!isDone) {
    isDone = true;
    for (let one = 0; one < columns.length; one++) {
      for (let other = one + 1; other < columns.length; other++) {
        const [p, q] = [columns[one], columns[other]];
        const [high, low, both] = [dot(p, p), dot(q, q), dot(p, q)];
        if (both ** 2 <= 1e-30 * high * low) continue;
        isDone = false;
        const slope = (low - high) / (2 * both);
        const tangent = (slope < 0 ? -1 : 1) / (Math.abs(slope) + Math.hypot(1, slope));
        const cosine = 1 / Math.hypot(1, tangent);
        for (const [left, right] of [[p, q], [turned[one], turned[other]]]) rotate(left, right, cosine, cosine * tangent);
      }
    }
  }
  return { columns, turned };
}

/** @param {Float64Array} one  @param {Float64Array} other  @param {number} cosine  @param {number} sine */
function rotate(one, other, cosine, sine) {
  for (let place = 0; place < one.length; place++) {
    const [x, y] = [one[place], other[place]];
    one[place] = cosine * x - sine * y;
    other[place] = sine * x + cosine * y;
  }
}

/** The shortest of the vectors x for which A x is nearest to the values. @param {Vector[]} matrix - Its columns  @param {Vector} values */
export function leastSquares(matrix, values) {
  const { columns, turned } = decomposed(matrix);
  const squares = columns.map((column) => dot(column, column));
  const faintest = Math.max(...squares) * (Number.EPSILON * Math.max(values.length, matrix.length)) ** 2;
  const parts = columns.map((column, index) => (squares[index] > faintest ? dot(column, values) / squares[index] : 0));
  return matrix.map((_, row) => parts.reduce((sum, part, index) => sum + part * turned[index][row], 0));
}

/** The principal direction of a symmetric matrix: its eigenvector of the largest eigenvalue, of several the last. @param {Vector[]} matrix */
export function principal(matrix) {
  const { columns, turned } = decomposed(matrix);
  const squares = columns.map((column) => dot(column, column));
  return turned[squares.lastIndexOf(Math.max(...squares))];
}
