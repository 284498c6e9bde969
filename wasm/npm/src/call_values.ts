import type { Direction, Identity } from "./events.js";

// What calls are about. All texts are from the network: show them as text, never as markup. Lists are always there; a text or number
// that was not told is absent.

/** Why a call ends, is refused, diverted or preempted (RFC 3326). */
export interface Reason {
  /** "SIP": `cause` is a status; "Q.850": it is one of the telephone network (16 normal, 17 busy, 19 no answer …); or another. */
  readonly protocol: string;
  readonly cause?: number;
  /** For people. */
  readonly text?: string;
}

/**
 * Who calls and what for, as the INVITE says; of an outgoing call, what its answers told.
 *
 * What to believe: `from` is what the caller says. `asserted`, `remoteParty`, `diversion`, `history` and `verstat` are as good as your
 * server, which must take away what comes from outside of its trust (RFC 3325 section 5).
 */
export interface Caller {
  /** Whom to show: what the network vouches for, else what it screened, else what the caller says. Look at `anonymous` before: the
   *  network may tell who a caller is that does not want it shown. */
  readonly best: Identity;
  /** Whom the caller dialled, when the call has been diverted since. */
  readonly original?: Identity;
  /** The caller by its own account (RFC 3261 section 20.20). */
  readonly from: Identity;
  /** Identities that the network vouches for: one, or one of SIP and one telephone number (P-Asserted-Identity, RFC 3325). */
  readonly asserted: readonly Identity[];
  /** What older servers send in its place (Remote-Party-ID). */
  readonly remoteParty: readonly RemoteParty[];
  /** Whom the caller wanted (P-Called-Party-ID, RFC 7315 section 5.2, or To). */
  readonly called: Identity;
  /** Who has diverted the call, the last first (RFC 5806). */
  readonly diversion: readonly Diversion[];
  /** Where the call has been on its way, the first first (RFC 7044). */
  readonly history: readonly HistoryEntry[];
  /** Of the INVITE, such as those of a call that was refused elsewhere before. */
  readonly reasons: readonly Reason[];
  /** What the network found out about the number, as sent: "TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation". */
  readonly verstat?: string;
  /** Signed tokens (RFC 8224). They are not verified here, see `verstat`. */
  readonly identity: readonly IdentityToken[];
  /** What the caller wants hidden, in lower case: "id", "user", "header", "session", "history", "none", "critical". */
  readonly privacy: readonly string[];
  /** The caller does not want to be known. */
  readonly anonymous: boolean;
  /** What the calling program says to this one (RFC 7433). */
  readonly userToUser: readonly UserToUser[];
  /** How to ring (RFC 3261 section 20.4). Fetching what it names tells the caller that you are there. */
  readonly alertInfo: readonly InfoUri[];
  /** More about the caller (RFC 3261 section 20.9); the same holds. */
  readonly callInfo: readonly InfoUri[];
  /** "Auto" or "Manual", as sent (RFC 5373). */
  readonly answerMode?: string;
  readonly privAnswerMode?: string;
  /** The call is to be refused, with 403, when that mode is not possible. */
  readonly answerRequired: boolean;
  readonly subject?: string;
  readonly organization?: string;
  readonly priority?: string;
  /** The call of ours that this one is to take the place of (RFC 3891): see {@link Call.replaces}. */
  readonly replaces?: Replaces;
  /** The call of ours that this one wants to take part in (RFC 3911). */
  readonly join?: Omit<Replaces, "earlyOnly">;
  /** Who has sent the caller to us (RFC 3892). Nobody has checked it. */
  readonly referredBy?: Identity & { readonly contentId?: string };
  /** All headers besides those of the protocol: X-… and what is unknown. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** One Remote-Party-ID. */
export interface RemoteParty extends Identity {
  /** "calling" or "called"; absent for the calling one. */
  readonly party?: string;
  /** "yes": checked by the network. */
  readonly screen?: string;
  /** "off", "name", "uri", "full"; absent for "off". */
  readonly privacy?: string;
  /** The kind of identity: "subscriber", "user", "term". */
  readonly id?: string;
}

/** One turn that a call has taken (RFC 5806): who diverted it, and why. */
export interface Diversion extends Identity {
  /** "unconditional", "user-busy", "no-answer", "do-not-disturb", "deflection" … */
  readonly reason?: string;
  /** How many diversions this entry stands for. */
  readonly counter?: number;
  /** How many more are allowed. */
  readonly limit?: number;
  readonly privacy?: string;
  readonly screen?: string;
  /** Other parameters as sent, "name=value;name". */
  readonly extension?: string;
}

/** One target that a call was sent to (RFC 7044). */
export interface HistoryEntry extends Identity {
  /** Its place in the tree of targets: "1", "1.1", "1.1.2". */
  readonly index: string;
  /** Why the call left this target. */
  readonly reasons: readonly Reason[];
  /** Why it was sent to this target: 302 unconditional, 486 busy, 408 no answer … (RFC 4458). */
  readonly cause?: number;
  /** "history": not to be shown. */
  readonly privacy?: string;
  /** Index of the target that this one is the address of: a registration. */
  readonly rc?: string;
  /** Index of the target that was exchanged for this one: a diversion. */
  readonly mp?: string;
  /** Index of the target whose next hop this is: no change. */
  readonly np?: string;
}

/** One signed identity (RFC 8224). */
export interface IdentityToken {
  /** A PASSporT (RFC 8225). */
  readonly token: string;
  /** Where the certificate is. */
  readonly info?: string;
  /** The signature's algorithm; absent for ES256. */
  readonly alg?: string;
  /** The kind of token, such as "shaken" (RFC 8588). */
  readonly ppt?: string;
}

/** Data between two programs (RFC 7433). */
export interface UserToUser {
  /** As sent. */
  readonly data: string;
  /** "hex"; absent for text. */
  readonly encoding?: string;
  /** The package: "isdn-uui" (RFC 7434) … */
  readonly purpose?: string;
  /** What the data is in that package. */
  readonly content?: string;
}

/** One value of Alert-Info or Call-Info. */
export interface InfoUri {
  /** The URI, or the words that some servers send in its place, such as "Ring Answer". */
  readonly uri: string;
  readonly params: readonly (readonly [name: string, value: string])[];
}

/** The name of a call (RFC 3891), seen by whom the INVITE is for: `toTag` is its own tag in that call. */
export interface Replaces {
  readonly callId: string;
  readonly toTag: string;
  readonly fromTag: string;
  /** It is replaced only while nobody has answered it: a ringing call is picked up. */
  readonly earlyOnly: boolean;
}

/** One of the places that an outgoing call has reached (RFC 3261 section 13.2.2.4). */
export interface Fork {
  /** Tells the forks of a call apart; the event `ringing` has it. */
  readonly tag: string;
  /** Its address. */
  readonly target: string;
  /** Of its last provisional response. */
  readonly status: number;
  readonly reason: string;
  /** That one brought a session description. */
  readonly earlyMedia: boolean;
  /** It does not ring any more. */
  readonly ended: boolean;
}

/** One stream of a session, as it was agreed last (RFC 3264 section 5.1). */
export interface Stream {
  /** "audio", "video" or "application". */
  readonly kind: string;
  /** As seen from here. */
  readonly direction: "sendrecv" | "sendonly" | "recvonly" | "inactive";
  /** By one of the two sides. */
  readonly refused: boolean;
}

/**
 * What has to be known of an established call to go on with it after a reload: see {@link UserAgent.restore}. It can be written as JSON.
 * It holds no secret, but who has it can end the call.
 */
export interface CallSnapshot {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  readonly localUri: string;
  readonly localName: string;
  readonly remoteUri: string;
  readonly remoteName: string;
  readonly target: string;
  readonly routes: string;
  readonly localSeq: number;
  readonly remoteSeq: number;
  readonly direction: Direction;
  readonly held: boolean;
}

const nobody: Identity = { displayName: "", uri: "", user: "" };

/** @internal Of whom nothing is known yet. */
export const unknownCaller: Caller = {
  best: nobody, from: nobody, asserted: [], remoteParty: [], called: nobody, diversion: [], history: [], reasons: [], identity: [],
  privacy: [], anonymous: false, userToUser: [], alertInfo: [], callInfo: [], answerRequired: false, headers: [],
};
