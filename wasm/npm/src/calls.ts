import { Call, type CallRecord } from "./call.js";
import type { CallOptions, RestoreOptions } from "./call_options.js";
import type { CallSnapshot } from "./call_values.js";
import type { MediaPage } from "./call_media.js";
import { SipError } from "./errors.js";
import type { Port } from "./port.js";
import type { Ringer } from "./ringer.js";

/** @internal How a call of ours begins. */
export interface Beginning {
  /** Has Go make it. Default: as {@link UserAgent.call}. */
  start?: (args: object) => Promise<{ id: string; remote: CallRecord["remote"] }>;
  /** What has to be done before. */
  before?: () => Promise<void>;
}

/** @internal The calls of one user agent that have not ended. */
export class Calls {
  readonly port: Port;
  /** Where calls are heard, unless they say something else. */
  readonly audio: HTMLAudioElement | false | undefined;
  /** An operation of the user agent. */
  readonly act: <T = void>(op: string, args: object) => Promise<T>;
  readonly page: MediaPage;
  /** Plays the signals, if they are wanted. */
  readonly ringer: Ringer | undefined;
  readonly #byHandle = new Map<number, Call>();

  constructor(port: Port, audio: HTMLAudioElement | false | undefined, act: Calls["act"], page: MediaPage, ringer: Ringer | undefined) {
    this.port = port;
    this.audio = audio;
    this.act = act;
    this.page = page;
    this.ringer = ringer;
  }

  /** A call may want to be heard in another way. */
  ring(): void {
    this.ringer?.look(this.list.map((call) => Call.ringing(call)));
  }

  get list(): readonly Call[] { return [...this.#byHandle.values()]; }

  find(handle: number): Call | undefined { return this.#byHandle.get(handle); }

  add(handle: number, call: Call): void { this.#byHandle.set(handle, call); }

  remove(handle: number): void { this.#byHandle.delete(handle); }

  /** Makes a call. `begun` settles when Go has it, or does not want it. */
  dial(op: string, target: string, options: CallOptions, { start, before }: Beginning = {}): { call: Call; begun: Promise<void> } {
    this.ringer?.stop(); // busy, of the call before
    return Call.outgoing(this, op, target, options, start ?? ((args) => this.act("call", args)), before);
  }

  restore(snapshot: CallSnapshot, options: RestoreOptions): Call {
    return Call.restored(this, snapshot, options, (args) => this.act("restore", args));
  }

  incoming(record: CallRecord): Call { return Call.incoming(this, record); }

  /**
   * The handle of what the application gave for a call.
   * @throws {SipError} "invalid-argument" when that is no call of this user agent, "invalid-state" when it is over.
   */
  handleOf(call: unknown, op: string): number {
    const handle = Call.handleIn(this, call);
    if (handle === undefined) throw new SipError("invalid-argument", `${op}: a call of this user agent is wanted`, { op });
    if (!this.#byHandle.has(handle)) throw new SipError("invalid-state", `${op}: the call has ended`, { op });
    return handle;
  }
}
