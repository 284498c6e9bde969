// The facade and the real Go program, over a WebSocket and media devices that the test plays.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { SipError, UserAgent } from "../dist/index.js";

const wasm = await WebAssembly.compile(await readFile(new URL("../dist/sipwasm.wasm", import.meta.url)));

/** A server in the place of the network: `answer` gets each request and returns the status line to send back. */
function network(answer) {
  const requests = [], sockets = [];
  class Socket extends EventTarget {
    static OPEN = 1;
    readyState = 0;
    bufferedAmount = 0;
    constructor(url, protocol) {
      super();
      Object.assign(this, { url, protocol });
      sockets.push(this);
      setImmediate(() => {
        this.readyState = 1;
        this.dispatchEvent(new Event("open"));
      });
    }
    send(message) {
      requests.push(message);
      const status = answer(message, requests.length);
      if (!status) return;
      const copied = message.split("\r\n").filter((line) => /^(Via|From|To|Call-ID|CSeq|Contact):/i.test(line))
        .map((line) => (/^To:/i.test(line) ? `${line};tag=server` : line));
      const data = [`SIP/2.0 ${status}`, ...copied, "Content-Length: 0", "", ""].join("\r\n");
      setImmediate(() => this.dispatchEvent(Object.assign(new Event("message"), { data })));
    }
    close(code = 1005, reason = "") {
      if (this.readyState === 3) return;
      this.readyState = 3;
      setImmediate(() => this.dispatchEvent(Object.assign(new Event("close"), { code, reason, wasClean: true })));
    }
  }
  return { requests, sockets, host: { WebSocket: Socket } };
}

const create = (host, options) => UserAgent.create({
  uri: "sip:1001@example.com", servers: ["wss://example.com/ws"], credentials: { password: "secret" }, wasm, host, ...options,
});

test("it registers, traces and closes", async () => {
  const net = network((message) => (message.startsWith("REGISTER ") ? "200 OK" : undefined));
  const ua = await create(net.host, { instanceId: "urn:uuid:00000000-0000-4000-8000-000000000002", userAgent: "phone/7" });
  assert.equal(ua.instanceId, "urn:uuid:00000000-0000-4000-8000-000000000002");
  const heard = [], trace = [];
  for (const type of ["connected", "registered", "unregistered", "disconnected"]) ua.on(type, () => heard.push(type));
  ua.on("trace", (message) => trace.push(message));
  await ua.register({ signal: AbortSignal.timeout(5000) });
  assert.deepEqual([net.sockets[0].url, net.sockets[0].protocol], ["wss://example.com/ws", "sip"]);
  assert.match(net.requests[0], /^REGISTER sip:example\.com SIP\/2\.0\r\n/);
  assert.match(net.requests[0], /\r\nUser-Agent: phone\/7\r\n/);
  await ua.close();
  assert.deepEqual(heard, ["connected", "registered", "unregistered", "disconnected"]);
  assert.match(net.requests.at(-1), /\r\nExpires: 0\r\n|;expires=0/);
  assert.deepEqual(trace.slice(0, 2).map(({ direction, server }) => [direction, server]),
    [["out", "wss://example.com/ws"], ["in", "wss://example.com/ws"]]);
  assert.ok(Math.abs(trace[0].time - Date.now()) < 60_000);
  await assert.rejects(ua.register(), { code: "closed" });
});

test("a refusal carries status and reason", async () => {
  const { host } = network(() => "403 Not today");
  const ua = await create(host);
  await assert.rejects(ua.register(), (error) => {
    assert.ok(error instanceof SipError);
    assert.deepEqual([error.op, error.status, error.reason], ["register", 403, "Not today"]);
    return true;
  });
  await ua.close();
});

test("a denied microphone ends the call and not the user agent", async () => {
  const net = network(() => "200 OK");
  const denied = new DOMException("Permission denied", "NotAllowedError");
  const ua = await create({ ...net.host, mediaDevices: { getUserMedia: async () => { throw denied; } } });
  const call = ua.call("1002");
  assert.deepEqual(ua.calls, [call]);
  await assert.rejects(call.answered, (error) => error.code === "media-denied" && error.cause === denied);
  assert.equal((await call.ended).by, "system");
  assert.deepEqual(ua.calls, []);
  await ua.register();
  await ua.close();
});

test("what the facade lets through and Go refuses is invalid-argument too", async () => {
  const { host } = network(() => "200 OK");
  await assert.rejects(create(host, { uri: "sip:1001@[::1" }), { code: "invalid-argument" });
  const ua = await create(host);
  await assert.rejects(ua.call("sip:").answered, { code: "invalid-argument" });
  await ua.close();
});
