import { unknownCaller, type Caller, type CallSnapshot, type Fork, type Stream } from "./call_values.js";
import type { ReceivedContent } from "./content.js";
import type { Emitter } from "./emitter.js";
import { errorFrom, type ErrorRecord } from "./errors.js";
import type { CallEvents, CallState, Party } from "./events.js";

/** @internal What Go has told of a call. Each fact is there before its event. */
export class CallFacts {
  readonly #events: Emitter<CallEvents>;
  state: CallState;
  caller: Caller = unknownCaller;
  readonly onHold = { local: false, remote: false };
  forks: readonly Fork[] = [];
  streams: readonly Stream[] = [];
  focus = false;
  recovering = false;
  snapshot: CallSnapshot | undefined;

  constructor(events: Emitter<CallEvents>, state: CallState) {
    this.#events = events;
    this.state = state;
  }

  /** Sound should be coming: nobody holds the call, and it was agreed upon. */
  get receives(): boolean {
    return !this.onHold.local && !this.onHold.remote &&
      this.streams.some(({ kind, refused, direction }) => kind === "audio" && !refused && (direction === "sendrecv" || direction === "recvonly"));
  }

  enter(state: CallState): void {
    const previous = this.state;
    if (state === previous) return;
    this.state = state;
    this.#events.emit("state", { state, previous });
  }

  end(): void {
    this.recovering = false;
    this.snapshot = undefined;
    this.enter("ended");
  }

  /** What each event of the port does here. */
  readonly on = {
    state: ({ state }: { state: CallState }) => this.enter(state),
    ringing: ({ forks, ...event }: CallEvents["ringing"] & { forks: readonly Fork[] }) => {
      this.forks = forks;
      this.#events.emit("ringing", event);
    },
    redirected: (event: CallEvents["redirected"]) => this.#events.emit("redirected", event),
    media: ({ focus, ...event }: CallEvents["media"] & { focus?: boolean }) => {
      this.focus = focus ?? false;
      this.streams = event.streams;
      this.#events.emit("media", event);
    },
    identity: (event: CallEvents["identity"]) => {
      this.caller = event.caller;
      this.#events.emit("identity", event);
    },
    held: ({ by }: { by: Party }) => {
      this.onHold[by === "remote" ? "remote" : "local"] = true;
      this.#events.emit("held", { by });
    },
    resumed: ({ by }: { by: Party }) => {
      this.onHold[by === "remote" ? "remote" : "local"] = false;
      this.#events.emit("resumed", { by });
    },
    tone: (event: CallEvents["tone"]) => this.#events.emit("tone", event),
    info: (event: CallEvents["info"]) => this.#events.emit("info", event),
    message: (event: ReceivedContent) => this.#events.emit("message", event),
    recovering: (event: CallEvents["recovering"]) => {
      this.recovering = true;
      this.#events.emit("recovering", event);
    },
    recovered: ({ error }: { error?: ErrorRecord | null }) => {
      this.recovering = false;
      this.#events.emit("recovered", error ? { error: errorFrom(error) } : {});
    },
    connection: (event: CallEvents["connection"]) => this.#events.emit("connection", event),
    refreshed: (event: CallEvents["refreshed"]) => this.#events.emit("refreshed", event),
    snapshot: (snapshot: CallSnapshot) => {
      this.snapshot = snapshot;
      this.#events.emit("snapshot", snapshot);
    },
    videoended: () => this.#events.emit("videoended", {}),
  };
}
