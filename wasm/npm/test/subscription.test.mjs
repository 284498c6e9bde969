import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Notifier, Publication, SipError, Subscription } from "../dist/index.js";
import { bob, Program, reports, settled } from "./fake.mjs";

const rejection = { code: "rejected", message: "subscribe: rejected (489 Bad Event)", op: "subscribe", status: 489, reason: "Bad Event" };
const state = { contentType: "application/pidf+xml", body: "<presence/>" };

/** Collects the events of an object. */
function listen(target, ...types) {
  const heard = [];
  for (const type of types) target.on(type, (event) => heard.push([type, event]));
  return heard;
}

async function subscribed(options = { event: "dialog" }) {
  const program = new Program();
  const { ua, handle: uaHandle } = await program.userAgent();
  const subscription = ua.subscribe("1002", options);
  const op = await program.take("subscribe");
  return { program, ua, uaHandle, subscription, handle: op.args.subscription, op };
}

/** A subscription of somebody that waits for the decision. */
async function asked() {
  const program = new Program();
  const { ua, handle: uaHandle } = await program.userAgent({ eventPackages: ["presence"] });
  const arrived = new Promise((resolve) => ua.on("incomingSubscription", resolve));
  program.emit(uaHandle, "incomingSubscription", {
    notifier: 2, id: "id-3", remote: bob, event: "presence", accepts: ["application/pidf+xml"], contentType: "text/plain", body: "filter",
  });
  return { program, ua, uaHandle, notifier: await arrived };
}

async function published(options = {}) {
  const program = new Program();
  const { ua } = await program.userAgent();
  const publishing = ua.publish({ event: "presence", ...state, ...options });
  const op = await program.take("publish");
  return { program, ua, publishing, op, handle: op.args.publication };
}

test("subscribe is there at once and says everything to Go", async () => {
  const { program, subscription, op } = await subscribed({
    event: "dialog", id: "17", once: true, accept: ["a/b"], expires: 60, headers: [["X-A", "1"]], contentType: "text/plain", body: "filter",
  });
  assert.ok(subscription instanceof Subscription);
  assert.deepEqual([subscription.event, subscription.target, subscription.state], ["dialog", "1002", "trying"]);
  assert.deepEqual(op.args, {
    subscription: 3, target: "1002", event: "dialog", id: "17", once: true, accept: ["a/b"], expires: 60, headers: [["X-A", "1"]], contentType: "text/plain", body: "filter",
  });
  assert.equal(subscription.id, "");
  op.resolve({ id: "id-1" });
  await settled();
  assert.equal(subscription.id, "id-1");
  const plain = await subscribed();
  assert.deepEqual(plain.op.args, { subscription: 3, target: "1002", event: "dialog" });
  assert.equal(program.ops.filter((o) => o.op === "subscribe").length, 1);
});

test("the subscriptions that have not ended", async () => {
  const { program, ua, subscription, handle } = await subscribed();
  const other = ua.subscribe("1003", { event: "presence" });
  assert.deepEqual(ua.subscriptions, [subscription, other]);
  program.emit(handle, "ended", { reason: "noresource" });
  assert.deepEqual(ua.subscriptions, [other]);
  ua.subscriptions.length = 0; // a copy
  assert.deepEqual(ua.subscriptions, [other]);
});

test("a notifier's state", async () => {
  const { program, notifier } = await asked();
  assert.equal(notifier.state, "requested");
  const take = async (act, op) => {
    const done = act();
    (await program.take(op)).resolve();
    await done;
    return notifier.state;
  };
  assert.equal(await take(() => notifier.accept({ pending: true }), "accept"), "pending");
  assert.equal(await take(() => notifier.activate(), "activate"), "active");
  program.emit(2, "ended", { reason: "timeout" });
  assert.equal(notifier.state, "terminated");
  const another = await asked();
  const accepting = another.notifier.accept();
  const op = await another.program.take("accept");
  another.program.emit(2, "ended", { reason: "unsubscribed" });
  op.resolve();
  await accepting;
  assert.equal(another.notifier.state, "terminated");
});

