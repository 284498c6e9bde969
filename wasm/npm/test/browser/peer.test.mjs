// The browser's media as Go drives it: the tests TestChromium… of ./wasm, in a page.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { pagesFor } from "./harness.mjs";
import { startStun } from "./stun.mjs";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
const SERVED = join(ROOT, "build/peer"); // at /peer
const TESTS = ["Forks", "RestartICE", "Video", "VideoOfBoth", "VideoRefused", "SharedStream", "Mix", "ClosedByThePage", "ICEUnreachable", "ICEOnce", "ICEEnough",
  "ICEEarly"];

describe("peer connection", () => {
  const open = pagesFor({ before, after });
  let stun;

  before(async () => {
    stun = await startStun();
    const go = (args, env) => execFileSync("go", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } }).trim();
    mkdirSync(SERVED, { recursive: true });
    const modfile = go(["run", "-C", "examples", "./build", "-modfile"]);
    go(["test", "-c", "-o", join(SERVED, "peer_test.wasm"), `-modfile=${modfile}`, "-tags=sipgo_server", "./wasm"], { GOOS: "js", GOARCH: "wasm" });
    copyFileSync(join(go(["env", "GOROOT"]), "lib/wasm/wasm_exec.js"), join(SERVED, "wasm_exec.js"));
    const entrance = readFileSync(join(ROOT, "wasm/testdata/entrance.js"), "utf8");
    writeFileSync(join(SERVED, "entrance.js"), `((running) => {\n${entrance}})(false);\n`);
  });

  after(() => stun?.stop());

  test("every test for Chromium is run here", () => {
    const listed = execFileSync("grep", ["-rhoE", "^func TestChromium[A-Za-z]+", "--include=*_js_test.go", join(ROOT, "wasm")], { encoding: "utf8" });
    assert.deepEqual(listed.trim().split("\n").map((line) => line.replace("func TestChromium", "")).sort(), [...TESTS].sort());
  });

  for (const name of TESTS) {
    test(name, async (t) => {
      const page = await open(t);
      const { code, output } = await page.evaluate(async ([pattern, server]) => {
        await import("/peer/wasm_exec.js");
        await import("/peer/entrance.js");
        const lines = [];
        globalThis.process.cwd = () => "/";
        globalThis.fs.writeSync = (_, bytes) => { lines.push(new TextDecoder().decode(bytes)); return bytes.length; };
        globalThis.fs.write = (fd, bytes, offset, length, position, done) => done(null, globalThis.fs.writeSync(fd, bytes.subarray(offset, offset + length)));
        const go = new globalThis.Go();
        go.env = { STUN: server };
        go.argv = ["wasm.test", "-test.v", `-test.run=${pattern}`, "-test.timeout=100s"];
        let code;
        go.exit = (status) => { code = status; };
        const { instance } = await WebAssembly.instantiateStreaming(fetch("/peer/peer_test.wasm"), go.importObject);
        await go.run(instance);
        return { code, output: lines.join("") };
      }, [`^TestChromium${name}$`, stun.address]);
      for (const [, , what, seconds] of output.matchAll(/--- (PASS|FAIL): (\S+) \(([\d.]+)s\)/g)) t.diagnostic(`${what} ${seconds} s`);
      assert.equal(code, 0, output);
      assert.match(output, /--- PASS/, "it was not skipped");
    });
  }
});
