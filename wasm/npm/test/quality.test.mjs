// How the sound of a call is measured: of statistics as Chromium and Firefox give them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Program, reports, settled } from "./fake.mjs";
import { UserAgent } from "../dist/index.js";
import { chromium, firefox } from "./stats/shapes.mjs";

const START = 1_796_088_790_000;

/** A peer connection with statistics of the test: `stats` is the list that it gives. As in Chromium nothing is left of them when it is closed. */
class PeerConnection extends EventTarget {
  remoteDescription = null;
  asked = 0;
  constructor(stats) {
    super();
    this.stats = stats;
  }
  getReceivers() { return []; }
  close() { this.stats = [{ id: "P", type: "peer-connection", timestamp: Date.now() }]; }
  async getStats() {
    this.asked++;
    if (this.stats instanceof Error) throw this.stats;
    if (this.stats === "never") return new Promise(() => {});
    const { stats } = this;
    await settled();
    return new Map(stats.map((s) => [s.id, Object.freeze({ ...s })]));
  }
}

/** A call that is answered at START with that state of the statistics. `at(ms, stats)` goes on to a moment after the answer, and gives the last sample. */
async function talking(t, stats, options = {}, { answer = true } = {}) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: START });
  const program = new Program();
  const { ua, call, handle } = await program.outgoing("1002", { audio: false }, options);
  const peerConnection = new PeerConnection(stats);
  program.emit(handle, "peerconnection", { peerConnection });
  program.emit(handle, "media", { streams: [{ kind: "audio", direction: "sendrecv", refused: false }] });
  program.emit(handle, "snapshot", snapshot);
  const samples = [];
  call.on("quality", (sample) => samples.push(sample));
  if (answer) program.emit(handle, "answered", { forks: [] });
  await settled();
  const world = { program, ua, call, handle, peerConnection, samples };
  world.at = async (ms, next) => {
    if (next) world.peerConnection.stats = next;
    t.mock.timers.tick(START + ms - Date.now());
    await settled();
    await settled();
    return samples.at(-1);
  };
  world.end = async () => {
    world.peerConnection.close(); // as Go does
    program.emit(handle, "ended", { by: "remote", reason: "" });
    await settled();
    return call.summary;
  };
  return world;
}

const snapshot = {
  callId: "call-1", localTag: "lt", remoteTag: "rt", localUri: "sip:1001@example.com", localName: "Alice", remoteUri: "sip:1002@example.net", remoteName: "",
  target: "sip:1002@192.0.2.1", routes: "", localSeq: 1, remoteSeq: 0, direction: "outgoing", held: false,
};
const near = (value, wanted, within = 1e-6) => assert.ok(Math.abs(value - wanted) <= within, `${value} is not ${wanted}`);
/** Firefox's statistics so many seconds after the answer, at 50 packets a second. */
const ff = (seconds, more = {}) => firefox({ time: START + 1000 * seconds, packets: 50 * seconds, ...more });

test("a sample of what Chromium tells", async (t) => {
  const { at, call } = await talking(t, chromium.first);
  assert.equal(call.quality, undefined);
  const sample = await at(5000, chromium.second);
  assert.equal(call.quality, sample);
  const { time, duration, level, changed, pair, received, sent } = sample;
  assert.deepEqual({ time, level, changed, pair }, { time: START + 5000, level: "good", changed: false, pair: { local: "host", remote: "host", protocol: "udp" } });
  near(duration, 5000, 30);
  assert.deepEqual([received.codec, sent.codec], ["opus", "opus"]);
  const packetsOf = (list) => list.find((s) => s.type === "inbound-rtp").packetsReceived;
  assert.equal(received.packets, packetsOf(chromium.second) - packetsOf(chromium.first));
  assert.deepEqual([received.lost, received.loss, received.discarded], [0, 0, 0]);
  near(received.jitter, 2, 3);
  assert.ok(received.bufferDelay > 20 && received.bufferDelay < 150, String(received.bufferDelay));
  assert.ok(received.bitrate > 8000 && received.bitrate < 60_000, String(received.bitrate));
  assert.ok(received.concealed >= 0 && received.concealed < 0.05, String(received.concealed));
  assert.ok(received.audioLevel > 0 && sent.audioLevel > 0);
  near(received.mos, 4.409, 1e-3); // the best that there is: no loss, and some 100 ms
  assert.equal(sample.roundTrip, 0); // of the pair: there was no report with a round trip
  assert.deepEqual([sent.loss, sent.mos], [undefined, undefined]); // there was no report of the other side in between
  assert.deepEqual(Object.values(sample).concat(Object.values(received), Object.values(sent)).filter((v) => v === undefined || Number.isNaN(v)), []);
});

