// The telephone itself: one account, one call at a time. It holds what is true and tells `changed` when that changes;
// it knows nothing of the page.

import { UserAgent, type Call, type EndedEvent, type TraceMessage } from "sipwasm";

import type { Account } from "./account.js";
import { duration, store } from "./dom.js";
import type { Entry } from "./history.js";
import { outcome, trouble, type Trouble } from "./words.js";

export interface PhoneListener {
  changed(): void;
  traced(message: TraceMessage): void;
  /** A call is over and belongs in the history. `failed`: it was not meant to end like this. */
  finished(entry: Entry, failed: boolean): void;
}

/** How long a remark stays, in milliseconds. */
const noticeTime = 6000;

export class Phone {
  connection: "offline" | "connecting" | "registered" | "error" = "offline";
  /** The account in use; null while the form is shown. */
  account: Account | null = null;
  /** Why there is no connection. It stays until there is one, or none is wanted. */
  broken: Trouble | null = null;
  /** What went wrong in the last act. */
  trouble: Trouble | null = null;
  call: Call | null = null;
  /** What is being done with the call right now; its buttons wait. */
  doing: "accept" | "hold" | "mute" | "hangup" | null = null;
  /** The tones sent in this call. */
  tones = "";
  /** The other side sends its own ringing, so ours keeps still. */
  earlyMedia = false;
  /** Set while the browser refuses to play the other side without a click. */
  playSound: (() => Promise<void>) | null = null;
  outcome: { text: string; bad: boolean } | null = null;
  /** A remark that needs no answer. It goes away by itself. */
  notice = "";

  readonly #tell: PhoneListener;
  /** Names for numbers that bring none along. */
  readonly #names: Map<string, string>;
  #ua: UserAgent | null = null;
  #attempt: AbortController | null = null;
  #began = 0;
  #noticeTimer = 0;

  constructor(tell: PhoneListener, names: Map<string, string>) {
    this.#tell = tell;
    this.#names = names;
  }

  /** What to call the other side: text from the network, whatever it looks like. */
  get who(): string {
    const remote = this.call?.remote;
    if (!remote) return "";
    return remote.displayName || this.#names.get(remote.user || remote.uri) || remote.user || bare(remote.uri);
  }

  get address(): string {
    return this.call ? bare(this.call.remote.uri) : "";
  }

