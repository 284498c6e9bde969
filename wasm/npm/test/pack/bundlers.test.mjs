// The package from its tarball, built by each bundler as it comes and by none, in Chromium, without a policy and with a strict one.

import assert from "node:assert/strict";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileOf, serveSite } from "../browser/site.mjs";
import { SipServer } from "../browser/sip_server.mjs";
import { launchChromium } from "../interop/chromium.mjs";
import { esbuildBuild, pack, project, viteBuild, viteServe, webpackBuild } from "./project.mjs";

const html = (...scripts) => `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8"><title>loading</title><link rel="icon" href="data:,"></head>
  <body>${scripts.join("")}</body>
</html>
`;
const MODULE = (src) => html(`<script type="module" src="${src}"></script>`);

/** Registers with the server named in the address and says in the title how that went. */
const program = (create = "UserAgent.create") => `
const servers = [new URLSearchParams(location.search).get("server")];
${create}({ uri: "sip:1001@sipwasm.test", servers })
  .then((ua) => ua.register())
  .then(() => { document.title = "registered"; }, (error) => { document.title = error.code + ": " + error.message; });
`;
const IMPORTING = `import { UserAgent } from "sipwasm";\n${program()}`;

/** What is built once and then opened with each policy: a directory to serve. */
const BUILDS = {
  "Vite": async (make) => viteBuild(await make({ "index.html": MODULE("/src/main.js"), "src/main.js": IMPORTING })),
  "webpack": async (make) => webpackBuild(await make({ "index.html": MODULE("main.js"), "src/main.js": IMPORTING })),
  "esbuild, with the wasm copied beside the bundle": async (make) => {
    const directory = await make({ "index.html": MODULE("main.js"), "src/main.js": IMPORTING });
    const dist = await esbuildBuild(directory);
    cpSync(join(directory, "node_modules/sipwasm/dist/sipwasm.wasm"), join(dist, "sipwasm.wasm"));
    return dist;
  },
  "esbuild, with its loader of files": async (make) => esbuildBuild(await make({
    "index.html": MODULE("main.js"),
    "src/main.js": `import { UserAgent } from "sipwasm";\nimport wasm from "sipwasm/sipwasm.wasm";\n${program("((o) => UserAgent.create({ wasm, ...o }))")}`,
  }), { loader: { ".wasm": "file" } }),
  "a script, with the wasm beside it": async (make) => {
    const directory = await make({
      "index.html": html('<script src="lib/sipwasm.iife.js"></script>', '<script src="main.js"></script>'), "main.js": program("sipwasm.UserAgent.create"),
    });
    copy(directory, "sipwasm.iife.js", "lib/sipwasm.iife.js");
    copy(directory, "sipwasm.wasm", "lib/sipwasm.wasm");
    return directory;
  },
  // Stores such as Salesforce's static resources keep each file by itself, as it is, under a name of their own.
  "a script, with the wasm as stored gzip": async (make) => {
    const directory = await make({
      "index.html": html('<script src="resource/1/sipwasm"></script>', '<script src="main.js"></script>'),
      "main.js": program('((o) => sipwasm.UserAgent.create({ wasm: "resource/2/sipwasm_wasm", ...o }))'),
    });
    copy(directory, "sipwasm.iife.js", "resource/1/sipwasm");
    copy(directory, "sipwasm.wasm.gz", "resource/2/sipwasm_wasm");
    return directory;
  },
};

function copy(directory, file, to) {
  mkdirSync(join(directory, to, ".."), { recursive: true });
  cpSync(join(directory, "node_modules/sipwasm/dist", file), join(directory, to));
}

describe("the package from its tarball", () => {
  let browser, server, tarball;
  before(async () => {
    [browser, server, { tarball }] = await Promise.all([launchChromium(), SipServer.listen(), pack()]);
  });
  after(async () => { await browser?.close(); await server?.close(); });

  const POLICIES = {
    "without a policy": () => undefined,
    "with a strict policy": () => `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ${server.url}; img-src data:`,
  };

  /** Opens the page and waits until its title says how it went. */
  async function registers(t, origin, csp) {
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => { if (["error", "warning"].includes(message.type())) complaints.push(message.text()); });
    const response = await page.goto(`${origin}/?server=${encodeURIComponent(server.url)}`);
    assert.equal(response.headers()["content-security-policy"], csp);
    await page.waitForFunction(() => document.title !== "loading", undefined, { timeout: 20_000 });
    assert.deepEqual([await page.title(), complaints], ["registered", []]);
  }

  for (const [what, build] of Object.entries(BUILDS)) {
    describe(what, () => {
      let dist;
      before(async () => { dist = await build((files) => project(tarball, files)); });
      for (const [policy, csp] of Object.entries(POLICIES)) {
        test(policy, async (t) => {
          const serve = (path) => {
            const file = fileOf(dist, path);
            // A store does not know what it keeps.
            return file && { ...file, csp: csp(), ...(path.startsWith("/resource/2/") && { type: "application/octet-stream" }) };
          };
          await registers(t, await serveSite(t, serve), csp());
        });
      }
    });
  }

  describe("Vite's development server", () => {
    for (const [policy, csp] of Object.entries(POLICIES)) {
      test(policy, async (t) => {
        const directory = await project(tarball, { "index.html": MODULE("/src/main.js"), "src/main.js": IMPORTING });
        await registers(t, await viteServe(t, directory, csp()), csp());
      });
    }
  });

  test("a script that does not know where it came from says so, and takes an address", async (t) => {
    const directory = await project(tarball, { "index.html": html() });
    const origin = await serveSite(t, (path) => fileOf(directory, path));
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(origin);
    const result = await page.evaluate(async () => {
      const text = await (await fetch("/node_modules/sipwasm/dist/sipwasm.iife.js")).text();
      const { load } = new Function(`${text};return sipwasm`)();
      const { code, message } = await load().catch((error) => error);
      await load({ wasm: "/node_modules/sipwasm/dist/sipwasm.wasm.gz" });
      return { code, message };
    });
    assert.equal(result.code, "wasm-not-found");
    assert.match(result.message, /pass its address as the option wasm/);
  });
});
