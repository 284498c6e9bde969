// Pages with sipwasm, JsSIP and SIP.js, measured side by side in one Chromium with one Kamailio: `make bench`.
//
//     node run.mjs           fifteen rounds, into build/bench.json
//     node run.mjs -quick    shows in a minute that it works, into build/bench-quick.json; its numbers mean nothing
//
// The libraries take turns, A B C A B C …, so that what else the machine does meets all of them, and the median counts. A turn
// has pages at addresses of their own, with empty caches: one registers over a slower line and is closed. The other registers,
// calls, is called, makes a hundred calls and rests until its transactions are over, which last 32 s longer than their calls.
// Meanwhile the others have their turns. Then the same address is opened twice more, and the second time counts as the warm
// one: only then has Chromium kept the compiled script. The other side of every call is a page of JsSIP in a process of its own.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { launchChromium } from "../../interop/chromium.mjs";
import { DOMAIN, passwordOf, startKamailio } from "../../interop/kamailio.mjs";
import { FIGURES, judge, LIBRARIES, summarize, table, timeline } from "./figures.mjs";
import { PhonePage } from "./phone_page.mjs";
import { probe } from "./probe.mjs";
import { profileCalls, profileLines, profileLoad } from "./profile.mjs";
import { serveLibraries } from "./serve.mjs";

const quick = process.argv.includes("-quick");
const ROUNDS = quick ? 2 : 15;
const CALLS = quick ? 6 : 100; // of a page
const AT_ONCE = 5;
const TALK_MS = 100;
const IDLE_MS = quick ? 100 : 1000;
const REST_MS = quick ? 0 : 35_000;
const STUN = "stun:192.0.2.1:3478"; // RFC 5737: nobody is there, and nobody says so
const STUN_PATIENCE_MS = quick ? 2500 : 60_000;
const STUN_STEP_MS = quick ? 200 : 1000;
const LINE = { latency: 40, downloadThroughput: 20e6 / 8, uploadThroughput: 20e6 / 8 }; // ms, bytes a second
const LIMIT_MS = 25 * 60_000;
const ROOT = new URL("../../../../../", import.meta.url);
const NAMES = Object.keys(LIBRARIES);

const started = performance.now();
const samples = Object.fromEntries(Object.keys(FIGURES).map((figure) => [figure, Object.fromEntries(NAMES.map((name) => [name, []]))]));
const loads = Object.fromEntries(NAMES.map((name) => [name, []]));
const calls = Object.fromEntries(NAMES.map((name) => [name, []]));
const load = [loadavg()[0]];
const cleanups = [];
const resting = []; // pages that wait for the measurement of what they keep
let users = 1000;
let context, kamailio, pages, peer;

const limit = setTimeout(() => {
  console.error(`bench: not finished within ${LIMIT_MS / 60_000} minutes`);
  process.exit(1);
}, LIMIT_MS);
try {
  await prepare();
  for (let round = 1; round <= ROUNDS; round++) {
    await withPeer(round, async () => {
      for (const library of NAMES) {
        await finishRested();
        await turn(library, round);
      }
    });
    progress(`round ${round} of ${ROUNDS}`);
  }
  await finishRested(true);
  await withPeer("stun", unreachableStun);
  progress("unreachable STUN server");
  await report();
} catch (error) {
  console.error(`bench: ${error.stack ?? error}`);
  process.exitCode = 1;
} finally {
  clearTimeout(limit);
  for (const cleanup of cleanups.reverse()) await cleanup();
}

async function prepare() {
  const profile = await mkdtemp(join(tmpdir(), "sipwasm-bench-"));
  cleanups.push(() => rm(profile, { recursive: true, force: true, maxRetries: 5 }));
  kamailio = await startKamailio();
  cleanups.push(() => kamailio.stop());
  pages = await serveLibraries(NAMES, quick ? 1 : 11);
  cleanups.push(() => pages.close());
  context = await launchChromium({ profile });
  cleanups.push(() => context.close());
  await context.addInitScript(probe);
  progress("Kamailio, Chromium and the pages are ready");
}