  async connect(account: Account): Promise<void> {
    const attempt = (this.#attempt = new AbortController());
    this.#set({ connection: "connecting", broken: null, trouble: null, notice: "", outcome: null });
    let ua: UserAgent | null = null;
    try {
      // The same device keeps its name over a reload, so that the registrar replaces the old binding (RFC 5626
      // section 4.1). Two tabs are two devices: the name lives in the tab.
      const key = `instance ${account.user}@${account.domain}`;
      const instanceId = store.get<string>("sessionStorage", key);
      ua = await UserAgent.create({
        uri: `sip:${account.user}@${account.domain}`,
        servers: [account.server],
        credentials: { password: account.password },
        ...(account.displayName && { displayName: account.displayName }),
        ...(instanceId && { instanceId }),
        wasm: "/sipwasm.wasm",
        signal: attempt.signal,
      });
      store.set("sessionStorage", key, ua.instanceId);
      this.#listen(ua);
      await ua.register({ signal: attempt.signal });
      this.#ua = ua;
      this.#set({ connection: "registered", account });
    } catch (error) {
      void ua?.close().catch(() => {}); // there is nothing left that closing could tell
      if (attempt.signal.aborted) this.#set({ connection: "offline" });
      else this.#set({ connection: "error", broken: trouble(error, { server: account.server }) });
    }
  }

  /** Gives up a connection that is being made. */
  cancelConnect(): void {
    this.#attempt?.abort();
  }

  /** After a loss: the same user agent registers again, over a new connection. */
  async reconnect(): Promise<void> {
    const ua = this.#ua;
    const account = this.account;
    if (!ua || !account) return;
    this.#set({ connection: "connecting", broken: null, trouble: null });
    // After a Disconnect the outcome is that of an account which nobody is signed in to any more.
    const tell = (change: Change) => ua === this.#ua && this.#set(change);
    await ua.register().then(
      () => tell({ connection: "registered" }),
      (error: unknown) => tell({ connection: "error", broken: trouble(error, account) }),
    );
  }

  async disconnect(): Promise<void> {
    const ua = this.#ua;
    this.#ua = null;
    this.#set({ connection: "offline", account: null, broken: null, trouble: null, outcome: null, notice: "" });
    await ua?.close().catch(() => {}); // the server will find out by itself; here it is over
  }

  dial(target: string): void {
    if (!this.#ua || this.call || !target.trim()) return;
    this.#set({ trouble: null });
    this.#take(this.#ua.call(target.trim()));
  }

  answer(): Promise<void> {
    return this.#do("accept", (call) => call.accept());
  }

  /** Hangs up, gives up or declines: whatever ends the call as it stands. */
  hangup(): Promise<void> {
    return this.#do("hangup", (call) => (call.state === "ringing" && call.direction === "incoming" ? call.reject() : call.hangup()));
  }

  toggleHold(): Promise<void> {
    return this.#do("hold", (call) => (call.onHold.local ? call.resume() : call.hold()));
  }

  toggleMute(): Promise<void> {
    return this.#do("mute", (call) => call.mute(!call.muted));
  }

  async tone(digit: string): Promise<void> {
    const call = this.call;
    if (!call) return;
    this.#set({ tones: this.tones + digit });
    // A tone that the end of the call cut off is no trouble.
    await call.sendDTMF(digit).catch((error: unknown) => this.call === call && this.#set({ trouble: trouble(error) }));
  }

  /** Shows a remark for a while. */
  say(notice: string): void {
    window.clearTimeout(this.#noticeTimer);
    this.#noticeTimer = window.setTimeout(() => this.#set({ notice: "" }), noticeTime);
    this.#set({ notice });
  }

  async #do(doing: NonNullable<Phone["doing"]>, act: (call: Call) => Promise<void>): Promise<void> {
    const call = this.call;
    // Hanging up must work while something else hangs.
    if (!call || (this.doing && doing !== "hangup")) return;
    this.#set({ doing, trouble: null });
    try {
      await act(call);
    } catch (error) {
      // When the call has ended meanwhile, its outcome says so already.
      if (this.call === call) this.#set({ trouble: trouble(error) });
    } finally {
      if (this.call === call && this.doing === doing) this.#set({ doing: null });
    }
  }

  #listen(ua: UserAgent): void {
    ua.on("trace", (message) => this.#tell.traced(message));
    ua.on("incoming", (call) => this.#incoming(call));
    ua.on("disconnected", ({ error }) => error && this.#lost(ua, error));
    ua.on("unregistered", ({ error }) => error && this.#lost(ua, error));
    ua.on("exit", ({ error }) => this.#exited(ua, error));
    ua.on("protocolError", ({ error }) => this.say(`${trouble(error).text} It was refused, and nothing else is affected.`));
  }

  #lost(ua: UserAgent, error: unknown): void {
    if (ua !== this.#ua || this.connection === "connecting") return;
    this.#set({ connection: "error", broken: trouble(error, { server: this.account?.server ?? "" }) });
  }

  /** The program is gone and its user agent with it: back to the form, whose Connect loads another one. */
  #exited(ua: UserAgent, error: unknown): void {
    if (ua !== this.#ua) return;
    this.#ua = null;
    this.#set({ connection: "error", account: null, broken: trouble(error), outcome: null });
  }

  #incoming(call: Call): void {
    if (!this.call) return this.#take(call);
    // One call at a time: the second caller hears the busy tone.
    const who = call.remote.displayName || call.remote.user || bare(call.remote.uri);
    call.reject(486).catch(() => {}); // it gave up first
    this.say(`${who} called and heard that you are busy.`);
    this.#tell.finished({ who, target: call.remote.uri, direction: "incoming", time: Date.now(), talked: null }, false);
  }

  #take(call: Call): void {
    this.#began = Date.now();
    this.#set({ call, tones: "", doing: null, earlyMedia: false, playSound: null, outcome: null, notice: "" });
    const changed = () => this.#tell.changed();
    for (const type of ["state", "answered", "held", "resumed", "localstream", "remotestream"] as const) call.on(type, changed);
    call.on("ringing", ({ earlyMedia }) => this.#set({ earlyMedia: this.earlyMedia || earlyMedia }));
    call.on("autoplayBlocked", ({ resume }) => this.#set({
      playSound: () => resume().then(
        () => this.call === call && this.#set({ playSound: null }),
        (error: unknown) => this.call === call && this.#set({ trouble: trouble(error) }),
      ).then(() => {}),
    }));
    call.on("ended", (event) => this.#ended(call, event));
  }

  #ended(call: Call, event: EndedEvent): void {
    const who = this.who;
    const talked = call.startTime === undefined ? null : duration(call.duration);
    const said = outcome(event, { who, direction: call.direction, talked });
    // What went wrong in the call went with it.
    this.#set({ call: null, doing: null, playSound: null, trouble: null, outcome: said });
    this.#tell.finished({ who, target: call.remote.uri, direction: call.direction, time: this.#began, talked }, said.bad);
  }

  #set(change: Change): void {
    Object.assign(this, change);
    this.#tell.changed();
  }
}

type Change = Partial<Pick<Phone,
  "connection" | "account" | "broken" | "trouble" | "call" | "doing" | "tones" | "earlyMedia" | "playSound" | "outcome" | "notice">>;

/** A URI as people write it: without the scheme and the parameters. */
function bare(uri: string): string {
  return uri.replace(/^sips?:/i, "").split(";")[0] ?? uri;
}
