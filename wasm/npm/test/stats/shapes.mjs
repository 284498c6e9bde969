// Statistics as browsers give them: chromium.json was recorded from a call inside one page (Chromium 156), at three seconds and at eight.
// Firefox's are in the shape of its RTCStatsReport.webidl: no transport, no media-source, no round trip of the pair, `selected` at the pair.
import { readFileSync } from "node:fs";

/** `{ first, second }`: lists of statistics. */
export const chromium = JSON.parse(readFileSync(new URL("chromium.json", import.meta.url), "utf8"));

export function firefox({ time, packets = 0, lost = 0, rtcp, more = {} }) {
  return [
    { id: "c1", timestamp: time, type: "codec", channels: 2, clockRate: 48000, mimeType: "audio/opus", payloadType: 109, sdpFmtpLine: "maxplaybackrate=48000;stereo=1;useinbandfec=1", transportId: "t0" },
    { id: "i1", timestamp: time, type: "inbound-rtp", ssrc: 1111, mediaType: "audio", kind: "audio", codecId: "c1", jitter: 0.004, packetsDiscarded: 0, packetsLost: lost, packetsReceived: packets, bytesReceived: 80 * packets, jitterBufferDelay: 40 * packets, jitterBufferEmittedCount: 960 * packets, totalSamplesReceived: 960 * packets, concealedSamples: 0, silentConcealedSamples: 0, ...more },
    { id: "o1", timestamp: time, type: "outbound-rtp", ssrc: 2222, mediaType: "audio", kind: "audio", codecId: "c1", bytesSent: 80 * packets, packetsSent: packets },
    ...(rtcp ? [{ id: "ri1", timestamp: time - 100, type: "remote-inbound-rtp", ssrc: 2222, mediaType: "audio", kind: "audio", codecId: "c1", localId: "o1", jitter: 0.006, packetsLost: 0, fractionLost: 0, roundTripTime: 0.08, ...rtcp }] : []),
    { id: "p0", timestamp: time, type: "candidate-pair", localCandidateId: "l1", remoteCandidateId: "r1", nominated: true, selected: false, state: "failed" },
    { id: "p1", timestamp: time, type: "candidate-pair", localCandidateId: "l1", remoteCandidateId: "r1", nominated: true, selected: true, state: "succeeded", priority: 1, readable: true, writable: true },
    { id: "l1", timestamp: time, type: "local-candidate", candidateType: "relay", protocol: "udp", relayProtocol: "tls", address: "192.0.2.9", port: 40001 },
    { id: "r1", timestamp: time, type: "remote-candidate", candidateType: "srflx", protocol: "udp", address: "198.51.100.7", port: 50002 },
  ];
}
