import type { Call } from "./call.js";
import type { CallOptions } from "./call_options.js";
import type { Replaces } from "./call_values.js";
import type { Calls } from "./calls.js";
import { Emitter } from "./emitter.js";
import type { Identity } from "./events.js";
import { Life } from "./life.js";

/** @internal The event of the port. */
export interface ReferralRecord {
  readonly referral: number;
  readonly from: Identity;
  readonly target: string;
  readonly referredBy?: Identity;
  readonly replaces?: Replaces;
}

/** The events of a {@link Referral}: name and what listeners get. */
export interface ReferralEvents {
  /** It is over, and had not been decided: that took more than 20 seconds, or who asks is gone. Does not come after `accept` or `reject`. */
  ended: Record<string, never>;
}

/**
 * Somebody asks us to call a target (REFER, RFC 3515), mostly because it transfers us. Nothing is called before {@link Referral.accept}.
 * `accept` or `reject` it within 20 seconds, or it is answered 480. All text is from the network.
 */
export class Referral {
  readonly #calls: Calls;
  readonly #events = new Emitter<ReferralEvents>();
  readonly #life: Life;

  /** Who asks. */
  readonly from: Identity;
  /** The URI that we are asked to call. */
  readonly target: string;
  /** Who asks, by its own account (RFC 3892). Nobody has checked it. */
  readonly referredBy: Identity | undefined;
  /** The call at the target that ours is to take the place of, in an attended transfer (RFC 3891). */
  readonly replaces: Replaces | undefined;
  /** The call that it came in; undefined outside of any. It goes on, and after a transfer that succeeded its other side hangs up. */
  readonly call: Call | undefined;

  private constructor(calls: Calls, record: ReferralRecord, call: Call | undefined) {
    this.#calls = calls;
    this.from = record.from;
    this.target = record.target;
    this.referredBy = record.referredBy;
    this.replaces = record.replaces;
    this.call = call;
    this.#life = new Life(calls.port, "referral", { event: (type) => { if (type === "ended") this.#end(); }, exit: () => this.#end() }, record.referral);
  }

  /** @internal */
  static incoming(calls: Calls, record: ReferralRecord, call?: Call): Referral {
    return new Referral(calls, record, call);
  }

  /**
   * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
   * @returns the function that removes it
   */
  on<K extends keyof ReferralEvents>(type: K, listener: (event: ReferralEvents[K]) => unknown): () => void {
    return this.#events.on(type, listener);
  }

  /**
   * Calls the target and lets the other side know how that goes. Resolves with the new call once it has begun; its events and promises
   * tell the rest. The options are those of {@link UserAgent.call}; `headers` come besides those that were asked for.
   * @throws {SipError} "invalid-argument"; "invalid-state" when it was decided before, or too late; "connection-lost", "closed".
   */
  async accept(options: CallOptions = {}): Promise<Call> {
    const { call, begun } = this.#calls.dial("accept referral", this.target, options, {
      start: (args) => this.#life.act<{ id: string; remote: Identity }>("accept", args),
    });
    await begun;
    this.#life.end();
    return call;
  }

  /**
   * Refuses it.
   * @param status 400 to 699
   * @throws {SipError} as {@link accept}.
   */
  async reject(status = 603): Promise<void> {
    await this.#life.act("reject", { status });
    this.#life.end();
  }

  #end(): void {
    if (this.#life.end()) this.#events.emit("ended", {});
  }
}
