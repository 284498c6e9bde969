import { abortable } from "./errors.js";
import type { DTMFOptions } from "./call_options.js";

/** @internal The tones of one call, which go one after the other. */
export class Tones {
  readonly #send: (args: object) => Promise<void>;
  readonly #peerConnection: () => RTCPeerConnection | undefined;
  /** Settles when the tones asked for so far are through. Never rejects. */
  #through: Promise<unknown> = Promise.resolve();

  constructor(send: (args: object) => Promise<void>, peerConnection: () => RTCPeerConnection | undefined) {
    this.#send = send;
    this.#peerConnection = peerConnection;
  }

  send(tones: string, { signal, ...options }: DTMFOptions): Promise<void> {
    return abortable("dtmf", signal, () => {
      // The browser has one buffer of tones, and inserting some throws out what is in it: so each waits for its turn.
      const sent = this.#through.then(() => this.#play({ tones, ...options }, signal));
      this.#through = sent.catch(() => {});
      return sent;
    });
  }

  async #play(args: DTMFOptions & { tones: string }, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return;
    if (!signal || (args.method ?? "rtp") !== "rtp") return this.#send(args);
    const peerConnection = this.#peerConnection();
    const drop = () => {
      if (!signal.aborted) return;
      for (const { dtmf } of peerConnection?.getSenders() ?? []) if (dtmf?.canInsertDTMF) dtmf.insertDTMF("");
    };
    signal.addEventListener("abort", drop);
    try {
      const sent = this.#send(args);
      // Go inserts the tones when the connection is up. It hears of that first, so here they are dropped before they sound.
      peerConnection?.addEventListener("connectionstatechange", drop);
      await sent;
    } finally {
      signal.removeEventListener("abort", drop);
      peerConnection?.removeEventListener("connectionstatechange", drop);
    }
  }
}
