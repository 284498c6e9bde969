// A page with one of the libraries in it, and what is measured of it.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { within } from "../../interop/chromium.mjs";

const LIMIT_MS = 30_000;
const TICKS = 100; // a second: what /proc counts processor time in

export class PhonePage {
  /** Bytes that came over the network for the page and what it loads. */
  bytes = 0;
  /** When what happened until it was registered, in milliseconds since the navigation began. */
  loaded;
  #page;
  #devtools;
  #pid;
  #name;

  /** Opens a page and waits until it is registered. `line` is a slower network: { latency, downloadThroughput, uploadThroughput }. */
  static async open(context, url, settings, line) {
    const phone = new PhonePage();
    try {
      await phone.#open(context, url, settings, line);
    } catch (error) {
      await phone.close();
      throw error;
    }
    return phone;
  }

  async #open(context, url, settings, line) {
    const page = this.#page = await context.newPage();
    this.#name = new URL(url).pathname;
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(error.stack ?? String(error)));
    const devtools = this.#devtools = await context.newCDPSession(page);
    devtools.on("Network.loadingFinished", ({ encodedDataLength }) => { this.bytes += encodedDataLength; });
    await devtools.send("Network.enable");
    await devtools.send("Performance.enable");
    if (line) await devtools.send("Network.emulateNetworkConditions", { offline: false, ...line });
    await page.goto(`${url}?${new URLSearchParams(settings)}`);
    await page.waitForFunction(() => window.phone, null, { timeout: LIMIT_MS }).catch((error) => {
      throw new Error(`${url} is not registered: ${complaints.join("; ") || error.message}`);
    });
    this.loaded = await page.evaluate(() => ({
      ...Object.fromEntries(performance.getEntries().filter(({ responseEnd }) => responseEnd).map(
        ({ name, responseEnd }) => [`${/[^/]*\.\w+$/.exec(new URL(name).pathname)?.[0] ?? "page"} here`, responseEnd])),
      ...window.bench.first,
    }));
  }

  get devtools() { return this.#devtools; }

  close() { return this.#page?.close(); }

  /** Runs a function in the page. */
  run(what, f, argument, limitMs = LIMIT_MS) { return within(limitMs, `${this.#name} ${what}`, this.#page.evaluate(f, argument)); }

  /**
   * Calls somebody, talks for so many milliseconds and hangs up. Resolves with what happened until the call was answered,
   * in milliseconds since call(). Whatever has not sent its INVITE when `patience` ends has taken that long.
   */
  call(user, talk, patience = LIMIT_MS) {
    return this.run("calls", async ([user, talk, patience]) => {
      const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      window.bench.clear();
      const begin = performance.now();
      const line = window.phone.call(user);
      const silent = pause(patience).then(() => !window.bench.first[">INVITE"]);
      if (await Promise.race([line.answered.then(() => false), silent])) return { ">INVITE": patience };
      await line.answered;
      const marks = Object.fromEntries(Object.entries(window.bench.first).map(([name, at]) => [name, at - begin]));
      await pause(talk);
      line.hangup();
      await line.ended;
      return marks;
    }, [user, talk, patience], patience + LIMIT_MS);
  }

  /** Makes so many calls, some at once. */
  calls(user, count, atOnce, talk) {
    return this.run(`makes ${count} calls`, ([user, count, atOnce, talk]) => {
      let left = count;
      return Promise.all(Array.from({ length: atOnce }, async () => {
        while (left-- > 0) {
          const line = window.phone.call(user);
          await line.answered;
          await new Promise((resolve) => setTimeout(resolve, talk));
          line.hangup();
          await line.ended;
        }
      }));
    }, [user, count, atOnce, talk], LIMIT_MS + 2000 * count);
  }

  /** Seconds of processor time: of all threads of its process, and of the main thread's tasks; and by the clock. */
  async cpu() {
    const { metrics } = await this.#devtools.send("Performance.getMetrics");
    const metric = (name) => metrics.find((each) => each.name === name).value;
    return { process: metric("ProcessTime"), main: metric("TaskDuration"), clock: metric("Timestamp") };
  }

  /** Bytes after garbage collection: of the page (JavaScript, the DOM, buffers, the Go program), and those that its process has for itself. */
  async memory() {
    for (let i = 0; i < 2; i++) await this.#devtools.send("HeapProfiler.collectGarbage"); // the second takes what finalizers of the first let go
    const { usedSize, embedderHeapUsedSize, backingStorageSize } = await this.#devtools.send("Runtime.getHeapUsage");
    const program = await this.run("counts", () => window.bench.memory?.buffer.byteLength ?? 0);
    return { page: usedSize + embedderHeapUsedSize + backingStorageSize + program, private: privateBytes(await this.#process()) };
  }

  /** The process id of the page. DevTools do not tell it: it is the renderer that has used as much processor time. */
  async #process() {
    if (this.#pid) return this.#pid;
    for (let attempt = 0; attempt < 20; attempt++) {
      const { process: time } = await this.cpu();
      const near = renderers().filter((each) => Math.abs(each.time - time) < 3.5 / TICKS);
      if (near.length === 1) return (this.#pid = near[0].pid);
      // Another one has used as much just now: use some more.
      await this.run("works", () => { for (const end = performance.now() + 60; performance.now() < end;); });
    }
    throw new Error(`${this.#name}: its process was not found`);
  }
}

/** The renderers of this network namespace and the processor time that they have used, in seconds. */
function renderers() {
  const here = readlinkSync("/proc/self/ns/net");
  const found = [];
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("--type=renderer") || readlinkSync(`/proc/${pid}/ns/net`) !== here) continue;
      const [user, system] = readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) /, "").split(" ").slice(11, 13).map(Number);
      found.push({ pid, time: (user + system) / TICKS });
    } catch {
      // it has ended meanwhile
    }
  }
  return found;
}

function privateBytes(pid) {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  return 1024 * [...rollup.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm)].reduce((sum, [, kB]) => sum + Number(kB), 0);
}
