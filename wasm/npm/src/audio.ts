/** Plays one stream, through the page's element or one of its own. */
export class Speaker {
  readonly #element: HTMLAudioElement | undefined;
  readonly #blocked: (resume: () => Promise<void>) => void;
  #stream: MediaStream | undefined;

  /**
   * @param element where to play; undefined: an element of our own, when there is a document; false: nowhere
   * @param blocked called when the browser wants a gesture before it plays
   */
  constructor(element: HTMLAudioElement | false | undefined, blocked: (resume: () => Promise<void>) => void) {
    this.#blocked = blocked;
    this.#element = element === false ? undefined : element ?? globalThis.document?.createElement("audio");
  }

  play(stream: MediaStream): void {
    const element = this.#element;
    if (!element) return;
    this.#stream = stream;
    element.autoplay = true;
    element.srcObject = stream;
    element.play().catch((error: unknown) => {
      // Another error than this one means that the element was given something else to play meanwhile.
      if ((error as DOMException).name !== "NotAllowedError") return;
      // An element without a source never settles play(), and one with another source is another call's.
      this.#blocked(async () => { if (element.srcObject === stream) await element.play(); });
    });
  }

  stop(): void {
    // The page may have put another call on its element since.
    if (this.#element && this.#stream && this.#element.srcObject === this.#stream) this.#element.srcObject = null;
    this.#stream = undefined;
  }
}
