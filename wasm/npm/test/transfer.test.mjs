// Transfers, in both directions, and conferences.
import assert from "node:assert/strict";
import { test } from "node:test";
import { bob, Program, reports, settled } from "./fake.mjs";

/** A transfer that was accepted. */
async function accepted(program, call, to, options) {
  const promise = call.transfer(to, options);
  const op = await program.take("transfer");
  op.resolve({ id: "2", target: "sip:1003@example.com" });
  return { transfer: await promise, op };
}

test("a blind transfer tells how it goes", async () => {
  const program = new Program();
  const { call, handle } = await program.outgoing();
  const options = { headers: [["X-A", "1"]], noSubscription: true, referredBy: "sip:a@b", keep: true };
  const { transfer, op } = await accepted(program, call, "1003", { ...options, signal: new AbortController().signal });
  assert.deepEqual([op.handle, op.args], [handle, { target: "1003", ...options, transfer: op.args.transfer }]);
  assert.deepEqual([transfer.id, transfer.target, transfer.call, transfer.outcome], ["2", "sip:1003@example.com", call, { status: 0, reason: "" }]);
  const heard = [];
  transfer.on("progress", (event) => heard.push([event, transfer.outcome]));
  transfer.done.then((outcome) => heard.push(outcome));
  program.emit(op.args.transfer, "progress", { status: 180, reason: "Ringing", done: false });
  program.emit(op.args.transfer, "progress", { status: 200, reason: "OK", done: true });
  program.emit(op.args.transfer, "progress", { status: 486, reason: "too late", done: true });
  await settled();
  assert.deepEqual(heard, [
    [{ status: 180, reason: "Ringing", done: false }, { status: 180, reason: "Ringing" }],
    [{ status: 200, reason: "OK", done: true }, { status: 200, reason: "OK" }],
    { status: 200, reason: "OK" },
  ]);
});

test("a transfer that fails has its error", async () => {
  const program = new Program();
  const { call } = await program.outgoing();
  const { transfer, op } = await accepted(program, call, "1003");
  const heard = new Promise((resolve) => transfer.on("progress", resolve));
  const error = { code: "rejected", message: "transfer: rejected (486 Busy Here)", op: "transfer", status: 486, reason: "Busy Here" };
  program.emit(op.args.transfer, "progress", { status: 486, reason: "Busy Here", done: true, error });
  await assert.rejects(transfer.done, { name: "SipError", code: "rejected", status: 486 });
  assert.deepEqual({ ...(await heard), error: undefined }, { status: 486, reason: "Busy Here", done: true, error: undefined });
  assert.equal((await heard).error.code, "rejected");

  const refused = call.transfer("1004");
  (await program.take("transfer")).reject({ code: "rejected", message: "transfer: rejected (405 No)", op: "transfer", status: 405 });
  await assert.rejects(refused, { code: "rejected", status: 405 });
});

test("what is told before the transfer is there counts", async () => {
  const program = new Program();
  const { call } = await program.outgoing();
  const promise = call.transfer("1003");
  const op = await program.take("transfer");
  program.emit(op.args.transfer, "progress", { status: 200, reason: "OK", done: true });
  op.resolve({ id: "2", target: "sip:1003@example.com" });
  const transfer = await promise;
  assert.deepEqual(await transfer.done, { status: 200, reason: "OK" });
});

test("an attended transfer names the other call", async () => {
  const program = new Program();
  const { ua, call, handle } = await program.outgoing();
  const other = ua.call("1003");
  const made = await program.take("call");
  made.resolve({ id: "o", remote: bob });
  const { op } = await accepted(program, call, other);
  assert.deepEqual([op.handle, op.args], [handle, { other: made.args.call, transfer: op.args.transfer }]);
  program.emit(made.args.call, "ended", { by: "remote", reason: "", reasons: [] });
  await assert.rejects(call.transfer(other), { code: "invalid-state", op: "transfer" });
});

test("a signal ends the waiting for a transfer, the program's end the transfer", async () => {
  const program = new Program();
  const { call } = await program.outgoing();
  const controller = new AbortController();
  const given = call.transfer("1003", { signal: controller.signal });
  await program.take("transfer");
  controller.abort();
  await assert.rejects(given, { code: "canceled" });
  const { transfer } = await accepted(program, call, "1003");
  program.control.exit();
  await assert.rejects(transfer.done, { code: "internal" });
});

