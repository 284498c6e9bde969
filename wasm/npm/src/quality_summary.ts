import { optional, type QualityLevel, type QualitySample, type StreamQuality } from "./quality.js";
import type { CandidatePair } from "./rtp_stats.js";

/** Least, greatest, and the mean over the time. */
export interface Spread { readonly min: number; readonly mean: number; readonly max: number }

/** One direction of the whole call. */
export interface StreamSummary {
  /** In the order of their use. */
  readonly codecs: readonly string[];
  readonly packets: number;
  /** Of the sent ones: as the other side told. */
  readonly lost?: number;
  /** Share of the packets that were not played, 0 to 1: lost, or too late. The mean is that of all packets. */
  readonly loss?: Spread;
  /** Milliseconds. */
  readonly jitter?: Spread;
  /** Bits a second. */
  readonly bitrate?: Spread;
  readonly audioLevel?: Spread;
  readonly mos?: Spread;
}

/** What was heard here. */
export interface ReceivedSummary extends StreamSummary {
  /** Packets that came too late or too early to be played. */
  readonly discarded?: number;
  /** Share of what was played that had to be made up for missing packets, 0 to 1. */
  readonly concealed?: Spread;
  /** Milliseconds that the jitter buffer held the sound. */
  readonly bufferDelay?: Spread;
}

/** How the sound of a call was, from the answer to the end: see {@link Call.summary}. */
export interface QualitySummary {
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly end: number;
  /** How many samples it is made of. */
  readonly samples: number;
  /** The worst level that there was. */
  readonly worst: QualityLevel;
  /** Milliseconds. */
  readonly roundTrip?: Spread;
  /** The ways that packets went, in the order of their use. */
  readonly pairs: readonly CandidatePair[];
  readonly received: ReceivedSummary;
  readonly sent: StreamSummary;
}

/** The rest after the last sample may be shorter than any interval can be, and says nothing about rates then. */
const LEAST_MS = 400;

const order: readonly QualityLevel[] = ["good", "fair", "poor"];

/** @internal Adds up samples. */
export class Totals {
  readonly #start: number;
  #samples = 0;
  #worst = 0;
  readonly #pairs = new Map<string, CandidatePair>();
  readonly #roundTrip = new Figure();
  readonly #received = new Stream();
  readonly #sent = new Stream();

  constructor(start: number) {
    this.#start = start;
  }

  add(sample: Omit<QualitySample, "time" | "changed">): void {
    this.#samples++;
    this.#worst = Math.max(this.#worst, order.indexOf(sample.level));
    this.seen(sample.pair);
    const { duration } = sample;
    if (duration >= LEAST_MS) this.#roundTrip.add(sample.roundTrip, duration);
    this.#received.add(sample.received, duration);
    this.#sent.add(sample.sent, duration);
  }

  /** A pair that was in use. */
  seen(pair: CandidatePair | undefined): void {
    if (pair) this.#pairs.set(Object.values(pair).join(), pair);
  }

  summary(end: number): QualitySummary {
    return {
      start: this.#start, end, samples: this.#samples, worst: order[this.#worst]!, ...optional({ roundTrip: this.#roundTrip.spread }),
      pairs: [...this.#pairs.values()], received: this.#received.summary(), sent: this.#sent.summary(),
    };
  }
}

const spreads = ["loss", "jitter", "bitrate", "audioLevel", "mos", "concealed", "bufferDelay"] as const;

class Stream {
  readonly #codecs = new Set<string>();
  readonly #figures = new Map(spreads.map((name) => [name, new Figure()] as const));
  #packets = 0;
  #lost: number | undefined;
  #discarded: number | undefined;

  add(stream: StreamQuality & { readonly [Name in (typeof spreads)[number] | "discarded"]?: number }, duration: number): void {
    if (stream.codec !== undefined && stream.packets > 0) this.#codecs.add(stream.codec);
    this.#packets += stream.packets;
    if (stream.lost !== undefined) this.#lost = (this.#lost ?? 0) + stream.lost;
    if (stream.discarded !== undefined) this.#discarded = (this.#discarded ?? 0) + stream.discarded;
    if (duration < LEAST_MS) return;
    for (const [name, figure] of this.#figures) figure.add(stream[name], duration);
  }

  summary(): ReceivedSummary {
    const { loss, ...figures } = Object.fromEntries([...this.#figures].map(([name, figure]) => [name, figure.spread]));
    const whole = this.#packets + (this.#lost ?? 0);
    const mean = this.#lost === undefined || whole === 0 ? undefined : Math.min(1, (this.#lost + (this.#discarded ?? 0)) / whole);
    return {
      codecs: [...this.#codecs], packets: this.#packets,
      ...optional({ lost: this.#lost, discarded: this.#discarded, loss: mean === undefined ? undefined : { min: mean, max: mean, ...loss, mean }, ...figures }),
    };
  }
}

/** One figure over the time. */
class Figure {
  #min = Infinity;
  #max = -Infinity;
  #sum = 0;
  #time = 0;

  add(value: number | undefined, duration: number): void {
    if (value === undefined) return;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
    this.#sum += value * duration;
    this.#time += duration;
  }

  get spread(): Spread | undefined {
    return this.#time > 0 ? { min: this.#min, mean: this.#sum / this.#time, max: this.#max } : undefined;
  }
}
