import { SipError, errorFrom, type ErrorRecord } from "./errors.js";
import { report } from "./emitter.js";

/** What the Go program hands over when it is ready. */
export interface Program {
  readonly version: string;
  /** Enqueues one operation and returns at once. Exactly one of `resolve` and `reject` is called later. */
  readonly call: (
    op: string, handle: number, args: object, resolve: (result: never) => void, reject: (error: ErrorRecord) => void,
  ) => void;
}

/** Who stands behind a handle on this side. */
export interface Target {
  /** Takes one event. Events come in the order of the facts. */
  event(type: string, payload: never): void;
  /** The program has ended; nothing will come any more. */
  exit(error: SipError): void;
}

/**
 * The one connection between TypeScript and Go: operations go in by `call`, events come out by `emit`, both in order.
 * Things are named by handles: this side gives odd ones to what it creates, Go gives even ones to incoming calls and subscriptions.
 */
export class Port {
  readonly #program: Program;
  readonly #targets = new Map<number, Target>();
  readonly #pending = new Set<(error: SipError) => void>();
  #nextHandle = 1;
  #exit: SipError | undefined;

  constructor(program: Program) {
    this.#program = program;
  }

  /** Gives `target` a handle of this side. */
  attachNew(target: Target): number {
    const handle = this.#nextHandle;
    this.#nextHandle += 2;
    this.attach(handle, target);
    return handle;
  }

  /** Sends the events of `handle` to `target`. */
  attach(handle: number, target: Target): void {
    this.#targets.set(handle, target);
  }

  /** Forgets a handle. */
  detach(handle: number): void {
    this.#targets.delete(handle);
  }

  /** Has Go do something. Operations start in the order of these calls. */
  call<T = void>(op: string, handle: number, args: object = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#exit) return reject(this.#exit);
      this.#pending.add(reject);
      this.#program.call(
        op, handle, args,
        (result: T) => {
          this.#pending.delete(reject);
          resolve(result);
        },
        (error) => {
          this.#pending.delete(reject);
          reject(errorFrom(error));
        },
      );
    });
  }

  /** Takes an event from Go. Nothing that happens here may throw into the program. */
  emit(handle: number, type: string, payload: unknown): void {
    try {
      this.#targets.get(handle)?.event(type, payload as never);
    } catch (error) {
      report(error);
    }
  }

  /** The program has ended: rejects what is pending and tells everybody. */
  exit(error: SipError): void {
    if (this.#exit) return;
    this.#exit = error;
    for (const reject of this.#pending) reject(error);
    this.#pending.clear();
    // Calls have higher handles than their user agent and hear it first, as with any other end.
    const targets = [...this.#targets].sort(([a], [b]) => b - a);
    this.#targets.clear();
    for (const [, target] of targets) {
      try {
        target.exit(error);
      } catch (e) {
        report(e);
      }
    }
  }
}