test("a sample of what Firefox tells", async (t) => {
  const { at } = await talking(t, ff(0));
  const { roundTrip, pair, received, sent, level } = await at(5000, ff(5, { lost: 5, rtcp: { packetsLost: 25, roundTripTime: 0.2 } }));
  assert.equal(roundTrip, 200);
  assert.deepEqual(pair, { local: "relay", remote: "srflx", protocol: "udp", relayProtocol: "tls" });
  assert.deepEqual({ ...received, mos: 0 }, {
    codec: "opus", packets: 250, lost: 5, loss: 5 / 255, discarded: 0, concealed: 0, bufferDelay: 1000 * 40 / 960, bitrate: 32_000, jitter: 4, mos: 0,
  });
  assert.deepEqual({ ...sent, mos: 0 }, { codec: "opus", packets: 250, lost: 25, loss: 0.1, bitrate: 32_000, jitter: 6, mos: 0 });
  near(received.mos, 4.225, 1e-3);
  near(sent.mos, 3.41, 1e-2);
  assert.equal(level, "fair");
});

test("what is missing, no number or from another stream does no harm", async (t) => {
  const video = { timestamp: START, kind: "video", packetsReceived: 9999, packetsLost: 9999, packetsSent: 9999 };
  const odd = [
    { id: "i", type: "inbound-rtp", mediaType: "audio", packetsReceived: 100, packetsLost: NaN, jitter: Infinity, bytesReceived: "many", timestamp: "now" },
    { id: "o", type: "outbound-rtp", kind: "audio" },
    { id: "v", type: "inbound-rtp", ...video }, { id: "w", type: "outbound-rtp", ...video },
    { id: "t", type: "transport", selectedCandidatePairId: "gone" }, { id: "p", type: "candidate-pair", nominated: true, state: "succeeded", localCandidateId: "gone", currentRoundTripTime: -1 },
    { id: "x", type: "something new", kind: "audio" },
  ];
  const { at, end } = await talking(t, []);
  const { received, sent, pair, roundTrip, level } = await at(5000, odd);
  assert.deepEqual({ received, sent, pair, roundTrip, level }, { received: { packets: 100 }, sent: { packets: 0 }, pair: undefined, roundTrip: undefined, level: "good" });
  const summary = await end();
  assert.deepEqual([summary.received, summary.sent, summary.pairs], [{ codecs: [], packets: 100 }, { codecs: [], packets: 0 }, []]);
});

test("no packets are no loss: hold, and silence that is not", async (t) => {
  const world = await talking(t, ff(0));
  await world.at(5000, ff(5));
  world.program.emit(world.handle, "held", { by: "remote" });
  const held = await world.at(10_000, ff(5, { rtcp: {} }));
  assert.deepEqual([held.received.packets, held.received.loss, held.received.mos, held.received.jitter, held.level, held.changed], [0, undefined, undefined, undefined, "good", false]);
  world.program.emit(world.handle, "resumed", { by: "remote" });
  const dead = await world.at(15_000, ff(5));
  assert.deepEqual([dead.level, dead.changed, dead.received.loss], ["poor", true, undefined]);
  assert.deepEqual([(await world.at(20_000, ff(5))).changed, (await world.at(25_000, ff(10))).level], [false, "good"]);
  world.program.emit(world.handle, "media", { streams: [{ kind: "audio", direction: "sendonly", refused: false }, { kind: "video", direction: "sendrecv", refused: false }] });
  assert.equal((await world.at(30_000, ff(10))).level, "good");
});

test("a threshold is told once each way, and not at each step over it", async (t) => {
  const world = await talking(t, ff(0), { quality: { interval: 1000, thresholds: { loss: { fair: 0.1, poor: 0.2 }, mos: { fair: 1, poor: 0.5 } } } });
  let [seconds, lost] = [0, 0];
  const heard = [];
  // Of 50 packets that come in each second so many more were lost.
  for (const more of [0, 5, 6, 5, 6, 13, 12, 11, 6, 5, 2, 0]) {
    lost += more;
    const { level, changed } = await world.at(++seconds * 1000, ff(seconds, { lost }));
    heard.push(changed ? level : "");
  }
  //                       0%  9.1% 10.7%  9.1% 10.7% 20.6%   19.4% 18.0% 10.7%   9.1% 3.8% 0%
  assert.deepEqual(heard, ["", "", "fair", "", "", "poor", "", "", "fair", "", "good", ""]);
});

