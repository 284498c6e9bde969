// What must compile. Each block is a program that the README or the documentation promises.
import {
  load, meter, pidf, SipError, UserAgent, VERSION, type Cadence, type Device, type DeviceList, type Devices, type MeterOptions, type Recording,
  type RecordOptions, type Source, type ToneCountry, type Tones,
  type AcceptOptions, type Call, type Caller, type CallSnapshot, type Conference, type Description, type Fork, type MediaOptions, type ProgressOptions,
  type Reason, type Referral, type Rejection, type QualitySample, type QualitySummary, type Stream, type Transfer, type TransferOptions, type TransferOutcome, type VideoOptions, type Capabilities, type DialogInfo, type NotifyEvent, type Presence, type Publication,
  type SubscribeOptions, type Subscription, type SubscriptionState, type CallOptions, type CallState, type Challenge, type Credentials, type EndedEvent, type ErrorCode,
  type Host, type IceOptions, type Identity, type TraceMessage, type UserAgentEvents, type UserAgentOptions, type WasmSource,
} from "sipwasm";

export async function softphone(password: string): Promise<void> {
  const ua = await UserAgent.create({
    uri: "sip:1001@example.com",
    servers: ["wss://a.example.com/ws", "wss://b.example.com/ws"],
    credentials: { username: "1001", password },
  });
  const remove: () => void = ua.on("incoming", async (call) => { await call.accept(); });
  await ua.register({ signal: AbortSignal.timeout(10_000) });
  const call: Call = ua.call("1002");
  call.on("ringing", ({ status, reason, earlyMedia }) => `${status.toFixed()} ${reason.trim()} ${earlyMedia ? 1 : 0}`);
  await call.answered;
  call.on("quality", ({ level, changed, roundTrip, pair, received, sent }: QualitySample) => {
    const worse: boolean = changed && level !== "good";
    console.log(worse, roundTrip?.toFixed(), pair?.local === "relay", received.codec?.toLowerCase(), received.mos?.toFixed(1), received.concealed, received.bufferDelay, sent.loss, sent.jitter, sent.audioLevel);
  });
  console.log(call.quality?.received.bitrate);
  ua.on("reportFailed", ({ call, error }) => console.log(call.id, error.code));
  await call.hold();
  await call.resume();
  await call.mute();
  await call.unmute();
  await call.sendDTMF("123#", { duration: 100, gap: 70, signal: new AbortController().signal });
  await call.hangup();
  const { by, status, reason, error }: EndedEvent = await call.ended;
  const summary: QualitySummary | undefined = await call.summary;
  console.log(summary?.worst === "poor", summary?.received.mos?.min.toFixed(1), summary?.sent.codecs[0], summary?.pairs[0]?.relayProtocol, summary?.roundTrip?.mean);
  const words: string = `${by} ${status?.toFixed() ?? ""} ${reason} ${error?.code ?? ""}`;
  remove();
  await ua.close();
  console.log(words, ua.instanceId, VERSION);
}

