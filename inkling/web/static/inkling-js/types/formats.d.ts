export const CHARACTERS: "0123456789.,-/:+()%$\u20AC=";
/** The regular expression of each format that has a name. @type {Record<string, string>} */
export const NAMED: Record<string, string>;
/** What may be left of a regular expression, and where each character leads. @typedef {{ patterns: Pattern[], next: Record<string, State> }} State */
/** What a number looks like. */
export class Format {
    /**
     * The format of a name (NAMED), or of a regular expression of characters, sets, groups, | and counts, such as \d{2}/\d{2}.
     * @param {string} name
     */
    constructor(name: string);
    name: string;
    /** Whether a text of this format can begin so. @param {string} prefix */
    mayBegin(prefix: string): boolean;
    /** Whether a text has this format; never an empty one. @param {string} text */
    accepts(text: string): boolean;
    #private;
}
/**
 * What may be left of a regular expression, and where each character leads.
 */
export type State = {
    patterns: Pattern[];
    next: Record<string, State>;
};
/**
 * `empty`: whether it fits the empty text. `after`: it fits a text that begins with a character if one of these fits the rest.
 */
export type Pattern = {
    key: string;
    empty: boolean;
    after: (character: string) => Pattern[];
};
