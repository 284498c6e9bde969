import type { Measured } from "./call_quality.js";
import type { CallSnapshot } from "./call_values.js";
import { mosOf, rating } from "./mos.js";
import type { QualityReportOptions } from "./quality.js";
import type { QualitySummary, Spread, StreamSummary } from "./quality_summary.js";
import { busiest, type Address, type Codec, type Rows } from "./rtp_stats.js";

// The body of a voice quality report (RFC 6035 section 4.6). Each line holds what is known and no more; those that its grammar wants in any
// case say 0 where the browser tells nothing.

/** @internal The event package, which is the name of the media type too (section 6). */
export const VQ_EVENT = "vq-rtcpxr";
export const VQ_TYPE = "application/vq-rtcpxr";

/** @internal The report of a call: at its end, or of the time since the last report. */
export function vqReport({ summary, snapshot, dialog }: Measured, last: boolean, { localGroup, remoteGroup }: QualityReportOptions): string {
  const [local, remote] = [nameAddr(dialog.localName, dialog.localUri), nameAddr(dialog.remoteName, dialog.remoteUri)];
  const outgoing = dialog.direction === "outgoing";
  const { inbound, outbound } = snapshot;
  const [received, sent] = [busiest(new Map(), inbound), busiest(new Map(), outbound)];
  const told = summary.sent.loss !== undefined || summary.sent.jitter !== undefined;
  return [
    last ? "VQSessionReport: CallTerm" : "VQIntervalReport",
    `CallID: ${clean(dialog.callId)}`,
    `LocalID: ${local}`,
    `RemoteID: ${remote}`,
    `OrigID: ${outgoing ? local : remote}`,
    `LocalGroup: ${clean(localGroup ?? domainOf(dialog.localUri))}`,
    `RemoteGroup: ${clean(remoteGroup ?? domainOf(dialog.remoteUri))}`,
    `LocalAddr: ${addressLine(snapshot.local, sent?.ssrc)}`,
    `RemoteAddr: ${addressLine(snapshot.remote, received?.ssrc)}`,
    "LocalMetrics:",
    ...metrics(summary, summary.received, codecOf(inbound)),
    // What the other side has told of what it hears from us.
    ...(told ? ["RemoteMetrics:", ...metrics(summary, summary.sent, codecOf(outbound))] : []),
    `DialogID: ${clean(dialog.callId)};to-tag=${clean(outgoing ? dialog.remoteTag : dialog.localTag)};from-tag=${clean(outgoing ? dialog.localTag : dialog.remoteTag)}`,
  ].map((line) => `${line}\r\n`).join("");
}

function metrics(summary: QualitySummary, stream: StreamSummary & { discarded?: number; bufferDelay?: Spread }, codec: Codec | undefined): string[] {
  const all = stream.packets + (stream.lost ?? 0);
  const percent = (part: number | undefined) => (part === undefined || all === 0 ? undefined : Math.min(100, (100 * part) / all).toFixed(2));
  const listening = codec && stream.loss !== undefined ? rating({ codec: codec.name, loss: stream.loss.mean, delay: 0 }) : undefined;
  const lines: readonly [name: string, values: readonly (readonly [name: string, value: string | number | undefined])[]][] = [
    ["Timestamps", [["START", date(summary.start)], ["STOP", date(summary.end)]]],
    ["SessionDesc", [
      ["PT", codec?.payloadType], ["PD", codec && word(codec.name)], ["SR", codec?.clockRate],
      ["FMTP", codec?.parameters && `"${clean(codec.parameters).replaceAll('"', "'")}"`],
    ]],
    // 3: it adapts itself (RFC 3611 section 4.7.6), as all of the browsers' do.
    ["JitterBuffer", stream.bufferDelay ? [["JBA", 3], ["JBN", whole(stream.bufferDelay.mean)], ["JBM", whole(stream.bufferDelay.max)]] : []],
    ["PacketLoss", [["NLR", percent(stream.lost)], ["JDR", percent(stream.discarded)]]],
    ["Delay", [["RTD", whole(summary.roundTrip?.mean)], ["IAJ", whole(stream.jitter?.mean)]]],
    ["QualityEst", estimates(listening, stream.mos)],
  ];
  return lines.map(([name, values]) => [name, values.filter(([, value]) => value !== undefined)] as const).filter(([, values]) => values.length > 0)
    .map(([name, values]) => `${name}: ${values.map(([key, value]) => `${key}=${value}`).join(" ")}`);
}

const estimates = (listening: number | undefined, mos: Spread | undefined) => (listening === undefined && !mos ? [] : [
  ["RLQ", whole(listening)],
  ["MOSLQ", listening === undefined ? undefined : score(mosOf(listening))],
  ["MOSCQ", mos && score(mos.mean)],
  ["QoEEstAlg", "G.107"],
] as const);

const score = (mos: number) => mos.toFixed(2);
const whole = (value: number | undefined) => (value === undefined ? undefined : Math.min(65535, Math.round(value)));
/** Coordinated Universal Time, to the second. */
const date = (time: number) => `${new Date(time).toISOString().slice(0, 19)}Z`;
const codecOf = (rows: Rows) => busiest(new Map(), rows)?.codec;
const addressLine = (address: Address | undefined, ssrc: number | undefined) =>
  `IP=${clean(address?.ip ?? "0.0.0.0")} PORT=${address?.port ?? 0} SSRC=0x${(ssrc ?? 0).toString(16)}`;
/** Nothing of what the other side says may begin a line. */
const clean = (text: string) => text.replace(/[\0-\x1f\x7f]+/g, " ").trim();
const word = (text: string) => text.replace(/[^\w.+-]/g, "-");
const domainOf = (uri: string) => /^[^:]*:(?:[^@]*@)?(\[[^\]]*\]|[^;:?>]+)/.exec(uri)?.[1] || "unknown";

function nameAddr(name: CallSnapshot["localName"], uri: string): string {
  const address = `<${clean(uri).replace(/[<>]/g, "")}>`;
  return name ? `"${clean(name).replace(/["\\]/g, "\\$&")}" ${address}` : address;
}
