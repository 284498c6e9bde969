import { pageHost, type Host } from "./host.js";
import { check, isNumber, isObject, type Rules } from "./options.js";
import { soundOf, Tap } from "./sound.js";

/** Options of {@link meter}. */
export interface MeterOptions {
  /** Milliseconds between two figures. Default 100, at least 20. */
  interval?: number;
  /** `AudioContext` and `MediaStream` to use instead of the page's. */
  host?: Partial<Host>;
}

const meterRules: Rules<MeterOptions> = {
  interval: ["a number of milliseconds, at least 20", (v) => isNumber(v, 20)],
  host: ["an object", isObject],
};

/** What counts as silence, in decibels below the loudest sound that there is. */
const silence = -60;

/** @internal Measures one track at a time. */
export class Meter {
  readonly #tap: Tap;
  readonly #analyser: AnalyserNode;
  readonly #samples: Float32Array<ArrayBuffer>;

  constructor(context: AudioContext, host: Pick<Host, "MediaStream">) {
    this.#analyser = context.createAnalyser();
    this.#analyser.fftSize = 2048; // 43 ms at 48 kHz
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#tap = new Tap(context, host, (source) => source.connect(this.#analyser));
  }

  read(track: MediaStreamTrack | undefined, remote: boolean): number {
    this.#tap.hear(track, remote);
    if (!track) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    let power = 0;
    for (const sample of this.#samples) power += sample * sample;
    const decibels = 10 * Math.log10(power / this.#samples.length + 1e-12);
    return Math.min(1, Math.max(0, 1 - decibels / silence));
  }

  close(): void {
    this.#tap.close();
  }
}

/**
 * Measures how loud a stream is, such as a microphone that the person tries before a call, or `call.remoteStream`. Another track in the
 * stream is followed.
 * @param listener gets the level from 0 (60 dB below the loudest, or less) to 1, in even steps of decibels, as ears hear
 * @returns the function that ends it
 * @throws {SipError} "unsupported" without Web Audio; "invalid-argument".
 */
export function meter(stream: MediaStream, listener: (level: number) => void, options: MeterOptions = {}): () => void {
  check("meter", meterRules, options);
  const { interval = 100 } = options;
  const host = { AudioContext: options.host?.AudioContext ?? pageHost.AudioContext, MediaStream: options.host?.MediaStream ?? pageHost.MediaStream };
  const sound = soundOf(host, "meter");
  const one = new Meter(sound.open(), host);
  const timer = setInterval(() => listener(one.read(stream.getAudioTracks()[0], true)), interval);
  let on = true;
  return () => {
    if (!on) return;
    on = false;
    clearInterval(timer);
    one.close();
    sound.close();
  };
}
