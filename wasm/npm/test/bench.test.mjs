// The benchmark still runs; how fast is asserted nowhere.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

test("the benchmark runs", async () => {
  const { stdout } = await promisify(execFile)(fileURLToPath(new URL("../../../.ci/bench-core", import.meta.url)), ["-quick"]);
  assert.match(stdout, /\ninvite msg\/s native=[1-9]\d* wasm=[1-9]\d* jssip=[1-9]\d* sipjs=[1-9]\d* ratio=\d+\.\d\d\n$/);
});
