// What keeps the program or its connection from a page, and how each of it is told.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { launchChromium } from "../interop/chromium.mjs";
import { fileOf, serveSite } from "./site.mjs";
import { SipServer } from "./sip_server.mjs";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
const WASM = readFileSync(`${DIST}sipwasm.wasm`);
const STRICT = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";
const BLANK = { type: "text/html", body: '<!doctype html><title>page</title><link rel="icon" href="data:,">' };
/** What servers of single-page applications send for whatever they do not have. */
const PAGE = { type: "text/html", body: "<!doctype html><title>app</title>" };

describe("refusals", () => {
  let browser;
  before(async () => { browser = await launchChromium(); });
  after(() => browser?.close());

  /** Opens a page of a site that has the package in /dist, with `wasm` in the place of its program. */
  async function open(t, { csp, secure, wasm } = {}) {
    const origin = await serveSite(t, (path) => {
      if (path === "/") return { ...BLANK, csp };
      if (path === "/dist/sipwasm.wasm" && wasm) return wasm;
      if (path.startsWith("/dist/")) return fileOf(DIST, path.slice("/dist".length));
      return undefined;
    }, { secure });
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(`${origin}/`);
    return page;
  }

  /** What load() rejects with, or "loaded". */
  const load = (page, options = {}) => page.evaluate(async (given) => {
    const { load } = await import("/dist/index.js");
    return load(given).then(() => "loaded", ({ name, code, message, status }) => ({ name, code, message, status }));
  }, options);

  const LOADS = [
    { what: "a missing file", wasm: { status: 404, ...PAGE }, code: "wasm-not-found", says: /sipwasm\.wasm answered 404 .*copy sipwasm\.wasm there/ },
    { what: "a page in its place", wasm: PAGE, code: "wasm-wrong-type", says: /^got HTML instead of wasm from .*\/dist\/sipwasm\.wasm/ },
    { what: "a page that says it is wasm", wasm: { ...PAGE, type: "application/wasm" }, code: "wasm-wrong-type", says: /^got HTML/ },
    { what: "a file that is cut off", wasm: { type: "application/wasm", body: WASM.subarray(0, 1e6) }, code: "wasm-damaged", says: /damaged or cut off/ },
    { what: "gzip that is cut off", wasm: { body: gzipSync(WASM.subarray(0, 1e6)).subarray(0, 1e5) }, code: "wasm-damaged", says: /damaged gzip/ },
    { what: "another program", wasm: { body: Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0) }, code: "wasm-mismatch", says: /not the sipwasm\.wasm of this package/ },
    { what: "a server in trouble", wasm: { status: 503 }, code: "load-failed", says: /answered 503 .*try again/ },
  ];
  for (const { what, wasm, code, says } of LOADS) {
    test(`${what}: ${code}`, async (t) => {
      const error = await load(await open(t, { csp: STRICT, wasm }));
      assert.deepEqual([error.name, error.code], ["SipError", code], error.message);
      assert.match(error.message, says);
      assert.equal(error.status, wasm.status);
    });
  }

  test("the program of another release: wasm-mismatch, with both versions", async (t) => {
    // The version stands in the program's data; both are as long.
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url)));
    const foreign = Buffer.from(WASM);
    const at = foreign.indexOf(version);
    assert.ok(at > 0);
    for (let i = at; i > 0; i = foreign.indexOf(version, i)) foreign.write("9.9.9", i);
    const error = await load(await open(t, { csp: STRICT, wasm: { type: "application/wasm", body: foreign } }));
    assert.equal(error.code, "wasm-mismatch", error.message);
    assert.ok(error.message.includes("9.9.9") && error.message.includes(version), error.message);
  });

  for (const [what, wasm] of Object.entries({
    "a wrong type": { type: "text/plain", body: WASM }, "no type": { body: WASM }, "gzip": { type: "application/octet-stream", body: gzipSync(WASM) },
  })) {
    test(`${what} loads all the same`, async (t) => {
      assert.equal(await load(await open(t, { csp: STRICT, wasm })), "loaded");
    });
  }

  test("a policy without wasm-unsafe-eval: blocked-by-csp, and which directive", async (t) => {
    const page = await open(t, { csp: "script-src 'self'" });
    for (const options of [{}, { wasm: "/dist/sipwasm.wasm.gz" }]) {
      const error = await load(page, options);
      assert.equal(error.code, "blocked-by-csp", error.message);
      assert.match(error.message, /add 'wasm-unsafe-eval' to its script-src/);
    }
  });

  test("a policy that does not let the page fetch the program: blocked-by-csp, and from where", async (t) => {
    const elsewhere = await serveSite(t, () => ({ type: "application/wasm", body: WASM }));
    const page = await open(t, { csp: STRICT });
    const error = await load(page, { wasm: `${elsewhere}/sipwasm.wasm?token=secret` });
    assert.equal(error.code, "blocked-by-csp", error.message);
    assert.ok(error.message.includes(`connect to ${elsewhere}: add that to its connect-src`), error.message);
  });

  test("a server that is not there is no matter of policy: load-failed", async (t) => {
    const page = await open(t, { csp: "script-src 'self' 'wasm-unsafe-eval'" });
    const error = await load(page, { wasm: "http://127.0.0.1:1/sipwasm.wasm" });
    assert.equal(error.code, "load-failed", error.message);
    assert.match(error.message, /check the address and the network/);
  });

  test("the program from http on a page from https: mixed-content", async (t) => {
    const error = await load(await open(t, { secure: true }), { wasm: "http://192.0.2.1/sipwasm.wasm" });
    assert.equal(error.code, "mixed-content", error.message);
    assert.match(error.message, /http:\/\/192\.0\.2\.1: use https:\/\//);
  });

  /** What connect() and a call end with, and how long that took. */
  const connect = (page, servers) => page.evaluate(async (given) => {
    const { UserAgent } = await import("/dist/index.js");
    const ua = await UserAgent.create({ uri: "sip:1001@sipwasm.test", servers: given });
    const begin = performance.now();
    const told = await ua.register().then(() => "registered", ({ name, op, code, message }) => ({ name, op, code, message }));
    const took = performance.now() - begin;
    if (told !== "registered") told.call = (await ua.call("1002").ended).error?.code;
    await ua.close();
    return { ...(told === "registered" ? { registered: true } : told), took };
  }, servers);

  test("ws on a page from https: mixed-content, at once, without the secrets of the address", async (t) => {
    const page = await open(t, { secure: true });
    const error = await connect(page, ["ws://192.0.2.1/ws?token=secret"]);
    assert.deepEqual([error.name, error.op, error.code, error.call], ["SipError", "register", "mixed-content", "mixed-content"], error.message);
    assert.equal(error.message, "register: a page from https: may not connect to ws://192.0.2.1: use wss:// there, which needs a certificate");
    assert.ok(error.took < 3000, `${error.took} ms`);

    const both = await connect(page, ["ws://192.0.2.1/ws", "ws://192.0.2.2/ws"]);
    assert.equal(both.code, "mixed-content", "none of the servers may be reached");
    const one = await connect(page, ["ws://192.0.2.1/ws", "wss://127.0.0.1:1/ws"]);
    assert.equal(one.code, "connection-failed", "one of them might have been");
    assert.match(one.message, /use wss:\/\/ there/);
  });

  test("ws to the machine itself is no mixed content", async (t) => {
    const server = await SipServer.listen();
    t.after(() => server.close());
    assert.ok((await connect(await open(t, { secure: true }), [server.url])).registered);
  });

  test("a policy without the server: blocked-by-csp, at once, and with it all is well", async (t) => {
    const server = await SipServer.listen();
    t.after(() => server.close());
    const error = await connect(await open(t, { csp: STRICT }), [`${server.url}/?token=secret`]);
    assert.deepEqual([error.op, error.code, error.call], ["register", "blocked-by-csp", "blocked-by-csp"], error.message);
    assert.equal(error.message, `register: the page's Content-Security-Policy forbids to connect to ${server.url}: add that to its connect-src`);
    assert.ok(error.took < 3000, `${error.took} ms: the browser tells nothing, and the time-out is 10 s`);

    assert.ok((await connect(await open(t, { csp: `${STRICT} ${server.url}` }), [server.url])).registered);
  });
});
