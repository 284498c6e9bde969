// Scratch projects that have the package installed from the tarball that npm would publish, and the bundlers that build them.

import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

const NPM = fileURLToPath(new URL("../../", import.meta.url));
const tools = createRequire(join(NPM, "tools/package.json"));
/** The TypeScript compiler of today, for programs that use the package. */
export const TSC = join(NPM, "node_modules/typescript/bin/tsc");
const run = promisify(execFile);

/** A program of others that the tests run, as its documentation imports it. */
const tool = async (name) => import(pathToFileURL(tools.resolve(name)));

/** npm without the network. */
const npm = (cwd, ...args) => run("npm", [...args, "--offline", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts"], { cwd });

/**
 * Packs the package as npm publish does.
 * @returns {Promise<{tarball: string, files: string[]}>} the tarball, and the paths that are in it
 */
export async function pack() {
  const directory = temporary();
  const { stdout } = await npm(NPM, "pack", "--json", "--pack-destination", directory);
  const [{ filename, files }] = JSON.parse(stdout);
  return { tarball: join(directory, filename), files: files.map(({ path }) => path) };
}

/**
 * A project with the package installed.
 * @param files its sources, by path
 * @returns {Promise<string>} its directory
 */
export async function project(tarball, files) {
  const directory = temporary();
  for (const [path, text] of Object.entries({ "package.json": '{ "name": "scratch", "private": true, "type": "module" }\n', ...files })) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  await npm(directory, "install", tarball);
  return directory;
}

let parent;

/** A directory that goes with the process. */
function temporary() {
  if (!parent) {
    parent = realpathSync(mkdtempSync(join(tmpdir(), "sipwasm-pack-")));
    process.on("exit", () => rmSync(parent, { recursive: true }));
  }
  return mkdtempSync(join(parent, "project-"));
}

/** Builds with Vite as it comes, without a configuration. */
export async function viteBuild(directory) {
  const { build } = await tool("vite");
  await build({ root: directory, configFile: false, logLevel: "error" });
  return join(directory, "dist");
}

/** Starts Vite's development server. */
export async function viteServe(t, directory, csp) {
  const { createServer } = await tool("vite");
  const headers = csp ? { "Content-Security-Policy": csp } : {};
  const server = await createServer({ root: directory, configFile: false, logLevel: "error", server: { host: "127.0.0.1", port: 0, headers } });
  t.after(() => server.close());
  await server.listen();
  return `http://127.0.0.1:${server.httpServer.address().port}`;
}

/** Builds with webpack as it comes; index.html is copied beside the bundle. */
export async function webpackBuild(directory) {
  const { default: webpack } = await tool("webpack");
  const path = join(directory, "dist");
  const compiler = webpack({ mode: "production", context: directory, entry: "./src/main.js", output: { path, filename: "main.js" }, performance: { hints: false } });
  const stats = await promisify(compiler.run.bind(compiler))();
  await promisify(compiler.close.bind(compiler))();
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  const [problem] = [...errors, ...warnings];
  if (problem) throw new Error(problem.message);
  cpSync(join(directory, "index.html"), join(path, "index.html"));
  return path;
}

/** Builds with esbuild; index.html is copied beside the bundle. */
export async function esbuildBuild(directory, options = {}) {
  const { default: esbuild } = await tool("esbuild");
  const path = join(directory, "dist");
  const { warnings } = await esbuild.build({
    absWorkingDir: directory, entryPoints: ["src/main.js"], outdir: path, bundle: true, format: "esm", minify: true, logLevel: "silent", ...options,
  });
  if (warnings.length > 0) throw new Error(warnings[0].text);
  cpSync(join(directory, "index.html"), join(path, "index.html"));
  return path;
}
