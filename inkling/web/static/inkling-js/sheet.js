// @ts-check
// The sheet to draw on. Pointer and keyboard draw strokes, which are stored as points; the sheet has
// undo, redo and an eraser. A list of strokes in the history never changes: an edit makes a new list.
// It is as large as the page lets it be. A point counts pixels of the page, unless ink would then lie
// outside, as when a phone is turned: then all of the sheet is shown smaller.

export const MAX_POINTS = 9000; // the server takes at most 10,000
export const PRESSURE_STEPS = 100; // pressures are rounded to hundredths
const DEFAULT_PRESSURE = 0.5; // at this pressure, the line is as wide as the pen; as in ink/drawing.py
const PRESSURE_WIDTHS = [0.3, 1.7]; // pen widths of the thinnest and the widest line; as in ink/drawing.py
const ERASER_RADIUS = 14; // pixels
const ERASER_END = 5; // the button of a pen that is upside down
const TAP_PIXELS = 6; // a longer movement on what lies over the sheet draws
const PALM_MS = 1000; // after a pen was near, in which a touch is the palm beside it
const KEY_STEP = 8; // pixels that an arrow key moves
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const countPoints = (strokes) => strokes.reduce((sum, stroke) => sum + stroke.length, 0);

/** What lies over the sheet takes taps; a longer movement that begins on it draws below. @param {HTMLElement} layer  @param {HTMLElement} canvas  @param {() => void} [onStart] */
export function drawThrough(layer, canvas, onStart = () => {}) {
  /** @type {PointerEvent | null} */ let pressed = null;
  layer.addEventListener("pointerdown", (event) => { pressed = event; });
  layer.addEventListener("pointermove", (event) => {
    if (!event.buttons || pressed?.pointerId !== event.pointerId) return;
    if (Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) < TAP_PIXELS) return;
    onStart();
    canvas.dispatchEvent(new PointerEvent("pointerdown", pressed));
    pressed = null;
  });
}

export class Sheet {
  /** @type {number[][][]} */ strokes = []; // each a list of [x, y], or [x, y, pressure] from a pen
  erasing = false; // whether a pointer erases instead of drawing
  view = { width: 0, height: 0 }; // what the canvas shows, in the unit of the points
  cursor = { x: 0, y: 0, down: false }; // of the keyboard
  /** @type {any} */ picture = null; // { file, bitmap }, which is read instead of strokes; the bitmap is null if the browser cannot decode it
  /** @type {any[]} */ #past = []; // each the strokes and the picture
  /** @type {any[]} */ #future = [];
  /** @type {any} */ #pointer = null; // { id, type, erases, before } of the pointer that is down; `before` is what a cancel restores
  #penSeen = -Infinity; // when a pen was last near, milliseconds
  #hasErased = false; // whether this eraser movement has removed ink

  /** @type {HTMLCanvasElement} */ canvas;
  /** @type {HTMLInputElement} */ pen; // its width
  /** @type {CanvasRenderingContext2D} */ context;
  /** @type {() => void} */ onChange; // what is drawn has changed
  /** @type {() => void} */ onFull; // there are too many points for another stroke
  /** @type {() => void} */ onView; // all is shown in another size

