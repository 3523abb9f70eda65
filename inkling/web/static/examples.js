// @ts-check
// Examples for who does not want to draw. They are written stroke by stroke, as by hand.

const [ROOM, MS, STEPS] = [0.62, 16, 2]; // share of the sheet that ink fills; between two steps; points a step
export const PHOTO = new URL("photo.jpg", import.meta.url);

/** Strokes of control points, in any unit; the pen goes through each of them. @type {Record<string, number[][][]>} */
export const EXAMPLES = {
  digit: [[[12, 22], [30, 15], [52, 16], [74, 12], [66, 34], [52, 62], [44, 84], [40, 104]]],
  number: [
    [[8, 30], [20, 18], [27, 8], [27, 40], [26, 72], [26, 98]],
    [[52, 26], [60, 10], [78, 8], [88, 24], [80, 48], [64, 72], [50, 94], [70, 93], [94, 91]],
    [[112, 92], [114, 97]],
    [[172, 10], [146, 11], [141, 44], [160, 40], [176, 54], [174, 80], [158, 96], [138, 92]],
    [[214, 12], [198, 28], [194, 62], [206, 94], [226, 90], [236, 58], [230, 24], [214, 12]],
  ],
};

/** The strokes, as large as the sheet has room, in its middle. @param {number[][][]} strokes  @param {{ width: number, height: number }} sheet @returns {number[][][]} */
export function centred(strokes, { width, height }) {
  const points = strokes.flat();
  const [low, high] = [Math.min, Math.max].map((end) => [0, 1].map((axis) => end(...points.map((point) => point[axis]))));
  const scale = ROOM * Math.min(width / (high[0] - low[0]), height / (high[1] - low[1]));
  const shift = [width, height].map((length, axis) => (length - scale * (high[axis] + low[axis])) / 2);
  return strokes.map((stroke) => smooth(stroke).map((point) => point.map((value, axis) => Math.round(10 * (value * scale + shift[axis])) / 10)));
}

/** Points on a Catmull-Rom spline through control points. @param {number[][]} points @param {number} [parts] - Between two of them @returns {number[][]} */
export function smooth(points, parts = 8) {
  const at = (/** @type {number} */ i) => points[Math.min(Math.max(i, 0), points.length - 1)];
  return [points[0], ...points.slice(1).flatMap((_, i) => Array.from({ length: parts }, (_, part) => {
    const [t, a, b, c, d] = [(part + 1) / parts, at(i - 1), at(i), at(i + 1), at(i + 2)];
    return [0, 1].map((k) => (2 * b[k] + (c[k] - a[k]) * t + (2 * a[k] - 5 * b[k] + 4 * c[k] - d[k]) * t ** 2 + (3 * b[k] - a[k] - 3 * c[k] + d[k]) * t ** 3) / 2);
  }))];
}

/** Write strokes on a sheet, point by point; at once for who prefers no motion. It ends early if the sheet is changed meanwhile. @param {any} sheet  @param {number[][][]} strokes */
export async function play(sheet, strokes) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return sheet.replace(strokes);
  sheet.replace(strokes.slice(0, 1).map((stroke) => stroke.slice(0, 1)));
  for (const [i, stroke] of strokes.entries()) {
    for (let end = STEPS; end < stroke.length + STEPS; end += STEPS) {
      const shown = sheet.strokes;
      await new Promise((done) => setTimeout(done, MS));
      if (sheet.strokes !== shown) return; // somebody else draws
      sheet.show([...strokes.slice(0, i), stroke.slice(0, end)]);
    }
  }
}