function progress(what) { console.log(`${String(Math.round((performance.now() - started) / 1000)).padStart(4)} s  ${what}`); }

function pause(ms) { return new Promise((resolve) => setTimeout(resolve, ms)); }

/** Each name is a site of its own, with caches and processes of its own. */
async function open(library, site, { line, ...more } = {}) {
  const user = String(++users);
  const settings = { user, domain: DOMAIN, password: passwordOf(user), server: kamailio.ws, ...more };
  const page = await PhonePage.open(context, pages.url(`${library}-${site}`, library), settings, line);
  return Object.assign(page, { user });
}

/** Runs `act` while a new page is there as the other side. */
async function withPeer(site, act) {
  peer = await open("jssip", `peer-${site}`);
  try {
    await act();
  } finally {
    await peer.close();
  }
}

async function turn(library, round) {
  const add = (figure, value) => samples[figure][library].push(value);
  const slow = await open(library, `slow-${round}`, { line: LINE });
  add("registeredLine", slow.loaded["<200 REGISTER"]);
  await slow.close();

  const page = await open(library, round);
  add("bytes", page.bytes / 1000);
  add("registeredCold", page.loaded["<200 REGISTER"]);

  const first = await page.call(peer.user, TALK_MS);
  calls[library].push(first);
  add("inviteFirst", first[">INVITE"]);
  const { page: used, private: own } = await page.memory();
  add("memoryFirst", used / 1e6);
  add("privateFirst", own / 1e6);

  const { process, main } = await processorTime(page, () => page.calls(peer.user, CALLS - 1, AT_ONCE, TALK_MS));
  add("cpuCall", (1000 * process) / (CALLS - 1));
  add("cpuCallMain", (1000 * main) / (CALLS - 1));
  add("invite", (await page.call(peer.user, TALK_MS))[">INVITE"]);

  await page.run("clears", () => window.bench.clear());
  await peer.call(page.user, TALK_MS);
  add("accept", await page.run("tells", () => window.bench.first[">200 INVITE"] - window.bench.first["<INVITE"]));
  resting.push({ library, round, page, until: performance.now() + REST_MS });
}

/** Seconds of processor time that `act` takes, without what the page takes anyway. */
async function processorTime(page, act) {
  const a = await page.cpu();
  await pause(IDLE_MS);
  const b = await page.cpu();
  await act();
  const c = await page.cpu();
  const share = (b.clock - a.clock) && (c.clock - b.clock) / (b.clock - a.clock);
  const took = (kind) => c[kind] - b[kind] - share * (b[kind] - a[kind]);
  return { process: took("process"), main: took("main") };
}

/** Measures what pages keep that have rested, or all of them after a wait, closes them and opens their addresses again. */
async function finishRested(all = false) {
  while (resting.length > 0 && (all || resting[0].until <= performance.now())) {
    const { library, round, page, until } = resting.shift();
    await pause(Math.max(0, until - performance.now()));
    const { page: used, private: own } = await page.memory();
    samples.memoryAfter[library].push(used / 1e6);
    samples.privateAfter[library].push(own / 1e6);
    await page.close();
    const second = await open(library, round);
    await pause(300);
    await second.close();
    const third = await open(library, round);
    samples.registeredWarm[library].push(third.loaded["<200 REGISTER"]);
    loads[library].push(third.loaded);
    await third.close();
  }
}

/** The waits take no processor time, so that they may overlap; what leads to them does not. */
async function unreachableStun() {
  const waits = [];
  for (let round = 1; round <= ROUNDS; round++) {
    for (const library of NAMES) {
      const page = await open(library, round, { stun: STUN });
      waits.push(page.call(peer.user, TALK_MS, STUN_PATIENCE_MS)
        .then((marks) => samples.inviteStun[library].push(marks[">INVITE"]))
        .finally(() => page.close()));
      waits.at(-1).catch(() => {}); // it is told below
      await pause(STUN_STEP_MS);
    }
  }
  await Promise.all(waits);
}

