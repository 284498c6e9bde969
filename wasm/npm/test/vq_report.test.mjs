// The report of a call to a collector (RFC 6035), read by its grammar.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Program, settled } from "./fake.mjs";
import { firefox } from "./stats/shapes.mjs";

const START = Date.UTC(2026, 0, 31, 12, 0, 0);
const target = "sip:collector@example.com";

const snapshot = {
  callId: "call-1@example.com", localTag: "lt", remoteTag: "rt", localUri: "sip:1001@example.com", localName: "Alice", remoteUri: "sip:1002@example.net;transport=ws",
  remoteName: "", target: "sip:1002@192.0.2.1", routes: "", localSeq: 1, remoteSeq: 0, direction: "outgoing", held: false,
};

// What each line may be (section 4.6.1), as far as it is written here.
const number = String.raw`\d{1,3}(\.\d{1,2})?`;
const grammar = {
  CallID: /^\S+$/, LocalID: /^("([^"\\]|\\.)*" )?<[^<>\s]+>$/, RemoteID: /^("([^"\\]|\\.)*" )?<[^<>\s]+>$/, OrigID: /^("([^"\\]|\\.)*" )?<[^<>\s]+>$/,
  LocalGroup: /^\S+$/, RemoteGroup: /^\S+$/, LocalAddr: /^IP=[\da-f.:]+ PORT=\d{1,5} SSRC=0x[\da-f]{1,8}$/, RemoteAddr: /^IP=[\da-f.:]+ PORT=\d{1,5} SSRC=0x[\da-f]{1,8}$/,
  LocalMetrics: /^$/, RemoteMetrics: /^$/, Timestamps: /^START=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ STOP=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  SessionDesc: /^(PT=\d{1,3} )?PD=[\w.+-]+( SR=\d{1,6})?( FMTP="[^"]*")?$/, JitterBuffer: /^JBA=[0-3] JBN=\d{1,5} JBM=\d{1,5}$/,
  PacketLoss: new RegExp(`^NLR=${number}( JDR=${number})?$`), Delay: /^(RTD=\d{1,5})?( ?IAJ=\d{1,5})?$/,
  QualityEst: /^(RLQ=\d{1,3} MOSLQ=\d\.\d{1,3} )?(MOSCQ=\d\.\d{1,3} )?QoEEstAlg=G\.107$/, DialogID: /^\S+;to-tag=\S+;from-tag=\S+$/,
};

function parse(body) {
  assert.ok(body.endsWith("\r\n"));
  const [title, ...lines] = body.slice(0, -2).split("\r\n");
  let part = {};
  const parts = { title, info: part };
  for (const line of lines) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? assert.fail(`no line of a report: ${line}`);
    assert.match(value, grammar[name] ?? assert.fail(`${name} is not in the grammar`), name);
    if (name.endsWith("Metrics")) parts[name] = part = {};
    else (name === "DialogID" ? parts.info : part)[name] = value;
  }
  assert.deepEqual(Object.keys(parts.info), ["CallID", "LocalID", "RemoteID", "OrigID", "LocalGroup", "RemoteGroup", "LocalAddr", "RemoteAddr", "DialogID"]);
  return parts;
}

async function talking(t, { report = { target }, dialog = snapshot, answer = true } = {}) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: START });
  const program = new Program();
  const { ua, call, handle, uaHandle } = await program.outgoing("1002", { audio: false }, { quality: report ? { report } : {} });
  const failures = [];
  ua.on("reportFailed", (event) => failures.push(event));
  const peerConnection = Object.assign(new EventTarget(), {
    remoteDescription: null, getReceivers: () => [], close() {}, stats: [],
    async getStats() { return new Map(this.stats.map((s) => [s.id, s])); },
  });
  program.emit(handle, "peerconnection", { peerConnection });
  program.emit(handle, "snapshot", dialog);
  if (answer) program.emit(handle, "answered", { forks: [] });
  await settled();
  const at = async (ms, stats) => {
    peerConnection.stats = stats;
    t.mock.timers.tick(START + ms - Date.now());
    await settled();
  };
  const end = async () => {
    peerConnection.close();
    program.emit(handle, "ended", { by: "remote", reason: "" });
    await settled();
    return call.summary;
  };
  const reported = () => program.ops.filter(({ op }) => op === "publish");
  return { program, ua, uaHandle, call, at, end, reported, failures };
}

