// What one can do with a call, and what that asks of Go.
import assert from "node:assert/strict";
import { test } from "node:test";
import { arrival, bob, Program, settled } from "./fake.mjs";

test("the options of a call reach Go", async () => {
  const program = new Program();
  const { ua } = await program.userAgent();
  const old = ua.call("1002");
  const first = await program.take("call");
  first.resolve({ id: "i", remote: bob });
  const given = {
    headers: [["X-A", "1"]], media: { constraints: { audio: true } }, anonymous: true, privacy: ["user"], preferredIdentity: "sip:a@b",
    userToUser: "56;encoding=hex", answerMode: "Auto", lateOffer: true, reliable: "required", earlyMedia: false, noAnswerTimeout: 500,
    followRedirects: 0,
  };
  ua.call("1003", { ...given, replaces: old, audio: false, signal: new AbortController().signal });
  const { args } = await program.take("call");
  assert.deepEqual(args, { call: 5, target: "1003", ...given, replaces: first.args.call });
});

test("a wrong option of a call ends it, and says which one it is", async () => {
  const program = new Program();
  const { ua } = await program.userAgent();
  const other = (await program.userAgent()).ua.call("1002");
  for (const [options, message] of [
    [{ anonymus: true }, /^call: "anonymus" is not an option; there are headers, /],
    ...Object.entries({
      headers: ["X: y", [["a"]], [["a", "b\r\nX: y"]]], media: [7, { video: true }, { stream: 7 }], audio: [true], signal: [{}, true],
      anonymous: ["yes"], privacy: ["user", [1]], preferredIdentity: [7], userToUser: ["a\nb"], answerMode: ["auto"], lateOffer: [0],
      reliable: [true, "on"], earlyMedia: ["no"], noAnswerTimeout: [0, "5"], followRedirects: [-1, 1.5],
    }).flatMap(([name, values]) => values.map((v) => [{ [name]: v }, new RegExp(`^call: ${name} must be `)])),
    [{ replaces: 7 }, /^call: replaces must be a call/], [{ replaces: {} }, /^call: a call of this user agent is wanted/],
    [{ replaces: other }, /^call: a call of this user agent is wanted/],
  ]) {
    const call = ua.call("1002", options);
    await assert.rejects(call.answered, (error) => {
      assert.deepEqual([error.code, error.op], ["invalid-argument", "call"]);
      assert.match(error.message, message);
      return true;
    });
    assert.equal((await call.ended).by, "system");
  }
  assert.deepEqual(ua.calls, []);
  assert.equal(program.ops.filter(({ op }) => op === "call").length, 1, "only the other user agent's call was asked for");
});

test("each new verb is one operation", async () => {
  const program = new Program();
  const { call, handle } = await program.incoming(2);
  const headers = [["X-A", "1"]];
  const stream = {};
  for (const [act, op, args] of [
    [() => call.progress(), "progress", {}],
    [() => call.progress({ status: 182, reason: "Queued", reliable: "off", headers }), "progress", { status: 182, reason: "Queued", reliable: "off", headers }],
    [() => call.progress({ media: true }), "progress", { media: true }],
    [() => call.progress({ media: { constraints: {} }, signal: new AbortController().signal }), "progress", { media: { constraints: {} } }],
    [() => call.accept({ headers, audio: false }), "accept", { headers }],
    [() => call.reject({ status: 480, reason: "Later", retryAfter: 60, headers }), "reject", { status: 480, reason: "Later", retryAfter: 60, headers }],
    [() => call.redirect("1003", "sip:a@b"), "redirect", { targets: ["1003", "sip:a@b"] }],
    [() => call.hangup({ reason: { protocol: "SIP", cause: 200, text: "elsewhere" } }), "hangup", { reason: { protocol: "SIP", cause: 200, text: "elsewhere" } }],
    [() => call.addVideo(), "addVideo", {}],
    [() => call.addVideo({ stream }), "addVideo", { stream }],
    [() => call.shareScreen({ constraints: { frameRate: 5 } }), "addVideo", { constraints: { frameRate: 5 }, screen: true }],
    [() => call.stopVideo(), "stopVideo", {}],
    [() => call.removeVideo(), "removeVideo", {}],
    [() => call.restartIce(), "restartIce", {}],
    [() => call.refresh(), "refresh", {}],
    [() => call.sendDTMF("1", { method: "info-relay", duration: 160 }), "dtmf", { tones: "1", method: "info-relay", duration: 160 }],
  ]) {
    const promise = act();
    const taken = await program.take(op);
    assert.equal(taken.handle, handle);
    assert.deepEqual(taken.args, args);
    taken.resolve();
    assert.equal(await promise, undefined);
  }
});

