// The pad in a notebook's cell. `Sheet` is the page's own: this stands below static/inkling-js/sheet.js, in one module.

function render({ model, el }) {
  const make = (kind, properties) => Object.assign(document.createElement(kind), properties);
  const isNumber = model.get("mode") === "number";
  const box = make("div", { className: "inkling-pad" });
  box.style.width = isNumber ? "480px" : "240px";
  const canvas = make("canvas", { tabIndex: 0 });
  canvas.style.height = isNumber ? "160px" : "240px";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Sheet to draw on. Arrow keys move, space puts the pen down.");
  const pen = make("input", { type: "range", min: "4", max: "40", value: String(model.get("pen")) });
  pen.setAttribute("aria-label", "Width of the pen");
  const answer = make("output", {});
  answer.setAttribute("aria-live", "polite");
  const button = (text, act) => make("button", { type: "button", textContent: text, onclick: act });
  const undo = button("Undo", () => sheet.undo());
  const clear = button("Clear", () => sheet.replace([]));
  const eraser = button("Erase", () => {
    sheet.erasing = !sheet.erasing;
    eraser.setAttribute("aria-pressed", String(sheet.erasing));
  });
  eraser.setAttribute("aria-pressed", "false");
  const tools = make("div", { className: "tools" });
  tools.append(undo, clear, eraser, pen);
  box.append(canvas, tools, answer);
  el.append(box);
  let waiting = 0; // of a timer: Python reads what is drawn 20 times a second at most
  let sent = ""; // the strokes that Python knows of, as JSON
  const send = () => {
    waiting = 0;
    const strokes = sheet.strokes.map((stroke) => [...stroke]); // the pen goes on writing into the sheet's own
    sent = JSON.stringify(strokes);
    model.set("strokes", strokes);
    model.set("pen", sheet.width);
    model.save_changes();
  };
  const sheet = new Sheet(canvas, pen, () => {
    undo.disabled = !sheet.canUndo;
    waiting ||= setTimeout(send, 50);
  }, () => { answer.textContent = "Full: clear it, or undo"; }, () => {});
  sheet.show(model.get("strokes"));
  const say = () => { answer.textContent = model.get("said"); };
  const replace = () => { // Python has set them, unless they are an echo
    if (JSON.stringify(model.get("strokes")) !== sent) sheet.replace(model.get("strokes"));
  };
  model.on("change:said", say);
  model.on("change:strokes", replace);
  say();
  return () => { // the cell is gone
    clearTimeout(waiting);
    model.off("change:said", say);
    model.off("change:strokes", replace);
  };
}

export default { render };
