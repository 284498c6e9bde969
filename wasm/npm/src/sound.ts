import { SipError } from "./errors.js";
import type { Host } from "./host.js";

/**
 * @internal
 * The one AudioContext of meters, tones and recordings: browsers allow few. It exists while somebody uses it.
 */
export class Sound {
  readonly #Context: typeof AudioContext;
  #context: AudioContext | undefined;
  #users = 0;

  constructor(Context: typeof AudioContext) {
    this.#Context = Context;
  }

  /** @throws what the constructor of AudioContext throws */
  open(): AudioContext {
    this.#context ??= new this.#Context();
    this.#users++;
    // A page that nobody has touched yet gets a context that stands still. While the microphone is captured, browsers let it run.
    this.#resume();
    if (this.#context.state === "suspended") this.#onGesture("addEventListener");
    return this.#context;
  }

  readonly #resume = () => {
    void this.#context?.resume().then(() => this.#onGesture("removeEventListener"), () => {}); // who needs to know looks at its state
  };

  /** The first click or key lets it run. */
  #onGesture(change: "addEventListener" | "removeEventListener"): void {
    for (const type of ["pointerdown", "keydown"]) globalThis.document?.[change]?.(type, this.#resume);
  }

  close(): void {
    if (--this.#users > 0) return;
    this.#onGesture("removeEventListener");
    void this.#context?.close().catch(() => {}); // nobody uses it any more
    this.#context = undefined;
  }
}

const sounds = new WeakMap<typeof AudioContext, Sound>();

/**
 * @internal
 * The sound of a page, which its user agents share.
 * @throws {SipError} "unsupported"
 */
export function soundOf({ AudioContext: Context }: Pick<Host, "AudioContext">, op: string): Sound {
  if (!Context) throw new SipError("unsupported", `${op}: this page has no AudioContext`, { op });
  const sound = sounds.get(Context) ?? new Sound(Context);
  sounds.set(Context, sound);
  return sound;
}

/**
 * @internal
 * One track as the source of a graph. Chromium lets Web Audio hear what comes from a peer connection only while an element has it, too: a
 * muted one is enough.
 */
export class Tap {
  readonly #context: AudioContext;
  readonly #host: Pick<Host, "MediaStream">;
  readonly #to: (source: AudioNode) => void;
  #track: MediaStreamTrack | undefined;
  #source: AudioNode | undefined;
  #element: HTMLAudioElement | undefined;

  /** @param to connects the source */
  constructor(context: AudioContext, host: Pick<Host, "MediaStream">, to: (source: AudioNode) => void) {
    this.#context = context;
    this.#host = host;
    this.#to = to;
  }

  /** Hears this track and no other one. */
  hear(track: MediaStreamTrack | undefined, remote: boolean): void {
    if (track === this.#track) return;
    this.close();
    const { MediaStream } = this.#host;
    if (!track || !MediaStream) return;
    this.#track = track;
    const stream = new MediaStream([track]);
    if (remote && globalThis.document) {
      this.#element = globalThis.document.createElement("audio");
      this.#element.muted = true;
      this.#element.srcObject = stream;
    }
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#to(this.#source);
  }

  close(): void {
    this.#source?.disconnect();
    if (this.#element) this.#element.srcObject = null;
    this.#track = this.#source = this.#element = undefined;
  }
}
