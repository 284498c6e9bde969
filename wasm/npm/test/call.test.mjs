import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bob, Program, settled } from "./fake.mjs";

test("an outgoing call is there at once", async () => {
  const program = new Program();
  const { ua } = await program.userAgent();
  const media = { constraints: { audio: true } };
  const call = ua.call("1002", { headers: [["X-Ticket", "4711"]], media });
  assert.equal(call.direction, "outgoing");
  assert.equal(call.state, "preparing");
  assert.equal(call.id, "");
  assert.deepEqual(call.remote, { displayName: "", uri: "1002", user: "" });
  assert.deepEqual([call.muted, call.onHold, call.duration, call.startTime, call.peerConnection],
    [false, { local: false, remote: false }, 0, undefined, undefined]);

  const op = await program.take("call");
  assert.deepEqual(op.args, { call: 3, target: "1002", headers: [["X-Ticket", "4711"]], media });
  op.resolve({ id: "id-1", remote: bob });
  await settled();
  assert.equal(call.id, "id-1");
  assert.deepEqual(call.remote, bob);
});

test("states come before their events, promises after", async () => {
  const program = new Program();
  const { ua, call, handle } = await program.outgoing();
  const heard = [];
  for (const type of ["state", "ringing", "answered", "held", "resumed", "ended"]) {
    call.on(type, (event) => heard.push([type, event, call.state]));
  }
  call.answered.then(() => heard.push(["answered promise"]));
  call.ended.then((event) => heard.push(["ended promise", event]));

  program.emit(handle, "state", { state: "calling" });
  program.emit(handle, "state", { state: "ringing" });
  const forks = [{ tag: "t1", target: "sip:1002@192.0.2.1", status: 180, reason: "Ringing", earlyMedia: false, ended: false }];
  program.emit(handle, "ringing", { status: 180, reason: "Ringing", earlyMedia: false, fork: "t1", reliable: true, forks });
  assert.equal(call.forks, forks);
  program.emit(handle, "state", { state: "established" });
  program.emit(handle, "answered", { forks: [] });
  assert.deepEqual(call.forks, []);
  await settled();
  program.emit(handle, "held", { by: "remote" });
  program.emit(handle, "held", { by: "local" });
  assert.deepEqual(call.onHold, { local: true, remote: true });
  program.emit(handle, "resumed", { by: "remote" });
  assert.deepEqual(call.onHold, { local: true, remote: false });
  program.emit(handle, "state", { state: "ended" });
  const reasons = [{ protocol: "Q.850", cause: 16 }];
  program.emit(handle, "ended", { by: "remote", status: 0, reason: "", reasons });
  program.emit(handle, "ended", { by: "local", status: 0, reason: "again", reasons });
  await settled();

  assert.deepEqual(heard, [
    ["state", { state: "calling", previous: "preparing" }, "calling"],
    ["state", { state: "ringing", previous: "calling" }, "ringing"],
    ["ringing", { status: 180, reason: "Ringing", earlyMedia: false, fork: "t1", reliable: true }, "ringing"],
    ["state", { state: "established", previous: "ringing" }, "established"],
    ["answered", {}, "established"],
    ["answered promise"],
    ["held", { by: "remote" }, "established"],
    ["held", { by: "local" }, "established"],
    ["resumed", { by: "remote" }, "established"],
    ["state", { state: "ended", previous: "established" }, "ended"],
    ["ended", { by: "remote", reason: "", reasons }, "ended"],
    ["ended promise", { by: "remote", reason: "", reasons }],
  ]);
  assert.deepEqual(ua.calls, []);
  await assert.rejects(call.hold(), { code: "invalid-state", op: "hold", message: "hold: the call has ended" });
});

test("the clock runs from the answer to the end", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1000 });
  const program = new Program();
  const { call, handle } = await program.outgoing();
  t.mock.timers.setTime(5000);
  assert.equal(call.duration, 0);
  program.emit(handle, "answered", { forks: [] });
  t.mock.timers.setTime(8000);
  assert.deepEqual([call.startTime, call.duration], [5000, 3000]);
  program.emit(handle, "ended", { by: "local", reason: "" });
  t.mock.timers.setTime(99000);
  assert.equal(call.duration, 3000);
});

test("why a call was not answered", async (t) => {
  const rejected = { code: "rejected", message: "call: rejected (486 Busy Here)", op: "call", status: 486, reason: "Busy Here" };
  for (const [name, ended, want] of [
    ["Go's own error", { by: "remote", status: 486, reason: "Busy Here", error: rejected }, { code: "rejected", status: 486, reason: "Busy Here" }],
    ["a status alone", { by: "remote", status: 603, reason: "Decline" }, { code: "rejected", status: 603, reason: "Decline" }],
    ["own hang-up", { by: "local", status: 487, reason: "Request Terminated" }, { code: "canceled", status: 487 }],
    ["no status", { by: "remote", status: 0, reason: "" }, { code: "canceled" }],
  ]) {
    await t.test(name, async () => {
      const program = new Program();
      const { call, handle } = await program.outgoing();
      program.emit(handle, "ended", ended);
      await assert.rejects(call.answered, { name: "SipError", op: "call", ...want });
      const event = await call.ended;
      assert.equal(event.by, ended.by);
      assert.equal(event.status, ended.status || undefined);
      assert.equal(event.reason, ended.reason);
    });
  }
});