test("a subscription's state, notifications and end", async () => {
  const { program, subscription, handle } = await subscribed();
  const heard = listen(subscription, "changed", "notify", "ended");
  let active = false;
  subscription.active.then(() => (active = true));
  program.emit(handle, "changed", { state: "waiting", expires: 0 });
  await settled();
  assert.equal(active, false);
  program.emit(handle, "changed", { state: "pending", expires: 600 });
  await settled();
  assert.deepEqual([active, subscription.state], [true, "pending"]);
  const notification = { event: "dialog", contentType: "application/dialog-info+xml", body: "<x/>", value: { lamp: "busy", dialogs: [] } };
  program.emit(handle, "notify", notification);
  program.emit(handle, "changed", { state: "terminated", expires: 0 });
  program.emit(handle, "ended", { reason: "noresource", retryAfter: 5, error: rejection });
  program.emit(handle, "ended", { reason: "again" });
  assert.deepEqual(heard.slice(0, 4), [
    ["changed", { state: "waiting", expires: 0 }], ["changed", { state: "pending", expires: 600 }], ["notify", notification],
    ["changed", { state: "terminated", expires: 0 }],
  ]);
  assert.equal(heard.length, 5);
  const [type, { error, ...ended }] = heard[4];
  assert.deepEqual([type, ended], ["ended", { reason: "noresource", retryAfter: 5 }]);
  assert.ok(error instanceof SipError);
  assert.deepEqual([error.code, error.status], ["rejected", 489]);
});

test("active rejects when the subscription ends before it was accepted", async () => {
  const refused = await subscribed();
  refused.program.emit(refused.handle, "ended", { reason: "", error: rejection });
  await assert.rejects(refused.subscription.active, { code: "rejected", status: 489 });
  assert.equal(refused.subscription.state, "terminated");
  const left = await subscribed();
  left.program.emit(left.handle, "ended", { reason: "" });
  await assert.rejects(left.subscription.active, { code: "canceled" });
  const closed = await subscribed();
  const heard = listen(closed.subscription, "changed", "ended");
  closed.op.reject({ code: "invalid-argument", message: "subscribe: no" });
  await assert.rejects(closed.subscription.active, { code: "invalid-argument" });
  assert.deepEqual(heard.map(([type]) => type), ["changed", "ended"]);
  assert.equal(heard[1][1].error.code, "invalid-argument");
});

test("nobody has to look at active", async () => {
  const { program, subscription, handle } = await subscribed();
  program.emit(handle, "ended", { reason: "", error: rejection });
  await settled(); // an unhandled rejection would fail this file
  assert.equal(subscription.state, "terminated");
});

test("refresh and unsubscribe", async () => {
  const { program, subscription, handle } = await subscribed();
  const refreshing = subscription.refresh();
  const refresh = await program.take("refresh");
  assert.deepEqual([refresh.handle, refresh.args], [handle, {}]);
  refresh.resolve();
  await refreshing;
  await assert.rejects(subscription.refresh({ signal: AbortSignal.abort("why") }), { code: "canceled", op: "refresh", cause: "why" });

  const leaving = subscription.unsubscribe();
  const again = subscription.unsubscribe();
  const unsubscribe = await program.take("unsubscribe");
  program.emit(handle, "ended", { reason: "" });
  unsubscribe.resolve();
  (await program.take("unsubscribe")).reject({ code: "invalid-state", message: "over" }); // it was over when Go came to it
  await Promise.all([leaving, again]);
  await subscription.unsubscribe();
  await assert.rejects(subscription.refresh(), { code: "invalid-state", message: "refresh: the subscription is over" });
  assert.equal(program.ops.filter(({ op }) => op === "unsubscribe").length, 2);
});

test("an unsubscribe that fails says so", async () => {
  const { program, subscription } = await subscribed();
  const leaving = subscription.unsubscribe();
  (await program.take("unsubscribe")).reject({ code: "invalid-state", message: "no" });
  await assert.rejects(leaving, { code: "invalid-state" });
});

