import type { CallSnapshot } from "./call_values.js";
import type { Emitter } from "./emitter.js";
import type { CallEvents } from "./events.js";
import { Leveller, Meter, type QualityOptions, type QualitySample } from "./quality.js";
import { Totals, type QualitySummary } from "./quality_summary.js";
import { nothing, snapshotOf, type Snapshot } from "./rtp_stats.js";

const INTERVAL_MS = 5000;

/** What the browser may take for its statistics. */
const LATE_MS = 1000;

/** @internal What is measured of a call, for a report (RFC 6035). */
export interface Measured {
  readonly summary: QualitySummary;
  readonly snapshot: Snapshot;
  readonly dialog: CallSnapshot;
}

/** @internal Of whom a call's measuring has to know. */
export interface QualityHooks {
  /** Sound should be arriving. */
  receives: () => boolean;
  dialog: () => CallSnapshot | undefined;
  /** Takes a report; `last` with the end of the call. Absent when none is wanted. */
  report?: ((measured: Measured, last: boolean) => void) | undefined;
}

/**
 * @internal
 * Measures the sound of one call, from the answer to the end. It samples also while nobody listens, because the summary is made of it; one
 * getStats costs a browser half a millisecond.
 */
export class CallQuality {
  readonly #events: Emitter<CallEvents>;
  readonly #options: QualityOptions | false;
  readonly #hooks: QualityHooks;
  readonly #leveller: Leveller;
  #peerConnection: RTCPeerConnection | undefined;
  /** Of the peer connection; undefined until its first state is known. */
  #meter: Meter | undefined;
  #snapshot: Snapshot = nothing(0);
  #totals: Totals | undefined;
  /** Since the last report in between. */
  #period: Totals | undefined;
  #nextReport = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The last state of connections that were closed. */
  readonly #closed = new WeakMap<RTCPeerConnection, Promise<Snapshot | undefined>>();
  /** What the connections before still tell. */
  readonly #leaving: Promise<void>[] = [];
  #settle!: (summary: QualitySummary | undefined) => void;

  /** The last sample. */
  latest: QualitySample | undefined;
  readonly summary: Promise<QualitySummary | undefined>;

  constructor(events: Emitter<CallEvents>, options: QualityOptions | false, hooks: QualityHooks) {
    this.#events = events;
    this.#options = options;
    this.#hooks = hooks;
    this.#leveller = new Leveller(options === false ? {} : options.thresholds);
    this.summary = new Promise((resolve) => (this.#settle = resolve));
  }

  /** The call has a peer connection, or another one. */
  use(peerConnection: RTCPeerConnection): void {
    if (this.#totals && this.#peerConnection) this.#leaving.push(this.#rest(this.#peerConnection, this.#meter));
    this.#peerConnection = peerConnection;
    // The counters of one that comes in the middle of a call begin with it.
    this.#meter = this.#totals && new Meter(nothing(Date.now()), this.#meter?.codecs);
    this.#askBeforeItCloses();
  }

  /** The call is answered. */
  start(): void {
    if (this.#options === false || this.#totals) return;
    const now = Date.now();
    this.#totals = new Totals(now);
    this.#period = new Totals(now);
    this.#nextReport = now + (this.#options.report?.interval ?? Infinity);
    this.#again();
    this.#askBeforeItCloses();
    // What came before the answer is not part of the call.
    void this.#take(this.#peerConnection).then((first) => {
      if (first) this.#begin(first);
    });
  }

  /** The call is over. `dialog` is what it was. */
  end(dialog: CallSnapshot | undefined): void {
    clearTimeout(this.#timer);
    const [totals, end] = [this.#totals, Date.now()];
    this.#totals = undefined;
    if (!totals) return this.#settle(undefined);
    void this.#rest(this.#peerConnection, this.#meter, totals).then(async () => {
      await Promise.all(this.#leaving);
      const summary = totals.summary(end);
      this.#settle(summary);
      if (dialog) this.#hooks.report?.({ summary, snapshot: this.#snapshot, dialog }, true);
    });
  }

  #begin(first: Snapshot): void {
    this.#meter ??= new Meter(first);
    this.#snapshot = latest(this.#snapshot, first);
    this.#totals?.seen(first.pair);
  }

  /** Go closes a connection before it tells of the end, and Chromium gives nothing of a closed one, but finishes what was asked before. */
  #askBeforeItCloses(): void {
    const peerConnection = this.#peerConnection;
    if (!this.#totals || !peerConnection) return;
    const { close } = peerConnection;
    peerConnection.close = () => {
      if (!this.#closed.has(peerConnection)) this.#closed.set(peerConnection, this.#take(peerConnection));
      close.call(peerConnection);
    };
  }

  #again(): void {
    const { interval = INTERVAL_MS } = this.#options || {};
    this.#timer = setTimeout(() => void this.#sample(), interval);
    (this.#timer as { unref?: () => void }).unref?.(); // Node, where tests run, need not stay alive for it
  }

  async #sample(): Promise<void> {
    const peerConnection = this.#peerConnection;
    const snapshot = await this.#take(peerConnection);
    if (!this.#totals) return; // it has ended meanwhile, and the rest is measured there
    if (snapshot && peerConnection === this.#peerConnection) {
      if (this.#meter) this.#tell(this.#meter, snapshot);
      else this.#begin(snapshot);
    }
    if (this.#totals) this.#again(); // unless a listener has hung up
  }

  #tell(meter: Meter, snapshot: Snapshot): void {
    this.#snapshot = latest(this.#snapshot, snapshot);
    const measured = meter.measure(snapshot);
    const silent = measured.received.packets === 0 && this.#hooks.receives();
    const sample: QualitySample = { time: Date.now(), ...measured, ...this.#leveller.judge(measured, silent) };
    this.latest = sample;
    this.#totals?.add(sample);
    this.#period?.add(sample);
    this.#reportPeriod(sample.time);
    this.#events.emit("quality", sample);
  }

  #reportPeriod(now: number): void {
    const dialog = this.#hooks.dialog();
    if (now < this.#nextReport || !this.#period || !dialog) return;
    this.#hooks.report?.({ summary: this.#period.summary(now), snapshot: this.#snapshot, dialog }, false);
    this.#period = new Totals(now);
    this.#nextReport = now + (this.#options && this.#options.report?.interval || Infinity);
  }

  /** What a connection has counted since its last sample. */
  async #rest(peerConnection: RTCPeerConnection | undefined, meter: Meter | undefined, totals = this.#totals): Promise<void> {
    const snapshot = await (peerConnection && this.#closed.get(peerConnection) || this.#take(peerConnection));
    if (!snapshot || !meter) return;
    this.#snapshot = latest(this.#snapshot, snapshot);
    totals?.add({ ...meter.measure(snapshot), level: this.latest?.level ?? "good" });
  }

  /** The state of a connection; undefined when the browser does not give it in time. */
  async #take(peerConnection: RTCPeerConnection | undefined): Promise<Snapshot | undefined> {
    if (!peerConnection) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, LATE_MS)));
    try {
      const report = await Promise.race([peerConnection.getStats(), late]);
      return report && snapshotOf(report, Date.now());
    } catch {
      return undefined; // some browsers refuse it for a closed connection
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A closed connection may have neither candidates nor streams any more: those of before stay. */
const latest = (before: Snapshot, now: Snapshot): Snapshot => {
  const { inbound, outbound } = now.inbound.size + now.outbound.size > 0 ? now : before;
  return { ...before, ...now, inbound, outbound };
};