test("counters that begin anew, another SSRC, another codec", async (t) => {
  const world = await talking(t, ff(0));
  assert.equal((await world.at(5000, ff(5))).received.packets, 250);
  const restarted = await world.at(10_000, ff(10, { packets: 40, lost: 2 }));
  assert.deepEqual([restarted.received.packets, restarted.received.lost], [40, 2]);
  // One lost packet came late after all.
  assert.deepEqual((({ packets, lost }) => [packets, lost])((await world.at(15_000, ff(15, { packets: 290, lost: 1 }))).received), [250, 0]);
  const old = ff(20, { packets: 290, lost: 1 });
  const pcmu = { id: "c2", type: "codec", mimeType: "audio/PCMU", payloadType: 0, clockRate: 8000 };
  const fresh = (packets) => [
    ...old, pcmu, { id: "i2", timestamp: START + 20_000, type: "inbound-rtp", ssrc: 3333, kind: "audio", codecId: "c2", jitter: 0.03, packetsLost: 0, packetsReceived: packets, bytesReceived: 160 * packets },
  ];
  const { received } = await world.at(20_000, fresh(240));
  assert.deepEqual([received.codec, received.packets, received.lost, received.jitter], ["PCMU", 240, 0, 30]);
  assert.ok(received.mos > 4.3);
  // Tones between do not change the codec.
  const tones = fresh(480).map((s) => (s.id === "c2" ? { ...s, mimeType: "audio/telephone-event" } : s));
  assert.equal((await world.at(25_000, tones)).received.codec, "PCMU");
  assert.deepEqual((await world.end()).received.codecs, ["opus", "PCMU"]);
});

test("a call goes on over another peer connection", async (t) => {
  const world = await talking(t, ff(0));
  await world.at(5000, ff(5));
  const first = world.peerConnection;
  first.stats = ff(7, { lost: 3 });
  world.peerConnection = new PeerConnection(firefox({ time: START + 7000 }));
  world.program.emit(world.handle, "peerconnection", { peerConnection: world.peerConnection });
  await settled();
  assert.equal(world.samples.length, 1);
  const { received } = await world.at(10_000, firefox({ time: START + 10_000, packets: 150 }));
  assert.deepEqual([received.packets, received.lost, received.codec], [150, 0, "opus"]);
  const asked = first.asked;
  const { received: all } = await world.end();
  assert.deepEqual([all.packets, all.lost, first.asked], [500, 3, asked]);
});

test("sound that nobody plays was not too late", async (t) => {
  const world = await talking(t, ff(0));
  const { received } = await world.at(5000, ff(5, { more: { packetsDiscarded: 200, jitterBufferEmittedCount: 0, jitterBufferDelay: 0 } }));
  assert.deepEqual([received.discarded, received.loss, received.bufferDelay], [undefined, 0, undefined]);
  const played = await world.at(10_000, ff(10, { more: { packetsDiscarded: 210, jitterBufferEmittedCount: 240_000, jitterBufferDelay: 9600 } }));
  assert.deepEqual([played.received.discarded, played.received.loss, played.received.bufferDelay], [10, 10 / 250, 40]);
});

