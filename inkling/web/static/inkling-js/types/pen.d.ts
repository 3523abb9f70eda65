/**
 * Draw strokes on a canvas, with a pen `width` pixels wide. Points are x, y, and where `pressed` the width of the line there, in pens.
 * @param {Canvas} canvas  @param {number[][][]} strokes  @param {number[]} corner - Of the canvas, in the unit of the points  @param {number} scale - Pixels a unit  @param {number} width  @param {boolean} pressed
 */
export function trace(canvas: Canvas, strokes: number[][][], corner: number[], scale: number, width: number, pressed: boolean): void;
export function widthAt(point: number[]): number;
export function rint(value: number): number;
/** A sheet of pixels: 0 is paper, 255 is ink. */
export class Canvas {
    /** @param {number} width  @param {number} height */
    constructor(width: number, height: number);
    width: number;
    height: number;
    pixels: Uint8Array<ArrayBuffer>;
    /** Ink in a row, from x to `end`, both included. @param {number} x  @param {number} end  @param {number} y */
    row(x: number, end: number, y: number): void;
    /** A line one pixel wide, without its end. @param {number} x  @param {number} y  @param {number} endX  @param {number} endY */
    thinLine(x: number, y: number, endX: number, endY: number): void;
    /** A line `width` > 1 pixels wide, between whole pixels: the polygon of its four corners. @param {number} x  @param {number} y  @param {number} endX  @param {number} endY  @param {number} width */
    wideLine(x: number, y: number, endX: number, endY: number, width: number): void;
    /** A filled polygon of whole pixels, row by row. Numbers are of 32 bits, as Pillow's. @param {number[][]} corners */
    polygon(corners: number[][]): void;
    /** A filled ellipse in a box, of which the right and the lower edge are included. @param {number[]} box - Left, top, right, bottom */
    ellipse(box: number[]): void;
}
