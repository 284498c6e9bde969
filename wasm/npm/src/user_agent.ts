import { watchNetwork, type Binding, type ConnectionOptions, type Push, type RegistrationOptions } from "./connection.js";
import { Call, type CallRecord } from "./call.js";
import type { AudioOptions, CallOptions, CallsOptions, Description, RestoreOptions, Waiting } from "./call_options.js";
import type { CallSnapshot } from "./call_values.js";
import { Calls } from "./calls.js";
import { Conference } from "./conference.js";
import { sendable } from "./content.js";
import type { Challenge, Credentials } from "./credentials.js";
import { Emitter, report } from "./emitter.js";
import { Devices } from "./devices.js";
import { abortable, errorFrom, SipError, type ErrorRecord } from "./errors.js";
import type { TraceMessage, UserAgentEvents } from "./events.js";
import { completeHost, type Host } from "./host.js";
import type { IceOptions } from "./ice.js";
import { loadPort, type LoadOptions } from "./load.js";
import type { Capabilities, MessageOptions, MessagingOptions } from "./messaging.js";
import { Notifier, type SubscriptionRecord } from "./notifier.js";
import { check } from "./options.js";
import type { Port, Target } from "./port.js";
import { Publication, type PublishOptions } from "./publication.js";
import { Referral, type ReferralRecord } from "./referral.js";
import { Ringer } from "./ringer.js";
import { Subscription, type SubscribeOptions } from "./subscription.js";
import { userAgentRules } from "./user_agent_rules.js";

/** Options of {@link UserAgent.create}. */
export interface UserAgentOptions
  extends ConnectionOptions, RegistrationOptions, CallsOptions, MessagingOptions, LoadOptions, AudioOptions, Waiting {
  /** Address of record, such as "sip:1001@example.com". */
  uri: string;
  /** Without them a server's challenge ends in code "unauthorized". A function is asked for each realm: see {@link Challenge}. */
  credentials?: Credentials | ((challenge: Challenge) => Credentials | Promise<Credentials>);
  /** The weakest digest algorithm that is answered (RFC 8760). Default "MD5", which is all. */
  minDigest?: "MD5" | "SHA-256" | "SHA-512-256";
  /** Name that others see, such as "Alice". Default: none. */
  displayName?: string;
  /** The User-Agent header. Default "sipwasm/<version>". */
  userAgent?: string;
  /** How calls find their way to the other side: STUN and TURN servers, and how long they are waited for. Default `{}`. */
  ice?: IceOptions;
}

/** One SIP account on one device: registers, makes calls and takes them. */
export class UserAgent {
  readonly #port: Port;
  readonly #events = new Emitter<UserAgentEvents>();
  readonly #calls: Calls;
  readonly #subscriptions = new Set<Subscription>();
  readonly #handle: number;
  #closed: Promise<void> | undefined;
  #exit: SipError | undefined;
  #instanceId = "";
  #bindings: readonly Binding[] = [];
  #unwatch = () => {};
  readonly #manualRinging: boolean;

  /** Which microphones, cameras and loudspeakers there are, and which ones its calls use. */
  readonly devices: Devices;