  constructor(canvas, pen, onChange, onFull, onView) {
    Object.assign(this, { canvas, pen, onChange, onFull, onView, context: canvas.getContext("2d") });
    new ResizeObserver(() => this.#fit()).observe(canvas);
    canvas.addEventListener("pointerdown", (event) => this.#onPointerDown(event));
    canvas.addEventListener("pointermove", (event) => this.#onPointerMove(event));
    canvas.addEventListener("pointercancel", (event) => { if (event.pointerId === this.#pointer?.id) this.#cancel(); });
    for (const end of ["pointerup", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => { if (event.pointerId === this.#pointer?.id) this.#pointer = null; });
    }
    canvas.addEventListener("keydown", (event) => this.#onKey(event));
    for (const change of ["focus", "blur"]) canvas.addEventListener(change, () => this.paint());
    pen.addEventListener("input", () => (this.picture ? this.paint() : this.#update()));
  }

  get width() { return Number(this.pen.value); }
  get empty() { return !this.strokes.length && !this.picture; }
  get full() { return countPoints(this.strokes) > MAX_POINTS; }
  get canUndo() { return this.#past.length > 0; }
  get canRedo() { return this.#future.length > 0; }

  /** Replace the content by other strokes, or a picture. One undo restores it. */
  replace(strokes, picture = null) {
    this.#remember();
    this.#lift();
    Object.assign(this, { strokes, picture });
    this.#fit();
    this.onChange();
  }

  /** Show more of the same strokes, as while they are written; the history does not count it. */
  show(strokes) {
    this.strokes = strokes;
    this.#update();
  }

  /** Where what is read lies in the view: a picture is scaled to fit, and centred. */
  get placement() {
    if (!this.picture?.bitmap) return { scale: 1, x: 0, y: 0 };
    const [{ width, height }, view] = [this.picture.bitmap, this.view];
    const scale = Math.min(view.width / width, view.height / height);
    return { scale, x: (view.width - width * scale) / 2, y: (view.height - height * scale) / 2 };
  }

  undo() { this.#travel(this.#past, this.#future); }
  redo() { this.#travel(this.#future, this.#past); }

  #travel(from, to) {
    if (!from.length) return;
    to.push([this.strokes, this.picture]);
    [this.strokes, this.picture] = from.pop();
    this.#lift();
    this.#fit();
    this.onChange();
  }

  /** Show all ink: as large as it was drawn, or smaller where it would not fit. */
  #fit() {
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth) return; // it is not shown
    const points = this.strokes.flat();
    const [right, bottom] = [0, 1].map((axis) => this.width / 2 + points.reduce((end, point) => Math.max(end, point[axis]), 0));
    const zoom = points.length ? Math.max(right / clientWidth, bottom / clientHeight, 1) : 1;
    if (!this.view.width) Object.assign(this.cursor, { x: clientWidth / 2, y: clientHeight / 2 });
    this.view = { width: clientWidth * zoom, height: clientHeight * zoom };
    this.canvas.width = Math.round(clientWidth * devicePixelRatio);
    this.canvas.height = Math.round(clientHeight * devicePixelRatio);
    this.paint();
    this.onView();
  }

  #remember() {
    this.#past.push([this.strokes, this.picture]);
    this.#future = [];
  }

  #lift() {
    this.#pointer = null;
    this.cursor.down = false;
  }

  #update() {
    this.paint();
    this.onChange();
  }

  #point(event) {
    const box = this.canvas.getBoundingClientRect();
    const round = (value) => Math.round(value * (this.view.width / box.width) * 10) / 10;
    const point = [round(event.clientX - box.left), round(event.clientY - box.top)];
    if (event.pointerType !== "pen") return point;
    return [...point, Math.max(Math.round(event.pressure * PRESSURE_STEPS), 1) / PRESSURE_STEPS];
  }

  /** Begin a stroke. A pen takes over from a finger or palm, whose ink goes. */
  #onPointerDown(event) {
    const isPen = event.pointerType === "pen";
    const isEraserEnd = isPen && event.button === ERASER_END;
    if (event.button !== 0 && !isEraserEnd) return;
    if (isPen) this.#penSeen = event.timeStamp;
    else if (event.pointerType === "touch" && event.timeStamp - this.#penSeen < PALM_MS) return;
    if (this.#pointer && (!isPen || this.#pointer.type === "pen")) return;
    if (this.#pointer) this.#cancel();
    const erases = this.erasing || isEraserEnd;
    if (this.full && !erases) return this.onFull();
    event.preventDefault();
    const before = { strokes: this.strokes, picture: this.picture, past: [...this.#past], future: this.#future };
    this.#pointer = { id: event.pointerId, type: event.pointerType, erases, before };
    this.canvas.setPointerCapture(event.pointerId);
    this.cursor.down = false;
    if (erases) return this.#erase(this.#point(event), true);
    this.#startStroke(this.#point(event));
  }

  #onPointerMove(event) {
    if (event.pointerType === "pen") this.#penSeen = event.timeStamp;
    if (event.pointerId !== this.#pointer?.id) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const points = (events.length ? events : [event]).map((each) => this.#point(each));
    if (this.#pointer.erases) return points.forEach((point) => this.#erase(point));
    for (const point of points) this.#extendStroke(point);
    if (this.full) {
      this.#pointer = null;
      this.onFull();
    }
    this.#update();
  }

  /** Undo what the pointer that is down has done, as if it had never been there: the browser took it, or a pen came. */
  #cancel() {
    const { strokes, picture, past, future } = this.#pointer.before;
    this.#pointer = null;
    Object.assign(this, { strokes, picture });
    [this.#past, this.#future] = [past, future];
    this.#fit();
    this.onChange();
  }

  #startStroke(point) {
    this.#remember();
    this.strokes = [...this.strokes, [point]];
    this.picture = null;
    this.#update();
  }

  #extendStroke(point) {
    const stroke = this.strokes.at(-1);
    const [x, y, pressure] = stroke.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) >= 1) stroke.push(point);
    else if (point[2] > pressure) stroke[stroke.length - 1] = [x, y, point[2]];
  }

  /** Remove the points near a place. What is left of a stroke becomes strokes of its own. @param {number[]} place */
  #erase([x, y], starts = false) {
    if (starts) this.#hasErased = false;
    const isNear = (point) => Math.hypot(point[0] - x, point[1] - y) < ERASER_RADIUS;
    let touched = false;
    const left = this.strokes.flatMap((stroke) => {
      const points = resample(stroke, ERASER_RADIUS / 2);
      if (!points.some(isNear)) return [stroke];
      touched = true;
      const parts = [[]];
      for (const point of points) {
        if (!isNear(point)) parts.at(-1).push(point);
        else if (parts.at(-1).length) parts.push([]);
      }
      return parts.filter((part) => part.length);
    });
    if (!touched) return;
    if (!this.#hasErased) this.#remember(); // one undo restores all that one movement erases
    this.#hasErased = true;
    this.strokes = left;
    this.#update();
  }

  #onKey(event) {
    const move = ARROWS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(move || event.key === " ")) return;
    event.preventDefault();
    if (this.#pointer !== null) return;
    const cursor = this.cursor;
    if (move) {
      const step = event.shiftKey ? 1 : KEY_STEP;
      cursor.x = Math.min(Math.max(cursor.x + step * move[0], 0), this.view.width);
      cursor.y = Math.min(Math.max(cursor.y + step * move[1], 0), this.view.height);
      if (!cursor.down) return this.paint();
      if (this.full) return this.onFull();
      this.#extendStroke([cursor.x, cursor.y]);
      this.#update();
    } else if (this.erasing) {
      cursor.down = false;
      this.#erase([cursor.x, cursor.y], true);
    } else if (!event.repeat) {
      if (this.full && !cursor.down) return this.onFull();
      cursor.down = !cursor.down;
      if (cursor.down) this.#startStroke([cursor.x, cursor.y]);
      else this.paint();
    }
  }

  paint() {
    const { canvas, context, view } = this;
    context.setTransform(canvas.width / view.width, 0, 0, canvas.height / view.height, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    if (this.picture?.bitmap) {
      const { scale, x, y } = this.placement;
      context.imageSmoothingQuality = "high";
      context.drawImage(this.picture.bitmap, x, y, this.picture.bitmap.width * scale, this.picture.bitmap.height * scale);
    }
    draw(context, this.strokes, this.width);
    if (this.canvas.matches(":focus-visible")) {
      context.beginPath();
      context.arc(this.cursor.x, this.cursor.y, this.cursor.down ? 5 : 9, 0, 2 * Math.PI);
      context.lineWidth = 3;
      context.strokeStyle = "#ffb300";
      context.stroke();
    }
  }
}

/** Draw strokes in white with a round pen. */
export function draw(context, strokes, width) {
  context.strokeStyle = context.fillStyle = "#fff";
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = width;
  for (const stroke of strokes) {
    if (stroke.length === 1) {
      drawDot(context, stroke[0], width);
    } else if (stroke.some((point) => point.length === 3)) {
      drawWithPressure(context, stroke, width);
    } else {
      context.beginPath();
      for (const [x, y] of stroke) context.lineTo(x, y);
      context.stroke();
    }
  }
}

const lineWidth = ([, , pressure = DEFAULT_PRESSURE], width) =>
  width * Math.min(Math.max(pressure / DEFAULT_PRESSURE, PRESSURE_WIDTHS[0]), PRESSURE_WIDTHS[1]);

function drawDot(context, point, width) {
  context.beginPath();
  context.arc(point[0], point[1], lineWidth(point, width) / 2, 0, 2 * Math.PI);
  context.fill();
}

/** A dot at each point and a line between each two. The server draws in the same way. */
function drawWithPressure(context, stroke, width) {
  context.save();
  context.lineCap = "butt";
  stroke.forEach((point, index) => {
    drawDot(context, point, width);
    if (!index) return;
    const before = stroke[index - 1];
    context.lineWidth = (lineWidth(before, width) + lineWidth(point, width)) / 2;
    context.beginPath();
    context.moveTo(before[0], before[1]);
    context.lineTo(point[0], point[1]);
    context.stroke();
  });
  context.restore();
}

/** The stroke with points added, so that neighbours are at most `distance` pixels apart. */
function resample(stroke, distance) {
  return stroke.flatMap((point, index) => {
    if (!index) return [point];
    const before = stroke[index - 1];
    const parts = Math.ceil(Math.hypot(point[0] - before[0], point[1] - before[1]) / distance) || 1;
    const interpolate = (part) => point.map((value, axis) => {
      const from = before[axis] ?? DEFAULT_PRESSURE;
      return from + ((value - from) * part) / parts;
    });
    return Array.from({ length: parts }, (_, i) => interpolate(i + 1));
  });
}
