// The cases of one pair of phones. Each is written once, for every library.

import assert from "node:assert/strict";
import { LIMIT_MS } from "./remote_phone.mjs";

const TONES = "159#";

export const SENDING_ONLY = ["sendonly", "inactive"];
export const RECEIVING_ONLY = ["recvonly", "inactive"];

/**
 * Runs every case with `caller` calling `callee`. `run(name, body)` runs one case and resolves with whether it
 * passed; `broken(name)` records one that cannot run because its call is not up; `reopen()` gives fresh phones.
 */
export async function runCases({ run, broken, reopen }) {
  let phones = await reopen();
  let registered = await run("register", () => register(phones));
  // Registered phones without a call, whatever became of the last one.
  const fresh = async (healthy) => {
    if (!healthy || !registered) {
      phones = await reopen();
      registered = await register(phones).then(() => true, () => false);
    }
    await Promise.all([phones.caller.do.forget(), phones.callee.do.forget()]);
  };

  let healthy = await inOneCall(run, broken, () => phones, [
    ["call", ring],
    ["answer", answer],
    ["audio both ways", audio],
    ["hold by caller", ({ caller, callee }) => hold(caller, callee)],
    ["resume by caller", ({ caller, callee }) => resume(caller, callee)],
    ["hold by callee", ({ caller, callee }) => hold(callee, caller)],
    ["resume by callee", ({ caller, callee }) => resume(callee, caller)],
    ["DTMF to callee", ({ caller, callee }) => dtmf(caller, callee)],
    ["DTMF to caller", ({ caller, callee }) => dtmf(callee, caller)],
    ["hang up by caller", ({ caller, callee }) => hangUp(caller, callee)],
  ]);
  await fresh(healthy);
  healthy = await run("hang up by callee", async () => {
    await ring(phones);
    await answer(phones);
    await hangUp(phones.callee, phones.caller);
  });
  await fresh(healthy);
  healthy = await run("caller cancels", () => cancel(phones));
  await fresh(healthy);
  await run("callee rejects", () => reject(phones));
  await Promise.allSettled([phones.caller.do.unregister(), phones.callee.do.unregister()]);
}

async function inOneCall(run, broken, phones, cases) {
  let up = true;
  for (const [name, body] of cases) {
    if (up) up = await run(name, () => body(phones()));
    else broken(name);
  }
  return up;
}

async function register({ caller, callee, callerServer, calleeServer }) {
  await Promise.all([caller.register(callerServer), callee.register(calleeServer)]);
}

export async function ring({ caller, callee }) {
  await caller.do.call(callee.user);
  const { from } = await callee.until("incoming");
  assert.equal(from, caller.user, "the caller's user as the callee sees it");
  await caller.until("ringing");
}

export async function answer({ caller, callee }) {
  await callee.do.accept();
  await Promise.all([caller.until("answered"), callee.until("answered")]);
}

export async function audio({ caller, callee }) {
  await Promise.all([caller, callee].map((phone) => phone.do.directed(["sendrecv"], LIMIT_MS)));
  await Promise.all([caller, callee].map((phone) => phone.do.hearsAudio(LIMIT_MS)));
}

export async function hold(holder, held) {
  await holder.do.hold();
  if (await held.knows("tellsRemoteHold")) await held.until("held");
  // RFC 3264 section 8.4: a sendonly offer is answered recvonly, so the held side stops sending.
  await Promise.all([holder.do.directed(SENDING_ONLY, LIMIT_MS), held.do.directed(RECEIVING_ONLY, LIMIT_MS)]);
  await holder.do.hearsNothing(LIMIT_MS);
}

export async function resume(holder, held) {
  await holder.do.resume();
  if (await held.knows("tellsRemoteHold")) await held.until("resumed");
  await audio({ caller: holder, callee: held });
}

async function dtmf(sender, receiver) {
  await sender.do.dtmf(TONES);
  if (!(await receiver.knows("canListen"))) return;
  assert.equal(await receiver.do.hear(TONES.length, LIMIT_MS), TONES, "the tones heard in the audio");
}

export async function hangUp(from, to) {
  await from.do.hangup();
  assert.equal((await to.until("ended")).by, "remote");
  await from.until("ended");
  await Promise.all([from.do.released(LIMIT_MS), to.do.released(LIMIT_MS)]);
}

async function cancel(phones) {
  const { caller, callee } = phones;
  await ring(phones);
  await caller.do.hangup();
  assert.equal((await callee.until("ended")).by, "remote");
  await caller.until("ended");
  await Promise.all([caller.do.released(LIMIT_MS), callee.do.released(LIMIT_MS)]);
}

async function reject(phones) {
  const { caller, callee } = phones;
  await ring(phones);
  await callee.do.reject();
  const { by, status } = await caller.until("ended");
  assert.deepEqual({ by, status }, { by: "remote", status: 486 });
  await callee.until("ended");
  await Promise.all([caller.do.released(LIMIT_MS), callee.do.released(LIMIT_MS)]);
}
