/** One call (a SIP dialog with a session, RFC 3261 sections 12 and 13), as caller or as callee. */
export declare class Call {
    #private;
    /** Who made the call. */
    readonly direction: Direction;
    /**
     * Resolves when the call is answered and its media is set up; rejects when it ends before that, with code "rejected"
     * and the response's status, "canceled", "timeout" and so on. Nobody has to look at it.
     */
    readonly answered: Promise<void>;
    /** Resolves when the call is over. Never rejects. */
    readonly ended: Promise<EndedEvent>;
    /** The call is being accepted without the page, as the option `autoAnswer` of the user agent allows. */
    readonly autoAnswer: boolean;
    /** The call of ours that this incoming one takes the place of (RFC 3891). It is accepted at once, unless the user agent's option
     *  `manualReplaces` is set: for the person it is the same call, with somebody else in it. */
    readonly replaces: Call | undefined;
    private constructor();
    /** The Call-ID (RFC 3261 section 8.1.1.4). Empty until an outgoing call is set up. */
    get id(): string;
    /** The other side. Of an outgoing call: its target, until the call is set up. */
    get remote(): Identity;
    /** Who calls and what for; of an outgoing call, what its answers told of the other side. */
    get caller(): Caller;
    /** Where the call stands. */
    get state(): CallState;
    /** The microphone is muted. */
    get muted(): boolean;
    /** Who has the call on hold; both may. */
    get onHold(): {
        readonly local: boolean;
        readonly remote: boolean;
    };
    /** The places that an outgoing call has reached so far, in the order of their first answers. */
    get forks(): readonly Fork[];
    /** What is sent and received, as it was agreed last; empty before the answer. */
    get streams(): readonly Stream[];
    /** The other side is a conference server (RFC 4579 section 5.2): {@link watchConference} tells who takes part. */
    get focus(): boolean;
    /** The connection to the server is lost, or the one to the other side, and the call is being recovered. */
    get recovering(): boolean;
    /**
     * What {@link UserAgent.restore} needs to go on with the call after a reload. It is always the latest, so that a `pagehide` handler can
     * store it. Absent before the call is established and when it is over.
     */
    get snapshot(): CallSnapshot | undefined;
    /** The browser's peer connection, once it exists. Use it for statistics; do not negotiate with it. */
    get peerConnection(): RTCPeerConnection | undefined;
    /** What is sent, once the microphone is open; the camera and the screen are in it too, unless the stream is the page's own. */
    get localStream(): MediaStream | undefined;
    /** What comes from the other side, once it exists: sound, and video that a `<video>` element shows. The same object for the whole call. */
    get remoteStream(): MediaStream | undefined;
    /** How the sound was during the last interval: the event `quality`. Absent before the first sample, and with the option `quality: false`. */
    get quality(): QualitySample | undefined;
    /** Resolves when the call is over, with how its sound was all in all; with undefined when it was not answered, or not measured (option
     *  `quality: false`). Never rejects. */
    get summary(): Promise<QualitySummary | undefined>;
    /** When the call was answered, in milliseconds since 1970. */
    get startTime(): number | undefined;
    /** Milliseconds since the answer, or from the answer to the end; 0 before. */
    get duration(): number;
    /**
     * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
     * @returns the function that removes it
     */
    on<K extends keyof CallEvents>(type: K, listener: (event: CallEvents[K]) => unknown): () => void;
    /**
     * Tells the caller how an incoming call stands before it is accepted: 180 Ringing, 181 Call Is Being Forwarded, 182 Queued, or 183
     * with `media`, after which the caller hears us. Resolves when the response is sent.
     * @throws {SipError} "invalid-argument"; "invalid-state" when the call does not ring any more; "unsupported" when the response has
     * to be reliable and the caller cannot; with `media` as {@link accept}.
     */
    progress(options?: ProgressOptions): Promise<void>;
    /**
     * Answers an incoming call (200 OK). Resolves when that is sent and the media is up.
     * @throws {SipError} "media-denied" or "media-not-found" without a microphone, "media-failed" when the description
     * cannot be used: the caller is answered 480 or 488 and the call ends; "invalid-state" when the call does not ring
     * any more; "invalid-argument".
     */
    accept(options?: AcceptOptions): Promise<void>;
    /**
     * Declines an incoming call.
     * @param how a status (RFC 3261 section 21), or more than that. 486 Busy Here lets a server try the person's other devices or
     * the mailbox, 603 Decline ends it everywhere.
     * @throws {SipError} "invalid-state" when the call does not ring any more; "invalid-argument".
     */
    reject(how?: number | Rejection): Promise<void>;
    /**
     * Deflects an incoming call: the caller is sent 302 with up to ten addresses where it should try, the best one first. Each is what
     * {@link UserAgent.call} takes.
     * @throws {SipError} as {@link reject}.
     */
    redirect(...targets: string[]): Promise<void>;
    /**
     * Ends the call in whatever state it is: CANCEL, BYE or a rejection, as SIP demands. Does nothing when it is over.
     * @throws {SipError} "invalid-argument"; "timeout" when nobody answers the BYE: the call is over all the same.
     */
    hangup(options?: HangupOptions): Promise<void>;
    /**
     * Puts the other side on hold by a re-INVITE (RFC 3264 section 8.4).
     * @throws {SipError} "invalid-state" before the call is answered; "rejected", which leaves the call as it was; "timeout".
     */
    hold({ signal }?: Waiting): Promise<void>;
    /**
     * Takes the other side back.
     * @throws {SipError} as {@link hold}.
     */
    resume({ signal }?: Waiting): Promise<void>;
    /** Sends silence instead of the microphone. The other side is not told. */
    mute(on?: boolean): Promise<void>;
    /** Sends the microphone again. */
    unmute(): Promise<void>;
    /**
     * Sends another microphone from now on; mute, hold and conference stay as they are. For an incoming call it can be chosen before
     * `accept`. {@link Devices.useMicrophone} does it for all calls.
     * @param source the `id` of a {@link Device}, constraints, or a stream of the page, whose first track of sound is sent and never
     * stopped; null: the system's default
     * @throws {SipError} "media-denied", "media-not-found", "media-failed", "insecure-context": what was sent before is sent still;
     * "invalid-state" when the call is over or sends no sound; "invalid-argument".
     */
    useMicrophone(source: Source | null): Promise<void>;
    /**
     * Records both sides, from when `consent` gives true until {@link Recording.stop} or the end of the call. What is not sent, because the
     * call is muted or on hold, is not recorded.
     * @throws {SipError} "canceled" without consent; "invalid-state" before the call is answered and when it is over; "unsupported" where the
     * browser cannot; "autoplay-blocked" before the person has touched the page; "media-failed"; "invalid-argument". What `consent` throws.
     */
    record(options: RecordOptions): Promise<Recording>;
    /**
     * Sends video: the camera, which the browser asks the person for, or a stream of the page. Where video is sent already its source is
     * changed. Resolves when the other side has agreed.
     * @throws {SipError} "invalid-state" before the call is answered; "media-denied", "media-not-found", "media-failed"; "rejected" when
     * the other side does not want it, which leaves the call as it was; "invalid-argument".
     */
    addVideo(options?: VideoOptions): Promise<void>;
    /**
     * Sends the screen, a window or a tab in place of the camera. Browsers ask the person which one, and want a click before: call it in
     * the handler of that. The event `videoended` tells that the person has ended it in the browser.
     * @throws {SipError} as {@link addVideo}; "unsupported" when this browser cannot.
     */
    shareScreen(options?: VideoOptions): Promise<void>;
    /**
     * Sends no video any more, and goes on to receive it.
     * @throws {SipError} as {@link hold}.
     */
    stopVideo({ signal }?: Waiting): Promise<void>;
    /**
     * Neither sends nor receives video any more. The sound goes on.
     * @throws {SipError} as {@link hold}.
     */
    removeVideo({ signal }?: Waiting): Promise<void>;
    /**
     * Makes the connection to the other side anew (ICE restart, RFC 8839). That is done by itself when the connection fails.
     * @throws {SipError} as {@link hold}.
     */
    restartIce({ signal }?: Waiting): Promise<void>;
    /**
     * Shows the other side, and finds out, that the call goes on (RFC 4028 section 7.4). A call that the other side does not know any more
     * ends.
     * @throws {SipError} as {@link hold}.
     */
    refresh({ signal }?: Waiting): Promise<void>;
    /**
     * Sends tones, one after the other and after those asked for before. Resolves when the last one is sent.
     * @param tones of 0-9, A-D, # and *; a comma pauses for two seconds (W3C WebRTC section 7)
     * @throws {SipError} "unsupported" when the other side takes no telephone events; "invalid-state" before the call is answered;
     * "invalid-argument".
     */
    sendDTMF(tones: string, options?: DTMFOptions): Promise<void>;
    /**
     * Asks the other side to call somebody else instead of us (REFER). With a target that is a blind transfer (RFC 5589 section 6); with
     * another call, such as one of {@link consult}, it connects the other sides of both (section 7.3): they are put on hold first.
     * Resolves when the other side has accepted; {@link Transfer.done} tells what becomes of it. When it has succeeded the calls are hung
     * up, unless `keep` is set; when it has failed they go on.
     * @param to as of {@link UserAgent.call}, or an answered call of the same user agent
     * @throws {SipError} "invalid-argument"; "invalid-state" when one of the calls is not answered; "rejected" with the status (405 or 501
     * from who cannot be transferred), "timeout", "connection-lost".
     */
    transfer(to: string | Call, options?: TransferOptions): Promise<Transfer>;
    /**
     * Puts this call on hold and calls somebody else: to ask before {@link transfer}. Returns at once; a hold that fails ends the new call
     * with its error. To come back, hang up the new call and {@link resume} this one.
     * @param target as of {@link UserAgent.call}
     */
    consult(target: string, options?: CallOptions): Call;
    /**
     * Hangs this call up, a consultation mostly, and takes another one back from hold.
     * @throws {SipError} as {@link hangup} and {@link resume}.
     */
    return(to: Call, waiting?: Waiting): Promise<void>;
    /**
     * Subscribes to the state of the conference that the call is with (RFC 4575): `notify` brings who takes part. Returns at once, as
     * {@link UserAgent.subscribe}; when the other side is no conference server ({@link focus}) the subscription ends with code "invalid-state".
     */
    watchConference(options?: Omit<SubscribeOptions, "event">): Subscription<"conference">;
    /**
     * Sends an INFO inside the call. Resolves when the other side has accepted it.
     * @throws {SipError} "invalid-state" before the call is answered; "unsupported" for a package that the other side has not said it
     * takes; "rejected", "timeout", "connection-lost".
     */
    info({ package: name, signal, ...content }: InfoOptions): Promise<void>;
    /**
     * Sends a message to the other side inside the call. Resolves when it has been accepted.
     * @throws {SipError} "invalid-state" before the call is answered, and as {@link UserAgent.message}.
     */
    message({ headers, signal, ...content }: MessageOptions): Promise<void>;
}
/** Options of {@link Call.accept}. */
export interface AcceptOptions extends AudioOptions, Waiting {
    media?: MediaOptions;
    /** Headers to add to the 200. */
    headers?: HeaderList;
}
/** Where to play the other side. */
export interface AudioOptions {
    /** An element of the page, or false to play nothing and use `call.remoteStream` instead. Default: an element of the
     *  package's own, which is not put into the document. */
    audio?: HTMLAudioElement | false;
}
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
    bandwidth?: {
        audio?: number;
        video?: number;
    };
    /** How the sound of each call is measured; false: not at all, and {@link Call.summary} has nothing to tell. Default `{}`. */
    quality?: false | QualityOptions;
    /**
     * Sees every session description on its way between the browser and the network, and returns it, changed or not. What it throws is
     * the error of the call, or of the act that the description was for. One description of a call at a time.
     */
    sdp?: (description: Description) => string | Promise<string>;
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
/** Options of {@link Call.hangup}. */
export interface HangupOptions {
    /** Told to the other side (RFC 3326), such as `{ protocol: "SIP", cause: 200, text: "Call completed elsewhere" }`. */
    reason?: Reason;
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
/** Options of {@link UserAgent.restore}. */
export interface RestoreOptions extends AudioOptions {
    media?: MediaOptions;
    /** Hangs up when it aborts, in whatever state the call is. */
    signal?: AbortSignal;
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
/** What is sent as video. */
export interface VideoOptions extends Waiting {
    /** Constraints for the camera or the screen. Default: the browser's. */
    constraints?: MediaTrackConstraints;
    /** A stream of the page's own, whose first video track is sent. It stays the page's: it is not stopped. */
    stream?: MediaStream;
}
/** What an act that one can stop waiting for takes. */
export interface Waiting {
    /** Ends the waiting with code "canceled". The act itself goes on. */
    signal?: AbortSignal;
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
    readonly referredBy?: Identity & {
        readonly contentId?: string;
    };
    /** All headers besides those of the protocol: X-… and what is unknown. */
    readonly headers: readonly (readonly [name: string, value: string])[];
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
/** One value of Alert-Info or Call-Info. */
export interface InfoUri {
    /** The URI, or the words that some servers send in its place, such as "Ring Answer". */
    readonly uri: string;
    readonly params: readonly (readonly [name: string, value: string])[];
}
/** Why a call ends, is refused, diverted or preempted (RFC 3326). */
export interface Reason {
    /** "SIP": `cause` is a status; "Q.850": it is one of the telephone network (16 normal, 17 busy, 19 no answer …); or another. */
    readonly protocol: string;
    readonly cause?: number;
    /** For people. */
    readonly text?: string;
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
/** The name of a call (RFC 3891), seen by whom the INVITE is for: `toTag` is its own tag in that call. */
export interface Replaces {
    readonly callId: string;
    readonly toTag: string;
    readonly fromTag: string;
    /** It is replaced only while nobody has answered it: a ringing call is picked up. */
    readonly earlyOnly: boolean;
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
/** One signal of a telephone. */
export interface Cadence {
    /** Frequencies in Hz that sound together, or one after the other with `warble`. */
    readonly hz: readonly number[];
    /** Seconds of sound and silence in turn, sound first; it begins anew at the end. */
    readonly seconds: readonly number[];
    /** How many times a second the frequency changes to the next one, as a bell does. Default: all sound together. */
    readonly warble?: number;
}
/** Countries whose signals are known: "eu" has what most of Europe uses (425 Hz). */
export type ToneCountry = "eu" | "uk" | "us" | "fr" | "au";
/** What the person hears of a call besides the other side. Each signal may be another one, or false for none. */
export interface Tones {
    /** Default "eu". */
    readonly country?: ToneCountry;
    /** 0 to 1. Default 0.1; `ringing` is twice as loud. */
    readonly volume?: number;
    /** Somebody calls. */
    readonly ringing?: Cadence | false;
    /** Somebody calls while there is another call. */
    readonly waiting?: Cadence | false;
    /** It rings at the other side, which sends no sound of its own. */
    readonly ringback?: Cadence | false;
    /** The other side is busy: 486 and 600. Three seconds. */
    readonly busy?: Cadence | false;
    /** The call failed in another way. Three seconds. */
    readonly congestion?: Cadence | false;
}
/**
 * A meeting of calls in which everybody hears everybody else: each call sends the sound of the others besides ours. The page mixes, no
 * server takes part. `mute` of a call takes our own voice out of what that call hears; `hold` puts that party outside.
 *
 * It is over with {@link Conference.end}, or when the last call has left it.
 */
export declare class Conference {
    #private;
    private constructor();
    /** Those who take part. */
    get calls(): readonly Call[];
    /**
     * Brings another call in; one that is on hold is taken back.
     * @throws {SipError} "invalid-state" when the call is not established or in another conference, or the conference is over;
     * "unsupported" when this browser cannot mix; and as {@link Call.resume}.
     */
    add(call: Call): Promise<void>;
    /** Takes a call out, which stays as it is: with the person alone. Does nothing for one that is not in. */
    drop(call: Call): Promise<void>;
    /** Takes all calls apart, and ends none of them. Does nothing when the conference is over. */
    end(): Promise<void>;
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
/** How a push service wakes this device when a call comes (RFC 8599 section 4.1). */
export interface Push {
    /** pn-provider: "webpush", "apns", "fcm" … */
    provider: string;
    /** pn-prid: the identifier that the service gave. */
    prid: string;
    /** pn-param: what the service needs besides. */
    param?: string;
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
/** One WebSocket entrance to the SIP service. */
export interface Server {
    /** "wss://…" or "ws://…". */
    url: string;
    /** Lower is tried first. Default 0. */
    priority?: number;
    /** Share among those of equal priority (RFC 2782). Default 0. */
    weight?: number;
}
/** What goes into the body of a request. */
export interface Content {
    /** Such as "application/pidf+xml". */
    contentType: string;
    /** Text goes out as UTF-8. Up to 60 KiB. */
    body: string | Uint8Array;
}
/** What came in the body of a message. All of it is from the network: show it as text, never as markup, whatever its type. */
export interface ReceivedContent {
    /** Empty when there is no body. */
    readonly contentType: string;
    /** The text, empty when there is none. What is no UTF-8 has replacement characters in it: see `bytes`. */
    readonly body: string;
    /** The body as it came, when it is no UTF-8. */
    readonly bytes?: Uint8Array;
}
/**
 * What a server asks, for the function that gives credentials. Its result is kept for the realm until the server refuses it; then it
 * is asked once more, with `retry`. For one realm it is asked once at a time. All text is from the network.
 */
export interface Challenge {
    /** "Digest" or "Bearer"; a server that offers both fills the fields of both. */
    readonly scheme: string;
    /** What to show to the person, who may have several accounts. */
    readonly realm: string;
    /** Digest algorithms in the order of the server. */
    readonly algorithms: readonly string[];
    /** It comes from a proxy on the way (407), not from the far end (401). */
    readonly proxy: boolean;
    /** Host of the address that was challenged. It decides whether a token may be given: a 401 may come from whoever was called. */
    readonly host: string;
    /** The whole of that address, such as "sip:1002@example.com". */
    readonly target: string;
    /** The server refused the last result. */
    readonly retry: boolean;
    /** Of a Bearer challenge: what was wrong with the last token, such as "invalid_token". */
    readonly error?: string;
    /** What the token must allow. */
    readonly scope?: string;
    /** URL of the server that issues tokens. Compare it with those that you trust before you ask it for anything. */
    readonly authzServer?: string;
}
/** What answers a server's challenge: a password, its hash, or an access token (RFC 8898), which is sent over wss:// only. */
export type Credentials = {
    username?: string;
    password: string;
    ha1?: never;
    token?: never;
} | {
    username?: string;
    ha1: string | readonly HA1[];
    password?: never;
    token?: never;
} | {
    token: string;
    username?: never;
    password?: never;
    ha1?: never;
};
/** A hash of `username:realm:password` (RFC 7616 section 3.4.2), for those who do not want to hold the password. */
export interface HA1 {
    /** Default: any. */
    realm?: string;
    /** The algorithm that made it. Default: each whose hash is as long. */
    algorithm?: "MD5" | "SHA-256" | "SHA-512-256";
    /** In hexadecimal. */
    hash: string;
}
/**
 * The microphones, cameras and loudspeakers of this computer, and which of them the calls of a user agent use. Where nothing is chosen,
 * that is the system's default.
 */
export declare class Devices {
    #private;
    /**
     * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
     * @returns the function that removes it
     */
    on<K extends keyof DevicesEvents>(type: K, listener: (event: DevicesEvents[K]) => unknown): () => void;
    /**
     * What there is. Before the person has allowed the microphone, once or for good, browsers tell no more than whether there is one: one
     * device of each kind, of which `id` and `label` are empty.
     * @throws {SipError} "insecure-context" on a page that is not served from https:// or localhost; "unsupported".
     */
    list(): Promise<DeviceList>;
    /** What was chosen, null for the system's default. */
    get microphone(): Source | null;
    /** What {@link useCamera} was given last; null: the default. */
    get camera(): Source | null;
    /** The `id` that was chosen, null for the system's default. */
    get speaker(): string | null;
    /**
     * Uses this microphone for the calls that there are, whose mute and hold stay as they are, and for later ones; null: the system's
     * default. A call that was given a microphone of its own keeps that. A device that is not there later, when a call begins, does not
     * keep it from being made: the system's default is used.
     * @throws {SipError} "invalid-argument"; "media-not-found", "media-denied", "media-failed": everything is as it was; "insecure-context".
     */
    useMicrophone(source: Source | null): Promise<void>;
    /**
     * Uses this camera where `addVideo` is not told another one: for the calls that send the camera, and for later ones.
     * @throws {SipError} as {@link useMicrophone}.
     */
    useCamera(source: Source | null): Promise<void>;
    /**
     * Plays calls through this loudspeaker, those that there are and later ones; null: the system's default. When it is unplugged, the
     * default plays until it is back.
     * @param id of a {@link Device} of the list
     * @throws {SipError} "unsupported" where the browser does not let a page choose (Safari, Firefox before 116); "media-not-found",
     * "media-denied"; "invalid-argument".
     */
    useSpeaker(id: string | null): Promise<void>;
    /**
     * Rings through another loudspeaker than calls are heard through, as with a headset on the desk; null: the same one.
     * @throws {SipError} as {@link useSpeaker}.
     */
    useRinger(id: string | null): Promise<void>;
}
/** A microphone, camera or loudspeaker. */
export interface Device {
    readonly kind: "microphone" | "camera" | "speaker";
    /** What the methods of {@link Devices} take. It stays the same for this site until the person clears the site's data. */
    readonly id: string;
    /** Its name, for the person to choose by. Text from the system, never markup. */
    readonly label: string;
    /** The system uses it where nothing is chosen. */
    readonly default: boolean;
}
/** The devices by their kind. */
export interface DeviceList {
    readonly microphones: readonly Device[];
    readonly cameras: readonly Device[];
    /** Empty in browsers that do not let a page choose. */
    readonly speakers: readonly Device[];
}
/** The events of {@link Devices}: name and what listeners get. */
export interface DevicesEvents {
    /** Something was plugged in or taken out, or the labels are known now. */
    changed: {
        readonly list: DeviceList;
        readonly added: readonly Device[];
        readonly removed: readonly Device[];
    };
}
/** A microphone or camera: the `id` of a {@link Device}, constraints, or a stream of the page, which is never stopped by this package. */
export type Source = string | MediaTrackConstraints | MediaStream;
/**
 * The error of everything in this package. `message` is a sentence for a developer's eyes; `reason` may come from the
 * network: show it as text.
 */
export declare class SipError extends Error {
    readonly name = "SipError";
    /** What a program branches on. */
    readonly code: ErrorCode;
    /** What was tried: "register", "call", "hold" … */
    readonly op?: string;
    /** Status of the SIP response that ended the act, such as 486 (RFC 3261 section 21). */
    readonly status?: number;
    /** Reason phrase of that response, or what happened. Text from the network, never markup. */
    readonly reason?: string;
    /** Seconds for which the other side asks to be left alone (RFC 3261 section 20.33). */
    readonly retryAfter?: number;
    constructor(code: ErrorCode, message: string, details?: SipErrorDetails);
}
/**
 * What went wrong, for a program to branch on. The Go package uses the same strings.
 *
 * | code | meaning |
 * |---|---|
 * | `invalid-argument` | the input is wrong; the message says what |
 * | `invalid-state` | not possible in this state of the call or user agent |
 * | `closed` | the user agent was closed |
 * | `connection-failed` | no server could be reached |
 * | `connection-lost` | the connection broke before the answer came |
 * | `timeout` | the peer did not answer in time (RFC 3261 section 17) |
 * | `rejected` | the peer answered with a failure: see `status` and `reason` |
 * | `unauthorized` | the credentials were refused, or none are known for the challenge |
 * | `canceled` | the act was given up before it was done |
 * | `protocol` | the peer sent something that cannot be used |
 * | `insecure-context` | the page is not served from https:// or localhost, so the browser keeps microphone and camera from it |
 * | `autoplay-blocked` | the browser plays no sound before the person has touched the page |
 * | `media-denied` | the person or the browser refused the microphone |
 * | `media-not-found` | there is no microphone |
 * | `media-ended` | the microphone was taken away during the call and nothing took its place |
 * | `media-failed` | the peer connection failed or refused a description |
 * | `unsupported` | this browser or the other side cannot do it |
 * | `internal` | a defect of this package |
 * | `mixed-content` | a page from https: asks for ws: or http: |
 * | `blocked-by-csp` | the page's Content-Security-Policy forbids it; the message names the directive |
 * | `load-failed` | sipwasm.wasm could not be downloaded: the network or the server failed |
 * | `wasm-not-found` | there is no sipwasm.wasm at its address, or no address is known |
 * | `wasm-wrong-type` | something else is at that address, such as an HTML page |
 * | `wasm-damaged` | sipwasm.wasm is cut off or damaged |
 * | `wasm-mismatch` | it belongs to another release than the JavaScript, or to another program |
 */
export type ErrorCode = (typeof codes)[number];
/** What a {@link SipError} carries besides its code and message. */
export interface SipErrorDetails {
    op?: string;
    status?: number;
    reason?: string;
    retryAfter?: number;
    cause?: unknown;
}
/** The events of a {@link Call}: name and what listeners get. */
export interface CallEvents {
    /** The state changed. Comes before the event that belongs to the change. */
    state: {
        readonly state: CallState;
        readonly previous: CallState;
    };
    /** A provisional response came (RFC 3261 section 21.1): 180, 183, 181, 182, and 199 when one of several places has stopped ringing.
     *  `earlyMedia`: the other side already sends sound. `fork` tells the places apart: see {@link Call.forks}. `reliable`: it was
     *  acknowledged (RFC 3262). */
    ringing: {
        readonly status: number;
        readonly reason: string;
        readonly earlyMedia: boolean;
        readonly fork: string;
        readonly reliable: boolean;
    };
    /** An outgoing call goes on to `target`, since the address before was answered with `status` (option `followRedirects`). */
    redirected: {
        readonly status: number;
        readonly target: string;
    };
    /** The call is answered and its media is set up. */
    answered: Record<string, never>;
    /** What is sent and received has changed: hold, video, or what the other side makes of them. Comes after `answered` too. */
    media: {
        readonly streams: readonly Stream[];
    };
    /** The network tells somebody else at the other side than before, as a PBX does after a transfer, or for the first time who has
     *  answered (RFC 3325, RFC 4916). */
    identity: {
        readonly caller: Caller;
    };
    /** `by` put the call on hold (RFC 3264 section 8.4). */
    held: {
        readonly by: Party;
    };
    /** `by` took the call back from hold. */
    resumed: {
        readonly by: Party;
    };
    /** The other side sent a tone: 0-9, *, #, A-D, or "!" for a hook flash. Browsers do not tell of tones in the media, so that only those
     *  in INFO come. `duration` is in milliseconds. */
    tone: {
        readonly tone: string;
        readonly duration?: number;
        readonly method: "rtp" | "info-relay" | "info";
    };
    /** The other side sent an INFO (RFC 6086). `package` is one of the option `infoPackages`; absent for an INFO of the old kind. */
    info: ReceivedContent & {
        readonly package?: string;
    };
    /** The other side sent a message inside the call (RFC 3428). It has been answered 200, also while this event has no listener. */
    message: ReceivedContent;
    /** The call is in trouble and is being recovered; media goes on as long as it can. `why`: the connection to the server was lost
     *  ("flow"), the one to the other side is interrupted ("connection"), or the page began anew ("reload"). `offering`: the other side is
     *  being offered a new connection; before, the server is waited for. */
    recovering: {
        readonly why: "flow" | "connection" | "reload";
        readonly offering: boolean;
    };
    /** It is in order again, or with an `error`: the other side did not take a new connection, and the call goes on with the old one. */
    recovered: {
        readonly error?: SipError;
    };
    /** The connection to the other side has changed its state (W3C WebRTC section 4.3.3). */
    connection: {
        readonly state: "new" | "connecting" | "connected" | "disconnected" | "failed" | "closed";
    };
    /** The session timer was set anew: the call is alive at both ends, and ends when nothing refreshes it within `interval` seconds (RFC
     *  4028). `byUs`: the next refresh is ours to send. */
    refreshed: {
        readonly interval: number;
        readonly byUs: boolean;
    };
    /** What {@link Call.snapshot} gives is another one. */
    snapshot: CallSnapshot;
    /** The other side asks us to call somebody else, mostly because it transfers us. The call goes on meanwhile. While this event has no
     *  listener, it is answered 603 Decline. */
    referred: Referral;
    /** `by` has taken the place of this call at the wish of its other side (RFC 3891), and this one is being hung up. */
    replaced: {
        readonly by: Call;
    };
    /** How the sound was since the sample before. Comes from the answer to the end, each 5 seconds unless the option `quality` says something else. */
    quality: QualitySample;
    /** The video that we send has ended by itself: the person has ended it in the browser, or the camera was unplugged. The other side sees
     *  its last picture: `stopVideo`, or `addVideo` another one. */
    videoended: Record<string, never>;
    /** Last event of a call; comes exactly once. */
    ended: EndedEvent;
    /** The function in `ice.servers` failed, or did not come back in time: the call goes on without ICE servers. Without a listener it is
     *  reported to the page (reportError). */
    iceServersFailed: {
        readonly error: SipError;
    };
    /** The browser's peer connection exists. Use it for statistics; do not negotiate with it. */
    peerconnection: {
        readonly peerConnection: RTCPeerConnection;
    };
    /** The microphone is open. Comes again with `peerconnection` when a call is made anew, over the next connection or at the next address. */
    localstream: {
        readonly stream: MediaStream;
    };
    /** The stream with the other side's sound exists. Its video joins it: `media` tells when. */
    remotestream: {
        readonly stream: MediaStream;
    };
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
    microphone: {
        readonly why: "chosen" | "lost" | "found";
        readonly id: string;
        readonly label: string;
    };
    /** The microphone is gone and nothing took its place: the other side hears silence. `error` has code "media-ended" and says what to do. */
    microphoneended: {
        readonly error: SipError;
    };
    /** How loud what is sent (`local`: 0 while it is muted) and what is received is: from 0, which is 60 dB below the loudest, to 1. Comes ten
     *  times a second while this event has a listener. */
    level: {
        readonly local: number;
        readonly remote: number;
    };
}
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
export type CallState = "preparing" | "calling" | "ringing" | "answering" | "accepted" | "established" | "resuming" | "canceling" | "ended";
/** Who made a call. */
export type Direction = "outgoing" | "incoming";
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
/** The other side of a call, subscription or message. Every field is text from the network: never use it as markup. */
export interface Identity {
    /** Name that the other side gives itself; empty when there is none. It proves nothing. */
    readonly displayName: string;
    /** SIP URI, such as "sip:1002@example.com". */
    readonly uri: string;
    /** User part of the URI, such as "1002"; empty when there is none. */
    readonly user: string;
}
/** Who did something: this side, the other one, or neither (time-out, lost connection, failed media). */
export type Party = "local" | "remote" | "system";
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
    connected: {
        readonly flow: number;
        readonly server: string;
    };
    /** It is gone. `code` and `reason` are those of the WebSocket close (RFC 6455 section 7.1.5; 1006: no close frame
     *  came). `error` is absent when this side closed it. */
    disconnected: {
        readonly flow: number;
        readonly server: string;
        readonly code: number;
        readonly reason: string;
        readonly error?: SipError;
    };
    /** There is no connection; the next attempt comes after `delay` milliseconds. `attempt` counts from 1 after each connection. */
    reconnecting: {
        readonly flow: number;
        readonly attempt: number;
        readonly delay: number;
    };
    /** The registrar holds our binding for `expires` seconds from now. Comes again with each refresh (RFC 3261 section 10).
     *  `bindings` are all of the address of record; `gruu` is the address of exactly this user agent (RFC 5627); `outbound` tells
     *  that calls come over this flow (RFC 5626). */
    registered: {
        readonly flow: number;
        readonly expires: number;
        readonly bindings: readonly Binding[];
        readonly gruu?: string;
        readonly outbound: boolean;
    };
    /** The registration, of which `expires` seconds are left, is about to be refreshed: the moment to call `setPush`. */
    registrationExpiring: {
        readonly flow: number;
        readonly expires: number;
    };
    /** An attempt to register or refresh failed. Unless `final`, the user agent goes on trying: after `retryIn` seconds, or without
     *  it as soon as there is a connection. */
    registrationFailed: {
        readonly flow: number;
        readonly error: SipError;
        readonly final: boolean;
        readonly retryIn?: number;
    };
    /** Calls do not reach this user agent any more. `error` is absent when that was asked for. */
    unregistered: {
        readonly error?: SipError;
    };
    /** Somebody calls. 180 Ringing has been sent, unless the option `manualRinging` is set; `accept`, `reject` or `redirect` it. While this
     *  event has no listener, callers are answered 480 Temporarily Unavailable; so are those that take the place of another call, unless
     *  that one has a listener for `replaced`. */
    incoming: Call;
    /** Somebody with whom there is no call asks us to call a target, as click-to-dial services do. Anybody can send that: who accepts
     *  without asking the person lets strangers make calls. While this event has no listener, it is answered 603 Decline. */
    referral: Referral;
    /** Somebody has sent a message outside of any call (RFC 3428). It has been answered 200, also while this event has no listener. */
    message: ReceivedContent & {
        readonly from: Identity;
        readonly to: Identity;
    };
    /** Somebody wants to be told of a state of ours: `accept` or `reject` it within 20 seconds, or it is answered 480; so it is while
     *  this event has no listener. Comes for the option `eventPackages`. */
    incomingSubscription: Notifier;
    /** A notification that nobody has subscribed to. Comes with the option `unsolicitedNotify`. */
    notify: NotifyEvent;
    /** The report of the call (option `quality`, `report`) did not reach the collector, or that did not take it. It is not sent again. */
    reportFailed: {
        readonly call: Call;
        readonly error: SipError;
    };
    /** A message from the network could not be used. It was answered as SIP demands, and the user agent goes on. */
    protocolError: {
        readonly error: SipError;
    };
    /** A SIP message was sent or received. Tracing is on while this event has a listener. */
    trace: TraceMessage;
    /** The Go program ended by a defect. Everything pending was rejected with `error`, and so is what is tried afterwards;
     *  make a new user agent to go on. */
    exit: {
        readonly error: SipError;
    };
}
/**
 * What the user agent takes from the page. Give your own objects to run in a sandbox, in another window or in a test;
 * what you leave out comes from the page.
 */
export interface Host {
    /** Carries SIP (RFC 7118). */
    readonly WebSocket: typeof WebSocket;
    /** Makes the media of a call. Without it registration works and calls fail. */
    readonly RTCPeerConnection: typeof RTCPeerConnection | undefined;
    /** Opens the microphone, the camera and the screen. Browsers have it in secure contexts only (https, localhost). */
    readonly mediaDevices: (Pick<MediaDevices, "getUserMedia"> & Partial<Pick<MediaDevices, "getDisplayMedia" | "enumerateDevices" | "addEventListener" | "removeEventListener">>) | undefined;
    /** Mixes the sound of a conference, with MediaStream; makes the signals, the levels and the recordings. Without it calls work, and these
     *  do not. */
    readonly AudioContext: typeof AudioContext | undefined;
    /** Holds the sound that is mixed. */
    readonly MediaStream: typeof MediaStream | undefined;
    /** Writes recordings. */
    readonly MediaRecorder: typeof MediaRecorder | undefined;
    /** Fires online, offline and pageshow, and its document visibilitychange and resume. Without it a change of the network is noticed
     *  later. */
    readonly window: NetworkEvents | undefined;
    /** Hears what the Go program prints, which it does only when it crashes. */
    readonly console: Pick<Console, "error">;
}
/** The part of a window that tells of its network and its sleep. */
export interface NetworkEvents extends Pick<EventTarget, "addEventListener" | "removeEventListener"> {
    readonly document?: Pick<EventTarget, "addEventListener" | "removeEventListener"> & {
        readonly visibilityState: string;
    };
}
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
/** Who takes part in a conference (event package conference, RFC 4575). */
export interface ConferenceInfo {
    /** The conference: a URI. */
    readonly entity: string;
    readonly version: number;
    /** "deleted": the conference is over. */
    readonly state: DocumentState | "deleted";
    /** Section 5.3. */
    readonly description: {
        readonly state?: string;
        readonly displayText?: string;
        readonly subject?: string;
        readonly maximumUserCount?: number;
    };
    /** Section 5.5. `userCount` includes those that are not shown; `active`: it is going on; `locked`: nobody can join. */
    readonly status: {
        readonly state?: string;
        readonly userCount?: number;
        readonly active?: boolean;
        readonly locked?: boolean;
    };
    /** What the document says of the list of users as a whole, such as "full". */
    readonly usersState?: string;
    readonly users: readonly ConferenceUser[];
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
/** A participant (RFC 4575 section 5.6). */
export interface ConferenceUser {
    /** A URI. */
    readonly entity: string;
    readonly state?: string;
    readonly displayText?: string;
    readonly roles: readonly string[];
    readonly endpoints: readonly ConferenceEndpoint[];
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
/** One side of a dialog (RFC 4235 section 4.1.6). */
export interface DialogParty {
    readonly displayName?: string;
    readonly uri?: string;
    /** URI of the device. */
    readonly target?: string;
    /** Parameters of the device's Contact, such as `["+sip.rendering", "no"]`: on hold. */
    readonly targetParams: readonly Pair[];
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
    readonly replaces?: {
        readonly callId?: string;
        readonly localTag?: string;
        readonly remoteTag?: string;
    };
    /** Who asked for the call (section 4.1.5). */
    readonly referredBy?: {
        readonly displayName?: string;
        readonly uri?: string;
    };
    readonly local: DialogParty;
    readonly remote: DialogParty;
}
/** A document is the whole state, or "partial": something may be missing. The package puts partial documents together. */
export type DocumentState = "full" | "partial";
/** The event packages whose state is read, and what it is read into. */
export interface EventValues {
    "message-summary": MessageSummary;
    dialog: DialogInfo;
    presence: Presence;
    conference: ConferenceInfo;
    reg: RegistrationInfo;
}
/** Messages of one class (RFC 3458 section 6). The urgent ones are among the others. */
export interface MessageCount {
    readonly new: number;
    readonly old: number;
    readonly newUrgent: number;
    readonly oldUrgent: number;
}
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
/**
 * A notification (RFC 6665). `event` tells the type of `value`: after `if (event.event === "dialog" && event.value)` that is a
 * {@link DialogInfo}. Documents that tell only what has changed are put together, so that it is the whole state as far as it is
 * known. `contentType` and `body` are the other side's.
 */
export type NotifyEvent<E extends string = string> = string extends E ? KnownNotification | Notification<string, undefined> : E extends keyof EventValues ? Notification<E, EventValues[E]> : Notification<E, undefined>;
/** A name and a value. */
export type Pair = readonly [name: string, value: string];
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
/** Text for people, with its language, such as "de". */
export interface PresenceNote {
    readonly text: string;
    readonly lang?: string;
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
/**
 * Loads the Go program ahead of the first {@link UserAgent.create}, which otherwise does it by itself. Pages that open
 * with a sign-in form can call it early to hide the download.
 *
 * The program is loaded once for each `wasm` and `host` and shared by the user agents created with the same two. After a
 * failure it may be tried again.
 *
 * @throws {SipError} "load-failed", "wasm-not-found", "wasm-wrong-type", "wasm-damaged", "wasm-mismatch", "blocked-by-csp", "mixed-content": see
 * {@link ErrorCode}. The message says what to do.
 */
export declare function load(options?: LoadOptions): Promise<void>;
/** Options of {@link load}. */
export interface LoadOptions {
    /** Where sipwasm.wasm comes from. Default: the file beside this module, or beside the script sipwasm.iife.js. */
    wasm?: WasmSource;
    /** What to use instead of the page's own objects. Default: the page's own. */
    host?: Partial<Host>;
}
/**
 * Where sipwasm.wasm comes from: an address, a response of fetch, its bytes, or a compiled module. Addresses, responses
 * and bytes may be gzip; that is seen by the bytes themselves.
 */
export type WasmSource = string | URL | Response | BufferSource | WebAssembly.Module;
/** What somebody says of itself (RFC 3261 section 11.2). Lists have up to 100 entries. */
export interface Capabilities extends ReceivedContent {
    /** 200, or what a call would have got: 486 is there and busy. */
    readonly status: number;
    readonly reason: string;
    /** Methods. */
    readonly allow: readonly string[];
    /** Option tags. */
    readonly supported: readonly string[];
    /** Content types. */
    readonly accept: readonly string[];
    /** Event packages. */
    readonly allowEvents: readonly string[];
    readonly userAgent?: string;
}
/** Options of {@link Call.info}. */
export interface InfoOptions extends Partial<Content>, Waiting {
    /** Info package. Default: none, as INFO was used before there were packages, such as for "application/dtmf-relay". */
    package?: string;
}
/** Options of {@link UserAgent.message} and {@link Call.message}. */
export interface MessageOptions extends Waiting {
    /** Text goes out as UTF-8. Up to 60 KiB. */
    body: string | Uint8Array;
    /** Default "text/plain;charset=utf-8". */
    contentType?: string;
    /** Headers to add to the MESSAGE. */
    headers?: readonly (readonly [name: string, value: string])[];
}
/** What is taken from others. */
export interface MessagingOptions {
    /** Event packages whose state this user agent tells to those who subscribe, such as "presence" (RFC 6665): see the event
     *  `incomingSubscription`. SUBSCRIBE for another one is answered 489. Default: none. */
    eventPackages?: readonly string[];
    /** Take notifications that nobody has subscribed to, as some PBXs send them for waiting messages: see the event `notify`.
     *  Default false: they are answered 481. */
    unsolicitedNotify?: boolean;
    /** Content types of messages that are taken, and ranges such as `text/*`; others are answered 415. Default "text/plain". */
    acceptMessages?: readonly string[];
    /** Info packages that are taken inside calls (RFC 6086). INFO without a package is taken in any case. Default: none. */
    infoPackages?: readonly string[];
}
/**
 * Measures how loud a stream is, such as a microphone that the person tries before a call, or `call.remoteStream`. Another track in the
 * stream is followed.
 * @param listener gets the level from 0 (60 dB below the loudest, or less) to 1, in even steps of decibels, as ears hear
 * @returns the function that ends it
 * @throws {SipError} "unsupported" without Web Audio; "invalid-argument".
 */
export declare function meter(stream: MediaStream, listener: (level: number) => void, options?: MeterOptions): () => void;
/** Options of {@link meter}. */
export interface MeterOptions {
    /** Milliseconds between two figures. Default 100, at least 20. */
    interval?: number;
    /** `AudioContext` and `MediaStream` to use instead of the page's. */
    host?: Partial<Host>;
}
/** Somebody's subscription to a state of ours (RFC 6665 section 4.2). */
export declare class Notifier {
    #private;
    /** The Call-ID. */
    readonly id: string;
    /** Who subscribes. */
    readonly remote: Identity;
    /** Event package, one of the option `eventPackages`. */
    readonly event: string;
    /** Content types that the subscriber understands. */
    readonly accepts: readonly string[];
    /** What the SUBSCRIBE carried: a filter, as the package defines it. Most are empty. */
    readonly content: ReceivedContent;
    private constructor();
    /** Where the subscription stands. */
    get state(): NotifierState;
    /**
     * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
     * @returns the function that removes it
     */
    on<K extends keyof NotifierEvents>(type: K, listener: (event: NotifierEvents[K]) => unknown): () => void;
    /**
     * Grants the subscription and tells the state as it is now. Resolves when the subscriber has answered that.
     * @throws {SipError} "invalid-state" when it was answered before; it is by itself, with 480, after 20 seconds. "unsupported" for
     * a content type that the subscriber does not take.
     */
    accept({ expires, pending, signal, ...content }?: NotifierOptions): Promise<void>;
    /**
     * Refuses the subscription.
     * @param status 400 to 699. 403 Forbidden ends it for good, 480 lets the subscriber try again later.
     */
    reject(status?: number): Promise<void>;
    /**
     * Tells the subscriber the whole state as it is now. Notifications go out one after the other; a lost connection holds them up.
     * Resolves when the subscriber has answered.
     * @throws {SipError} "invalid-state" when the subscription is not accepted, or over, or 100 notifications wait; "unsupported"
     * for a content type that the subscriber does not take; "rejected" with the status.
     */
    notify({ signal, ...content }: Content & Waiting): Promise<void>;
    /** Makes a pending subscription active and tells the state, as {@link notify}. */
    activate({ signal, ...content }?: Partial<Content> & Waiting): Promise<void>;
    /**
     * Ends the subscription. Resolves when the subscriber has answered. Does nothing when it is over.
     * @param reason one of RFC 6665 section 4.1.3: "noresource", "rejected" and "invariant" (never again), "deactivated" (subscribe
     * again at once), "probation" and "giveup" (again later), "timeout"
     * @param retryAfter seconds after which the subscriber may try again
     */
    terminate(reason?: string, retryAfter?: number): Promise<void>;
}
/** The events of a {@link Notifier}: name and what listeners get. */
export interface NotifierEvents {
    /** Last event; comes exactly once. `reason` is "unsubscribed", "timeout" when it was not refreshed, what `terminate` was given,
     *  or empty when it was rejected or `error` says what failed. */
    ended: {
        readonly reason: string;
        readonly error?: SipError;
    };
}
/** Options of {@link Notifier.accept}. */
export interface NotifierOptions extends Partial<Content>, Waiting {
    /** The longest lifetime that is granted, in seconds up to 86400. Who asks for less gets less. Default 3600. */
    expires?: number;
    /** The person has not decided yet: `activate` or `terminate` follows. Default false. */
    pending?: boolean;
}
/** Where somebody's subscription stands: not decided yet, told that it is not decided, told of each change, over. */
export type NotifierState = "requested" | "pending" | "active" | "terminated";
/**
 * Writes a presence document (application/pidf+xml, RFC 3863) for {@link UserAgent.publish} and {@link Notifier.notify}. Text may be
 * anything; what XML cannot hold is left out. A tuple without an `id` gets one. A status other than "open" and "closed" is left out; an
 * activity that RFC 4480 does not know becomes a free one.
 */
export declare function pidf({ entity, tuples, notes, person }: PresenceDocument): string;
/** What {@link pidf} writes: as much of a {@link Presence} as is to be told. */
export interface PresenceDocument {
    /** Whose presence: a URI, such as "pres:1001@example.com". */
    entity: string;
    tuples?: readonly Partial<PresenceTuple>[];
    notes?: readonly PresenceNote[];
    person?: Partial<Presence["person"]>;
}
/** A state of ours at a compositor (RFC 3903), which tells it to those who have subscribed. It is refreshed by itself, also after
 *  a lost connection, until `remove` or until the event `ended` says why not. */
export declare class Publication {
    #private;
    /** Event package. */
    readonly event: string;
    private constructor();
    /**
     * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
     * @returns the function that removes it
     */
    on<K extends keyof PublicationEvents>(type: K, listener: (event: PublicationEvents[K]) => unknown): () => void;
    /**
     * Publishes another state in place of the present one. A refusal leaves that as it was.
     * @throws {SipError} "invalid-state" when it is over, and as {@link UserAgent.publish}.
     */
    update({ signal, ...content }: Content & Waiting): Promise<void>;
    /** Takes the state away. Resolves when the compositor has answered; with an error it may keep the state until it expires. Does
     *  nothing when the publication is over. */
    remove({ signal }?: Waiting): Promise<void>;
}
/** The events of a {@link Publication}: name and what listeners get. */
export interface PublicationEvents {
    /** Last event; comes exactly once. `error` is absent after {@link Publication.remove}. */
    ended: {
        readonly error?: SipError;
    };
}
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
/** Where a figure stops to be good, and to be fair. */
export interface QualityBounds {
    fair: number;
    poor: number;
}
/** How the sound of a call is: at its worst figure of both directions. */
export type QualityLevel = "good" | "fair" | "poor";
/** How each call's sound is measured: the option `quality` of {@link UserAgent.create}. */
export interface QualityOptions {
    /** Milliseconds between samples. Default 5000, at least 500. */
    interval?: number;
    thresholds?: QualityThresholds;
    /** Send a report of each call to a collector (RFC 6035). Default: none is sent. */
    report?: QualityReportOptions;
}
/** Where reports go. They hold who called whom and when, and the IP addresses of both sides' media. */
export interface QualityReportOptions {
    /** The collector, such as "sip:collector@example.com". */
    target: string;
    /** Milliseconds between reports while a call lasts. Default: there is one when it has ended. */
    interval?: number;
    /** The group that a collector counts this side in, and the other one. Default: the domain of each. */
    localGroup?: string;
    remoteGroup?: string;
}
/** How the sound of a call was during one interval. */
export interface QualitySample {
    /** Milliseconds since 1970. */
    readonly time: number;
    /** Milliseconds since the sample before, or since the answer. */
    readonly duration: number;
    /** It changes for the worse as soon as a figure passes its bound, and for the better when that is clearly within (by a tenth). Nothing that
     *  arrives although the call is not on hold is "poor". Without packets it stays. */
    readonly level: QualityLevel;
    /** The level is another one than in the sample before. */
    readonly changed: boolean;
    /** Milliseconds to the other side and back. */
    readonly roundTrip?: number;
    /** Which way the packets go. */
    readonly pair?: CandidatePair;
    readonly received: ReceivedQuality;
    /** Loss, jitter and MOS as the other side has told them last (RTCP), so that some calls have none. */
    readonly sent: StreamQuality;
}
/** Bounds of the figures that make the level. Each that is left out has its default. */
export interface QualityThresholds {
    /** Mean opinion score, from below. Default `{ fair: 4, poor: 3.1 }`: most people are content, and most are not (ITU-T G.109). */
    mos?: QualityBounds;
    /** Share of packets that were not played, 0 to 1. Default `{ fair: 0.05, poor: 0.15 }`. */
    loss?: QualityBounds;
    /** Milliseconds. Default `{ fair: 50, poor: 100 }`. */
    jitter?: QualityBounds;
    /** Milliseconds. Default `{ fair: 400, poor: 800 }`. */
    roundTrip?: QualityBounds;
}
/** What is heard here. */
export interface ReceivedQuality extends StreamQuality {
    /** Packets that came too late or too early to be played. */
    readonly discarded?: number;
    /** Share of what was played that had to be made up for missing packets, 0 to 1. */
    readonly concealed?: number;
    /** Milliseconds that the jitter buffer holds the sound. */
    readonly bufferDelay?: number;
}
/** One direction of the sound since the sample before. What the browser does not tell is absent, and so is what needs packets when there were
 *  none, as on hold. */
export interface StreamQuality {
    /** Encoding name, such as "opus" or "PCMU". */
    readonly codec?: string;
    /** Packets that came or went. */
    readonly packets: number;
    /** Packets that were lost on the way. */
    readonly lost?: number;
    /** Share of the packets that were not played, 0 to 1: lost, or too late. */
    readonly loss?: number;
    /** Milliseconds (RFC 3550 section 6.4.1). */
    readonly jitter?: number;
    /** Bits a second, without headers. */
    readonly bitrate?: number;
    /** Loudness at the moment, 0 to 1. */
    readonly audioLevel?: number;
    /** Mean opinion score as estimated by ITU-T G.107, 1 (bad) to 4.41: codec, loss and delay are in it. Absent for a codec that has no
     *  figures there. */
    readonly mos?: number;
}
/** How the sound of a call was, from the answer to the end: see {@link Call.summary}. */
export interface QualitySummary {
    /** Milliseconds since 1970. */
    readonly start: number;
    readonly end: number;
    /** How many samples it is made of. */
    readonly samples: number;
    /** The worst level that there was. */
    readonly worst: QualityLevel;
    /** Milliseconds. */
    readonly roundTrip?: Spread;
    /** The ways that packets went, in the order of their use. */
    readonly pairs: readonly CandidatePair[];
    readonly received: ReceivedSummary;
    readonly sent: StreamSummary;
}
/** What was heard here. */
export interface ReceivedSummary extends StreamSummary {
    /** Packets that came too late or too early to be played. */
    readonly discarded?: number;
    /** Share of what was played that had to be made up for missing packets, 0 to 1. */
    readonly concealed?: Spread;
    /** Milliseconds that the jitter buffer held the sound. */
    readonly bufferDelay?: Spread;
}
/** Least, greatest, and the mean over the time. */
export interface Spread {
    readonly min: number;
    readonly mean: number;
    readonly max: number;
}
/** One direction of the whole call. */
export interface StreamSummary {
    /** In the order of their use. */
    readonly codecs: readonly string[];
    readonly packets: number;
    /** Of the sent ones: as the other side told. */
    readonly lost?: number;
    /** Share of the packets that were not played, 0 to 1: lost, or too late. The mean is that of all packets. */
    readonly loss?: Spread;
    /** Milliseconds. */
    readonly jitter?: Spread;
    /** Bits a second. */
    readonly bitrate?: Spread;
    readonly audioLevel?: Spread;
    readonly mos?: Spread;
}
/**
 * The recording of both sides of a call: what is sent and what is received. It goes on over another microphone and another connection, and
 * ends with the call.
 */
export declare class Recording {
    #private;
    /** Resolves when the recording is over, by {@link stop} or with the call. Never rejects. */
    readonly stopped: Promise<Blob>;
    private constructor();
    /** What the recording is written as, such as "audio/webm;codecs=opus". */
    get mimeType(): string;
    /** Whether it goes on. */
    get state(): "recording" | "paused" | "stopped";
    /**
     * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
     * @returns the function that removes it
     */
    on<K extends keyof RecordingEvents>(type: K, listener: (event: RecordingEvents[K]) => unknown): () => void;
    /** Leaves out what is said from now on, such as the number of a card. Does nothing when it is paused or over. */
    pause(): void;
    /** Goes on. Does nothing when it is not paused. */
    resume(): void;
    /** Ends the recording, and gives the same as {@link stopped}. */
    stop(): Promise<Blob>;
}
/** The events of a {@link Recording}: name and what listeners get. */
export interface RecordingEvents {
    /** The next piece. All of them in their order are the recording. */
    chunk: {
        readonly data: Blob;
    };
    paused: Record<string, never>;
    resumed: Record<string, never>;
    /** Last event. `error`: the browser could not go on; `blob` has what there is. */
    stopped: {
        readonly blob: Blob;
        readonly error?: SipError;
    };
}
/** Options of {@link Call.record}. */
export interface RecordOptions {
    /**
     * Asked before anything is recorded, and nothing is unless it gives true: the place for what the law wants where you are, such as a
     * question to the person or an announcement to the other side.
     */
    consent: () => boolean | Promise<boolean>;
    /** "mixed": both sides together; "stereo": this side left, the other one right. Default "mixed". */
    channels?: "mixed" | "stereo";
    /** What MediaRecorder writes. Default: the first of audio/webm (Opus), audio/mp4 and audio/ogg that the browser can. */
    mimeType?: string;
    /** Bits for a second of sound. Default 32000, and twice that in stereo: an hour has 14 MB, or 29. */
    bitsPerSecond?: number;
    /** Milliseconds between two chunks, in which the recording leaves the recorder. Default 1000, at least 100. */
    timeslice?: number;
    /** False keeps no chunk after its event, so that a recording of hours can be stored as it comes; the Blob at the end is empty then.
     *  Default true. */
    keep?: boolean;
}
/**
 * Somebody asks us to call a target (REFER, RFC 3515), mostly because it transfers us. Nothing is called before {@link Referral.accept}.
 * `accept` or `reject` it within 20 seconds, or it is answered 480. All text is from the network.
 */
export declare class Referral {
    #private;
    /** Who asks. */
    readonly from: Identity;
    /** The URI that we are asked to call. */
    readonly target: string;
    /** Who asks, by its own account (RFC 3892). Nobody has checked it. */
    readonly referredBy: Identity | undefined;
    /** The call at the target that ours is to take the place of, in an attended transfer (RFC 3891). */
    readonly replaces: Replaces | undefined;
    /** The call that it came in; undefined outside of any. It goes on, and after a transfer that succeeded its other side hangs up. */
    readonly call: Call | undefined;
    private constructor();
    /**
     * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
     * @returns the function that removes it
     */
    on<K extends keyof ReferralEvents>(type: K, listener: (event: ReferralEvents[K]) => unknown): () => void;
    /**
     * Calls the target and lets the other side know how that goes. Resolves with the new call once it has begun; its events and promises
     * tell the rest. The options are those of {@link UserAgent.call}; `headers` come besides those that were asked for.
     * @throws {SipError} "invalid-argument"; "invalid-state" when it was decided before, or too late; "connection-lost", "closed".
     */
    accept(options?: CallOptions): Promise<Call>;
    /**
     * Refuses it.
     * @param status 400 to 699
     * @throws {SipError} as {@link accept}.
     */
    reject(status?: number): Promise<void>;
}
/** The events of a {@link Referral}: name and what listeners get. */
export interface ReferralEvents {
    /** It is over, and had not been decided: that took more than 20 seconds, or who asks is gone. Does not come after `accept` or `reject`. */
    ended: Record<string, never>;
}
/** The two ends of the connection to the other side. */
export interface CandidatePair {
    /** Ours: "host" is this device's own address, "srflx" and "prflx" are that of a NAT before it, "relay" is a TURN server. */
    readonly local: CandidateType;
    readonly remote: CandidateType;
    /** "udp" or "tcp". */
    readonly protocol: string;
    /** How a TURN server of ours is reached: "udp", "tcp" or "tls". */
    readonly relayProtocol?: string;
}
/** Where one end of the connection is reached (RFC 8445 section 4). */
export type CandidateType = "host" | "srflx" | "prflx" | "relay";
/** A subscription to the state of somebody or something (RFC 6665). It is refreshed by itself, and made anew where that is due,
 *  until `unsubscribe` or until the event `ended` says why not. */
export declare class Subscription<E extends string = string> {
    #private;
    /** Event package. */
    readonly event: E;
    /** What was subscribed to, as it was given. */
    readonly target: string;
    /**
     * Resolves when the other side has accepted; the state may be "pending" then. Rejects when the subscription ends before, with
     * code "rejected" and the response's status (489: it does not know the package), "unauthorized", "timeout", "canceled" and so
     * on. Nobody has to look at it.
     */
    readonly active: Promise<void>;
    private constructor();
    /** The Call-ID of its first dialog, which names it for as long as it lives. Empty until it is set up. */
    get id(): string;
    /** Where the subscription stands. */
    get state(): SubscriptionState;
    /**
     * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
     * @returns the function that removes it
     */
    on<K extends keyof SubscriptionEvents<E>>(type: K, listener: (event: SubscriptionEvents<E>[K]) => unknown): () => void;
    /**
     * Asks for the state now; a subscription that waits tries again at once. Resolves when the notifier has answered; the state
     * comes with the event `notify`.
     * @throws {SipError} "invalid-state" when it is over, and as {@link active}.
     */
    refresh({ signal }?: Waiting): Promise<void>;
    /** Ends the subscription. Resolves when the last notification has come, or 32 s later. Does nothing when it is over. */
    unsubscribe({ signal }?: Waiting): Promise<void>;
}
/** Options of {@link UserAgent.subscribe}. */
export interface SubscribeOptions<E extends string = string> extends Partial<Content> {
    /** Event package: "presence", "dialog", "message-summary", "conference", "reg", or any other. */
    event: E;
    /** The `id` of the Event header, which tells subscriptions to the same package apart (RFC 6665 section 8.2.1). Default: none. */
    id?: string;
    /** Content types that are understood. Default: that of the package, if it is one of those named above. */
    accept?: readonly string[];
    /** Ask for the state and for no more (RFC 6665 section 4.4.3): it is told by one `notify`, and then `ended` comes without an error. Default
     *  false. */
    once?: boolean;
    /** Seconds asked for, up to 86400. The notifier may shorten them; the subscription is refreshed by itself. Default 3600. */
    expires?: number;
    /** Headers to add to each SUBSCRIBE. */
    headers?: readonly (readonly [name: string, value: string])[];
}
/** The events of a {@link Subscription}: name and what listeners get. */
export interface SubscriptionEvents<E extends string = string> {
    /** The state changed. `expires` is what is left of the subscription, in seconds; 0 where it has none. */
    changed: {
        readonly state: SubscriptionState;
        readonly expires: number;
    };
    /** The state was told. A notification without a body, as the last one often is, tells none and does not come here. */
    notify: NotifyEvent<E>;
    /**
     * Last event; comes exactly once. `reason` is the notifier's (RFC 6665 section 4.1.3: "rejected", "noresource" …; text from the
     * network), empty when it gave none. `retryAfter` is the seconds for which the other side wants to be left alone. `error` is
     * absent after {@link Subscription.unsubscribe} and of a fetch (`once`) that was answered.
     */
    ended: {
        readonly reason: string;
        readonly retryAfter?: number;
        readonly error?: SipError;
    };
}
/**
 * Where a subscription stands (RFC 6665 section 4.1.2).
 *
 * | state | |
 * |---|---|
 * | `trying` | SUBSCRIBE was sent |
 * | `accepted` | it was accepted, the first notification is to come |
 * | `pending` | the other side has not decided yet |
 * | `active` | notifications come when the state changes |
 * | `waiting` | for the connection, or for the time of another attempt |
 * | `ending` | unsubscribed, the last notification is to come |
 * | `terminated` | over |
 */
export type SubscriptionState = "trying" | "accepted" | "pending" | "active" | "waiting" | "ending" | "terminated";
/** A transfer that the other side has accepted (REFER, RFC 3515, RFC 5589). */
export declare class Transfer {
    #private;
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
    private constructor();
    /** The number of the REFER in its dialog, by which a trace shows its notifications (RFC 3515 section 2.4.6). */
    get id(): string;
    /** The URI that the other side was asked to call. */
    get target(): string;
    /** What the other side has told last. */
    get outcome(): TransferOutcome;
    /**
     * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
     * @returns the function that removes it
     */
    on<K extends keyof TransferEvents>(type: K, listener: (event: TransferEvents[K]) => unknown): () => void;
}
/** The events of a {@link Transfer}: name and what listeners get. */
export interface TransferEvents {
    /** The other side has told how it goes. `done`: that was the last one, and the transfer has failed if there is an `error`. */
    progress: TransferOutcome & {
        readonly done: boolean;
        readonly error?: SipError;
    };
}
/** How a transfer stands: the response that the other side's call got (RFC 3515 section 2.4.4). */
export interface TransferOutcome {
    /** 100 Trying, 180 Ringing, 200 OK, 486 Busy Here … 0 when the other side has told nothing. */
    readonly status: number;
    readonly reason: string;
}
/** One SIP account on one device: registers, makes calls and takes them. */
export declare class UserAgent {
    #private;
    /** Which microphones, cameras and loudspeakers there are, and which ones its calls use. */
    readonly devices: Devices;
    private constructor();
    /**
     * Loads the Go program when that has not been done and makes a user agent. It connects when it first has to: in
     * {@link register} or {@link call}.
     * @throws {SipError} "invalid-argument" with a message that names the option, and as {@link load}.
     */
    static create(options: UserAgentOptions): Promise<UserAgent>;
    /** The "urn:uuid:…" in use. See {@link UserAgentOptions.instanceId}. */
    get instanceId(): string;
    /** The calls that have not ended. */
    get calls(): readonly Call[];
    /** The subscriptions of ours that have not ended. */
    get subscriptions(): readonly Subscription[];
    /**
     * Adds a listener. One that throws or rejects is reported to the page (reportError) and harms nothing else.
     * @returns the function that removes it
     */
    on<K extends keyof UserAgentEvents>(type: K, listener: (event: UserAgentEvents[K]) => unknown): () => void;
    /**
     * Opens the connection when there is none and keeps it open from then on, for those who do not register. Attempts go on after
     * one that failed; see the event `reconnecting`.
     * @throws {SipError} "connection-failed", or "mixed-content" or "blocked-by-csp" when the page may reach none of the servers; "closed".
     */
    connect({ signal }?: Waiting): Promise<void>;
    /**
     * Connects when needed and registers (RFC 3261 section 10), and keeps it so until {@link unregister}: it refreshes in time,
     * connects again when the connection is lost, and tries again after a failure that may pass. Resolves when the registrar has
     * accepted, rejects when the first attempt failed; the event `registrationFailed` says by `final` whether there will be others.
     * @throws {SipError} "unauthorized", "rejected", "timeout", and as {@link connect}.
     */
    register({ signal }?: Waiting): Promise<void>;
    /** Takes the binding back and stops keeping it; with `all`, the bindings of every device of this address of record. */
    unregister({ all, signal }?: {
        all?: boolean;
    } & Waiting): Promise<void>;
    /** The bindings of the address of record, as the registrar told them last. */
    get bindings(): readonly Binding[];
    /**
     * Asks the registrar for the bindings of the address of record (RFC 3261 section 10.2.3).
     * @throws {SipError} as {@link register}.
     */
    fetchBindings({ signal }?: Waiting): Promise<readonly Binding[]>;
    /**
     * Changes what the server is told about push (RFC 8599), or takes it back with null. Refreshes at once when registered.
     * @throws {SipError} "invalid-argument", and as {@link register}.
     */
    setPush(push: Push | null, { signal }?: Waiting): Promise<void>;
    /** Proves now that the connection lives, and makes a reconnect that waits at once: for a platform whose own signs of a changed
     *  network this package does not know. */
    checkConnection(): Promise<void>;
    /**
     * Calls somebody and returns at once; the call's events and promises tell the rest. What is wrong with the target or
     * the options ends the call with code "invalid-argument".
     * @param target "1002", "sip:1002@example.com", "1002@example.com" or "tel:+15550100"
     */
    call(target: string, options?: CallOptions): Call;
    /**
     * Goes on with a call that was established before the page was loaded anew, and returns at once: the other side is asked for a new
     * connection. {@link register} before, with the `instanceId` of before, so that the other side's requests come here. Where the other side
     * does not agree, or does not know the call any more, it ends; the call's events and promises tell the rest.
     * @param snapshot the last {@link Call.snapshot}
     */
    restore(snapshot: CallSnapshot, options?: RestoreOptions): Call;
    /**
     * Puts one call on hold and takes the other back. When the first refuses to be held, the other stays on hold.
     * @throws {SipError} "invalid-argument", and as {@link Call.hold}.
     */
    swap(hold: Call, resume: Call, { signal }?: Waiting): Promise<void>;
    /**
     * Brings two calls or more together, so that everybody hears everybody else; those that are on hold are taken back.
     * @throws {SipError} "invalid-argument"; "invalid-state" for a call that is not established or in another conference; "unsupported" when
     * this browser cannot mix; and as {@link Call.resume}. After an error there is no conference; calls that were taken back stay so.
     */
    conference(...calls: Call[]): Promise<Conference>;
    /**
     * Subscribes to the state of somebody or something (RFC 6665) and returns at once; the subscription's events and its promise
     * `active` tell the rest. What is wrong with the target or the options ends it with code "invalid-argument". The event package
     * tells the type of what `notify` brings:
     * ```ts
     * ua.subscribe("1002", { event: "dialog" }).on("notify", ({ value }) => show(value?.lamp));
     * ```
     * @param target as of {@link call}
     */
    subscribe<E extends string>(target: string, options: SubscribeOptions<E>): Subscription<E>;
    /**
     * Gives a state of ours to the server (RFC 3903), which tells it to those who have subscribed. Resolves when that has accepted it.
     * When `signal` aborts, what was published meanwhile is taken back.
     * @throws {SipError} "invalid-argument"; "rejected" with the status (489: it does not know the package), "unauthorized",
     * "timeout", "connection-failed".
     */
    publish(options: PublishOptions): Promise<Publication>;
    /**
     * Sends a message (RFC 3428). Resolves when the other side has accepted it, or a server that keeps it.
     * @param target as of {@link call}
     * @throws {SipError} "invalid-argument"; "rejected" with the status (404, 415, 480: nobody there), "unauthorized", "timeout",
     * "connection-failed", and "connection-lost", after which it may have arrived.
     */
    message(target: string, { headers, signal, ...content }: MessageOptions): Promise<void>;
    /**
     * Asks somebody what it can do, without calling (RFC 3261 section 11). A user agent that is there and would not take a call now,
     * such as with 486, is an answer.
     * @param target as of {@link call}
     * @throws {SipError} "rejected" with the status when nobody was reached (404, 480 …), and as {@link message}.
     */
    options(target: string, { signal }?: Waiting): Promise<Capabilities>;
    /** Hangs up every call, ends every subscription and publication, unregisters and disconnects. Closing again gives the same
     *  promise. */
    close(): Promise<void>;
}
/** Options of {@link UserAgent.create}. */
export interface UserAgentOptions extends ConnectionOptions, RegistrationOptions, CallsOptions, MessagingOptions, LoadOptions, AudioOptions, Waiting {
    /** Address of record, such as "sip:1001@example.com". */
    uri: string;
    /** Without them a server's challenge ends in code "unauthorized". A function is asked for each realm: see {@link Challenge}. */
    credentials?: Credentials | ((challenge: Challenge) => Credentials | Promise<Credentials>);
    /** The weakest digest algorithm that is answered (RFC 8760). Default "MD5", which is all. */
    minDigest?: "MD5" | "SHA-256" | "SHA-512-256";
    /** Name that others see, such as "Alice". Default: none. */
    displayName?: string;
    /** The User-Agent header. Default "sipwasm/<version>". */
    userAgent?: string;
    /** How calls find their way to the other side: STUN and TURN servers, and how long they are waited for. Default `{}`. */
    ice?: IceOptions;
}
/** Version of this package. load() compares it with the one compiled into sipwasm.wasm. */
export declare const VERSION = "0.1.0";
declare const codes: readonly ["invalid-argument", "invalid-state", "closed", "connection-failed", "connection-lost", "timeout", "rejected", "unauthorized", "canceled", "protocol", "insecure-context", "autoplay-blocked", "media-denied", "media-not-found", "media-ended", "media-failed", "unsupported", "internal", "mixed-content", "blocked-by-csp", "load-failed", "wasm-not-found", "wasm-wrong-type", "wasm-damaged", "wasm-mismatch"];
type KnownNotification = {
    [E in keyof EventValues]: Notification<E, EventValues[E]>;
}[keyof EventValues];
/** A notification of one package. `value` is absent when the body could not be read. */
interface Notification<E extends string, V> extends ReceivedContent {
    readonly event: E;
    readonly value?: V;
}
export {};
export as namespace sipwasm;
