import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeModule, Program } from "./fake.mjs";
import { UserAgent } from "../dist/index.js";

/** Part of a page: what fires, and how many listen. */
class Target extends EventTarget {
  listening = 0;
  addEventListener(...args) { this.listening++; super.addEventListener(...args); }
  removeEventListener(...args) { this.listening--; super.removeEventListener(...args); }
}

/** A program whose page has a window. */
function paged() {
  const program = new Program();
  program.document = Object.assign(new Target(), { visibilityState: "visible" });
  program.window = Object.assign(new Target(), { document: program.document });
  program.host.window = program.window;
  program.listening = () => program.window.listening + program.document.listening;
  program.told = () => program.ops.filter(({ op }) => op === "network").map(({ args }) => args.online);
  return program;
}

test("the page's network events are passed on, and its wake-ups as if the network had come", async () => {
  const program = paged();
  const { window, document } = program;
  const { ua } = await program.userAgent();
  window.dispatchEvent(new Event("offline"));
  window.dispatchEvent(new Event("online"));
  window.dispatchEvent(new Event("pageshow"));
  document.dispatchEvent(new Event("resume"));
  document.dispatchEvent(new Event("visibilitychange"));
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
  assert.deepEqual(program.told(), [false, true, true, true, true]);

  ua.checkConnection();
  assert.equal(program.told().length, 6);
});

test("close stops listening", async () => {
  const program = paged();
  const { ua } = await program.userAgent();
  assert.equal(program.listening(), 5);
  const closed = ua.close();
  assert.equal(program.listening(), 0);
  (await program.take("close")).resolve();
  await closed;
});

test("network: false leaves the page alone, and so does a page without a window", async () => {
  const program = paged();
  await program.userAgent({ network: false });
  assert.equal(program.listening(), 0);
  const { ua } = await new Program().userAgent();
  assert.ok(ua);
});

test("a user agent that could not be made leaves no listener behind", async () => {
  const program = paged();
  const create = UserAgent.create({ uri: "sip:1001@example.com", servers: ["wss://example.com/ws"], wasm: await fakeModule(), host: program.host });
  (await program.take("create")).reject({ code: "invalid-argument", message: "uri" });
  await assert.rejects(create);
  assert.equal(program.listening(), 0);
});