const ff = (seconds, more = {}) => firefox({ time: START + 1000 * seconds, packets: 50 * seconds, ...more });

test("one report of a call, when it has ended", async (t) => {
  const { uaHandle, at, end, reported, failures } = await talking(t);
  await at(5000, ff(5, { rtcp: {} }));
  await at(10_000, ff(10, { lost: 10, rtcp: { packetsLost: 5 }, more: { packetsDiscarded: 5 } }));
  assert.equal(reported().length, 0);
  await end();
  const [op] = reported();
  assert.equal(op.handle, uaHandle);
  const { body, ...rest } = op.args;
  assert.deepEqual(rest, { event: "vq-rtcpxr", contentType: "application/vq-rtcpxr", target, once: true });
  assert.deepEqual(parse(body), {
    title: "VQSessionReport: CallTerm",
    info: {
      CallID: "call-1@example.com", LocalID: '"Alice" <sip:1001@example.com>', RemoteID: "<sip:1002@example.net;transport=ws>", OrigID: '"Alice" <sip:1001@example.com>',
      LocalGroup: "example.com", RemoteGroup: "example.net",
      LocalAddr: "IP=192.0.2.9 PORT=40001 SSRC=0x8ae", RemoteAddr: "IP=198.51.100.7 PORT=50002 SSRC=0x457", DialogID: "call-1@example.com;to-tag=rt;from-tag=lt",
    },
    LocalMetrics: {
      Timestamps: "START=2026-01-31T12:00:00Z STOP=2026-01-31T12:00:10Z",
      SessionDesc: 'PT=109 PD=opus SR=48000 FMTP="maxplaybackrate=48000;stereo=1;useinbandfec=1"',
      JitterBuffer: "JBA=3 JBN=42 JBM=42", PacketLoss: "NLR=1.96 JDR=0.98", Delay: "RTD=80 IAJ=4", QualityEst: "RLQ=83 MOSLQ=4.14 MOSCQ=4.13 QoEEstAlg=G.107",
    },
    RemoteMetrics: {
      Timestamps: "START=2026-01-31T12:00:00Z STOP=2026-01-31T12:00:10Z",
      SessionDesc: 'PT=109 PD=opus SR=48000 FMTP="maxplaybackrate=48000;stereo=1;useinbandfec=1"',
      PacketLoss: "NLR=0.99", Delay: "RTD=80 IAJ=6", QualityEst: "RLQ=90 MOSLQ=4.33 MOSCQ=4.32 QoEEstAlg=G.107",
    },
  });
  op.resolve();
  await settled();
  assert.deepEqual([reported().length, failures], [1, []]);
});

test("what a closed connection does not tell any more is known from before", async (t) => {
  const { at, end, reported } = await talking(t);
  await at(5000, ff(5));
  await at(6000, [{ id: "P", type: "peer-connection", timestamp: START + 6000 }]);
  await end();
  const { info, LocalMetrics } = parse(reported()[0].args.body);
  assert.deepEqual([info.LocalAddr, LocalMetrics.PacketLoss], ["IP=192.0.2.9 PORT=40001 SSRC=0x8ae", "NLR=0.00 JDR=0.00"]);
  assert.match(LocalMetrics.SessionDesc, /^PT=109 PD=opus /);
});

