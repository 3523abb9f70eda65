/**
 * The texts that a line may hold, the likeliest first. Those of a format share the probability of the others, but not that of texts with UNKNOWN: what is no number keeps to no format.
 * @param {Float64Array[]} columns  @param {string[]} characters  @param {Fits} [format] @returns {Candidate[]}
 */
export function candidates(columns: Float64Array[], characters: string[], format?: Fits): Candidate[];
/** The log-probability of a text, over all its paths (Graves et al. 2006). @param {Float64Array[]} columns  @param {string} text  @param {string[]} characters */
export function logLikelihood(columns: Float64Array[], text: string, characters: string[]): number;
/** The columns (first, beyond) of each character on the likeliest path of a text that the columns can hold. @param {Float64Array[]} columns  @param {string} text  @param {string[]} characters @returns {number[][]} */
export function align(columns: Float64Array[], text: string, characters: string[]): number[][];
/** For each character of a text, itself and what else may stand there, "" for nothing: the likeliest first, with exact probabilities. @param {Float64Array[]} columns  @param {string} text  @param {string[]} characters @returns {[string, number][][]} */
export function alternatives(columns: Float64Array[], text: string, characters: string[]): [string, number][][];
export const UNKNOWN: "?";
export type Candidate = {
    text: string;
    probability: number;
};
/**
 * Which texts count, and which may begin one that does.
 */
export type Fits = {
    accepts: (text: string) => boolean;
    mayBegin: (prefix: string) => boolean;
};
