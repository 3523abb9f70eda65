// The sheet: strokes that pointer or keys draw, kept as points, with undo, redo and an eraser.
// A list of strokes is never changed once it is in the history; each change makes another.

export const SIDE = 384; // the sheet's own pixels
export const MOST_POINTS = 9000; // the server takes 10,000
export const FINEST = 100; // a pressure counts in hundredths
const EVEN = 0.5; // pressure at which a line is as wide as the pen; these two as in ink.py
const PRESSED = [0.3, 1.7]; // pens, of the thinnest line and the widest
const RUBBER = 14; // pixels around the pointer that the eraser takes
const STEP = 8; // pixels that an arrow key moves

const points = (strokes) => strokes.reduce((sum, stroke) => sum + stroke.length, 0);

export class Sheet {
  strokes = []; // each a list of [x, y], by a pen of [x, y, pressure]
  erasing = false;
  keys = { x: SIDE / 2, y: SIDE / 2, down: false }; // where the arrows have moved to
  behind = null; // a picture that is read instead of strokes
  #past = [];
  #future = [];
  #pointer = null;
  #rubbing = false; // whether the pointer that is down erases
  #rubbed = false; // whether it has erased anything

  constructor(canvas, pen, changed, say) {
    Object.assign(this, { canvas, pen, changed, say, context: canvas.getContext("2d") });
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => { if (event.pointerId === this.#pointer) this.#pointer = null; });
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    for (const seen of ["focus", "blur"]) canvas.addEventListener(seen, () => this.paint());
    pen.addEventListener("input", () => (this.behind ? this.paint() : this.#done()));
  }

  get width() { return Number(this.pen.value); }
  get empty() { return !this.strokes.length && !this.behind; }
  get full() { return points(this.strokes) > MOST_POINTS; }
  get canUndo() { return this.#past.length > 0; }
  get canRedo() { return this.#future.length > 0; }

  /** Take other strokes, or a picture, as one step that undo takes back. */
  take(strokes, behind = null) {
    this.#remember();
    this.#pointer = null;
    this.keys.down = false;
    Object.assign(this, { strokes, behind });
    this.#done();
  }

  undo() { this.#travel(this.#past, this.#future); }
  redo() { this.#travel(this.#future, this.#past); }

  #travel(from, to) {
    if (!from.length) return;
    to.push([this.strokes, this.behind]);
    [this.strokes, this.behind] = from.pop();
    this.#pointer = null;
    this.keys.down = false;
    this.#done();
  }

  #remember() {
    this.#past.push([this.strokes, this.behind]);
    this.#future = [];
  }

  #done() {
    this.paint();
    this.changed();
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const round = (value) => Math.round(value * (SIDE / box.width) * 10) / 10;
    const place = [round(event.clientX - box.left), round(event.clientY - box.top)];
    if (event.pointerType !== "pen") return place;
    return [...place, Math.max(Math.round(event.pressure * FINEST), 1) / FINEST];
  }

  #begin(event) {
    if (this.#pointer !== null || event.button !== 0) return;
    if (this.full && !this.erasing) return this.#tellFull();
    event.preventDefault();
    this.#pointer = event.pointerId;
    this.#rubbing = this.erasing;
    this.canvas.setPointerCapture(event.pointerId);
    this.keys.down = false;
    if (this.#rubbing) return this.#erase(this.#place(event), true);
    this.#begun(this.#place(event));
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    const places = (events.length ? events : [event]).map((each) => this.#place(each));
    if (this.#rubbing) return places.forEach((place) => this.#erase(place));
    for (const place of places) this.#reach(place);
    if (this.full) {
      this.#pointer = null;
      this.#tellFull();
    }
    this.#done();
  }

  #begun(point) { // a stroke
    this.#remember();
    this.strokes = [...this.strokes, [point]];
    this.behind = null;
    this.#done();
  }

  #reach(point) { // the stroke being drawn, further
    const stroke = this.strokes.at(-1);
    const [x, y, pressure] = stroke.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) >= 1) stroke.push(point);
    else if (point[2] > pressure) stroke[stroke.length - 1] = [x, y, point[2]];
  }

  #tellFull() { this.say("The sheet is full. Undo, or clear it to begin anew."); }

  #erase([x, y], first = false) { // what is near goes, what is left of a stroke becomes strokes
    if (first) this.#rubbed = false;
    const near = (p) => Math.hypot(p[0] - x, p[1] - y) < RUBBER;
    let touched = false;
    const left = this.strokes.flatMap((stroke) => {
      const fine = dense(stroke, RUBBER / 2);
      if (!fine.some(near)) return [stroke];
      touched = true;
      const parts = [[]];
      for (const point of fine) {
        if (!near(point)) parts.at(-1).push(point);
        else if (parts.at(-1).length) parts.push([]);
      }
      return parts.filter((part) => part.length);
    });
    if (!touched) return;
    if (!this.#rubbed) this.#remember(); // one step back for all that one movement takes
    this.#rubbed = true;
    this.strokes = left;
    this.#done();
  }

  #key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(move || event.key === " ")) return;
    event.preventDefault();
    if (this.#pointer !== null) return;
    const keys = this.keys;
    if (move) {
      const step = event.shiftKey ? 1 : STEP;
      keys.x = Math.min(Math.max(keys.x + step * move[0], 0), SIDE);
      keys.y = Math.min(Math.max(keys.y + step * move[1], 0), SIDE);
      if (!keys.down) return this.paint();
      if (this.full) return this.#tellFull();
      this.#reach([keys.x, keys.y]);
      this.#done();
    } else if (this.erasing) {
      keys.down = false;
      this.#erase([keys.x, keys.y], true);
    } else if (!event.repeat) {
      if (this.full && !keys.down) return this.#tellFull();
      keys.down = !keys.down;
      if (keys.down) this.#begun([keys.x, keys.y]);
      else this.paint();
    }
  }

  paint() {
    const sheet = this.context;
    sheet.clearRect(0, 0, SIDE, SIDE);
    if (this.behind) {
      const { width, height } = this.behind.bitmap;
      const scale = SIDE / Math.max(width, height);
      const [w, h] = [width * scale, height * scale];
      sheet.drawImage(this.behind.bitmap, (SIDE - w) / 2, (SIDE - h) / 2, w, h);
    }
    draw(sheet, this.strokes, this.width);
    if (document.activeElement === this.canvas && this.canvas.matches(":focus-visible")) {
      sheet.beginPath();
      sheet.arc(this.keys.x, this.keys.y, this.keys.down ? 5 : 9, 0, 2 * Math.PI);
      sheet.lineWidth = 3;
      sheet.strokeStyle = "#ffb300";
      sheet.stroke();
    }
  }
}

/** Strokes in white, with a round pen. */
export function draw(context, strokes, width) {
  context.strokeStyle = context.fillStyle = "#fff";
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = width;
  for (const stroke of strokes) {
    if (stroke.length === 1) {
      dot(context, stroke[0], width);
    } else if (stroke.some((point) => point.length === 3)) {
      drawPressed(context, stroke, width);
    } else {
      context.beginPath();
      for (const [x, y] of stroke) context.lineTo(x, y);
      context.stroke();
    }
  }
}

const pressed = ([, , pressure = EVEN], width) =>
  width * Math.min(Math.max(pressure / EVEN, PRESSED[0]), PRESSED[1]);

function dot(context, point, width) {
  context.beginPath();
  context.arc(point[0], point[1], pressed(point, width) / 2, 0, 2 * Math.PI);
  context.fill();
}

function drawPressed(context, stroke, width) { // as the server does: a dot a point, and lines from one to the next
  context.save();
  context.lineCap = "butt";
  stroke.forEach((point, index) => {
    dot(context, point, width);
    if (!index) return;
    const before = stroke[index - 1];
    context.lineWidth = (pressed(before, width) + pressed(point, width)) / 2;
    context.beginPath();
    context.moveTo(before[0], before[1]);
    context.lineTo(point[0], point[1]);
    context.stroke();
  });
  context.restore();
}

function dense(stroke, apart) { // points at most so far apart
  return stroke.flatMap((point, index) => {
    if (!index) return [point];
    const before = stroke[index - 1];
    const parts = Math.ceil(Math.hypot(point[0] - before[0], point[1] - before[1]) / apart) || 1;
    const between = (part) => point.map((value, axis) => {
      const from = before[axis] ?? EVEN;
      return from + ((value - from) * part) / parts;
    });
    return Array.from({ length: parts }, (_, i) => between(i + 1));
  });
}
