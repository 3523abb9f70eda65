// @ts-check
// What the columns of a line say becomes text: inkling/reading/decoding.py, by the same names. A network trained by CTC
// gives for each column the log-probabilities of a blank and of each character.

const WIDTH = 16; // prefixes kept at a column
const FAINT = 1e-4; // share of the likeliest prefix's probability from which another is kept
const [MAX_CANDIDATES, MAX_ALTERNATIVES] = [10, 5];
const MIN_FITTING = 0.1; // probability of all texts of a format, below which the format is in doubt
export const UNKNOWN = "?"; // ink that is no character of a number

/** @typedef {{ text: string, probability: number }} Candidate */

/** Which texts count, and which may begin one that does. @typedef {{ accepts: (text: string) => boolean, mayBegin: (prefix: string) => boolean }} Fits */
/** @type {Fits} */ const ANYTHING = { accepts: () => true, mayBegin: () => true };

/**
 * The texts that a line may hold, the likeliest first. Those of a format share the probability of the others, but not that of texts with UNKNOWN: what is no number keeps to no format.
 * @param {Float64Array[]} columns  @param {string[]} characters  @param {Fits} [format] @returns {Candidate[]}
 */
export function candidates(columns, characters, format) {
  const found = search(columns, characters);
  if (!format) return found;
  const sum = (/** @type {Candidate[]} */ texts) => texts.reduce((total, { probability }) => total + probability, 0);
  const kept = search(columns, characters, format);
  const whole = Math.max(sum(kept) + sum(found.filter(({ text }) => text.includes(UNKNOWN))), MIN_FITTING);
  return kept.map(({ text, probability }) => ({ text, probability: probability / whole }));
}

/** The likeliest texts of a line, the best first, with their exact probabilities. @param {Float64Array[]} columns - Of each column the log-probabilities, the blank's first  @param {string[]} characters  @param {Fits} [fits] @returns {Candidate[]} */
function search(columns, characters, fits = ANYTHING) {
  /** @type {Map<string, number[]>} */ let beam = new Map([["", [1, 0]]]); // the probabilities of paths that end in a blank, and in the last character
  for (const [blank, seen] of busy(columns, characters)) beam = cut(extended(beam, blank, seen, fits));
  const ranked = [...beam].sort(([, one], [, other]) => other[0] + other[1] - one[0] - one[1]);
  return ranked.filter(([text]) => fits.accepts(text)).slice(0, MAX_CANDIDATES)
    .map(([text]) => ({ text, probability: Math.exp(Math.min(logLikelihood(columns, text, characters), 0)) }))
    .sort((one, other) => other.probability - one.probability);
}

/** The probability of a blank and of characters, the likeliest first; of blank columns in a row, the first alone. @returns {[number, [string, number][]][]} */
function busy(columns, characters) {
  let before = true;
  return columns.flatMap((column) => {
    const blank = Math.exp(column[0]);
    const seen = characters.map((character, index) => /** @type {[string, number]} */ ([character, Math.exp(column[index + 1])]))
      .filter(([, probability]) => probability > FAINT * blank).sort(([, one], [, other]) => other - one);
    const is = seen.length > 0;
    const given = is || before;
    before = is;
    return given ? [/** @type {[number, [string, number][]]} */ ([blank, seen])] : [];
  });
}

/** The prefixes after one more column. Only after a blank, the same character again is a new one. @param {Map<string, number[]>} beam  @param {number} blank  @param {[string, number][]} seen  @param {Fits} fits */
function extended(beam, blank, seen, fits) {
  /** @type {Map<string, number[]>} */ const after = new Map();
  const of = (text) => { if (!after.has(text)) after.set(text, [0, 0]); return after.get(text); };
  let best = 0;
  for (const [text, [apart, touching]] of beam) {
    const [total, last] = [apart + touching, text.slice(-1)];
    const same = of(text);
    same[0] += total * blank;
    best = Math.max(best, total * blank);
    for (const [character, probability] of seen) {
      if (total * probability <= FAINT * best) break;
      let start = total;
      if (character === last) {
        same[1] += touching * probability;
        start = apart;
      }
      if (start * probability > FAINT * best && fits.mayBegin(text + character)) {
        of(text + character)[1] += start * probability;
        best = Math.max(best, start * probability);
      }
    }
  }
  return after;
}

