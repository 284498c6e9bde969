// The estimate against what is published of it: ITU-T G.107 Annex B, G.109, G.113 Appendix I.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

// It is not exported, so that the compiler makes a module of it for this test.
const npm = fileURLToPath(new URL("..", import.meta.url));
const tsc = fileURLToPath(import.meta.resolve("typescript/package.json").replace("package.json", "bin/tsc"));
const dir = await mkdtemp(join(tmpdir(), "mos-"));
after(() => rm(dir, { recursive: true }));
await promisify(execFile)(process.execPath, [tsc, "src/mos.ts", "--ignoreConfig", "--target", "es2022", "--module", "es2022", "--types", "", "--strict", "--outDir", dir], { cwd: npm });
const { mosOf, rating } = await import(join(dir, "mos.js"));

const near = (value, wanted, within, what) => assert.ok(Math.abs(value - wanted) <= within, `${what}: ${value} is not ${wanted}`);

test("MOS of R: Annex B, and the table of G.109", () => {
  for (const [r, mos] of [[93.2, 4.41], [90, 4.34], [80, 4.03 /* rounded up there */], [70, 3.6], [60, 3.1], [50, 2.58], [0, 1], [-20, 1], [100, 4.5], [120, 4.5]]) {
    near(mosOf(r), mos, 0.0061, `R ${r}`);
  }
  for (let r = 0; r < 100; r += 0.5) assert.ok(mosOf(r + 0.5) >= mosOf(r) && mosOf(r) >= 1 && mosOf(r) <= 4.5, String(r));
});

test("R: the default values, and what takes away from them", () => {
  for (const [codec, loss, delay, wanted, within] of [
    ["PCMU", 0, 0, 93.2, 0], // section 7.7: all parameters at their defaults
    ["PCMA", 0, 100, 93.2, 0], // no impairment up to 100 ms
    ["opus", 0, 150, 92.9, 0.2],
    ["PCMU", 0, 200, 90.2, 0.3], // x is 1
    ["PCMU", 0, 400, 69.4, 0.5], // G.114: many are not content
    ["PCMU", 0.01, 0, 93.2 - 95 / 26.1, 1e-9], // section 7.5 with BurstR 1
    ["pcmu", 0.05, 0, 93.2 - 95 * 5 / 30.1, 1e-9],
    ["G729", 0, 0, 82.2, 1e-9],
    ["G729", 0.02, 0, 93.2 - 11 - 84 * 2 / 21, 1e-9],
    ["opus", 1, 5000, 0, 0],
    ["opus", 7, 0, 93.2 - 95 * 100 / 125.1, 1e-9],
  ]) {
    near(rating({ codec, loss, delay }), wanted, within, `${codec} ${loss} ${delay}`);
  }
});

test("what nobody has told is not guessed", () => {
  for (const wrong of [{ codec: "iLBC" }, { codec: "constructor" }, { loss: NaN }, { loss: -1 }, { delay: NaN }, { delay: undefined }]) {
    assert.equal(rating({ codec: "opus", loss: 0, delay: 0, ...wrong }), undefined, JSON.stringify(wrong));
  }
});