const record = (referral, more = {}) => ({ referral, from: bob, target: "sip:1003@example.com", ...more });

test("the other side of a call asks to call somebody else", async () => {
  const program = new Program();
  const { ua, call, handle } = await program.outgoing();
  const arrived = new Promise((resolve) => call.on("referred", resolve));
  const replaces = { callId: "c", toTag: "t", fromTag: "f", earlyOnly: false };
  program.emit(handle, "referred", record(6, { referredBy: bob, replaces }));
  const referral = await arrived;
  assert.deepEqual([referral.from, referral.target, referral.referredBy, referral.replaces, referral.call],
    [bob, "sip:1003@example.com", bob, replaces, call]);
  const following = referral.accept({ headers: [["X-A", "1"]], signal: new AbortController().signal });
  const accept = await program.take("accept");
  assert.equal(accept.handle, 6);
  assert.deepEqual(accept.args, { call: 5, target: "sip:1003@example.com", headers: [["X-A", "1"]] });
  program.emit(5, "state", { state: "calling" }); // at once, before Go has said that it has begun
  accept.resolve({ id: "new", remote: bob });
  const made = await following;
  assert.deepEqual([made.id, made.state, made.direction], ["new", "calling", "outgoing"]);
  assert.deepEqual(ua.calls, [call, made]);
  await assert.rejects(referral.accept(), { code: "invalid-state", message: /the referral is over/ });
  await assert.rejects(referral.reject(), { code: "invalid-state" });
  assert.deepEqual(ua.calls, [call, made], "the call that was not made is gone");
});

test("a referral that cannot be followed can be decided again", async () => {
  const program = new Program();
  const { call, handle } = await program.outgoing();
  const arrived = new Promise((resolve) => call.on("referred", resolve));
  program.emit(handle, "referred", record(6));
  const referral = await arrived;
  assert.deepEqual([referral.referredBy, referral.replaces], [undefined, undefined]);
  await assert.rejects(referral.accept({ anonymus: true }), { code: "invalid-argument", op: "accept referral" });
  const following = referral.accept();
  (await program.take("accept")).reject({ code: "invalid-argument", message: "accept referral: no" });
  await assert.rejects(following, { code: "invalid-argument" });
  const rejecting = referral.reject();
  const reject = await program.take("reject");
  assert.deepEqual([reject.handle, reject.args], [6, { status: 603 }]);
  reject.resolve();
  await rejecting;
});

test("a referral that nobody decides ends with an event, and one that was decided without", async () => {
  const program = new Program();
  const { ua, call, handle, uaHandle } = await program.outgoing();
  const heard = [];
  const listen = (referral) => referral.on("ended", (event) => heard.push([referral.target, event]));
  call.on("referred", listen);
  const outside = new Promise((resolve) => ua.on("referral", (referral) => { listen(referral); resolve(referral); }));
  program.emit(handle, "referred", record(6));
  program.emit(6, "ended");
  program.emit(6, "ended");
  program.emit(uaHandle, "referral", record(8));
  const rejecting = (await outside).reject();
  (await program.take("reject")).resolve();
  await rejecting;
  program.emit(8, "ended");
  assert.deepEqual(heard, [["sip:1003@example.com", {}]]);
  const late = await outside;
  await assert.rejects(late.accept(), { code: "invalid-state" });
});

test("a consultation is left for the first call", async () => {
  const program = new Program();
  const { ua, call, handle } = await program.outgoing();
  const other = ua.call("1003");
  (await program.take("call")).resolve({ id: "id-3", remote: bob });
  await settled();
  const done = other.return(call);
  const hangup = await program.take("hangup");
  assert.notEqual(hangup.handle, handle);
  assert.equal(program.ops.some(({ op }) => op === "resume"), false);
  hangup.resolve();
  const resume = await program.take("resume");
  assert.equal(resume.handle, handle);
  resume.resolve();
  await done;
  await assert.rejects(other.return({}), { code: "invalid-argument", op: "return" });
});

