import type { Call } from "./call.js";
import { Emitter } from "./emitter.js";
import { abortable, errorFrom, SipError, type ErrorRecord } from "./errors.js";
import { Life } from "./life.js";
import type { Port } from "./port.js";

/** How a transfer stands: the response that the other side's call got (RFC 3515 section 2.4.4). */
export interface TransferOutcome {
  /** 100 Trying, 180 Ringing, 200 OK, 486 Busy Here … 0 when the other side has told nothing. */
  readonly status: number;
  readonly reason: string;
}

/** The events of a {@link Transfer}: name and what listeners get. */
export interface TransferEvents {
  /** The other side has told how it goes. `done`: that was the last one, and the transfer has failed if there is an `error`. */
  progress: TransferOutcome & { readonly done: boolean; readonly error?: SipError };
}

/** A transfer that the other side has accepted (REFER, RFC 3515, RFC 5589). */
export class Transfer {
  readonly #events = new Emitter<TransferEvents>();
  readonly #life: Life;
  #settleDone!: { resolve: (outcome: TransferOutcome) => void; reject: (error: SipError) => void };
  #outcome: TransferOutcome = { status: 0, reason: "" };
  #id = "";
  #target = "";

  /** The call that is transferred. */
  readonly call: Call;
  /**
   * Resolves when the transfer has succeeded; rejects with code "rejected" and the status that the other side's call got, "timeout" or
   * "connection-lost" when no outcome was told, or "canceled" when the call broke off. Nobody has to look at it.
   *
   * Many user agents hang up once they have been referred, and tell nothing more. That counts as success, with status 0, unless they
   * tell of a failure within five seconds.
   */
  readonly done: Promise<TransferOutcome>;

  private constructor(port: Port, call: Call) {
    this.call = call;
    this.done = new Promise((resolve, reject) => (this.#settleDone = { resolve, reject }));
    this.done.catch(() => {}); // who listens for "progress" instead must not see an unhandled rejection
    this.#life = new Life(port, "transfer", {
      event: (type, payload) => {
        if (type === "progress") this.#progress(payload);
      },
      exit: (error) => this.#end(error),
    });
  }

  /** @internal */
  static start(
    port: Port, call: Call, signal: AbortSignal | undefined, begin: (args: object) => Promise<{ id: string; target: string }>,
  ): Promise<Transfer> {
    return abortable("transfer", signal, async () => {
      const transfer = new Transfer(port, call);
      try {
        const { id, target } = await begin({ transfer: transfer.#life.handle });
        transfer.#id = id;
        transfer.#target = target;
      } catch (error) {
        transfer.#end(error as SipError);
        throw error;
      }
      return transfer;
    });
  }

  /** The number of the REFER in its dialog, by which a trace shows its notifications (RFC 3515 section 2.4.6). */
  get id(): string { return this.#id; }

  /** The URI that the other side was asked to call. */
  get target(): string { return this.#target; }

  /** What the other side has told last. */
  get outcome(): TransferOutcome { return this.#outcome; }

  /**
   * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
   * @returns the function that removes it
   */
  on<K extends keyof TransferEvents>(type: K, listener: (event: TransferEvents[K]) => unknown): () => void {
    return this.#events.on(type, listener);
  }

  #progress({ status, reason, done, error: record }: TransferOutcome & { done: boolean; error?: ErrorRecord | null }): void {
    this.#outcome = { status, reason };
    const error = record ? errorFrom(record) : undefined;
    if (done) this.#end(error);
    this.#events.emit("progress", { status, reason, done, ...(error && { error }) });
  }

  #end(error: SipError | undefined): void {
    if (!this.#life.end()) return;
    if (error) this.#settleDone.reject(error);
    else this.#settleDone.resolve(this.#outcome);
  }
}