export async function presence(ua: UserAgent, call: Call, log: (...x: unknown[]) => void): Promise<void> {
  // The package given to subscribe tells the type of the value.
  const lamp: Subscription<"dialog"> = ua.subscribe("1002", { event: "dialog", id: "1", once: false, expires: 600, accept: ["application/dialog-info+xml"] });
  const remove: () => void = lamp.on("notify", ({ event, value, body, bytes }) => {
    const known: DialogInfo | undefined = value;
    log(event === "dialog", known?.lamp, value?.dialogs[0]?.remote.targetParams[0]?.[1], body.trim(), bytes?.byteLength);
  });
  lamp.on("changed", ({ state, expires }: { state: SubscriptionState; expires: number }) => log(state, expires.toFixed()));
  lamp.on("ended", ({ reason, retryAfter, error }) => log(reason.trim(), retryAfter?.toFixed(), error?.status));
  await lamp.active;
  log(lamp.id, ua.subscriptions.map(({ event, state }) => `${event} ${state}`));
  const room: Subscription<"conference"> | false = call.focus && call.watchConference({ expires: 600 });
  if (room) room.on("notify", ({ value }) => log(value?.users[0]?.displayText));
  await lamp.refresh({ signal: AbortSignal.timeout(1000) });
  await lamp.unsubscribe();
  remove();

  // A package that this one does not read: the body is there, a value is not.
  const other = ua.subscribe("1002", { event: "x-private", contentType: "text/plain", body: new Uint8Array(1), headers: [["X-A", "1"]] });
  other.on("notify", ({ event, value }) => { const name: "x-private" = event; const none: undefined = value; log(name, none); });

  // One listener for subscriptions to several packages.
  const all: Subscription[] = [lamp, other, ua.subscribe("1002", { event: "presence" })];
  for (const one of all) one.on("notify", every);
  ua.on("notify", every);
  function every(e: NotifyEvent): void {
    if (e.event === "dialog" && e.value) log(e.value.lamp);
    if (e.event === "presence" && e.value) { const open: Presence = e.value; log(open.open, e.value.tuples[0]?.priority?.toFixed()); }
    if (e.event === "message-summary" && e.value) log(e.value.voice.new.toFixed());
    if (e.event === "conference" && e.value) log(e.value.users[0]?.endpoints[0]?.media[0]?.type, e.value.status.locked === true);
    if (e.event === "reg" && e.value) log(e.value.registrations[0]?.contacts[0]?.q?.toFixed());
  }

  ua.on("incomingSubscription", async (notifier) => {
    log(notifier.remote.user, notifier.event, notifier.accepts[0], notifier.content.body, notifier.id);
    notifier.on("ended", ({ reason, error }) => log(reason, error?.code));
    const decided: boolean = notifier.state !== "requested";
    log(decided);
    if (notifier.event !== "presence") return notifier.reject(403);
    await notifier.accept({ pending: true, expires: 600 });
    await notifier.activate({ contentType: "application/pidf+xml", body: "<presence/>" });
    await notifier.notify({ contentType: "application/pidf+xml", body: "<presence/>", signal: AbortSignal.timeout(1000) });
    await notifier.terminate("probation", 60);
  });

  const publication: Publication = await ua.publish({ event: "presence", contentType: "application/pidf+xml", body: "<presence/>", expires: 60 });
  publication.on("ended", ({ error }) => log(error?.code));
  const here: string = pidf({ entity: "pres:a@b", tuples: [{ basic: "open", contact: "sip:a@b", priority: 0.5 }], notes: [{ text: "x" }], person: { activities: ["away"] } });
  await publication.update({ contentType: "application/pidf+xml", body: here });
  await publication.remove();
  await ua.publish({ event: "vq-rtcpxr", contentType: "application/vq-rtcpxr", body: "VQSessionReport", target: "sip:collector@example.com", once: true });

  const { allow, userAgent, status }: Capabilities = await ua.options("1002", { signal: AbortSignal.timeout(1000) });
  log(allow.includes("MESSAGE"), userAgent?.trim(), status.toFixed());
  await ua.message("1002", { body: "hello" });
  ua.on("message", ({ from, to, contentType, body, bytes }) => log(from.user, to.uri, contentType, body, bytes));
  await call.message({ body: new Uint8Array(2), contentType: "application/octet-stream" });
  await call.info({ package: "conf", contentType: "text/plain", body: "x" });
  call.on("message", ({ body }) => log(body));
  call.on("info", ({ package: name, body }) => log(name?.trim(), body));
}

