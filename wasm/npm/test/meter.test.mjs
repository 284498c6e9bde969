import assert from "node:assert/strict";
import { test } from "node:test";
import { meter } from "../dist/index.js";
import { Program } from "./fake.mjs";
import { page, PeerConnection } from "./fake_page.mjs";

const near = (level, expected) => assert.ok(Math.abs(level - expected) < 0.01, `${level} is not ${expected}`);

test("a level is 0 in silence, 1 at the loudest, and even in decibels between", (t) => {
  const p = page(t);
  t.mock.timers.enable({ apis: ["setInterval"] });
  const track = new p.Track();
  const stream = new p.MediaStream([track]);
  const levels = [];
  const stop = meter(stream, (level) => levels.push(level), { interval: 50 });
  for (const loudness of [0, 1, 0.1, 0.001, 0.0001, 2]) {
    track.loudness = loudness;
    t.mock.timers.tick(50);
  }
  [0, 1, 2 / 3, 0, 0, 1].forEach((expected, i) => near(levels[i], expected));

  // Another track in the stream is followed.
  stream.removeTrack(track);
  t.mock.timers.tick(50);
  const other = Object.assign(new p.Track(), { loudness: 1 });
  stream.addTrack(other);
  t.mock.timers.tick(50);
  assert.deepEqual(levels.slice(-2), [0, 1]);
  stop();
  stop();
  t.mock.timers.tick(500);
  assert.equal(levels.length, 8);
  assert.equal(p.made.contexts[0].state, "closed");
});

test("meters share one context, which ends with the last", (t) => {
  const p = page(t);
  const stream = new p.MediaStream([new p.Track()]);
  const [first, second] = [meter(stream, () => {}), meter(stream, () => {})];
  assert.equal(p.made.contexts.length, 1);
  first();
  first();
  assert.equal(p.made.contexts[0].state, "running");
  second();
  assert.equal(p.made.contexts[0].state, "closed");
  assert.throws(() => meter(stream, () => {}, { interval: 1 }), { code: "invalid-argument" });
  delete globalThis.AudioContext;
  assert.throws(() => meter(stream, () => {}), { code: "unsupported" });
});

test("a call is metered while somebody listens: what is sent and what is received", async (t) => {
  const p = page(t);
  const program = new Program();
  const { call, handle } = await program.outgoing();
  t.mock.timers.enable({ apis: ["setInterval"] });
  const [sent, received] = [Object.assign(new p.Track(), { loudness: 1 }), Object.assign(new p.Track(), { loudness: 0.1 })];
  const peerConnection = new PeerConnection();
  peerConnection.senders = [{ track: sent }];
  program.emit(handle, "peerconnection", { peerConnection });
  peerConnection.track(received);
  assert.equal(p.made.contexts.length, 0, "no work while nobody listens");
  const levels = [];
  const remove = call.on("level", (level) => levels.push(level));
  t.mock.timers.tick(100);
  assert.equal(levels.length, 1);
  near(levels[0].local, 1);
  near(levels[0].remote, 2 / 3);
  program.emit(handle, "sending", { track: Object.assign(new p.Track(), { enabled: false, loudness: 1 }) });
  t.mock.timers.tick(100);
  assert.equal(levels[1].local, 0, "muted");
  remove();
  t.mock.timers.tick(1000);
  assert.equal(levels.length, 2);
  assert.equal(p.made.contexts[0].state, "closed");

  call.on("level", () => {});
  program.emit(handle, "ended", { by: "remote", reason: "" });
  assert.equal(p.made.contexts[1].state, "closed", "over with the call");
});
