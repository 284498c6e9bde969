// The server of the demo goes away and comes back, and the page finds its way without a click.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { response, SipServer } from "../../wasm/npm/test/browser/sip_server.mjs";
import { startDemo, tabsOf } from "./e2e_harness.mjs";

const expected = /WebSocket connection to .* failed|WebSocket is closed before|net::ERR_/;
const counting = /^Reconnecting in \d+ s…$/;
const broke = "The connection to the server broke. It is being made again.";
const note = "Connection lost. Your call goes on, and its sound does not need the server.";

/** Takes connections where the demo was, and says nothing. `came` is the time of each. */
async function silence(t, demo) {
  const { hostname, port } = new URL(demo.url);
  const came = [];
  const sockets = new Set();
  const server = createServer((socket) => {
    came.push(performance.now());
    sockets.add(socket.resume());
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  });
  await new Promise((resolve) => server.listen(Number(port), hostname, resolve));
  const end = () => new Promise((resolve) => {
    for (const socket of sockets) socket.destroy();
    server.close(resolve);
  });
  t.after(end);
  return { came, sockets, end };
}

/** Waits until the countdown stands at `least` seconds or more, and returns the seconds. */
async function longWait(tab, least) {
  await tab.until((least) => Number(/in (\d+) s/.exec(document.querySelector("#status").textContent)?.[1]) >= least, least);
  return Number(/\d+/.exec(await tab.$("status").innerText())[0]);
}

