// @ts-check
// The crop frame over a picture. What is inside it is read. A pointer or the keyboard moves and
// resizes it. A frame has left, top, right and bottom in pixels of the picture.

import { make } from "./dom.js";
import { ARROWS } from "./inkling-js/sheet.js";

const MIN_SIDE = 1 / 24; // of a frame, as a share of the picture's longer side
const KEY_STEP = 1 / 48; // of that side, by which an arrow key moves or resizes
const MAX_SENT_SIDE = 2048; // pixels of the picture's longer side when it is sent
const OPPOSITE = { left: "right", right: "left", top: "bottom", bottom: "top" };
const HELP = "Crop frame. What is inside it is read. The arrow keys move it, Shift with an arrow key resizes it, " +
  "and Escape selects the whole picture.";

const encoder = new Worker(new URL("encode.js", import.meta.url));

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

const longerSide = ({ width, height }) => Math.max(width, height);

export class Crop {
  /** @type {any} */ #picture = null; // { file, bitmap, frame }
  /** @type {any} */ #drag = null; // { id, start, by }: the pointer that is down, where it went down, what moving it by some pixels does

  /** @type {HTMLElement} */ element;
  /** @type {import("./inkling-js/sheet.js").Sheet} */ sheet;
  /** @type {HTMLElement} */ frame;
  /** @type {() => void} */ onChange; // the frame has changed

  constructor(element, sheet, onChange) {
    const frame = make("div", { id: "frame", tabIndex: 0, ariaLabel: HELP });
    frame.setAttribute("role", "application");
    const handles = ["left", "right"].flatMap((x) => ["top", "bottom"].map((y) => make("span", { className: `${x} ${y}` })));
    element.append(frame, ...handles);
    Object.assign(this, { element, sheet, frame, onChange });
    element.addEventListener("pointerdown", (event) => this.#onPointerDown(event));
    element.addEventListener("pointermove", (event) => this.#onPointerMove(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      element.addEventListener(end, (event) => { if (event.pointerId === this.#drag?.id) this.#drag = null; });
    }
    frame.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** The frame around the whole picture. */
  get #whole() { return { left: 0, top: 0, right: this.#picture.bitmap.width, bottom: this.#picture.bitmap.height }; }
  get isWhole() { return !this.#picture || JSON.stringify(this.#picture.frame) === JSON.stringify(this.#whole); }

  /** Show the frame of a picture: at first, it is around the whole. Hide it without a picture that can be shown. */
  show(picture) {
    this.#picture = picture?.bitmap ? picture : null;
    this.#drag = null;
    this.element.hidden = !this.#picture;
    if (!this.#picture) return;
    picture.frame ??= this.#whole;
    this.place();
  }

  reset() {
    this.#drag = null;
    if (!this.isWhole) this.#set(this.#whole);
  }

  #set(frame) {
    this.#picture.frame = frame;
    this.place();
    this.onChange();
  }

  /** Put the frame where it belongs on the sheet, whose size may have changed. */
  place() {
    if (!this.#picture) return;
    const [{ scale, x, y }, { left, top, right, bottom }] = [this.sheet.placement, this.#picture.frame];
    const { width, height } = this.sheet.view;
    const across = (value) => (x + value * scale) / width;
    const down = (value) => (y + value * scale) / height;
    const shares = { left: across(left), top: down(top), right: across(right), bottom: down(bottom) };
    for (const [side, share] of Object.entries(shares)) this.element.style.setProperty(`--${side}`, String(share));
  }

  #point(event) {
    const [box, { scale, x, y }] = [this.element.getBoundingClientRect(), this.sheet.placement];
    const unit = this.sheet.view.width / box.width;
    return { x: ((event.clientX - box.left) * unit - x) / scale, y: ((event.clientY - box.top) * unit - y) / scale };
  }

  #onPointerDown(event) {
    if (this.#drag || event.button !== 0) return;
    event.preventDefault();
    this.frame.focus({ preventScroll: true });
    this.element.setPointerCapture(event.pointerId);
    const start = this.#point(event);
    this.#drag = { id: event.pointerId, start, by: this.#draggedBy(event.target, start) };
  }

  #onPointerMove(event) {
    if (event.pointerId !== this.#drag?.id) return;
    const { start, by } = this.#drag;
    const { x, y } = this.#point(event);
    by(x - start.x, y - start.y);
  }

  /** What a pointer does that went down on an element: it moves a corner, moves the frame, or makes a new frame. */
  #draggedBy(target, start) {
    const frame = this.#picture.frame;
    const [x, y] = target.className.split(" ");
    if (y) return this.#spanning({ x: frame[OPPOSITE[x]], y: frame[OPPOSITE[y]] }, { x: frame[x], y: frame[y] });
    if (target === this.frame && !this.isWhole) return (dx, dy) => this.#move(frame, dx, dy);
    return this.#spanning(start, start);
  }

  #spanning(fixed, { x, y }) {
    return (dx, dy) => this.#span(fixed, { x: x + dx, y: y + dy });
  }

  #onKey(event) {
    const arrow = ARROWS[event.key];
    if (!arrow || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [dx, dy] = arrow.map((direction) => direction * KEY_STEP * longerSide(this.#picture.bitmap));
    const { left, top, right, bottom } = this.#picture.frame;
    if (!event.shiftKey) return this.#move(this.#picture.frame, dx, dy);
    this.#span({ x: left, y: top }, { x: right + dx, y: bottom + dy });
  }

  #move({ left, top, right, bottom }, dx, dy) {
    const whole = this.#whole;
    const x = clamp(dx, whole.left - left, whole.right - right);
    const y = clamp(dy, whole.top - top, whole.bottom - bottom);
    this.#set({ left: left + x, top: top + y, right: right + x, bottom: bottom + y });
  }

  /** Set the frame between two corners, unless it would be too small. */
  #span(...corners) {
    const whole = this.#whole;
    const xs = corners.map(({ x }) => clamp(x, whole.left, whole.right));
    const ys = corners.map(({ y }) => clamp(y, whole.top, whole.bottom));
    const frame = { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
    const least = MIN_SIDE * longerSide(this.#picture.bitmap);
    const isTooSmall = (from, to) => frame[to] - frame[from] < Math.min(least, whole[to] - whole[from]);
    if (!isTooSmall("left", "right") && !isTooSmall("top", "bottom")) this.#set(frame);
  }
}

/** What is sent of a picture, and the place of its pixels in the picture: null where it cannot be shown. */
export async function cut({ file, bitmap, frame }) {
  if (!bitmap) return { body: file, place: null };
  const [left, top, right, bottom] = ["left", "top", "right", "bottom"].map((side) => Math.round(frame[side]));
  const [width, height] = [right - left || 1, bottom - top || 1];
  const shrink = Math.min(MAX_SENT_SIDE / Math.max(width, height), 1);
  const canvas = new OffscreenCanvas(Math.round(width * shrink) || 1, Math.round(height * shrink) || 1);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, left, top, width, height, 0, 0, canvas.width, canvas.height);
  return { body: await encode(canvas.transferToImageBitmap(), file.type), place: { scale: 1 / shrink, x: left, y: top } };
}

function encode(bitmap, type) {
  const { port1, port2 } = new MessageChannel();
  encoder.postMessage({ bitmap, type, port: port2 }, [bitmap, port2]);
  return new Promise((resolve) => { port1.onmessage = ({ data }) => resolve(data); });
}
