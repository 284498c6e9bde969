import { mosOf, rating } from "./mos.js";
import { busiest, grown, type CandidatePair, type Rows, type Snapshot } from "./rtp_stats.js";

/** How the sound of a call is: at its worst figure of both directions. */
export type QualityLevel = "good" | "fair" | "poor";

/** Where a figure stops to be good, and to be fair. */
export interface QualityBounds { fair: number; poor: number }

/** Bounds of the figures that make the level. Each that is left out has its default. */
export interface QualityThresholds {
  /** Mean opinion score, from below. Default `{ fair: 4, poor: 3.1 }`: most people are content, and most are not (ITU-T G.109). */
  mos?: QualityBounds;
  /** Share of packets that were not played, 0 to 1. Default `{ fair: 0.05, poor: 0.15 }`. */
  loss?: QualityBounds;
  /** Milliseconds. Default `{ fair: 50, poor: 100 }`. */
  jitter?: QualityBounds;
  /** Milliseconds. Default `{ fair: 400, poor: 800 }`. */
  roundTrip?: QualityBounds;
}

/** How each call's sound is measured: the option `quality` of {@link UserAgent.create}. */
export interface QualityOptions {
  /** Milliseconds between samples. Default 5000, at least 500. */
  interval?: number;
  thresholds?: QualityThresholds;
  /** Send a report of each call to a collector (RFC 6035). Default: none is sent. */
  report?: QualityReportOptions;
}

/** Where reports go. They hold who called whom and when, and the IP addresses of both sides' media. */
export interface QualityReportOptions {
  /** The collector, such as "sip:collector@example.com". */
  target: string;
  /** Milliseconds between reports while a call lasts. Default: there is one when it has ended. */
  interval?: number;
  /** The group that a collector counts this side in, and the other one. Default: the domain of each. */
  localGroup?: string;
  remoteGroup?: string;
}

/** One direction of the sound since the sample before. What the browser does not tell is absent, and so is what needs packets when there were
 *  none, as on hold. */
export interface StreamQuality {
  /** Encoding name, such as "opus" or "PCMU". */
  readonly codec?: string;
  /** Packets that came or went. */
  readonly packets: number;
  /** Packets that were lost on the way. */
  readonly lost?: number;
  /** Share of the packets that were not played, 0 to 1: lost, or too late. */
  readonly loss?: number;
  /** Milliseconds (RFC 3550 section 6.4.1). */
  readonly jitter?: number;
  /** Bits a second, without headers. */
  readonly bitrate?: number;
  /** Loudness at the moment, 0 to 1. */
  readonly audioLevel?: number;
  /** Mean opinion score as estimated by ITU-T G.107, 1 (bad) to 4.41: codec, loss and delay are in it. Absent for a codec that has no
   *  figures there. */
  readonly mos?: number;
}

/** What is heard here. */
export interface ReceivedQuality extends StreamQuality {
  /** Packets that came too late or too early to be played. */
  readonly discarded?: number;
  /** Share of what was played that had to be made up for missing packets, 0 to 1. */
  readonly concealed?: number;
  /** Milliseconds that the jitter buffer holds the sound. */
  readonly bufferDelay?: number;
}

/** How the sound of a call was during one interval. */
export interface QualitySample {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Milliseconds since the sample before, or since the answer. */
  readonly duration: number;
  /** It changes for the worse as soon as a figure passes its bound, and for the better when that is clearly within (by a tenth). Nothing that
   *  arrives although the call is not on hold is "poor". Without packets it stays. */
  readonly level: QualityLevel;
  /** The level is another one than in the sample before. */
  readonly changed: boolean;
  /** Milliseconds to the other side and back. */
  readonly roundTrip?: number;
  /** Which way the packets go. */
  readonly pair?: CandidatePair;
  readonly received: ReceivedQuality;
  /** Loss, jitter and MOS as the other side has told them last (RTCP), so that some calls have none. */
  readonly sent: StreamQuality;
}

/** One packet's worth of sound, which is waited for before it can be sent. */
const PACKET_MS = 20;

/** @internal Makes samples of the snapshots of one peer connection after the other. */
export class Meter {
  #before: Snapshot;
  /** The state when the other side last reported, and what it told. */
  #reported: Rows;
  #told: { loss?: number; jitter?: number } = {};
  #codecs: { received?: string; sent?: string };

  constructor(first: Snapshot, codecs: { received?: string; sent?: string } = {}) {
    this.#before = first;
    this.#reported = first.outbound;
    this.#codecs = codecs;
  }

