// The demo as its visitor sees it: the Go program is started as it is, and Chromium uses the page by its labels.
// With SCREENSHOT=1 the call to echo also renews softphone.png.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { launchChromium } from "../../wasm/npm/test/interop/chromium.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const examples = join(here, "..");
const run = promisify(execFile);
const patience = 20_000;

let directory;
let program;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "softphone-"));
  program = join(directory, "softphone");
  // Not by `go run`: that would be another process between us and the program when it is time to stop it.
  await run("go", ["build", "-o", program, "./softphone"], { cwd: examples });
});
after(() => rm(directory, { recursive: true, force: true }));

/** Starts the program, by default on a free port. */
async function startDemo(addr = "127.0.0.1:0") {
  const child = spawn(program, ["-addr", addr], { cwd: examples, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
  let printed = "";
  const url = await new Promise((resolve, reject) => {
    child.stdout.on("data", (chunk) => {
      printed += chunk;
      const found = /http:\/\/\S+/.exec(printed);
      if (found) resolve(found[0]);
    });
    void ended.then((how) => reject(new Error(`the program ended (${how}) and said: ${printed}`)));
  });
  return {
    url,
    stop: () => {
      child.kill("SIGINT");
      return ended;
    },
  };
}

/** Runs in the page before its own scripts: keeps what only the browser knows about a call. */
function observe() {
  const Original = window.RTCPeerConnection;
  window.observed = { peers: [], tones: "" };
  window.RTCPeerConnection = class extends Original {
    constructor(...args) {
      super(...args);
      window.observed.peers.push(this);
    }
  };
  const insert = RTCDTMFSender.prototype.insertDTMF;
  RTCDTMFSender.prototype.insertDTMF = function (tones, ...rest) {
    window.observed.tones += tones;
    return insert.call(this, tones, ...rest);
  };
}

/** A tab with the softphone in it, by its data-testid names. */
class Tab {
  constructor(page) {
    this.page = page;
    this.complaints = [];
    page.setDefaultTimeout(patience);
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => message.type() === "error" && this.complaints.push(message.text()));
  }

  $(id) {
    return this.page.getByTestId(id);
  }

  /** Waits for a condition in the page. Not by animation frames, of which a tab in the background has few. */
  until(condition, argument) {
    return this.page.waitForFunction(condition, argument, { polling: 50 });
  }

  async click(id) {
    await this.page.bringToFront(); // as a person does, and a tab in the background is slow
    await this.$(id).click();
  }

  /** Waits until an element shows this text. */
  async shows(id, wanted) {
    const matches = (text) => (wanted instanceof RegExp ? wanted.test(text) : text === wanted);
    const deadline = Date.now() + patience;
    let text;
    do {
      text = (await this.$(id).isVisible()) ? (await this.$(id).innerText()).trim() : undefined;
      if (text !== undefined && matches(text)) return text;
      await setTimeout(50);
    } while (Date.now() < deadline);
    assert.fail(`${id} shows ${JSON.stringify(text)} instead of ${wanted}; the page complains: ${this.complaints.join("; ")}`);
  }

  /** Waits until the form has its values. */
  filled() {
    return this.until(() => document.querySelector("#user").value !== "");
  }

  async connect() {
    await this.click("connect");
    await this.shows("status", "Registered");
  }

  /** Waits until a level meter is above, or with `below` under, a value of 0 to 100. */
  async level(id, { above, below }) {
    await this.until(
      ([id, above, below]) => {
        const now = Number(document.querySelector(`[data-testid=${id}]`).getAttribute("aria-valuenow"));
        return above !== undefined ? now > above : now < below;
      },
      [id, above, below],
    );
  }

  /** Waits until the newest peer connection has received and sent more sound than it has now. */
  async audioFlows() {
    const read = async () => {
      const peer = window.observed.peers.at(-1);
      const stats = { in: 0, out: 0, energy: 0 };
      for (const s of (await peer.getStats()).values()) {
        if (s.type === "inbound-rtp") Object.assign(stats, { in: s.bytesReceived, energy: s.totalAudioEnergy });
        if (s.type === "outbound-rtp") stats.out = s.bytesSent;
      }
      return stats;
    };
    const then = await this.page.evaluate(read);
    await this.until(
      async ([source, then]) => {
        const now = await (0, eval)(source)();
        return now.in > then.in + 2000 && now.out > then.out + 2000 && now.energy > 0.005;
      },
      [`(${read})`, then],
    );
  }

  /** The arrows of the ladder: "> REGISTER", "< 401 Unauthorized". */
  async ladder() {
    return this.page.$$eval("#ladder li[data-dir]:not([hidden])", (rows) =>
      rows.map((row) => `${row.dataset.dir === "out" ? ">" : "<"} ${row.querySelector(".label b").textContent}`));
  }
}

/** Gives `open(t, …)`: a new tab of one browser, which must not complain. */
function tabsOf(launchOptions) {
  let browser;
  before(async () => (browser = await launchChromium(launchOptions)));
  after(() => browser?.close());
  const open = async (t, demo, { context, query = "", expected = /$^/, ...options } = {}) => {
    const own = context ?? (await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options }));
    if (!context) t.after(() => own.close());
    const tab = new Tab(await own.newPage());
    await tab.page.addInitScript(observe);
    await tab.page.goto(demo.url + query);
    await tab.filled();
    t.after(() => assert.deepEqual(tab.complaints.filter((text) => !expected.test(text)), [], "errors of the page"));
    return tab;
  };
  return open;
}

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
    if (process.env.SCREENSHOT) {
      await tab.page.waitForTimeout(4000); // for the meters to fill
      await tab.page.screenshot({ path: join(here, "softphone.png") });
    }

    await tab.click("mute");
    await tab.shows("call-state", "Muted");
    await tab.level("meter-local", { below: 5 });
    await tab.level("meter-remote", { below: 25 }); // what comes back is our own silence
    await tab.click("mute");
    await tab.shows("call-state", "In call");
    await tab.level("meter-remote", { above: 40 });

    await tab.click("hold");
    await tab.shows("call-state", "On hold");
    await tab.level("meter-remote", { below: 5 });
    await tab.click("hold");
    await tab.shows("call-state", "In call");
    await tab.level("meter-remote", { above: 40 });

    await tab.click("keypad");
    await tab.click("tone-5");
    await tab.page.keyboard.press("#");
    await tab.shows("tones-sent", "5#");
    await tab.until(() => window.observed.tones === "5#");

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
    await bob.click("answer");
    await alice.shows("call-state", "In call");
    await bob.shows("call-state", "In call");
    assert.equal(await bob.page.title(), "sipwasm softphone");
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
    await bob.shows("outcome", /^Call with Ada, /);
  });

  test("declined, given up, nobody there", async (t) => {
    const alice = await open(t, demo);
    const bob = await open(t, demo, { context: alice.page.context() });
    await alice.connect();
    await bob.connect();

    await alice.click("contact-1002");
    await bob.click("decline");
    await alice.shows("outcome", "Grace is busy.");
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

  test("a second caller hears busy, and the person is told", async (t) => {
    const bob = await open(t, demo, { query: "?user=1002" });
    const eve = await open(t, demo, { query: "?user=1003" });
    await bob.connect();
    await eve.connect();
    await bob.click("contact-echo");
    await bob.shows("call-state", "In call");
    await eve.click("contact-1002");
    await eve.shows("outcome", "Grace is busy.");
    await bob.shows("notice", "Hedy called and heard that you are busy.");
    await bob.shows("call-state", "In call");
    await bob.click("hangup");
    await bob.shows("outcome", /^Call with Echo/);
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
    const copied = await tab.page.evaluate(() => navigator.clipboard.readText());
    assert.match(copied, /──▶.*\nINVITE sip:echo@sipwasm\.example SIP\/2\.0\n/);
    assert.doesNotMatch(copied, /REGISTER sip:/);

    await tab.click("trace-clear");
    assert.deepEqual(await tab.ladder(), []);
    await tab.shows("trace-count", "0");
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
  });

  test("an unreachable server is said in words", async (t) => {
    const tab = await open(t, demo, { expected: /WebSocket connection to 'ws:\/\/127\.0\.0\.1:9\/ws' failed/ });
    await tab.$("server").fill("ws://127.0.0.1:9/ws");
    await tab.click("connect");
    await tab.shows("problem-text", /^No connection to ws:\/\/127\.0\.0\.1:9\/ws\. Check the address/);
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
    for (const id of ["mute", "hold", "keypad", "hangup"]) {
      await press("Tab");
      assert.equal(await focused(), id);
    }
    await press("Enter");
    await tab.shows("outcome", /^Call with Echo/);
    assert.equal(await focused(), "number");
  });

  for (const width of [280, 400, 1280]) {
    test(`it fits into ${width} px, and everything has a name`, async (t) => {
      const tab = await open(t, demo, { viewport: { width, height: 700 } });
      const fits = async (where) => {
        const report = await tab.page.evaluate(() => ({
          over: document.documentElement.scrollWidth - window.innerWidth,
          nameless: [...document.querySelectorAll("button, input, select, summary, [role=meter]")]
            .filter((e) => e.checkVisibility() && !(e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim()))
            .map((e) => e.outerHTML),
          ids: [...document.querySelectorAll("[id]")].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i),
        }));
        assert.deepEqual(report, { over: Math.min(report.over, 0), nameless: [], ids: [] }, where);
      };
      await fits("account");
      await tab.connect();
      await fits("dial");
      await tab.click("contact-echo");
      await tab.shows("call-state", "In call");
      await fits("call");
      await tab.click("keypad");
      await fits("keypad");
      if (width < 896) await tab.page.getByRole("button", { name: "Trace" }).click();
      await tab.page.locator("#ladder li[data-method=INVITE] summary").first().click();
      await fits("trace");
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

  test("ends at once and in order; the page says so, keeps the call and can connect again", async (t) => {
    const demo = await startDemo();
    t.after(() => demo.stop());
    const tab = await open(t, demo, { expected: /WebSocket connection to .* failed/ });
    const bob = await open(t, demo, { context: tab.page.context(), expected: /WebSocket connection to .* failed/ });
    await tab.connect();
    await bob.connect();
    await tab.click("contact-1002");
    await bob.click("answer");
    await tab.shows("call-state", "In call");
    assert.equal(await demo.stop(), 0);
    await tab.shows("status", "Not connected");
    await tab.shows("problem-text", "The connection to the server broke. Connect again to go on.");
    await tab.shows("call-state", "In call");
    await tab.audioFlows(); // the sound goes from browser to browser
    await tab.click("hangup");
    await tab.shows("outcome", /^Call with Grace/);
    await tab.shows("problem-text", "The connection to the server broke. Connect again to go on.");
    await tab.click("reconnect");
    await tab.shows("problem-text", /^No connection to ws:/);

    const again = await startDemo(new URL(demo.url).host);
    t.after(() => again.stop());
    await tab.click("reconnect");
    await tab.shows("status", "Registered");
    await tab.click("contact-echo");
    await tab.shows("call-state", "In call");
    await tab.click("hangup");
    await tab.shows("outcome", /^Call with Echo/);
  });

  test("the page's TypeScript has no type error", async () => {
    await run(join(here, "../../wasm/npm/node_modules/.bin/tsc"), ["-p", join(here, "page")]);
  });
});
