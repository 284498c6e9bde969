import { Speaker, blockedError, type Blocked } from "./audio.js";
import { cadenceOf, render, type Signal, type Tones } from "./cadences.js";
import type { Host } from "./host.js";
import { soundOf, type Sound } from "./sound.js";

/** @internal What a call wants to be heard of it. */
export interface Ringing {
  /** Someone is to hear that this call comes in. */
  readonly alerts: boolean;
  /** It rings at the other side, which does not send that itself. */
  readonly awaits: boolean;
  /** Somebody talks in it. */
  readonly talks: boolean;
  /** Tells the page that the browser plays nothing. */
  blocked(blocked: Blocked): void;
}

/** How long the signals of a failure are heard, in seconds. */
const failureTime = 3;

/** @internal Plays the signals of the calls of one user agent. One at a time: what comes in goes first. */
export class Ringer {
  readonly #host: Pick<Host, "AudioContext">;
  readonly #tones: Tones;
  readonly #device: (signal: Signal) => string;
  #playing: Playing | undefined;

  /** @param device where a signal is heard */
  constructor(host: Pick<Host, "AudioContext">, tones: Tones, device: (signal: Signal) => string) {
    this.#host = host;
    this.#tones = tones;
    this.#device = device;
  }

  /** The calls may want something else by now. */
  look(calls: readonly Ringing[]): void {
    const alerting = calls.find((call) => call.alerts);
    const awaiting = calls.find((call) => call.awaits);
    const others = calls.some((call) => call.talks || (call.awaits && call !== alerting));
    if (alerting) this.#play(others ? "waiting" : "ringing", alerting);
    else if (awaiting) this.#play("ringback", awaiting);
    else if (!this.#playing?.short) this.stop();
  }

  /** A call of ours has failed. */
  failed(call: Ringing, busy: boolean): void {
    if (!this.#playing) this.#play(busy ? "busy" : "congestion", call, failureTime);
  }

  /** Moves what is heard now. */
  async through(device: string): Promise<void> {
    if (this.#playing?.signal === "ringing") await this.#playing.speaker.through(device);
  }

  stop(): void {
    this.#playing?.end();
    this.#playing = undefined;
  }

  #play(signal: Signal, call: Ringing, seconds?: number): void {
    if (this.#playing?.signal === signal) return;
    this.stop();
    const cadence = cadenceOf(this.#tones, signal);
    const { volume = 0.1 } = this.#tones;
    if (!cadence || !this.#host.AudioContext) return;
    const sound = soundOf(this.#host, "tones");
    const context = sound.open();
    const source = context.createBufferSource();
    source.buffer = render(context, cadence, signal === "ringing" ? Math.min(1, 2 * volume) : volume);
    source.loop = true;
    const playing = new Playing(signal, seconds !== undefined, sound, context, source, (blocked) => call.blocked(blocked));
    this.#playing = playing;
    // A device that has gone leaves it to the default.
    void playing.speaker.through(this.#device(signal)).catch(() => {});
    if (seconds === undefined) return;
    source.onended = () => { if (this.#playing === playing) this.stop(); };
    source.stop(context.currentTime + seconds);
  }
}

/** One signal that is heard. */
class Playing {
  readonly signal: Signal;
  /** It ends by itself. */
  readonly short: boolean;
  readonly speaker: Speaker;
  readonly #sound: Sound;
  readonly #source: AudioBufferSourceNode;

  constructor(
    signal: Signal, short: boolean, sound: Sound, context: AudioContext, source: AudioBufferSourceNode, blocked: (blocked: Blocked) => void,
  ) {
    this.signal = signal;
    this.short = short;
    this.#sound = sound;
    this.#source = source;
    const out = context.createMediaStreamDestination();
    source.connect(out);
    source.start();
    // An element says when the browser refuses to play, and lets the device be chosen; the context does neither everywhere.
    this.speaker = new Speaker(undefined, ({ error, resume }) => blocked({
      error,
      resume: async () => {
        await resume(); // first: it is what says no
        if (context.state === "suspended") await context.resume().catch((cause: unknown) => { throw blockedError(cause); });
      },
    }));
    this.speaker.play(out.stream);
  }

  end(): void {
    this.speaker.stop();
    this.#source.onended = null;
    this.#source.stop();
    this.#source.disconnect();
    this.#sound.close();
  }
}
