import type { Call } from "./call.js";
import type { Reason } from "./call_values.js";
import type { ToneCountry, Tones } from "./cadences.js";
import type { IceOptions } from "./ice.js";
import type { QualityOptions } from "./quality.js";

/** What an act that one can stop waiting for takes. */
export interface Waiting {
  /** Ends the waiting with code "canceled". The act itself goes on. */
  signal?: AbortSignal;
}

/** SIP headers of the application, such as `[["X-Ticket", "4711"]]`. Those of the protocol (Via, From, Contact …) are refused. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** The media of one call. */
export interface MediaOptions {
  /** Stream to send instead of the microphone. It stays the caller's: it is not stopped at the end of the call. */
  stream?: MediaStream;
  /** Constraints for the microphone, and the camera if it is to be on from the start. Default: `{ audio: true }`. For `true` the devices
   *  are taken that {@link Devices} was told to use. */
  constraints?: MediaStreamConstraints;
  /** What is not as in the user agent's `ice`. */
  ice?: IceOptions;
  /** What else the peer connection is made with, such as `certificates`. Default `{}`. */
  rtcConfiguration?: Omit<RTCConfiguration, "iceServers" | "iceTransportPolicy">;
}

/** Where to play the other side. */
export interface AudioOptions {
  /** An element of the page, or false to play nothing and use `call.remoteStream` instead. Default: an element of the
   *  package's own, which is not put into the document. */
  audio?: HTMLAudioElement | false;
}

/**
 * Whether provisional responses go reliably, so that none is lost on the way (RFC 3262).
 *
 * | | |
 * |---|---|
 * | `supported` | where the other side wants it, and with a session description where it can |
 * | `required` | always: a call to somebody who cannot fails with "rejected" and status 420 |
 * | `off` | never |
 */
export type Reliable = "supported" | "required" | "off";

/** Options of {@link UserAgent.call}. */
export interface CallOptions extends AudioOptions {
  /** Headers to add to the INVITE. */
  headers?: HeaderList;
  media?: MediaOptions;
  /** Hide who calls: From says so, and proxies keep the identity that they vouch for to themselves (RFC 3323, RFC 3325). */
  anonymous?: boolean;
  /** Further values of the Privacy header: "user", "header", "session", "history", "id", "none", "critical". */
  privacy?: readonly string[];
  /** Which of our identities the proxy should vouch for, such as "sip:sales@example.com" (RFC 3325 section 9.2). */
  preferredIdentity?: string;
  /** A User-to-User header (RFC 7433), such as "56a390f3d2b7;encoding=hex". */
  userToUser?: string;
  /** Ask the other side to answer by itself, or not to (RFC 5373). Default: it is not said. */
  answerMode?: "Auto" | "Manual";
  /** Let the other side make the offer: the INVITE has no session description (RFC 3261 section 13.2.1). Default false. */
  lateOffer?: boolean;
  /** Default: the user agent's option. */
  reliable?: Reliable;
  /** Let what the other side sends before it answers be heard: ringing tones, announcements. Default true. */
  earlyMedia?: boolean;
  /** Milliseconds that it may ring; then the call ends with code "timeout". Default: the user agent's option. */
  noAnswerTimeout?: number;
  /** How many times to go on to where a 3xx points; 0: not at all. Default: the user agent's option. */
  followRedirects?: number;
  /** Take the place of this call at its other side (RFC 3891): that side answers the new call and hangs up this one. */
  replaces?: Call;
  /** Hangs up when it aborts, in whatever state the call is. */
  signal?: AbortSignal;
}

/** Options of {@link UserAgent.restore}. */
export interface RestoreOptions extends AudioOptions {
  media?: MediaOptions;
  /** Hangs up when it aborts, in whatever state the call is. */
  signal?: AbortSignal;
}

/** Options of {@link Call.accept}. */
export interface AcceptOptions extends AudioOptions, Waiting {
  media?: MediaOptions;
  /** Headers to add to the 200. */
  headers?: HeaderList;
}

/** Options of {@link Call.progress}. */
export interface ProgressOptions extends Waiting {
  /** 101 to 198. Default 183 Session Progress with `media`, otherwise 180 Ringing. */
  status?: number;
  /** Reason phrase. Default: that of the status. */
  reason?: string;
  /** Send a session description, so that the caller hears us before the call is accepted. Opens the microphone. Default false. */
  media?: boolean | MediaOptions;
  /** Default: the user agent's option. */
  reliable?: Reliable;
  /** Headers to add to the response. */
  headers?: HeaderList;
}

/** How {@link Call.reject} refuses a call. */
export interface Rejection {
  /** 300 to 699 (RFC 3261 section 21). Default 486 Busy Here. */
  status?: number;
  /** Reason phrase. Default: that of the status. */
  reason?: string;
  /** Seconds after which the caller may try again (RFC 3261 section 20.33). Default: it is not said. */
  retryAfter?: number;
  /** Headers to add to the response. */
  headers?: HeaderList;
}

/** Options of {@link Call.hangup}. */
export interface HangupOptions {
  /** Told to the other side (RFC 3326), such as `{ protocol: "SIP", cause: 200, text: "Call completed elsewhere" }`. */
  reason?: Reason;
}

/** What is sent as video. */
export interface VideoOptions extends Waiting {
  /** Constraints for the camera or the screen. Default: the browser's. */
  constraints?: MediaTrackConstraints;
  /** A stream of the page's own, whose first video track is sent. It stays the page's: it is not stopped. */
  stream?: MediaStream;
}

