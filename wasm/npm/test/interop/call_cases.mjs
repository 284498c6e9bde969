// Calls in which more happens than one thing after the other: both sides hold at once, several phones ring, sound comes
// before the answer. sipwasm is the one under test; `peer` is the library at the other side.

import assert from "node:assert/strict";
import { answer, audio, hangUp, hold, RECEIVING_ONLY, resume, ring, SENDING_ONLY } from "./cases.mjs";
import { eventually } from "./recovery_cases.mjs";
import { LIMIT_MS } from "./remote_phone.mjs";

/** Much longer than two pages take to begin the same thing, so that their offers cross for certain. */
const LATENCY_MS = 1000;

async function upBetween({ serve, phone, peer }, options) {
  const server = await serve();
  const [ours, theirs] = [await phone("1001", "sipwasm", options), await phone("1002", peer, options)];
  await Promise.all([ours.register(server.ws), theirs.register(server.wss)]);
  return { server, ours, theirs };
}

/** The other side holds and resumes, alone and while we hold too: each is told once, and both know what the other does. */
export async function remoteHold(bench) {
  const { ours, theirs } = await upBetween(bench);
  await ring({ caller: ours, callee: theirs });
  await answer({ caller: ours, callee: theirs });
  await audio({ caller: ours, callee: theirs });
  assert.deepEqual(await ours.do.holds(), { told: [], now: { local: false, remote: false } });

  await hold(theirs, ours);
  assert.deepEqual((await ours.do.holds()).now, { local: false, remote: true }, "held by the other side");
  await ours.do.hold();
  assert.deepEqual((await ours.do.holds()).now, { local: true, remote: true }, "held by both");
  await ours.do.directed(["inactive"], LIMIT_MS);

  await theirs.do.resume();
  await ours.until("resumed");
  assert.deepEqual((await ours.do.holds()).now, { local: true, remote: false }, "held by us");
  await ours.do.directed(SENDING_ONLY, LIMIT_MS);
  await ours.do.hearsNothing(LIMIT_MS);
  await resume(ours, theirs);
  const { told, now } = await ours.do.holds();
  assert.deepEqual(now, { local: false, remote: false }, "held by nobody");
  assert.deepEqual(told, ["held by remote", "held by local", "resumed by remote", "resumed by local"]);
  await hangUp(ours, theirs);
}

/** What each library makes of two offers that cross (RFC 3261 section 14). */
const AFTER_GLARE = {
  sipwasm: "both hold", // each tries again after its own time
  sipjs: "nobody holds", // it neither tries again nor rolls back, so that it refuses our next offer too, with 488
  jssip: "over", // it takes over the offer that it refuses, so that the answer to its own does not fit, and hangs up
};

/**
 * Both sides hold at the same time: the offers cross and both refuse. The call survives unless the other side ends it; with one
 * that tries again as we do, both hold, both can resume, and they hear each other again.
 */
export async function glare(bench) {
  const { ours, theirs } = await upBetween(bench, { slow: true });
  await ring({ caller: ours, callee: theirs }); // who has called waits longer before it tries again
  await answer({ caller: ours, callee: theirs });
  await audio({ caller: ours, callee: theirs });
  const delay = (ms) => Promise.all([ours, theirs].map((phone) => phone.delay(ms)));
  await delay(LATENCY_MS);

  const holds = Promise.allSettled([ours.do.hold(), theirs.do.hold()]);
  const refuses = ({ user }) => bench.trace.some(({ phone, direction, text }) =>
    phone.startsWith(user) && direction === "out" && text.startsWith("SIP/2.0 491 "));
  await eventually("each refuses the other's offer", () => refuses(ours) && refuses(theirs));
  await delay(0);
  const [ourHold, theirHold] = await holds;
  const after = AFTER_GLARE[theirs.library];
  if (after === "over") {
    assert.match(String(ourHold.reason), /canceled/, "our hold");
    const { by, status } = await ours.until("ended");
    assert.deepEqual({ by, status }, { by: "remote", status: 500 });
    await ours.do.released(LIMIT_MS);
    return;
  }
  if (after === "nobody holds") {
    assert.match(String(ourHold.reason), /488/, "our hold");
    assert.match(String(theirHold.reason), /491/, "their hold");
    assert.deepEqual((await ours.do.holds()).now, { local: false, remote: false });
    await ours.do.hearsAudio(LIMIT_MS); // it does not hear us, because its own offer stays open
  } else {
    assert.equal(ourHold.status, "fulfilled", `our hold: ${ourHold.reason}`);
    assert.equal(theirHold.status, "fulfilled", `their hold: ${theirHold.reason}`);
    await Promise.all([ours, theirs].map((phone) => phone.do.directed(["inactive"], LIMIT_MS)));
    assert.deepEqual((await ours.do.holds()).now, { local: true, remote: true });
    await ours.do.resume();
    await ours.do.directed(RECEIVING_ONLY, LIMIT_MS);
    await resume(theirs, ours);
  }
  await hangUp(ours, theirs);
}

/** Three phones of one account ring, one of each library; one answers, the others stop, and it is the one that is heard. */
export async function forked({ serve, phone, peer }) {
  const server = await serve();
  const caller = await phone("1001");
  const phones = [];
  for (const library of ["sipwasm", "jssip", "sipjs"]) phones.push(await phone("1002", library));
  await Promise.all([caller, ...phones].map((each) => each.register(server.ws)));
  const callee = phones.find(({ library }) => library === peer);
  const others = phones.filter((each) => each !== callee);

  await caller.do.call("1002");
  await Promise.all(phones.map((each) => each.until("incoming")));
  for (const _ of phones) await caller.until("ringing");
  await answer({ caller, callee });
  for (const other of others) assert.equal((await other.until("ended")).by, "remote", `the end at ${other.library}`);
  await Promise.all(others.map((other) => other.do.released(LIMIT_MS)));
  await audio({ caller, callee });
  await hangUp(callee, caller);
}

/** Sound comes before the answer, and the same phone answers. SIP.js sends it, because JsSIP cannot. */
export async function earlyMedia({ serve, phone, peer }) {
  const server = await serve();
  const [caller, callee] = [await phone("1001"), await phone("1002", peer)];
  await Promise.all([caller.register(server.ws), callee.register(server.wss)]);
  await early(caller, callee);
  await answer({ caller, callee });
  await audio({ caller, callee });
  await hangUp(caller, callee);
}

/** Sound comes before the answer from one phone of the account, and another one answers. */
export async function earlyMediaOfAnother({ serve, phone, peer }) {
  const server = await serve();
  const [caller, callee, announcer] = [await phone("1001"), await phone("1002", peer), await phone("1002", "sipjs")];
  await Promise.all([caller, callee, announcer].map((each) => each.register(server.ws)));
  await early(caller, announcer);
  await callee.until("incoming");
  await answer({ caller, callee });
  assert.equal((await announcer.until("ended")).by, "remote", "the end at the one that was heard first");
  await audio({ caller, callee });
  await hangUp(callee, caller);
}

/** Calls, and hears the callee before it has answered. */
async function early(caller, callee) {
  await caller.do.call(callee.user);
  await callee.until("incoming");
  await callee.do.progress();
  for (;;) {
    const { status, earlyMedia: heard } = await caller.until("ringing"); // the 180 before may be counted too
    if (status === 183) {
      assert.equal(heard, true, "the 183 brings a session description");
      break;
    }
  }
  await caller.do.hearsAudio(LIMIT_MS);
  assert.equal(await caller.do.count("answered"), 0, "answers before the answer");
}
