// What the API takes and answers. Made by `make types`: do not edit.

/**
 * A reading of one digit.
 * @typedef {object} Answer
 * @property {number} label - Index of the likeliest class
 * @property {string} name - Its name
 * @property {number} confidence - Its probability, calibrated
 * @property {number} ood_score - Out-of-distribution score in nats: above 0 for what shows no digit
 * @property {boolean | null} accepted - Whether to believe it; null if the bundle can't say
 * @property {number[] | null} labels - Label set, the likeliest first: holds the true label of 99.9%
 * @property {number[]} probabilities - Of every class; they sum to 1
 * @property {string} model - The bundle that read it: how its SHA-256 begins
 * @property {number[][] | null} [image] - What the network saw: 28 rows of 0..255, ink high
 * @property {[number, number, number, number] | null} [image_box] - Where that image lies; see the parts of a number
 * @property {number[][] | null} [explanation] - If asked for: what each pixel's ink did for the label, in nats
 */

/**
 * A text that could be written.
 * @typedef {object} TextAnswer
 * @property {string} text - "" where there may be nothing
 * @property {number} confidence
 */

/**
 * A character of a number.
 * @typedef {object} PartAnswer
 * @property {string} text - "?" where the ink is no character of a number
 * @property {number} confidence
 * @property {[number, number, number, number]} box - Left, top, right, bottom: pixels of the picture, or the unit of the strokes
 * @property {TextAnswer[]} alternatives - What else it could be, likeliest first
 */

/**
 * A reading of a number.
 * @typedef {object} NumberAnswer
 * @property {string} text - As -12.5
 * @property {number} confidence - That all of it is correct
 * @property {boolean | null} accepted - Whether to believe it; null if the bundle can't say
 * @property {string} model - The bundle that read it: how its SHA-256 begins
 * @property {PartAnswer[]} parts - From left to right
 * @property {TextAnswer[]} alternatives - Other texts, the likeliest first
 * @property {[number, number, number, number]} box - Around the number; see its parts
 */

/**
 * A reading of several rows.
 * @typedef {object} LinesAnswer
 * @property {NumberAnswer[]} lines - From top to bottom
 * @property {string} model - The bundle that read it: how its SHA-256 begins
 */

/**
 * An error: what was expected and what came, and the way out.
 * @typedef {object} Problem
 * @property {string} error
 * @property {string} hint
 */

/**
 * A drawing: strokes of [x, y] points, x to the right, y down, and the pen's width.
 * @typedef {object} Strokes
 * @property {number[][][]} strokes
 * @property {number} [pen] - Width, in the unit of the points
 */

/**
 * A picture's file as text: a data URL, or base64.
 * @typedef {object} PictureText
 * @property {string} picture
 */

/**
 * A message of the live socket; the answer carries the same id.
 * @typedef {object} LiveStrokes
 * @property {number[][][]} strokes
 * @property {number} [pen] - Width, in the unit of the points
 * @property {number} id
 * @property {boolean} [explain]
 * @property {boolean} [image]
 */

/**
 * A run, or a fine-tuning, as its folder and its process say.
 * @typedef {object} RunState
 * @property {string | null} name
 * @property {"running" | "stopped" | "ended" | null} state
 * @property {boolean} [stopping]
 * @property {boolean} [died]
 * @property {string} [said]
 * @property {string | null} [recipe]
 * @property {string | null} [dataset]
 * @property {number | null} [epochs]
 * @property {number | null} [seed]
 */

export {};
