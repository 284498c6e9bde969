import { CallFacts } from "./call_facts.js";
import { CallMedia } from "./call_media.js";
import { CallQuality } from "./call_quality.js";
import type {
  AcceptOptions, CallOptions, DTMFOptions, HangupOptions, ProgressOptions, Rejection, RestoreOptions, TransferOptions, VideoOptions, Waiting,
} from "./call_options.js";
import {
  acceptRules, callRules, dtmfRules, hangupRules, progressRules, redirectRules, rejectRules, restoreRules, transferRules, videoRules,
} from "./call_rules.js";
import type { Caller, CallSnapshot, Fork, Reason, Stream } from "./call_values.js";
import type { Calls } from "./calls.js";
import { sendable } from "./content.js";
import { checkSource, type Source } from "./devices.js";
import { Emitter, report } from "./emitter.js";
import { abortable, errorFrom, SipError, type ErrorRecord } from "./errors.js";
import type { CallEvents, CallState, Direction, EndedEvent, Identity, Party } from "./events.js";
import type { InfoOptions, MessageOptions } from "./messaging.js";
import { check } from "./options.js";
import type { Target } from "./port.js";
import type { QualitySample } from "./quality.js";
import type { QualitySummary } from "./quality_summary.js";
import { recordRules, type Recording, type RecordOptions } from "./recording.js";
import { Referral, type ReferralRecord } from "./referral.js";
import type { Ringing } from "./ringer.js";
import { Subscription, type SubscribeOptions } from "./subscription.js";
import { Tones } from "./tones.js";
import { Transfer } from "./transfer.js";

/** @internal The event of the port for a call that comes in. */
export interface CallRecord {
  readonly call: number;
  readonly id: string;
  readonly remote: Identity;
  readonly caller: Caller;
  readonly autoAnswer: boolean;
  readonly replaces?: number;
}

/** What a new call is made of. */
interface Setup {
  calls: Calls;
  direction: Direction;
  remote: Identity;
  state: CallState;
  audio: HTMLAudioElement | false | undefined;
  record?: CallRecord;
}

/** One call (a SIP dialog with a session, RFC 3261 sections 12 and 13), as caller or as callee. */
export class Call {
  readonly #calls: Calls;
  readonly #events = new Emitter<CallEvents>();
  readonly #facts: CallFacts;
  readonly #media: CallMedia;
  readonly #quality: CallQuality;
  readonly #tones: Tones;
  readonly #handle: number;

  /** Who made the call. */
  readonly direction: Direction;
  /**
   * Resolves when the call is answered and its media is set up; rejects when it ends before that, with code "rejected"
   * and the response's status, "canceled", "timeout" and so on. Nobody has to look at it.
   */
  readonly answered: Promise<void>;
  /** Resolves when the call is over. Never rejects. */
  readonly ended: Promise<EndedEvent>;
  /** The call is being accepted without the page, as the option `autoAnswer` of the user agent allows. */
  readonly autoAnswer: boolean;
  /** The call of ours that this incoming one takes the place of (RFC 3891). It is accepted at once, unless the user agent's option
   *  `manualReplaces` is set: for the person it is the same call, with somebody else in it. */
  readonly replaces: Call | undefined;

  #settleAnswered!: { resolve: () => void; reject: (error: SipError) => void };
  #settleEnded!: (event: EndedEvent) => void;

  #id: string;
  #remote: Identity;
  #muted = false;
  /** Somebody is to hear that this incoming call rings. */
  #alerts = false;
  /** What the other side sends before the answer is heard. */
  #hearsEarly = true;
  #startTime: number | undefined;
  #endTime: number | undefined;
  /** Gives up what the call waits for before it begins. */
  #giveUp: ((error: SipError) => void) | undefined;

