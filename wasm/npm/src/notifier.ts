import type { Waiting } from "./call_options.js";
import { sendable, type Content, type ReceivedContent } from "./content.js";
import { Emitter } from "./emitter.js";
import { errorFrom, type ErrorRecord, type SipError } from "./errors.js";
import type { Identity } from "./events.js";
import { Life } from "./life.js";
import type { Port } from "./port.js";

/** Options of {@link Notifier.accept}. */
export interface NotifierOptions extends Partial<Content>, Waiting {
  /** The longest lifetime that is granted, in seconds up to 86400. Who asks for less gets less. Default 3600. */
  expires?: number;
  /** The person has not decided yet: `activate` or `terminate` follows. Default false. */
  pending?: boolean;
}

/** Where somebody's subscription stands: not decided yet, told that it is not decided, told of each change, over. */
export type NotifierState = "requested" | "pending" | "active" | "terminated";

/** The events of a {@link Notifier}: name and what listeners get. */
export interface NotifierEvents {
  /** Last event; comes exactly once. `reason` is "unsubscribed", "timeout" when it was not refreshed, what `terminate` was given,
   *  or empty when it was rejected or `error` says what failed. */
  ended: { readonly reason: string; readonly error?: SipError };
}

/** @internal The event of the port. */
export interface SubscriptionRecord extends ReceivedContent {
  readonly notifier: number;
  readonly id: string;
  readonly remote: Identity;
  readonly event: string;
  readonly accepts: readonly string[];
}

/** Somebody's subscription to a state of ours (RFC 6665 section 4.2). */
export class Notifier {
  readonly #events = new Emitter<NotifierEvents>();
  readonly #life: Life;
  #state: NotifierState = "requested";

  /** The Call-ID. */
  readonly id: string;
  /** Who subscribes. */
  readonly remote: Identity;
  /** Event package, one of the option `eventPackages`. */
  readonly event: string;
  /** Content types that the subscriber understands. */
  readonly accepts: readonly string[];
  /** What the SUBSCRIBE carried: a filter, as the package defines it. Most are empty. */
  readonly content: ReceivedContent;

  private constructor(port: Port, { notifier, id, remote, event, accepts, ...content }: SubscriptionRecord) {
    this.id = id;
    this.remote = remote;
    this.event = event;
    this.accepts = accepts;
    this.content = content;
    this.#life = new Life(port, "subscription", {
      event: (type, payload) => {
        if (type === "ended") this.#ended(payload);
      },
      exit: (error) => this.#end({ reason: "", error }),
    }, notifier);
  }

  /** Where the subscription stands. */
  get state(): NotifierState { return this.#state; }

  /** @internal */
  static incoming(port: Port, record: SubscriptionRecord): Notifier {
    return new Notifier(port, record);
  }

  /**
   * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
   * @returns the function that removes it
   */
  on<K extends keyof NotifierEvents>(type: K, listener: (event: NotifierEvents[K]) => unknown): () => void {
    return this.#events.on(type, listener);
  }

  /**
   * Grants the subscription and tells the state as it is now. Resolves when the subscriber has answered that.
   * @throws {SipError} "invalid-state" when it was answered before; it is by itself, with 480, after 20 seconds. "unsupported" for
   * a content type that the subscriber does not take.
   */
  async accept({ expires, pending, signal, ...content }: NotifierOptions = {}): Promise<void> {
    const given = { ...(expires !== undefined && { expires }), ...(pending !== undefined && { pending }) };
    await this.#life.act("accept", { ...given, ...sendable("accept", content) }, signal);
    this.#enter(pending ? "pending" : "active");
  }

  /**
   * Refuses the subscription.
   * @param status 400 to 699. 403 Forbidden ends it for good, 480 lets the subscriber try again later.
   */
  async reject(status = 403): Promise<void> {
    await this.#life.act("reject", { status });
  }

  /**
   * Tells the subscriber the whole state as it is now. Notifications go out one after the other; a lost connection holds them up.
   * Resolves when the subscriber has answered.
   * @throws {SipError} "invalid-state" when the subscription is not accepted, or over, or 100 notifications wait; "unsupported"
   * for a content type that the subscriber does not take; "rejected" with the status.
   */
  async notify({ signal, ...content }: Content & Waiting): Promise<void> {
    await this.#life.act("notify", sendable("notify", content), signal);
  }

  /** Makes a pending subscription active and tells the state, as {@link notify}. */
  async activate({ signal, ...content }: Partial<Content> & Waiting = {}): Promise<void> {
    await this.#life.act("activate", sendable("activate", content), signal);
    this.#enter("active");
  }

  /**
   * Ends the subscription. Resolves when the subscriber has answered. Does nothing when it is over.
   * @param reason one of RFC 6665 section 4.1.3: "noresource", "rejected" and "invariant" (never again), "deactivated" (subscribe
   * again at once), "probation" and "giveup" (again later), "timeout"
   * @param retryAfter seconds after which the subscriber may try again
   */
  async terminate(reason = "noresource", retryAfter?: number): Promise<void> {
    await this.#life.finish("terminate", { reason, ...(retryAfter !== undefined && { retryAfter }) });
  }

  #ended({ reason, error }: { reason: string; error?: ErrorRecord | null }): void {
    this.#end({ reason, ...(error ? { error: errorFrom(error) } : {}) });
  }

  #enter(state: NotifierState): void {
    if (!this.#life.over) this.#state = state;
  }

  #end(event: NotifierEvents["ended"]): void {
    if (!this.#life.end()) return;
    this.#state = "terminated";
    this.#events.emit("ended", event);
  }
}
