// Calls that outlive what carries them: the server, the connection to it, the page itself.

import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { answer, audio, hangUp, ring } from "./cases.mjs";
import { LIMIT_MS } from "./remote_phone.mjs";
import { Wire } from "./wire.mjs";

const RECOVERY_MS = 5000;
const DOWN_MS = 2000;
const RECONNECT_MS = 15_000;

/** Calls, and lets the other side answer. */
async function talk(caller, callee) {
  await Promise.all([caller, callee].map((phone) => phone.do.forget()));
  await ring({ caller, callee });
  await answer({ caller, callee });
  await audio({ caller, callee });
}

/** Both hear each other all the time, with nobody there who could carry SIP. */
const goesOn = (phones) => Promise.all(phones.map((phone) => phone.do.hearsAudio(LIMIT_MS)));

async function recovers(phone, sinceMs) {
  const { error } = await phone.until("recovered", Math.max(RECOVERY_MS - (performance.now() - sinceMs), 1));
  assert.equal(error, undefined, `the error of ${phone.user}'s recovery`);
}

/** The server crashes in the call and is started again. Out of the box JsSIP waits up to 30 s before it connects again, so that it is told
 * not to; SIP.js connects again only if the page sees to it, and is nowhere to be found in its dialogs then: connectionLost is its case. */
export async function serverRestart({ serve, phone, peer, trace }) {
  const server = await serve();
  const eager = peer === "jssip" ? { options: { connection_recovery_min_interval: 1, connection_recovery_max_interval: 1 } } : {};
  for (const weCall of [true, false]) {
    // Other phones each time: a back-off does not forget so soon (RFC 5626 section 4.5).
    const [ours, theirs] = weCall ? [await phone("1001"), await phone("1002", peer)] : [await phone("1003"), await phone("1004", peer)];
    await Promise.all([ours.register(server.ws), theirs.register(server.wss, eager)]);
    const recovering = peer === "sipwasm" ? [ours, theirs] : [ours];
    const [caller, callee] = weCall ? [ours, theirs] : [theirs, ours];
    await talk(caller, callee);
    const before = trace.length;
    await server.kill();
    await Promise.all(recovering.map((each) => each.until("recovering")));
    await goesOn([caller, callee]);
    await wait(DOWN_MS);
    await server.start();
    const back = performance.now();
    await Promise.all(recovering.map((each) => recovers(each, back)));
    assert.ok(trace.slice(before).some(isReinvite), "a re-INVITE was sent");
    await goesOn([caller, callee]);
    await hangUp(caller, callee);
  }
}

/** The connection of one side breaks in the call and cannot be made for a while; that of the other stays. */
export async function connectionLost({ serve, phone, peer, trace }) {
  const server = await serve();
  const wire = await Wire.open(server.ws);
  try {
    const [ours, theirs] = [await phone("1001"), await phone("1002", peer)];
    await Promise.all([ours.register(wire.url), theirs.register(server.wss)]);
    for (const [caller, callee, from, to] of [[ours, theirs, ours, theirs], [theirs, ours, theirs, ours]]) {
      await talk(caller, callee);
      const before = trace.length;
      wire.cut();
      await ours.until("recovering");
      await goesOn([ours, theirs]);
      await wait(DOWN_MS);
      wire.heal();
      // The second loss comes so soon after the first that the back-off has not forgotten that (RFC 5626 section 4.5): what
      // counts is the time from the connection on.
      await ours.until("registered", RECONNECT_MS);
      await recovers(ours, performance.now());
      assert.ok(trace.slice(before).some((message) => message.phone.startsWith(ours.user) && isReinvite(message)), "a re-INVITE was sent");
      await goesOn([ours, theirs]);
      await hangUp(from, to);
    }
  } finally {
    await wire.close();
  }
}

const isReinvite = ({ direction, text }) => direction === "out" && /^INVITE [^]*^To: [^\n]*;tag=/m.test(text);