test("a wrong option of a verb is refused before Go hears of it", async () => {
  const program = new Program();
  const { call } = await program.incoming(2);
  for (const [act, op, name] of [
    [() => call.progress(null), "progress", "the options must be an object"],
    [() => call.progress({ status: 200 }), "progress", "status must be a whole number from 101 to 198"],
    [() => call.progress({ media: "yes" }), "progress", "media"],
    [() => call.progress({ reliable: 1 }), "progress", 'reliable must be "supported", "required" or "off"'],
    [() => call.accept({ headers: [] , video: true }), "accept", '"video" is not an option'],
    [() => call.accept({ media: [7] }), "accept", "media"],
    [() => call.reject("486"), "reject", "status"],
    [() => call.reject(200), "reject", "status must be a whole number from 300 to 699"],
    [() => call.reject({ retryAfter: -1 }), "reject", "retryAfter"],
    [() => call.redirect(), "redirect", "targets must be one to ten addresses"],
    [() => call.redirect("a", 7), "redirect", "targets"],
    [() => call.hangup({ reason: "busy" }), "hangup", "reason"],
    [() => call.hangup({ reason: { cause: 200 } }), "hangup", "reason"],
    [() => call.hangup({ reason: { protocol: "SIP", text: "a\r\n" } }), "hangup", "reason"],
    [() => call.addVideo({ constraints: true }), "addVideo", "constraints"],
    [() => call.shareScreen({ stream: 7 }), "shareScreen", "stream"],
    [() => call.sendDTMF("1", { method: "inband" }), "dtmf", 'method must be "rtp", "info-relay" or "info"'],
    [() => call.sendDTMF("1", { gap: "70" }), "dtmf", "gap"],
    [() => call.transfer("1003", { keep: 1 }), "transfer", "keep must be true or false"],
    [() => call.transfer(7), "transfer", "a call of this user agent is wanted"],
    [() => call.transfer({}), "transfer", "a call of this user agent is wanted"],
  ]) {
    await assert.rejects(act, (error) => {
      assert.deepEqual([error.code, error.op], ["invalid-argument", op]);
      assert.ok(error.message.startsWith(`${op}: ${name}`), error.message);
      return true;
    });
  }
  assert.deepEqual(program.ops.map(({ op }) => op), ["create"]);
});

test("tones in INFO that wait are dropped by their signal, those under way are not", async () => {
  const program = new Program();
  const { call } = await program.incoming(2);
  const controller = new AbortController();
  const first = call.sendDTMF("12", { method: "info", signal: controller.signal });
  const second = call.sendDTMF("3", { method: "info", signal: controller.signal });
  const sending = await program.take("dtmf");
  controller.abort();
  for (const sent of [first, second]) await assert.rejects(sent, { code: "canceled" });
  sending.resolve();
  await settled();
  assert.deepEqual(program.ops.filter(({ op }) => op === "dtmf").map(({ args }) => args.tones), ["12"]);
});

test("what Go tells of a call is there before its event", async () => {
  const program = new Program();
  const { call, handle } = await program.outgoing();
  assert.deepEqual([call.streams, call.forks, call.recovering, call.snapshot, call.autoAnswer, call.replaces], [[], [], false, undefined, false, undefined]);
  assert.deepEqual(call.caller.best, { displayName: "", uri: "", user: "" });
  const streams = [{ kind: "audio", direction: "sendrecv", refused: false }];
  const caller = { best: bob };
  const snapshot = { callId: "c", localSeq: 100 };
  const heard = [];
  for (const [type, event, look] of [
    ["redirected", { status: 302, target: "sip:1003@example.com" }, () => {}],
    ["media", { streams }, () => assert.equal(call.streams, streams)],
    ["identity", { caller }, () => assert.equal(call.caller, caller)],
    ["tone", { tone: "5", duration: 160, method: "info-relay" }, () => {}],
    ["recovering", { why: "connection", offering: true }, () => assert.equal(call.recovering, true)],
    ["recovered", {}, () => assert.equal(call.recovering, false)],
    ["connection", { state: "connected" }, () => {}],
    ["refreshed", { interval: 1800, byUs: true }, () => {}],
    ["snapshot", snapshot, () => assert.equal(call.snapshot, snapshot)],
    ["videoended", {}, () => {}],
  ]) {
    call.on(type, (e) => { look(); heard.push([type, e]); });
    program.emit(handle, type, event);
    assert.deepEqual(heard.pop(), [type, event]);
  }
  const failed = new Promise((resolve) => call.on("recovered", resolve));
  program.emit(handle, "recovered", { error: { code: "rejected", message: "no", status: 488, reason: "No" } });
  assert.deepEqual({ code: (await failed).error.code, status: (await failed).error.status }, { code: "rejected", status: 488 });
  program.emit(handle, "recovering", { why: "flow", offering: false });
  program.emit(handle, "ended", { by: "remote", reason: "", reasons: [] });
  assert.deepEqual([call.snapshot, call.recovering], [undefined, false]);
});

