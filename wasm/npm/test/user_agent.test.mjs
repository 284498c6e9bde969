import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { SipError, UserAgent, VERSION } from "../dist/index.js";
import { arrival, bob, fakeModule, Program, reports, settled } from "./fake.mjs";

test("create passes the options on and gives the instance id", async () => {
  const program = new Program();
  const ice = { servers: [{ urls: "stun:stun.example.com" }], gathering: { limit: 300 } };
  const { ua, handle, args } = await program.userAgent({
    credentials: { username: "alice", password: "secret" }, displayName: "Alice", instanceId: "urn:uuid:1",
    registrationExpires: 120, userAgent: "phone/1", connectTimeout: 500, ice, audio: false,
  });
  assert.equal(handle, 1);
  assert.deepEqual(args, {
    uri: "sip:1001@example.com", servers: ["wss://example.com/ws"], credentials: { username: "alice", password: "secret" },
    displayName: "Alice", instanceId: "urn:uuid:1", registrationExpires: 120, userAgent: "phone/1", connectTimeout: 500,
    ice,
  });
  assert.equal(ua.instanceId, "urn:uuid:00000000-0000-4000-8000-000000000001");
  assert.deepEqual(ua.calls, []);

  assert.deepEqual((await program.userAgent({ credentials: { ha1: "abc" } })).args,
    { uri: "sip:1001@example.com", servers: ["wss://example.com/ws"], credentials: { ha1: "abc" } });
});

test("a rejection becomes a SipError with everything that Go told", async () => {
  const program = new Program();
  const { ua } = await program.userAgent();
  const registered = ua.register();
  const cause = new Error("why");
  (await program.take("register")).reject({
    code: "unauthorized", message: "register: unauthorized (403 Forbidden)", op: "register", status: 403, reason: "Forbidden", cause,
  });
  await assert.rejects(registered, (error) => {
    assert.ok(error instanceof SipError && error instanceof Error);
    assert.deepEqual({ ...error, message: error.message, cause: error.cause }, {
      name: "SipError", code: "unauthorized", message: "register: unauthorized (403 Forbidden)", op: "register", status: 403,
      reason: "Forbidden", cause,
    });
    assert.match(error.stack, /SipError: register/);
    return true;
  });

  const create = UserAgent.create({
    uri: "sip:1001@example.com", servers: ["wss://example.com/ws"], wasm: await fakeModule(), host: program.host,
  });
  (await program.take("create")).reject({ code: "invalid-argument", message: "uri", op: "", status: 0, reason: "", cause: null });
  await assert.rejects(create, (error) => {
    assert.deepEqual({ ...error }, { name: "SipError", code: "invalid-argument" }, "what is not there is absent, not empty");
    assert.ok(!("cause" in error));
    return true;
  });
});

test("a code that this release does not know is internal", async () => {
  const program = new Program();
  const { ua } = await program.userAgent();
  const registered = ua.register();
  (await program.take("register")).reject({ code: "nonsense", message: "m" });
  await assert.rejects(registered, { code: "internal" });
});

test("operations start in the order of the calls", async () => {
  const program = new Program();
  const { ua } = await program.userAgent();
  const call = ua.call("1002");
  const acts = [ua.register(), call.hold(), call.mute(), call.hangup(), ua.unregister()];
  const second = ua.call("1003");
  assert.deepEqual(program.ops.map((o) => [o.op, o.handle]),
    [["create", 1], ["call", 1], ["register", 1], ["hold", 3], ["mute", 3], ["hangup", 3], ["unregister", 1], ["call", 1]]);
  assert.deepEqual(program.ops.filter((o) => o.op === "call").map((o) => o.args.call), [3, 5]);
  assert.deepEqual(ua.calls, [call, second]);
  for (const { op, resolve } of program.ops) resolve(op === "call" ? { id: "i", remote: bob } : undefined);
  await Promise.all(acts);
});

test("events arrive in order, with errors as SipErrors", async () => {
  const program = new Program();
  const { ua, handle } = await program.userAgent();
  const heard = [];
  for (const type of ["connected", "disconnected", "registered", "unregistered", "protocolError"]) {
    ua.on(type, (event) => heard.push([type, event]));
  }
  const lost = { code: "connection-lost", message: "gone" };
  program.emit(handle, "connected", { server: "wss://a" });
  program.emit(handle, "registered", { expires: 600 });
  program.emit(handle, "protocolError", { error: { code: "protocol", message: "no Via" } });
  program.emit(handle, "unregistered", { error: lost });
  program.emit(handle, "disconnected", { server: "wss://a", code: 1006, reason: "", error: lost });
  program.emit(handle, "unregistered", { error: null });
  program.emit(handle, "disconnected", { server: "wss://a", code: 1000, reason: "bye" });
  program.emit(handle, "fromTheFuture", {});
  program.emit(99, "connected", { server: "nobody" });

  assert.deepEqual(heard.map(([type]) => type),
    ["connected", "registered", "protocolError", "unregistered", "disconnected", "unregistered", "disconnected"]);
  assert.deepEqual(heard[1][1], { expires: 600 });
  for (const i of [2, 3, 4]) assert.ok(heard[i][1].error instanceof SipError);
  assert.equal(heard[4][1].error.code, "connection-lost");
  assert.deepEqual(heard[5][1], {});
  assert.deepEqual(heard[6][1], { server: "wss://a", code: 1000, reason: "bye" });
});

