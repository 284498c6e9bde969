import { Speaker } from "./audio.js";
import { sendable, type ReceivedContent } from "./content.js";
import { Emitter } from "./emitter.js";
import { abortable, errorFrom, SipError, type ErrorRecord } from "./errors.js";
import type { CallEvents, CallState, Direction, EndedEvent, Identity, Party } from "./events.js";
import type { InfoOptions, MessageOptions } from "./messaging.js";
import type { Port, Target } from "./port.js";

/** What an act that one can stop waiting for takes. */
export interface Waiting {
  /** Ends the waiting with code "canceled". The act itself goes on. */
  signal?: AbortSignal;
}

/** The media of one call. */
export interface MediaOptions {
  /** Stream to send instead of the microphone. It stays the caller's: it is not stopped at the end of the call. */
  stream?: MediaStream;
  /** Constraints for the microphone. Default: `{ audio: true }`. */
  constraints?: MediaStreamConstraints;
  /** Configuration of the peer connection. Default: one with the user agent's `iceServers`. */
  rtcConfiguration?: RTCConfiguration;
}

/** Where to play the other side. */
export interface AudioOptions {
  /** An element of the page, or false to play nothing and use `call.remoteStream` instead. Default: an element of the
   *  package's own, which is not put into the document. */
  audio?: HTMLAudioElement | false;
}

/** Options of {@link UserAgent.call}. */
export interface CallOptions extends AudioOptions {
  /** Headers to add to the INVITE, such as `[["X-Ticket", "4711"]]`. */
  headers?: readonly (readonly [name: string, value: string])[];
  media?: MediaOptions;
  /** Hangs up when it aborts, in whatever state the call is. */
  signal?: AbortSignal;
}

/** Options of {@link Call.accept}. */
export interface AcceptOptions extends AudioOptions, Waiting {
  media?: MediaOptions;
}

/** Options of {@link Call.sendDTMF}. */
export interface DTMFOptions {
  /** Milliseconds of each tone. Default 100; 40 to 6000. */
  duration?: number;
  /** Milliseconds between tones. Default 70; 30 to 6000. */
  gap?: number;
  /** Drops those of these tones that have not begun; the tones of other `sendDTMF`s are left alone. */
  signal?: AbortSignal;
}

/** What a new call is made of. */
interface Setup {
  port: Port;
  direction: Direction;
  remote: Identity;
  id?: string;
  state: CallState;
  audio: HTMLAudioElement | false | undefined;
  ended: (call: Call) => void;
}

/** One call (a SIP dialog with a session, RFC 3261 sections 12 and 13), as caller or as callee. */
export class Call {
  readonly #port: Port;
  readonly #events = new Emitter<CallEvents>();
  readonly #forget: (call: Call) => void;
  #handle = 0;

  /** Who made the call. */
  readonly direction: Direction;
  /**
   * Resolves when the call is answered and its media is set up; rejects when it ends before that, with code "rejected"
   * and the response's status, "canceled", "timeout" and so on. Nobody has to look at it.
   */
  readonly answered: Promise<void>;
  /** Resolves when the call is over. Never rejects. */
  readonly ended: Promise<EndedEvent>;

  #settleAnswered!: { resolve: () => void; reject: (error: SipError) => void };
  #settleEnded!: (event: EndedEvent) => void;

  #id = "";
  #remote: Identity;
  #state: CallState;
  #muted = false;
  #onHold = { local: false, remote: false };
  #startTime: number | undefined;
  #endTime: number | undefined;
  /** Settles when the tones asked for so far are through. Never rejects. */
  #tones: Promise<unknown> = Promise.resolve();

  #peerConnection: RTCPeerConnection | undefined;
  #localStream: MediaStream | undefined;
  #remoteStream: MediaStream | undefined;
  #ownsLocalStream = true;
  #audio: HTMLAudioElement | false | undefined;
  #speaker: Speaker | undefined;

