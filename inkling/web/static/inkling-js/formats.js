// @ts-check
// What a number looks like: inkling/reading/formats.py. A format says which texts have it, and which may begin one that has it.

export const CHARACTERS = "0123456789.,-/:+()%$€="; // of a number
const MAX_PATTERN = 200; // characters of a regular expression

const DAY = "(?:0?[1-9]|[12]\\d|3[01])", MONTH = "(?:0?[1-9]|1[0-2])", YEAR = "(?:1[5-9]|20)\\d\\d";

/** A date with its parts set apart by `sign`. @param {string} sign */
const date = (sign) => `(?:${DAY}${sign}${MONTH}|${MONTH}${sign}${DAY})(?:${sign}(?:${YEAR}|\\d\\d))?|${YEAR}${sign}${MONTH}${sign}${DAY}`;

/** A number with thousands and a fraction set apart by these. @param {string} group  @param {string} point  @param {string} fraction */
const number = (group, point, fraction) => `(?:(?:\\d+|[1-9]\\d{0,2}(?:[${group}]\\d{3})+)(?:[${point}]${fraction})?|[${point}]${fraction})`;

/** As in English or as on the European continent. @param {string} fraction */
const either = (fraction) => `(?:${number(",", ".", fraction)}|${number(".", ",", fraction)})`;

/** The regular expression of each format that has a name. @type {Record<string, string>} */
export const NAMED = {
  integer: "[-+]?\\d+",
  decimal: `[-+]?${either("\\d+")}`,
  date: `${date("/")}|${date("-")}|${date("[.]")}|${DAY}[.]${MONTH}[.]`,
  time: "(?:[01]?\\d|2[0-4])(?:(?::[0-5]\\d){1,2}|(?:[.][0-5]\\d){1,2})",
  amount: `(?:[-+]?[$€]?|[$€][-+])${either("\\d\\d")}(?:[.,]?--?|=|/-)?[$€]?`,
  phone: "\\+?(?:(?:\\d[-./]?){2,14}\\d|(?:\\d[-./]?){0,5}\\(\\d{1,5}\\)[-./]?(?:\\d[-./]?){1,9}\\d)",
};

/** What may be left of a regular expression, and where each character leads. @typedef {{ patterns: Pattern[], next: Record<string, State> }} State */

/** What a number looks like. */
export class Format {
  /** @type {Map<string, State>} */ #states = new Map(); // made as texts need them, by the patterns that are left
  /** @type {State} */ #start;

  /**
   * The format of a name (NAMED), or of a regular expression of characters, sets, groups, | and counts, such as \d{2}/\d{2}.
   * @param {string} name
   */
  constructor(name) {
    this.name = name;
    try {
      this.#start = this.#state([parse(Object.hasOwn(NAMED, name) ? NAMED[name] : short(name))]);
    } catch (error) {
      throw new Error(`Expected a format (${Object.keys(NAMED).join(", ")}) or a regular expression over ${CHARACTERS}, got "${name}": ${error.message}`);
    }
    if (![...CHARACTERS].some((character) => this.mayBegin(character))) throw new Error(`Expected a format that some number has, got "${name}"`);
  }

  /** Whether a text of this format can begin so. @param {string} prefix */
  mayBegin(prefix) {
    return this.#after(prefix).patterns.length > 0;
  }

  /** Whether a text has this format; never an empty one. @param {string} text */
  accepts(text) {
    return text !== "" && this.#after(text).patterns.some(({ empty }) => empty);
  }

  /** @param {string} text */
  #after(text) {
    return [...text].reduce((state, character) => (state.next[character] ??= this.#state(
      CHARACTERS.includes(character) ? state.patterns.flatMap((pattern) => pattern.after(character)) : [])), this.#start);
  }

  /** @param {Pattern[]} patterns @returns {State} */
  #state(patterns) {
    const different = new Map(patterns.map((pattern) => [pattern.key, pattern]));
    const key = [...different.keys()].sort().join(" ");
    if (!this.#states.has(key)) this.#states.set(key, { patterns: [...different.values()], next: {} });
    return this.#states.get(key);
  }
}