async function report() {
  load.push(loadavg()[0]);
  const figures = summarize(samples);
  const goals = judge(figures);
  const lines = ["", ...table(figures), ""];
  lines.push("Median (least–most). Each figure is of so many pages: " + ROUNDS + ".");
  lines.push("call() → INVITE has the library's own defaults; only the STUN servers are set, to none or to one that does not answer.");
  lines.push(`Processor time: from call() to the end, of ${CALLS - 1} calls, ${AT_ONCE} at once, ${TALK_MS} ms of talk each, without what the idle page takes.`);
  lines.push("The goal goes by that of all threads, because sound, compilers and collectors work beside the main one and drain a battery all the same.");
  if (samples.inviteStun.jssip.concat(samples.inviteStun.sipjs).some((ms) => ms >= STUN_PATIENCE_MS)) {
    lines.push(`A call that had not sent its INVITE after ${STUN_PATIENCE_MS / 1000} s was given up: it counts with that time.`);
  }
  lines.push("");
  for (const { goal, ratio, met } of goals) lines.push(`${met ? "met   " : "missed"}  ${ratio.toFixed(2).padStart(6)}  ${goal}`);
  const reasons = await explain(new Set(goals.filter(({ met, phases }) => phases && (!met || quick)).map(({ phases }) => phases)));
  lines.push(...reasons, "", `load average ${load.map((each) => each.toFixed(1)).join(" at first, ")} at the end, ${availableParallelism()} processors`);
  console.log(lines.join("\n"));

  const name = quick ? "bench-quick" : "bench";
  const json = {
    date: new Date().toISOString(), versions: await versions(), machine: { processors: availableParallelism(), load }, rounds: ROUNDS,
    figures, goals: goals.map(({ goal, ratio, met }) => ({ goal, ratio, met })),
  };
  await writeFile(new URL(`build/${name}.json`, ROOT), `${JSON.stringify(json, null, 2)}\n`);
  if (reasons.length > 0) await writeFile(new URL(`build/${name}-profile.txt`, ROOT), `${reasons.join("\n").trim()}\n`);
}

/** Where the time goes, as lines of text. */
async function explain(phases) {
  const lines = [];
  if (phases.has("load")) {
    lines.push("", ...timeline("Milliseconds since navigation, warm cache, medians", loads));
    for (const library of ["sipwasm", "jssip"]) {
      lines.push("", ...profileLines("Self times while a page loads, warm cache", library, await profileLoad(context, () => open(library, 1))));
    }
  }
  if (phases.has("call")) lines.push("", ...timeline("Milliseconds since call(), first call of a page, medians", calls));
  if (phases.has("cpu")) {
    await withPeer("profile", async () => {
      for (const library of ["sipwasm", "jssip"]) {
        const page = await open(library, 1);
        const ranked = await profileCalls(page, () => page.calls(peer.user, CALLS, AT_ONCE, TALK_MS));
        lines.push("", ...profileLines(`Self times of the main thread during ${CALLS} calls`, library, ranked));
        await page.close();
      }
    });
  }
  return lines;
}

async function versions() {
  const json = async (path) => JSON.parse(await readFile(fileURLToPath(new URL(path, ROOT)), "utf8"));
  const version = async (name) => (await json(`wasm/npm/node_modules/${name}/package.json`)).version;
  return {
    chromium: (await (await context.newCDPSession(context.pages()[0])).send("Browser.getVersion")).product.split("/")[1],
    sipwasm: (await json("wasm/npm/package.json")).version, jssip: await version("jssip"), sipjs: await version("sip.js"),
    go: (await json("wasm/npm/dist/build-info.json")).go,
  };
}
