// What the browser's statistics (W3C webrtc-stats) say of the sound of a call. Browsers leave fields out, and some give what is no number.

/** Where one end of the connection is reached (RFC 8445 section 4). */
export type CandidateType = "host" | "srflx" | "prflx" | "relay";

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

/** @internal An address of the connection, as far as the browser tells it. */
export interface Address { readonly ip?: string; readonly port?: number }

/** @internal */
export interface Codec { readonly name: string; readonly payloadType?: number; readonly clockRate?: number; readonly parameters?: string }

/** @internal What is counted of one stream. All of it only grows, unless a counter begins anew. */
type Counter = "packets" | "bytes" | "lost" | "discarded" | "concealed" | "samples" | "bufferDelay" | "emitted" | "told";

/** @internal One SSRC. `told` is when the other side has reported last, and `remote` what. */
interface Row { readonly ssrc?: number; readonly codec?: Codec; readonly jitter?: number; readonly level?: number; readonly counts: Partial<Record<Counter, number>> }

/** @internal The rows of one direction by their ids. */
export type Rows = ReadonlyMap<string, Row>;

/** @internal All of it at one moment. */
export interface Snapshot {
  /** Milliseconds, by the browser's clock. */
  readonly time: number;
  readonly inbound: Rows;
  readonly outbound: Rows;
  /** Milliseconds. */
  readonly roundTrip?: number;
  readonly pair?: CandidatePair;
  readonly local?: Address;
  readonly remote?: Address;
}

type Stats = Readonly<Record<string, unknown>>;

const numberIn = (stats: Stats | undefined, name: string): number | undefined => {
  const value = stats?.[name];
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
};
const textIn = (stats: Stats | undefined, name: string): string | undefined => {
  const value = stats?.[name];
  return typeof value === "string" && value !== "" ? value : undefined;
};
const milliseconds = (seconds: number | undefined) => (seconds === undefined ? undefined : seconds * 1000);
/** Without those that are undefined. */
const known = <T extends object>(o: { [K in keyof T]: T[K] | undefined }) =>
  Object.fromEntries(Object.entries(o).filter(([, value]) => value !== undefined)) as T;

/** @internal What nothing has been counted in yet. */
export const nothing = (time: number): Snapshot => ({ time, inbound: new Map(), outbound: new Map() });

/** @internal Reads a report of RTCPeerConnection.getStats. */
export function snapshotOf(report: RTCStatsReport, now: number): Snapshot {
  const all = new Map<string, Stats>();
  report.forEach((stats: Stats, id: string) => all.set(id, stats));
  const of = (type: string) => [...all].filter(([, stats]) => stats["type"] === type);
  // Old browsers call it mediaType.
  const sound = (type: string) => of(type).filter(([, stats]) => (stats["kind"] ?? stats["mediaType"]) === "audio");
  const find = (stats: Stats | undefined, name: string) => all.get(textIn(stats, name) ?? "");

  const reported = new Map(sound("remote-inbound-rtp").map(([, stats]) => [numberIn(stats, "ssrc"), stats]));
  const inbound = sound("inbound-rtp").map(([id, stats]) => [id, received(stats, codecOf(find(stats, "codecId")))] as const);
  const outbound = sound("outbound-rtp").map(([id, stats]) =>
    [id, sent(stats, codecOf(find(stats, "codecId")), reported.get(numberIn(stats, "ssrc")), find(stats, "mediaSourceId"))] as const);
  const times = [...sound("inbound-rtp"), ...sound("outbound-rtp")].map(([, stats]) => numberIn(stats, "timestamp") ?? 0);

  const pair = pairIn(of("transport"), of("candidate-pair"), all);
  const [local, remote] = [find(pair, "localCandidateId"), find(pair, "remoteCandidateId")];
  const [remotes, senders] = [[...reported.values()], sound("remote-outbound-rtp").map(([, stats]) => stats)];
  // RTCP goes to who plays the sound, the checks of ICE to the next hop; Firefox has not measured those for long.
  const roundTrip = [...remotes.map((s) => numberIn(s, "roundTripTime")), numberIn(pair, "currentRoundTripTime"), ...senders.map((s) => numberIn(s, "roundTripTime"))]
    .find((seconds) => seconds !== undefined && seconds >= 0);
  return known<Snapshot>({
    time: Math.max(...times, 0) || now,
    inbound: new Map(inbound), outbound: new Map(outbound), roundTrip: milliseconds(roundTrip),
    pair: pairOf(local, remote), local: addressOf(local), remote: addressOf(remote),
  });
}

