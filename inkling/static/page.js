// The page: strokes are collected as points, drawn here, and read by the server as they grow.
// Over the live socket one message is under way and one, the latest, waits.

const find = (id) => document.getElementById(id);
const canvas = find("canvas");
const sheet = canvas.getContext("2d");
const seen = find("seen").getContext("2d");
const pen = find("pen");

const INTERRUPTED = "Live reading is interrupted; connecting again.";
const MOST_POINTS = 9000; // the server takes 10,000

let strokes = []; // each a list of [x, y], in the canvas's own 384 pixels
let drawing = null; // the pointer that draws, if any
let classes = [];

// --- drawing

function paint() {
  sheet.clearRect(0, 0, canvas.width, canvas.height);
  sheet.strokeStyle = sheet.fillStyle = "#fff";
  sheet.lineCap = sheet.lineJoin = "round";
  sheet.lineWidth = Number(pen.value);
  for (const stroke of strokes) {
    sheet.beginPath();
    if (stroke.length === 1) {
      sheet.arc(...stroke[0], pen.value / 2, 0, 2 * Math.PI);
      sheet.fill();
    } else {
      for (const [x, y] of stroke) sheet.lineTo(x, y);
      sheet.stroke();
    }
  }
  find("invitation").hidden = strokes.length > 0;
}

function place(event) {
  const box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  const round = (value) => Math.round(value * scale * 10) / 10;
  return [round(event.clientX - box.left), round(event.clientY - box.top)];
}

canvas.addEventListener("pointerdown", (event) => {
  if (drawing !== null || event.button !== 0 || strokes.flat().length > MOST_POINTS) return;
  event.preventDefault();
  drawing = event.pointerId;
  canvas.setPointerCapture(drawing);
  strokes.push([place(event)]);
  changed();
});

canvas.addEventListener("pointermove", (event) => {
  if (event.pointerId !== drawing) return;
  const stroke = strokes.at(-1);
  const events = event.getCoalescedEvents?.() ?? [];
  for (const each of events.length ? events : [event]) {
    const point = place(each);
    const [x, y] = stroke.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) >= 1) stroke.push(point);
  }
  if (strokes.flat().length > MOST_POINTS) {
    drawing = null;
    say("The sheet is full. Reset it to begin anew.");
  }
  changed();
});

for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
  canvas.addEventListener(end, (event) => {
    if (event.pointerId === drawing) drawing = null;
  });
}

pen.addEventListener("input", changed);

function changed() {
  paint();
  if (strokes.length) live.send();
}

// --- reading

const live = {
  socket: null,
  id: 0,
  underWay: false,
  waiting: false,
  deadline: null,
  pause: 500, // milliseconds before the next attempt to connect

  connect() {
    this.socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
    this.socket.onopen = () => {
      if (find("status").textContent === INTERRUPTED) say("");
      if (strokes.length) this.send();
    };
    this.socket.onmessage = (message) => {
      clearTimeout(this.deadline);
      this.pause = 500;
      this.underWay = false;
      const answer = JSON.parse(message.data);
      if (answer.id === this.id && strokes.length) show(answer);
      if (this.waiting) this.send();
    };
    this.socket.onclose = () => {
      clearTimeout(this.deadline);
      this.underWay = this.waiting = false;
      if (!find("status").textContent) say(INTERRUPTED);
      setTimeout(() => this.connect(), this.pause);
      this.pause = Math.min(this.pause * 2, 8000);
    };
  },

  send() {
    this.id += 1; // an answer to anything older is out of date
    this.waiting = this.underWay || this.socket.readyState !== WebSocket.OPEN;
    if (this.waiting) return;
    this.underWay = true;
    this.deadline = setTimeout(() => this.socket.close(), 5000); // a lost connection says nothing
    this.socket.send(JSON.stringify({ id: this.id, ...content() }));
  },
};

const content = () => ({ strokes, pen: Number(pen.value) });

find("predict").addEventListener("click", async () => {
  if (!strokes.length) return say("Draw a digit first.");
  const asked = ++live.id;
  try {
    const response = await fetch("/api/read", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(content()),
    });
    const answer = await response.json();
    if (asked === live.id) show(answer);
  } catch {
    say("The server does not answer. Is it still running? Your drawing is kept: try again.");
  }
});

find("reset").addEventListener("click", () => {
  strokes = [];
  drawing = null;
  live.id += 1;
  paint();
  clear();
  say("");
});

// --- showing

const percent = (share) => (share >= 0.9995 ? "> 99.9 %" : `${(100 * share).toFixed(1)} %`); // never sure
const say = (text) => { find("status").textContent = text; };
let announcing;

function show(answer) {
  if (answer.error) {
    clear();
    return say(`${answer.error}. ${answer.hint}.`);
  }
  if (strokes.flat().length <= MOST_POINTS) say("");
  const ranked = answer.probabilities.map((share, label) => [share, label]).sort((a, b) => b[0] - a[0]);
  find("label").textContent = answer.name;
  find("label").classList.toggle("word", answer.name.length > 2);
  find("confidence").textContent = percent(answer.confidence);
  find("second").textContent = `then ${classes[ranked[1][1]] ?? ranked[1][1]}, ${percent(ranked[1][0])}`;
  bars(answer.probabilities, answer.label);
  const pixels = seen.createImageData(28, 28);
  answer.image.flat().forEach((grey, i) => pixels.data.set([grey, grey, grey, 255], 4 * i));
  seen.putImageData(pixels, 0, 0);
  clearTimeout(announcing);
  announcing = setTimeout(() => {
    find("announcement").textContent = `${answer.name}, ${Math.round(100 * answer.confidence)} percent`;
  }, 600);
}

function bars(probabilities, best) {
  [...find("bars").children].forEach((row, label) => {
    row.classList.toggle("best", label === best);
    row.querySelector(".fill").style.transform = `scaleX(${probabilities[label]})`;
    row.querySelector(".share").textContent = percent(probabilities[label]);
  });
}

function clear() {
  clearTimeout(announcing);
  find("label").textContent = "–";
  find("label").classList.remove("word");
  find("confidence").textContent = "Nothing drawn yet";
  find("second").textContent = find("announcement").textContent = "";
  bars(classes.map(() => 0), null);
  seen.clearRect(0, 0, 28, 28);
}

async function introduce() {
  const card = await (await fetch("/api/card")).json();
  classes = card.classes;
  find("bars").append(...classes.map((name) => {
    const row = document.createElement("li");
    for (const part of ["name", "track", "share"]) {
      row.append(Object.assign(document.createElement("span"), { className: part }));
    }
    row.querySelector(".name").textContent = name;
    row.querySelector(".track").append(Object.assign(document.createElement("span"), { className: "fill" }));
    return row;
  }));
  find("card").textContent =
    `Network ${card.recipe.name}: ${card.parameters.toLocaleString("en")} parameters, ` +
    `${(100 * card.test.accuracy).toFixed(2)} % of ${card.test.n.toLocaleString("en")} ${card.dataset} test images.`;
  bars(classes.map(() => 0), null);
  if (strokes.length) live.send();
}

live.connect();
(function tryToIntroduce() {
  introduce().catch(() => setTimeout(tryToIntroduce, 2000));
})();