export async function calls(ua: UserAgent, log: (...x: (string | number | boolean | undefined)[]) => void): Promise<void> {
  ua.on("incoming", async (call) => {
    const { best, original, asserted, diversion, history, userToUser, headers, verstat, replaces, referredBy }: Caller = call.caller;
    log(best.user, original?.uri, asserted[0]?.uri, diversion[0]?.reason, history[0]?.cause, userToUser[0]?.data, headers[0]?.[1], verstat,
      replaces?.callId, referredBy?.contentId, call.autoAnswer, call.replaces?.id);
    const early: ProgressOptions = { media: { constraints: { audio: true } }, reliable: "required", signal: AbortSignal.timeout(1) };
    await call.progress(early);
    await call.progress({ status: 182, reason: "Queued", media: false });
    if (best.user === "1") return call.redirect("1003", "1004");
    const rejection: Rejection = { status: 480, retryAfter: 60, headers: [["X-A", "1"]] };
    if (best.user === "2") return call.reject(rejection);
    await call.accept({ headers: [["X-A", "1"]] });
  });
  const call = ua.call("1002", {
    anonymous: true, privacy: ["user"], preferredIdentity: "sip:a@b", userToUser: "x", answerMode: "Auto", lateOffer: false,
    reliable: "off", earlyMedia: false, noAnswerTimeout: 30_000, followRedirects: 3, replaces: ua.calls[0]!,
  });
  call.on("ringing", ({ fork, reliable }) => { const places: readonly Fork[] = call.forks; log(fork, reliable, places[0]?.target); });
  call.on("redirected", ({ status, target }) => log(status, target));
  call.on("media", ({ streams }) => { const stream: Stream | undefined = streams[0]; log(stream?.direction === "sendrecv", call.streams[0]?.kind); });
  call.on("identity", ({ caller }) => log(caller.best.displayName));
  call.on("tone", ({ tone, duration, method }) => log(tone, duration, method === "info"));
  call.on("recovering", ({ why, offering }) => log(why === "flow", offering, call.recovering));
  call.on("recovered", ({ error }) => log(error?.code));
  call.on("connection", ({ state }) => log(state === "connected"));
  call.on("refreshed", ({ interval, byUs }) => log(interval, byUs));
  call.on("videoended", () => call.stopVideo());
  call.on("replaced", ({ by }) => log(by.id));
  call.on("ended", ({ reasons }) => { const why: Reason | undefined = reasons[0]; log(why?.protocol, why?.cause, why?.text); });
  let kept: CallSnapshot | undefined = call.snapshot;
  call.on("snapshot", (snapshot) => { kept = snapshot; });
  if (kept) await ua.restore(kept, { media: {}, audio: false }).answered;
  const camera: VideoOptions = { constraints: { facingMode: "user" } };
  await call.addVideo(camera);
  await call.shareScreen();
  await call.removeVideo();
  await call.restartIce({ signal: AbortSignal.timeout(1000) });
  await call.refresh();
  await call.sendDTMF("1", { method: "info-relay" });

  const options: TransferOptions = { referredBy: "sip:a@b", keep: true, noSubscription: false };
  const blind: Transfer = await call.transfer("1003", options);
  blind.on("progress", ({ status, reason, done, error }) => log(status, reason, done, error?.status, blind.outcome.status, blind.target, blind.call.id));
  const outcome: TransferOutcome = await blind.done;
  log(outcome.status, outcome.reason);
  const consultation: Call = call.consult("1003", { anonymous: true });
  await consultation.answered;
  await call.transfer(consultation);
  const follow = async (referral: Referral) => {
    log(referral.from.user, referral.target, referral.referredBy?.user, referral.replaces?.earlyOnly, referral.call?.id);
    if (referral.target === "") return referral.reject(603);
    await (await referral.accept({ headers: [] })).answered;
  };
  call.on("referred", follow);
  ua.on("referral", follow);

  await ua.swap(call, consultation);
  const conference: Conference = await ua.conference(call, consultation);
  await conference.add(ua.call("1004"));
  await conference.drop(call);
  log(conference.calls.length);
  await conference.end();
  const media: MediaOptions = {};
  await call.hangup({ reason: { protocol: "Q.850", cause: 16 } });
  log(media.stream?.id);
}