test("bodies are text or bytes, and bytes are copied when they are given", async () => {
  const program = new Program();
  const { ua } = await program.userAgent();
  const bytes = new Uint8Array([0, 1, 0xff, 2]);
  const sending = ua.message("1002", { body: bytes.subarray(1, 3), contentType: "application/octet-stream" });
  bytes.fill(7);
  const op = await program.take("message");
  assert.deepEqual(op.args, { target: "1002", contentType: "application/octet-stream", body: new Uint8Array([1, 0xff]) });
  op.resolve();
  await sending;
  const view = ua.message("1002", { body: new DataView(new Uint8Array([1, 2, 3]).buffer, 1) });
  const viewed = await program.take("message");
  assert.deepEqual(viewed.args.body, new Uint8Array([2, 3]));
  viewed.resolve();
  await view;

  for (const wrong of [7, null, {}, ["x"]]) {
    const refused = { code: "invalid-argument", message: /body must be a string or a Uint8Array$/ };
    await assert.rejects(ua.message("1002", { body: wrong }), { op: "message", ...refused });
    await assert.rejects(ua.publish({ event: "presence", contentType: "a/b", body: wrong }), { op: "publish", ...refused });
    await assert.rejects(ua.subscribe("1002", { event: "presence", body: wrong }).active, { op: "subscribe", ...refused });
    await assert.rejects(ua.message("1002", { body: "x", contentType: wrong }), { code: "invalid-argument", message: /contentType must be a string$/ });
  }
  assert.equal(program.ops.length, 3);
});

test("somebody subscribes: the page decides", async () => {
  const { program, notifier } = await asked();
  assert.ok(notifier instanceof Notifier);
  assert.deepEqual([notifier.id, notifier.remote, notifier.event, notifier.accepts, notifier.content],
    ["id-3", bob, "presence", ["application/pidf+xml"], { contentType: "text/plain", body: "filter" }]);
  const heard = listen(notifier, "ended");
  const bytes = new Uint8Array([1]);
  for (const [act, op, args] of [
    [() => notifier.accept(), "accept", {}],
    [() => notifier.accept({ expires: 60, pending: true, ...state }), "accept", { expires: 60, pending: true, ...state }],
    [() => notifier.reject(), "reject", { status: 403 }],
    [() => notifier.reject(480), "reject", { status: 480 }],
    [() => notifier.notify(state), "notify", state],
    [() => notifier.notify({ contentType: "a/b", body: bytes }), "notify", { contentType: "a/b", body: bytes }],
    [() => notifier.activate(), "activate", {}],
    [() => notifier.activate(state), "activate", state],
    [() => notifier.terminate(), "terminate", { reason: "noresource" }],
    [() => notifier.terminate("probation", 60), "terminate", { reason: "probation", retryAfter: 60 }],
  ]) {
    const acting = act();
    const taken = await program.take(op);
    assert.deepEqual([taken.handle, taken.args], [2, args], op);
    taken.resolve();
    await acting;
  }
  const failing = notifier.notify(state);
  (await program.take("notify")).reject({ code: "rejected", message: "notify: rejected", status: 481 });
  await assert.rejects(failing, { code: "rejected", status: 481 });
  await assert.rejects(notifier.notify({ ...state, signal: AbortSignal.abort() }), { code: "canceled" });

  program.emit(2, "ended", { reason: "", error: { code: "timeout", message: "gone" } });
  program.emit(2, "ended", { reason: "again" });
  assert.deepEqual(heard.map(([, { reason, error }]) => [reason, error.code]), [["", "timeout"]]);
  await notifier.terminate();
  await assert.rejects(notifier.accept(), { code: "invalid-state", message: "accept: the subscription is over" });
});

test("without a listener a subscription is refused with 480", async () => {
  const program = new Program();
  const { handle } = await program.userAgent({ eventPackages: ["presence"] });
  program.emit(handle, "incomingSubscription", { notifier: 4, id: "i", remote: bob, event: "presence", accepts: [], contentType: "", body: "" });
  const op = await program.take("reject");
  assert.deepEqual([op.handle, op.args], [4, { status: 480 }]);
  op.reject({ code: "invalid-state", message: "it is over" });
  await settled();
});

test("what is published once has no life afterwards", async () => {
  const { program, publishing, op } = await published({ once: true });
  assert.deepEqual(op.args, { publication: 3, event: "presence", ...state, once: true });
  op.resolve();
  const publication = await publishing;
  await publication.remove();
  await assert.rejects(publication.update(state), { code: "invalid-state" });
  assert.equal(program.ops.filter((o) => o.op !== "create").length, 1);
});

