import { isAbsentOr, isList, isNumber, isObject, type Rule } from "./options.js";

/** One signal of a telephone. */
export interface Cadence {
  /** Frequencies in Hz that sound together, or one after the other with `warble`. */
  readonly hz: readonly number[];
  /** Seconds of sound and silence in turn, sound first; it begins anew at the end. */
  readonly seconds: readonly number[];
  /** How many times a second the frequency changes to the next one, as a bell does. Default: all sound together. */
  readonly warble?: number;
}

/** Countries whose signals are known: "eu" has what most of Europe uses (425 Hz). */
export type ToneCountry = "eu" | "uk" | "us" | "fr" | "au";

/** What the person hears of a call besides the other side. Each signal may be another one, or false for none. */
export interface Tones {
  /** Default "eu". */
  readonly country?: ToneCountry;
  /** 0 to 1. Default 0.1; `ringing` is twice as loud. */
  readonly volume?: number;
  /** Somebody calls. */
  readonly ringing?: Cadence | false;
  /** Somebody calls while there is another call. */
  readonly waiting?: Cadence | false;
  /** It rings at the other side, which sends no sound of its own. */
  readonly ringback?: Cadence | false;
  /** The other side is busy: 486 and 600. Three seconds. */
  readonly busy?: Cadence | false;
  /** The call failed in another way. Three seconds. */
  readonly congestion?: Cadence | false;
}

/** @internal */
export type Signal = "ringing" | "waiting" | "ringback" | "busy" | "congestion";

const tone = (hz: number[], ...seconds: number[]): Cadence => ({ hz, seconds });
/** A bell is the telephone's own affair: here it has the country's rhythm. */
const bell = (...seconds: number[]): Cadence => ({ hz: [650, 850], seconds, warble: 18 });

// ITU-T E.180 Supplement 2, various tones used in national networks.
const countries: Record<ToneCountry, Record<Signal, Cadence>> = {
  eu: {
    ringing: bell(1, 4), ringback: tone([425], 1, 4), waiting: tone([425], 0.2, 0.2, 0.2, 5),
    busy: tone([425], 0.5, 0.5), congestion: tone([425], 0.25, 0.25),
  },
  uk: {
    ringing: bell(0.4, 0.2, 0.4, 2), ringback: tone([400, 450], 0.4, 0.2, 0.4, 2), waiting: tone([400], 0.1, 4),
    busy: tone([400], 0.375, 0.375), congestion: tone([400], 0.4, 0.35, 0.225, 0.525),
  },
  us: {
    ringing: bell(2, 4), ringback: tone([440, 480], 2, 4), waiting: tone([440], 0.3, 9.7),
    busy: tone([480, 620], 0.5, 0.5), congestion: tone([480, 620], 0.25, 0.25),
  },
  fr: {
    ringing: bell(1.5, 3.5), ringback: tone([440], 1.5, 3.5), waiting: tone([440], 0.3, 10),
    busy: tone([440], 0.5, 0.5), congestion: tone([440], 0.25, 0.25),
  },
  au: {
    ringing: bell(0.4, 0.2, 0.4, 2), ringback: tone([400, 425, 450], 0.4, 0.2, 0.4, 2), waiting: tone([425], 0.2, 0.2, 0.2, 4.4),
    busy: tone([425], 0.375, 0.375), congestion: tone([425], 0.375, 0.375),
  },
};

/** @internal The cadence of a signal, undefined for none. */
export function cadenceOf(tones: Tones, signal: Signal): Cadence | undefined {
  const own = tones[signal];
  return own === undefined ? countries[tones.country ?? "eu"][signal] : own || undefined;
}

/** A low rate is enough for tones; the browser converts it. */
const rate = 8000;
/** Seconds of fade at both ends of a sound, against clicks. */
const edge = 0.012;

/** @internal Computes one round of a cadence. Played in a loop it needs no timer, which a tab in the background would slow down. */
export function render(context: BaseAudioContext, { hz, seconds, warble }: Cadence, volume: number): AudioBuffer {
  const total = seconds.reduce((sum, s) => sum + s, 0);
  const buffer = context.createBuffer(1, Math.ceil(total * rate), rate);
  const data = buffer.getChannelData(0);
  let from = 0;
  seconds.forEach((length, i) => {
    for (let at = Math.round(from * rate); i % 2 === 0 && at < Math.round((from + length) * rate); at++) {
      const t = at / rate;
      const fade = Math.max(0, Math.min(1, (t - from) / edge, (from + length - t) / edge));
      const voices = warble ? [hz[Math.floor(t * warble) % hz.length]!] : hz;
      data[at] = (voices.reduce((sum, f) => sum + Math.sin(2 * Math.PI * f * t), 0) * fade * volume) / voices.length;
    }
    from += length;
  });
  return buffer;
}

const within = (least: number, most: number) => (v: unknown) => isNumber(v, least) && (v as number) <= most;
const isCadence = (v: unknown) => v === false || (isObject(v) &&
  isList(v["hz"], within(20, 3900)) && (v["hz"] as unknown[]).length > 0 &&
  isList(v["seconds"], within(0.02, 60)) && (v["seconds"] as unknown[]).length > 0 && (v["seconds"] as unknown[]).length <= 32 &&
  isAbsentOr(within(1, 1000))(v["warble"]));
const isCountry = (v: unknown) => typeof v === "string" && Object.hasOwn(countries, v);
const parts: { [Name in keyof Required<Tones>]: (v: unknown) => boolean } = {
  country: isCountry, volume: within(0, 1),
  ringing: isCadence, waiting: isCadence, ringback: isCadence, busy: isCadence, congestion: isCadence,
};

/** @internal */
export const tonesRule: Rule = [
  'false, a country ("eu", "uk", "us", "fr" or "au") or { country?, volume?, ringing?, waiting?, ringback?, busy?, congestion? }, ' +
    "each signal false or { hz, seconds, warble? }: frequencies from 20 to 3900, up to 32 lengths from 0.02 to 60",
  (v) => v === false || isCountry(v) || (isObject(v) &&
    Object.entries(v).every(([name, part]) => part === undefined || (Object.hasOwn(parts, name) && parts[name as keyof Tones](part)))),
];
