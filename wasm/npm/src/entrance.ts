import type { Go } from "./wasm_exec.js";

/**
 * The way into the Go program, for one at a time. While Go runs, what JavaScript it calls may call Go in turn: a listener
 * of an event that accepts the call, say. Go's runtime can lose such a call or return from it to the wrong goroutine, and
 * crashes then, when it collects garbage at that moment. So calls that come from within wait for a microtask, when Go
 * has given the thread back. They keep their order.
 */
export class Entrance {
  #inside = false;
  #waiting: (() => void)[] = [];

  constructor(go: Go) {
    const make = go._makeFuncWrapper.bind(go);
    go._makeFuncWrapper = (id) => {
      const call = make(id);
      const gate = this;
      // No function of the program returns anything.
      return function (this: unknown, ...args) {
        gate.#pass(() => Reflect.apply(call, this, args));
      };
    };
  }

  #pass(call: () => void): void {
    if (!this.#inside && this.#waiting.length === 0) return call();
    if (this.#waiting.push(call) === 1) queueMicrotask(() => this.#drain());
  }

  #drain(): void {
    for (const call of this.#waiting) call(); // and what comes meanwhile
    this.#waiting = [];
  }

  /** Go runs, or JavaScript that it has called. */
  get busy(): boolean {
    return this.#inside;
  }

  /** Runs what goes into Go. */
  enter<T>(f: () => T): T {
    const outer = this.#inside;
    this.#inside = true;
    try {
      return f();
    } finally {
      this.#inside = outer;
    }
  }
}
