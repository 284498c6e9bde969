// What the browser refuses to a page: sound before a click, and devices without https.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pagesFor } from "./harness.mjs";
import { invite, SipServer } from "./sip_server.mjs";
import { prepare, server } from "./talk.mjs";

describe("a page that nobody has touched", () => {
  const open = pagesFor({ before, after }, { autoplay: false });

  // What playwright evaluates counts as a gesture: here the page does all by itself, and tells on its console.
  test("the ringing is refused with a code of its own, and rings after a click", { timeout: 30_000 }, async (t) => {
    const server = await SipServer.listen();
    t.after(() => server.close());
    const page = await open(t);
    const told = (what) => new Promise((resolve) => {
      page.on("console", (message) => { if (message.text().startsWith(what)) resolve(JSON.parse(message.text().slice(what.length))); });
    });
    const [ready, refused, rang] = [told("ready "), told("refused "), told("rang ")];
    await page.addInitScript((url) => addEventListener("load", async () => {
      const tell = (what, value) => console.log(`${what} ${JSON.stringify(value)}`);
      const { UserAgent } = await import("/sipwasm/index.js");
      const ua = await UserAgent.create({ uri: "sip:1001@sipwasm.test", servers: [url], tones: "uk" });
      ua.on("incoming", (call) => call.on("autoplayBlocked", async ({ error, resume }) => {
        const button = document.createElement("button");
        button.textContent = "sound";
        document.body.append(button);
        button.onclick = async () => {
          tell("rang", await resume().then(() => "rings", (e) => e.code));
          await call.reject();
          await ua.close();
        };
        tell("refused", { code: error.code, says: /click/.test(error.message), again: await resume().catch((e) => e.code) });
      }));
      await ua.register();
      tell("ready", true);
    }), server.url);
    await page.reload();
    await ready;
    server.send(invite());
    assert.deepEqual(await refused, { code: "autoplay-blocked", says: true, again: "autoplay-blocked" });
    await page.click("button");
    assert.equal(await rang, "rings");
  });
});

describe("a page that is not secure", () => {
  const flags = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--host-resolver-rules=MAP insecure.test 127.0.0.1"];
  const open = pagesFor({ before, after }, { media: flags });
  const account = server();

  test("calls fail with a code of its own, which says what to do; the rest works", { timeout: 30_000 }, async (t) => {
    const page = await open(t);
    await page.goto(page.url().replace("127.0.0.1", "insecure.test"));
    await prepare(page);
    const result = await page.evaluate(async (options) => {
      const [ua] = await phones(options);
      const { error } = await ua.call("2232").ended;
      const list = await ua.devices.list().catch((e) => e.code);
      await ua.close();
      return { secure: isSecureContext, code: error.code, says: /https:\/\/ or localhost/.test(error.message), list };
    }, account("2231"));
    assert.deepEqual(result, { secure: false, code: "insecure-context", says: true, list: "insecure-context" });
  });
});
