// A connection to a server that can be broken for one phone, while the others keep theirs.

import { connect, createServer } from "node:net";

export class Wire {
  #server;
  #sockets = new Set();
  #down = false;

  /** Forwards to the server of that URL. */
  static async open(url) {
    const { protocol, hostname, port } = new URL(url);
    const wire = new Wire();
    wire.#server = createServer((near) => wire.#join(near, () => connect(Number(port), hostname)));
    await new Promise((resolve) => wire.#server.listen(0, "127.0.0.1", resolve));
    wire.url = `${protocol}//127.0.0.1:${wire.#server.address().port}`;
    return wire;
  }

  #join(near, dial) {
    if (this.#down) {
      near.resetAndDestroy();
      return;
    }
    const far = dial();
    for (const [from, to] of [[near, far], [far, near]]) {
      this.#sockets.add(from);
      from.on("error", () => { /* the close that follows says enough */ });
      from.on("close", () => { this.#sockets.delete(from); to.destroy(); });
      from.pipe(to);
    }
  }

  /** Breaks what stands, and refuses what comes. */
  cut() {
    this.#down = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  heal() { this.#down = false; }

  async close() {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
