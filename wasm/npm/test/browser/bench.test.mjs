// The benchmark of the pages still runs and tells what it is to tell; how fast anything is is asserted nowhere.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const LIBRARIES = ["jssip", "sipjs", "sipwasm"];
const result = new URL("../../../../build/bench-quick.json", import.meta.url);

test("the benchmark of the pages runs", async () => {
  await rm(result, { force: true });
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL("../bench/browser/run.mjs", import.meta.url)), "-quick"]);
  const { date, versions, rounds, figures, goals } = JSON.parse(await readFile(result, "utf8"));

  assert.ok(Date.now() - Date.parse(date) < 600_000, date);
  assert.deepEqual(Object.keys(versions).sort(), ["chromium", "go", ...LIBRARIES]);
  for (const version of Object.values(versions)) assert.match(version, /^(go)?\d+\.\d+/);

  assert.deepEqual(Object.keys(figures), ["bytes", "registeredCold", "registeredLine", "registeredWarm", "inviteFirst", "invite", "inviteStun", "accept",
    "cpuCall", "cpuCallMain", "memoryFirst", "memoryAfter", "privateFirst", "privateAfter"]);
  for (const [name, { unit, ...by }] of Object.entries(figures)) {
    assert.match(unit, /^(ms|kB|MB)$/);
    assert.deepEqual(Object.keys(by).sort(), LIBRARIES, name);
    for (const { median, min, max, n } of Object.values(by)) {
      assert.equal(n, rounds, name);
      assert.ok(min <= median && median <= max, `${name}: ${min}, ${median}, ${max}`);
      assert.ok(min > 0 || name.startsWith("cpu"), `${name}: ${min}`); // six calls may take less than the clock of a process sees
    }
  }

  assert.equal(goals.length, 8);
  for (const { goal, ratio, met } of goals) {
    assert.ok(Number.isFinite(ratio) && typeof met === "boolean", goal);
    assert.ok(stdout.includes(`\n${met ? "met   " : "missed"}  ${ratio.toFixed(2).padStart(6)}  ${goal}\n`), goal);
  }
  for (const title of ["navigation → registered, warm cache", "Milliseconds since navigation", "Milliseconds since call()",
    "Self times while a page loads, warm cache, sipwasm", "Self times of the main thread during 6 calls, JsSIP"]) {
    assert.ok(stdout.includes(`\n${title}`), title);
  }
  const profile = await readFile(new URL("bench-quick-profile.txt", result), "utf8");
  assert.match(profile, /Go, compiled/);
  assert.match(profile, /wasm\.CompileLazy/);
});
