// One call of the telephone: what the person does with it, and what becomes of that.

import type { Call, CallEvents, EndedEvent, Stream, Transfer } from "sipwasm";

import { bare, details, nameOf, nameOfTarget, party, type Details, type Names } from "./who.js";
import { trouble, type Trouble } from "./words.js";

export interface LineListener {
  changed(): void;
  /** What went wrong in the last act; null when another one begins. */
  troubled(trouble: Trouble | null): void;
  ended(line: Line, event: EndedEvent): void;
  /** What the next page needs to go on with the call has changed. */
  snapshot(): void;
}

type Doing = "accept" | "hold" | "mute" | "hangup" | "video" | "transfer";

/** Where a transfer of this call stands. */
interface Passing {
  to: string;
  /** What the new call has got so far; 0: nothing is known. */
  status: number;
}

export class Line {
  readonly call: Call;
  /** Since when there is this call, in milliseconds since 1970. */
  readonly began: number;
  /** What is being done right now; the buttons wait. */
  doing: Doing | null = null;
  /** The tones sent in this call. */
  tones = "";
  /** The other side sends its own ringing, so ours keeps still. */
  earlyMedia = false;
  /** Set while the browser refuses to play the other side without a click. */
  playSound: (() => Promise<void>) | null = null;
  recovering: CallEvents["recovering"] | null = null;
  passing: Passing | null = null;
  /** The call that the person asks about in this one, before they are connected. */
  about: Line | null = null;
  /** It is part of the conference of this telephone. */
  joined = false;
  /** Where the person has sent an incoming call. */
  deflected = "";
  /** How it came about, in words. */
  origin = "";
  /** What to say when it ends, because it goes on as another call. */
  superseded = "";
  /** The page was loaded anew, and the call is from before. */
  resumed = false;
  over = false;

  #shows: "camera" | "screen" = "camera";
  readonly #tell: LineListener;
  readonly #names: Names;
  /** Of a call that has gone on to another address. */
  #redirected = "";
  /** When it was answered, before the page was loaded anew. */
  #since: number | undefined;