test("a listener that throws or rejects is reported and harms nothing", async () => {
  const program = new Program();
  const { ua, handle } = await program.userAgent();
  const heard = [];
  const thrown = new Error("thrown"), rejected = new Error("rejected");
  ua.on("connected", () => { throw thrown; });
  ua.on("connected", async () => { throw rejected; });
  ua.on("connected", () => heard.push("third"));
  const reported = await reports(async () => {
    program.emit(handle, "connected", { server: "a" });
    program.emit(handle, "connected", { server: "b" });
    await settled();
  });
  assert.deepEqual(heard, ["third", "third"]);
  assert.deepEqual(reported, [thrown, thrown, rejected, rejected]);
});

test("on returns its unsubscribe, also during an event", async () => {
  const program = new Program();
  const { ua, handle } = await program.userAgent();
  const heard = [];
  const listener = () => heard.push("twice");
  const first = ua.on("connected", listener);
  ua.on("connected", listener);
  const own = ua.on("connected", () => { heard.push("once"); own(); });
  program.emit(handle, "connected", {});
  first();
  first();
  program.emit(handle, "connected", {});
  assert.deepEqual(heard, ["twice", "twice", "once", "twice"]);
  assert.throws(() => ua.on("connected"), TypeError);

  heard.length = 0;
  const adding = ua.on("registered", () => { adding(); ua.on("registered", () => heard.push("added")); });
  program.emit(handle, "registered", {});
  assert.deepEqual(heard, [], "a listener does not hear the event during which it was added");
  program.emit(handle, "registered", {});
  assert.deepEqual(heard, ["added"]);
});

test("tracing is on while somebody listens", async () => {
  const program = new Program();
  const { ua, handle } = await program.userAgent();
  const switched = () => program.ops.filter((o) => o.op === "trace").map((o) => o.args.on);
  ua.on("connected", () => {});
  assert.deepEqual(switched(), []);
  const heard = [];
  const first = ua.on("trace", (message) => heard.push(message));
  const second = ua.on("trace", () => {});
  const message = { time: 1, direction: "out", server: "wss://a", text: "REGISTER sip:example.com SIP/2.0\r\n" };
  program.emit(handle, "trace", message);
  first();
  assert.deepEqual(switched(), [true]);
  second();
  second();
  assert.deepEqual(switched(), [true, false]);
  ua.on("trace", () => {});
  assert.deepEqual(switched(), [true, false, true]);
  assert.deepEqual(heard, [message]);
});

test("an incoming call has Go's even handle", async () => {
  const program = new Program();
  const { ua, call } = await program.incoming(4);
  assert.equal(call.direction, "incoming");
  assert.equal(call.state, "ringing");
  assert.equal(call.id, "id-2");
  assert.deepEqual(call.remote, bob);
  assert.deepEqual(ua.calls, [call]);
  const accepted = call.accept();
  const accept = await program.take("accept");
  assert.equal(accept.handle, 4);
  accept.resolve();
  await accepted;
});

test("a call that nobody listens for is answered 480", async () => {
  const program = new Program();
  const { ua, handle } = await program.userAgent();
  program.emit(handle, "incoming", arrival(2));
  const reject = await program.take("reject");
  assert.deepEqual([reject.handle, reject.args], [2, { status: 480 }]);
  const reported = await reports(async () => {
    reject.reject({ code: "invalid-state", message: "the caller gave up first" });
    await settled();
  });
  assert.deepEqual(reported, []);
  program.emit(2, "ended", { by: "local", status: 480, reason: "Temporarily Unavailable" });
  assert.deepEqual(ua.calls, []);
});

test("an incoming call may be answered by an async listener", async () => {
  const program = new Program();
  const { ua, handle } = await program.userAgent();
  ua.on("incoming", async (call) => { await call.accept(); });
  const reported = await reports(async () => {
    program.emit(handle, "incoming", arrival(2));
    (await program.take("accept")).reject({ code: "media-denied", message: "no microphone" });
    await settled();
  });
  assert.deepEqual(reported.map((e) => e.code), ["media-denied"]);
});

