import assert from "node:assert/strict";
import { test } from "node:test";
import { Program, settled } from "./fake.mjs";
import { page, PeerConnection } from "./fake_page.mjs";

/** A call that is answered, with a track in each direction. */
async function talking(p, options = {}) {
  const program = new Program();
  const { call, handle } = await program.outgoing("1002", {}, options);
  const [sent, received] = [new p.Track(), new p.Track()];
  const peerConnection = new PeerConnection();
  peerConnection.senders = [{ track: sent }, { track: null }];
  program.emit(handle, "peerconnection", { peerConnection });
  peerConnection.track(received);
  program.emit(handle, "state", { state: "established" });
  program.emit(handle, "answered", { forks: [] });
  return { program, call, handle, peerConnection, sent, received };
}

const consent = () => true;

test("both sides reach the recorder, each on its channel or together", async (t) => {
  const p = page(t);
  const { call, sent, received } = await talking(p);
  const stereo = await call.record({ consent, channels: "stereo" });
  const [recorder] = p.made.recorders;
  assert.deepEqual(recorder.heard(), [[sent, 0], [received, 1]]);
  assert.deepEqual(recorder.options, { mimeType: "audio/webm;codecs=opus", audioBitsPerSecond: 64_000 });
  assert.equal(recorder.timeslice, 1000);
  assert.equal(stereo.mimeType, "audio/webm;codecs=opus");

  await call.record({ consent, mimeType: "audio/webm", bitsPerSecond: 16_000, timeslice: 500 });
  const mixed = p.made.recorders[1];
  assert.deepEqual(mixed.heard(), [[sent, undefined], [received, undefined]]);
  assert.deepEqual([mixed.options, mixed.timeslice], [{ mimeType: "audio/webm", audioBitsPerSecond: 16_000 }, 500]);
  assert.equal(p.made.contexts.length, 1, "one for both");
});

test("it follows what is sent and received, and ends with the call", async (t) => {
  const p = page(t);
  const { program, call, handle, received } = await talking(p);
  const recording = await call.record({ consent, channels: "stereo" });
  const [recorder] = p.made.recorders;
  const silence = new p.Track();
  program.emit(handle, "sending", { track: silence }); // muted, or another microphone
  assert.deepEqual(recorder.heard(), [[silence, 0], [received, 1]]);

  const again = new PeerConnection();
  const [sent, other] = [new p.Track(), new p.Track()];
  again.senders = [{ track: sent }];
  program.emit(handle, "peerconnection", { peerConnection: again }); // the call is made anew
  again.track(other);
  assert.deepEqual(recorder.heard(), [[sent, 0], [other, 1]]);

  recorder.data("first ");
  const stopped = [];
  recording.on("stopped", (event) => stopped.push(event));
  program.emit(handle, "ended", { by: "remote", reason: "" });
  const blob = await recording.stopped;
  assert.equal(await blob.text(), "first end");
  assert.deepEqual(stopped, [{ blob }]);
  assert.equal(await recording.stop(), blob, "again is nothing");
  assert.equal(recording.state, "stopped");
  assert.equal(p.made.contexts[0].state, "closed");
  assert.ok(p.made.elements.every(({ srcObject }) => srcObject === null), "nothing is held");
});

test("chunks, pause and resume", async (t) => {
  const p = page(t);
  const { call } = await talking(p);
  const recording = await call.record({ consent, keep: false });
  const [recorder] = p.made.recorders;
  const events = [];
  for (const type of ["paused", "resumed", "stopped"]) recording.on(type, () => events.push(type));
  recording.on("chunk", async ({ data }) => events.push(await data.text()));
  recorder.data("one");
  recorder.ondataavailable({ data: new Blob([]) });
  recording.pause();
  recording.pause();
  assert.equal(recorder.state, "paused");
  recording.resume();
  recording.resume();
  const blob = await recording.stop();
  recording.pause();
  await settled();
  assert.equal(blob.size, 0, "what was told is not kept");
  assert.deepEqual(events.sort(), ["end", "one", "paused", "resumed", "stopped"]);
});

test("nothing is recorded without consent, an answered call, or a browser that can", async (t) => {
  const p = page(t);
  const { program, call, handle } = await talking(p);
  for (const answer of [() => false, async () => undefined, () => 1]) await assert.rejects(call.record({ consent: answer }), { code: "canceled" });
  await assert.rejects(call.record({ consent: () => { throw new Error("mine"); } }), { message: "mine" });
  for (const wrong of [undefined, {}, { consent: true }, { consent, channels: "left" }, { consent, timeslice: 1 }, { consent, keep: 1 }, { consent, tape: 1 }]) {
    await assert.rejects(call.record(wrong), { code: "invalid-argument" });
  }
  await assert.rejects(call.record({ consent, mimeType: "audio/flac" }), { code: "unsupported", message: /mimeType/ });
  assert.equal(p.made.recorders.length, 0);

  // The call ends while the person thinks about it.
  let agree;
  const asked = call.record({ consent: () => new Promise((resolve) => { agree = resolve; }) });
  program.emit(handle, "ended", { by: "remote", reason: "" });
  agree(true);
  await assert.rejects(asked, { code: "invalid-state", message: /ended/ });
  await assert.rejects(call.record({ consent }), { code: "invalid-state" });
  assert.equal(p.made.recorders.length, 0);

  const early = await new Program().outgoing();
  await assert.rejects(early.call.record({ consent }), { code: "invalid-state", message: /not answered/ });
});

test("a browser without MediaRecorder, one that plays nothing, and one that fails", async (t) => {
  const p = page(t);
  delete globalThis.MediaRecorder;
  const first = await talking(p);
  await assert.rejects(first.call.record({ consent }), { code: "unsupported", message: /MediaRecorder/ });
  globalThis.MediaRecorder = p.MediaRecorder;

  const second = await talking(p);
  const recording = await second.call.record({ consent });
  const events = [];
  recording.on("stopped", (event) => events.push(event));
  p.made.recorders[0].fail();
  const blob = await recording.stopped;
  assert.equal(await blob.text(), "rest", "what there is");
  assert.equal(events[0].error.code, "media-failed");
  assert.equal(events[0].error.cause.name, "UnknownError");
});

test("a context that nobody has touched does not record silence", async (t) => {
  const p = page(t, { contextState: "suspended" });
  const { call } = await talking(p);
  await assert.rejects(call.record({ consent }), { code: "autoplay-blocked" });
  assert.equal(p.made.contexts[0].state, "closed");
});