  private constructor(
    port: Port, host: Host,
    { audio, tones = false, microphoneFallback = true, manualRinging = false, quality = {} }: Partial<UserAgentOptions>,
  ) {
    this.#port = port;
    this.#manualRinging = manualRinging;
    const wanted = typeof tones === "string" ? { country: tones } : tones;
    const ringer = wanted ? new Ringer(host, wanted, (signal) => this.devices.outputs[signal === "ringing" ? "ringing" : "calls"]) : undefined;
    this.devices = new Devices(host, () => this.calls.map((call) => Call.mediaOf(call)), async (id) => ringer?.through(id));
    this.#calls = new Calls({
      port, audio, ringer, quality, subscriptions: this.#subscriptions,
      act: (op, args) => this.#act(op, undefined, args),
      page: { host, devices: this.devices, microphoneFallback },
      reports: {
        publish: (args) => this.#port.call("publish", this.#handle, args), // also while it closes
        failed: (call, error) => this.#events.emit("reportFailed", { call, error }),
      },
    });
    this.#handle = port.attachNew(this.#target);
  }

  /**
   * Loads the Go program when that has not been done and makes a user agent. It connects when it first has to: in
   * {@link register} or {@link call}.
   * @throws {SipError} "invalid-argument" with a message that names the option, and as {@link load}.
   */
  static async create(options: UserAgentOptions): Promise<UserAgent> {
    check("create", userAgentRules, options, "uri", "servers");
    const { wasm, host, audio, tones, microphoneFallback, signal, network = true, sdp, quality, ...rest } = options;
    return abortable("create", signal, async () => {
      const port = await loadPort({ ...(wasm !== undefined && { wasm }), ...(host && { host }) });
      signal?.throwIfAborted(); // the promise has been rejected by now; this keeps from making what nobody can close
      const page = completeHost(host ?? {});
      const ua = new UserAgent(port, page, options);
      try {
        const { instanceId } = await port.call<{ instanceId: string }>("create", ua.#handle, { ...rest, ...(sdp && { sdp: ua.#hook(sdp) }) });
        ua.#instanceId = instanceId;
        const { window } = page;
        if (network && window) ua.#unwatch = watchNetwork(window, (online) => { ua.#act("network", undefined, { online }).catch(report); });
      } catch (error) {
        ua.devices.close();
        port.detach(ua.#handle);
        throw error;
      }
      if (signal?.aborted) await ua.close();
      return ua;
    });
  }

  /** The "urn:uuid:…" in use. See {@link UserAgentOptions.instanceId}. */
  get instanceId(): string { return this.#instanceId; }

  /** The calls that have not ended. */
  get calls(): readonly Call[] { return this.#calls.list; }

  /** The subscriptions of ours that have not ended. */
  get subscriptions(): readonly Subscription[] { return [...this.#subscriptions]; }

  /**
   * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
   * @returns the function that removes it
   */
  on<K extends keyof UserAgentEvents>(type: K, listener: (event: UserAgentEvents[K]) => unknown): () => void {
    const remove = this.#events.on(type, listener);
    if (type === "trace") this.#traceWhileHeard();
    return () => {
      remove();
      if (type === "trace") this.#traceWhileHeard();
    };
  }

  /**
   * Opens the connection when there is none and keeps it open from then on, for those who do not register. Attempts go on after
   * one that failed; see the event `reconnecting`.
   * @throws {SipError} "connection-failed", or "mixed-content" or "blocked-by-csp" when the page may reach none of the servers; "closed".
   */
  async connect({ signal }: Waiting = {}): Promise<void> {
    await this.#act("connect", signal);
  }

  /**
   * Connects when needed and registers (RFC 3261 section 10), and keeps it so until {@link unregister}: it refreshes in time,
   * connects again when the connection is lost, and tries again after a failure that may pass. Resolves when the registrar has
   * accepted, rejects when the first attempt failed; the event `registrationFailed` says by `final` whether there will be others.
   * @throws {SipError} "unauthorized", "rejected", "timeout", and as {@link connect}.
   */
  async register({ signal }: Waiting = {}): Promise<void> {
    await this.#act("register", signal);
  }

  /** Takes the binding back and stops keeping it; with `all`, the bindings of every device of this address of record. */
  async unregister({ all = false, signal }: { all?: boolean } & Waiting = {}): Promise<void> {
    await this.#act("unregister", signal, { all });
  }

  /** The bindings of the address of record, as the registrar told them last. */
  get bindings(): readonly Binding[] { return this.#bindings; }

  /**
   * Asks the registrar for the bindings of the address of record (RFC 3261 section 10.2.3).
   * @throws {SipError} as {@link register}.
   */
  async fetchBindings({ signal }: Waiting = {}): Promise<readonly Binding[]> {
    return (this.#bindings = await this.#act<Binding[]>("fetchBindings", signal));
  }

  /**
   * Changes what the server is told about push (RFC 8599), or takes it back with null. Refreshes at once when registered.
   * @throws {SipError} "invalid-argument", and as {@link register}.
   */
  async setPush(push: Push | null, { signal }: Waiting = {}): Promise<void> {
    await this.#act("setPush", signal, { push });
  }

  /** Proves now that the connection lives, and makes a reconnect that waits at once: for a platform whose own signs of a changed
   *  network this package does not know. */
  async checkConnection(): Promise<void> {
    await this.#act("network", undefined, { online: true });
  }

  /**
   * Calls somebody and returns at once; the call's events and promises tell the rest. What is wrong with the target or
   * the options ends the call with code "invalid-argument".
   * @param target "1002", "sip:1002@example.com", "1002@example.com" or "tel:+15550100"
   */
  call(target: string, options: CallOptions = {}): Call {
    return this.#calls.dial("call", target, options).call;
  }

  /**
   * Goes on with a call that was established before the page was loaded anew, and returns at once: the other side is asked for a new
   * connection. {@link register} before, with the `instanceId` of before, so that the other side's requests come here. Where the other side
   * does not agree, or does not know the call any more, it ends; the call's events and promises tell the rest.
   * @param snapshot the last {@link Call.snapshot}
   */
  restore(snapshot: CallSnapshot, options: RestoreOptions = {}): Call {
    return this.#calls.restore(snapshot, options);
  }

  /**
   * Puts one call on hold and takes the other back. When the first refuses to be held, the other stays on hold.
   * @throws {SipError} "invalid-argument", and as {@link Call.hold}.
   */
  async swap(hold: Call, resume: Call, { signal }: Waiting = {}): Promise<void> {
    await this.#act("swap", signal, { hold: this.#calls.handleOf(hold, "swap"), resume: this.#calls.handleOf(resume, "swap") });
  }

  /**
   * Brings two calls or more together, so that everybody hears everybody else; those that are on hold are taken back.
   * @throws {SipError} "invalid-argument"; "invalid-state" for a call that is not established or in another conference; "unsupported" when
   * this browser cannot mix; and as {@link Call.resume}. After an error there is no conference; calls that were taken back stay so.
   */
  async conference(...calls: Call[]): Promise<Conference> {
    return Conference.start(this.#calls, calls);
  }

  /**
   * Subscribes to the state of somebody or something (RFC 6665) and returns at once; the subscription's events and its promise
   * `active` tell the rest. What is wrong with the target or the options ends it with code "invalid-argument". The event package
   * tells the type of what `notify` brings:
   * ```ts
   * ua.subscribe("1002", { event: "dialog" }).on("notify", ({ value }) => show(value?.lamp));
   * ```
   * @param target as of {@link call}
   */
  subscribe<E extends string>(target: string, options: SubscribeOptions<E>): Subscription<E> {
    return Subscription.start(this.#port, this.#subscriptions, target, options, (args) => this.#act("subscribe", undefined, args));
  }

  /**
   * Gives a state of ours to the server (RFC 3903), which tells it to those who have subscribed. Resolves when that has accepted it.
   * When `signal` aborts, what was published meanwhile is taken back.
   * @throws {SipError} "invalid-argument"; "rejected" with the status (489: it does not know the package), "unauthorized",
   * "timeout", "connection-failed".
   */
  async publish(options: PublishOptions): Promise<Publication> {
    return Publication.start(this.#port, options, (args) => this.#act("publish", undefined, args));
  }

  /**
   * Sends a message (RFC 3428). Resolves when the other side has accepted it, or a server that keeps it.
   * @param target as of {@link call}
   * @throws {SipError} "invalid-argument"; "rejected" with the status (404, 415, 480: nobody there), "unauthorized", "timeout",
   * "connection-failed", and "connection-lost", after which it may have arrived.
   */
  async message(target: string, { headers, signal, ...content }: MessageOptions): Promise<void> {
    await this.#act("message", signal, { target, ...(headers && { headers }), ...sendable("message", content) });
  }

  /**
   * Asks somebody what it can do, without calling (RFC 3261 section 11). A user agent that is there and would not take a call now,
   * such as with 486, is an answer.
   * @param target as of {@link call}
   * @throws {SipError} "rejected" with the status when nobody was reached (404, 480 …), and as {@link message}.
   */
  async options(target: string, { signal }: Waiting = {}): Promise<Capabilities> {
    return this.#act<Capabilities>("options", signal, { target });
  }

  /** Hangs up every call, ends every subscription and publication, unregisters and disconnects. Closing again gives the same
   *  promise. */
  close(): Promise<void> {
    this.#unwatch();
    this.devices.close();
    const close = () => this.#port.call("close", this.#handle).finally(() => this.#port.detach(this.#handle));
    this.#closed ??= this.#calls.finish()?.then(close) ?? close();
    return this.#closed;
  }

  #act<T = void>(op: string, signal?: AbortSignal, args?: object): Promise<T> {
    if (this.#closed) return Promise.reject(this.#exit ?? new SipError("closed", `${op}: the user agent was closed`, { op }));
    return abortable(op, signal, () => this.#port.call<T>(op, this.#handle, args));
  }

  /** The application's function as Go calls it. A description of a call that is over goes through as it is. */
  #hook(sdp: NonNullable<CallsOptions["sdp"]>) {
    return (handle: number, local: boolean, kind: Description["kind"], text: string) => {
      const call = this.#calls.find(handle);
      return call ? sdp({ call, local, kind, sdp: text }) : text;
    };
  }

  #tracing = false;

  #traceWhileHeard(): void {
    const on = this.#events.count("trace") > 0;
    if (on === this.#tracing || this.#closed) return;
    this.#tracing = on;
    this.#port.call("trace", this.#handle, { on }).catch(report);
  }

  readonly #target: Target = {
    event: (type, payload) => {
      const handle = (this.#on as Record<string, ((payload: never) => void) | undefined>)[type];
      handle?.(payload);
    },
    exit: (error) => {
      this.#unwatch();
      this.devices.close();
      if (!this.#closed) this.#exit = error;
      this.#closed ??= Promise.resolve();
      this.#events.emit("exit", { error });
    },
  };

  /** What each event of the port does here. */
  readonly #on = {
    connected: (event: UserAgentEvents["connected"]) => this.#events.emit("connected", event),
    disconnected: ({ error, ...event }: { flow: number; server: string; code: number; reason: string; error?: ErrorRecord | null }) =>
      this.#events.emit("disconnected", { ...event, ...(error ? { error: errorFrom(error) } : {}) }),
    reconnecting: (event: UserAgentEvents["reconnecting"]) => this.#events.emit("reconnecting", event),
    registered: (event: UserAgentEvents["registered"]) => {
      this.#bindings = event.bindings;
      this.#events.emit("registered", event);
    },
    registrationExpiring: (event: UserAgentEvents["registrationExpiring"]) => this.#events.emit("registrationExpiring", event),
    registrationFailed: ({ error, ...event }: { flow: number; final: boolean; retryIn?: number; error: ErrorRecord }) =>
      this.#events.emit("registrationFailed", { ...event, error: errorFrom(error) }),
    unregistered: ({ error }: { error?: ErrorRecord | null }) =>
      this.#events.emit("unregistered", error ? { error: errorFrom(error) } : {}),
    protocolError: ({ error }: { error: ErrorRecord }) => this.#events.emit("protocolError", { error: errorFrom(error) }),
    trace: (message: TraceMessage) => this.#events.emit("trace", message),
    message: (event: UserAgentEvents["message"]) => this.#events.emit("message", event),
    notify: (event: UserAgentEvents["notify"]) => this.#events.emit("notify", event),
    incomingSubscription: (record: SubscriptionRecord) => {
      const notifier = Notifier.incoming(this.#port, record);
      // Nobody is there to decide: the subscriber is told so at once.
      if (this.#events.count("incomingSubscription") === 0) notifier.reject(480).catch(() => {}); // it may be over by now
      else this.#events.emit("incomingSubscription", notifier);
    },
    incoming: (record: CallRecord) => {
      const call = this.#calls.incoming(record);
      if (this.#events.count("incoming") > 0) {
        this.#events.emit("incoming", call);
        if (!this.#manualRinging) Call.alert(call);
      }
      // Nobody is there to answer: the caller is told so, and does not hear it ring until it gives up. A call that is accepted without the
      // page is ended as well, because nobody could hang it up.
      else if (!Call.listensForReplaced(call.replaces)) call.reject(480).catch(() => call.hangup()).catch(() => {}); // it may have given up by now
    },
    referral: (record: ReferralRecord) => {
      const referral = Referral.incoming(this.#calls, record);
      // Nobody is there to decide: the other side is told so at once.
      if (this.#events.count("referral") === 0) referral.reject(603).catch(() => {}); // it may be over by now
      else this.#events.emit("referral", referral);
    },
  };
}