test("who called is who called, and what the other side says begins no line", async (t) => {
  const dialog = {
    ...snapshot, direction: "incoming", remoteName: 'Eve "\\\r\nLocalID: <sip:x@y>', remoteUri: "sip:1002@[2001:db8::1]:5061\r\nX: 1", callId: "c\r\nX: 2", remoteTag: "r\nX: 3",
  };
  const { at, end, reported } = await talking(t, { dialog, report: { target, localGroup: "berlin", remoteGroup: "out" } });
  const odd = ff(5).map((s) => ({ ...s, sdpFmtpLine: 'a="b"\r\nX: 4', mimeType: "audio/x y\r\nX: 5", address: "fd00::2\nX: 6" }));
  await at(5000, odd);
  await end();
  const lines = reported()[0].args.body.split("\r\n");
  assert.deepEqual(lines.filter((line) => line.startsWith("X")), []);
  const of = (name) => lines.find((line) => line.startsWith(`${name}:`)).slice(name.length + 2);
  assert.equal(of("OrigID"), of("RemoteID"));
  assert.match(of("RemoteID"), /^"Eve \\"\\\\ LocalID: <sip:x@y>" </);
  assert.deepEqual([of("LocalGroup"), of("RemoteGroup"), of("LocalAddr")], ["berlin", "out", "IP=fd00::2 X: 6 PORT=40001 SSRC=0x8ae"]);
  assert.equal(of("DialogID"), "c X: 2;to-tag=lt;from-tag=r X: 3");
  assert.match(of("SessionDesc"), /PD=x-y--X--5 SR=48000 FMTP="a='b' X: 4"$/);
});

test("what the browser does not tell is not in it", async (t) => {
  const { at, end, reported } = await talking(t, { dialog: { ...snapshot, remoteUri: "tel:+15550100" } });
  await at(5000, []);
  await end();
  const { LocalMetrics, RemoteMetrics, info } = parse(reported()[0].args.body);
  assert.deepEqual([LocalMetrics, RemoteMetrics], [{ Timestamps: "START=2026-01-31T12:00:00Z STOP=2026-01-31T12:00:05Z" }, undefined]);
  assert.deepEqual([info.LocalAddr, info.RemoteGroup], ["IP=0.0.0.0 PORT=0 SSRC=0x0", "+15550100"]);
});

test("reports in between are of the time since the last one", async (t) => {
  const { at, end, reported } = await talking(t, { report: { target, interval: 10_000 } });
  for (const [seconds, lost] of [[5, 0], [10, 50], [15, 50], [20, 50]]) await at(seconds * 1000, ff(seconds, { lost }));
  await at(22_000, ff(22, { lost: 50 }));
  await end();
  const all = reported().map(({ args }) => parse(args.body));
  assert.deepEqual(all.map(({ title, LocalMetrics: { Timestamps, PacketLoss } }) => [title, Timestamps, PacketLoss.split(" ")[0]]), [
    ["VQIntervalReport", "START=2026-01-31T12:00:00Z STOP=2026-01-31T12:00:10Z", "NLR=9.09"],
    ["VQIntervalReport", "START=2026-01-31T12:00:10Z STOP=2026-01-31T12:00:20Z", "NLR=0.00"],
    ["VQSessionReport: CallTerm", "START=2026-01-31T12:00:00Z STOP=2026-01-31T12:00:22Z", "NLR=4.35"],
  ]);
});

test("a report that fails is told, and harms nothing", async (t) => {
  const { call, at, end, reported, failures } = await talking(t);
  await at(5000, ff(5));
  await end();
  reported()[0].reject({ code: "rejected", message: "publish: rejected (489 Bad Event)", op: "publish", status: 489, reason: "Bad Event" });
  await settled();
  assert.deepEqual(failures.map((f) => [f.call === call, f.error.code, f.error.status]), [[true, "rejected", 489]]);
  await at(60_000, ff(60));
  assert.equal(reported().length, 1);
});

test("closing the user agent ends the calls first, so that their reports still go out", async (t) => {
  const { program, ua, call, at, reported, failures } = await talking(t);
  await at(5000, ff(5));
  const closing = ua.close();
  assert.equal(ua.close(), closing);
  const hangup = await program.take("hangup");
  assert.equal(program.ops.some(({ op }) => op === "close"), false);
  program.emit(hangup.handle, "ended", { by: "local", reason: "" });
  hangup.resolve();
  const publish = await program.take("publish");
  assert.ok(await call.summary);
  await settled();
  assert.equal(program.ops.some(({ op }) => op === "close"), false);
  publish.resolve();
  (await program.take("close")).resolve();
  await closing;
  assert.deepEqual([reported().length, failures], [1, []]);
});

test("a collector that does not answer holds the end up for five seconds at most", async (t) => {
  const { program, ua, at } = await talking(t);
  await at(5000, ff(5));
  const closing = ua.close();
  await program.take("hangup"); // nobody answers
  await settled();
  await at(9999, ff(9));
  assert.equal(program.ops.some(({ op }) => op === "close"), false);
  await at(10_000, ff(9));
  (await program.take("close")).resolve();
  await closing;
});

test("nothing is sent unless it is asked for, and of no call that was not answered", async (t) => {
  for (const options of [{ report: false }, { answer: false }]) {
    await t.test(Object.keys(options)[0], async (t) => {
      const { at, end, reported } = await talking(t, options);
      await at(5000, ff(5));
      await end();
      assert.deepEqual(reported(), []);
    });
  }
});
