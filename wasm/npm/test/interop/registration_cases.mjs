// What a registrar may ask for and give besides a binding: stronger digests, a second realm, flows and GRUUs.

import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { answer, hangUp, ring } from "./cases.mjs";
import { DOMAIN, passwordOf, secondPasswordOf } from "./kamailio.mjs";

async function call(phones) {
  await ring(phones);
  await answer(phones);
  await hangUp(phones.callee, phones.caller);
}

/** A realm that knows MD5 alone and one that knows SHA-256 alone: a registration and a call in each. */
export async function algorithms({ serve, phone }) {
  for (const [algorithm, options] of [["MD5", {}], ["SHA-256", { minDigest: "SHA-256" }]]) {
    const server = await serve({ algorithm, realm: `${algorithm.toLowerCase()}.${DOMAIN}` });
    const [caller, callee] = await Promise.all([phone("1001"), phone("1002")]);
    await Promise.all([caller.register(server.ws, { options }), callee.register(server.wss, { options })]);
    await call({ caller, callee });
    if (algorithm === "MD5") {
      const demanding = await phone("1003");
      await assert.rejects(demanding.register(server.ws, { options: { minDigest: "SHA-256" } }), /MD5/, "a realm with a weaker digest than permitted");
      assert.deepEqual(await server.bindings("1003"), []);
    }
  }
}

/** The registrar answers 401, and then 407 for another realm with another password; requests are challenged twice too. */
export async function secondRealm({ serve, phone }) {
  const edge = `edge.${DOMAIN}`;
  const server = await serve({ secondRealm: edge });
  const [caller, callee] = await Promise.all([phone("1001"), phone("1002")]);
  await Promise.all([caller, callee].map((each) => each.register(server.ws, {
    passwords: { [DOMAIN]: passwordOf(each.user), [edge]: secondPasswordOf(each.user) },
  })));
  await call({ caller, callee });
}

/** RFC 5626 and RFC 5627: what the registrar stores, a call to one of two devices, and the Flow-Timer. */
export async function outbound({ serve, phone, trace }) {
  const flowTimer = 3;
  const server = await serve({ outbound: flowTimer });
  const [desk, mobile, caller] = await Promise.all([phone("1001"), phone("1001"), phone("1002")]);
  const phones = [desk, mobile, caller];
  await Promise.all(phones.map((each) => each.register(server.ws)));
  const registered = Date.now();

  const bindings = await server.bindings("1001");
  assert.deepEqual(bindings.map(({ regId }) => regId), [1, 1], "the reg-ids of both devices");
  assert.equal(new Set(bindings.map(({ instance }) => instance)).size, 2, "two instances");
  const gruu = await desk.do.gruu();
  assert.ok(bindings.some(({ instance }) => gruu === `sip:1001@${DOMAIN};gr=${instance}`), `${gruu} is the public GRUU of one of the instances`);
  assert.notEqual(await mobile.do.gruu(), gruu);

  await caller.do.call(gruu);
  await desk.until("incoming");
  await caller.until("ringing");
  await answer({ caller, callee: desk });
  await hangUp(desk, caller);
  assert.equal(await mobile.do.count("incoming"), 0, "calls at the device that was not called");

  // The address of record rings on both, so it was the GRUU that chose.
  await Promise.all(phones.map((each) => each.do.forget()));
  await caller.do.call("1001");
  await Promise.all([desk, mobile].map((each) => each.until("incoming")));
  await caller.until("ringing");
  await caller.do.hangup();
  await Promise.all(phones.map((each) => each.until("ended")));

  // RFC 5626 section 4.4.1: no later than the Flow-Timer says, although the default is half a minute.
  await wait(Math.max(0, registered + (flowTimer + 0.5) * 1000 - Date.now()));
  for (const user of ["1001", "1002"]) {
    assert.ok(trace.some((message) => message.phone.startsWith(user) && message.direction === "out" && message.text === "\n\n"), `${user} sent a keep-alive in time`);
  }
}