/** @param {string} text */
function short(text) {
  if (text.length > MAX_PATTERN) throw new SyntaxError(`more than ${MAX_PATTERN} characters`);
  return text;
}

// --- regular expressions: what may follow a character is a few of them, its partial derivatives (Antimirov 1996). Nothing is tried twice

/** `empty`: whether it fits the empty text. `after`: it fits a text that begins with a character if one of these fits the rest. @typedef {{ key: string, empty: boolean, after: (character: string) => Pattern[] }} Pattern */

/** @type {Pattern} */ const EMPTY = { key: "()", empty: true, after: () => [] };

/** One character. @param {string} source - As 7, \d or [.,] @returns {Pattern} */
function single(source) {
  const set = new RegExp(`^${source}$`);
  return { key: source, empty: false, after: (character) => (set.test(character) ? [EMPTY] : []) };
}

/** @param {Pattern} first  @param {Pattern} rest @returns {Pattern} */
const sequence = (first, rest) => (first === EMPTY ? rest : rest === EMPTY ? first : {
  key: first.key + rest.key,
  empty: first.empty && rest.empty,
  after: (character) => [...first.after(character).map((left) => sequence(left, rest)), ...(first.empty ? rest.after(character) : [])],
});

/** @param {Pattern[]} patterns @returns {Pattern} */
const choice = (patterns) => ({
  key: `(${patterns.map(({ key }) => key).join("|")})`,
  empty: patterns.some(({ empty }) => empty),
  after: (character) => patterns.flatMap((pattern) => pattern.after(character)),
});

/** @param {Pattern} pattern  @param {number} least - Times  @param {number} most @returns {Pattern} */
const repeated = (pattern, least, most) => (most === 0 ? EMPTY : {
  key: `(${pattern.key}){${least},${most}}`,
  empty: least === 0 || pattern.empty,
  after: (character) => pattern.after(character).map((left) => sequence(left, repeated(pattern, Math.max(least - 1, 0), most - 1))),
});

const SET = String.raw`\[\^?(?:\\[d.,\-/:+()%$€=^]|[0-9.,\-/:+()%$€=])+\]`;
const COUNT = /^(?:[*+?]|\{(?=[\d,])(\d*)(,?)(\d*)\})\??$/; // with the ? of a lazy one, which fits the same texts
const TOKEN = new RegExp(String.raw`\((?:\?:)?|[)|]|[0-9.,\-/:%€=]|\\[d.,\-/:+()%$€=]|${SET}|(?:[*+?]|\{[\d,]+\})\??`, "g");

/** @param {string} text @returns {Pattern} */
function parse(text) {
  const tokens = text.match(TOKEN) ?? [];
  if (tokens.join("") !== text) throw new SyntaxError("it has something else in it");
  const alternatives = () => {
    const found = [parts()];
    while (tokens[0] === "|") found.push((tokens.shift(), parts()));
    return found.length > 1 ? choice(found) : found[0];
  };
  const parts = () => {
    const found = [];
    while (tokens.length && tokens[0] !== "|" && tokens[0] !== ")") found.push(part());
    return found.reduceRight((rest, first) => sequence(first, rest), EMPTY);
  };
  const part = () => {
    const token = tokens.shift();
    if (COUNT.test(token)) throw new SyntaxError(`nothing before ${token}`);
    const isGroup = token.startsWith("(");
    const found = isGroup ? alternatives() : single(token);
    if (isGroup && !tokens.shift()) throw new SyntaxError("a group is not closed");
    return COUNT.test(tokens[0]) ? repeated(found, ...times(tokens.shift())) : found;
  };
  const found = alternatives();
  if (tokens.length) throw new SyntaxError("a group is closed that was not opened");
  return found;
}

/** The least and the most times of a count. @param {string} count @returns {[number, number]} */
function times(count) {
  const [, low, comma, high] = COUNT.exec(count);
  if (low === undefined) return [Number(count[0] === "+"), count[0] === "?" ? 1 : Infinity];
  const [least, most] = [Number(low), high ? Number(high) : comma ? Infinity : Number(low)];
  if (least > most) throw new SyntaxError(`{${low},${high}} is from more to less`);
  return [least, most];
}
