import type { ReceivedContent } from "./content.js";

// The states that the event packages carry, as objects. Lists are always there; a text or number that the document does not tell
// is absent. Times are milliseconds since 1970. All texts are from the network: show them as text, never as markup.

/** A name and a value. */
export type Pair = readonly [name: string, value: string];

/** A document is the whole state, or "partial": something may be missing. The package puts partial documents together. */
export type DocumentState = "full" | "partial";

/** Waiting messages (event package message-summary, RFC 3842). The counts are 0 when the server does not tell them, which it need
 *  not even when messages wait. */
export interface MessageSummary {
  readonly waiting: boolean;
  /** URI of the mailbox. */
  readonly account?: string;
  readonly voice: MessageCount;
  readonly fax: MessageCount;
  readonly pager: MessageCount;
  readonly multimedia: MessageCount;
  readonly text: MessageCount;
  readonly none: MessageCount;
  /** Headers of single messages (section 3.5), a list for each. Most servers send none. */
  readonly headers: readonly (readonly Pair[])[];
}

/** Messages of one class (RFC 3458 section 6). The urgent ones are among the others. */
export interface MessageCount {
  readonly new: number;
  readonly old: number;
  readonly newUrgent: number;
  readonly oldUrgent: number;
}

/** The calls of somebody (event package dialog, RFC 4235). */
export interface DialogInfo {
  readonly version: number;
  readonly state: DocumentState;
  /** Whose calls: a URI. */
  readonly entity: string;
  /** What a busy lamp shows: no call, a call to pick up, or only calls that cannot be picked up. */
  readonly lamp: "idle" | "ringing" | "busy";
  readonly dialogs: readonly DialogState[];
}

/** One dialog, seen from the watched side (RFC 4235 section 4.1.1). */
export interface DialogState {
  /** Of the dialog in these documents. */
  readonly id: string;
  /** "trying", "proceeding", "early", "confirmed" or "terminated" (section 3.7.1). */
  readonly state: string;
  /** What led to `state`: "cancelled", "rejected", "replaced", "local-bye", "remote-bye", "error", "timeout". */
  readonly event?: string;
  /** Status of the response that did. */
  readonly code?: number;
  /** "initiator": the watched side called; "recipient": it was called. */
  readonly direction?: string;
  readonly callId?: string;
  readonly localTag?: string;
  readonly remoteTag?: string;
  /** Seconds. */
  readonly duration?: number;
  /** The dialog that this one takes the place of (section 4.1.4). */
  readonly replaces?: { readonly callId?: string; readonly localTag?: string; readonly remoteTag?: string };
  /** Who asked for the call (section 4.1.5). */
  readonly referredBy?: { readonly displayName?: string; readonly uri?: string };
  readonly local: DialogParty;
  readonly remote: DialogParty;
}

/** One side of a dialog (RFC 4235 section 4.1.6). */
export interface DialogParty {
  readonly displayName?: string;
  readonly uri?: string;
  /** URI of the device. */
  readonly target?: string;
  /** Parameters of the device's Contact, such as `["+sip.rendering", "no"]`: on hold. */
  readonly targetParams: readonly Pair[];
}

/** Whether and how somebody can be reached (event package presence: RFC 3856, RFC 3863, RFC 4479, RFC 4480). */
export interface Presence {
  /** Whose presence: a URI. */
  readonly entity: string;
  /** One of the tuples is open. */
  readonly open: boolean;
  readonly tuples: readonly PresenceTuple[];
  readonly notes: readonly PresenceNote[];
  /** What the person is doing (RFC 4479 section 3.2). */
  readonly person: {
    /** "away", "busy", "meeting", "on-the-phone" … (RFC 4480 section 3.2), or the person's own words. */
    readonly activities: readonly string[];
    readonly notes: readonly PresenceNote[];
    readonly timestamp?: number;
  };
}

/** One way to reach somebody (RFC 3863 section 4.1.2). */
export interface PresenceTuple {
  readonly id: string;
  /** "open": ready to be reached here; "closed": not. */
  readonly basic?: string;
  /** A URI. */
  readonly contact?: string;
  /** Of `contact`, 0 to 1; the highest is preferred. */
  readonly priority?: number;
  readonly notes: readonly PresenceNote[];
  readonly timestamp?: number;
}

/** Text for people, with its language, such as "de". */
export interface PresenceNote {
  readonly text: string;
  readonly lang?: string;
}

