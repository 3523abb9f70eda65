// The live socket: one message is under way and one, the latest, waits. It connects again by itself.

const [OPENING, ANSWERING] = [15000, 5000]; // milliseconds to wait; a lost connection says nothing
const [FIRST_PAUSE, LONGEST_PAUSE] = [500, 8000]; // before the next attempt to connect

export class Live {
  id = 0; // of the latest message
  #since = 0; // an answer to anything older is of what has gone from the sheet
  #socket = null;
  #underWay = false;
  #waiting = null;
  #deadline = null;
  #pause = FIRST_PAUSE;

  constructor(onAnswer, onOpen, onClose) {
    Object.assign(this, { onAnswer, onOpen, onClose });
    this.#connect();
  }

  send(content) {
    this.id += 1;
    this.#waiting = content;
    this.#next();
  }

  forget() {
    this.#since = this.id += 1;
    this.#waiting = null;
  }

  #next() {
    if (!this.#waiting || this.#underWay || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#underWay = true;
    this.#deadline = setTimeout(() => this.#lost(), ANSWERING);
    this.#socket.send(JSON.stringify({ id: this.id, ...this.#waiting }));
    this.#waiting = null;
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.#socket = new WebSocket(`${scheme}://${location.host}/live`);
    this.#deadline = setTimeout(() => this.#lost(), OPENING);
    this.#socket.onopen = () => {
      clearTimeout(this.#deadline);
      this.onOpen();
      this.#next();
    };
    this.#socket.onmessage = (message) => {
      clearTimeout(this.#deadline);
      this.#pause = FIRST_PAUSE;
      this.#underWay = false;
      const answer = JSON.parse(message.data);
      if (answer.id >= this.#since) this.onAnswer(answer);
      this.#next();
    };
    this.#socket.onclose = () => this.#lost();
  }

  #lost() {
    clearTimeout(this.#deadline);
    Object.assign(this.#socket, { onopen: null, onmessage: null, onclose: null });
    this.#socket.close(); // where nobody answers, that takes a minute, which is not waited for
    this.#underWay = false;
    this.onClose();
    setTimeout(() => this.#connect(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }
}