test("a call that takes the place of another one", async () => {
  const program = new Program();
  const { ua, uaHandle, call: old, handle } = await program.outgoing();
  const arrived = new Promise((resolve) => ua.on("incoming", resolve));
  program.emit(uaHandle, "incoming", arrival(4, { replaces: handle, autoAnswer: true }));
  const by = await arrived;
  assert.equal(by.replaces, old);
  assert.equal(by.autoAnswer, true);
  assert.equal(by.caller.from, bob);
  const replaced = new Promise((resolve) => old.on("replaced", resolve));
  program.emit(handle, "replaced", { by: 4 });
  assert.equal((await replaced).by, by);
});

test("a call that takes the place of another one wants somebody who would see it", async () => {
  const program = new Program();
  const { uaHandle, call: old, handle } = await program.outgoing();
  program.emit(uaHandle, "incoming", arrival(2, { replaces: handle }));
  const reject = await program.take("reject");
  assert.deepEqual([reject.handle, reject.args], [2, { status: 480 }]);
  reject.reject({ code: "invalid-state", message: "reject: it is accepted already" });
  const hangup = await program.take("hangup");
  assert.equal(hangup.handle, 2);
  hangup.resolve();

  old.on("replaced", () => {});
  program.emit(uaHandle, "incoming", arrival(4, { replaces: handle }));
  await settled();
  assert.equal(program.ops.filter(({ op }) => op === "reject").length, 1);
});

test("a consultation begins when the first call is on hold", async () => {
  const program = new Program();
  const { ua, call, handle } = await program.outgoing();
  const consultation = call.consult("1003", { headers: [["X-A", "1"]] });
  assert.deepEqual(ua.calls, [call, consultation]);
  assert.equal(consultation.remote.uri, "1003");
  const hold = await program.take("hold");
  assert.equal(hold.handle, handle);
  await assert.rejects(consultation.mute(), { code: "invalid-state", message: /has not begun/ });
  await settled();
  assert.equal(program.ops.filter(({ op }) => op === "call").length, 1);
  hold.resolve();
  const made = await program.take("call");
  assert.deepEqual(made.args, { call: 5, target: "1003", headers: [["X-A", "1"]] });
  made.resolve({ id: "c", remote: bob });
  await settled();
  assert.equal(consultation.id, "c");
});

test("a hold that fails is the end of the consultation, and so is a hang-up before it", async () => {
  const program = new Program();
  const { ua, call } = await program.outgoing();
  const refused = call.consult("1003");
  (await program.take("hold")).reject({ code: "rejected", message: "hold: rejected (488 No)", op: "hold", status: 488 });
  await assert.rejects(refused.answered, { code: "rejected", op: "hold" });

  const controller = new AbortController();
  for (const [consultation, end] of [
    [call.consult("1003"), (c) => c.hangup()], [call.consult("1003", { signal: controller.signal }), () => controller.abort()],
  ]) {
    const hold = await program.take("hold");
    await end(consultation);
    await assert.rejects(consultation.answered, { code: "canceled" });
    assert.equal((await consultation.ended).by, "local");
    hold.resolve();
  }
  await settled();
  assert.deepEqual(ua.calls, [call]);
  assert.equal(program.ops.filter(({ op }) => op === "call").length, 1, "nobody was called");
  assert.equal(program.ops.filter(({ op }) => op === "hangup").length, 0);
});