function received(stats: Stats, codec: Codec | undefined): Row {
  const concealed = numberIn(stats, "concealedSamples");
  return known<Row>({
    ssrc: numberIn(stats, "ssrc"), codec, jitter: milliseconds(numberIn(stats, "jitter")), level: numberIn(stats, "audioLevel"),
    counts: known<Row["counts"]>({
      packets: numberIn(stats, "packetsReceived"), bytes: numberIn(stats, "bytesReceived"), lost: numberIn(stats, "packetsLost"),
      discarded: numberIn(stats, "packetsDiscarded"),
      // Silence is put in where nothing was sent, which nobody hears as a loss.
      concealed: concealed === undefined ? undefined : concealed - (numberIn(stats, "silentConcealedSamples") ?? 0),
      samples: numberIn(stats, "totalSamplesReceived"), bufferDelay: milliseconds(numberIn(stats, "jitterBufferDelay")),
      emitted: numberIn(stats, "jitterBufferEmittedCount"),
    }),
  });
}

/** `report` is the last receiver report of the other side (RFC 3550 section 6.4.2). */
function sent(stats: Stats, codec: Codec | undefined, report: Stats | undefined, source: Stats | undefined): Row {
  return known<Row>({
    ssrc: numberIn(stats, "ssrc"), codec, jitter: milliseconds(numberIn(report, "jitter")), level: numberIn(source, "audioLevel"),
    counts: known<Row["counts"]>({
      packets: numberIn(stats, "packetsSent"), bytes: numberIn(stats, "bytesSent"), lost: numberIn(report, "packetsLost"),
      told: numberIn(report, "timestamp"),
    }),
  });
}

/** Tones and comfort noise come in between: what is talked in is another one. */
function codecOf(stats: Stats | undefined): Codec | undefined {
  const name = textIn(stats, "mimeType")?.replace(/^audio\//i, "");
  if (name === undefined || /^(telephone-event|CN)$/i.test(name)) return undefined;
  return known<Codec>({
    name, payloadType: numberIn(stats, "payloadType"), clockRate: numberIn(stats, "clockRate"), parameters: textIn(stats, "sdpFmtpLine"),
  });
}

/** The pair that is in use. Firefox had no transports for long, and marks it itself. */
function pairIn(transports: (readonly [string, Stats])[], pairs: (readonly [string, Stats])[], all: ReadonlyMap<string, Stats>): Stats | undefined {
  for (const [, transport] of transports) {
    const pair = all.get(textIn(transport, "selectedCandidatePairId") ?? "");
    if (pair) return pair;
  }
  return (pairs.find(([, pair]) => pair["selected"] === true) ?? pairs.find(([, pair]) => pair["nominated"] === true && pair["state"] === "succeeded"))?.[1];
}

const types: readonly string[] = ["host", "srflx", "prflx", "relay"];

function pairOf(local: Stats | undefined, remote: Stats | undefined): CandidatePair | undefined {
  const [ours, theirs] = [textIn(local, "candidateType") ?? "", textIn(remote, "candidateType") ?? ""];
  if (!types.includes(ours) || !types.includes(theirs)) return undefined;
  return known<CandidatePair>({
    local: ours as CandidateType, remote: theirs as CandidateType, protocol: textIn(local, "protocol")?.toLowerCase() ?? "udp",
    relayProtocol: textIn(local, "relayProtocol"),
  });
}

function addressOf(candidate: Stats | undefined): Address | undefined {
  const address = known<Address>({ ip: textIn(candidate, "address") ?? textIn(candidate, "ip"), port: numberIn(candidate, "port") });
  return Object.keys(address).length > 0 ? address : undefined;
}

/** @internal How much a counter has grown; undefined when no stream of `after` has it. A counter that has begun anew counts from there. */
export function grown(before: Rows, after: Rows, counter: Counter): number | undefined {
  let sum: number | undefined;
  for (const [id, { counts }] of after) {
    const now = counts[counter];
    if (now === undefined) continue;
    const then = before.get(id)?.counts;
    const anew = (counts.packets ?? 0) < (then?.packets ?? 0);
    // What is lost may shrink, when a packet that was thought to be comes late (RFC 3550 appendix A.3).
    sum = (sum ?? 0) + Math.max(0, now - (anew ? 0 : then?.[counter] ?? 0));
  }
  return sum;
}

/** @internal The stream that has sent most since `before`: the others of this direction are those of SSRCs that were given up. */
export function busiest(before: Rows, after: Rows): Row | undefined {
  let [best, most]: [Row | undefined, number] = [undefined, -1];
  for (const [id, row] of after) {
    const packets = grown(before, new Map([[id, row]]), "packets") ?? 0;
    if (packets >= most) [best, most] = [row, packets];
  }
  return best;
}