test("a call that cannot be made ends", async () => {
  const program = new Program();
  const { ua } = await program.userAgent();
  const call = ua.call("::::");
  const heard = [];
  call.on("state", ({ state }) => heard.push(state));
  call.on("ended", ({ by, error }) => heard.push(by, error.code));
  (await program.take("call")).reject({ code: "invalid-argument", message: "call: target" });
  await assert.rejects(call.answered, { code: "invalid-argument" });
  assert.deepEqual(heard, ["ended", "system", "invalid-argument"]);
  assert.deepEqual(ua.calls, []);
});

test("nobody has to look at answered", async () => {
  // In a process of its own, because an unhandled rejection ends it.
  const script = `
    import { Program } from ${JSON.stringify(new URL("fake.mjs", import.meta.url).href)};
    const program = new Program();
    const { call, handle } = await program.outgoing();
    program.emit(handle, "ended", { by: "remote", status: 486, reason: "Busy Here" });
    console.log((await call.ended).status);
    setTimeout(() => process.exit(0), 0);`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
  });
  assert.equal(stdout, "486\n");
});

test("each verb is one operation", async () => {
  const program = new Program();
  const { call, handle } = await program.incoming(2);
  const media = { ice: { servers: [] }, rtcConfiguration: { bundlePolicy: "max-bundle" } };
  for (const [act, op, args] of [
    [() => call.accept(), "accept", {}],
    [() => call.accept({ media }), "accept", { media }],
    [() => call.reject(), "reject", { status: 486 }],
    [() => call.reject(603), "reject", { status: 603 }],
    [() => call.hangup(), "hangup", {}],
    [() => call.hold(), "hold", {}],
    [() => call.resume(), "resume", {}],
    [() => call.mute(), "mute", { mute: true }],
    [() => call.unmute(), "mute", { mute: false }],
    [() => call.sendDTMF("12#"), "dtmf", { tones: "12#" }],
    [() => call.sendDTMF("1", { duration: 80, gap: 40 }), "dtmf", { tones: "1", duration: 80, gap: 40 }],
  ]) {
    const promise = act();
    const taken = await program.take(op);
    assert.equal(taken.handle, handle);
    assert.deepEqual(taken.args, args);
    taken.resolve();
    assert.equal(await promise, undefined);
  }
});

test("muted follows what was done, not what was asked for", async () => {
  const program = new Program();
  const { call } = await program.outgoing();
  const muting = call.mute();
  assert.equal(call.muted, false);
  (await program.take("mute")).resolve();
  await muting;
  assert.equal(call.muted, true);
  const unmuting = call.unmute();
  (await program.take("mute")).reject({ code: "unsupported", message: "no" });
  await assert.rejects(unmuting, { code: "unsupported" });
  assert.equal(call.muted, true);
});

test("a call's signal hangs it up", async () => {
  const program = new Program();
  const controller = new AbortController();
  const { ua, call, handle } = await program.outgoing("1002", { signal: controller.signal });
  controller.abort();
  const hangup = await program.take("hangup");
  assert.equal(hangup.handle, handle);
  hangup.resolve();
  program.emit(handle, "ended", { by: "local", reason: "" });
  await assert.rejects(call.answered, { code: "canceled" });

  const late = ua.call("1003", { signal: controller.signal });
  await assert.rejects(late.answered, { code: "canceled" });
  assert.equal((await late.ended).by, "local");
  assert.equal(program.ops.filter((o) => o.op === "call").length, 1, "an aborted call is not made");
});

test("hanging up a call that is over, or ends meanwhile, is no error", async () => {
  const program = new Program();
  const { call, handle } = await program.outgoing();
  const both = [call.hangup(), call.hangup()];
  const [first, second] = [await program.take("hangup"), await program.take("hangup")];
  program.emit(handle, "ended", { by: "local", reason: "" });
  second.reject({ code: "invalid-state", message: "hangup: the call is over" }); // Go has forgotten the handle
  first.resolve();
  assert.deepEqual(await Promise.all(both), [undefined, undefined]);
  assert.equal(await call.hangup(), undefined);
  assert.equal(program.ops.filter(({ op }) => op === "hangup").length, 2, "nothing is asked of a call that is over");
});

