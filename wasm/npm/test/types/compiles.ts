// What must compile. Each block is a program that the README or the documentation promises.
import {
  load, SipError, UserAgent, VERSION,
  type AcceptOptions, type Call, type CallOptions, type CallState, type Challenge, type Credentials, type EndedEvent, type ErrorCode,
  type Host, type Identity, type TraceMessage, type UserAgentEvents, type UserAgentOptions, type WasmSource,
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
  await call.hold();
  await call.resume();
  await call.mute();
  await call.unmute();
  await call.sendDTMF("123#", { duration: 100, gap: 70, signal: new AbortController().signal });
  await call.hangup();
  const { by, status, reason, error }: EndedEvent = await call.ended;
  const words: string = `${by} ${status?.toFixed() ?? ""} ${reason} ${error?.code ?? ""}`;
  remove();
  await ua.close();
  console.log(words, ua.instanceId, VERSION);
}

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
export const callOptions: CallOptions = { headers: [["X-A", "1"]], media: { constraints: { audio: true } }, audio: false };
export const acceptOptions: AcceptOptions = { media: { stream: new MediaStream() }, audio: new Audio() };
export const options: UserAgentOptions = { uri: "", servers: [] as readonly string[], iceServers: [{ urls: "stun:x" }] };
export const kept: UserAgentOptions = {
  uri: "", servers: ["wss://a", { url: "wss://b", priority: 1, weight: 2 }], reconnectDelay: 1, reconnectMaxDelay: 2, returnInterval: 3,
  keepAlive: "options", keepAliveInterval: 4, pongTimeout: 5, network: false, flows: 2, outbound: false,
  push: { provider: "webpush", prid: "x" }, contactParams: [["q", "0.5"]],
};
export const heard: UserAgentEvents["registered"] = { flow: 1, expires: 600, bindings: [], outbound: false };
export const who: Identity = { displayName: "", uri: "", user: "" };