/** Who takes part in a conference (event package conference, RFC 4575). */
export interface ConferenceInfo {
  /** The conference: a URI. */
  readonly entity: string;
  readonly version: number;
  /** "deleted": the conference is over. */
  readonly state: DocumentState | "deleted";
  /** Section 5.3. */
  readonly description: {
    readonly state?: string; readonly displayText?: string; readonly subject?: string; readonly maximumUserCount?: number;
  };
  /** Section 5.5. `userCount` includes those that are not shown; `active`: it is going on; `locked`: nobody can join. */
  readonly status: { readonly state?: string; readonly userCount?: number; readonly active?: boolean; readonly locked?: boolean };
  /** What the document says of the list of users as a whole, such as "full". */
  readonly usersState?: string;
  readonly users: readonly ConferenceUser[];
}

/** A participant (RFC 4575 section 5.6). */
export interface ConferenceUser {
  /** A URI. */
  readonly entity: string;
  readonly state?: string;
  readonly displayText?: string;
  readonly roles: readonly string[];
  readonly endpoints: readonly ConferenceEndpoint[];
}

/** A device or session of a participant (RFC 4575 section 5.7). */
export interface ConferenceEndpoint {
  readonly entity: string;
  readonly state?: string;
  readonly displayText?: string;
  /** "connected", "disconnected", "on-hold", "muted-via-focus", "pending", "alerting", "dialing-in", "dialing-out", "disconnecting". */
  readonly status?: string;
  /** "dialed-in", "dialed-out", "focus-owner". */
  readonly joiningMethod?: string;
  /** "departed", "booted", "failed", "busy". */
  readonly disconnectionMethod?: string;
  readonly media: readonly ConferenceMedia[];
}

/** A stream of an endpoint (RFC 4575 section 5.8). */
export interface ConferenceMedia {
  readonly id: string;
  readonly displayText?: string;
  /** "audio", "video", "text" … */
  readonly type?: string;
  /** "sendrecv", "sendonly", "recvonly" or "inactive", from the endpoint's side. */
  readonly status?: string;
  /** RFC 4574. */
  readonly label?: string;
  /** The SSRC of what the endpoint sends. */
  readonly srcId?: string;
}

/** The bindings that a registrar holds (event package reg: RFC 3680, RFC 5628). */
export interface RegistrationInfo {
  readonly version: number;
  readonly state: DocumentState;
  readonly registrations: readonly {
    /** Address of record. */
    readonly aor: string;
    readonly id: string;
    /** "init", "active" or "terminated". */
    readonly state: string;
    readonly contacts: readonly RegistrationContact[];
  }[];
}

/** One binding (RFC 3680 section 5.1). */
export interface RegistrationContact {
  readonly id: string;
  /** "active" or "terminated". */
  readonly state: string;
  /** What led to `state`: "registered", "created", "refreshed", "shortened", "expired", "deactivated", "probation",
   *  "unregistered", "rejected". */
  readonly event: string;
  readonly uri: string;
  readonly displayName?: string;
  /** Seconds left. */
  readonly expires?: number;
  /** Seconds after which a probation may be tried again. */
  readonly retryAfter?: number;
  /** Seconds since it was registered. */
  readonly durationRegistered?: number;
  /** Preference, 0 to 1. */
  readonly q?: number;
  readonly callId?: string;
  readonly cseq?: number;
  /** Further parameters of the Contact. */
  readonly params: readonly Pair[];
  /** RFC 5628. */
  readonly publicGruu?: string;
  readonly temporaryGruu?: string;
  readonly temporaryGruuCseq?: number;
}

/** The event packages whose state is read, and what it is read into. */
export interface EventValues {
  "message-summary": MessageSummary;
  dialog: DialogInfo;
  presence: Presence;
  conference: ConferenceInfo;
  reg: RegistrationInfo;
}

/** A notification of one package. `value` is absent when the body could not be read. */
interface Notification<E extends string, V> extends ReceivedContent {
  readonly event: E;
  readonly value?: V;
}

type KnownNotification = { [E in keyof EventValues]: Notification<E, EventValues[E]> }[keyof EventValues];

/**
 * A notification (RFC 6665). `event` tells the type of `value`: after `if (event.event === "dialog" && event.value)` that is a
 * {@link DialogInfo}. Documents that tell only what has changed are put together, so that it is the whole state as far as it is
 * known. `contentType` and `body` are the other side's.
 */
export type NotifyEvent<E extends string = string> =
  string extends E ? KnownNotification | Notification<string, undefined>
    : E extends keyof EventValues ? Notification<E, EventValues[E]> : Notification<E, undefined>;
