import { abortable, SipError } from "./errors.js";
import type { Port, Target } from "./port.js";

/** @internal What Go knows by a handle, from its making to its last event. */
export class Life {
  readonly #port: Port;
  readonly #what: string;
  readonly handle: number;
  #over = false;

  /** `handle` is Go's; without one it gets one of ours. `what` names it in errors. */
  constructor(port: Port, what: string, target: Target, handle?: number) {
    this.#port = port;
    this.#what = what;
    this.handle = handle ?? port.attachNew(target);
    if (handle !== undefined) port.attach(handle, target);
  }

  get over(): boolean { return this.#over; }

  act<T = void>(op: string, args: object = {}, signal?: AbortSignal): Promise<T> {
    if (this.#over) return Promise.reject(new SipError("invalid-state", `${op}: the ${this.#what} is over`, { op }));
    return abortable(op, signal, () => this.#port.call<T>(op, this.handle, args));
  }

  /** An act that ends it: when it is over anyhow, that is what was asked for. */
  async finish(op: string, args: object = {}, signal?: AbortSignal): Promise<void> {
    if (this.#over) return;
    await this.act(op, args, signal).catch((error: SipError) => {
      if (!(this.#over && error.code === "invalid-state")) throw error;
    });
  }

  /** Forgets the handle. False when that has been done. */
  end(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#port.detach(this.handle);
    return true;
  }
}