test("close is asked for once and ends everything", async () => {
  const program = new Program();
  const { ua, handle } = await program.userAgent();
  const closing = ua.close();
  assert.equal(ua.close(), closing);
  assert.equal(program.ops.filter((o) => o.op === "close").length, 1);
  await assert.rejects(ua.register(), { code: "closed", op: "register" });
  const late = ua.call("1002");
  await assert.rejects(late.answered, { code: "closed" });
  assert.deepEqual(ua.calls, []);
  let heard = 0;
  ua.on("unregistered", () => heard++);
  program.emit(handle, "unregistered", {});
  (await program.take("close")).resolve();
  await closing;
  program.emit(handle, "unregistered", {});
  assert.equal(heard, 1, "events come until it is closed, not after");
});

test("a signal ends the waiting", async () => {
  const program = new Program();
  const { ua } = await program.userAgent();
  const controller = new AbortController();
  const registered = ua.register({ signal: controller.signal });
  const op = await program.take("register");
  controller.abort();
  await assert.rejects(registered, (e) => e.code === "canceled" && e.op === "register" && e.cause.name === "AbortError");
  op.reject({ code: "timeout", message: "late" }); // and must not surface anywhere
  await settled();

  await assert.rejects(ua.unregister({ signal: controller.signal }), { code: "canceled" });
  assert.ok(!program.ops.some((o) => o.op === "unregister"), "aborted before the start: not started");

  const open = new AbortController();
  const again = ua.register({ signal: open.signal });
  (await program.take("register")).resolve({ expires: 60 });
  assert.equal(await again, undefined);
});

for (const [how, message] of [
  ["panic", /^sipwasm ended unexpectedly: exit code 2: panic: told to panic$/],
  ["exit", /^sipwasm ended unexpectedly: exit code 3$/],
  ["end", /^sipwasm ended unexpectedly: exit code 0$/],
  ["giveUp", /^sipwasm ended unexpectedly: no memory$/],
]) {
  test(`after ${how} everything pending is rejected, calls end and exit is fired`, async () => {
    const program = new Program();
    const { ua, uaHandle, call } = await program.outgoing();
    const closed = [], stopped = [], heard = [];
    program.emit(3, "peerconnection", {
      peerConnection: { addEventListener() {}, remoteDescription: null, close: () => closed.push("pc") },
    });
    program.emit(3, "localstream", { stream: { getTracks: () => [{ stop: () => stopped.push("mic") }] } });
    program.host.WebSocket.prototype.close = () => closed.push("socket");
    program.control.connect("wss://a");
    program.control.timer();
    ua.on("exit", ({ error }) => heard.push(["exit", error]));
    call.on("ended", (event) => heard.push(["ended", event.error]));
    const pending = [ua.register(), call.hold(), call.answered];

    program.control.giveUp = () => program.goHost.exit("no memory");
    program.control[how]();
    for (const promise of pending) await assert.rejects(promise, (e) => e.code === "internal" && message.test(e.message));
    assert.deepEqual(heard.map(([type]) => type), ["ended", "exit"]);
    assert.equal(heard[0][1], heard[1][1]);
    assert.equal((await call.ended).by, "system");
    assert.deepEqual(closed, ["socket", "pc"]);
    assert.deepEqual(stopped, ["mic"]);
    assert.deepEqual(ua.calls, []);

    await assert.rejects(ua.register(), heard[1][1], "it says what happened, not that somebody closed it");
    await assert.rejects(ua.call("1002").answered, heard[1][1]);
    await ua.close();
    program.control.timer(); // what Go left behind on the page must not throw into it
    program.emit(uaHandle, "connected", {});
    assert.deepEqual((await program.userAgent()).handle, 1, "the next user agent gets a new program");
  });
}

test("a call that is being made when the program ends, ends once", async () => {
  const program = new Program();
  const { ua } = await program.userAgent();
  const call = ua.call("1002");
  let ended = 0;
  call.on("ended", () => ended++);
  program.control.panic();
  await assert.rejects(call.answered, { code: "internal" });
  await settled();
  assert.equal(ended, 1);
});

test("the port crosses into Go and back", async () => {
  const program = new Program({ start: (p) => p.ready(p.control.call) });
  const ua = await UserAgent.create({ uri: "sip:ä@example.com", servers: ["ws://a"], wasm: await fakeModule(), host: program.host });
  assert.equal(ua.instanceId, "sip:ä@example.com");
  await assert.rejects(ua.register(), { code: "timeout", message: "register: no answer" });
});

test("the version is one in package.json, in TypeScript and in Go", async () => {
  const npm = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  const go = /const Version = "(.*)"/.exec(await readFile(new URL("../../../sipua/config.go", import.meta.url), "utf8"));
  assert.equal(VERSION, npm.version);
  assert.equal(VERSION, go?.[1]);
});
