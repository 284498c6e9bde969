import assert from "node:assert/strict";
import { test } from "node:test";
import { arrival, Program, settled } from "./fake.mjs";
import { page, PeerConnection } from "./fake_page.mjs";

const fork = (status, more = {}) => ({ tag: "a", target: "", status, reason: "", earlyMedia: false, ended: false, ...more });

/** Go tells how the call rings. */
function rings(program, handle, ...forks) {
  program.emit(handle, "state", { state: "ringing" });
  const last = forks.at(-1);
  program.emit(handle, "ringing", { status: last.status, reason: "", earlyMedia: last.earlyMedia, fork: last.tag, reliable: false, forks });
}

const answered = (program, handle) => {
  program.emit(handle, "state", { state: "established" });
  program.emit(handle, "answered", { forks: [] });
};

/** What is heard now: the frequencies and the lengths of sound and silence, read from what the loop plays. */
function heard({ made, playing }) {
  const [element] = playing();
  if (!element) return undefined;
  const context = made.contexts.at(-1);
  const out = context.nodes.find(({ stream }) => stream === element.srcObject);
  const source = context.nodes.find((node) => node.buffer && node.feeds(out));
  const { sampleRate, length } = source.buffer;
  const data = source.buffer.getChannelData(0);
  const lengths = [];
  let sounding = true, since = 0;
  for (let i = 0, quiet = 0; i < length; i++) {
    quiet = Math.abs(data[i]) < 1e-4 ? quiet + 1 : 0;
    const now = quiet < 60; // a sine is never as quiet for so long
    if (now !== sounding) {
      const at = now ? i : i - 59;
      lengths.push((at - since) / sampleRate);
      [sounding, since] = [now, at];
    }
  }
  lengths.push((length - since) / sampleRate);
  const spectrum = (hz) => {
    let re = 0, im = 0;
    const n = Math.round(0.25 * sampleRate);
    for (let i = 0; i < n; i++) {
      re += data[i] * Math.cos((2 * Math.PI * hz * i) / sampleRate);
      im += data[i] * Math.sin((2 * Math.PI * hz * i) / sampleRate);
    }
    return (2 * Math.hypot(re, im)) / n;
  };
  const hz = [400, 425, 440, 450, 480, 620, 650, 850].filter((f) => spectrum(f) > 0.02);
  return { hz, seconds: lengths.map((s) => Math.round(s * 10) / 10), loop: source.loop, stopped: source.stopped, source, element };
}

const signal = (p) => { const h = heard(p); return h && `${h.hz} ${h.seconds}`; };

test("it rings at the other side until the answer", async (t) => {
  const p = page(t);
  const program = new Program();
  const { handle } = await program.outgoing("1002", {}, { tones: "us" });
  assert.equal(heard(p), undefined);
  rings(program, handle, fork(183));
  assert.equal(heard(p), undefined, "183 says nothing of ringing");
  rings(program, handle, fork(180));
  assert.equal(signal(p), "440,480 2,4");
  assert.equal(heard(p).loop, true);
  const { source } = heard(p);
  rings(program, handle, fork(180));
  assert.equal(heard(p).source, source, "the same goes on");
  answered(program, handle);
  assert.equal(heard(p), undefined);
  assert.equal(p.made.contexts.length, 1);
  assert.equal(p.made.contexts[0].state, "closed");
  assert.notEqual(source.stopped, undefined);
});

test("the other side's own sound takes the place of ours, unless it is not to be heard", async (t) => {
  const p = page(t);
  for (const [options, expected] of [[{}, undefined], [{ earlyMedia: false }, "425 1,4"]]) {
    const program = new Program();
    const { handle } = await program.outgoing("1002", options, { tones: "eu" });
    rings(program, handle, fork(180));
    assert.equal(signal(p), "425 1,4");
    rings(program, handle, fork(180), fork(183, { tag: "b", earlyMedia: true }));
    assert.equal(signal(p), expected);
    rings(program, handle, fork(180), fork(199, { tag: "b", earlyMedia: true, ended: true }));
    assert.equal(signal(p), "425 1,4", "that one has stopped");
    program.emit(handle, "ended", { by: "local", reason: "" });
    assert.equal(heard(p), undefined, "who hangs up knows it");
  }
});

test("busy and failed calls are heard for three seconds, what the person or the page ended is not", async (t) => {
  const p = page(t);
  for (const [ended, expected] of [
    [{ by: "remote", status: 486 }, "425 0.5,0.5"],
    [{ by: "remote", status: 600 }, "425 0.5,0.5"],
    [{ by: "remote", status: 503 }, "425 0.3,0.3"],
    [{ by: "system", error: { code: "timeout", message: "" } }, "425 0.3,0.3"],
    [{ by: "system", error: { code: "media-denied", message: "" } }, undefined],
    [{ by: "system", error: { code: "invalid-argument", message: "" } }, undefined],
    [{ by: "local" }, undefined],
  ]) {
    const program = new Program();
    const { ua, handle } = await program.outgoing("1002", {}, { tones: "eu" });
    program.emit(handle, "ended", { reason: "", ...ended });
    assert.equal(signal(p), expected, JSON.stringify(ended));
    if (!expected) continue;
    const { source } = heard(p);
    assert.equal(source.stopped, 10, "three seconds from now, by the context's clock");
    source.end();
    assert.equal(heard(p), undefined);
    // Who calls again hears no more of it.
    const again = new Program();
    const second = await again.outgoing("1002", {}, { tones: "eu" });
    again.emit(second.handle, "ended", { reason: "", ...ended });
    assert.ok(heard(p));
    second.ua.call("1003");
    assert.equal(heard(p), undefined);
    void ua;
  }
});