test("two calls change places", async () => {
  const program = new Program();
  const { ua, call, handle } = await program.outgoing();
  const second = ua.call("1003");
  const made = await program.take("call");
  made.resolve({ id: "2", remote: bob });
  const swapped = ua.swap(call, second);
  const swap = await program.take("swap");
  assert.deepEqual(swap.args, { hold: handle, resume: made.args.call });
  swap.resolve();
  assert.equal(await swapped, undefined);
  program.emit(handle, "ended", { by: "remote", reason: "", reasons: [] });
  await assert.rejects(ua.swap(second, call), { code: "invalid-state", op: "swap" });
  await assert.rejects(ua.swap(second, {}), { code: "invalid-argument", op: "swap" });
});

const snapshot = {
  callId: "c", localTag: "l", remoteTag: "r", localUri: "sip:1001@example.com", localName: "", remoteUri: "sip:1002@example.com", remoteName: "Bob",
  target: "sip:x@y.invalid", routes: "", localSeq: 200, remoteSeq: 0, direction: "incoming", held: true,
};

test("a call is restored from its snapshot", async () => {
  const program = new Program();
  const { ua } = await program.userAgent();
  const media = { constraints: { audio: true } };
  const call = ua.restore(JSON.parse(JSON.stringify(snapshot)), { media, audio: false });
  assert.deepEqual([call.direction, call.state, call.onHold, call.remote],
    ["incoming", "resuming", { local: true, remote: false }, { displayName: "Bob", uri: "sip:1002@example.com", user: "" }]);
  assert.deepEqual(call.snapshot, { ...snapshot, localSeq: 300 }, "a page may be loaded again meanwhile, and must use other numbers then");
  assert.deepEqual(ua.calls, [call]);
  const restore = await program.take("restore");
  assert.deepEqual(restore.args, { call: 3, snapshot, media });
  restore.resolve({ id: "c", remote: bob });
  await settled();
  assert.deepEqual([call.id, call.remote], ["c", bob]);
});

test("what is no snapshot ends the call", async () => {
  const program = new Program();
  const { ua } = await program.userAgent();
  for (const wrong of [undefined, null, 7, {}, { ...snapshot, direction: "up" }, { ...snapshot, localSeq: "1" }, { ...snapshot, remoteSeq: -1 },
    { ...snapshot, target: "a\r\n" }, { ...snapshot, held: undefined }]) {
    const call = ua.restore(wrong);
    await assert.rejects(call.answered, { code: "invalid-argument", message: /^restore: snapshot must be a snapshot of a call/ });
    assert.equal(call.snapshot, undefined);
  }
  await assert.rejects(ua.restore(snapshot, { headers: [] }).answered, { code: "invalid-argument", message: /"headers" is not an option/ });
  assert.deepEqual(program.ops.map(({ op }) => op), ["create"]);
});

test("the function for descriptions gets the call that they belong to", async () => {
  const program = new Program();
  const seen = [];
  const { ua, args } = await program.userAgent({ sdp: (d) => { seen.push(d); return Promise.resolve(d.sdp + "x"); } });
  const call = ua.call("1002");
  assert.equal(await args.sdp(3, true, "offer", "v=0"), "v=0x");
  assert.deepEqual(seen, [{ call, local: true, kind: "offer", sdp: "v=0" }]);
  assert.equal(args.sdp(7, false, "answer", "v=1"), "v=1", "a call that is over by now");
  assert.equal(seen.length, 1);
});

test("a call that is made anew has another peer connection, and the same remote stream", async (t) => {
  class Stream {
    tracks;
    constructor(tracks) { this.tracks = tracks; }
    getTracks() { return [...this.tracks]; }
    addTrack(track) { this.tracks.push(track); }
    removeTrack(track) { this.tracks = this.tracks.filter((other) => other !== track); }
  }
  globalThis.MediaStream = Stream;
  t.after(() => { delete globalThis.MediaStream; });
  const program = new Program();
  const { call, handle } = await program.outgoing("1002", { audio: false });
  const connect = (...tracks) => {
    const peerConnection = Object.assign(new EventTarget(), { remoteDescription: {}, getReceivers: () => tracks.map((track) => ({ track })) });
    program.emit(handle, "peerconnection", { peerConnection });
    return peerConnection;
  };
  connect({ id: "old" });
  const stream = call.remoteStream;
  const second = connect({ id: "new" });
  assert.equal(call.remoteStream, stream);
  assert.equal(call.peerConnection, second);
  assert.deepEqual(stream.tracks, [{ id: "new" }]);
  second.dispatchEvent(Object.assign(new Event("track"), { track: { id: "video" } }));
  assert.deepEqual(stream.tracks, [{ id: "new" }, { id: "video" }]);
});