test("a conference server is known, and watched", async () => {
  const program = new Program();
  const { ua, call, handle } = await program.outgoing("room");
  assert.equal(call.focus, false);
  program.emit(handle, "answered", { forks: [], focus: true });
  assert.equal(call.focus, true);
  const media = new Promise((resolve) => call.on("media", resolve));
  program.emit(handle, "media", { streams: [], focus: false });
  assert.deepEqual([await media, call.focus], [{ streams: [] }, false]);
  const watching = call.watchConference({ expires: 60 });
  const op = await program.take("watchConference");
  assert.deepEqual([op.handle, op.args], [handle, { subscription: op.args.subscription, target: bob.uri, event: "conference", expires: 60 }]);
  assert.deepEqual([watching.event, ua.subscriptions], ["conference", [watching]]);
  op.reject({ code: "invalid-state", message: "watch conference: no" });
  await assert.rejects(watching.active, { code: "invalid-state" });
  assert.deepEqual(ua.subscriptions, []);
});

test("nobody listens: a referral is declined at once", async () => {
  const program = new Program();
  const { ua, uaHandle, handle } = await program.outgoing();
  program.emit(handle, "referred", record(6));
  program.emit(uaHandle, "referral", record(8));
  for (const want of [6, 8]) {
    const reject = await program.take("reject");
    assert.deepEqual([reject.handle, reject.args], [want, { status: 603 }]);
    const reported = await reports(async () => {
      reject.reject({ code: "invalid-state", message: "too late" });
      await settled();
    });
    assert.deepEqual(reported, []);
  }
  const arrived = new Promise((resolve) => ua.on("referral", resolve));
  program.emit(uaHandle, "referral", record(10));
  assert.deepEqual([(await arrived).from, (await arrived).call], [bob, undefined]);
  await settled();
  assert.equal(program.ops.filter(({ op }) => op === "reject").length, 2);
});

/** A user agent with three calls. */
async function three() {
  const program = new Program();
  const { ua } = await program.userAgent();
  const calls = [], handles = [];
  for (const target of ["1002", "1003", "1004"]) {
    calls.push(ua.call(target));
    const op = await program.take("call");
    op.resolve({ id: target, remote: bob });
    handles.push(op.args.call);
  }
  const leave = (i) => program.emit(handles[i], "ended", { by: "remote", reason: "", reasons: [] });
  return { program, ua, calls, handles, leave };
}

async function meeting() {
  const all = await three();
  const { program, ua, calls } = all;
  const promise = ua.conference(calls[0], calls[1]);
  const op = await program.take("conference");
  op.resolve();
  return { ...all, conference: await promise, op };
}

test("calls come together in a conference and leave it", async () => {
  const { program, calls, handles, leave, conference, op } = await meeting();
  assert.deepEqual(op.args, { conference: 9, calls: handles.slice(0, 2) });
  assert.deepEqual(conference.calls, calls.slice(0, 2));
  const adding = conference.add(calls[2]);
  const add = await program.take("add");
  assert.deepEqual([add.handle, add.args], [9, { call: handles[2] }]);
  assert.equal(conference.calls.length, 2);
  add.resolve();
  await adding;
  assert.deepEqual(conference.calls, calls);
  const dropping = conference.drop(calls[0]);
  const drop = await program.take("drop");
  assert.deepEqual([drop.handle, drop.args], [9, { call: handles[0] }]);
  drop.resolve();
  await dropping;
  await conference.drop(calls[0]);
  assert.deepEqual(conference.calls, calls.slice(1));
  leave(1);
  await settled();
  assert.deepEqual(conference.calls, [calls[2]]);
  leave(2);
  (await program.take("end")).reject({ code: "closed", message: "closed" });
  await settled();
  await assert.rejects(conference.add(calls[0]), { code: "invalid-state", message: /the conference is over/ });
});

test("the end of a conference ends no call", async () => {
  const { program, ua, calls, conference } = await meeting();
  const ending = conference.end();
  const end = await program.take("end");
  assert.equal(end.handle, 9);
  assert.deepEqual(conference.calls, []);
  end.resolve();
  await ending;
  await conference.end();
  assert.deepEqual(ua.calls, calls);
  assert.equal(program.ops.filter(({ op }) => op === "end").length, 1);
});

test("what is no conference", async () => {
  const { program, ua, calls, leave } = await three();
  const stranger = (await program.userAgent()).ua.call("1002");
  for (const other of [7, null, {}, stranger]) {
    await assert.rejects(ua.conference(calls[0], other), { code: "invalid-argument", op: "conference" });
  }
  const refused = ua.conference(calls[0], calls[1]);
  (await program.take("conference")).reject({ code: "unsupported", message: "no AudioContext" });
  await assert.rejects(refused, { code: "unsupported" });
  leave(1);
  await assert.rejects(ua.conference(calls[0], calls[1]), { code: "invalid-state", op: "conference" });
});
