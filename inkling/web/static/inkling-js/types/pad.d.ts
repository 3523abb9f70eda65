/**
 * A field of a form. Attributes: `mode`, "digit" or "number"; `format`, what a number looks like, as of `Format`; `size`, its width in pixels;
 * `model`, the address of a folder that `inkling export --to js` wrote; `threshold`, the least confidence of an accepted reading, in [0, 1];
 * `name`, `value`, `required` and `disabled`, as of any field. Each is a property, too.
 * A picture that is pasted or dropped is read instead of strokes. Its `value` is what was read, what the page gave instead, or "". It is invalid where the reading is not accepted.
 * Parts: sheet, answer, undo, clear. Custom properties: --inkling-size, --inkling-sheet, --inkling-accent.
 * @fires read - A drawing was read; `detail` is the reading, or null where nothing is drawn any more
 * @fires input - The value has changed, as of any field
 * @fires change - Likewise, once the pen is lifted
 */
export class InklingPad extends HTMLElement {
    static formAssociated: boolean;
    static observedAttributes: string[];
    connectedCallback(): void;
    attributeChangedCallback(name: string): void;
    /** @type {HTMLFormElement | null} */
    get form(): HTMLFormElement | null;
    get type(): string;
    get validity(): ValidityState;
    get validationMessage(): string;
    get willValidate(): boolean;
    checkValidity(): boolean;
    reportValidity(): boolean;
    set name(name: string);
    get name(): string;
    set mode(mode: "number" | "digit");
    get mode(): "number" | "digit";
    set format(format: string | null);
    /** @type {string | null} */
    get format(): string | null;
    set model(model: string);
    get model(): string;
    set threshold(threshold: number | undefined);
    /** @type {number | undefined} */
    get threshold(): number | undefined;
    set size(size: number | undefined);
    /** @type {number | undefined} */
    get size(): number | undefined;
    set required(required: boolean);
    get required(): boolean;
    set disabled(disabled: boolean);
    get disabled(): boolean;
    set value(value: string);
    /** What was read, or what the page gave; "" where there is nothing. Another value than the present one removes what is drawn. */
    get value(): string;
    /** What was read, or null where nothing is drawn. @returns {import("./reader.js").Reading | import("./reader.js").NumberReading | null} */
    get reading(): import("./reader.js").Reading | import("./reader.js").NumberReading | null;
    set strokes(strokes: number[][][]);
    /** The strokes: lists of points x, y and perhaps a pressure. */
    get strokes(): number[][][];
    /** Remove what is drawn. */
    clear(): void;
    /** @param {boolean} disabled */
    formDisabledCallback(disabled: boolean): void;
    formResetCallback(): void;
    /** The browser gives back what was drawn, as after Back. @param {string} state */
    formStateRestoreCallback(state: string): void;
    /** Whether to believe the value: the reading is accepted, or the page gave it. */
    get accepted(): boolean;
    #private;
}
