import { blockedError } from "./audio.js";
import { Emitter } from "./emitter.js";
import { SipError } from "./errors.js";
import type { Host } from "./host.js";
import { flag, isNumber, text, type Rules } from "./options.js";
import { soundOf, Tap, type Sound } from "./sound.js";

/** Options of {@link Call.record}. */
export interface RecordOptions {
  /**
   * Asked before anything is recorded, and nothing is unless it gives true: the place for what the law wants where you are, such as a
   * question to the person or an announcement to the other side.
   */
  consent: () => boolean | Promise<boolean>;
  /** "mixed": both sides together; "stereo": this side left, the other one right. Default "mixed". */
  channels?: "mixed" | "stereo";
  /** What MediaRecorder writes. Default: the first of audio/webm (Opus), audio/mp4 and audio/ogg that the browser can. */
  mimeType?: string;
  /** Bits for a second of sound. Default 32000, and twice that in stereo: an hour has 14 MB, or 29. */
  bitsPerSecond?: number;
  /** Milliseconds between two chunks, in which the recording leaves the recorder. Default 1000, at least 100. */
  timeslice?: number;
  /** False keeps no chunk after its event, so that a recording of hours can be stored as it comes; the Blob at the end is empty then.
   *  Default true. */
  keep?: boolean;
}

/** @internal */
export const recordRules: Rules<RecordOptions> = {
  consent: ["a function that gives true or false", (v) => typeof v === "function"],
  channels: ['"mixed" or "stereo"', (v) => v === "mixed" || v === "stereo"],
  mimeType: text,
  bitsPerSecond: ["a number of bits, at least 6000", (v) => isNumber(v, 6000)],
  timeslice: ["a number of milliseconds, at least 100", (v) => isNumber(v, 100)],
  keep: flag,
};

/** The events of a {@link Recording}: name and what listeners get. */
export interface RecordingEvents {
  /** The next piece. All of them in their order are the recording. */
  chunk: { readonly data: Blob };
  paused: Record<string, never>;
  resumed: Record<string, never>;
  /** Last event. `error`: the browser could not go on; `blob` has what there is. */
  stopped: { readonly blob: Blob; readonly error?: SipError };
}

/** @internal Where the sound of a call is now. */
export interface Voices {
  /** What is sent: silence while the call is muted or on hold. */
  readonly sent: MediaStreamTrack | undefined;
  readonly received: MediaStreamTrack | undefined;
}

const types = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];

/**
 * The recording of both sides of a call: what is sent and what is received. It goes on over another microphone and another connection, and
 * ends with the call.
 */
export class Recording {
  readonly #events = new Emitter<RecordingEvents>();
  readonly #sound: Sound;
  readonly #recorder: MediaRecorder;
  readonly #taps: readonly [Tap, Tap];
  readonly #keep: boolean;
  readonly #chunks: Blob[] = [];
  readonly #over: () => void;
  #settle!: (blob: Blob) => void;
  #done = false;
  #error: SipError | undefined;

  /** Resolves when the recording is over, by {@link stop} or with the call. Never rejects. */
  readonly stopped: Promise<Blob>;

  private constructor(sound: Sound, context: AudioContext, host: Host, options: RecordOptions, over: () => void) {
    const { channels = "mixed", keep = true, mimeType = types.find((type) => host.MediaRecorder!.isTypeSupported(type)), timeslice = 1000 } = options;
    const stereo = channels === "stereo";
    this.#sound = sound;
    this.#over = over;
    this.#keep = keep;
    this.stopped = new Promise((resolve) => (this.#settle = resolve));

    const out = context.createMediaStreamDestination();
    out.channelCount = stereo ? 2 : 1;
    const join = stereo ? context.createChannelMerger(2) : context.createGain();
    join.connect(out);
    const to = (side: number) => new Tap(context, host, (source) => (stereo ? source.connect(join, 0, side) : source.connect(join)));
    this.#taps = [to(0), to(1)];

    this.#recorder = new host.MediaRecorder!(out.stream, {
      ...(mimeType !== undefined && { mimeType }), audioBitsPerSecond: options.bitsPerSecond ?? (stereo ? 64_000 : 32_000),
    });
    this.#recorder.ondataavailable = ({ data }) => {
      if (data.size === 0) return;
      if (this.#keep) this.#chunks.push(data);
      this.#events.emit("chunk", { data });
    };
    this.#recorder.onerror = (event) => {
      this.#error = new SipError("media-failed", "record: the browser could not go on with the recording", { op: "record", cause: (event as ErrorEvent).error });
    };
    this.#recorder.onstop = () => this.#finish(); // after an error, too
    this.#recorder.start(timeslice);
  }

  /** @internal Records from now on what `hear` is told. */
  static async start(host: Host, options: RecordOptions, over: () => void): Promise<Recording> {
    const op = "record";
    if (!host.MediaRecorder) throw new SipError("unsupported", `${op}: this page has no MediaRecorder`, { op });
    if (options.mimeType !== undefined && !host.MediaRecorder.isTypeSupported(options.mimeType)) {
      throw new SipError("unsupported", `${op}: this browser does not record as that mimeType: leave it out to get one that it can`, { op });
    }
    const sound = soundOf(host, op);
    const context = sound.open();
    try {
      if (!(await runs(context))) throw blockedError(undefined);
      return new Recording(sound, context, host, options, over);
    } catch (error) {
      sound.close();
      if (error instanceof SipError) throw error;
      throw new SipError("media-failed", `${op}: the browser cannot record`, { op, cause: error });
    }
  }

  /** What the recording is written as, such as "audio/webm;codecs=opus". */
  get mimeType(): string { return this.#recorder.mimeType; }

  /** Whether it goes on. */
  get state(): "recording" | "paused" | "stopped" {
    return this.#done || this.#recorder.state === "inactive" ? "stopped" : this.#recorder.state;
  }

  /**
   * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
   * @returns the function that removes it
   */
  on<K extends keyof RecordingEvents>(type: K, listener: (event: RecordingEvents[K]) => unknown): () => void {
    return this.#events.on(type, listener);
  }

  /** Leaves out what is said from now on, such as the number of a card. Does nothing when it is paused or over. */
  pause(): void {
    if (this.state !== "recording") return;
    this.#recorder.pause();
    this.#events.emit("paused", {});
  }

  /** Goes on. Does nothing when it is not paused. */
  resume(): void {
    if (this.state !== "paused") return;
    this.#recorder.resume();
    this.#events.emit("resumed", {});
  }

  /** Ends the recording, and gives the same as {@link stopped}. */
  stop(): Promise<Blob> {
    if (this.state !== "stopped") this.#recorder.stop();
    return this.stopped;
  }

  /** @internal */
  hear({ sent, received }: Voices): void {
    if (this.#done) return;
    this.#taps[0].hear(sent, false);
    this.#taps[1].hear(received, true);
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    for (const tap of this.#taps) tap.close();
    this.#sound.close();
    const blob = new Blob(this.#chunks.splice(0), { type: this.mimeType });
    this.#over();
    this.#settle(blob);
    this.#events.emit("stopped", { blob, ...(this.#error && { error: this.#error }) });
  }
}

/** Whether a context runs. Where a gesture is missing the promise of resume() stays open, so that a moment has to do. */
async function runs(context: AudioContext): Promise<boolean> {
  if (context.state !== "running") {
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([context.resume(), new Promise((resolve) => { timer = setTimeout(resolve, 1000); })]).catch(() => {});
    clearTimeout(timer);
  }
  return (context.state as string) === "running";
}
