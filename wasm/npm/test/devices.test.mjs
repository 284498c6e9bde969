import assert from "node:assert/strict";
import { test } from "node:test";
import { Program, settled } from "./fake.mjs";
import { device, MediaDevices, page, PeerConnection } from "./fake_page.mjs";

/** A program whose page has these devices. */
function withDevices(...devices) {
  const program = new Program();
  const mediaDevices = Object.assign(new MediaDevices(...devices), program.host.mediaDevices);
  program.host = { ...program.host, mediaDevices };
  return { program, mediaDevices };
}

const [built, headset] = [device("audioinput", "built", "Built in"), device("audioinput", "headset", "Headset")];
const loud = device("audiooutput", "loud", "Loudspeaker");

/** The media of a call exist, with a microphone of ours. */
function media(program, handle, { MediaStream, Track }, label = "built") {
  const stream = new MediaStream([new Track("audio", label)]);
  const peerConnection = new PeerConnection();
  peerConnection.senders = [{ track: stream.getAudioTracks()[0] }];
  program.emit(handle, "peerconnection", { peerConnection });
  program.emit(handle, "localstream", { stream });
  return { stream, peerConnection, track: stream.getAudioTracks()[0] };
}

/** What the call tells of its microphone. */
function told(call) {
  const all = [];
  call.on("microphone", ({ why, id }) => all.push([why, id]));
  call.on("microphoneended", ({ error }) => all.push([error.code, error.message, error.cause?.code]));
  return all;
}

test("devices are listed by kind, each once, and the default is marked", async () => {
  for (const [devices, expected] of [
    // As Chromium has it: the default has an entry of its own in the group of the device.
    [[device("audioinput", "default", "Default - Headset", "g2"), device("audioinput", "communications", "x", "g2"), device("audioinput", "a", "Built in", "g1"), device("audioinput", "b", "Headset", "g2")],
      [["a", false], ["b", true]]],
    [[device("audioinput", "default", "Default", "g"), device("audioinput", "a", "A", "g1")], [["default", true], ["a", false]]],
    [[built, headset, loud], [["built", true], ["headset", false]]],
    [[device("audioinput", "", "")], [["", true]]], // before the permission
    [[], []],
  ]) {
    const { program } = withDevices(...devices);
    const { ua } = await program.userAgent();
    const { microphones } = await ua.devices.list();
    assert.deepEqual(microphones.map((d) => [d.id, d.default]), expected);
    assert.ok(microphones.every(({ kind }) => kind === "microphone"));
  }
  const { program, mediaDevices } = withDevices();
  mediaDevices.enumerateDevices = undefined;
  const { ua } = await program.userAgent();
  await assert.rejects(ua.devices.list(), { code: "unsupported" });
});

test("what is plugged in and taken out is told, until the user agent is closed", async () => {
  const { program, mediaDevices } = withDevices(built, loud);
  const { ua } = await program.userAgent();
  const events = [];
  const remove = ua.devices.on("changed", ({ added, removed, list }) => events.push([added.map(({ id }) => id), removed.map(({ id }) => id), list.microphones.length]));
  await settled();
  mediaDevices.plug(built, headset, loud);
  await settled();
  mediaDevices.plug(headset);
  mediaDevices.plug(headset);
  await settled();
  assert.deepEqual(events, [[["headset"], [], 2], [[], ["built", "loud"], 1]]);
  remove();
  mediaDevices.plug(built);
  await settled();
  assert.equal(events.length, 2);
  const closing = ua.close();
  (await program.take("close")).resolve();
  await closing;
  assert.equal(mediaDevices.listeners, 0);
});

