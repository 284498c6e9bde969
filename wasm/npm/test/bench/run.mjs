// Messages per second on the same bytes, side by side: `make bench-core`.
//
// Each contestant is a process of its own. They take turns in short rounds, one at a time (A B C D A B C D …), so that
// what else the machine does meets all of them, and the median of the rounds counts. A round before them is for the
// compilers to warm up and does not count.
import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { KINDS, TURN } from "./messages.mjs";

const quick = process.argv.includes("-quick"); // shows that it works
const ms = quick ? 10 : 250;
const rounds = (kind) => (quick ? 1 : kind === "invite" ? 9 : 5);
const patience = (kind) => (kind === "invite" ? 30_000 : 10_000); // ms, after which three rounds must do
const root = fileURLToPath(new URL("../../../..", import.meta.url));
const exec = promisify(execFile);

/** A module beside this one, in a Node of its own. */
async function inNode(name) {
  const child = fork(fileURLToPath(new URL("contestant.mjs", import.meta.url)), [name]);
  const ended = once(child, "exit").then(([code]) => { throw new Error(`${name} ended with code ${code}`); });
  ended.catch(() => {}); // at the end it is meant to
  const answer = () => Promise.race([once(child, "message").then(([message]) => message), ended]);
  await answer();
  return {
    measure(kind, warmUp) {
      child.send({ kind, ms, warmUp });
      return answer();
    },
    end: () => child.disconnect(),
  };
}

/**
 * A benchmark of sipua/bench_test.go, by go test's own measurement, which knows the allocations too. It is run `count`
 * times in one process, of which the last counts.
 */
function inGo(benchmark, count, command, ...before) {
  return {
    async measure(kind) {
      const args = [...before, "-test.run=^$", `-test.bench=^${benchmark}$/^${kind}$`, `-test.benchtime=${ms}ms`, `-test.count=${count}`];
      const { stdout } = await exec(command, args, { cwd: join(root, "sipua") });
      const [, ns, bytes, allocs] = [...stdout.matchAll(/ ([\d.]+) ns\/op\s+(\d+) B\/op\s+(\d+) allocs\/op/g)].at(-1) ?? [];
      if (!ns) throw new Error(`${benchmark}/${kind} measured nothing:\n${stdout}`);
      return { perSecond: (1e9 * TURN[kind].length) / ns, bytes: Number(bytes), allocs: Number(allocs) };
    },
    end() {},
  };
}

async function goTest(out, env = {}) {
  await exec("go", ["test", "-c", "-o", out, "./sipua"], { cwd: root, env: { ...process.env, ...env } });
  return out;
}

const busy = loadavg()[0];
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

const dir = await mkdtemp(join(tmpdir(), "bench-core-"));
const contestants = [];
try {
  const native = await goTest(join(dir, "native.test"));
  const wasm = await goTest(join(dir, "wasm.test"), { GOOS: "js", GOARCH: "wasm" });
  for (const [name, kinds, contestant] of [
    ["native, answered", KINDS, inGo("BenchmarkAnswer", 1, native)],
    ["native, parsed", KINDS, inGo("BenchmarkParse", 1, native)],
    // The compiler of WebAssembly needs the first run to warm up.
    ["wasm, parsed", ["invite"], inGo("BenchmarkParse", 2, join(root, ".ci", "wasm-exec"), wasm)],
    ["wasm, answered", KINDS, await inNode("sipwasm")],
    ["JsSIP, parsed", KINDS, await inNode("jssip")],
    ["JsSIP, answered", ["invite"], await inNode("jssip_answer")],
    ["SIP.js, parsed", KINDS, await inNode("sipjs")],
  ]) contestants.push({ name, kinds, contestant, results: {} });

  for (const kind of KINDS) {
    const begin = performance.now();
    for (let round = 0; round <= rounds(kind); round++) {
      if (round > 3 && performance.now() - begin > patience(kind)) break;
      for (const { kinds, contestant, results } of contestants) {
        if (!kinds.includes(kind)) continue;
        const result = await contestant.measure(kind, round === 0);
        if (round > 0) (results[kind] ??= []).push(result);
      }
    }
  }
} finally {
  for (const { contestant } of contestants) contestant.end();
  await rm(dir, { recursive: true });
}

const rate = (name, kind, per = "perSecond") => {
  const results = contestants.find((c) => c.name === name).results[kind];
  return results && Math.round(median(results.map((r) => r[per])));
};
const columns = { invite: "INVITE, ACK", ok_invite: "200 INVITE+SDP", ok_register: "200 REGISTER" };
console.log(["messages per second".padEnd(20), ...KINDS.map((k) => columns[k].padStart(14)), "  allocations of INVITE and ACK"].join("  "));
for (const { name, results } of contestants) {
  const { allocs, bytes } = results.invite[0];
  console.log([name.padEnd(20), ...KINDS.map((k) => String(rate(name, k) ?? "").padStart(14)), allocs ? `  ${allocs}, ${bytes} B` : ""].join("  ").trimEnd());
}
console.log(`
All rows count the messages of the same bytes: an INVITE with SDP and its ACK in turn, or a 200.
answered: from the bytes to the answer's bytes, in and out of WebAssembly included: parser, transaction, response, and the
          transaction's end by the ACK; a 200 is matched and reported instead
parsed:   the parser alone, which makes no answer; in wasm without the way in, and not built for size as the product is`);
const [cpuWasm, cpuJssip] = ["wasm, answered", "JsSIP, parsed"].map((name) => rate(name, "invite", "perCpuSecond"));
console.log(`per second of processor time, all threads: wasm=${cpuWasm} jssip=${cpuJssip} ratio=${(cpuWasm / cpuJssip).toFixed(2)}`);
if (busy > availableParallelism() / 2) {
  console.log(`the machine was busy (load ${busy.toFixed(1)}): all numbers are too low, and ratios of the clock's time uncertain`);
}
const [native, wasm, jssip, sipjs] = ["native, answered", "wasm, answered", "JsSIP, parsed", "SIP.js, parsed"].map((name) => rate(name, "invite"));
console.log(`invite msg/s native=${native} wasm=${wasm} jssip=${jssip} sipjs=${sipjs} ratio=${(wasm / jssip).toFixed(2)}`);