/** The best prefixes that are not too faint, scaled so that the best has 1. @param {Map<string, number[]>} after */
function cut(after) {
  const totals = [...after].map(([text, [apart, touching]]) => ({ text, apart, touching, total: apart + touching }));
  const best = Math.max(0, ...totals.map(({ total }) => total));
  return new Map(totals.filter(({ total }) => total > FAINT * best).sort((one, other) => other.total - one.total).slice(0, WIDTH)
    .map(({ text, apart, touching }) => [text, [apart / best, touching / best]]));
}

/** log(e^x + e^y). @param {number} x  @param {number} y */
const logAdd = (x, y) => (x === -Infinity ? y : y === -Infinity ? x : Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y))));

/** The log-probability of a text, over all its paths (Graves et al. 2006). @param {Float64Array[]} columns  @param {string} text  @param {string[]} characters */
export function logLikelihood(columns, text, characters) {
  const states = statesOf(text, characters);
  let now = states.map((_, state) => (state ? -Infinity : 0));
  columns.forEach((column, index) => {
    now = states.map((label, state) => {
      let reached = now[state];
      if (index || state < 2) { // a path begins in the first blank or character
        if (state) reached = logAdd(reached, now[state - 1]);
        if (state > 1 && label && label !== states[state - 2]) reached = logAdd(reached, now[state - 2]);
      }
      return reached + column[label];
    });
  });
  const last = now.length - 1;
  return last ? logAdd(now[last], now[last - 1]) : now[last];
}

/** The columns (first, beyond) of each character on the likeliest path of a text that the columns can hold. @param {Float64Array[]} columns  @param {string} text  @param {string[]} characters @returns {number[][]} */
export function align(columns, text, characters) {
  const states = statesOf(text, characters);
  const mayJump = (state) => state > 1 && states[state] && states[state] !== states[state - 2];
  let now = states.map((_, state) => (state ? -Infinity : 0));
  const cameFrom = columns.map((column, index) => {
    const steps = states.map((_, state) => {
      const before = [now[state], state && (index || state < 2) ? now[state - 1] : -Infinity, index && mayJump(state) ? now[state - 2] : -Infinity];
      return before.indexOf(Math.max(...before));
    });
    now = states.map((label, state) => now[state - steps[state]] + column[label]);
    return steps;
  });
  let state = states.length - 1;
  if (state && now[state - 1] > now[state]) state -= 1;
  const spans = [...text].map(() => [0, 0]);
  for (let column = columns.length - 1; column >= 0; column--) {
    if (state % 2) {
      const span = spans[(state - 1) / 2];
      [span[0], span[1]] = [column, span[1] || column + 1];
    }
    state -= cameFrom[column][state];
  }
  return spans;
}

/** The classes of a path through a text: blank, first character, blank, ..., blank. @param {string} text  @param {string[]} characters */
const statesOf = (text, characters) => [0, ...[...text].flatMap((character) => [1 + characters.indexOf(character), 0])];

/** For each character of a text, itself and what else may stand there, "" for nothing: the likeliest first, with exact probabilities. @param {Float64Array[]} columns  @param {string} text  @param {string[]} characters @returns {[string, number][][]} */
export function alternatives(columns, text, characters) {
  return [...text].map((own, place) => {
    const scored = ["", ...characters].map((other) => /** @type {[string, number]} */ ([other, logLikelihood(columns, text.slice(0, place) + other + text.slice(place + 1), characters)]));
    const most = Math.max(...scored.map(([, score]) => score));
    const total = scored.reduce((sum, [, score]) => sum + Math.exp(score - most), 0);
    const shares = scored.map(([other, score]) => /** @type {[string, number]} */ ([other, Math.exp(score - most) / total]));
    const [itself] = shares.filter(([other]) => other === own);
    return [itself, ...shares.filter(([other]) => other !== own).sort(([, one], [, other]) => other - one).slice(0, MAX_ALTERNATIVES)];
  });
}