test("a chosen microphone is used by the calls that there are and by later ones, but not by those with one of their own", async (t) => {
  const p = page(t);
  const { program } = withDevices(built, headset);
  const { ua, call, handle } = await program.outgoing();
  media(program, handle, p);
  const own = ua.call("1003", { media: { stream: new p.MediaStream([new p.Track()]) } });
  (await program.take("call")).resolve({ id: "2", remote: call.remote });
  const events = told(call);

  const using = ua.devices.useMicrophone("headset");
  const op = await program.take("microphone");
  assert.equal(op.handle, handle);
  assert.deepEqual(op.args, { media: { constraints: { audio: { deviceId: { exact: "headset" } } } } });
  media(program, handle, p, "headset"); // Go tells of the stream first
  op.resolve();
  await using;
  assert.deepEqual(events, [["chosen", "headset"]]);
  assert.equal(ua.devices.microphone, "headset");
  assert.equal(program.ops.filter(({ op: name }) => name === "microphone").length, 1, `not for ${own.id}`);

  ua.call("1004", { media: { constraints: { audio: true, video: true }, rtcConfiguration: { bundlePolicy: "max-bundle" } } });
  assert.deepEqual((await program.take("call")).args.media,
    { constraints: { audio: { deviceId: { exact: "headset" } }, video: true }, rtcConfiguration: { bundlePolicy: "max-bundle" } });
  const constraints = { audio: { echoCancellation: false } };
  ua.call("1005", { media: { constraints } });
  assert.deepEqual((await program.take("call")).args.media, { constraints });
});

test("a microphone that is not there is refused, and one that fails changes nothing", async (t) => {
  const p = page(t);
  const { program, mediaDevices } = withDevices(built, headset);
  const { ua, handle } = await program.outgoing();
  media(program, handle, p);
  for (const wrong of ["", 7, undefined, true]) await assert.rejects(ua.devices.useMicrophone(wrong), { code: "invalid-argument" });
  await assert.rejects(ua.devices.useMicrophone("gone"), { code: "media-not-found" });
  await assert.rejects(ua.devices.useSpeaker({}), { code: "invalid-argument" });
  assert.ok(!program.ops.some(({ op }) => op === "microphone"));
  const using = ua.devices.useMicrophone("headset");
  (await program.take("microphone")).reject({ code: "media-denied", message: "no" });
  await assert.rejects(using, { code: "media-denied" });
  assert.equal(ua.devices.microphone, null);

  // Chosen, and gone when the next call is made: that call has the default.
  const again = ua.devices.useMicrophone("headset");
  (await program.take("microphone")).resolve();
  await again;
  mediaDevices.plug(built);
  await settled();
  ua.call("1003");
  assert.equal((await program.take("call")).args.media, undefined);
});

test("the microphone of an incoming call is chosen before it is accepted", async (t) => {
  const p = page(t);
  const { program } = withDevices(built, headset);
  const { call } = await program.incoming();
  const stream = new p.MediaStream([new p.Track()]);
  await call.useMicrophone(stream);
  assert.ok(!program.ops.some(({ op }) => op === "microphone"), "nothing is opened yet");
  void call.accept();
  assert.deepEqual((await program.take("accept")).args, { media: { stream } });
});

test("an unplugged microphone gives way to the default, with what the page wants of any", async (t) => {
  const p = page(t);
  const { program, mediaDevices } = withDevices(built, headset);
  const { call, handle } = await program.outgoing("1002", { media: { constraints: { audio: { deviceId: "headset", echoCancellation: false } } } });
  const { track } = media(program, handle, p, "headset");
  const events = told(call);
  track.unplug();
  const op = await program.take("microphone");
  assert.deepEqual(op.args.media, { constraints: { audio: { echoCancellation: false } } });
  const second = media(program, handle, p, "built");
  op.resolve();
  await settled();
  assert.deepEqual(events, [["lost", "built"]]);

  // That one goes as well, and nothing is there.
  second.track.unplug();
  (await program.take("microphone")).reject({ code: "media-not-found", message: "none" });
  await settled();
  assert.deepEqual(events[1].toSpliced(1, 1), ["media-ended", "media-not-found"]);
  assert.match(events[1][1], /plugged in/);
  mediaDevices.plug(); // still nothing
  await settled();
  assert.ok(!program.ops.some((o) => o.op === "microphone" && !o.taken));
  mediaDevices.plug(headset);
  const found = await program.take("microphone");
  media(program, handle, p, "headset");
  found.resolve();
  await settled();
  assert.deepEqual(events[2], ["found", "headset"]);
  mediaDevices.plug(headset, built);
  await settled();
  assert.equal(events.length, 3, "the call has one");
});