/** Options of {@link Call.sendDTMF}. */
export interface DTMFOptions {
  /** How they are sent: "rtp", telephone events in the media (RFC 4733); "info-relay" and "info", one INFO for each with the
   *  content type application/dtmf-relay or application/dtmf, for gateways that take nothing else. Default "rtp". */
  method?: "rtp" | "info-relay" | "info";
  /** Milliseconds of each tone. Default 100; 40 to 6000. */
  duration?: number;
  /** Milliseconds between tones. Default 70; 30 to 6000. */
  gap?: number;
  /** Drops those of these tones that have not begun; the tones of other `sendDTMF`s are left alone. What is sent by INFO is dropped
   *  as a whole, and only before the first tone. */
  signal?: AbortSignal;
}

/** Options of {@link Call.transfer}. */
export interface TransferOptions extends Waiting {
  /** Headers to add to the REFER. */
  headers?: HeaderList;
  /** Ask the other side not to tell what becomes of the transfer (RFC 4488). Where it agrees, the transfer is done as soon as it is
   *  accepted. Default false. */
  noSubscription?: boolean;
  /** Whom the target is told as the one who transfers (RFC 3892), such as "sip:1001@example.com". Default: our address. */
  referredBy?: string;
  /** Leave the calls as they are when the transfer has succeeded. Default false: they are hung up. */
  keep?: boolean;
}

/** A session description on its way between the browser and the network. */
export interface Description {
  readonly call: Call;
  /** Ours, about to be sent; otherwise the other side's, about to be applied. */
  readonly local: boolean;
  /** "pranswer": an answer that another one may follow (early media). */
  readonly kind: "offer" | "answer" | "pranswer";
  readonly sdp: string;
}

/** How a session that is dead without anybody knowing is noticed (RFC 4028): one side refreshes it, and without a refresh it ends. */
export interface SessionTimer {
  /** Seconds asked for. Default 1800, at least 90. */
  expires?: number;
  /** The shortest interval that is taken, in seconds. Default and least 90. */
  minSE?: number;
  /** Who should refresh. Default: the other side decides. */
  refresher?: "local" | "remote";
  /** How: default "update" where the other side takes it, otherwise "invite". */
  method?: "invite" | "update";
}

/** How a user agent treats its calls. */
export interface CallsOptions {
  /**
   * Signals that the person hears, made by the page: it rings here, it rings there, busy. A country, or more than that. With false your
   * page makes its own. Default false.
   */
  tones?: false | ToneCountry | Tones;
  /** Take the system's default microphone when the one in use is unplugged during a call, and the next one that is plugged in when there
   *  is none. Default true. */
  microphoneFallback?: boolean;
  /** Calls that there may be at once; further ones are answered 486. 1 to 64, default 64. */
  maxCalls?: number;
  /** Put the other calls on hold when one is made, accepted or resumed. Those of one conference belong together. Default false. */
  holdOthers?: boolean;
  /** Leave it to the page to tell callers that it rings: {@link Call.progress}. Default false: they are sent 180 at once. */
  manualRinging?: boolean;
  /**
   * In which ways callers may have their calls accepted without the page, for intercom and paging. Who may call in this way hears
   * the room: switch on what your server sends, and make sure that it takes it away from what strangers send. Default: none.
   */
  autoAnswer?: {
    /** "Answer-Mode: Auto" and "Priv-Answer-Mode: Auto" (RFC 5373). */
    answerMode?: boolean;
    /** "Alert-Info: …;info=alert-autoanswer" and its kin. */
    alertInfo?: boolean;
    /** "Call-Info: …;answer-after=0" and its kin. */
    callInfo?: boolean;
  };
  /** Leave it to the page to accept a call that takes the place of another one (RFC 3891). Default false: it is accepted at once,
   *  because the person talks already. */
  manualReplaces?: boolean;
  /** Milliseconds that an outgoing call may ring. Default: as long as the other side and the servers let it. */
  noAnswerTimeout?: number;
  /** How many times an outgoing call goes on to where a 3xx points (RFC 3261 section 8.1.3.4). Default 0. */
  followRedirects?: number;
  /** Default "supported". */
  reliable?: Reliable;
  /** False neither asks for a session timer nor agrees to one. Default `{}`. */
  sessionTimer?: false | SessionTimer;
  /**
   * Which codecs are used and preferred. A pattern is the encoding name of RFC 4855 in any case, with "*" for any text and "?" for any
   * one letter, and may have a clock rate: "opus", "PC*", "telephone-event/8000". Default: as the browser has them.
   */
  codecs?: {
    /** These come first, in this order. */
    order?: readonly string[];
    /** These are taken out of offers and answers of both sides. An offer of which nothing is left is answered 488. */
    remove?: readonly string[];
  };
  /** Bounds for each stream in kbit/s, of what is sent and what the other side is asked to send (RFC 8866 section 5.8). Default: none. */
  bandwidth?: { audio?: number; video?: number };
  /** How the sound of each call is measured; false: not at all, and {@link Call.summary} has nothing to tell. Default `{}`. */
  quality?: false | QualityOptions;
  /**
   * Sees every session description on its way between the browser and the network, and returns it, changed or not. What it throws is
   * the error of the call, or of the act that the description was for. One description of a call at a time.
   */
  sdp?: (description: Description) => string | Promise<string>;
}
