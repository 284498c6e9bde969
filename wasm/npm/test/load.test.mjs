import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { load, SipError, UserAgent, VERSION } from "../dist/index.js";
import { fakeModule, fakeWasm, Program, serve, settled } from "./fake.mjs";

const wasm = { "Content-Type": "application/wasm" };
const octets = { "Content-Type": "application/octet-stream" };
const html = { "Content-Type": "text/html" };

/** A user agent made of `source` answers, and so it has loaded. */
async function loads(source) {
  const program = new Program();
  const { ua } = await program.userAgent({ wasm: source });
  assert.match(ua.instanceId, /^urn:uuid:/);
}

async function failure(options, code = "load-failed") {
  const error = await load(options).then(() => assert.fail("it loaded"), (e) => e);
  assert.ok(error instanceof SipError && error instanceof Error);
  assert.equal(error.code, code, error.message);
  return error;
}

test("every kind of source loads", async (t) => {
  const bytes = await fakeWasm();
  const base = await serve(t, () => ({ headers: wasm, body: bytes }));
  await loads(`${base}/a.wasm`);
  await loads(new URL(`${base}/b.wasm`));
  await loads(await fetch(base));
  await loads(new Response(bytes, { headers: wasm }));
  await loads(bytes); // a view into a larger buffer
  await loads(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  await loads(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  await loads(await fakeModule());
});

test("gzip is known by its bytes, whatever the type says", async (t) => {
  const zipped = gzipSync(await fakeWasm());
  const base = await serve(t, ({ url }) => ({ headers: url === "/wasm" ? wasm : octets, body: zipped }));
  await loads(`${base}/octets`);
  await loads(`${base}/wasm`);
  await loads(zipped);
});

test("Content-Encoding is the browser's business", async (t) => {
  const body = gzipSync(await fakeWasm());
  const base = await serve(t, () => ({ headers: { ...wasm, "Content-Encoding": "gzip" }, body }));
  await loads(base);
});

test("only application/wasm is compiled while it downloads", async (t) => {
  const bytes = await fakeWasm();
  const base = await serve(t, ({ url }) => ({
    headers: { "/wasm": { "Content-Type": "Application/WASM; charset=binary" }, "/octets": octets, "/none": {} }[url], body: bytes,
  }));
  const compileStreaming = t.mock.method(WebAssembly, "compileStreaming");
  await loads(`${base}/octets`);
  await loads(`${base}/none`);
  assert.equal(compileStreaming.mock.callCount(), 0);
  await loads(`${base}/wasm`);
  assert.equal(compileStreaming.mock.callCount(), 1);
});

test("a failing source says what to do", async (t) => {
  const bytes = await fakeWasm();
  const base = await serve(t, ({ url }) => ({
    "/404": { status: 404, headers: html, body: "<h1>not here</h1>" },
    "/page": { headers: html, body: "\n<!DOCTYPE html><title>app</title>" },
    "/page-as-wasm": { headers: wasm, body: "<html>" },
    "/text": { headers: octets, body: "hello" },
    "/nothing": { headers: wasm },
    "/cut": { headers: wasm, body: bytes.subarray(0, 5000) },
    "/badgzip": { headers: octets, body: Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]) },
    "/cutgzip": { headers: octets, body: gzipSync(bytes).subarray(0, 5000) },
    "/410": { status: 410, headers: html },
    "/503": { status: 503, headers: html },
  })[url]);
  const message = async (path, code) => (await failure({ wasm: base + path }, code)).message;

  const missing = await failure({ wasm: `${base}/404` }, "wasm-not-found");
  assert.match(missing.message, /\/404 answered 404 Not Found: copy sipwasm\.wasm there/);
  assert.equal(missing.status, 404);
  assert.match(await message("/page", "wasm-wrong-type"), /^got HTML instead of wasm from .*\/page: .*optimizeDeps\.exclude/);
  assert.match(await message("/page-as-wasm", "wasm-wrong-type"), /^got HTML instead of wasm/);
  assert.match(await message("/text", "wasm-wrong-type"), /is not WebAssembly: it begins with 68 65 6c 6c/);
  assert.match(await message("/nothing", "wasm-wrong-type"), /is not WebAssembly: it begins with nothing/);
  assert.match(await message("/cut", "wasm-damaged"), /does not compile: it is damaged or cut off/);
  assert.match(await message("/badgzip", "wasm-damaged"), /damaged gzip/);
  assert.match(await message("/cutgzip", "wasm-damaged"), /damaged gzip/);
  assert.match(await message("/410", "wasm-not-found"), /answered 410 Gone/);
  assert.match(await message("/503"), /answered 503 Service Unavailable: .*try again/);
});

test("a server that is not there, a file address and a used response are told apart", async () => {
  const gone = await failure({ wasm: "http://127.0.0.1:1/sipwasm.wasm" });
  assert.match(gone.message, /^could not fetch http:\/\/127\.0\.0\.1:1\/sipwasm\.wasm: check the address/);
  assert.ok(gone.cause instanceof TypeError);

  assert.match((await failure({})).message, /^could not fetch file:.*\/dist\/sipwasm\.wasm: .*pass its bytes/);

  const used = new Response("x");
  await used.text();
  assert.match((await failure({ wasm: used })).message, /was read already/);

  for (const wasm of [42, {}]) await assert.rejects(load({ wasm }), { name: "SipError", code: "invalid-argument" });
});

