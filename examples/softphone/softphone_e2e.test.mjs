// The demo as its visitor sees it: the Go program is started as it is, and Chromium uses the page by its labels.
// With SCREENSHOT=1 the call to echo also renews softphone.png.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { here, run, startDemo, tabsOf } from "./e2e_harness.mjs";

describe("the softphone", () => {
  const open = tabsOf();
  let demo;
  before(async () => (demo = await startDemo()));
  after(() => demo?.stop());

  test("a call to echo has sound in both directions", async (t) => {
    const tab = await open(t, demo);
    assert.equal(await tab.$("user").inputValue(), "1001");
    await tab.connect();
    assert.deepEqual(await tab.ladder(), ["> REGISTER", "< 401 Unauthorized", "> REGISTER", "< 200 OK"]);

    await tab.click("contact-echo");
    await tab.shows("call-state", "In call");
    await tab.shows("call-name", "Echo");
    await tab.audioFlows();
    await tab.level("meter-local", { above: 40 });
    await tab.level("meter-remote", { above: 40 });
    await tab.shows("call-timer", /^0:0[1-9]$/);
    await tab.shows("call-quality", "Good");
    assert.equal(await tab.$("call-quality").getAttribute("aria-label"), "Sound quality: Good");
    assert.match(await tab.$("call-quality").getAttribute("title"), /^MOS 4\.\d, 0\.\d % lost, \d+ ms there and back, \S+$/);
    if (process.env.SCREENSHOT) {
      await tab.page.waitForTimeout(4000); // for the meters to fill
      await tab.page.screenshot({ path: join(here, "softphone.png") });
    }

    await tab.click("mute");
    await tab.shows("call-state", "Muted");
    await tab.shows("mute", "Unmute");
    assert.equal(await tab.$("mute").getAttribute("aria-pressed"), null, "the label alone says what a press does");
    await tab.level("meter-local", { below: 5 });
    await tab.level("meter-remote", { below: 25 }); // what comes back is our own silence
    await tab.click("mute");
    await tab.shows("call-state", "In call");
    await tab.level("meter-remote", { above: 40 });

    await tab.click("hold");
    await tab.shows("call-state", "On hold");
    await tab.shows("hold", "Resume");
    assert.equal(await tab.$("call-quality").isVisible(), false, "there is no sound to judge");
    assert.equal(await tab.$("hold").getAttribute("aria-pressed"), null);
    await tab.level("meter-remote", { below: 5 });
    await tab.click("hold");
    await tab.shows("call-state", "In call");
    await tab.level("meter-remote", { above: 40 });

    await tab.click("keypad");
    await tab.click("tone-5");
    assert.deepEqual(await tab.$("keypad").evaluate((e) => [e.ariaExpanded, e.ariaPressed]), ["true", null]);
    await tab.page.keyboard.press("#");
    await tab.page.keyboard.down("7");
    await tab.page.keyboard.down("7"); // the key repeats, and the finger did not
    await tab.page.keyboard.up("7");
    await tab.shows("tones-sent", "5#7");
    await tab.until(() => window.observed.tones === "5#7");

    await tab.click("hangup");
    await tab.shows("outcome", /^Call with Echo, 0:\d\d$/);
    await tab.click("tab-history");
    await tab.shows("history-entry", /^Echo\s+0:\d\d/);
    await tab.until(() => window.observed.peers.every((peer) => peer.connectionState === "closed"));
    await tab.click("disconnect");
    await tab.shows("status", "Offline");
    await tab.until(() => document.querySelector("#ladder li:last-child b").textContent === "200 OK");
    const ladder = await tab.ladder();
    const bye = ladder.indexOf("> BYE");
    assert.deepEqual(ladder.slice(bye, bye + 3), ["> BYE", "< 200 OK", "> REGISTER"], "good-bye to echo, then to the server");
  });

  test("two tabs become two accounts and call each other", async (t) => {
    const alice = await open(t, demo);
    const bob = await open(t, demo, { context: alice.page.context() });
    assert.equal(await alice.$("user").inputValue(), "1001");
    assert.equal(await bob.$("user").inputValue(), "1002");
    await alice.page.reload();
    await alice.filled();
    assert.equal(await alice.$("user").inputValue(), "1001", "a reload keeps the account");
    await alice.connect();
    await bob.connect();

    await alice.$("number").fill("1002");
    await alice.page.keyboard.press("Enter");
    await alice.shows("call-state", "Ringing…");
    await bob.shows("incoming-name", "Ada");
    await bob.shows("incoming-uri", "1001@sipwasm.example");
    await bob.until(() => document.title === "Incoming: Ada");
    assert.deepEqual(await bob.announced(), ["alert", "Incoming call from Ada"]);
    await bob.click("answer");
    await alice.shows("call-state", "In call");
    await bob.shows("call-state", "In call");
    assert.equal(await bob.page.title(), "sipwasm softphone");
    assert.deepEqual(await bob.announced(), ["alert", ""]);
    await Promise.all([alice.audioFlows(), bob.audioFlows()]);

    await alice.click("hold");
    await alice.shows("call-state", "On hold");
    await bob.shows("call-state", "Held by the other side");
    await bob.click("hold");
    await bob.shows("call-state", "On hold, by both sides");
    await bob.click("hold");
    await bob.shows("call-state", "Held by the other side");
    await alice.click("hold");
    await Promise.all([alice.shows("call-state", "In call"), bob.shows("call-state", "In call")]);
    await Promise.all([alice.audioFlows(), bob.audioFlows()]);

    await bob.click("hangup");
    await alice.shows("outcome", /^Call with Grace, /);
    const outcome = await bob.shows("outcome", /^Call with Ada, /);
    assert.deepEqual(await bob.announced(), ["alert", outcome]);
  });

  test("an account is free again when its tab signs out or takes another", async (t) => {
    const first = await open(t, demo);
    const { page } = first;
    await first.connect();
    await first.click("disconnect");
    await first.shows("status", "Offline");
    const second = await open(t, demo, { context: page.context() });
    assert.equal(await second.$("user").inputValue(), "1001");
    await second.$("user").fill("1003");
    await second.connect();
    const third = await open(t, demo, { context: page.context() });
    assert.equal(await third.$("user").inputValue(), "1001");
    const fourth = await open(t, demo, { context: page.context() });
    assert.equal(await fourth.$("user").inputValue(), "1002");
  });

  test("declined, given up, nobody there", async (t) => {
    const alice = await open(t, demo);
    const bob = await open(t, demo, { context: alice.page.context() });
    await alice.connect();
    await bob.connect();

    await alice.click("contact-1002");
    await bob.click("decline");
    await alice.shows("outcome", "Grace is busy.");
    assert.deepEqual(await alice.announced(), ["alert", "Grace is busy."]);
    await bob.shows("outcome", "Declined the call from Ada");

    await alice.click("contact-1002");
    await bob.shows("incoming-name", "Ada");
    await alice.click("hangup");
    await alice.shows("outcome", "Call to Grace given up");
    await bob.shows("outcome", "Missed call from Ada");

    await alice.click("contact-1003");
    await alice.shows("outcome", "Hedy cannot be reached right now.");
    await alice.$("number").fill("4711");
    await alice.click("dial");
    await alice.shows("outcome", "Nobody has this number.");
  });

  test("a caller's name is text, whatever it looks like", async (t) => {
    const name = `<img src=x onerror="document.title='taken'"> & "Co"`;
    const bob = await open(t, demo, { query: "?user=1002" });
    const eve = await open(t, demo, { query: "?user=1003" });
    await eve.$("display-name").fill(name);
    await bob.connect();
    await eve.connect();
    await eve.shows("me-name", name);
    await eve.click("contact-1002");
    await bob.shows("incoming-name", name);
    assert.equal(await bob.page.locator("main img").count(), 0);
    await bob.click("answer");
    await bob.shows("call-name", name);
    await eve.shows("call-state", "In call");
    await bob.page.locator("#ladder li[data-method=INVITE] summary").first().click();
    const text = await bob.$("message-text").textContent();
    assert.ok(text.includes("<img src=x"), "the message is shown as it came");
    assert.deepEqual(await bob.filters(), ["All messages", "Registration 1", "Call 1, 1003"], "the number, and not what the name holds");
    await eve.click("hangup");
    await bob.click("tab-history");
    await bob.shows("history-entry", new RegExp(`^${name.replace(/[^\w ]/g, "\\$&")}`));
    assert.equal(await bob.page.locator("main img").count(), 0);
    assert.equal(await bob.page.title(), "sipwasm softphone");
  });

  test("the ladder tells each message in full, and no secret", async (t) => {
    const tab = await open(t, demo, { query: "?user=1004", permissions: ["clipboard-read", "clipboard-write", "microphone"] });
    await tab.connect();
    await tab.click("contact-echo");
    await tab.shows("call-state", "In call");
    await tab.click("hangup");
    await tab.shows("outcome", /^Call with Echo/);
    const all = await tab.ladder();
    // On a busy machine the server may have to repeat its 200, which is acknowledged again.
    assert.match(all.join(", "), /> INVITE, (< 1\d\d \w+, )+< 200 OK, > ACK, (< 200 OK, > ACK, )*> BYE, < 200 OK$/);

    const register = tab.page.locator("#ladder li[data-method=REGISTER][data-dir=out] summary").nth(1);
    await register.click();
    const text = await tab.$("message-text").textContent();
    assert.match(text, /^REGISTER sip:sipwasm\.example SIP\/2\.0\r?\n/);
    assert.match(text, /^Authorization: Digest /m);
    assert.doesNotMatch(text, /response="?[0-9a-f]{32}/);
    await register.click();

    const filter = tab.$("trace-filter");
    await filter.selectOption({ label: "Call 1, echo" });
    const call = await tab.ladder();
    assert.equal(call[0], "> INVITE");
    assert.ok(call.length < all.length && !call.includes("> REGISTER"));
    await tab.click("trace-copy");
    await tab.shows("notice", `${call.length} messages copied.`);
    await tab.shows("notice", ""); // after a while
    const copied = await tab.page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /──▶.*\nINVITE sip:echo@sipwasm\.example SIP\/2\.0\n/);
    assert.doesNotMatch(copied, /REGISTER sip:/);

    await tab.click("trace-clear");
    assert.deepEqual(await tab.ladder(), []);
    await tab.shows("trace-count", "0");
  });

  test("on a narrow page the trace opens at its end, and Copy says what it did", async (t) => {
    const tab = await open(t, demo, { viewport: { width: 400, height: 500 }, permissions: ["clipboard-read", "clipboard-write", "microphone"] });
    await tab.connect();
    await tab.click("contact-echo");
    await tab.shows("call-state", "In call");
    await tab.click("hangup");
    await tab.shows("outcome", /^Call with Echo/);
    await tab.page.getByRole("button", { name: "Trace" }).click();
    await tab.until(() => {
      const { scrollTop, scrollHeight, clientHeight } = document.getElementById("sheet");
      return scrollTop > 0 && scrollHeight - scrollTop - clientHeight < 40;
    });
    await tab.click("trace-copy");
    await tab.shows("notice", /messages copied\.$/);
    await tab.page.getByRole("button", { name: "Phone" }).click();
    await tab.shows("notice", /messages copied\.$/);
    await tab.click("contact-echo");
    await tab.shows("notice", "");
    await tab.click("hangup");
  });

  test("hanging up while a tone sounds is no trouble", async (t) => {
    const tab = await open(t, demo);
    await tab.connect();
    await tab.click("contact-echo");
    await tab.shows("call-state", "In call");
    await tab.click("keypad");
    await tab.page.evaluate(() => {
      for (const id of ["tone-5", "tone-6", "hangup"]) document.querySelector(`[data-testid=${id}]`).click();
    });
    await tab.shows("outcome", /^Call with Echo/);
    await tab.until(() => window.observed.peers.every((peer) => peer.connectionState === "closed"));
    assert.equal(await tab.$("problem").isVisible(), false);
  });

  test("a plus is typed by holding 0, or by the keyboard", async (t) => {
    const tab = await open(t, demo);
    await tab.connect();
    await tab.click("key-0");
    assert.equal(await tab.$("number").inputValue(), "0");
    await tab.$("key-0").click({ delay: 700 });
    assert.equal(await tab.$("number").inputValue(), "0+");
    await tab.$("key-0").focus();
    await tab.page.keyboard.press("+");
    await tab.page.keyboard.press("Enter");
    assert.equal(await tab.$("number").inputValue(), "0++0");
  });

  test("when the Go program crashes, the page goes back to its form and connects again from there", async (t) => {
    const tab = await open(t, demo, { expected: /RuntimeError|unreachable/ });
    await tab.page.addInitScript(() => {
      const instantiate = WebAssembly.instantiate;
      WebAssembly.instantiate = async (...args) => {
        const { exports } = await instantiate(...args);
        const resume = () => {
          if (window.crash) throw new WebAssembly.RuntimeError("unreachable");
          return exports.resume();
        };
        return Object.create(WebAssembly.Instance.prototype, { exports: { value: { ...exports, resume } } });
      };
    });
    await tab.page.reload();
    await tab.filled();
    await tab.connect();
    await tab.page.evaluate(() => (window.crash = true));
    await tab.click("contact-echo");
    await tab.shows("problem-text", /^The phone program failed\. Connect again/);
    await tab.shows("status", "Not connected");
    assert.equal(await tab.$("try-now").isVisible(), false);
    await tab.page.evaluate(() => (window.crash = false));
    await tab.connect();
    assert.equal(await tab.$("problem").isVisible(), false);
  });

  test("a wrong password is said in words, and the right one helps", async (t) => {
    const tab = await open(t, demo);
    const right = await tab.$("password").inputValue();
    await tab.$("password").fill("wrong");
    await tab.click("connect");
    await tab.shows("problem-text", "The server refused this user name or password.");
    await tab.shows("status", "Not connected");
    await tab.$("password").fill(right);
    await tab.connect();
    assert.equal(await tab.$("problem").isVisible(), false);
    assert.deepEqual(await tab.filters(), ["All messages", "Registration 1", "Registration 2"], "no two choices have one name");
  });

  test("an unreachable server is said in words", async (t) => {
    const tab = await open(t, demo, { expected: /WebSocket connection to 'ws:\/\/127\.0\.0\.1:9\/ws' failed/ });
    await tab.$("server").fill("ws://127.0.0.1:9/ws");
    await tab.click("connect");
    await tab.shows("problem-text", /^No connection to ws:\/\/127\.0\.0\.1:9\/ws\. Check the address/);
    await tab.shows("status", "Not connected");
  });

  test("a first connection that fails is not tried again behind one's back", async (t) => {
    let attempts = 0;
    const rude = createServer((socket) => {
      attempts++;
      socket.destroy();
    });
    await new Promise((resolve) => rude.listen(0, "127.0.0.1", resolve));
    t.after(() => rude.close());
    const tab = await open(t, demo, { expected: /WebSocket connection to .* failed/ });
    await tab.$("server").fill(`ws://127.0.0.1:${rude.address().port}/ws`);
    await tab.click("connect");
    await tab.shows("problem-text", /^No connection to ws:/);
    await tab.shows("connect", "Connect");
    const then = attempts;
    await setTimeout(2500); // a second attempt would come within 2 s
    assert.equal(attempts, then);
    await tab.shows("status", "Not connected");
  });

  test("a connection that is not answered can be given up", async (t) => {
    const silent = createServer(() => {}); // accepts, and says nothing
    await new Promise((resolve) => silent.listen(0, "127.0.0.1", resolve));
    t.after(() => silent.close());
    const tab = await open(t, demo, { expected: /WebSocket is closed before the connection is established|failed/ });
    await tab.$("server").fill(`ws://127.0.0.1:${silent.address().port}/ws`);
    await tab.click("connect");
    await tab.shows("status", "Connecting…");
    await tab.shows("connect", "Cancel");
    await tab.click("connect");
    await tab.shows("status", "Offline");
    await tab.shows("connect", "Connect");
    assert.equal(await tab.$("problem").isVisible(), false);
  });

  test("what cannot be an account is said in words", async (t) => {
    const tab = await open(t, demo);
    await tab.$("server").fill("example.com");
    await tab.click("connect");
    await tab.shows("problem-detail", /must begin with ws:\/\/ or wss:\/\//);
  });

  test("everything works by keyboard", async (t) => {
    const tab = await open(t, demo);
    const press = (key) => tab.page.keyboard.press(key);
    const focused = () => tab.page.evaluate(() => document.activeElement.id);
    await tab.page.locator("#connect").focus();
    await press("Enter");
    await tab.shows("status", "Registered");
    assert.equal(await focused(), "number");
    await tab.page.keyboard.type("echo");
    await press("Enter");
    await tab.shows("call-state", "In call");
    for (const id of ["mute", "hold", "keypad", "video", "screen", "transfer", "add", "hangup"]) {
      await press("Tab");
      assert.equal(await focused(), id);
    }
    await press("Enter");
    await tab.shows("outcome", /^Call with Echo/);
    assert.equal(await focused(), "number");
  });

  test("signs of life have a place of their own in the ladder", async (t) => {
    const tab = await open(t, demo);
    await tab.connect();
    const registration = ["> REGISTER", "< 401 Unauthorized", "> REGISTER", "< 200 OK"];
    assert.deepEqual(await tab.filters(), ["All messages", "Registration 1"]);
    await tab.page.evaluate(() => window.dispatchEvent(new Event("online"))); // the network may have changed: is the server there?
    await tab.until(() => document.querySelectorAll("#ladder li[data-method=OPTIONS]").length >= 2);
    assert.deepEqual(await tab.ladder(), registration);
    await tab.shows("trace-count", "4");
    assert.deepEqual(await tab.filters(), ["All but keep-alives", "Registration 1", "Keep-alives"]);
    await tab.$("trace-filter").selectOption({ label: "Keep-alives" });
    assert.deepEqual(await tab.ladder(), ["> OPTIONS", "< 200 OK"]);
    await tab.shows("trace-count", "2 of 6");
    await tab.click("trace-clear");
    assert.deepEqual(await tab.filters(), ["All messages"]);
  });

  test("the other devices of the account are listed, when there are any", async (t) => {
    const first = await open(t, demo, { query: "?user=1001" });
    await first.connect();
    assert.equal(await first.$("devices").isVisible(), false);
    const second = await open(t, demo, { query: "?user=1001" });
    await second.connect();
    await second.shows("devices-count", "Also registered: 1 other device");
    await second.click("devices-count");
    await second.shows("devices", /^Also registered: 1 other device\s+\S+\.invalid$/);
    await second.click("disconnect");
    assert.equal(await second.$("devices").isVisible(), false);
    await first.click("disconnect");
    await first.shows("status", "Offline");
    await second.until(() => document.querySelector("#ladder li:last-child b").textContent === "200 OK");
    await second.connect();
    assert.equal(await second.$("devices").isVisible(), false, "the first device is gone");
  });

  for (const width of [280, 400, 1280]) {
    test(`it fits into ${width} px, and everything has a name`, async (t) => {
      const tab = await open(t, demo, { viewport: { width, height: 700 } });
      await tab.fits("account");
      await tab.connect();
      await tab.fits("dial");
      await tab.click("contact-echo");
      await tab.shows("call-state", "In call");
      await tab.fits("call");
      await tab.click("keypad");
      await tab.fits("keypad");
      if (width < 896) await tab.page.getByRole("button", { name: "Trace" }).click();
      await tab.page.locator("#ladder li[data-method=INVITE] summary").first().click();
      await tab.fits("trace");
    });
  }
});

describe("the softphone without a microphone", () => {
  const open = tabsOf({ media: ["--use-fake-device-for-media-stream", "--deny-permission-prompts"] });
  let demo;
  before(async () => (demo = await startDemo()));
  after(() => demo?.stop());

  test("a denied microphone is said in words, and the phone goes on", async (t) => {
    const denied = "The microphone is blocked. Allow it in the browser’s site settings, then call again.";
    const tab = await open(t, demo);
    await tab.connect();
    await tab.click("contact-echo");
    await tab.shows("outcome", denied);
    await tab.shows("status", "Registered");
    assert.ok(!(await tab.ladder()).includes("> INVITE"), "nobody was called");
    await tab.$("number").fill("1002");
    await tab.click("dial");
    await tab.shows("outcome", denied);
  });
});

describe("the program", () => {
  const open = tabsOf();

  test("ends at once and in order", async (t) => {
    const demo = await startDemo();
    t.after(() => demo.stop());
    const tab = await open(t, demo, { expected: /WebSocket connection to .* failed/ });
    await tab.connect();
    assert.equal(await demo.stop(), 0);
  });

  test("the page's TypeScript has no type error", async () => {
    await run(join(here, "../../wasm/npm/node_modules/.bin/tsc"), ["-p", join(here, "page")]);
  });
});