describe("the softphone without its server", () => {
  const open = tabsOf();
  const start = async (t, addr) => {
    const demo = await startDemo(addr);
    t.after(() => demo.stop());
    return demo;
  };

  test("it registers again without a click, and calls work again", async (t) => {
    const demo = await start(t);
    const tab = await open(t, demo, { expected });
    await tab.connect();
    await tab.$("number").fill("echo");
    await demo.stop();
    await tab.shows("status", counting);
    await tab.shows("problem-text", broke);
    await tab.shows("try-now", "Try now");
    await tab.shows("dial-why", "You can call again when the connection is back.");
    for (const id of ["dial", "contact-echo"]) assert.equal(await tab.$(id).isDisabled(), true, id);
    await tab.$("number").press("Enter");
    await tab.shows("view-dial", /Call$/);

    await start(t, new URL(demo.url).host);
    const back = performance.now();
    await tab.shows("status", "Registered");
    assert.ok(performance.now() - back < 10_000);
    assert.equal(await tab.$("problem").isVisible(), false);
    assert.equal(await tab.$("dial-why").isVisible(), false);
    await tab.click("dial");
    await tab.shows("call-state", "In call");
    await tab.audioFlows();
    await tab.click("hangup");
    await tab.shows("outcome", /^Call with Echo/);
  });

  test("the countdown is seen second by second, and a screen reader says it once", async (t) => {
    const demo = await start(t);
    const tab = await open(t, demo, { expected });
    await tab.connect();
    await tab.page.evaluate(() => {
      window.seen = { status: [], said: [], alerts: [] };
      const keep = (id, list) => new MutationObserver(() => list.push(document.getElementById(id).textContent))
        .observe(document.getElementById(id), { childList: true, characterData: true, subtree: true });
      keep("status", window.seen.status);
      keep("status-said", window.seen.said);
      keep("problem-text", window.seen.alerts);
    });
    await demo.stop();
    const from = await longWait(tab, 3);
    await tab.shows("status", `Reconnecting in ${from - 1} s…`);
    await tab.shows("status", `Reconnecting in ${from - 2} s…`);
    const seen = await tab.page.evaluate(() => window.seen);
    assert.ok(seen.status.length > 3, "what is seen changes");
    assert.deepEqual(seen.said, ["Reconnecting…"]);
    assert.deepEqual(seen.alerts, [broke]);
    assert.equal(await tab.$("status").evaluate((e) => e.closest("[role=status], [aria-live]")), null, "what counts is not read");
    assert.equal(await tab.$("status-said").getAttribute("role"), "status");
    await start(t, new URL(demo.url).host);
    await tab.shows("status-said", "Registered");
  });

  test("Try now does not wait", async (t) => {
    const demo = await start(t);
    const tab = await open(t, demo, { expected });
    await tab.connect();
    await demo.stop();
    await longWait(tab, 4);
    const { came, end } = await silence(t, demo);
    await longWait(tab, 2); // time is left, so that what comes next comes of the click
    const clicked = performance.now();
    await tab.click("try-now");
    await tab.shows("status", "Connecting…");
    while (came.length === 0) await setTimeout(20);
    assert.ok(came[0] - clicked < 1500, `after ${came[0] - clicked} ms`);
    await tab.shows("try-now", "Try now");
    await end();
    await tab.shows("status", counting);
    await start(t, new URL(demo.url).host);
    await tab.shows("status", "Registered");
  });

  test("a call goes on without the server, and can be held and ended after its return", async (t) => {
    const demo = await start(t);
    const alice = await open(t, demo, { expected });
    const bob = await open(t, demo, { context: alice.page.context(), expected });
    await alice.connect();
    await bob.connect();
    await alice.click("contact-1002");
    await bob.click("answer");
    await alice.shows("call-state", "In call");
    assert.equal(await alice.$("call-note").innerText(), "");
    await demo.stop();
    await alice.shows("status", counting);
    await alice.shows("problem-text", broke);
    await alice.shows("call-state", "In call");
    await alice.shows("call-note", note);
    await bob.shows("call-note", note);
    assert.equal(await alice.$("hold").isDisabled(), true);
    await alice.audioFlows(); // from browser to browser
    await alice.click("mute");
    await bob.level("meter-remote", { below: 25 });
    await alice.click("mute");

    const said = (tab) => tab.page.evaluate(() => {
      window.notes = [];
      const element = document.getElementById("call-note");
      new MutationObserver(() => window.notes.push(element.textContent)).observe(element, { childList: true });
    });
    await Promise.all([said(alice), said(bob)]);
    await start(t, new URL(demo.url).host);
    await alice.shows("status", "Registered");
    await bob.shows("status", "Registered");
    await alice.shows("call-state", "In call");
    await alice.until(() => document.querySelector("#call-note").textContent === "");
    await alice.until(() => window.notes.includes("Connecting the sound again…"));
    await Promise.all([alice.audioFlows(), bob.audioFlows()]);
    await alice.click("hold");
    await bob.shows("call-state", "Held by the other side");
    await alice.click("hold");
    await alice.shows("call-state", "In call");
    await bob.click("hangup");
    await alice.shows("outcome", /^Call with Grace/);
    await alice.click("contact-1002");
    await bob.shows("incoming-name", "Ada");
    await bob.click("decline");
    await alice.shows("outcome", "Grace is busy.");
  });

  test("a call can be ended without the server", async (t) => {
    const demo = await start(t);
    const tab = await open(t, demo, { expected });
    await tab.connect();
    await tab.click("contact-echo");
    await tab.shows("call-state", "In call");
    await demo.stop();
    await tab.shows("status", counting);
    await tab.click("hangup");
    await tab.shows("outcome", /^Call with Echo/);
    await tab.shows("problem-text", broke);
    assert.equal(await tab.$("contact-echo").isDisabled(), true);
  });

  test("Disconnect ends an attempt that gets no answer, and nothing is heard of it later", async (t) => {
    const demo = await start(t);
    const tab = await open(t, demo, { expected });
    await tab.connect();
    await demo.stop();
    const { came, sockets } = await silence(t, demo);
    while (came.length === 0) await setTimeout(20);
    await tab.shows("status", "Connecting…");
    const clicked = performance.now();
    await tab.click("disconnect");
    await tab.shows("status", "Offline");
    while (sockets.size > 0) await setTimeout(20); // the attempt has been given up
    assert.ok(performance.now() - clicked < 5000, "before its time-out of 10 s");
    await tab.page.evaluate(() => new Promise((resolve) => window.setTimeout(resolve, 100))); // the page has heard of it
    await tab.shows("status", "Offline");
    assert.equal(await tab.$("problem").isVisible(), false);
  });

  for (const [width, height] of [[280, 800], [400, 800], [1280, 704]]) {
    test(`it fits into ${width} px, the call can be ended, and the page does not jump with each attempt`, async (t) => {
      const demo = await start(t);
      const tab = await open(t, demo, { viewport: { width, height }, expected });
      await tab.connect();
      await tab.click("contact-echo");
      await tab.shows("call-state", "In call");
      await demo.stop();
      await tab.shows("call-note", note);
      await tab.fits("call");
      const { y, height: h } = await tab.$("hangup").boundingBox();
      assert.ok(y + h <= height, `Hang up ends at ${y + h} of ${height}`);
      const top = () => tab.$("view-call").evaluate((e) => e.getBoundingClientRect().top);
      await tab.shows("status", counting);
      const counted = await top();
      await tab.page.evaluate(() => {
        document.getElementById("status").textContent = "Connecting…"; // as it is for a moment with each attempt
      });
      assert.equal(await top(), counted);
      await tab.click("hangup");
      await tab.shows("outcome", /^Call with Echo/);
      await tab.fits("dial");
    });
  }

  describe("and with one that refuses", () => {
    const refuse = (status, headers) => (request) => request.method === "REGISTER" && response(request, status, headers);
    const denied = "The server does not let this account in. Check the user name and the password.";

    test("a final refusal shows the problem and the form", async (t) => {
      const demo = await start(t);
      const server = await SipServer.listen();
      t.after(() => server.close());
      const tab = await open(t, demo, { expected });
      await tab.$("server").fill(server.url);
      await tab.connect();
      server.answer = refuse("403 Forbidden");
      server.closeConnections(1012);
      await tab.shows("problem-text", denied);
      await tab.shows("status", "Not connected");
      await tab.shows("connect", "Connect");
      assert.equal(await tab.$("try-now").isVisible(), false);
      assert.equal(await tab.$("identity").isVisible(), false);
    });

    test("a call goes on, and the form comes after it", async (t) => {
      const demo = await start(t);
      const alice = await open(t, demo, { expected });
      const bob = await open(t, demo, { context: alice.page.context(), expected });
      await alice.connect();
      await bob.connect();
      await alice.click("contact-1002");
      await bob.click("answer");
      await alice.shows("call-state", "In call");
      await demo.stop();
      const server = await SipServer.listen(Number(new URL(demo.url).port));
      t.after(() => server.close());
      server.answer = refuse("403 Forbidden");
      await alice.shows("problem-text", denied);
      await alice.shows("status", "Not connected");
      assert.equal(await alice.$("try-now").isVisible(), false);
      server.closeConnections(1012);
      await alice.shows("call-state", "In call");
      await alice.audioFlows();
      await alice.shows("status", "Not connected");
      await alice.click("hangup");
      await alice.shows("connect", "Connect");
      await alice.shows("problem-text", denied);
    });

    test("one that wants to be left alone is, until Try now", async (t) => {
      const demo = await start(t);
      const server = await SipServer.listen();
      t.after(() => server.close());
      const tab = await open(t, demo, { expected });
      await tab.$("server").fill(server.url);
      await tab.connect();
      const { answer } = server;
      server.answer = refuse("503 Service Unavailable", "Retry-After: 60\r\n");
      server.closeConnections(1012);
      await tab.shows("problem-text", "The server is overloaded.");
      await tab.shows("status", /^Reconnecting in [56]\d s…$/);
      server.answer = answer;
      await tab.click("try-now");
      await tab.shows("status", "Registered");
    });
  });
});
