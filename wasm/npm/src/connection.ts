import type { NetworkEvents } from "./host.js";

/** One WebSocket entrance to the SIP service. */
export interface Server {
  /** "wss://…" or "ws://…". */
  url: string;
  /** Lower is tried first. Default 0. */
  priority?: number;
  /** Share among those of equal priority (RFC 2782). Default 0. */
  weight?: number;
}

/** How a push service wakes this device when a call comes (RFC 8599 section 4.1). */
export interface Push {
  /** pn-provider: "webpush", "apns", "fcm" … */
  provider: string;
  /** pn-prid: the identifier that the service gave. */
  prid: string;
  /** pn-param: what the service needs besides. */
  param?: string;
}

/** One entry of an address of record at its registrar: where calls go (RFC 3261 section 10). All text is from the network. */
export interface Binding {
  /** The Contact. */
  readonly uri: string;
  readonly displayName: string;
  /** Seconds that were left of it when it was told. */
  readonly expires: number;
  /** Preference, 0 to 1. */
  readonly q: number;
  /** It leads to this user agent. */
  readonly own: boolean;
  /** The device (RFC 5626 section 4.1). */
  readonly instance?: string;
  /** Which of the device's flows. */
  readonly regId?: number;
  /** Public GRUU of the device (RFC 5627). */
  readonly gruu?: string;
  /** Temporary, anonymous GRUU. */
  readonly tempGruu?: string;
}

/** How a connection is kept. All times are in milliseconds. */
export interface ConnectionOptions {
  /**
   * WebSocket addresses of the SIP server ("wss://…", "ws://…"). A plain list is tried in its order; entries with priority
   * and weight are chosen as SRV records are (RFC 2782, RFC 3263 section 4.3).
   */
  servers: readonly (string | Server)[];
  /** What one connection attempt to one server may take. Default 10000. */
  connectTimeout?: number;
  /** Bound of the wait before a connection that lasted is made again. The wait is a random 50 to 100 % of
   *  min(reconnectMaxDelay, reconnectDelay · 2^failures) (RFC 5626 section 4.5). Default 1000. */
  reconnectDelay?: number;
  /** Bound of every wait. Default 30000. */
  reconnectMaxDelay?: number;
  /** Time between attempts to get back to a preferred server, while no call is under way. Default 120000. */
  returnInterval?: number;
  /**
   * How a server is asked for a sign of life. `"crlf"`: double CRLF, answered by CRLF (RFC 5626 section 3.5.1); `"options"`: an
   * OPTIONS request, which also proves what is behind a proxy; `"auto"` finds out which one the server answers; `"off"`: not at
   * all. Default "auto".
   */
  keepAlive?: "auto" | "crlf" | "options" | "off";
  /** Silence after which it is asked; a Flow-Timer of the server shortens it. Default 30000. */
  keepAliveInterval?: number;
  /** Time for the answer; without one the connection is given up. Default 10000. */
  pongTimeout?: number;
  /** Listen to the page's online, offline, visibilitychange, pageshow and resume events, so that a change of the network is
   *  noticed at once. Default true. */
  network?: boolean;
}

/** How the address of record is registered. */
export interface RegistrationOptions {
  /** "urn:uuid:…" that names this device towards the registrar (RFC 5626 section 4.1). Store `ua.instanceId` and give it
   *  back, so that a reload replaces the old binding. Default: a new one. */
  instanceId?: string;
  /** Seconds that a registration is asked to last; the registrar may grant others. Default 600, at least 60. */
  registrationExpires?: number;
  /** Flows that are kept registered at once, each over a connection of its own (RFC 5626 section 4.2), when the registrar supports
   *  it. 1 to 4, default 1. */
  flows?: number;
  /** Send reg-id and `Supported: outbound` (RFC 5626). Default true. */
  outbound?: boolean;
  /** How a push service wakes this device (RFC 8599). Default: none. */
  push?: Push;
  /** Further parameters of the Contact of REGISTER, such as `["q", "0.5"]` or a feature tag (RFC 3840); an empty value stands for a
   *  parameter without one. */
  contactParams?: readonly (readonly [name: string, value: string])[];
}

/**
 * @internal
 * Tells when the page's network comes, goes or may have changed while the page slept.
 * @returns the function that stops it
 */
export function watchNetwork(window: NetworkEvents, tell: (online: boolean) => void): () => void {
  const { document } = window;
  const back = () => tell(true);
  const listeners = [
    [window, "online", back], [window, "offline", () => tell(false)], [window, "pageshow", back], [document, "resume", back],
    [document, "visibilitychange", () => { if (document?.visibilityState === "visible") tell(true); }],
  ] as const;
  for (const [target, type, listener] of listeners) target?.addEventListener(type, listener);
  return () => {
    for (const [target, type, listener] of listeners) target?.removeEventListener(type, listener);
  };
}