test("a hang-up that fails says so", async () => {
  const program = new Program();
  const { call, handle } = await program.outgoing();
  const hangup = call.hangup();
  program.emit(handle, "ended", { by: "local", reason: "" });
  (await program.take("hangup")).reject({ code: "timeout", message: "hangup: no answer to BYE" });
  await assert.rejects(hangup, { code: "timeout" });

  const going = await program.outgoing("1003");
  const refused = going.call.hangup();
  (await program.take("hangup")).reject({ code: "invalid-state", message: "hangup: no" });
  await assert.rejects(refused, { code: "invalid-state" });
});

/** A call with the browser's side of telephone events; `inserted` is what this side put into the buffer. */
async function withTones(canInsertDTMF = true) {
  const program = new Program();
  const { call, handle } = await program.outgoing();
  const inserted = [];
  const dtmf = {
    canInsertDTMF,
    insertDTMF(tones) {
      if (!this.canInsertDTMF) throw new DOMException("not connected", "InvalidStateError");
      inserted.push(tones);
    },
  };
  const peerConnection = Object.assign(new EventTarget(), { remoteDescription: null, getSenders: () => [{ dtmf: null }, { dtmf }] });
  program.emit(handle, "peerconnection", { peerConnection });
  const asked = () => program.ops.filter(({ op }) => op === "dtmf").map(({ args }) => args.tones);
  return { program, call, handle, dtmf, peerConnection, inserted, asked };
}

test("tones wait for those before them, also for those that failed", async () => {
  const { program, call, asked } = await withTones();
  const sending = [call.sendDTMF("1"), call.sendDTMF("2"), call.sendDTMF("3")];
  const first = await program.take("dtmf");
  await settled();
  assert.deepEqual(asked(), ["1"]);
  first.reject({ code: "unsupported", message: "no" });
  const second = await program.take("dtmf");
  assert.deepEqual(asked(), ["1", "2"]);
  second.resolve();
  (await program.take("dtmf")).resolve();
  assert.deepEqual((await Promise.allSettled(sending)).map(({ status }) => status), ["rejected", "fulfilled", "fulfilled"]);
});

test("a signal that aborts before its tones begin sends nothing and drops no others", async () => {
  const { program, call, inserted, asked } = await withTones();
  const first = call.sendDTMF("1");
  const controller = new AbortController();
  const second = call.sendDTMF("2", { signal: controller.signal });
  const third = call.sendDTMF("3");
  const playing = await program.take("dtmf");
  controller.abort();
  await assert.rejects(second, { code: "canceled", op: "dtmf" });
  playing.resolve();
  await first;
  (await program.take("dtmf")).resolve();
  await third;
  assert.deepEqual(asked(), ["1", "3"]);
  assert.deepEqual(inserted, []);

  const atOnce = new AbortController();
  const sent = call.sendDTMF("4", { signal: atOnce.signal });
  atOnce.abort();
  await assert.rejects(sent, { code: "canceled" });
  await assert.rejects(call.sendDTMF("5", { signal: atOnce.signal }), { code: "canceled" });
  await settled();
  assert.deepEqual(asked(), ["1", "3"]);
});

test("a signal that aborts while its tones play drops the rest of them alone", async () => {
  const { program, call, inserted, asked } = await withTones();
  const controller = new AbortController();
  const sending = call.sendDTMF("123", { signal: controller.signal });
  const next = call.sendDTMF("4");
  const playing = await program.take("dtmf");
  controller.abort();
  await assert.rejects(sending, { code: "canceled", op: "dtmf" });
  assert.deepEqual(inserted, [""]);
  assert.deepEqual(asked(), ["123"], "the tone that sounds is let through first");
  playing.resolve();
  (await program.take("dtmf")).resolve();
  await next;
  assert.deepEqual(asked(), ["123", "4"]);
  assert.deepEqual(inserted, [""]);
});

test("tones that wait for the connection are dropped when they come into the buffer", async () => {
  const { program, call, dtmf, peerConnection, inserted } = await withTones(false);
  const controller = new AbortController();
  const sending = call.sendDTMF("1", { signal: controller.signal });
  const waiting = await program.take("dtmf");
  peerConnection.dispatchEvent(new Event("connectionstatechange"));
  controller.abort();
  await assert.rejects(sending, { code: "canceled" });
  assert.deepEqual(inserted, []);
  dtmf.canInsertDTMF = true;
  peerConnection.dispatchEvent(new Event("connectionstatechange"));
  assert.deepEqual(inserted, [""]);
  waiting.resolve();
  await settled();
  peerConnection.dispatchEvent(new Event("connectionstatechange"));
  assert.deepEqual(inserted, [""]);
});

test("tones whose turn comes after the end of the call fail", async () => {
  const { program, call, handle } = await withTones();
  const sending = [call.sendDTMF("1"), call.sendDTMF("2")];
  const playing = await program.take("dtmf");
  program.emit(handle, "ended", { by: "remote", reason: "" });
  playing.reject({ code: "invalid-state", message: "dtmf: the call is over" });
  for (const sent of sending) await assert.rejects(sent, { code: "invalid-state" });
});
