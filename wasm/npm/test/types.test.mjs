import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const npm = fileURLToPath(new URL("..", import.meta.url));
const tsc = fileURLToPath(import.meta.resolve("typescript/package.json").replace("package.json", "bin/tsc"));

/** Runs the compiler and gives what it says; empty when it is content. */
const compile = (...args) => new Promise((resolve) => {
  execFile(process.execPath, [tsc, ...args], { cwd: npm }, (error, stdout, stderr) => resolve(error ? stdout + stderr || String(error) : ""));
});

test("programs that must compile do, and those that must not do not", async () => {
  assert.equal(await compile("-p", "tsconfig.types.json"), "", "the declarations are written");
  assert.equal(await compile("-p", "test/types"), "");
});
