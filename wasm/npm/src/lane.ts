import type { Entrance } from "./entrance.js";

/** What the Go program exports for the lane; see lane_js.go. */
interface Exports {
  readonly mem: WebAssembly.Memory;
  readonly sipwasmLane: () => number;
  readonly sipwasmLaneSize: () => number;
  readonly sipwasmArrived: (socket: number, bytes: number) => void;
}

const SENT = 0, NOT_OPEN = 1, TOO_MUCH = 2; // as in websocket_js.go
const OPEN = 1; // WebSocket.OPEN: the page may have no class of that name

/**
 * The facade's half of the lane, memory of the Go program through which the texts of WebSockets pass in one call each.
 * `enter` runs what goes into Go, lets Go go on, and is where its crash is caught.
 */
export class Lane {
  readonly #exports: Exports;
  readonly #enter: (f: () => void) => void;
  readonly #entrance: Pick<Entrance, "busy">;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #view: Uint8Array<ArrayBuffer> | undefined;

  constructor(instance: WebAssembly.Instance, enter: (f: () => void) => void, entrance: Pick<Entrance, "busy">) {
    this.#exports = instance.exports as unknown as Exports;
    this.#enter = enter;
    this.#entrance = entrance;
  }

  /** The memory grows when Go needs more, which takes the old view away. */
  #memory(): Uint8Array<ArrayBuffer> {
    const buffer = this.#exports.mem.buffer as ArrayBuffer;
    if (this.#view?.buffer !== buffer) {
      this.#view = new Uint8Array(buffer, this.#exports.sipwasmLane(), this.#exports.sipwasmLaneSize());
    }
    return this.#view;
  }

  /** The listener for the messages of a socket. What is no text, too long, or comes while Go runs, goes to `slow`. */
  listener(socket: number, slow: (event: MessageEvent) => void): (event: MessageEvent) => void {
    return (event) => {
      const text: unknown = event.data;
      if (typeof text !== "string" || this.#entrance.busy) return slow(event);
      const { read, written } = this.#encoder.encodeInto(text, this.#memory());
      if (read < text.length) return slow(event);
      this.#enter(() => this.#exports.sipwasmArrived(socket, written));
    };
  }

  /** What sends so many bytes of the lane, unless more than `limit` wait to be sent already. */
  sender(socket: WebSocket, limit: number): (bytes: number) => number {
    return (bytes) => {
      if (socket.readyState !== OPEN) return NOT_OPEN;
      if (socket.bufferedAmount > limit) return TOO_MUCH;
      socket.send(this.#decoder.decode(this.#memory().subarray(0, bytes)));
      return SENT;
    };
  }
}