export const callsOptions: UserAgentOptions = {
  uri: "", servers: [], maxCalls: 2, holdOthers: true, manualRinging: true, autoAnswer: { answerMode: true }, manualReplaces: false,
  noAnswerTimeout: 1, followRedirects: 1, reliable: "supported", sessionTimer: { expires: 90, minSE: 90, refresher: "local", method: "update" },
  codecs: { order: ["opus"], remove: ["PC*"] }, bandwidth: { audio: 64, video: 500 },
  quality: { interval: 2000, thresholds: { mos: { fair: 4, poor: 3 } }, report: { target: "sip:collector@example.com", interval: 60_000, localGroup: "berlin" } },
  sdp: async ({ call, local, kind, sdp }: Description) => (local && kind === "offer" ? sdp : sdp + call.id),
};
export const noTimer: UserAgentOptions = { uri: "", servers: [], sessionTimer: false, sdp: ({ sdp }) => sdp };

export function sentence(error: unknown): string {
  if (!(error instanceof SipError)) return String(error);
  const code: ErrorCode = error.code;
  switch (code) {
    case "unauthorized": return "wrong password";
    case "rejected": return `${error.status ?? 0} ${error.reason ?? ""}`;
    case "media-denied": case "media-not-found": return error.message;
    default: return error.op ?? error.code;
  }
}

export async function sources(wasm: WasmSource, host: Partial<Host>): Promise<void> {
  await load();
  await load({ wasm: new URL("https://example.com/sipwasm.wasm") });
  await load({ wasm: await fetch("/sipwasm.wasm") });
  await load({ wasm: new Uint8Array(8), host });
  await load({ wasm, host: { WebSocket, RTCPeerConnection, mediaDevices: navigator.mediaDevices, console } });
}

export function everyEvent(ua: UserAgent, call: Call, log: (...x: (string | number | boolean | undefined)[]) => void): void {
  ua.on("connected", ({ server }) => log(server));
  ua.on("disconnected", ({ server, code, reason, error }) => log(server, code, reason, error?.code));
  ua.on("reconnecting", ({ flow, attempt, delay }) => log(flow, attempt, delay));
  ua.on("registered", ({ expires, bindings, gruu, outbound }) => log(expires, bindings[0]?.uri, bindings[0]?.regId, gruu, outbound));
  ua.on("registrationExpiring", ({ expires }) => log(expires));
  ua.on("registrationFailed", ({ error, final, retryIn }) => log(error.retryAfter, final, retryIn));
  ua.on("unregistered", ({ error }) => log(error?.code));
  ua.on("incoming", ({ remote: { displayName, uri, user } }) => log(displayName, uri, user));
  ua.on("protocolError", ({ error }) => log(error.code));
  ua.on("trace", ({ time, direction, server, text }: TraceMessage) => log(time, direction, server, text));
  ua.on("exit", ({ error }) => log(error.message));
  call.on("state", ({ state, previous }: { state: CallState; previous: CallState }) => log(state, previous));
  call.on("answered", () => log(call.startTime, call.duration));
  call.on("held", ({ by }) => log(by === "remote", call.onHold.local, call.onHold.remote));
  call.on("resumed", ({ by }) => log(by));
  call.on("ended", ({ error }) => log(error?.code));
  call.on("peerconnection", ({ peerConnection }) => log(peerConnection.connectionState));
  call.on("localstream", ({ stream }) => log(stream.id));
  call.on("remotestream", ({ stream }) => log(stream.id));
  call.on("autoplayBlocked", async ({ resume }) => { await resume(); });
}

export const credentials: Credentials[] = [{ password: "p" }, { username: "u", password: "p" }, { ha1: "0" }, { username: "u", ha1: "0" },
  { ha1: [{ realm: "r", algorithm: "SHA-512-256", hash: "0" }] }, { token: "t" }];