test("a Content-Security-Policy without wasm-unsafe-eval is named", async (t) => {
  const bytes = await fakeWasm();
  t.mock.method(WebAssembly, "compile", async () => {
    throw new WebAssembly.CompileError("WebAssembly.compile(): Wasm code generation disallowed by embedder");
  });
  assert.match((await failure({ wasm: bytes }, "blocked-by-csp")).message, /add 'wasm-unsafe-eval' to its script-src/);
});

test("another WebAssembly module is refused", async () => {
  const empty = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  assert.match((await failure({ wasm: empty }, "wasm-mismatch")).message, /not the sipwasm\.wasm of this package/);
  const foreign = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 2, 7, 1, 1, 0x78, 1, 0x79, 0, 0); // imports x.y
  assert.match((await failure({ wasm: foreign }, "wasm-mismatch")).message, /not the sipwasm\.wasm of this package/);
});

test("after a failure the next load tries again", async (t) => {
  const bytes = await fakeWasm();
  let up = false;
  const base = await serve(t, () => (up ? { headers: wasm, body: bytes } : { status: 503 }));
  const program = new Program();
  await failure({ wasm: base, host: program.host });
  up = true;
  await load({ wasm: base, host: program.host });
});

test("one address and host is one program, downloaded once", async (t) => {
  const bytes = await fakeWasm();
  let downloads = 0;
  const base = await serve(t, () => (downloads++, { headers: wasm, body: bytes }));
  const program = new Program();
  await Promise.all([load({ wasm: base, host: program.host }), load({ wasm: new URL(base), host: program.host })]);
  const first = await program.userAgent({ wasm: base });
  const second = await program.userAgent({ wasm: base });
  assert.equal(downloads, 1);
  assert.deepEqual([first.handle, second.handle], [1, 3]);
});

test("two programs run side by side", async () => {
  const a = new Program(), b = new Program();
  const [one, two] = [await a.userAgent(), await b.userAgent()];
  assert.deepEqual([one.handle, two.handle], [1, 1]);
  const heard = [];
  one.ua.on("connected", ({ server }) => heard.push(`one ${server}`));
  two.ua.on("connected", ({ server }) => heard.push(`two ${server}`));
  b.emit(1, "connected", { server: "wss://b" });
  a.emit(1, "connected", { server: "wss://a" });
  assert.deepEqual(heard, ["two wss://b", "one wss://a"]);
});

test("JavaScript and wasm of different releases refuse each other", async () => {
  const program = new Program({ version: "9.9.9" });
  const error = await failure({ wasm: await fakeModule(), host: program.host }, "wasm-mismatch");
  assert.ok(error.message.includes("9.9.9") && error.message.includes(VERSION), error.message);
});

test("a program that was refused is not resumed, not even by its timers", async (t) => {
  const timers = t.mock.method(globalThis, "setTimeout");
  const program = new Program({ version: "9.9.9", start: (p) => { p.control.timer(); queueMicrotask(() => p.ready()); } });
  await failure({ wasm: await fakeModule(), host: program.host }, "wasm-mismatch");
  assert.equal(timers.mock.callCount(), 1);
  timers.mock.calls[0].arguments[0](); // returns
  program.host.WebSocket.prototype.addEventListener = () => assert.fail("it runs");
  program.control.connect("wss://a");
});

test("a program that ends before it is ready fails to load with its last words", async () => {
  const program = new Program({ start: ({ control }) => setImmediate(() => control.panic()) });
  await assert.rejects(load({ wasm: await fakeModule(), host: program.host }), (error) => {
    assert.equal(error.code, "internal");
    assert.match(error.message, /exit code 2: panic: told to panic/);
    return true;
  });
  assert.ok(program.printed.some((line) => line.includes("goroutine")), "the trace of the panic reaches the console");
});

test("nothing is written to the page's globals", async () => {
  const before = Object.getOwnPropertyNames(globalThis);
  const kept = globalThis.fs;
  await new Program().userAgent();
  assert.deepEqual(Object.getOwnPropertyNames(globalThis), before);
  assert.equal(globalThis.fs, kept);
});

test("create stops waiting when its signal aborts, and leaves no user agent behind", async () => {
  const aborted = new Program();
  await assert.rejects(
    UserAgent.create({ uri: "sip:a@b", servers: ["wss://b"], wasm: await fakeModule(), host: aborted.host, signal: AbortSignal.abort() }),
    { code: "canceled" });
  await settled();
  assert.equal(aborted.control, undefined, "nothing was started");

  const program = new Program();
  const controller = new AbortController();
  const created = UserAgent.create({
    uri: "sip:a@b", servers: ["wss://b"], wasm: await fakeModule(), host: program.host, signal: controller.signal,
  });
  const create = await program.take("create");
  const why = new Error("changed my mind");
  controller.abort(why);
  await assert.rejects(created, (error) => error.code === "canceled" && error.cause === why);
  create.resolve({ instanceId: "urn:uuid:x" });
  assert.equal((await program.take("close")).handle, create.handle);
});
