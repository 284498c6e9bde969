import type { Call } from "./call.js";
import type { Caller, CallSnapshot, Reason, Stream } from "./call_values.js";
import type { Binding } from "./connection.js";
import type { ReceivedContent } from "./content.js";
import type { SipError } from "./errors.js";
import type { NotifyEvent } from "./event_values.js";
import type { Notifier } from "./notifier.js";
import type { QualitySample } from "./quality.js";
import type { Referral } from "./referral.js";

/**
 * Where a call stands.
 *
 * | state | outgoing | incoming |
 * |---|---|---|
 * | `preparing` | media is being set up, nothing was sent yet | – |
 * | `calling` | INVITE sent, no answer yet | – |
 * | `ringing` | the other side rings (18x) | waiting for accept or reject |
 * | `answering` | – | accepted, media is being set up |
 * | `accepted` | – | 200 sent, ACK not here yet |
 * | `established` | both sides talk | both sides talk |
 * | `resuming` | after {@link UserAgent.restore}: the other side is asked for a new connection | the same |
 * | `canceling` | hung up before the answer; CANCEL sent | – |
 * | `ended` | over | over |
 */
export type CallState =
  | "preparing" | "calling" | "ringing" | "answering" | "accepted" | "established" | "resuming" | "canceling" | "ended";

/** Who made a call. */
export type Direction = "outgoing" | "incoming";

/** Who did something: this side, the other one, or neither (time-out, lost connection, failed media). */
export type Party = "local" | "remote" | "system";

/** The other side of a call, subscription or message. Every field is text from the network: never use it as markup. */
export interface Identity {
  /** Name that the other side gives itself; empty when there is none. It proves nothing. */
  readonly displayName: string;
  /** SIP URI, such as "sip:1002@example.com". */
  readonly uri: string;
  /** User part of the URI, such as "1002"; empty when there is none. */
  readonly user: string;
}

/** One SIP message as it went over the wire, with passwords' digests masked. */
export interface TraceMessage {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly direction: "in" | "out";
  /** WebSocket URL of the server. */
  readonly server: string;
  /** The whole message. Text from the network, never markup. */
  readonly text: string;
}

/** The events of a {@link UserAgent}: name and what listeners get. */
export interface UserAgentEvents {
  /** The WebSocket to `server` is open. `flow` numbers the flows of the option `flows`, from 1. */
  connected: { readonly flow: number; readonly server: string };
  /** It is gone. `code` and `reason` are those of the WebSocket close (RFC 6455 section 7.1.5; 1006: no close frame
   *  came). `error` is absent when this side closed it. */
  disconnected: { readonly flow: number; readonly server: string; readonly code: number; readonly reason: string; readonly error?: SipError };
  /** There is no connection; the next attempt comes after `delay` milliseconds. `attempt` counts from 1 after each connection. */
  reconnecting: { readonly flow: number; readonly attempt: number; readonly delay: number };
  /** The registrar holds our binding for `expires` seconds from now. Comes again with each refresh (RFC 3261 section 10).
   *  `bindings` are all of the address of record; `gruu` is the address of exactly this user agent (RFC 5627); `outbound` tells
   *  that calls come over this flow (RFC 5626). */
  registered: {
    readonly flow: number; readonly expires: number; readonly bindings: readonly Binding[]; readonly gruu?: string;
    readonly outbound: boolean;
  };
  /** The registration, of which `expires` seconds are left, is about to be refreshed: the moment to call `setPush`. */
  registrationExpiring: { readonly flow: number; readonly expires: number };
  /** An attempt to register or refresh failed. Unless `final`, the user agent goes on trying: after `retryIn` seconds, or without
   *  it as soon as there is a connection. */
  registrationFailed: { readonly flow: number; readonly error: SipError; readonly final: boolean; readonly retryIn?: number };
  /** Calls do not reach this user agent any more. `error` is absent when that was asked for. */
  unregistered: { readonly error?: SipError };
  /** Somebody calls. 180 Ringing has been sent, unless the option `manualRinging` is set; `accept`, `reject` or `redirect` it. While this
   *  event has no listener, callers are answered 480 Temporarily Unavailable; so are those that take the place of another call, unless
   *  that one has a listener for `replaced`. */
  incoming: Call;
  /** Somebody with whom there is no call asks us to call a target, as click-to-dial services do. Anybody can send that: who accepts
   *  without asking the person lets strangers make calls. While this event has no listener, it is answered 603 Decline. */
  referral: Referral;
  /** Somebody has sent a message outside of any call (RFC 3428). It has been answered 200, also while this event has no listener. */
  message: ReceivedContent & { readonly from: Identity; readonly to: Identity };
  /** Somebody wants to be told of a state of ours: `accept` or `reject` it within 20 seconds, or it is answered 480; so it is while
   *  this event has no listener. Comes for the option `eventPackages`. */
  incomingSubscription: Notifier;
  /** A notification that nobody has subscribed to. Comes with the option `unsolicitedNotify`. */
  notify: NotifyEvent;
  /** The report of the call (option `quality`, `report`) did not reach the collector, or that did not take it. It is not sent again. */
  reportFailed: { readonly call: Call; readonly error: SipError };
  /** A message from the network could not be used. It was answered as SIP demands, and the user agent goes on. */
  protocolError: { readonly error: SipError };
  /** A SIP message was sent or received. Tracing is on while this event has a listener. */
  trace: TraceMessage;
  /** The Go program ended by a defect. Everything pending was rejected with `error`, and so is what is tried afterwards;
   *  make a new user agent to go on. */
  exit: { readonly error: SipError };
}

