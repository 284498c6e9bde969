import { Call, type CallRecord } from "./call.js";
import type { MediaPage } from "./call_media.js";
import type { CallOptions, RestoreOptions } from "./call_options.js";
import type { Measured } from "./call_quality.js";
import type { CallSnapshot } from "./call_values.js";
import { SipError } from "./errors.js";
import type { Port } from "./port.js";
import type { QualityOptions } from "./quality.js";
import type { Ringer } from "./ringer.js";
import type { Subscription } from "./subscription.js";
import { VQ_EVENT, VQ_TYPE, vqReport } from "./vq_report.js";

/** @internal How a call of ours begins. */
export interface Beginning {
  /** Has Go make it. Default: as {@link UserAgent.call}. */
  start?: (args: object) => Promise<{ id: string; remote: CallRecord["remote"] }>;
  /** What has to be done before. */
  before?: () => Promise<void>;
}

/** @internal Where the reports of calls go (RFC 6035). */
export interface Reports {
  publish: (args: object) => Promise<unknown>;
  failed: (call: Call, error: SipError) => void;
}

/** @internal What calls find around them. */
export interface Surroundings {
  port: Port;
  act: Calls["act"];
  audio: HTMLAudioElement | false | undefined;
  page: MediaPage;
  ringer: Ringer | undefined;
  quality: QualityOptions | false;
  subscriptions: Set<Subscription>;
  reports: Reports;
}

/** What the end of a user agent may wait for reports, in milliseconds. Go gives what follows as long again. */
const REPORTS_MS = 5000;

/** @internal The calls of one user agent that have not ended. */
export class Calls {
  readonly port: Port;
  /** Where calls are heard, unless they say something else. */
  readonly audio: HTMLAudioElement | false | undefined;
  /** An operation of the user agent. */
  readonly act: <T = void>(op: string, args: object) => Promise<T>;
  /** What of the page the calls use. */
  readonly page: MediaPage;
  /** Plays the signals, if they are wanted. */
  readonly ringer: Ringer | undefined;
  readonly quality: QualityOptions | false;
  /** Those of the user agent, which calls add to. */
  readonly subscriptions: Set<Subscription>;
  readonly #reports: Reports;
  readonly #reporting = new Set<Promise<unknown>>();
  readonly #byHandle = new Map<number, Call>();

  constructor({ port, act, audio, page, ringer, quality, subscriptions, reports }: Surroundings) {
    this.port = port;
    this.act = act;
    this.audio = audio;
    this.page = page;
    this.ringer = ringer;
    this.quality = quality;
    this.subscriptions = subscriptions;
    this.#reports = reports;
  }

  /** A call may want to be heard in another way. */
  ring(): void {
    this.ringer?.look(this.list.map((call) => Call.ringing(call)));
  }

  get list(): readonly Call[] { return [...this.#byHandle.values()]; }

  find(handle: number): Call | undefined { return this.#byHandle.get(handle); }

  add(handle: number, call: Call): void { this.#byHandle.set(handle, call); }

  remove(handle: number): void { this.#byHandle.delete(handle); }

  /** Makes a call. `begun` settles when Go has it, or does not want it. */
  dial(op: string, target: string, options: CallOptions, { start, before }: Beginning = {}): { call: Call; begun: Promise<void> } {
    this.ringer?.stop(); // busy, of the call before
    return Call.outgoing(this, op, target, options, start ?? ((args) => this.act("call", args)), before);
  }

  /** Sends what was measured of a call where the application wants it: one PUBLISH, which nothing follows (RFC 6035 section 4.6). */
  report(call: Call, measured: Measured, last: boolean): void {
    const to = this.quality && this.quality.report;
    if (!to) return;
    const publication = { event: VQ_EVENT, contentType: VQ_TYPE, body: vqReport(measured, last, to), target: to.target, once: true };
    const sent = this.#reports.publish(publication).catch((error: SipError) => this.#reports.failed(call, error));
    this.#reporting.add(sent);
    void sent.finally(() => this.#reporting.delete(sent));
  }

  /** Where reports are wanted: ends the calls, and waits until their reports are sent, which need the connection. Otherwise undefined. */
  finish(): Promise<unknown> | undefined {
    if (!this.quality || !this.quality.report) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, REPORTS_MS)));
    const { list } = this;
    const done = Promise.allSettled(list.map((call) => call.hangup())).then(() => Promise.all(list.map((call) => call.summary)))
      .then(() => Promise.allSettled([...this.#reporting]));
    return Promise.race([done, late]).finally(() => clearTimeout(timer));
  }

  restore(snapshot: CallSnapshot, options: RestoreOptions): Call {
    return Call.restored(this, snapshot, options, (args) => this.act("restore", args));
  }

  incoming(record: CallRecord): Call { return Call.incoming(this, record); }

  /**
   * The handle of what the application gave for a call.
   * @throws {SipError} "invalid-argument" when that is no call of this user agent, "invalid-state" when it is over.
   */
  handleOf(call: unknown, op: string): number {
    const handle = Call.handleIn(this, call);
    if (handle === undefined) throw new SipError("invalid-argument", `${op}: a call of this user agent is wanted`, { op });
    if (!this.#byHandle.has(handle)) throw new SipError("invalid-state", `${op}: the call has ended`, { op });
    return handle;
  }
}
