/** @typedef {import("./grid.js").Numbers | number[]} Values */
/** @param {Values} values */
export function sum(values: Values): number;
/** The standard deviation. @param {Values} values */
export function deviation(values: Values): number;
/** @param {Values} values */
export function max(values: Values): number;
/** @param {Values} values */
export function min(values: Values): number;
/** The share of values for which something holds. @param {Values} values  @param {(value: number) => boolean} holds */
export function share(values: Values, holds: (value: number) => boolean): number;
/** The value that stands at a rank once they are sorted, from 0. Source: Hoare 1961. @param {Values} values  @param {number} rank */
export function select(values: Values, rank: number): number;
/** The value below which a share of them lies, interpolated between two. @param {Values} values  @param {number} level */
export function quantile(values: Values, level: number): number;
export function mean(values: Values): number;
export function median(values: Values): number;
export type Values = import("./grid.js").Numbers | number[];
