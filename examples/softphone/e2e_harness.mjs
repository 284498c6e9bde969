// What the tests of the demo have in common: the Go program, started as it is, and tabs of Chromium with its page.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { launchChromium } from "../../wasm/npm/test/interop/chromium.mjs";

export const here = fileURLToPath(new URL(".", import.meta.url));
const examples = join(here, "..");
export const run = promisify(execFile);
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
export async function startDemo(addr = "127.0.0.1:0") {
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

  /** What a screen reader is told at once, and how. */
  announced() {
    return this.$("announcement").evaluate((e) => [e.role, e.checkVisibility() ? e.textContent : "(hidden)"]);
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

  /** Checks that nothing is wider than the window, everything has a name, and no id is there twice. */
  async fits(where) {
    const report = await this.page.evaluate(() => ({
      over: document.documentElement.scrollWidth - window.innerWidth,
      nameless: [...document.querySelectorAll("button, input, select, summary, [role=meter]")]
        .filter((e) => e.checkVisibility() && !(e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim()))
        .map((e) => e.outerHTML),
      ids: [...document.querySelectorAll("[id]")].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i),
    }));
    assert.deepEqual(report, { over: Math.min(report.over, 0), nameless: [], ids: [] }, where);
  }

  /** A picture of the page in the directory SHOTS, for people to look at. */
  async shot(name) {
    if (process.env.SHOTS) await this.page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage: true });
  }

  /** The list of the calls: "Grace, In call", each without its time; the one that is shown has a star. */
  async calls() {
    return this.page.$$eval("#calls:not([hidden]) .pick", (rows) => rows.map((row) => {
      const state = row.querySelector("i").textContent.replace(/ [\d:]+$/, "");
      return `${row.ariaCurrent === "true" ? "*" : ""}${row.querySelector("b").textContent}, ${state}`;
    }));
  }

  /** Waits until the list of the calls reads so. */
  async lists(wanted) {
    const deadline = Date.now() + patience;
    let now;
    do {
      now = await this.calls();
      if (JSON.stringify(now) === JSON.stringify(wanted)) return;
      await setTimeout(50);
    } while (Date.now() < deadline);
    assert.deepEqual(now, wanted, `the page complains: ${this.complaints.join("; ")}`);
  }

  /** Clicks the call of this name in the list. */
  async pick(name) {
    await this.page.bringToFront();
    await this.page.locator("#calls-list .pick", { hasText: name }).click();
  }

  /** What the ladder can be narrowed to. */
  filters() {
    return this.$("trace-filter").evaluate((e) => [...e.options].map(({ text }) => text));
  }

  /** The arrows of the ladder: "> REGISTER", "< 401 Unauthorized". */
  async ladder() {
    return this.page.$$eval("#ladder li[data-dir]:not([hidden])", (rows) =>
      rows.map((row) => `${row.dataset.dir === "out" ? ">" : "<"} ${row.querySelector(".label b").textContent}`));
  }
}

/** Gives `open(t, …)`: a new tab of one browser, which must not complain. */
export function tabsOf(launchOptions) {
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