  private constructor({ calls, direction, remote, state, audio, record }: Setup) {
    this.#calls = calls;
    this.#facts = new CallFacts(this.#events, state);
    if (record) this.#facts.caller = record.caller;
    this.#media = new CallMedia(this.#events, audio ?? calls.audio, calls.page, {
      microphone: (media) => this.#act("useMicrophone", { media }, undefined, "microphone"),
      camera: () => this.addVideo(),
    });
    this.#quality = new CallQuality(this.#events, calls.quality, {
      receives: () => this.#facts.receives, dialog: () => this.#facts.snapshot, report: (measured, last) => calls.report(this, measured, last),
    });
    this.#tones = new Tones((args) => this.#act("dtmf", args), () => this.peerConnection);
    this.#remote = remote;
    this.#id = record?.id ?? "";
    this.direction = direction;
    this.autoAnswer = record?.autoAnswer ?? false;
    this.replaces = record?.replaces === undefined ? undefined : calls.find(record.replaces);
    this.ended = new Promise((resolve) => (this.#settleEnded = resolve));
    this.answered = new Promise((resolve, reject) => (this.#settleAnswered = { resolve, reject }));
    this.answered.catch(() => {}); // an application that listens for "ended" instead must not see an unhandled rejection
    this.#handle = record?.call ?? calls.port.attachNew(this.#target);
    if (record) calls.port.attach(record.call, this.#target);
    calls.add(this.#handle, this);
  }

  /** @internal */
  static outgoing(
    calls: Calls, op: string, target: string, options: CallOptions,
    start: (args: object) => Promise<{ id: string; remote: Identity }>, before?: () => Promise<void>,
  ): { call: Call; begun: Promise<void> } {
    const remote = { displayName: "", uri: target, user: "" };
    const { audio, signal, replaces, media, ...rest } = options ?? {};
    const call = new Call({ calls, direction: "outgoing", state: "preparing", audio, remote });
    call.#hearsEarly = rest.earlyMedia ?? true;
    const begun = call.#begin(signal, before, async () => {
      check(op, callRules, options);
      const replaced = replaces === undefined ? {} : { replaces: calls.handleOf(replaces, op) };
      return start({ call: call.#handle, target, ...rest, ...call.#media.use(media), ...replaced });
    });
    return { call, begun };
  }

  /** @internal */
  static restored(
    calls: Calls, snapshot: CallSnapshot, options: RestoreOptions, start: (args: object) => Promise<{ id: string; remote: Identity }>,
  ): Call {
    const { direction = "outgoing", remoteName = "", remoteUri = "", held = false, localSeq = 0 } = snapshot ?? {};
    const remote = { displayName: remoteName, uri: remoteUri, user: "" };
    const { audio, signal, media } = options ?? {};
    const call = new Call({ calls, direction, state: "resuming", audio, remote });
    call.#facts.onHold.local = held;
    // For a page that is loaded again before the other side has agreed. The numbers of this attempt are used up then; those of a
    // dialog may leap (RFC 3261 section 12.2.2).
    call.#facts.snapshot = { ...snapshot, localSeq: localSeq + 100 };
    void call.#begin(signal, undefined, async () => {
      check("restore", restoreRules, { ...options, snapshot }, "snapshot");
      return start({ call: call.#handle, snapshot, ...call.#media.use(media) });
    });
    return call;
  }

  /** @internal */
  static incoming(calls: Calls, record: CallRecord): Call {
    return new Call({ calls, direction: "incoming", state: "ringing", remote: record.remote, audio: undefined, record });
  }

  /** @internal The handle of a call of that user agent, undefined for anything else. */
  static handleIn(calls: Calls, call: unknown): number | undefined {
    return typeof call === "object" && call !== null && #calls in call && call.#calls === calls ? call.#handle : undefined;
  }

  /** @internal */
  static mediaOf(call: Call): CallMedia { return call.#media; }

  /** @internal Somebody is there to answer it. */
  static alert(call: Call): void {
    call.#alerts = !call.autoAnswer && !call.replaces;
    call.#calls.ring();
  }

  /** @internal What is to be heard of it. */
  static ringing(call: Call): Ringing {
    const { state, direction, forks } = call;
    const live = forks.filter(({ ended }) => !ended);
    const silent = !call.#hearsEarly || !live.some(({ earlyMedia }) => earlyMedia);
    return {
      alerts: call.#alerts && direction === "incoming" && state === "ringing",
      awaits: direction === "outgoing" && state === "ringing" && silent && live.some(({ status, earlyMedia }) => status === 180 || earlyMedia),
      talks: call.#startTime !== undefined && state !== "ended",
      blocked: (blocked) => call.#media.blocked(blocked),
    };
  }

  /** @internal Somebody would see that another call takes the place of this one. */
  static listensForReplaced(call: Call | undefined): boolean {
    return call !== undefined && call.#events.count("replaced") > 0;
  }

  /** Has Go make the call. Promises of operations that come later are kept in their order behind it. */
  #begin(signal: AbortSignal | undefined, before: (() => Promise<void>) | undefined, start: () => Promise<{ id: string; remote: Identity }>): Promise<void> {
    const begin = () => abortable("call", signal?.aborted ? signal : undefined, start);
    const begun = (before ? this.#after(before, begin) : begin()).then(
      ({ id, remote }) => {
        this.#id = id;
        this.#remote = remote;
      },
      (error: SipError) => {
        this.#end({ by: error.code === "canceled" ? "local" : "system", reason: error.message, reasons: [], error });
        throw error;
      },
    );
    // From here on the signal hangs up instead.
    const abort = () => void this.hangup().catch(() => {}); // it may have ended meanwhile, which is what was asked for
    begun.catch(() => {}); // the call has ended with it
    if (typeof signal?.addEventListener !== "function") return begun; // there is none, or the options are refused for it
    signal.addEventListener("abort", abort, { once: true });
    void this.ended.then(() => signal.removeEventListener("abort", abort));
    return begun;
  }

  /** Begins after `before`, unless that fails or the call is hung up meanwhile. */
  #after<T>(before: () => Promise<void>, begin: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = (this.#giveUp = (error: SipError) => {
        this.#giveUp = undefined;
        reject(error);
      });
      before().then(() => {
        if (this.#giveUp !== giveUp) return;
        this.#giveUp = undefined;
        resolve(begin());
      }, giveUp);
    });
  }

  /** The Call-ID (RFC 3261 section 8.1.1.4). Empty until an outgoing call is set up. */
  get id(): string { return this.#id; }

  /** The other side. Of an outgoing call: its target, until the call is set up. */
  get remote(): Identity { return this.#remote; }

  /** Who calls and what for; of an outgoing call, what its answers told of the other side. */
  get caller(): Caller { return this.#facts.caller; }

  /** Where the call stands. */
  get state(): CallState { return this.#facts.state; }

  /** The microphone is muted. */
  get muted(): boolean { return this.#muted; }

  /** Who has the call on hold; both may. */
  get onHold(): { readonly local: boolean; readonly remote: boolean } { return { ...this.#facts.onHold }; }

  /** The places that an outgoing call has reached so far, in the order of their first answers. */
  get forks(): readonly Fork[] { return this.#facts.forks; }

  /** What is sent and received, as it was agreed last; empty before the answer. */
  get streams(): readonly Stream[] { return this.#facts.streams; }

  /** The other side is a conference server (RFC 4579 section 5.2): {@link watchConference} tells who takes part. */
  get focus(): boolean { return this.#facts.focus; }

  /** The connection to the server is lost, or the one to the other side, and the call is being recovered. */
  get recovering(): boolean { return this.#facts.recovering; }

  /**
   * What {@link UserAgent.restore} needs to go on with the call after a reload. It is always the latest, so that a `pagehide` handler can
   * store it. Absent before the call is established and when it is over.
   */
  get snapshot(): CallSnapshot | undefined { return this.#facts.snapshot; }

  /** The browser's peer connection, once it exists. Use it for statistics; do not negotiate with it. */
  get peerConnection(): RTCPeerConnection | undefined { return this.#media.peerConnection; }

  /** What is sent, once the microphone is open; the camera and the screen are in it too, unless the stream is the page's own. */
  get localStream(): MediaStream | undefined { return this.#media.localStream; }

  /** What comes from the other side, once it exists: sound, and video that a `<video>` element shows. The same object for the whole call. */
  get remoteStream(): MediaStream | undefined { return this.#media.remoteStream; }

  /** How the sound was during the last interval: the event `quality`. Absent before the first sample, and with the option `quality: false`. */
  get quality(): QualitySample | undefined { return this.#quality.latest; }

  /** Resolves when the call is over, with how its sound was all in all; with undefined when it was not answered, or not measured (option
   *  `quality: false`). Never rejects. */
  get summary(): Promise<QualitySummary | undefined> { return this.#quality.summary; }

  /** When the call was answered, in milliseconds since 1970. */
  get startTime(): number | undefined { return this.#startTime; }

  /** Milliseconds since the answer, or from the answer to the end; 0 before. */
  get duration(): number {
    return this.#startTime === undefined ? 0 : (this.#endTime ?? Date.now()) - this.#startTime;
  }

  /**
   * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
   * @returns the function that removes it
   */
  on<K extends keyof CallEvents>(type: K, listener: (event: CallEvents[K]) => unknown): () => void {
    const remove = this.#events.on(type, listener);
    if (type !== "level") return remove;
    this.#media.meter();
    return () => {
      remove();
      this.#media.meter();
    };
  }

  /**
   * Tells the caller how an incoming call stands before it is accepted: 180 Ringing, 181 Call Is Being Forwarded, 182 Queued, or 183
   * with `media`, after which the caller hears us. Resolves when the response is sent.
   * @throws {SipError} "invalid-argument"; "invalid-state" when the call does not ring any more; "unsupported" when the response has
   * to be reliable and the caller cannot; with `media` as {@link accept}.
   */
  async progress(options: ProgressOptions = {}): Promise<void> {
    check("progress", progressRules, options);
    const { signal, media, ...rest } = options;
    const used = media ? this.#media.use(media === true ? undefined : media).media ?? true : media;
    await this.#act("progress", { ...rest, ...(used !== undefined && { media: used }) }, signal);
    Call.alert(this);
  }

  /**
   * Answers an incoming call (200 OK). Resolves when that is sent and the media is up.
   * @throws {SipError} "media-denied" or "media-not-found" without a microphone, "media-failed" when the description
   * cannot be used: the caller is answered 480 or 488 and the call ends; "invalid-state" when the call does not ring
   * any more; "invalid-argument".
   */
  async accept(options: AcceptOptions = {}): Promise<void> {
    check("accept", acceptRules, options);
    const { audio, signal, media, ...rest } = options;
    await this.#act("accept", { ...rest, ...this.#media.use(media, audio) }, signal);
  }

  /**
   * Declines an incoming call.
   * @param how a status (RFC 3261 section 21), or more than that. 486 Busy Here lets a server try the person's other devices or
   * the mailbox, 603 Decline ends it everywhere.
   * @throws {SipError} "invalid-state" when the call does not ring any more; "invalid-argument".
   */
  async reject(how: number | Rejection = 486): Promise<void> {
    const rejection = typeof how === "object" ? how : { status: how };
    check("reject", rejectRules, rejection);
    await this.#act("reject", rejection);
  }

  /**
   * Deflects an incoming call: the caller is sent 302 with up to ten addresses where it should try, the best one first. Each is what
   * {@link UserAgent.call} takes.
   * @throws {SipError} as {@link reject}.
   */
  async redirect(...targets: string[]): Promise<void> {
    check("redirect", redirectRules, { targets });
    await this.#act("redirect", { targets });
  }

  /**
   * Ends the call in whatever state it is: CANCEL, BYE or a rejection, as SIP demands. Does nothing when it is over.
   * @throws {SipError} "invalid-argument"; "timeout" when nobody answers the BYE: the call is over all the same.
   */
  async hangup(options: HangupOptions = {}): Promise<void> {
    check("hangup", hangupRules, options);
    const over = () => this.state === "ended";
    if (over()) return;
    if (this.#giveUp) {
      this.#giveUp(new SipError("canceled", "call: hung up before it began", { op: "call" }));
      return void (await this.ended);
    }
    await this.#act("hangup", options).catch((error: SipError) => {
      // It ended while this was on its way, which is what was asked for. A BYE that failed is still an error.
      if (!(over() && error.code === "invalid-state")) throw error;
    });
  }

  /**
   * Puts the other side on hold by a re-INVITE (RFC 3264 section 8.4).
   * @throws {SipError} "invalid-state" before the call is answered; "rejected", which leaves the call as it was; "timeout".
   */
  async hold({ signal }: Waiting = {}): Promise<void> {
    await this.#act("hold", {}, signal);
  }

  /**
   * Takes the other side back.
   * @throws {SipError} as {@link hold}.
   */
  async resume({ signal }: Waiting = {}): Promise<void> {
    await this.#act("resume", {}, signal);
  }

  /** Sends silence instead of the microphone. The other side is not told. */
  async mute(on = true): Promise<void> {
    await this.#act("mute", { mute: on });
    this.#muted = on;
  }

  /** Sends the microphone again. */
  async unmute(): Promise<void> {
    await this.mute(false);
  }

  /**
   * Sends another microphone from now on; mute, hold and conference stay as they are. For an incoming call it can be chosen before
   * `accept`. {@link Devices.useMicrophone} does it for all calls.
   * @param source the `id` of a {@link Device}, constraints, or a stream of the page, whose first track of sound is sent and never
   * stopped; null: the system's default
   * @throws {SipError} "media-denied", "media-not-found", "media-failed", "insecure-context": what was sent before is sent still;
   * "invalid-state" when the call is over or sends no sound; "invalid-argument".
   */
  async useMicrophone(source: Source | null): Promise<void> {
    checkSource("useMicrophone", source);
    if (this.state === "ended") throw new SipError("invalid-state", "useMicrophone: the call has ended", { op: "useMicrophone" });
    await this.#media.useMicrophone(source, "call");
  }

  /**
   * Records both sides, from when `consent` gives true until {@link Recording.stop} or the end of the call. What is not sent, because the
   * call is muted or on hold, is not recorded.
   * @throws {SipError} "canceled" without consent; "invalid-state" before the call is answered and when it is over; "unsupported" where the
   * browser cannot; "autoplay-blocked" before the person has touched the page; "media-failed"; "invalid-argument". What `consent` throws.
   */
  async record(options: RecordOptions): Promise<Recording> {
    const op = "record";
    check(op, recordRules, options, "consent");
    const answered = () => {
      if (this.#startTime === undefined || this.state === "ended") {
        throw new SipError("invalid-state", `${op}: ${this.state === "ended" ? "the call has ended" : "the call is not answered"}`, { op });
      }
    };
    answered();
    if ((await options.consent()) !== true) throw new SipError("canceled", `${op}: consent gave no true`, { op });
    answered();
    return this.#media.record(options);
  }

  /**
   * Sends video: the camera, which the browser asks the person for, or a stream of the page. Where video is sent already its source is
   * changed. Resolves when the other side has agreed.
   * @throws {SipError} "invalid-state" before the call is answered; "media-denied", "media-not-found", "media-failed"; "rejected" when
   * the other side does not want it, which leaves the call as it was; "invalid-argument".
   */
  async addVideo(options: VideoOptions = {}): Promise<void> {
    await this.#addVideo("addVideo", options, {});
  }

  /**
   * Sends the screen, a window or a tab in place of the camera. Browsers ask the person which one, and want a click before: call it in
   * the handler of that. The event `videoended` tells that the person has ended it in the browser.
   * @throws {SipError} as {@link addVideo}; "unsupported" when this browser cannot.
   */
  async shareScreen(options: VideoOptions = {}): Promise<void> {
    await this.#addVideo("shareScreen", options, { screen: true });
  }

  async #addVideo(op: string, options: VideoOptions, more: object): Promise<void> {
    check(op, videoRules, options);
    const { signal, ...rest } = options;
    const camera = op === "addVideo" && !rest.stream && !rest.constraints;
    await this.#act(op, { ...(camera ? this.#calls.page.devices.cameraOptions() : rest), ...more }, signal, "addVideo");
    this.#media.sendsCamera = camera;
  }

  /**
   * Sends no video any more, and goes on to receive it.
   * @throws {SipError} as {@link hold}.
   */
  async stopVideo({ signal }: Waiting = {}): Promise<void> {
    await this.#act("stopVideo", {}, signal);
    this.#media.sendsCamera = false;
  }

  /**
   * Neither sends nor receives video any more. The sound goes on.
   * @throws {SipError} as {@link hold}.
   */
  async removeVideo({ signal }: Waiting = {}): Promise<void> {
    await this.#act("removeVideo", {}, signal);
    this.#media.sendsCamera = false;
  }

  /**
   * Makes the connection to the other side anew (ICE restart, RFC 8839). That is done by itself when the connection fails.
   * @throws {SipError} as {@link hold}.
   */
  async restartIce({ signal }: Waiting = {}): Promise<void> {
    await this.#act("restartIce", {}, signal);
  }

  /**
   * Shows the other side, and finds out, that the call goes on (RFC 4028 section 7.4). A call that the other side does not know any more
   * ends.
   * @throws {SipError} as {@link hold}.
   */
  async refresh({ signal }: Waiting = {}): Promise<void> {
    await this.#act("refresh", {}, signal);
  }

  /**
   * Sends tones, one after the other and after those asked for before. Resolves when the last one is sent.
   * @param tones of 0-9, A-D, # and *; a comma pauses for two seconds (W3C WebRTC section 7)
   * @throws {SipError} "unsupported" when the other side takes no telephone events; "invalid-state" before the call is answered;
   * "invalid-argument".
   */
  async sendDTMF(tones: string, options: DTMFOptions = {}): Promise<void> {
    check("dtmf", dtmfRules, options);
    await this.#tones.send(tones, options);
  }

  /**
   * Asks the other side to call somebody else instead of us (REFER). With a target that is a blind transfer (RFC 5589 section 6); with
   * another call, such as one of {@link consult}, it connects the other sides of both (section 7.3): they are put on hold first.
   * Resolves when the other side has accepted; {@link Transfer.done} tells what becomes of it. When it has succeeded the calls are hung
   * up, unless `keep` is set; when it has failed they go on.
   * @param to as of {@link UserAgent.call}, or an answered call of the same user agent
   * @throws {SipError} "invalid-argument"; "invalid-state" when one of the calls is not answered; "rejected" with the status (405 or 501
   * from who cannot be transferred), "timeout", "connection-lost".
   */
  async transfer(to: string | Call, options: TransferOptions = {}): Promise<Transfer> {
    check("transfer", transferRules, options);
    const { signal, ...rest } = options;
    const target = typeof to === "string" ? { target: to } : { other: this.#calls.handleOf(to, "transfer") };
    return Transfer.start(this.#calls.port, this, signal, (args) => this.#act("transfer", { ...target, ...rest, ...args }));
  }

  /**
   * Puts this call on hold and calls somebody else: to ask before {@link transfer}. Returns at once; a hold that fails ends the new call
   * with its error. To come back, hang up the new call and {@link resume} this one.
   * @param target as of {@link UserAgent.call}
   */
  consult(target: string, options: CallOptions = {}): Call {
    return this.#calls.dial("call", target, options, { before: () => this.hold() }).call;
  }

  /**
   * Hangs this call up, a consultation mostly, and takes another one back from hold.
   * @throws {SipError} as {@link hangup} and {@link resume}.
   */
  async return(to: Call, waiting: Waiting = {}): Promise<void> {
    this.#calls.handleOf(to, "return");
    await this.hangup();
    await to.resume(waiting);
  }

  /**
   * Subscribes to the state of the conference that the call is with (RFC 4575): `notify` brings who takes part. Returns at once, as
   * {@link UserAgent.subscribe}; when the other side is no conference server ({@link focus}) the subscription ends with code "invalid-state".
   */
  watchConference(options: Omit<SubscribeOptions, "event"> = {}): Subscription<"conference"> {
    const { port, subscriptions } = this.#calls;
    return Subscription.start(port, subscriptions, this.remote.uri, { ...options, event: "conference" }, (args) => this.#act("watchConference", args));
  }

  /**
   * Sends an INFO inside the call. Resolves when the other side has accepted it.
   * @throws {SipError} "invalid-state" before the call is answered; "unsupported" for a package that the other side has not said it
   * takes; "rejected", "timeout", "connection-lost".
   */
  async info({ package: name, signal, ...content }: InfoOptions): Promise<void> {
    await this.#act("info", { ...(name !== undefined && { package: name }), ...sendable("info", content) }, signal);
  }

  /**
   * Sends a message to the other side inside the call. Resolves when it has been accepted.
   * @throws {SipError} "invalid-state" before the call is answered, and as {@link UserAgent.message}.
   */
  async message({ headers, signal, ...content }: MessageOptions): Promise<void> {
    await this.#act("message", { ...(headers && { headers }), ...sendable("message", content) }, signal, "callMessage");
  }

  #act<T = void>(op: string, args: object = {}, signal?: AbortSignal, asked = op): Promise<T> {
    const why = this.state === "ended" ? "the call has ended" : this.#giveUp ? "the call has not begun: the other one is being put on hold" : "";
    if (why) return Promise.reject(new SipError("invalid-state", `${op}: ${why}`, { op }));
    return abortable(op, signal, () => this.#calls.port.call<T>(asked, this.#handle, args));
  }

  readonly #target: Target = {
    event: (type, payload) => {
      type Handlers = Record<string, ((payload: never) => void) | undefined>;
      ((this.#on as Handlers)[type] ?? (this.#facts.on as Handlers)[type])?.(payload);
      this.#calls.ring();
    },
    exit: (error) => {
      this.#media.exit();
      this.#end({ by: "system", reason: error.message, reasons: [], error });
    },
  };

  /** What each event of the port does here, besides the facts. */
  readonly #on = {
    answered: ({ forks, focus = false }: { forks: readonly Fork[]; focus?: boolean }) => {
      this.#facts.forks = forks;
      this.#facts.focus = focus;
      this.#startTime = Date.now();
      this.#quality.start();
      this.#settleAnswered.resolve();
      this.#events.emit("answered", {});
    },
    replaced: ({ by }: { by: number }) => {
      const call = this.#calls.find(by);
      if (call) this.#events.emit("replaced", { by: call });
    },
    referred: (record: ReferralRecord) => {
      const referral = Referral.incoming(this.#calls, record, this);
      // Nobody is there to decide: the other side is told so at once.
      if (this.#events.count("referred") === 0) referral.reject(603).catch(() => {}); // it may be over by now
      else this.#events.emit("referred", referral);
    },
    iceServersFailed: ({ error }: { error: ErrorRecord }) => {
      if (this.#events.count("iceServersFailed") === 0) report(errorFrom(error));
      else this.#events.emit("iceServersFailed", { error: errorFrom(error) });
    },
    peerconnection: ({ peerConnection }: { peerConnection: RTCPeerConnection }) => {
      this.#quality.use(peerConnection);
      this.#media.usePeerConnection(peerConnection);
    },
    sending: ({ track }: { track: MediaStreamTrack }) => this.#media.useSending(track),
    localstream: ({ stream }: { stream: MediaStream }) => this.#media.useLocalStream(stream),
    ended: ({ by, status, reason, reasons, error }: { by: Party; status?: number; reason?: string; reasons?: readonly Reason[]; error?: ErrorRecord | null }) =>
      this.#end({
        by, reason: reason ?? "", reasons: reasons ?? [], ...(status ? { status } : {}), ...(error ? { error: errorFrom(error) } : {}),
      }),
  };

  #end(event: EndedEvent): void {
    if (this.#endTime !== undefined) return;
    this.#endTime = Date.now();
    this.#calls.port.detach(this.#handle);
    this.#calls.remove(this.#handle);
    this.#media.end();
    this.#quality.end(this.#facts.snapshot);
    this.#facts.end();
    if (this.direction === "outgoing" && this.#startTime === undefined && failed(event)) {
      this.#calls.ringer?.failed(Call.ringing(this), event.status === 486 || event.status === 600);
    }
    this.#settleAnswered.reject(event.error ?? endedBeforeAnswer(event)); // does nothing to an answered call
    this.#settleEnded(event);
    this.#events.emit("ended", event);
  }
}

/** What a telephone has a signal for: the other side or the way to it, and not the person or the page. */
const failed = ({ by, error }: EndedEvent) =>
  by === "remote" || ["timeout", "connection-failed", "connection-lost"].includes(error?.code ?? "");

/** The error of a call that ended in an ordinary way before it was answered. */
function endedBeforeAnswer({ by, status, reason }: EndedEvent): SipError {
  const details = { op: "call", ...(status ? { status } : {}), ...(reason ? { reason } : {}) };
  if (status && by === "remote") return new SipError("rejected", `call: rejected (${status} ${reason})`, details);
  return new SipError("canceled", "call: ended before it was answered", details);
}