test("publish, update, remove", async () => {
  const { program, publishing, op, handle } = await published({ expires: 60, target: "sip:room@example.com" });
  assert.deepEqual(op.args, { publication: 3, event: "presence", expires: 60, target: "sip:room@example.com", ...state });
  op.resolve();
  const publication = await publishing;
  assert.ok(publication instanceof Publication);
  assert.equal(publication.event, "presence");
  const heard = listen(publication, "ended");
  const updating = publication.update({ contentType: "a/b", body: "x" });
  const update = await program.take("update");
  assert.deepEqual([update.handle, update.args], [handle, { contentType: "a/b", body: "x" }]);
  update.reject({ code: "rejected", message: "no", status: 413 });
  await assert.rejects(updating, { code: "rejected", status: 413 });
  const removing = publication.remove();
  const remove = await program.take("remove");
  assert.equal(remove.handle, handle);
  program.emit(handle, "ended", {});
  remove.resolve();
  await removing;
  assert.deepEqual(heard, [["ended", {}]]);
  await publication.remove();
  await assert.rejects(publication.update(state), { code: "invalid-state" });

  const lost = await published();
  lost.op.resolve();
  const ended = listen(await lost.publishing, "ended");
  lost.program.emit(lost.handle, "ended", { error: rejection });
  assert.deepEqual(ended.map(([, { error }]) => error.status), [489]);
});

test("a publication that is refused, or over at once, is none", async () => {
  const refused = await published();
  refused.op.reject(rejection);
  await assert.rejects(refused.publishing, { code: "rejected", status: 489 });
  for (const [payload, code] of [[{ error: { code: "closed", message: "closed" } }, "closed"], [{}, "canceled"]]) {
    const { program, publishing, op, handle } = await published();
    op.resolve();
    program.emit(handle, "ended", payload); // before anybody can listen
    await assert.rejects(publishing, { code });
  }
});

test("what was published for somebody who does not wait any more is taken back", async () => {
  const controller = new AbortController();
  const { program, ua, publishing, op, handle } = await published({ signal: controller.signal });
  controller.abort();
  await assert.rejects(publishing, { code: "canceled", op: "publish" });
  op.resolve();
  const remove = await program.take("remove");
  assert.equal(remove.handle, handle);
  remove.reject({ code: "timeout", message: "nobody there" });
  await settled();
  await assert.rejects(ua.publish({ event: "presence", ...state, signal: AbortSignal.abort() }), { code: "canceled" });
  assert.equal(program.ops.filter(({ op: name }) => name === "publish").length, 1, "what has aborted before does not begin");
});

test("message and options of the user agent", async () => {
  const program = new Program();
  const { ua, handle } = await program.userAgent();
  const sending = ua.message("1002", { body: "hi", headers: [["Subject", "s"]] });
  const message = await program.take("message");
  assert.deepEqual([message.handle, message.args], [handle, { target: "1002", body: "hi", headers: [["Subject", "s"]] }]);
  message.resolve();
  assert.equal(await sending, undefined);
  const asking = ua.options("1002");
  const options = await program.take("options");
  assert.deepEqual([options.handle, options.args], [handle, { target: "1002" }]);
  const capabilities = { status: 200, reason: "OK", allow: ["INVITE"], supported: [], accept: [], allowEvents: [], contentType: "", body: "" };
  options.resolve(capabilities);
  assert.deepEqual(await asking, capabilities);
  await assert.rejects(ua.message("1002", { body: "x", signal: AbortSignal.abort() }), { code: "canceled" });
  await assert.rejects(ua.options("1002", { signal: AbortSignal.abort() }), { code: "canceled" });

  const heard = listen(ua, "message", "notify");
  const note = { from: bob, to: bob, contentType: "text/plain", body: "<b>", bytes: new Uint8Array(1) };
  program.emit(handle, "message", note);
  const unsolicited = { event: "message-summary", contentType: "a/b", body: "", value: { waiting: true } };
  program.emit(handle, "notify", unsolicited);
  assert.deepEqual(heard, [["message", note], ["notify", unsolicited]]);
});