test("without microphoneFallback, and for a track of the page, the page is told what to do", async (t) => {
  const p = page(t);
  const { program } = withDevices(built);
  const { call, handle } = await program.outgoing("1002", {}, { microphoneFallback: false });
  const events = told(call);
  media(program, handle, p).track.unplug();
  await settled();
  assert.equal(events[0][0], "media-ended");
  assert.match(events[0][1], /useMicrophone/);

  const other = withDevices(built).program;
  const own = new p.MediaStream([new p.Track()]);
  const given = await other.outgoing("1002", { media: { stream: own } });
  const heard = told(given.call);
  other.emit(given.handle, "localstream", { stream: own });
  own.getAudioTracks()[0].unplug();
  await settled();
  assert.match(heard[0][1], /the application gave/);
  assert.ok(![...program.ops, ...other.ops].some(({ op }) => op === "microphone"));
  other.emit(given.handle, "ended", { by: "remote", reason: "" });
  own.getAudioTracks()[0].unplug();
  await settled();
  assert.equal(heard.length, 1, "over");
});

test("calls are heard where they are wanted; a loudspeaker that is unplugged gives way and comes back", async (t) => {
  const p = page(t);
  p.made.speakers = ["loud"];
  const { program, mediaDevices } = withDevices(built, loud);
  const { ua, handle } = await program.outgoing();
  const { peerConnection } = media(program, handle, p);
  peerConnection.track(new p.Track());
  const [element] = p.playing();
  element.sinkId = "page";
  mediaDevices.plug(loud);
  await settled();
  assert.equal(element.sinkId, "page", "nothing was chosen here: what the page did stays");
  mediaDevices.plug(built, loud);
  await settled();
  await ua.devices.useSpeaker("loud");
  assert.equal(element.sinkId, "loud");
  mediaDevices.plug(built);
  await settled();
  assert.equal(element.sinkId, "");
  mediaDevices.plug(built, loud);
  await settled();
  assert.equal(element.sinkId, "loud");
  await assert.rejects(ua.devices.useSpeaker("gone"), { code: "media-not-found" });
  assert.equal(ua.devices.speaker, "loud");

  const mine = new p.Element();
  ua.call("1003", { audio: mine });
  const second = await program.take("call");
  second.resolve({ id: "2", remote: {} });
  media(program, second.args.call, p).peerConnection.track(new p.Track());
  await settled();
  assert.equal(mine.sinkId, "loud", "a later call, in the page's element");
});

test("a browser without setSinkId says so", async (t) => {
  const p = page(t);
  const { program } = withDevices(built, loud);
  const { ua, handle } = await program.outgoing();
  media(program, handle, p).peerConnection.track(new p.Track());
  p.playing()[0].setSinkId = undefined;
  await assert.rejects(ua.devices.useSpeaker("loud"), { code: "unsupported", message: /the system's settings/ });
  assert.equal(ua.devices.speaker, null);
  await ua.devices.useSpeaker(null);
});

test("a chosen camera is sent where no other one is named", async (t) => {
  page(t);
  const { program } = withDevices(device("videoinput", "cam"), device("videoinput", "other"));
  const { ua, call } = await program.outgoing();
  const adding = async (act) => { const done = act(); const op = await program.take("addVideo"); op.resolve(); await done; return op.args; };
  await ua.devices.useCamera("cam");
  assert.ok(!program.ops.some(({ op }) => op === "addVideo"));
  assert.deepEqual(await adding(() => call.addVideo()), { constraints: { deviceId: { exact: "cam" } } });
  assert.deepEqual(await adding(() => ua.devices.useCamera("other")), { constraints: { deviceId: { exact: "other" } } });
  assert.deepEqual(await adding(() => call.shareScreen()), { screen: true });
  await ua.devices.useCamera("cam"); // the screen stays
  assert.deepEqual(await adding(() => call.addVideo({ constraints: { width: 320 } })), { constraints: { width: 320 } });
  await ua.devices.useCamera(null);
  assert.equal(ua.devices.camera, null);
});
