// Calls without a microphone: refused by the person, and not there at all.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pagesFor } from "./harness.mjs";
import { invite, SipServer } from "./sip_server.mjs";

const MICROPHONES = [
  { what: "refused", code: "media-denied" },
  { what: "absent", code: "media-not-found" },
];

for (const { what, code } of MICROPHONES) {
  describe(`microphone ${what}`, () => {
    const open = pagesFor({ before, after }, { microphone: what });

    test(`a call out ends with ${code} and sends nothing; the user agent goes on`, async (t) => {
      const server = await SipServer.listen();
      t.after(() => server.close());
      const sent = [];
      const { answer } = server;
      server.answer = (request) => { sent.push(request.method); return answer(request); };
      const page = await open(t);

      const result = await page.evaluate(async (url) => {
        const { UserAgent, SipError } = await import("/sipwasm/index.js");
        const ua = await UserAgent.create({ uri: "sip:1001@sipwasm.test", servers: [url] });
        await ua.register();
        const call = ua.call("1002");
        const error = await call.answered.then(() => undefined, (reason) => reason);
        const ended = await call.ended;
        await ua.register();
        const calls = ua.calls.length;
        await ua.close();
        return { typed: error instanceof SipError, code: error.code, by: ended.by, endedWith: ended.error?.code, state: call.state, calls };
      }, server.url);

      assert.deepEqual(result, { typed: true, code, by: "system", endedWith: code, state: "ended", calls: 0 });
      assert.deepEqual(new Set(sent), new Set(["REGISTER"]));
    });

    test(`accepting a call fails with ${code} and refuses it; the user agent goes on`, async (t) => {
      const server = await SipServer.listen();
      t.after(() => server.close());
      const page = await open(t);
      await page.evaluate(async (url) => {
        const { UserAgent } = await import("/sipwasm/index.js");
        window.ua = await UserAgent.create({ uri: "sip:1001@sipwasm.test", servers: [url] });
        window.incoming = new Promise((resolve) => { window.ua.on("incoming", resolve); });
        await window.ua.register();
      }, server.url);

      server.send(invite());
      await server.next("180", ({ status }) => status === 180);
      const result = await page.evaluate(async () => {
        const call = await window.incoming;
        const error = await call.accept().then(() => undefined, (reason) => reason);
        const { by, error: endedWith } = await call.ended;
        await window.ua.register();
        return { code: error?.code, by, endedWith: endedWith?.code };
      });
      assert.deepEqual(result, { code, by: "system", endedWith: code });
      // Temporarily Unavailable: this device cannot take it, another one of the same person may.
      const final = await server.next("the final response", ({ status }) => status >= 200);
      assert.equal(final.status, 480);
    });
  });
}
