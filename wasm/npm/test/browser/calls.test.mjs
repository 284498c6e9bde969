// Calls of three user agents in Chromium, through Kamailio: what the facade promises, from end to end.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DOMAIN, passwordOf, startKamailio } from "../interop/kamailio.mjs";
import { pagesFor } from "./harness.mjs";

describe("calls", () => {
  const open = pagesFor({ before, after });
  let kamailio;
  before(async () => { kamailio = await startKamailio(); });
  after(() => kamailio?.stop());

  const account = (user) => ({ uri: `sip:${user}@${DOMAIN}`, servers: [kamailio.ws], credentials: { password: passwordOf(user) } });

  /** A page with helpers: `phones(…)` are registered user agents that accept every call, `hears(call)` waits for sound. */
  async function prepared(t) {
    const page = await open(t);
    await page.evaluate(async () => {
      const { UserAgent } = await import("/sipwasm/index.js");
      window.phones = (...accounts) => Promise.all(accounts.map(async (account) => {
        const ua = await UserAgent.create(account);
        const calls = [], waiting = [];
        ua.on("incoming", async (call) => {
          if (!call.replaces) await call.accept();
          (waiting.shift() ?? ((c) => calls.push(c)))(call);
        });
        ua.next = () => (calls.length ? Promise.resolve(calls.shift()) : new Promise((resolve) => waiting.push(resolve)));
        await ua.register();
        return ua;
      }));
      window.hears = async ({ peerConnection }) => {
        const energy = async () => {
          let sum = 0;
          for (const report of (await peerConnection.getStats()).values()) if (report.type === "inbound-rtp" && report.kind === "audio") sum += report.totalAudioEnergy ?? 0;
          return sum;
        };
        const start = await energy();
        while ((await energy()) < start + 0.002) await new Promise((resolve) => { setTimeout(resolve, 50); });
        return true;
      };
      window.event = (source, type) => new Promise((resolve) => { const remove = source.on(type, (e) => { remove(); resolve(e); }); });
      window.close = (...uas) => Promise.all(uas.map((ua) => ua.close()));
    });
    return page;
  }

  test("a blind transfer connects the other side with its target", async (t) => {
    const page = await prepared(t);
    const result = await page.evaluate(async (accounts) => {
      const [alice, bob, carol] = await phones(...accounts);
      const call = alice.call("2102");
      const answered = await bob.next();
      await call.answered;
      answered.on("referred", async (referral) => { window.followed = await referral.accept(); });
      const transfer = await call.transfer("2103");
      const [outcome, third] = await Promise.all([transfer.done, carol.next()]);
      const { by } = await call.ended;
      const heard = await Promise.all([window.followed, third].map(hears));
      const from = third.caller.referredBy?.user;
      await close(alice, bob, carol);
      return { status: outcome.status, by, heard, from, caller: third.remote.user };
    }, ["2101", "2102", "2103"].map(account));
    assert.deepEqual(result, { status: 200, by: "local", heard: [true, true], from: "2101", caller: "2102" });
  });

  test("a consultation is connected with the first call", async (t) => {
    const page = await prepared(t);
    const result = await page.evaluate(async (accounts) => {
      const [alice, bob, carol] = await phones(...accounts);
      const call = alice.call("2102");
      const atBob = await bob.next();
      await call.answered;
      const consultation = call.consult("2103");
      const atCarol = await carol.next();
      await consultation.answered;
      const held = [call.onHold.local, atBob.onHold.remote];
      atBob.on("referred", async (referral) => { window.followed = await referral.accept(); });
      const replaced = event(atCarol, "replaced");
      const transfer = await call.transfer(consultation);
      await transfer.done;
      const { by } = await replaced;
      const heard = await Promise.all([window.followed, by].map(hears));
      await Promise.all([call.ended, consultation.ended, atBob.ended, atCarol.ended]);
      const counts = [alice, bob, carol].map((ua) => ua.calls.length);
      const same = by.replaces === atCarol;
      await close(alice, bob, carol);
      return { held, heard, counts, same };
    }, ["2101", "2102", "2103"].map(account));
    assert.deepEqual(result, { held: [true, true], heard: [true, true], counts: [0, 1, 1], same: true });
  });

  test("in a conference everybody hears everybody else", async (t) => {
    const page = await prepared(t);
    const result = await page.evaluate(async (accounts) => {
      const [alice, bob, carol] = await phones(...accounts);
      const one = alice.call("2102");
      const atBob = await bob.next();
      await one.answered;
      await one.hold();
      const two = alice.call("2103");
      const atCarol = await carol.next();
      await two.answered;
      const conference = await alice.conference(one, two);
      const held = one.onHold.local;
      await Promise.all([one.mute(), two.mute()]); // what is heard now comes from the other one
      const heard = await Promise.all([atBob, atCarol].map(hears));
      await atBob.hangup();
      await one.ended;
      const left = conference.calls.length;
      await conference.end();
      await two.unmute();
      const still = await hears(atCarol);
      await close(alice, bob, carol);
      return { held, heard, left, still };
    }, ["2101", "2102", "2103"].map(account));
    assert.deepEqual(result, { held: false, heard: [true, true], left: 1, still: true });
  });

  test("video joins the call and leaves it", async (t) => {
    const page = await prepared(t);
    const result = await page.evaluate(async (accounts) => {
      const [alice, bob] = await phones(...accounts);
      const call = alice.call("2102");
      const answer = await bob.next();
      await call.answered;
      const told = event(answer, "media");
      await call.addVideo({ constraints: { width: 320 } });
      const { streams } = await told;
      const kinds = answer.remoteStream.getTracks().map(({ kind }) => kind).sort();
      const stopped = event(answer, "media");
      await call.stopVideo();
      const still = (await stopped).streams.map(({ kind, direction }) => `${kind} ${direction}`);
      await call.removeVideo();
      const after = call.streams.map(({ kind, direction }) => `${kind} ${direction}`);
      await close(alice, bob);
      return { streams: streams.map(({ kind, direction }) => `${kind} ${direction}`), kinds, still, after };
    }, ["2101", "2102"].map(account));
    assert.deepEqual(result, { streams: ["audio sendrecv", "video recvonly"], kinds: ["audio", "video"], still: ["audio sendrecv", "video inactive"], after: ["audio sendrecv", "video inactive"] });
  });

  test("a call goes on after a reload", async (t) => {
    const [page, other] = await Promise.all([prepared(t), prepared(t)]);
    await other.evaluate(async (options) => { [window.bob] = await phones(options); }, account("2102"));
    await page.evaluate(async (options) => {
      const [alice] = await phones(options);
      const call = alice.call("2102");
      await call.answered;
      addEventListener("pagehide", () => sessionStorage.setItem("kept", JSON.stringify([alice.instanceId, call.snapshot])));
    }, account("2101"));
    await page.reload();
    const result = await page.evaluate(async (options) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      const [instanceId, snapshot] = JSON.parse(sessionStorage.getItem("kept"));
      const alice = await UserAgent.create({ ...options, instanceId });
      await alice.register();
      const call = alice.restore(snapshot);
      await call.answered;
      return { remote: call.remote.user, state: call.state, direction: call.direction };
    }, account("2101"));
    assert.deepEqual(result, { remote: "2102", state: "established", direction: "outgoing" });
    assert.equal(await other.evaluate(async () => hears(await bob.next())), true);
  });
});
