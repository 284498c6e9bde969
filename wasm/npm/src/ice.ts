import { isList, isNumber, isObject, isOf, isText, type Rule } from "./options.js";

/** How long a description waits for ways to reach this page (ICE candidates), and when the looking begins. */
export interface IceGathering {
  /** Milliseconds after the first candidate. Addresses of the machine itself come at once, so that a server which does not answer
   *  costs no more than this. Without servers it is 50 at most. Default 500. */
  settle?: number;
  /** Milliseconds at most, also when there is no candidate. Default 2000. */
  limit?: number;
  /** Go on with the first candidate of this type: "srflx", the address that a STUN or TURN server sees (or a relay), or "relay", an
   *  address at a TURN server. Default: `settle` alone decides. */
  enough?: "srflx" | "relay";
  /** Begin while an incoming call rings and while the person is asked for the microphone, when there are servers. A TURN server
   *  reserves an address for each call that rings then. Default true. */
  early?: boolean;
}

/**
 * How calls find their way to the other side (RFC 8445). What a call's `media.ice` leaves out is as in the user agent's `ice`.
 * Once all candidates are there, nothing is waited for.
 */
export interface IceOptions {
  /**
   * STUN and TURN servers, or a function that gives them for each new peer connection, with fresh credentials for instance. It has
   * `gathering.limit` milliseconds. When it fails, the call goes on without servers and fires `iceServersFailed`. Default: none.
   */
  servers?: readonly RTCIceServer[] | (() => readonly RTCIceServer[] | Promise<readonly RTCIceServer[]>);
  /** "relay": send and receive through TURN servers alone, which hides this machine's addresses from the other side. Without a relay
   *  the call fails with "media-failed". Default "all". */
  transportPolicy?: "all" | "relay";
  gathering?: IceGathering;
  /**
   * Which candidates may follow their description, in INFO inside the call (RFC 8838, RFC 8840). Of a call's `media` that of
   * {@link UserAgent.call} counts. Default "half".
   *
   * | | |
   * |---|---|
   * | `half` | where the other side has said that it takes them: answers and later offers go at once. The first offer waits as `gathering` says |
   * | `full` | the first offer goes at once too: every other side is known to take them. One that does not gets a second offer with all |
   * | `off` | none |
   */
  trickle?: "off" | "half" | "full";
}

const isServer = (v: unknown) => isObject(v) && (isText(v["urls"]) || isList(v["urls"], isText));

export const isIce = (v: unknown) => isOf(v, {
  servers: (s) => typeof s === "function" || isList(s, isServer),
  transportPolicy: (p) => p === "all" || p === "relay",
  gathering: (g) => isOf(g, {
    settle: (n) => isNumber(n, 0), limit: (n) => isNumber(n, 0), enough: (e) => e === "srflx" || e === "relay", early: (e) => typeof e === "boolean",
  }),
  trickle: (t) => t === "off" || t === "half" || t === "full",
});

export const ice: Rule = [
  '{ servers?, transportPolicy?, gathering?, trickle? }: a list of objects such as { urls: "stun:stun.example.com" } or a function, "all" or "relay", ' +
  'and { settle?, limit?, enough?, early? } in milliseconds, "srflx" or "relay", true or false, "off", "half" or "full"', isIce,
];
