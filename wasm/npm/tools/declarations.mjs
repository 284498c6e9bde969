// Makes dist/index.d.ts: the whole public API in one file, out of the declarations that tsc writes, one file for each
// module, into build/types. What index.ts exports comes in its order; what those declarations need besides follows
// unexported; nothing else is shipped. tsc writes its declarations evenly, and what this does not know stops it.

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const types = fileURLToPath(new URL("../../../build/types/", import.meta.url));
const dist = fileURLToPath(new URL("../dist/", import.meta.url));

/** What begins a line that is not inside of a declaration. */
const BEGIN = /^(?:\/\*\*|export |declare |interface |type |import |class |const |function )/;
const DECLARES = /^(?:export )?(?:declare )?(?:abstract )?(class|interface|type|const|function) ([\w$]+)/;
const EXPORTS = /^export (?:type )?\{([^}]*)\} from "\.\/([\w]+)\.js";$/;
const IMPORTS = /^import (?:type )?\{[^}]*\} from "\.\/[\w]+\.js";$/;
/** Kinds of declarations that a type can only name by typeof. */
const VALUE = new Set(["const", "function"]);

/** The public declarations as one text, made of the declarations of each module by its name. */
export function rollUp(modules) {
  const declared = new Map(); // name → { module, kind, text, code }
  const exported = [];
  for (const [module, text] of modules) {
    for (const statement of statements(text)) {
      const code = statement.replace(/^\/\*\*[^]*?\*\/\n/, "");
      const [, kind, name] = DECLARES.exec(code) ?? [];
      const [, names] = EXPORTS.exec(code) ?? [];
      if (/\bas\b/.test(names ?? "") || (IMPORTS.test(code) && /\w as \w/.test(code))) throw new Error(`${module}: no other names for one thing: ${code}`);
      if (name) {
        if (declared.has(name)) throw new Error(`${name} is declared in ${declared.get(name).module} and in ${module}`);
        declared.set(name, { module, kind, text: statement, code });
      } else if (names && module === "index") {
        exported.push(...names.split(",").map((n) => n.trim()).filter(Boolean));
      } else if (!IMPORTS.test(code) && code !== "export {};") {
        throw new Error(`${module}: what is this? ${code}`);
      }
    }
  }
  const needed = new Set(exported);
  for (const name of needed) { // grows while it is walked
    if (!declared.has(name)) throw new Error(`${name} is exported and not declared`);
    for (const [, query, other] of bare(declared.get(name).code).matchAll(/(typeof )?([\w$]+)/g)) {
      const { kind } = declared.get(other) ?? {};
      if (kind && (query || !VALUE.has(kind))) needed.add(other);
    }
  }
  const isExported = new Set(exported);
  const parts = [...needed].map((name) => {
    const { text } = declared.get(name);
    return isExported.has(name) ? text : text.replace(/^export (?=declare |interface |type )/m, "");
  });
  // Without the first line everything would count as exported; the second is for pages with <script src="sipwasm.iife.js">.
  return [...parts, "export {};", "export as namespace sipwasm;", ""].join("\n");
}

function statements(text) {
  const found = [];
  for (const line of text.trimEnd().split("\n")) {
    const commented = found.at(-1)?.trimEnd().endsWith("*/") && /^\/\*\*(?:(?!\*\/)[^])*\*\/\s*$/.test(found.at(-1));
    if (BEGIN.test(line) && !commented) found.push(line);
    else if (found.length > 0) found[found.length - 1] += `\n${line}`;
    else throw new Error(`what is this? ${line}`);
  }
  return found;
}

/** The code without comments and literals. */
const bare = (code) => code.replace(/\/\*[^]*?\*\/|"(?:[^"\\]|\\.)*"/g, "");

/** The public declarations, of what tsc wrote last. */
export async function publicDeclarations() {
  const modules = new Map();
  for (const file of (await readdir(types)).filter((name) => name.endsWith(".d.ts")).sort()) {
    modules.set(basename(file, ".d.ts"), await readFile(join(types, file), "utf8"));
  }
  return rollUp(modules);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await mkdir(dist, { recursive: true });
  await writeFile(join(dist, "index.d.ts"), await publicDeclarations());
}