  private constructor(setup: Setup) {
    this.#port = setup.port;
    this.#forget = setup.ended;
    this.#audio = setup.audio;
    this.#remote = setup.remote;
    this.#id = setup.id ?? "";
    this.#state = setup.state;
    this.direction = setup.direction;
    this.ended = new Promise((resolve) => (this.#settleEnded = resolve));
    this.answered = new Promise((resolve, reject) => (this.#settleAnswered = { resolve, reject }));
    this.answered.catch(() => {}); // an application that listens for "ended" instead must not see an unhandled rejection
  }

  /** @internal */
  static outgoing(
    port: Port, target: string, options: CallOptions,
    start: (args: object) => Promise<{ id: string; remote: Identity }>, ended: (call: Call) => void,
  ): Call {
    const call = new Call({
      port, ended, direction: "outgoing", state: "preparing", audio: options.audio,
      remote: { displayName: "", uri: target, user: "" },
    });
    const { headers, media, signal } = options;
    call.#useMedia(media);
    call.#handle = port.attachNew(call.#target);
    const args = { call: call.#handle, target, ...(headers && { headers }), ...(media && { media }) };
    abortable("call", signal?.aborted ? signal : undefined, () => start(args)).then(
      ({ id, remote }) => {
        call.#id = id;
        call.#remote = remote;
      },
      (error: SipError) => call.#end({ by: error.code === "canceled" ? "local" : "system", reason: error.message, error }),
    );
    // From here on the signal hangs up instead.
    const abort = () => void call.hangup().catch(() => {}); // it may have ended meanwhile, which is what was asked for
    signal?.addEventListener("abort", abort, { once: true });
    void call.ended.then(() => signal?.removeEventListener("abort", abort));
    return call;
  }

  /** @internal */
  static incoming(
    port: Port, handle: number, id: string, remote: Identity, audio: HTMLAudioElement | false | undefined,
    ended: (call: Call) => void,
  ): Call {
    const call = new Call({ port, ended, direction: "incoming", state: "ringing", id, remote, audio });
    call.#handle = handle;
    port.attach(handle, call.#target);
    return call;
  }

  /** The Call-ID (RFC 3261 section 8.1.1.4). Empty until an outgoing call is set up. */
  get id(): string { return this.#id; }

  /** The other side. Of an outgoing call: its target, until the call is set up. */
  get remote(): Identity { return this.#remote; }

  /** Where the call stands. */
  get state(): CallState { return this.#state; }

  /** The microphone is muted. */
  get muted(): boolean { return this.#muted; }

  /** Who has the call on hold; both may. */
  get onHold(): { readonly local: boolean; readonly remote: boolean } { return { ...this.#onHold }; }

  /** The browser's peer connection, once it exists. Use it for statistics; do not negotiate with it. */
  get peerConnection(): RTCPeerConnection | undefined { return this.#peerConnection; }

  /** What is sent, once the microphone is open. */
  get localStream(): MediaStream | undefined { return this.#localStream; }

  /** What comes from the other side, once it exists. The same object for the whole call. */
  get remoteStream(): MediaStream | undefined { return this.#remoteStream; }

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
    return this.#events.on(type, listener);
  }

  /**
   * Answers an incoming call (200 OK). Resolves when that is sent and the media is up.
   * @throws {SipError} "media-denied" or "media-not-found" without a microphone, "media-failed" when the description
   * cannot be used: the caller is answered 480 or 488 and the call ends; "invalid-state" when the call does not ring
   * any more.
   */
  async accept(options: AcceptOptions = {}): Promise<void> {
    const { media, audio, signal } = options;
    if (audio !== undefined) this.#audio = audio;
    this.#useMedia(media);
    await this.#act("accept", media ? { media } : {}, signal);
  }

  /**
   * Declines an incoming call.
   * @param status 4xx, 5xx or 6xx (RFC 3261 section 21). 486 Busy Here lets a server try the person's other devices or
   * the mailbox, 603 Decline ends it everywhere.
   */
  async reject(status = 486): Promise<void> {
    await this.#act("reject", { status });
  }

  /** Ends the call in whatever state it is: CANCEL, BYE or a rejection, as SIP demands. Does nothing when it is over. */
  async hangup(): Promise<void> {
    const over = () => this.#state === "ended";
    if (over()) return;
    await this.#act("hangup").catch((error: SipError) => {
      // It ended while this was on its way, which is what was asked for. A BYE that failed is still an error.
      if (!(over() && error.code === "invalid-state")) throw error;
    });
  }

  /** Puts the other side on hold by a re-INVITE (RFC 3264 section 8.4). */
  async hold({ signal }: Waiting = {}): Promise<void> {
    await this.#act("hold", {}, signal);
  }

  /** Takes the other side back. */
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
   * Sends tones as telephone events (RFC 4733), one after the other and after those asked for before. Resolves when the
   * last one is sent.
   * @param tones of 0-9, A-D, # and *; a comma pauses for two seconds (W3C WebRTC section 7)
   * @throws {SipError} "unsupported" when the other side takes no telephone events.
   */
  sendDTMF(tones: string, { duration, gap, signal }: DTMFOptions = {}): Promise<void> {
    const args = { tones, ...(duration !== undefined && { duration }), ...(gap !== undefined && { gap }) };
    return abortable("dtmf", signal, () => {
      // The browser has one buffer of tones, and inserting some throws out what is in it: so each waits for its turn.
      const sent = this.#tones.then(() => this.#sendTones(args, signal));
      this.#tones = sent.catch(() => {});
      return sent;
    });
  }

  async #sendTones(args: object, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return;
    const peerConnection = this.#peerConnection;
    const drop = () => {
      if (!signal?.aborted) return;
      for (const { dtmf } of peerConnection?.getSenders() ?? []) if (dtmf?.canInsertDTMF) dtmf.insertDTMF("");
    };
    signal?.addEventListener("abort", drop);
    try {
      const sent = this.#act("dtmf", args);
      // Go inserts the tones when the connection is up. It hears of that first, so here they are dropped before they sound.
      if (signal) peerConnection?.addEventListener("connectionstatechange", drop);
      await sent;
    } finally {
      signal?.removeEventListener("abort", drop);
      peerConnection?.removeEventListener("connectionstatechange", drop);
    }
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

  #act(op: string, args: object = {}, signal?: AbortSignal, asked = op): Promise<void> {
    if (this.#state === "ended") {
      return Promise.reject(new SipError("invalid-state", `${op}: the call has ended`, { op }));
    }
    return abortable(op, signal, () => this.#port.call(asked, this.#handle, args));
  }

  #useMedia(media: MediaOptions | undefined): void {
    this.#ownsLocalStream = media?.stream === undefined;
  }

  readonly #target: Target = {
    event: (type, payload) => {
      const handle = (this.#on as Record<string, ((payload: never) => void) | undefined>)[type];
      handle?.(payload);
    },
    exit: (error) => {
      // Go closed nothing.
      if (this.#ownsLocalStream) this.#localStream?.getTracks().forEach((track) => track.stop());
      this.#peerConnection?.close();
      this.#end({ by: "system", reason: error.message, error });
    },
  };

  /** What each event of the port does here. */
  readonly #on = {
    state: ({ state }: { state: CallState }) => this.#setState(state),
    ringing: (event: CallEvents["ringing"]) => this.#events.emit("ringing", event),
    answered: () => {
      this.#startTime = Date.now();
      this.#settleAnswered.resolve();
      this.#events.emit("answered", {});
    },
    held: ({ by }: { by: Party }) => this.#setHold(by, true),
    resumed: ({ by }: { by: Party }) => this.#setHold(by, false),
    info: (event: CallEvents["info"]) => this.#events.emit("info", event),
    message: (event: ReceivedContent) => this.#events.emit("message", event),
    peerconnection: ({ peerConnection }: { peerConnection: RTCPeerConnection }) => this.#usePeerConnection(peerConnection),
    localstream: ({ stream }: { stream: MediaStream }) => {
      this.#localStream = stream;
      this.#events.emit("localstream", { stream });
    },
    ended: ({ by, status, reason, error }: { by: Party; status?: number; reason?: string; error?: ErrorRecord | null }) =>
      this.#end({ by, reason: reason ?? "", ...(status ? { status } : {}), ...(error ? { error: errorFrom(error) } : {}) }),
  };

  #setState(state: CallState): void {
    const previous = this.#state;
    if (state === previous) return;
    this.#state = state;
    this.#events.emit("state", { state, previous });
  }

  #setHold(by: Party, held: boolean): void {
    this.#onHold[by === "remote" ? "remote" : "local"] = held;
    this.#events.emit(held ? "held" : "resumed", { by });
  }

  #usePeerConnection(peerConnection: RTCPeerConnection): void {
    this.#peerConnection = peerConnection;
    peerConnection.addEventListener("track", ({ track }) => this.#addRemoteTrack(track));
    // An offer may have been applied already, and its track events are gone then.
    if (peerConnection.remoteDescription) {
      for (const { track } of peerConnection.getReceivers()) this.#addRemoteTrack(track);
    }
    this.#events.emit("peerconnection", { peerConnection });
  }

  /** Collects the tracks in one stream of our own: the browser's streams come and go with hold and resume. */
  #addRemoteTrack(track: MediaStreamTrack): void {
    if (this.#state === "ended") return;
    if (this.#remoteStream) {
      this.#remoteStream.addTrack(track); // does nothing when the track is in it already
      return;
    }
    const stream = (this.#remoteStream = new MediaStream([track]));
    this.#speaker = new Speaker(this.#audio, (resume) => this.#events.emit("autoplayBlocked", { resume }));
    this.#speaker.play(stream);
    this.#events.emit("remotestream", { stream });
  }

  #end(event: EndedEvent): void {
    if (this.#endTime !== undefined) return;
    this.#endTime = Date.now();
    this.#port.detach(this.#handle);
    this.#speaker?.stop();
    this.#forget(this);
    this.#setState("ended");
    this.#settleAnswered.reject(event.error ?? endedBeforeAnswer(event)); // does nothing to an answered call
    this.#settleEnded(event);
    this.#events.emit("ended", event);
  }
}

/** The error of a call that ended in an ordinary way before it was answered. */
function endedBeforeAnswer({ by, status, reason }: EndedEvent): SipError {
  const details = { op: "call", ...(status ? { status } : {}), ...(reason ? { reason } : {}) };
  if (status && by === "remote") return new SipError("rejected", `call: rejected (${status} ${reason})`, details);
  return new SipError("canceled", "call: ended before it was answered", details);
}
