import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { publicDeclarations, rollUp } from "../tools/declarations.mjs";

const npm = fileURLToPath(new URL("..", import.meta.url));
const tsc = fileURLToPath(import.meta.resolve("typescript/package.json").replace("package.json", "bin/tsc"));

/** Runs the compiler and gives what it says; empty when it is content. */
const compile = (...args) => new Promise((resolve) => {
  execFile(process.execPath, [tsc, ...args], { cwd: npm }, (error, stdout, stderr) => resolve(error ? stdout + stderr || String(error) : ""));
});

test("programs that must compile do, and those that must not do not", async () => {
  assert.equal(await compile("-p", "test/types"), "");
});

test("the public API is the one in testdata/api/sipwasm.d.ts: after a change that is meant, make api", async () => {
  assert.equal(await compile("-p", "tsconfig.types.json"), "", "the declarations are written");
  const declarations = await publicDeclarations();
  assert.equal(declarations, await readFile(new URL("../../../testdata/api/sipwasm.d.ts", import.meta.url), "utf8"));
  assert.equal(declarations, await readFile(new URL("../dist/index.d.ts", import.meta.url), "utf8"), "it is what is shipped: make build");
});

test("the declarations in one file are what index exports, what that needs, and nothing else", () => {
  const modules = (index, ...others) => new Map([["index", index], ...others]);
  const a = `import { B } from "./b.js";
/** Of "D", and what {@link C} is. */
export declare class A {
    #private;
    b: B;
    e: (typeof e)[number];
}
export {};
`;
  const b = "import type { A } from \"./a.js\";\nexport interface B {\n    a: A;\n}\ninterface C {\n}\nexport type D = string;\ndeclare const e: readonly [\"x\"];\ndeclare const b: number;\n";
  assert.equal(rollUp(modules('export { A } from "./a.js";\n', ["a", a], ["b", b])), `/** Of "D", and what {@link C} is. */
export declare class A {
    #private;
    b: B;
    e: (typeof e)[number];
}
interface B {
    a: A;
}
declare const e: readonly ["x"];
export {};
export as namespace sipwasm;
`);
  const refuses = (what, ...given) => assert.throws(() => rollUp(modules(...given)), what);
  refuses(/Z is exported and not declared/, 'export { Z } from "./a.js";', ["a", a], ["b", b]);
  refuses(/B is declared in b and in c/, 'export { A } from "./a.js";', ["a", a], ["b", b], ["c", "export type B = 1;"]);
  refuses(/a: no other names for one thing/, "export {};", ["a", 'import { B as C } from "./b.js";']);
  refuses(/index: no other names for one thing/, 'export { A as C } from "./a.js";', ["a", a]);
  refuses(/a: what is this/, "export {};", ["a", 'import { x } from "elsewhere";']);
  refuses(/what is this/, "export {};", ["a", "module.exports = 1;"]);
});