export const asked: UserAgentOptions = {
  uri: "", servers: ["wss://a"], minDigest: "SHA-256",
  credentials: async ({ scheme, realm, algorithms, proxy, host, retry, error, scope, authzServer }: Challenge) =>
    ({ username: `${scheme}${realm}${algorithms.join()}${proxy}${host}${retry}${error}${scope}${authzServer}`, password: "p" }),
};
export const ice: IceOptions = {
  servers: async () => [{ urls: ["turn:turn.example.com"], username: "u", credential: "c" }] as const, transportPolicy: "relay",
  gathering: { settle: 0, limit: 4000, enough: "relay", early: false }, trickle: "full",
};
export const iceCall: CallOptions = { media: { ice: { gathering: { enough: "srflx" } }, rtcConfiguration: { bundlePolicy: "max-bundle" } } };
export const callOptions: CallOptions = { headers: [["X-A", "1"]], media: { constraints: { audio: true } }, audio: false };
export const acceptOptions: AcceptOptions = { media: { stream: new MediaStream() }, audio: new Audio() };
export const options: UserAgentOptions = { uri: "", servers: [] as readonly string[], ice: { servers: [{ urls: "stun:x" }] } };
export const kept: UserAgentOptions = {
  uri: "", servers: ["wss://a", { url: "wss://b", priority: 1, weight: 2 }], reconnectDelay: 1, reconnectMaxDelay: 2, returnInterval: 3,
  keepAlive: "options", keepAliveInterval: 4, pongTimeout: 5, network: false, flows: 2, outbound: false,
  push: { provider: "webpush", prid: "x" }, contactParams: [["q", "0.5"]],
};
export const taken: UserAgentOptions = {
  uri: "", servers: [], eventPackages: ["presence"], unsolicitedNotify: true, acceptMessages: ["text/*"], infoPackages: ["conf"],
};
export const watching: SubscribeOptions<"reg"> = { event: "reg" };
export const heard: UserAgentEvents["registered"] = { flow: 1, expires: 600, bindings: [], outbound: false };
export const who: Identity = { displayName: "", uri: "", user: "" };

export async function devices(ua: UserAgent, call: Call, log: (...x: (string | number | boolean | undefined)[]) => void): Promise<void> {
  const all: Devices = ua.devices;
  const { microphones, cameras, speakers }: DeviceList = await all.list();
  const first: Device | undefined = microphones[0];
  log(first?.id, first?.label, first?.default, first?.kind === "microphone", cameras.length);
  const source: Source = { echoCancellation: false };
  await all.useMicrophone(source);
  await all.useMicrophone(new MediaStream());
  await all.useCamera(cameras[0]!.id);
  await all.useSpeaker(speakers[0]?.id ?? null);
  await all.useRinger(null);
  await call.useMicrophone(null);
  const remove: () => void = all.on("changed", ({ added, removed, list }) => log(added.length, removed[0]?.label, list.speakers.length));
  call.on("microphone", ({ why, id, label }) => log(why === "lost", id, label));
  call.on("microphoneended", ({ error }) => log(error.code === "media-ended", error.message));
  call.on("level", ({ local, remote }) => log(local.toFixed(), remote.toFixed()));
  call.on("autoplayBlocked", ({ error }) => log(error.code === "autoplay-blocked"));
  const metering: MeterOptions = { interval: 50 };
  const stop: () => void = meter(new MediaStream(), (level) => log(level.toFixed()), metering);
  stop();
  remove();
}

export async function recorded(call: Call, store: (blob: Blob) => void): Promise<void> {
  const options: RecordOptions = { consent: async () => true, channels: "stereo", timeslice: 500, keep: false, bitsPerSecond: 24_000 };
  const recording: Recording = await call.record(options);
  recording.on("chunk", ({ data }) => store(data));
  recording.on("stopped", ({ blob, error }) => { if (error?.code === "media-failed") store(blob); });
  recording.pause();
  recording.resume();
  if (recording.state === "recording") store(await recording.stop());
  store(await recording.stopped);
}

const country: ToneCountry = "us";
const cadence: Cadence = { hz: [440], seconds: [1, 4], warble: 2 };
export const signals: Tones = { country, volume: 0.2, ringing: cadence, busy: false };
export const ringing: UserAgentOptions = { uri: "", servers: [], tones: "eu", microphoneFallback: false };
export const silent: UserAgentOptions = { uri: "", servers: [], tones: false };