/** The page is loaded again in the call, and goes on with it. */
export async function reload(calls, { serve, phone, peer }) {
  const server = await serve();
  const [ours, theirs] = [await phone("1001"), await phone("1002", peer)];
  // The registrar knows the page again, and brings it the requests of the other side.
  const account = { options: { instanceId: "urn:uuid:7a6b2c1e-9d3f-4b58-8f10-2f6f2f6c1d01" } };
  await Promise.all([ours.register(server.ws, account), theirs.register(server.wss)]);
  await (calls === "outgoing" ? talk(ours, theirs) : talk(theirs, ours));

  const left = performance.now();
  await ours.reload();
  await ours.register(server.ws, account);
  const since = () => Math.round(performance.now() - left);
  const registered = since();
  await ours.do.restore();
  const audible = (each) => each.do.hearsAudio(LIMIT_MS).then(since);
  const [theirsHears, oursHears] = await Promise.all([audible(theirs), ours.until("answered").then(() => audible(ours))]);
  assert.ok(Math.max(theirsHears, oursHears) < RECOVERY_MS, `sound was back after ${oursHears} ms here and ${theirsHears} ms there`);
  await theirs.do.directed(["sendrecv"], LIMIT_MS);
  await hangUp(theirs, ours);
  return `registered after ${registered} ms, sound after ${oursHears} ms here, ${theirsHears} ms there`;
}

/** Intervals of the session timer as short as RFC 4028 allows, so that the first refresh comes after 45 s. */
const SESSION = { expires: 90, asked: 3 };

/**
 * Who calls, who refreshes and how. The other side is JsSIP, since SIP.js knows of no session timers. JsSIP says in its INVITE that it takes
 * UPDATE, but not in its answers.
 */
const REFRESHES = [
  { caller: "jssip", refresher: "sipwasm", method: "update" },
  { caller: "sipwasm", refresher: "sipwasm", method: "invite" },
  { caller: "jssip", refresher: "jssip", method: "update" },
  { caller: "jssip", refresher: "jssip", method: "invite" },
];

/** The session is refreshed, when asked for and by its timer. */
export async function sessionRefresh({ serve, phone, trace }) {
  const server = await serve();
  await Promise.all(REFRESHES.map(async ({ caller, refresher, method }, index) => {
    const [ours, theirs] = [await phone(`${1001 + 10 * index}`), await phone(`${1002 + 10 * index}`, "jssip")];
    const byUs = refresher === "sipwasm";
    const what = `${refresher} by ${method}`;
    await Promise.all([
      ours.register(server.ws, { options: byUs ? { sessionTimer: { expires: SESSION.expires, refresher: "local", method } } : {} }),
      theirs.register(server.wss, byUs ? {} : { options: { session_timers_force_refresher: true, session_timers_refresh_method: method.toUpperCase() } }),
    ]);
    await (caller === "sipwasm" ? talk(ours, theirs) : talk(theirs, ours));
    assert.deepEqual(await refreshed(ours), { interval: SESSION.expires, byUs }, `the session timer of ${what}`);

    const before = trace.length;
    const asked = byUs ? SESSION.asked : 0;
    for (let i = 0; i < asked; i++) {
      await ours.do.refresh();
      await refreshed(ours);
    }
    const since = performance.now();
    assert.deepEqual(await refreshed(ours, SESSION.expires * 600), { interval: SESSION.expires, byUs }, `the refresh of ${what}`);
    const after = (performance.now() - since) / 1000;
    assert.ok(after > SESSION.expires * 0.4, `${what}: at half of the interval, not after ${after} s`);
    const sent = trace.slice(before).filter(({ phone: who, direction, text }) =>
      who.startsWith(`${(byUs ? ours : theirs).user} `) && direction === "out" && text.startsWith(`${method.toUpperCase()} `));
    assert.equal(sent.length, asked + 1, `refreshes that ${what} sent`);
    await audio({ caller: ours, callee: theirs });
    await hangUp(ours, theirs);
  }));
}

async function refreshed(phone, limitMs) {
  const { interval, byUs } = await phone.until("refreshed", limitMs);
  return { interval, byUs };
}