  /** For the meter of the next connection. */
  get codecs(): { received?: string; sent?: string } { return this.#codecs; }

  measure(now: Snapshot): Omit<QualitySample, "level" | "changed" | "time"> {
    const before = this.#before;
    this.#before = now;
    const duration = Math.max(0, now.time - before.time);
    const received = this.#received(before.inbound, now, duration);
    const sent = this.#sent(before.outbound, now, duration);
    return {
      duration, received, sent,
      ...(now.roundTrip !== undefined && { roundTrip: now.roundTrip }), ...(now.pair && { pair: now.pair }),
    };
  }

  #received(before: Rows, { inbound, roundTrip }: Snapshot, duration: number): ReceivedQuality {
    const by = (counter: Parameters<typeof grown>[2]) => grown(before, inbound, counter);
    const row = busiest(before, inbound);
    const packets = by("packets") ?? 0;
    const emitted = by("emitted") ?? 0;
    // A page that does not play the sound lets the buffer run over: those packets were not too late.
    const discarded = emitted > 0 ? by("discarded") : undefined;
    const lost = by("lost");
    const samples = by("samples") ?? 0;
    return {
      ...this.#flow("received", row?.codec?.name, packets, by("bytes"), duration),
      ...optional({
        lost, discarded, audioLevel: row?.level,
        concealed: samples > 0 ? share(by("concealed") ?? 0, samples) : undefined,
        bufferDelay: emitted > 0 ? (by("bufferDelay") ?? 0) / emitted : undefined,
      }),
      ...this.#judged("received", packets, {
        loss: lost === undefined ? undefined : share(lost + (discarded ?? 0), packets + lost), jitter: row?.jitter,
        buffer: emitted > 0 ? (by("bufferDelay") ?? 0) / emitted : undefined, roundTrip,
      }),
    };
  }

  #sent(before: Rows, { outbound, roundTrip }: Snapshot, duration: number): StreamQuality {
    const row = busiest(before, outbound);
    const packets = grown(before, outbound, "packets") ?? 0;
    let lost: number | undefined;
    if ((grown(this.#reported, outbound, "told") ?? 0) > 0) {
      lost = grown(this.#reported, outbound, "lost");
      const since = grown(this.#reported, outbound, "packets") ?? 0;
      this.#reported = outbound;
      this.#told = optional({ loss: lost === undefined ? undefined : share(lost, since), jitter: row?.jitter });
    }
    return {
      ...this.#flow("sent", row?.codec?.name, packets, grown(before, outbound, "bytes"), duration),
      ...optional({ lost, audioLevel: row?.level }),
      ...this.#judged("sent", packets, { ...this.#told, roundTrip }),
    };
  }

  #flow(direction: "received" | "sent", codec: string | undefined, packets: number, bytes: number | undefined, duration: number) {
    if (codec !== undefined) this.#codecs = { ...this.#codecs, [direction]: codec };
    const bitrate = bytes !== undefined && duration > 0 ? (8000 * bytes) / duration : undefined;
    return { packets, ...optional({ codec: this.#codecs[direction], bitrate }) };
  }

  #judged(direction: "received" | "sent", packets: number, { loss, jitter, buffer, roundTrip }: { loss?: number | undefined; jitter?: number | undefined; buffer?: number | undefined; roundTrip?: number | undefined }) {
    if (packets === 0) return {};
    const codec = this.#codecs[direction];
    // A buffer that is not told of is taken for twice the jitter.
    const delay = (roundTrip ?? 0) / 2 + (buffer ?? 2 * (jitter ?? 0)) + PACKET_MS;
    const r = codec === undefined || loss === undefined ? undefined : rating({ codec, loss, delay });
    return optional({ loss, jitter, mos: r === undefined ? undefined : mosOf(r) });
  }
}

const share = (part: number, whole: number) => (whole > 0 ? Math.min(1, part / whole) : undefined);

/** @internal Without those that are undefined, as the types want it. */
export function optional<T extends object>(o: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(o).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

const standard: Required<QualityThresholds> = {
  mos: { fair: 4, poor: 3.1 }, loss: { fair: 0.05, poor: 0.15 }, jitter: { fair: 50, poor: 100 }, roundTrip: { fair: 400, poor: 800 },
};
const levels: readonly QualityLevel[] = ["good", "fair", "poor"];

/** @internal What level the figures stand for, without going back and forth at a bound. */
export class Leveller {
  readonly #thresholds: Required<QualityThresholds>;
  #level = 0;

  constructor(thresholds: QualityThresholds = {}) {
    this.#thresholds = { ...standard, ...thresholds };
  }

  /** `silent`: nothing arrives, and something should. */
  judge(sample: Pick<QualitySample, "received" | "sent" | "roundTrip">, silent: boolean): Pick<QualitySample, "level" | "changed"> {
    const before = this.#level;
    const strict = silent ? 2 : this.#worst(sample, 0);
    const lenient = silent ? 2 : this.#worst(sample, 0.1);
    if (strict !== undefined && strict > before) this.#level = strict;
    else if (lenient !== undefined && lenient < before) this.#level = lenient;
    return { level: levels[this.#level]!, changed: this.#level !== before };
  }

  /** The level of the worst figure, with bounds that are moved by `slack`; undefined without figures. */
  #worst({ received, sent, roundTrip }: Pick<QualitySample, "received" | "sent" | "roundTrip">, slack: number): number | undefined {
    const { mos, loss, jitter, roundTrip: trip } = this.#thresholds;
    const of = (value: number | undefined, { fair, poor }: QualityBounds) =>
      value === undefined ? [] : [value > poor * (1 - slack) ? 2 : value > fair * (1 - slack) ? 1 : 0];
    const below = (value: number | undefined, { fair, poor }: QualityBounds) =>
      value === undefined ? [] : [value < poor + slack ? 2 : value < fair + slack ? 1 : 0];
    // The round trip alone tells nothing of a call that is on hold.
    if (received.packets + sent.packets === 0) return undefined;
    const figures = [received, sent].flatMap((s) => [below(s.mos, mos), of(s.loss, loss), of(s.jitter, jitter)].flat());
    return figures.length === 0 && roundTrip === undefined ? undefined : Math.max(...figures, ...of(roundTrip, trip));
  }
}
