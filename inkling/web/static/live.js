// @ts-check
// The live socket. One message waits for its answer; of later ones, only the latest is sent next.
// A lost connection is opened again.

const [OPEN_MS, ANSWER_MS] = [15000, 5000]; // time-outs: a lost connection may send no signal
const [FIRST_PAUSE_MS, MAX_PAUSE_MS] = [500, 8000]; // before the next attempt to connect

export class Live {
  id = 0; // of the latest message
  #oldest = 0; // answers to messages before this id are dropped
  /** @type {WebSocket} */ #socket;
  #pending = false; // whether a message waits for its answer
  /** @type {object | null} */ #next = null; // the content to send after it
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #pause = FIRST_PAUSE_MS;

  /** @type {(answer: any) => void} */ onAnswer;
  /** @type {() => void} */ onOpen;
  /** @type {() => void} */ onClose;

  constructor(onAnswer, onOpen, onClose) {
    Object.assign(this, { onAnswer, onOpen, onClose });
    this.#connect();
  }

  send(content) {
    this.id += 1;
    this.#next = content;
    this.#sendNext();
  }

  /** Drop what waits to be sent, and the answers still to come. */
  cancel() {
    this.#oldest = this.id += 1;
    this.#next = null;
  }

  #sendNext() {
    if (!this.#next || this.#pending || this.#socket.readyState !== WebSocket.OPEN) return;
    this.#pending = true;
    this.#timer = setTimeout(() => this.#reconnect(), ANSWER_MS);
    this.#socket.send(JSON.stringify({ id: this.id, ...this.#next }));
    this.#next = null;
  }

  #connect() {
    this.#socket = new WebSocket(new URL("live", document.baseURI).href.replace("http", "ws"));
    this.#timer = setTimeout(() => this.#reconnect(), OPEN_MS);
    this.#socket.onopen = () => {
      clearTimeout(this.#timer);
      this.onOpen();
      this.#sendNext();
    };
    this.#socket.onmessage = (message) => {
      clearTimeout(this.#timer);
      this.#pause = FIRST_PAUSE_MS;
      this.#pending = false;
      const answer = JSON.parse(message.data);
      if (answer.id >= this.#oldest) this.onAnswer(answer);
      this.#sendNext();
    };
    this.#socket.onclose = () => this.#reconnect();
  }

  #reconnect() {
    clearTimeout(this.#timer);
    Object.assign(this.#socket, { onopen: null, onmessage: null, onclose: null });
    this.#socket.close(); // may take a minute without an answer: the next attempt does not wait for it
    this.#pending = false;
    this.onClose();
    setTimeout(() => this.#connect(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, MAX_PAUSE_MS);
  }
}