  constructor(call: Call, names: Names, tell: LineListener, since?: number) {
    this.call = call;
    this.#names = names;
    this.#tell = tell;
    this.#since = since;
    this.began = since ?? Date.now();
    for (const type of ["state", "answered", "held", "resumed", "localstream", "remotestream", "identity", "media", "quality"] as const) {
      call.on(type, () => tell.changed());
    }
    call.on("snapshot", () => tell.snapshot());
    call.on("ringing", ({ earlyMedia }) => this.#set({ earlyMedia: this.earlyMedia || earlyMedia }));
    call.on("redirected", ({ target }) => {
      const before = this.who;
      this.#redirected = target;
      this.#set({ origin: `${before} has sent your call on.` });
    });
    call.on("media", () => this.#watchVideo());
    call.on("videoended", () => void this.stopVideo());
    call.on("recovering", (recovering) => this.#set({ recovering }));
    call.on("recovered", ({ error }) => {
      this.#set({ recovering: null });
      if (error) tell.troubled({ text: "The sound could not be connected again. If you hear nothing, hang up and call again.", detail: error.message });
    });
    call.on("autoplayBlocked", ({ resume }) => this.#set({
      playSound: () => resume().then(
        () => this.#set({ playSound: null }),
        (error: unknown) => tell.troubled(trouble(error)),
      ),
    }));
    call.on("ended", (event) => {
      this.over = true;
      this.playSound = this.doing = null;
      tell.ended(this, event);
    });
  }

  get who(): string {
    if (this.#redirected) return nameOfTarget(this.#redirected, this.#names);
    return this.call.caller.anonymous ? "Anonymous caller" : nameOf(party(this.call), this.#names);
  }

  get address(): string {
    if (this.#redirected) return bare(this.#redirected);
    return this.call.caller.anonymous ? "" : bare(party(this.call).uri);
  }

  /** What to dial to reach the other side again. */
  get target(): string {
    return this.#redirected || party(this.call).uri || this.call.remote.uri;
  }

  /** What is known of who calls. */
  get details(): Details {
    return this.call.direction === "incoming" ? details(this.call.caller, this.#names) : { mark: null, lines: [] };
  }

  /** It rings here and waits for the person. One that takes the place of another call does not wait. */
  get rings(): boolean {
    const { direction, state, replaces, autoAnswer } = this.call;
    return direction === "incoming" && !replaces && !autoAnswer && (state === "ringing" || state === "answering");
  }

  get talks(): boolean {
    return this.call.state === "established" || this.call.state === "accepted";
  }

  /** When it was answered, in milliseconds since 1970. */
  get since(): number | undefined {
    return this.#since ?? this.call.startTime;
  }

  /** Milliseconds since it was answered. */
  get duration(): number {
    return this.since === undefined ? 0 : Math.max(0, Date.now() - this.since);
  }

  /** What the other side is shown. */
  get sending(): "camera" | "screen" | null {
    const track = this.call.localStream?.getVideoTracks().at(-1);
    return track?.readyState === "live" && this.#video.length > 0 ? this.#shows : null;
  }

  /** Video of the other side comes. */
  get receivesVideo(): boolean {
    return this.#video.some(({ direction }) => direction === "sendrecv" || direction === "recvonly");
  }

  /** The video of the call, also while it rests because the call is on hold. */
  get #video(): readonly Stream[] {
    const { streams, onHold } = this.call;
    const resting = onHold.local || onHold.remote;
    return streams.filter(({ kind, refused, direction }) => kind === "video" && !refused && (direction !== "inactive" || resting));
  }

  /** The other side has ended the video: no camera is left on for nobody. */
  #watchVideo(): void {
    const talking = this.call.streams.some(({ kind, direction }) => kind === "audio" && direction === "sendrecv");
    const open = this.call.localStream?.getVideoTracks().some(({ readyState }) => readyState === "live");
    if (talking && open && this.#video.length === 0 && this.doing !== "video") void this.call.stopVideo().catch(() => {}); // it was nothing to see
  }

  answer(): Promise<boolean> {
    return this.act("accept", (call) => call.accept());
  }

  /** Hangs up, gives up or declines: whatever ends the call as it stands. */
  hangup(): Promise<boolean> {
    return this.act("hangup", (call) => (call.state === "ringing" && call.direction === "incoming" ? call.reject() : call.hangup()));
  }

  /** Sends the caller somewhere else. */
  deflect(target: string): Promise<boolean> {
    return this.act("hangup", (call) => {
      this.deflected = nameOfTarget(target, this.#names);
      return call.redirect(target.trim());
    }, () => (this.deflected = ""));
  }

  toggleHold(): Promise<boolean> {
    return this.act("hold", (call) => (call.onHold.local ? call.resume() : call.hold()));
  }

  toggleMute(): Promise<boolean> {
    return this.act("mute", (call) => call.mute(!call.muted));
  }

  async tone(digit: string): Promise<void> {
    this.#set({ tones: this.tones + digit });
    // A tone that the end of the call cut off is no trouble.
    await this.call.sendDTMF(digit).catch((error: unknown) => !this.over && this.#tell.troubled(trouble(error)));
  }

  /** Shows the camera or the screen, or shows it no more. */
  toggleVideo(what: "camera" | "screen"): Promise<boolean> {
    if (this.sending === what) return this.stopVideo();
    return this.act("video", async (call) => {
      await (what === "camera" ? call.addVideo() : call.shareScreen());
      this.#shows = what;
    });
  }

  /** Sends nothing to see any more. When nothing comes either, there is no video. */
  stopVideo(): Promise<boolean> {
    return this.receivesVideo ? this.act("video", (call) => call.stopVideo()) : this.removeVideo();
  }

  removeVideo(): Promise<boolean> {
    return this.act("video", (call) => call.removeVideo());
  }

  /** Has the other side call somebody else, or connects it with the other side of another call. */
  async pass(to: string | Line): Promise<void> {
    const name = typeof to === "string" ? nameOfTarget(to, this.#names) : to.who;
    await this.act("transfer", async (call) => {
      this.#set({ passing: { to: name, status: 0 } });
      this.#follow(await call.transfer(typeof to === "string" ? to.trim() : to.call), name, typeof to === "string" ? null : to);
    }, () => (this.passing = null));
  }

  #follow(transfer: Transfer, to: string, other: Line | null): void {
    for (const line of [this, other]) if (line) line.superseded = `${this.who} is now with ${to}.`;
    transfer.on("progress", ({ status, error }) => error || this.#set({ passing: { to, status } }));
    transfer.done.catch((error: unknown) => {
      for (const line of [this, other]) if (line) line.superseded = "";
      this.#set({ passing: null });
      if (!this.over) this.#tell.troubled(trouble(error, { who: to, doing: "transfer" }));
    });
  }

  /** Does one thing at a time. Resolves with whether it was done; what went wrong is told. */
  async act(doing: Doing, act: (call: Call) => Promise<unknown>, undo: () => void = () => {}): Promise<boolean> {
    // Hanging up must work while something else hangs.
    if (this.over || (this.doing && doing !== "hangup")) return false;
    this.#tell.troubled(null);
    this.#set({ doing });
    try {
      await act(this.call);
      return true;
    } catch (error) {
      undo();
      // When the call has ended meanwhile, its outcome says so already.
      if (!this.over) this.#tell.troubled(trouble(error, { who: this.who, doing }));
      return false;
    } finally {
      if (this.doing === doing) this.doing = null;
      if (!this.over) this.#tell.changed();
    }
  }

  #set(change: Partial<Pick<Line, "doing" | "tones" | "earlyMedia" | "playSound" | "recovering" | "passing" | "origin">>): void {
    Object.assign(this, change);
    this.#tell.changed();
  }
}