test("the summary is of the whole call", async (t) => {
  const world = await talking(t, ff(0));
  await world.at(5000, ff(5, { rtcp: { roundTripTime: 0.1 } }));
  await world.at(10_000, ff(10, { lost: 100, rtcp: { roundTripTime: 0.3, packetsLost: 25 } }));
  world.peerConnection.stats = ff(12, { lost: 100, rtcp: { roundTripTime: 0.2, packetsLost: 25 } });
  await world.at(12_000);
  const asked = world.peerConnection.asked;
  const summary = await world.end();
  assert.deepEqual([summary.start, summary.end, summary.samples, summary.worst], [START, START + 12_000, 3, "poor"]);
  assert.deepEqual(summary.roundTrip, { min: 100, mean: (100 * 5 + 300 * 5 + 200 * 2) / 12, max: 300 });
  assert.deepEqual(summary.pairs, [{ local: "relay", remote: "srflx", protocol: "udp", relayProtocol: "tls" }]);
  const { received, sent } = summary;
  assert.deepEqual([received.codecs, received.packets, received.lost, received.discarded, received.loss], [["opus"], 600, 100, 0, { min: 0, mean: 100 / 700, max: 100 / 350 }]);
  assert.deepEqual([sent.codecs, sent.packets, sent.lost, sent.loss], [["opus"], 600, 25, { min: 0, mean: 25 / 625, max: 25 / 250 }]);
  assert.deepEqual(received.jitter, { min: 4, mean: 4, max: 4 });
  assert.ok(received.mos.min < received.mos.mean && received.mos.mean < received.mos.max);
  assert.equal(world.peerConnection.asked, asked + 1);
  // Nothing after the end.
  await world.at(60_000);
  assert.deepEqual([world.samples.length, world.peerConnection.asked], [2, asked + 1]);
});

test("a call that is shorter than an interval has a summary too", async (t) => {
  const { at, end } = await talking(t, chromium.first);
  await at(4900, chromium.second);
  const { received, pairs, samples } = await end();
  assert.deepEqual([received.codecs, pairs.map(({ local }) => local), samples], [["opus"], ["host"], 1]);
  assert.ok(received.packets > 200 && received.mos.mean > 4);
});

test("a browser that refuses or forgets statistics keeps nobody waiting", async (t) => {
  for (const broken of [new Error("closed"), "never"]) {
    await t.test(String(broken), async (t) => {
      const world = await talking(t, ff(0));
      await world.at(5000, ff(5));
      world.peerConnection.stats = broken;
      const summary = world.end();
      await settled();
      await settled();
      t.mock.timers.tick(1000);
      assert.equal((await summary).received.packets, 250);
    });
  }
  const world = await talking(t, "never");
  await world.at(6000);
  await world.at(12_000);
  assert.equal(world.samples.length, 0);
  await world.at(18_000, ff(1));
  const before = world.samples.length;
  await world.at(24_000, ff(2));
  assert.deepEqual([before, world.samples.length > before], [0, true]);
});

test("no timer runs before the answer, after the end, and where it is switched off", async (t) => {
  await t.test("before the answer", async (t) => {
    const { at, end, peerConnection, call } = await talking(t, ff(0), {}, { answer: false });
    await at(20_000);
    assert.equal(peerConnection.asked, 0);
    assert.equal(await end(), undefined);
    assert.equal(call.quality, undefined);
  });
  await t.test("off", async (t) => {
    const { at, end, peerConnection } = await talking(t, ff(0), { quality: false });
    await at(20_000);
    assert.equal(await end(), undefined);
    assert.equal(peerConnection.asked, 0);
  });
});

test("a listener may hang up, and one that throws is reported", async (t) => {
  const { at, call, program, handle, samples, peerConnection } = await talking(t, ff(0));
  call.on("quality", () => { throw new Error("page"); });
  const reported = await reports(() => at(5000, ff(5)));
  assert.deepEqual(reported.map(({ message }) => message), ["page"]);
  call.on("quality", () => program.emit(handle, "ended", { by: "local", reason: "" }));
  await reports(() => at(10_000, ff(10)));
  assert.equal((await call.summary).received.packets, 500);
  const { asked } = peerConnection;
  await at(30_000);
  assert.deepEqual([samples.length, peerConnection.asked], [2, asked]);
});

test("options that are wrong are named", async () => {
  for (const quality of [
    true, { every: 1 }, { interval: 499 }, { interval: NaN }, { interval: 2 ** 31 }, { thresholds: { mos: 4 } }, { thresholds: { mos: { fair: 4 } } },
    { thresholds: { delay: { fair: 1, poor: 2 } } }, { report: {} }, { report: { target: "a\r\nb" } }, { report: { target: "sip:c@d", interval: 0 } },
  ]) {
    await assert.rejects(UserAgent.create({ uri: "sip:a@b.example", servers: ["wss://b.example"], quality }), { code: "invalid-argument", message: /create: quality must be false or/ });
  }
  const { args } = await new Program().userAgent({ quality: { interval: 1000, report: { target: "sip:c@d" } } });
  assert.equal("quality" in args, false); // it is not Go's business
});

