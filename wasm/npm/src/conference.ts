import type { Call } from "./call.js";
import type { Calls } from "./calls.js";
import { Life } from "./life.js";

/**
 * A meeting of calls in which everybody hears everybody else: each call sends the sound of the others besides ours. The page mixes, no
 * server takes part. `mute` of a call takes our own voice out of what that call hears; `hold` puts that party outside.
 *
 * It is over with {@link Conference.end}, or when the last call has left it.
 */
export class Conference {
  readonly #calls: Calls;
  readonly #life: Life;
  readonly #members = new Set<Call>();

  private constructor(calls: Calls) {
    this.#calls = calls;
    this.#life = new Life(calls.port, "conference", { event: () => {}, exit: () => this.#over() });
  }

  /** @internal */
  static async start(calls: Calls, members: readonly Call[]): Promise<Conference> {
    const handles = members.map((call) => calls.handleOf(call, "conference"));
    const conference = new Conference(calls);
    try {
      await calls.act("conference", { conference: conference.#life.handle, calls: handles });
    } catch (error) {
      conference.#life.end();
      throw error;
    }
    for (const call of members) conference.#joined(call);
    return conference;
  }

  /** Those who take part. */
  get calls(): readonly Call[] { return [...this.#members]; }

  /**
   * Brings another call in; one that is on hold is taken back.
   * @throws {SipError} "invalid-state" when the call is not established or in another conference, or the conference is over;
   * "unsupported" when this browser cannot mix; and as {@link Call.resume}.
   */
  async add(call: Call): Promise<void> {
    await this.#life.act("add", { call: this.#calls.handleOf(call, "conference") });
    this.#joined(call);
  }

  /** Takes a call out, which stays as it is: with the person alone. Does nothing for one that is not in. */
  async drop(call: Call): Promise<void> {
    if (!this.#members.has(call)) return;
    await this.#life.act("drop", { call: this.#calls.handleOf(call, "conference") });
    this.#left(call);
  }

  /** Takes all calls apart, and ends none of them. Does nothing when the conference is over. */
  async end(): Promise<void> {
    if (this.#life.over) return;
    const ended = this.#life.act("end");
    this.#over();
    await ended;
  }

  #joined(call: Call): void {
    this.#members.add(call);
    void call.ended.then(() => this.#left(call));
  }

  #left(call: Call): void {
    this.#members.delete(call);
    if (this.#members.size === 0) this.end().catch(() => {}); // nobody is there whom it could trouble
  }

  #over(): void {
    this.#members.clear();
    this.#life.end();
  }
}