test("info and message of a call", async () => {
  const program = new Program();
  const { call, handle } = await program.outgoing();
  const informing = call.info({ package: "conf", contentType: "text/plain", body: "x" });
  const info = await program.take("info");
  assert.deepEqual([info.handle, info.args], [handle, { package: "conf", contentType: "text/plain", body: "x" }]);
  info.reject({ code: "unsupported", message: "info: no" });
  await assert.rejects(informing, { code: "unsupported" });
  const sending = call.message({ body: "hi", headers: [["X-A", "1"]] });
  const message = await program.take("callMessage");
  assert.deepEqual([message.handle, message.args], [handle, { body: "hi", headers: [["X-A", "1"]] }]);
  message.resolve();
  await sending;
  await assert.rejects(call.info({ body: 7 }), { code: "invalid-argument", op: "info" });

  const heard = listen(call, "info", "message");
  program.emit(handle, "info", { package: "conf", contentType: "a/b", body: "i" });
  program.emit(handle, "message", { contentType: "text/plain", body: "m" });
  assert.deepEqual(heard, [["info", { package: "conf", contentType: "a/b", body: "i" }], ["message", { contentType: "text/plain", body: "m" }]]);
  program.emit(handle, "ended", { by: "remote", status: 0, reason: "" });
  await assert.rejects(call.message({ body: "late" }), { code: "invalid-state", op: "message" });
  await assert.rejects(call.info({ body: "late", contentType: "a/b" }), { code: "invalid-state", op: "info" });
});

test("listeners' errors are reported, and on() gives the way to remove one", async () => {
  const { program, subscription, handle } = await subscribed();
  const calls = [];
  subscription.on("notify", () => { throw new Error("first"); });
  const remove = subscription.on("notify", () => calls.push(1));
  const reported = await reports(() => {
    program.emit(handle, "notify", { event: "dialog", contentType: "", body: "" });
    remove();
    program.emit(handle, "notify", { event: "dialog", contentType: "", body: "" });
  });
  assert.deepEqual([calls, reported.map(({ message }) => message)], [[1], ["first", "first"]]);
});

test("the end of the program ends them all, before the user agent hears of it", async () => {
  const { program, ua, uaHandle, notifier } = await asked();
  const subscription = ua.subscribe("1002", { event: "presence" });
  const publishing = ua.publish({ event: "presence", ...state });
  (await program.take("publish")).resolve();
  const publication = await publishing;
  const pending = ua.publish({ event: "presence", ...state });
  await program.take("publish");
  const heard = [];
  for (const [name, target] of Object.entries({ subscription, notifier, publication })) {
    target.on("ended", ({ error }) => heard.push([name, error.code]));
  }
  ua.on("exit", () => heard.push(["exit"]));
  program.goHost.exit("it gave up");
  await assert.rejects(pending, { code: "internal" });
  await assert.rejects(subscription.active, { code: "internal" });
  assert.deepEqual(heard, [["publication", "internal"], ["subscription", "internal"], ["notifier", "internal"], ["exit"]]);
  await assert.rejects(ua.subscribe("1002", { event: "presence" }).active, { code: "internal" });
  program.emit(uaHandle, "message", {});
});

test("after close nothing begins, and what Go ends is told", async () => {
  const { program, ua, subscription, handle } = await subscribed();
  const heard = listen(subscription, "ended");
  const closing = ua.close();
  const close = await program.take("close");
  program.emit(handle, "ended", { reason: "" });
  close.resolve();
  await closing;
  assert.deepEqual(heard, [["ended", { reason: "" }]]);
  for (const act of [
    () => ua.subscribe("1002", { event: "presence" }).active, () => ua.publish({ event: "presence", ...state }),
    () => ua.message("1002", { body: "x" }), () => ua.options("1002"),
  ]) await assert.rejects(act(), { code: "closed" });
});

test("what is over is forgotten while the user agent goes on", async () => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");
  const program = new Program();
  const { ua, handle } = await program.userAgent({ eventPackages: ["presence"] });
  const kept = [];
  async function live() {
    const made = [ua.subscribe("1002", { event: "presence" }), ua.subscribe("1003", { event: "presence" })];
    for (const { args, resolve } of [await program.take("subscribe"), await program.take("subscribe")]) {
      resolve({ id: "i" });
      if (args.target === "1002") program.emit(args.subscription, "ended", { reason: "" });
    }
    ua.on("incomingSubscription", (notifier) => made.push(notifier));
    program.emit(handle, "incomingSubscription", { notifier: 2, id: "i", remote: bob, event: "presence", accepts: [], contentType: "", body: "" });
    program.emit(2, "ended", { reason: "timeout" });
    for (const one of made.splice(0)) kept.push(new WeakRef(one));
    program.ops.length = 0;
    await settled();
  }
  await live();
  await settled();
  gc();
  assert.deepEqual(kept.map((ref) => ref.deref() !== undefined), [false, true, false]);
});
