// Subscriptions in both roles, messages, OPTIONS, INFO and PUBLISH of two user agents in Chromium.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DOMAIN, passwordOf, startKamailio } from "../interop/kamailio.mjs";
import { pagesFor } from "./harness.mjs";
import { response, SipServer } from "./sip_server.mjs";

describe("subscriptions", () => {
  const open = pagesFor({ before, after });
  let kamailio;
  before(async () => { kamailio = await startKamailio(); });
  after(() => kamailio?.stop());

  const account = (user, more) => ({ uri: `sip:${user}@${DOMAIN}`, servers: [kamailio.ws], credentials: { password: passwordOf(user) }, ...more });

  test("one watches the presence of the other, who decides and tells", async (t) => {
    const page = await open(t);
    const result = await page.evaluate(async ([first, second]) => {
      const { UserAgent, pidf } = await import("/sipwasm/index.js");
      const [alice, bob] = await Promise.all([UserAgent.create(first), UserAgent.create(second)]);
      await Promise.all([alice.register(), bob.register()]);
      const state = (basic, note) => ({
        contentType: "application/pidf+xml",
        body: pidf({ entity: "sip:2011@sipwasm.test", tuples: [{ basic, notes: [{ text: note, lang: "de" }] }], person: { activities: ["away", "on <the> moon"] } }),
      });
      const nobody = await alice.subscribe("2011", { event: "presence" }).active.then(() => "accepted", ({ code, status }) => `${code} ${status}`);

      const asked = new Promise((resolve) => { bob.on("incomingSubscription", resolve); });
      const subscription = alice.subscribe("2011", { event: "presence", expires: 600 });
      const states = [];
      const told = [];
      let heard = () => {};
      subscription.on("changed", ({ state: s }) => { states.push(s); heard(); });
      subscription.on("notify", ({ event, contentType, value }) => {
        told.push([event, contentType, value?.open, value?.tuples[0]?.notes[0], value?.person.activities]);
        heard();
      });
      const until = async (holds) => { while (!holds()) await new Promise((resolve) => { heard = resolve; }); };
      const ended = new Promise((resolve) => { subscription.on("ended", resolve); });
      const notifier = await asked;
      const left = new Promise((resolve) => { notifier.on("ended", resolve); });
      await notifier.accept({ pending: true });
      await subscription.active;
      await until(() => subscription.state === "pending");
      await notifier.activate(state("open", "Grüße <b>"));
      await notifier.notify(state("closed", "weg"));
      await until(() => told.length === 2);
      const refused = await notifier.notify({ contentType: "image/png", body: new Uint8Array([1]) }).then(() => "taken", ({ code }) => code);
      await subscription.refresh();
      await until(() => told.length === 3);
      await subscription.unsubscribe();
      const end = await ended; // the last event
      const result = {
        nobody, states: [...new Set(states)].slice(-4), told, refused, from: notifier.remote.user, accepts: notifier.accepts,
        left: (await left).reason, ended: "error" in end,
      };
      await Promise.all([alice.close(), bob.close()]);
      return result;
    }, [account("2010"), account("2011", { eventPackages: ["presence"] })]);
    const { states, told, ...rest } = result;
    assert.deepEqual(states, ["pending", "active", "ending", "terminated"]);
    const doing = ["away", "on <the> moon"];
    const weg = ["presence", "application/pidf+xml", false, { text: "weg", lang: "de" }, doing];
    assert.deepEqual(told, [["presence", "application/pidf+xml", true, { text: "Grüße <b>", lang: "de" }, doing], weg, weg, weg]);
    assert.deepEqual(rest, {
      nobody: "rejected 480", refused: "unsupported", from: "2010", accepts: ["application/pidf+xml"], left: "unsubscribed", ended: false,
    });
  });

  test("messages go both ways, as text and as bytes, and OPTIONS tells what is taken", async (t) => {
    const page = await open(t);
    const result = await page.evaluate(async ([first, second]) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      const [alice, bob] = await Promise.all([UserAgent.create(first), UserAgent.create(second)]);
      await Promise.all([alice.register(), bob.register()]);
      const came = (ua) => new Promise((resolve) => { const remove = ua.on("message", (m) => { remove(); resolve(m); }); });
      const text = came(bob);
      await alice.message("2013", { body: "Grüße, 😀 & <b>tags</b>" });
      const { from, contentType, body, bytes } = await text;
      const binary = came(bob);
      await alice.message("2013", { contentType: "application/octet-stream", body: new Uint8Array([0, 255, 65]) });
      const back = came(alice);
      await bob.message(from.uri, { body: "back" });
      const refused = await bob.message("2012", { contentType: "text/html", body: "<p>" }).then(() => "taken", ({ code, status }) => `${code} ${status}`);
      const { status, allow, allowEvents } = await alice.options("2013");
      const result = {
        text: [from.user, contentType, body, bytes], binary: [...(await binary).bytes], back: (await back).body, refused,
        options: [status, allow.includes("MESSAGE"), allowEvents],
      };
      await Promise.all([alice.close(), bob.close()]);
      return result;
    }, [account("2012"), account("2013", { acceptMessages: ["text/plain", "application/octet-stream"], eventPackages: ["presence"] })]);
    assert.deepEqual(result, {
      text: ["2012", "text/plain;charset=utf-8", "Grüße, 😀 & <b>tags</b>", undefined], binary: [0, 255, 65], back: "back",
      refused: "rejected 415", options: [200, true, ["presence"]],
    });
  });

  test("INFO and messages inside a call", async (t) => {
    const page = await open(t);
    const result = await page.evaluate(async ([first, second]) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      const [alice, bob] = await Promise.all([UserAgent.create(first), UserAgent.create(second)]);
      await bob.register();
      const incoming = new Promise((resolve) => { bob.on("incoming", resolve); });
      const call = alice.call("2015");
      const early = await call.info({ contentType: "text/plain", body: "x" }).then(() => "sent", ({ code }) => code);
      const answer = await incoming;
      await answer.accept();
      await call.answered;
      const heard = [];
      let wake = () => {};
      for (const [name, one] of [["alice", call], ["bob", answer]]) {
        for (const type of ["info", "message"]) one.on(type, ({ package: p, contentType, body }) => { heard.push([name, type, p, contentType, body]); wake(); });
      }
      await call.info({ package: "conf", contentType: "text/plain", body: "floor" });
      const tone = new Promise((resolve) => { call.on("tone", ({ tone: t, method }) => resolve([t, method])); });
      await answer.info({ contentType: "application/x-lamp", body: "on" });
      await answer.info({ contentType: "application/dtmf-relay", body: "Signal=5" }); // a tone, and no info
      await call.message({ body: "to bob" });
      await answer.message({ body: "to alice" });
      while (heard.length < 4) await new Promise((resolve) => { wake = resolve; });
      const unknown = await call.info({ package: "other", contentType: "text/plain", body: "x" }).then(() => "sent", ({ code }) => code);
      await call.hangup();
      await Promise.all([alice.close(), bob.close()]);
      return { early, heard, unknown, tone: await tone };
    }, [account("2014"), account("2015", { infoPackages: ["conf"] })]);
    assert.deepEqual(result, {
      early: "invalid-state", unknown: "unsupported", tone: ["5", "info-relay"],
      heard: [
        ["bob", "info", "conf", "text/plain", "floor"], ["alice", "info", undefined, "application/x-lamp", "on"],
        ["bob", "message", undefined, "text/plain;charset=utf-8", "to bob"], ["alice", "message", undefined, "text/plain;charset=utf-8", "to alice"],
      ],
    });
  });

  test("a state is published, changed, published anew for a compositor that forgot it, and taken back", async (t) => {
    const server = await SipServer.listen();
    t.after(() => server.close());
    const seen = [];
    const register = server.answer;
    let tag = 0;
    server.answer = (request) => {
      if (request.method !== "PUBLISH") return register(request);
      seen.push([request.header("sip-if-match"), request.header("expires"), request.body]);
      if (seen.length === 3) return response(request, "412 Conditional Request Failed");
      return response(request, "200 OK", `SIP-ETag: e${++tag}\r\nExpires: ${request.header("expires")}\r\n`);
    };
    const page = await open(t);
    const result = await page.evaluate(async (url) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      const ua = await UserAgent.create({ uri: "sip:1001@sipwasm.test", servers: [url] });
      await ua.register();
      const state = (body) => ({ contentType: "text/plain", body });
      const publication = await ua.publish({ event: "presence", expires: 120, ...state("here") });
      const ends = [];
      publication.on("ended", ({ error }) => { ends.push(error?.code); });
      await publication.update(state("busy"));
      await publication.update(state("away"));
      await publication.remove();
      const late = await publication.update(state("late")).then(() => "taken", ({ code }) => code);
      await ua.close();
      return { ends, late };
    }, server.url);
    assert.deepEqual(result, { ends: [undefined], late: "invalid-state" });
    assert.deepEqual(seen, [[undefined, "120", "here"], ["e1", "120", "busy"], ["e2", "120", "away"], [undefined, "120", "away"], ["e3", "0", ""]]);
  });
});
