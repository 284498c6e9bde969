// What is in the tarball, and that it is what it says it is.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { pack, project, TSC } from "./project.mjs";

describe("tarball", () => {
  let files, directory, installed;
  const read = (path) => readFileSync(join(installed, path));
  before(async () => {
    let tarball;
    ({ tarball, files } = await pack());
    directory = await project(tarball, {});
    installed = join(directory, "node_modules/sipwasm");
  });

  test("it has what is needed and nothing else", () => {
    assert.deepEqual([...files].sort(), [
      "LICENSE", "README.md", "dist/LICENSES.txt", "dist/build-info.json", "dist/index.d.ts", "dist/index.js", "dist/index.js.map", "dist/sipwasm.iife.js",
      "dist/sipwasm.iife.js.map", "dist/sipwasm.wasm", "dist/sipwasm.wasm.gz", "package.json",
    ]);
    assert.deepEqual(read("LICENSE"), readFileSync(fileURLToPath(new URL("../../../../LICENSE", import.meta.url))));
  });

  test("build-info.json is about these very files", () => {
    const info = JSON.parse(read("dist/build-info.json"));
    const { name, version } = JSON.parse(read("package.json"));
    assert.deepEqual([info.name, info.version], [name, version]);
    assert.deepEqual(Object.keys(info.files).map((file) => `dist/${file}`).sort(),
      files.filter((file) => file.startsWith("dist/") && file !== "dist/build-info.json").sort());
    for (const [file, { size, sha256 }] of Object.entries(info.files)) {
      const bytes = read(`dist/${file}`);
      assert.deepEqual({ size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") }, { size, sha256 }, file);
    }
  });

  test("the gzip is the wasm, and fits into a Salesforce static resource", () => {
    const zipped = read("dist/sipwasm.wasm.gz");
    assert.ok(gunzipSync(zipped).equals(read("dist/sipwasm.wasm")));
    assert.ok(zipped.length < 5_000_000, `${zipped.length} bytes`);
    assert.deepEqual([...zipped.subarray(3, 8)], [0, 0, 0, 0, 0], "no name, no time: equal files are equal bytes");
  });

  test("every export leads to a file, and the types to declarations", () => {
    const { exports } = JSON.parse(read("package.json"));
    const { resolve } = createRequire(join(directory, "package.json"));
    for (const [path, target] of Object.entries(exports)) {
      assert.equal(resolve(path.replace(".", "sipwasm")), join(installed, target.default ?? target), path);
      if (typeof target === "object") {
        assert.equal(Object.keys(target)[0], "types", "the first that matches counts");
        assert.ok(existsSync(join(installed, target.types)));
      }
    }
  });

  test("TypeScript knows the global of the script", async () => {
    writeFileSync(join(directory, "tsconfig.json"), JSON.stringify({
      compilerOptions: { target: "es2022", module: "esnext", moduleResolution: "bundler", moduleDetection: "legacy", types: ["sipwasm"], strict: true, noEmit: true },
      files: ["phone.ts"],
    }));
    writeFileSync(join(directory, "phone.ts"), `
      function phone(uri: string): Promise<sipwasm.UserAgent> { return sipwasm.UserAgent.create({ uri, servers: ["wss://example.com"] }); }
      // @ts-expect-error
      phone(1);
    `);
    await promisify(execFile)(process.execPath, [TSC, "-p", directory]).catch(({ stdout }) => assert.fail(stdout));
  });

  test("importing it touches nothing, so that a server may render with it", async () => {
    const before = Object.getOwnPropertyNames(globalThis);
    const { UserAgent, VERSION } = await import(join(installed, "dist/index.js"));
    assert.equal(typeof UserAgent.create, "function");
    assert.equal(VERSION, JSON.parse(read("package.json")).version);
    assert.deepEqual(Object.getOwnPropertyNames(globalThis), before);
  });
});
