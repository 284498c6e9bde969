import type { Waiting } from "./call_options.js";
import { sendable, type Content } from "./content.js";
import { Emitter } from "./emitter.js";
import { abortable, errorFrom, SipError, type ErrorRecord } from "./errors.js";
import { Life } from "./life.js";
import type { Port } from "./port.js";

/** Options of {@link UserAgent.publish}. */
export interface PublishOptions extends Content, Waiting {
  /** Event package, such as "presence". */
  event: string;
  /** Seconds asked for, up to 86400. The compositor may shorten them; the publication is refreshed by itself. Default 3600. */
  expires?: number;
  /** Whose state it is. Default: the own address of record. */
  target?: string;
  /** It is told once and is no state, such as a report: one request, which nothing refreshes. The publication is over when it has been
   *  accepted; there is no event `ended`. `expires` is not sent. Default false. */
  once?: boolean;
}

/** The events of a {@link Publication}: name and what listeners get. */
export interface PublicationEvents {
  /** Last event; comes exactly once. `error` is absent after {@link Publication.remove}. */
  ended: { readonly error?: SipError };
}

/** A state of ours at a compositor (RFC 3903), which tells it to those who have subscribed. It is refreshed by itself, also after
 *  a lost connection, until `remove` or until the event `ended` says why not. */
export class Publication {
  readonly #events = new Emitter<PublicationEvents>();
  readonly #life: Life;
  #end: PublicationEvents["ended"] = {};

  /** Event package. */
  readonly event: string;

  private constructor(port: Port, event: string) {
    this.event = event;
    this.#life = new Life(port, "publication", {
      event: (type, payload) => {
        if (type === "ended") this.#ended(payload);
      },
      exit: (error) => this.#finish({ error }),
    });
  }

  /** @internal */
  static start(port: Port, options: PublishOptions, start: (args: object) => Promise<unknown>): Promise<Publication> {
    const { event, expires, target, once = false, signal } = options;
    return abortable("publish", signal, async () => {
      const content = sendable("publish", options);
      const publication = new Publication(port, event);
      const given = { ...(expires !== undefined && { expires }), ...(target !== undefined && { target }), ...(once && { once }) };
      try {
        await start({ publication: publication.#life.handle, event, ...given, ...content });
      } catch (error) {
        publication.#life.end();
        throw error;
      }
      if (once) {
        publication.#life.end();
        return publication;
      }
      // It may have ended before anybody could listen.
      if (publication.#life.over) throw publication.#end.error ?? new SipError("canceled", "publish: it ended at once", { op: "publish" });
      if (signal?.aborted) await publication.remove(); // nobody waits for it any more
      return publication;
    });
  }

  /**
   * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
   * @returns the function that removes it
   */
  on<K extends keyof PublicationEvents>(type: K, listener: (event: PublicationEvents[K]) => unknown): () => void {
    return this.#events.on(type, listener);
  }

  /**
   * Publishes another state in place of the present one. A refusal leaves that as it was.
   * @throws {SipError} "invalid-state" when it is over, and as {@link UserAgent.publish}.
   */
  async update({ signal, ...content }: Content & Waiting): Promise<void> {
    await this.#life.act("update", sendable("update", content), signal);
  }

  /** Takes the state away. Resolves when the compositor has answered; with an error it may keep the state until it expires. Does
   *  nothing when the publication is over. */
  async remove({ signal }: Waiting = {}): Promise<void> {
    await this.#life.finish("remove", {}, signal);
  }

  #ended({ error }: { error?: ErrorRecord | null }): void {
    this.#finish(error ? { error: errorFrom(error) } : {});
  }

  #finish(event: PublicationEvents["ended"]): void {
    if (!this.#life.end()) return;
    this.#end = event;
    this.#events.emit("ended", event);
  }
}
