import type { Waiting } from "./call_options.js";
import { sendable, type Content } from "./content.js";
import { Emitter } from "./emitter.js";
import { errorFrom, SipError, type ErrorRecord } from "./errors.js";
import type { NotifyEvent } from "./event_values.js";
import { Life } from "./life.js";
import type { Port } from "./port.js";

/** Options of {@link UserAgent.subscribe}. */
export interface SubscribeOptions<E extends string = string> extends Partial<Content> {
  /** Event package: "presence", "dialog", "message-summary", "conference", "reg", or any other. */
  event: E;
  /** The `id` of the Event header, which tells subscriptions to the same package apart (RFC 6665 section 8.2.1). Default: none. */
  id?: string;
  /** Content types that are understood. Default: that of the package, if it is one of those named above. */
  accept?: readonly string[];
  /** Ask for the state and for no more (RFC 6665 section 4.4.3): it is told by one `notify`, and then `ended` comes without an error. Default
   *  false. */
  once?: boolean;
  /** Seconds asked for, up to 86400. The notifier may shorten them; the subscription is refreshed by itself. Default 3600. */
  expires?: number;
  /** Headers to add to each SUBSCRIBE. */
  headers?: readonly (readonly [name: string, value: string])[];
}

/**
 * Where a subscription stands (RFC 6665 section 4.1.2).
 *
 * | state | |
 * |---|---|
 * | `trying` | SUBSCRIBE was sent |
 * | `accepted` | it was accepted, the first notification is to come |
 * | `pending` | the other side has not decided yet |
 * | `active` | notifications come when the state changes |
 * | `waiting` | for the connection, or for the time of another attempt |
 * | `ending` | unsubscribed, the last notification is to come |
 * | `terminated` | over |
 */
export type SubscriptionState = "trying" | "accepted" | "pending" | "active" | "waiting" | "ending" | "terminated";

/** The events of a {@link Subscription}: name and what listeners get. */
export interface SubscriptionEvents<E extends string = string> {
  /** The state changed. `expires` is what is left of the subscription, in seconds; 0 where it has none. */
  changed: { readonly state: SubscriptionState; readonly expires: number };
  /** The state was told. A notification without a body, as the last one often is, tells none and does not come here. */
  notify: NotifyEvent<E>;
  /**
   * Last event; comes exactly once. `reason` is the notifier's (RFC 6665 section 4.1.3: "rejected", "noresource" …; text from the
   * network), empty when it gave none. `retryAfter` is the seconds for which the other side wants to be left alone. `error` is
   * absent after {@link Subscription.unsubscribe} and of a fetch (`once`) that was answered.
   */
  ended: { readonly reason: string; readonly retryAfter?: number; readonly error?: SipError };
}

/** A subscription to the state of somebody or something (RFC 6665). It is refreshed by itself, and made anew where that is due,
 *  until `unsubscribe` or until the event `ended` says why not. */
export class Subscription<E extends string = string> {
  readonly #events = new Emitter<SubscriptionEvents<E>>();
  readonly #life: Life;
  #settleActive!: { resolve: () => void; reject: (error: SipError) => void };
  #state: SubscriptionState = "trying";
  #id = "";

  /** Event package. */
  readonly event: E;
  /** What was subscribed to, as it was given. */
  readonly target: string;
  /**
   * Resolves when the other side has accepted; the state may be "pending" then. Rejects when the subscription ends before, with
   * code "rejected" and the response's status (489: it does not know the package), "unauthorized", "timeout", "canceled" and so
   * on. Nobody has to look at it.
   */
  readonly active: Promise<void>;

  private constructor(port: Port, target: string, event: E) {
    this.event = event;
    this.target = target;
    this.active = new Promise((resolve, reject) => (this.#settleActive = { resolve, reject }));
    this.active.catch(() => {}); // who listens for "ended" instead must not see an unhandled rejection
    this.#life = new Life(port, "subscription", {
      event: (type, payload) => (this.#on as Record<string, ((payload: never) => void) | undefined>)[type]?.(payload),
      exit: (error) => this.#end({ reason: "", error }),
    });
  }

  /** @internal `among` has it until it has ended. */
  static start<E extends string>(
    port: Port, among: Set<Subscription>, target: string, options: SubscribeOptions<E>, start: (args: object) => Promise<{ id: string }>,
  ): Subscription<E> {
    const { event, id, once = false, accept, expires, headers } = options;
    const subscription = new Subscription(port, target, event);
    const entry = subscription as unknown as Subscription; // whoever listens to one of many gets the events of any package
    among.add(entry);
    subscription.on("ended", () => among.delete(entry));
    const given = { ...(id !== undefined && { id }), ...(once && { once }), ...(accept && { accept }), ...(expires !== undefined && { expires }), ...(headers && { headers }) };
    const begin = async () => start({ subscription: subscription.#life.handle, target, event, ...given, ...sendable("subscribe", options) });
    begin().then(({ id }) => { subscription.#id = id; }, (error: SipError) => subscription.#end({ reason: "", error }));
    return subscription;
  }

  /** The Call-ID of its first dialog, which names it for as long as it lives. Empty until it is set up. */
  get id(): string { return this.#id; }

  /** Where the subscription stands. */
  get state(): SubscriptionState { return this.#state; }

  /**
   * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
   * @returns the function that removes it
   */
  on<K extends keyof SubscriptionEvents<E>>(type: K, listener: (event: SubscriptionEvents<E>[K]) => unknown): () => void {
    return this.#events.on(type, listener);
  }

  /**
   * Asks for the state now; a subscription that waits tries again at once. Resolves when the notifier has answered; the state
   * comes with the event `notify`.
   * @throws {SipError} "invalid-state" when it is over, and as {@link active}.
   */
  async refresh({ signal }: Waiting = {}): Promise<void> {
    await this.#life.act("refresh", {}, signal);
  }

  /** Ends the subscription. Resolves when the last notification has come, or 32 s later. Does nothing when it is over. */
  async unsubscribe({ signal }: Waiting = {}): Promise<void> {
    await this.#life.finish("unsubscribe", {}, signal);
  }

  /** What each event of the port does here. */
  readonly #on = {
    changed: ({ state, expires }: { state: SubscriptionState; expires: number }) => this.#setState(state, expires),
    notify: (event: NotifyEvent<E>) => this.#events.emit("notify", event),
    ended: ({ error, ...event }: { reason: string; retryAfter?: number; error?: ErrorRecord | null }) =>
      this.#end({ ...event, ...(error ? { error: errorFrom(error) } : {}) }),
  };

  #setState(state: SubscriptionState, expires: number): void {
    this.#state = state;
    if (state === "accepted" || state === "pending" || state === "active") this.#settleActive.resolve();
    this.#events.emit("changed", { state, expires });
  }

  #end(event: SubscriptionEvents["ended"]): void {
    if (!this.#life.end()) return;
    if (this.#state !== "terminated") this.#setState("terminated", 0);
    this.#settleActive.reject(event.error ?? new SipError("canceled", "subscribe: unsubscribed before it was accepted", { op: "subscribe" }));
    this.#events.emit("ended", event);
  }
}
