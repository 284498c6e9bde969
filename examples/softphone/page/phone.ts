// The telephone itself: one account and its calls. It holds what is true and tells `changed` when that changes; it knows
// nothing of the page.

import { UserAgent, type Binding, type TraceMessage, type UserAgentEvents } from "sipwasm";

import type { Account } from "./account.js";
import { store } from "./dom.js";
import type { Entry } from "./history.js";
import { Lines } from "./lines.js";
import { bare, type Names } from "./who.js";
import { trouble, type Trouble } from "./words.js";

export interface PhoneListener {
  changed(): void;
  traced(message: TraceMessage): void;
  /** A call is over and belongs in the history. */
  finished(entry: Entry): void;
}

/** How long a remark stays, in milliseconds. */
const noticeTime = 6000;

/** More calls than a person can have in mind; a further caller hears busy. */
const maxCalls = 6;

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
  /** The calls. */
  readonly lines: Lines;
  /** A remark that needs no answer. It goes away by itself. */
  notice = "";

  readonly #tell: PhoneListener;
  #ua: UserAgent | null = null;
  #attempt: AbortController | null = null;
  /** There is a connection, though perhaps no registration. */
  #up = false;
  #noticeTimer = 0;
  #retryTimer = 0;

  constructor(tell: PhoneListener, names: Names) {
    this.#tell = tell;
    this.lines = new Lines({
      changed: () => tell.changed(),
      troubled: (trouble) => this.#set({ trouble }),
      say: (text) => this.say(text),
      finished: (entry) => tell.finished(entry),
      idle: () => this.#idle(),
    }, names);
  }

  async connect(account: Account): Promise<void> {
    const attempt = (this.#attempt = new AbortController());
    this.#set({ connection: "connecting", broken: null, trouble: null, notice: "" });
    this.lines.outcome = null;
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
        // One person talks in one call; the others wait.
        holdOthers: true,
        maxCalls,
        followRedirects: 5,
        quality: { interval: 2000 },
        tones: "eu",
        wasm: "/sipwasm.wasm",
        signal: attempt.signal,
      });
      store.set("sessionStorage", key, ua.instanceId);
      this.#ua = ua;
      this.#listen(ua, account);
      this.lines.open(ua, `${account.user}@${account.domain}`);
      await ua.register({ signal: attempt.signal }); // the event says what came of it
      void this.lines.restore();
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
    await this.#leave({ connection: "offline", broken: null, trouble: null, notice: "" });
  }

  /** Ends the user agent, and with it the call, and goes back to the form. */
  async #leave(change: Change = {}): Promise<void> {
    const ua = this.#ua;
    this.#ua = null;
    this.#up = false;
    window.clearTimeout(this.#retryTimer);
    this.lines.close();
    this.#set({ account: null, devices: [], ...change });
    await ua?.close().catch(() => {}); // the server will find out by itself; here it is over
  }

  dial(target: string): void {
    if (this.connection === "registered") this.lines.dial(target);
  }

  /**
   * The page goes away, to be loaded again perhaps. Calls that stand go on at the other side, and the next page takes
   * them back; where none comes, the session timer of the other side ends them (RFC 4028).
   */
  leave(): void {
    if (!this.lines.all.some(({ call }) => call.snapshot)) return void this.disconnect(); // as far as it gets
    this.lines.keep();
    for (const { call } of this.lines.all) if (!call.snapshot) void call.hangup().catch(() => {}); // nobody is left whom it could trouble
  }

  /** Shows a remark for a while. */
  say(notice: string): void {
    window.clearTimeout(this.#noticeTimer);
    this.#noticeTimer = window.setTimeout(() => this.#set({ notice: "" }), noticeTime);
    this.#set({ notice });
  }

  #listen(ua: UserAgent, account: Account): void {
    // What becomes of the first attempt is told by `connect`; what comes of a user agent left behind or given up, by nobody.
    const on = <K extends keyof UserAgentEvents>(type: K, listener: (event: UserAgentEvents[K]) => void) =>
      ua.on(type, (event) => ua === this.#ua && this.account && this.connection !== "error" && listener(event));

    ua.on("trace", (message) => this.#tell.traced(message));
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
    if (this.lines.all.length === 0) return void this.#leave({ connection: "error", broken });
    window.clearTimeout(this.#retryTimer);
    this.#set({ connection: "error", broken, devices: [] });
  }

  /** The program is gone and its user agent with it: back to the form, whose Connect loads another one. */
  #exited(ua: UserAgent, error: unknown): void {
    if (ua === this.#ua) void this.#leave({ connection: "error", broken: trouble(error) });
  }

  /** The last call is over, and what went wrong in it went with it. */
  #idle(): void {
    this.#set({ trouble: null });
    if (this.connection === "error" && this.account) void this.#leave();
  }

  #set(change: Change): void {
    Object.assign(this, change);
    this.#tell.changed();
  }
}

type Change = Partial<Pick<Phone,
  "connection" | "account" | "devices" | "broken" | "trouble" | "notice">>;

/** The bindings that lead elsewhere, a line for each device; one device may have several flows (RFC 5626 section 4.2). */
function others(bindings: readonly Binding[]): string[] {
  const byDevice = new Map<string, string>();
  for (const { own, instance, uri, displayName } of bindings) {
    if (!own) byDevice.set(instance ?? uri, displayName ? `${displayName}, ${bare(uri)}` : bare(uri));
  }
  return [...byDevice.values()];
}
