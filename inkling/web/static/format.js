// @ts-check
// Numbers as text: the one place that words them.

/** @param {number} share  @param {number} [digits] */
export const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

/** A confidence as text. It never reads 100 %. @param {number} share */
export const confidenceText = (share) => (share >= 0.9995 ? "> 99.9 %" : percent(share));

/** A confidence for a screen reader. @param {number} share */
export const spoken = (share) => `${Math.min(Math.round(100 * share), 99)} percent`;

/** A whole number, with commas. @param {number} value */
export const count = (value) => value.toLocaleString("en");

/** A large number in three digits, as 66.2K. @param {number} value */
export const short = (value) => new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(value);

/** As "1 drawing" or "3 drawings". @param {number} n  @param {string} noun */
export const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

/** Seconds as m:ss, or h:mm:ss. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(Math.round(seconds), 0);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (!parts[0]) parts.shift();
  return parts.map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":");
}

/** @param {string} text */
export const capitalise = (text) => text.charAt(0).toUpperCase() + text.slice(1);
