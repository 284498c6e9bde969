// Instantiates a program without running it and writes its memory as it is then.
import { readFileSync, writeFileSync } from "node:fs";

const [, , program, out] = process.argv;
const module = await WebAssembly.compile(readFileSync(program));
const imports = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  (imports[from] ??= {})[name] = () => { throw new Error(`${name} was called`); };
}
const { exports } = await WebAssembly.instantiate(module, imports);
writeFileSync(out, new Uint8Array(exports.mem.buffer));
