/** The push socket: connects, reconnects with growing pauses, hands each frame on. */

const FIRST_PAUSE = 400;
const LONGEST_PAUSE = 8000;

export class PushSocket {
  /** @type {WebSocket|null} */
  #socket = null;
  #pause = FIRST_PAUSE;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #timer;
  #closed = false;

  /**
   * @param {() => string} address asked anew for every connection
   * @param {(name: string, data: any) => void} onFrame
   * @param {(connected: boolean) => void} onConnection
   */
  constructor(address, onFrame, onConnection) {
    this.address = address;
    this.onFrame = onFrame;
    this.onConnection = onConnection;
    window.addEventListener("online", () => this.#soon(0));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && !this.#socket) this.#soon(0);
    });
  }

  open() {
    this.#closed = false;
    clearTimeout(this.#timer);
    const socket = new WebSocket(this.address());
    this.#socket = socket;
    socket.addEventListener("open", () => {
      this.#pause = FIRST_PAUSE;
      if (socket === this.#socket) this.onConnection(true);
    });
    socket.addEventListener("message", (event) => {
      if (socket !== this.#socket || typeof event.data !== "string") return;
      const frame = JSON.parse(event.data);
      this.onFrame(frame.t, frame.d);
    });
    socket.addEventListener("close", () => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      this.onConnection(false);
      this.#soon(this.#pause * (0.75 + Math.random() / 2));
      this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    });
  }

  /** Connects again, as whoever `address` now names. */
  reopen() {
    this.close();
    this.open();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  /** @param {number} pause milliseconds */
  #soon(pause) {
    if (this.#closed || this.#socket) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open(), pause);
  }
}