/** How a call ended. */
export interface EndedEvent {
  /** Who ended it. */
  readonly by: Party;
  /** Status of the final response, or of the Reason header in BYE or CANCEL (RFC 3326). Absent when there was none. */
  readonly status?: number;
  /** Its phrase, possibly empty. Text from the network, never markup. */
  readonly reason: string;
  /** All that the other side gave (RFC 3326): of SIP, of the telephone network (Q.850) and others. */
  readonly reasons: readonly Reason[];
  /** Why, when the call did not end by an ordinary hang-up. */
  readonly error?: SipError;
}

/** The events of a {@link Call}: name and what listeners get. */
export interface CallEvents {
  /** The state changed. Comes before the event that belongs to the change. */
  state: { readonly state: CallState; readonly previous: CallState };
  /** A provisional response came (RFC 3261 section 21.1): 180, 183, 181, 182, and 199 when one of several places has stopped ringing.
   *  `earlyMedia`: the other side already sends sound. `fork` tells the places apart: see {@link Call.forks}. `reliable`: it was
   *  acknowledged (RFC 3262). */
  ringing: {
    readonly status: number; readonly reason: string; readonly earlyMedia: boolean; readonly fork: string; readonly reliable: boolean;
  };
  /** An outgoing call goes on to `target`, since the address before was answered with `status` (option `followRedirects`). */
  redirected: { readonly status: number; readonly target: string };
  /** The call is answered and its media is set up. */
  answered: Record<string, never>;
  /** What is sent and received has changed: hold, video, or what the other side makes of them. Comes after `answered` too. */
  media: { readonly streams: readonly Stream[] };
  /** The network tells somebody else at the other side than before, as a PBX does after a transfer, or for the first time who has
   *  answered (RFC 3325, RFC 4916). */
  identity: { readonly caller: Caller };
  /** `by` put the call on hold (RFC 3264 section 8.4). */
  held: { readonly by: Party };
  /** `by` took the call back from hold. */
  resumed: { readonly by: Party };
  /** The other side sent a tone: 0-9, *, #, A-D, or "!" for a hook flash. Browsers do not tell of tones in the media, so that only those
   *  in INFO come. `duration` is in milliseconds. */
  tone: { readonly tone: string; readonly duration?: number; readonly method: "rtp" | "info-relay" | "info" };
  /** The other side sent an INFO (RFC 6086). `package` is one of the option `infoPackages`; absent for an INFO of the old kind. */
  info: ReceivedContent & { readonly package?: string };
  /** The other side sent a message inside the call (RFC 3428). It has been answered 200, also while this event has no listener. */
  message: ReceivedContent;
  /** The call is in trouble and is being recovered; media goes on as long as it can. `why`: the connection to the server was lost
   *  ("flow"), the one to the other side is interrupted ("connection"), or the page began anew ("reload"). `offering`: the other side is
   *  being offered a new connection; before, the server is waited for. */
  recovering: { readonly why: "flow" | "connection" | "reload"; readonly offering: boolean };
  /** It is in order again, or with an `error`: the other side did not take a new connection, and the call goes on with the old one. */
  recovered: { readonly error?: SipError };
  /** The connection to the other side has changed its state (W3C WebRTC section 4.3.3). */
  connection: { readonly state: "new" | "connecting" | "connected" | "disconnected" | "failed" | "closed" };
  /** The session timer was set anew: the call is alive at both ends, and ends when nothing refreshes it within `interval` seconds (RFC
   *  4028). `byUs`: the next refresh is ours to send. */
  refreshed: { readonly interval: number; readonly byUs: boolean };
  /** What {@link Call.snapshot} gives is another one. */
  snapshot: CallSnapshot;
  /** The other side asks us to call somebody else, mostly because it transfers us. The call goes on meanwhile. While this event has no
   *  listener, it is answered 603 Decline. */
  referred: Referral;
  /** `by` has taken the place of this call at the wish of its other side (RFC 3891), and this one is being hung up. */
  replaced: { readonly by: Call };
  /** How the sound was since the sample before. Comes from the answer to the end, each 5 seconds unless the option `quality` says something else. */
  quality: QualitySample;
  /** The video that we send has ended by itself: the person has ended it in the browser, or the camera was unplugged. The other side sees
   *  its last picture: `stopVideo`, or `addVideo` another one. */
  videoended: Record<string, never>;
  /** Last event of a call; comes exactly once. */
  ended: EndedEvent;
  /** The function in `ice.servers` failed, or did not come back in time: the call goes on without ICE servers. Without a listener it is
   *  reported to the page (reportError). */
  iceServersFailed: { readonly error: SipError };
  /** The browser's peer connection exists. Use it for statistics; do not negotiate with it. */
  peerconnection: { readonly peerConnection: RTCPeerConnection };
  /** The microphone is open. Comes again with `peerconnection` when a call is made anew, over the next connection or at the next address. */
  localstream: { readonly stream: MediaStream };
  /** The stream with the other side's sound exists. Its video joins it: `media` tells when. */
  remotestream: { readonly stream: MediaStream };
  /** The browser refused to play the sound without a gesture: the other side, or a signal of the option `tones`. Call `resume` in the
   *  handler of a click; it rejects with "autoplay-blocked" when it was none, and does nothing when there is nothing to hear any more. */
  autoplayBlocked: {
    readonly error: SipError;
    /** Plays it. */
    readonly resume: () => Promise<void>;
  };
  /**
   * Another microphone is used. `why`: it was `chosen`; it took the place of one that was `lost`; or it was `found` after a time without
   * one. `label` is text from the system.
   */
  microphone: { readonly why: "chosen" | "lost" | "found"; readonly id: string; readonly label: string };
  /** The microphone is gone and nothing took its place: the other side hears silence. `error` has code "media-ended" and says what to do. */
  microphoneended: { readonly error: SipError };
  /** How loud what is sent (`local`: 0 while it is muted) and what is received is: from 0, which is 60 dB below the loudest, to 1. Comes ten
   *  times a second while this event has a listener. */
  level: { readonly local: number; readonly remote: number };
}
