// The first lines of both READMEs, pasted into a fresh Vite project: they are a phone as they stand. Only the account is put in, as
// everybody who pastes them does.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { fileOf, serveSite } from "../browser/site.mjs";
import { launchChromium, recordSip } from "../interop/chromium.mjs";
import { DOMAIN, passwordOf, startKamailio } from "../interop/kamailio.mjs";
import { pack, project, TSC, viteBuild } from "./project.mjs";

const ROOT = new URL("../../../../", import.meta.url);

/** What `npm create vite` makes of its template vanilla-ts, without its own page. */
const FRESH = {
  "index.html": `<!doctype html>
<html lang="en">
  <head>
    <meta charset="UTF-8" />
    <link rel="icon" href="data:," />
    <title>phone</title>
  </head>
  <body>
    <div id="app"></div>
    <script type="module" src="/src/main.ts"></script>
  </body>
</html>
`,
  "tsconfig.json": JSON.stringify({
    compilerOptions: {
      target: "es2023", module: "esnext", lib: ["ES2023", "DOM"], types: [], skipLibCheck: false,
      moduleResolution: "bundler", allowImportingTsExtensions: true, verbatimModuleSyntax: true, moduleDetection: "force", noEmit: true,
      strict: true, noUnusedLocals: true, noUnusedParameters: true, erasableSyntaxOnly: true, noFallthroughCasesInSwitch: true,
    },
    include: ["src"],
  }),
};

/** The other side: it registers and takes every call. `happened` is what it saw. */
const PEER = `import { UserAgent } from "sipwasm";
const account = new URLSearchParams(location.search);
const happened = [];
Object.assign(window, { happened });
const ua = await UserAgent.create({ uri: account.get("uri"), servers: [account.get("server")], credentials: { password: account.get("password") } });
ua.on("incoming", async (call) => {
  call.on("held", ({ by }) => happened.push("held by " + by));
  call.on("ended", ({ by }) => happened.push("ended by " + by));
  happened.push("incoming from " + call.remote.user);
  await call.accept();
});
await ua.register();
document.title = "registered";
`;

const READMES = [
  { file: "README.md", then: ["incoming from 1001", "held by remote"] },
  { file: "wasm/npm/README.md", then: ["incoming from 1001", "ended by remote"], prints: ["it rings"] },
];

describe("README", () => {
  let browser, kamailio, tarball;
  before(async () => {
    [browser, kamailio, { tarball }] = await Promise.all([launchChromium(), startKamailio(), pack()]);
  });
  after(async () => { await browser?.close(); await kamailio?.stop(); });

  for (const { file, then, prints = [] } of READMES) {
    test(`the first lines of ${file} register, call and do what they say`, async (t) => {
      const directory = await project(tarball, { ...FRESH, "src/main.ts": withAccount(firstProgram(file)) });
      await promisify(execFile)(process.execPath, [TSC, "-p", directory]).catch(({ stdout }) => assert.fail(`it does not compile: ${stdout}`));
      const phone = await viteBuild(directory);
      const peer = await viteBuild(await project(tarball, { ...FRESH, "src/main.ts": PEER }));

      const { page: other } = await open(t, peer, new URLSearchParams({ uri: `sip:1002@${DOMAIN}`, server: kamailio.ws, password: passwordOf("1002") }));
      await other.waitForFunction(() => document.title === "registered");
      const { sip, printed, complaints } = await open(t, phone);
      await other.waitForFunction((count) => window.happened.length >= count, then.length, { timeout: 20_000 })
        .catch((error) => assert.fail(`${error.message}\n${complaints.join("\n")}\n${sip.map(({ text }) => text.split("\n", 1)[0]).join("\n")}`));

      assert.deepEqual(await other.evaluate(() => window.happened), then);
      assert.deepEqual(printed, prints);
      assert.deepEqual(complaints, []);
      for (const method of ["REGISTER", "INVITE"]) {
        assert.ok(sip.some(({ direction, text }) => direction === "in" && new RegExp(`^SIP/2\\.0 200 [^]*\nCSeq: \\d+ ${method}\n`, "i").test(text)), method);
      }
    });
  }

  /** The first block of TypeScript. */
  function firstProgram(file) {
    const [, code] = /```ts\n([^]*?)```/.exec(readFileSync(new URL(file, ROOT), "utf8"));
    assert.ok(code.split("\n").length <= 20, "ten lines, or a few more");
    return code;
  }

  function withAccount(code) {
    const changed = [[/\bexample\.com\b/, DOMAIN], ["…", passwordOf("1001")]].reduce((text, [from, to]) => {
      assert.ok(text.search(from) >= 0, `${from} is in the README`);
      return text.replace(from, to);
    }, code.replace(/wss:\/\/[^"]+/, kamailio.wss));
    assert.ok(!changed.includes("example.com"));
    return changed;
  }

  async function open(t, dist, query = "") {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    t.after(() => context.close());
    const page = await context.newPage();
    const complaints = [], printed = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => (message.type() === "error" ? complaints : printed).push(message.text()));
    const sip = recordSip(page, "phone");
    await page.goto(`${await serveSite(t, (path) => fileOf(dist, path))}/?${query}`);
    return { page, sip, printed, complaints };
  }
});
