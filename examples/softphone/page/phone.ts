// The telephone itself: one account, one call at a time. It holds what is true and tells `changed` when that changes;
// it knows nothing of the page.

import { UserAgent, type Binding, type Call, type EndedEvent, type TraceMessage, type UserAgentEvents } from "sipwasm";

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
  /**
   * | state | meaning |
   * |---|---|
   * | `offline` | nobody is signed in |
   * | `connecting` | an attempt is under way, the first one or a later one |
   * | `waiting` | the next attempt comes by itself, at `retryAt` |
   * | `registered` | calls come and go |
   * | `error` | given up; see `broken` |
   */
  connection: "offline" | "connecting" | "waiting" | "registered" | "error" = "offline";
  /** When the next attempt comes, in milliseconds since 1970. */
  retryAt = 0;
  /** The account in use; null while the form is shown. */
  account: Account | null = null;
  /** Why there is no connection. It stays until there is one, or none is wanted. */
  broken: Trouble | null = null;
  /** Where else calls to this account go, as the registrar told last: one line for each device. Text from the network. */
  devices: string[] = [];
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
  /** There is a connection, though perhaps no registration. */
  #up = false;
  #began = 0;
  #noticeTimer = 0;
  #retryTimer = 0;

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
      this.#ua = ua;
      this.#listen(ua, account);
      await ua.register({ signal: attempt.signal }); // the event says what came of it
    } catch (error) {
      // It would go on trying. A person who has mistyped the address does not want that.
      void ua?.close().catch(() => {}); // there is nothing left that closing could tell
      const current = ua === this.#ua || !ua;
      if (current) this.#ua = null;
      if (attempt.signal.aborted) this.#set({ connection: "offline" });
      else if (current) this.#set({ connection: "error", broken: trouble(error, { server: account.server, registering: true }) });
    }
  }

  /** Gives up a connection that is being made. */
  cancelConnect(): void {
    this.#attempt?.abort();
  }

  /** Makes the attempt that waits at once. */
  tryNow(): void {
    const ua = this.#ua;
    if (!ua || !this.account) return;
    const waiting = this.connection === "waiting";
    this.#connecting();
    // Over a connection that is up it is the registrar that asked for the wait.
    const act = this.#up && waiting ? ua.register() : ua.checkConnection();
    act.catch(() => {}); // told by events
  }

  async disconnect(): Promise<void> {
    this.#attempt?.abort();
    await this.#leave({ connection: "offline", broken: null, trouble: null, outcome: null, notice: "" });
  }

  /** Ends the user agent, and with it the call, and goes back to the form. */
  async #leave(change: Change = {}): Promise<void> {
    const ua = this.#ua;
    this.#ua = null;
    this.#up = false;
    window.clearTimeout(this.#retryTimer);
    this.#set({ account: null, devices: [], ...change });
    await ua?.close().catch(() => {}); // the server will find out by itself; here it is over
  }

  dial(target: string): void {
    if (!this.#ua || this.connection !== "registered" || this.call || !target.trim()) return;
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

  #listen(ua: UserAgent, account: Account): void {
    // What becomes of the first attempt is told by `connect`; what comes of a user agent left behind or given up, by nobody.
    const on = <K extends keyof UserAgentEvents>(type: K, listener: (event: UserAgentEvents[K]) => void) =>
      ua.on(type, (event) => ua === this.#ua && this.account && this.connection !== "error" && listener(event));

    ua.on("trace", (message) => this.#tell.traced(message));
    ua.on("incoming", (call) => this.#incoming(call));
    ua.on("exit", ({ error }) => this.#exited(ua, error));
    ua.on("protocolError", ({ error }) => this.say(`${trouble(error).text} It was refused, and nothing else is affected.`));
    ua.on("registered", ({ bindings }) => {
      if (ua !== this.#ua) return;
      this.#up = true;
      this.retryAt = 0;
      window.clearTimeout(this.#retryTimer);
      this.#set({ connection: "registered", account, broken: null, devices: others(bindings) });
    });
    on("disconnected", ({ error }) => {
      this.#up = false;
      if (!error) return; // for another server, which is there already
      const { text, detail } = trouble(error);
      this.#connecting({ broken: { text: `${text} It is being made again.`, detail } });
    });
    on("connected", () => {
      this.#up = true;
      if (this.connection !== "registered") this.#connecting();
    });
    on("reconnecting", ({ delay }) => this.#wait(Date.now() + delay));
    on("registrationFailed", ({ error, final, retryIn }) => {
      const broken = trouble(error, { server: account.server, registering: true });
      if (final) return this.#refused(broken);
      this.retryAt = retryIn ? Date.now() + retryIn * 1000 : 0;
      // A refresh that failed leaves the binding as it was; `unregistered` tells when it runs out.
      if (this.connection === "registered" || !this.#up) return;
      if (retryIn) this.#wait(this.retryAt, { broken });
      else this.#set({ broken });
    });
    on("unregistered", ({ error }) => {
      if (!error || this.connection !== "registered") return;
      const change = { broken: trouble(error, { server: account.server, registering: true }) };
      if (this.retryAt > Date.now()) this.#wait(this.retryAt, change);
      else this.#connecting(change);
    });
  }

  #connecting(change: Change = {}): void {
    window.clearTimeout(this.#retryTimer);
    this.#set({ connection: "connecting", devices: [], ...change });
  }

  /** No event tells that an attempt begins; it does when the time has come. */
  #wait(until: number, change: Change = {}): void {
    window.clearTimeout(this.#retryTimer);
    this.#retryTimer = window.setTimeout(() => this.#connecting(), Math.max(until - Date.now(), 0));
    this.retryAt = until;
    this.#set({ connection: "waiting", devices: [], ...change });
  }

  /** The server does not want this account any more. A call goes on; the form comes after it. */
  #refused(broken: Trouble): void {
    if (!this.call) return void this.#leave({ connection: "error", broken, outcome: null });
    window.clearTimeout(this.#retryTimer);
    this.#set({ connection: "error", broken, devices: [] });
  }

  /** The program is gone and its user agent with it: back to the form, whose Connect loads another one. */
  #exited(ua: UserAgent, error: unknown): void {
    if (ua === this.#ua) void this.#leave({ connection: "error", broken: trouble(error), outcome: null });
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
    if (this.connection === "error" && this.account) void this.#leave();
  }

  #set(change: Change): void {
    Object.assign(this, change);
    this.#tell.changed();
  }
}

type Change = Partial<Pick<Phone,
  "connection" | "account" | "devices" | "broken" | "trouble" | "call" | "doing" | "tones" | "earlyMedia" | "playSound" | "outcome" | "notice">>;

/** The bindings that lead elsewhere, a line for each device; one device may have several flows (RFC 5626 section 4.2). */
function others(bindings: readonly Binding[]): string[] {
  const byDevice = new Map<string, string>();
  for (const { own, instance, uri, displayName } of bindings) {
    if (!own) byDevice.set(instance ?? uri, displayName ? `${displayName}, ${bare(uri)}` : bare(uri));
  }
  return [...byDevice.values()];
}

/** A URI as people write it: without the scheme and the parameters. */
function bare(uri: string): string {
  return uri.replace(/^sips?:/i, "").split(";")[0] ?? uri;
}
