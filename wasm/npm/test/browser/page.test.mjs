// The package as a guest of its page.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DOMAIN, passwordOf, startKamailio } from "../interop/kamailio.mjs";
import { pagesFor } from "./harness.mjs";

describe("page", () => {
  const open = pagesFor({ before, after });
  let kamailio;
  before(async () => { kamailio = await startKamailio(); });
  after(() => kamailio?.stop());

  const account = (user, server) => ({ uri: `sip:${user}@${DOMAIN}`, servers: [server], credentials: { password: passwordOf(user) } });

  test("nothing is left on the page: no globals, no changed built-ins", async (t) => {
    const page = await open(t);
    const { added, changed, element } = await page.evaluate(async (options) => {
      const before = new Map(Object.getOwnPropertyNames(window).map((name) => [name, window[name]]));
      const { UserAgent } = await import("/sipwasm/index.js");
      const ua = await UserAgent.create(options);
      await ua.register();
      await ua.close();
      const after = Object.getOwnPropertyNames(window);
      return {
        added: after.filter((name) => !before.has(name)),
        changed: after.filter((name) => before.has(name) && typeof before.get(name) === "function" && before.get(name) !== window[name]),
        element: document.body.childElementCount,
      };
    }, account("2001", kamailio.ws));
    assert.deepEqual({ added, changed, element }, { added: [], changed: [], element: 0 });
  });

  test("two user agents in one page, one on ws and one on wss, call each other", async (t) => {
    const page = await open(t);
    const result = await page.evaluate(async ([first, second]) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      const [alice, bob] = await Promise.all([UserAgent.create(first), UserAgent.create(second)]);
      const incoming = new Promise((resolve) => { bob.on("incoming", resolve); });
      await Promise.all([alice.register(), bob.register()]);
      const call = alice.call("2003");
      const answer = await incoming;
      await answer.accept();
      await call.answered;
      const heard = await Promise.all([call, answer].map(hears));
      const counts = [alice.calls.length, bob.calls.length];
      await call.hangup();
      const { by } = await answer.ended;
      await Promise.all([alice.close(), bob.close()]);
      return { heard, counts, by, ids: call.id === answer.id, instances: alice.instanceId !== bob.instanceId };

      async function hears({ peerConnection }) {
        for (;;) {
          for (const report of (await peerConnection.getStats()).values()) {
            if (report.type === "inbound-rtp" && report.totalAudioEnergy > 0.005) return true;
          }
          await new Promise((resolve) => { setTimeout(resolve, 50); });
        }
      }
    }, [account("2002", kamailio.ws), account("2003", kamailio.wss)]);
    assert.deepEqual(result, { heard: [true, true], counts: [1, 1], by: "remote", ids: true, instances: true });
  });

  test("a caller's name is text, whatever it holds", async (t) => {
    const page = await open(t);
    const name = '<img src=x onerror="window.hacked=1"> & "Ü"';
    const result = await page.evaluate(async ([first, second, displayName]) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      const [alice, bob] = await Promise.all([UserAgent.create({ ...first, displayName }), UserAgent.create(second)]);
      const incoming = new Promise((resolve) => { bob.on("incoming", resolve); });
      await bob.register();
      const call = alice.call("2005");
      const { remote } = await incoming;
      await call.hangup();
      await call.ended;
      await Promise.all([alice.close(), bob.close()]);
      return { remote: remote.displayName, user: remote.user, hacked: window.hacked };
    }, [account("2004", kamailio.ws), account("2005", kamailio.ws), name]);
    assert.deepEqual(result, { remote: name, user: "2004", hacked: undefined });
  });
});