test("an incoming call rings until it is accepted; with another call it is a soft tone", async (t) => {
  const p = page(t);
  const program = new Program();
  const { ua, uaHandle, call, handle } = await program.incoming(2, { tones: "uk" });
  await settled();
  assert.equal(signal(p), "650,850 0.4,0.2,0.4,2");
  void call.accept();
  program.emit(handle, "state", { state: "answering" });
  assert.equal(heard(p), undefined);
  answered(program, handle);
  program.emit(uaHandle, "incoming", arrival(4));
  assert.equal(signal(p), "400 0.1,4");
  program.emit(handle, "ended", { by: "local", reason: "" });
  assert.equal(signal(p), "650,850 0.4,0.2,0.4,2", "the only one now");
  program.emit(4, "ended", { by: "remote", reason: "" });
  assert.equal(heard(p), undefined);
  assert.equal(ua.calls.length, 0);
});

test("what is accepted by itself does not ring, and with manualRinging the page says when", async (t) => {
  const p = page(t);
  const program = new Program();
  const { ua, handle: uaHandle } = await program.userAgent({ tones: "eu", manualRinging: true });
  program.emit(uaHandle, "incoming", arrival(2)); // nobody listens
  await settled();
  assert.equal(heard(p), undefined);
  let call;
  ua.on("incoming", (c) => { call = c; });
  program.emit(uaHandle, "incoming", arrival(4));
  assert.equal(heard(p), undefined);
  const telling = call.progress();
  (await program.take("progress")).resolve();
  await telling;
  assert.equal(signal(p), "650,850 1,4");
  program.emit(4, "ended", { by: "remote", reason: "" });

  const auto = new Program();
  const other = await auto.userAgent({ tones: "eu" });
  other.ua.on("incoming", () => {});
  auto.emit(other.handle, "incoming", arrival(2, { autoAnswer: true }));
  assert.equal(heard(p), undefined);
});

test("signals of one's own, softer, or none", async (t) => {
  const p = page(t);
  const program = new Program();
  const { handle, uaHandle, ua } = await program.outgoing("1002", {}, {
    tones: { country: "us", volume: 0.5, ringback: { hz: [620], seconds: [0.5, 1.5] }, ringing: false },
  });
  rings(program, handle, fork(180));
  assert.equal(signal(p), "620 0.5,1.5");
  const data = heard(p).source.buffer.getChannelData(0);
  const peak = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  assert.ok(peak > 0.45 && peak <= 0.5, `volume ${peak}`);
  program.emit(handle, "ended", { by: "local", reason: "" });
  ua.on("incoming", () => {});
  program.emit(uaHandle, "incoming", arrival(2));
  assert.equal(heard(p), undefined);

  const silent = new Program();
  const off = await silent.outgoing();
  rings(silent, off.handle, fork(180));
  assert.equal(p.made.contexts.length, 1, "off by default: nothing is made");
});

test("a refused signal is told on its call; resume lets it be heard, and does nothing when it is over", async (t) => {
  let refused = true;
  const p = page(t, { contextState: "suspended", play: async () => { if (refused) throw new DOMException("no gesture", "NotAllowedError"); } });
  const program = new Program();
  const { ua, handle: uaHandle } = await program.userAgent({ tones: "eu" });
  const blocked = new Promise((resolve) => ua.on("incoming", (call) => call.on("autoplayBlocked", resolve)));
  program.emit(uaHandle, "incoming", arrival(2));
  const { error, resume } = await blocked;
  assert.equal(error.code, "autoplay-blocked");
  await assert.rejects(resume(), { code: "autoplay-blocked" });
  refused = false;
  p.made.touched = true;
  await resume();
  assert.equal(p.made.contexts[0].state, "running");
  const [element] = p.playing();
  const times = element.play.mock.callCount();
  program.emit(2, "ended", { by: "remote", reason: "" });
  await resume();
  assert.equal(element.play.mock.callCount(), times);
});

test("it rings through another device than the call is heard through", async (t) => {
  const p = page(t);
  const program = new Program();
  const devices = ["desk", "headset"].map((deviceId) => ({ kind: "audiooutput", deviceId, label: deviceId, groupId: deviceId }));
  program.host = { ...program.host, mediaDevices: { ...program.host.mediaDevices, enumerateDevices: async () => devices } };
  const { ua, handle: uaHandle } = await program.userAgent({ tones: "eu" });
  await ua.devices.useSpeaker("headset");
  await ua.devices.useRinger("desk");
  ua.on("incoming", () => {});
  program.emit(uaHandle, "incoming", arrival(2));
  await settled();
  assert.equal(heard(p).element.sinkId, "desk");
  await ua.devices.useRinger(null);
  assert.equal(heard(p).element.sinkId, "headset", "while it rings");
  const pc = new PeerConnection();
  program.emit(2, "peerconnection", { peerConnection: pc });
  pc.track(new p.Track());
  await settled();
  assert.deepEqual(p.playing().map(({ sinkId }) => sinkId), ["headset", "headset"]);
});
