/** What lies over the sheet takes taps; a longer movement that begins on it draws below. @param {HTMLElement} layer  @param {HTMLElement} canvas  @param {() => void} [onStart] */
export function drawThrough(layer: HTMLElement, canvas: HTMLElement, onStart?: () => void): void;
/** Draw strokes in white with a round pen. */
export function draw(context: any, strokes: any, width: any): void;
export const MAX_POINTS: 9000;
export const PRESSURE_STEPS: 100;
export namespace ARROWS {
    let ArrowLeft: number[];
    let ArrowRight: number[];
    let ArrowUp: number[];
    let ArrowDown: number[];
}
export class Sheet {
    constructor(canvas: any, pen: any, onChange: any, onFull: any, onView: any);
    /** @type {number[][][]} */ strokes: number[][][];
    erasing: boolean;
    view: {
        width: number;
        height: number;
    };
    cursor: {
        x: number;
        y: number;
        down: boolean;
    };
    /** @type {any} */ picture: any;
    /** @type {HTMLCanvasElement} */ canvas: HTMLCanvasElement;
    /** @type {HTMLInputElement} */ pen: HTMLInputElement;
    /** @type {CanvasRenderingContext2D} */ context: CanvasRenderingContext2D;
    /** @type {() => void} */ onChange: () => void;
    /** @type {() => void} */ onFull: () => void;
    /** @type {() => void} */ onView: () => void;
    get width(): number;
    get empty(): boolean;
    get full(): boolean;
    get canUndo(): boolean;
    get canRedo(): boolean;
    /** Replace the content by other strokes, or a picture. One undo restores it. */
    replace(strokes: any, picture?: any): void;
    /** Show more of the same strokes, as while they are written; the history does not count it. */
    show(strokes: any): void;
    /** Where what is read lies in the view: a picture is scaled to fit, and centred. */
    get placement(): {
        scale: number;
        x: number;
        y: number;
    };
    undo(): void;
    redo(): void;
    paint(): void;
    #private;
}
