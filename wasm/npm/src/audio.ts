import { SipError } from "./errors.js";

/** Plays one stream, through the page's element or one of its own. */
export class Speaker {
  readonly #element: HTMLAudioElement | undefined;
  readonly #blocked: (blocked: Blocked) => void;
  #stream: MediaStream | undefined;

  /**
   * @param element where to play; undefined: an element of our own, when there is a document; false: nowhere
   * @param blocked called when the browser wants a gesture before it plays
   */
  constructor(element: HTMLAudioElement | false | undefined, blocked: (blocked: Blocked) => void) {
    this.#blocked = blocked;
    this.#element = element === false ? undefined : element ?? globalThis.document?.createElement("audio");
  }

  play(stream: MediaStream): void {
    const element = this.#element;
    if (!element) return;
    this.#stream = stream;
    element.autoplay = true;
    element.srcObject = stream;
    element.play().catch((cause: unknown) => {
      // Another error than this one means that the element was given something else to play meanwhile.
      if ((cause as DOMException).name !== "NotAllowedError") return;
      this.#blocked({
        error: blockedError(cause),
        // An element without a source never settles play(), and one with another source is another call's.
        resume: async () => {
          if (element.srcObject === stream) await element.play().catch((again: unknown) => { throw blockedError(again); });
        },
      });
    });
  }

  /**
   * Plays through another device from now on; "" is the system's default.
   * @throws {SipError} "unsupported", "media-not-found", "media-denied", "media-failed"
   */
  async through(device: string): Promise<void> {
    const element = this.#element;
    if (!element) return;
    if (typeof element.setSinkId !== "function") {
      if (device === "") return;
      throw new SipError("unsupported", "useSpeaker: this browser does not let a page choose where it is heard: the person chooses in the system's settings");
    }
    if ((element.sinkId ?? "") === device) return;
    await element.setSinkId(device).catch((cause: unknown) => { throw sinkError(cause); });
  }

  stop(): void {
    // The page may have put another call on its element since.
    if (this.#element && this.#stream && this.#element.srcObject === this.#stream) this.#element.srcObject = null;
    this.#stream = undefined;
  }
}

/** What a page is told when the browser plays nothing. */
export interface Blocked {
  readonly error: SipError;
  readonly resume: () => Promise<void>;
}

/** @internal */
export const blockedError = (cause: unknown) => new SipError("autoplay-blocked",
  "the browser plays no sound before the person has touched the page: call resume in the handler of a click", { cause });

function sinkError(cause: unknown): SipError {
  const op = "useSpeaker";
  switch ((cause as DOMException).name) {
    case "NotFoundError": return new SipError("media-not-found", `${op}: there is no such loudspeaker: choose one that list() has`, { op, cause });
    case "NotAllowedError": return new SipError("media-denied",
      `${op}: the browser does not allow that loudspeaker: it wants the microphone to be allowed before, and "speaker-selection" in the page's permissions policy`, { op, cause });
  }
  return new SipError("media-failed", `${op}: the loudspeaker cannot be used`, { op, cause });
}
