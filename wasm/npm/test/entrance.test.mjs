// Go is not called while it runs: its runtime does not bear it. What a listener asks of it waits until it is done.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { UserAgent } from "../dist/index.js";

const wasm = await WebAssembly.compile(await readFile(new URL("../dist/sipwasm.wasm", import.meta.url)));

/** Counts how deep the calls of the exports `run`, `resume` and so on lie in each other. */
function watched(t) {
  const seen = { entries: 0, deepest: 0 };
  let depth = 0;
  const real = WebAssembly.instantiate;
  t.mock.method(WebAssembly, "instantiate", async (module, imports) => {
    const { exports } = await real(module, imports);
    const count = (f) => (...args) => {
      seen.entries++;
      seen.deepest = Math.max(seen.deepest, ++depth);
      try {
        return f(...args);
      } finally {
        depth--;
      }
    };
    const entries = ["run", "resume", "sipwasmArrived"].map((name) => [name, count(exports[name])]);
    return Object.create(WebAssembly.Instance.prototype, { exports: { value: { ...exports, ...Object.fromEntries(entries) } } });
  });
  return seen;
}

/** A socket that may answer as fast as no network does: from within send. */
function socketClass(answers) {
  return class Socket extends EventTarget {
    static last;
    readyState = 0;
    bufferedAmount = 0;
    sent = [];
    constructor() {
      super();
      Socket.last = this;
      setImmediate(() => {
        this.readyState = 1;
        this.dispatchEvent(new Event("open"));
      });
    }
    send(message) {
      this.sent.push(message);
      const answer = answers(message);
      if (answer) this.receive(answer);
    }
    close() {
      this.readyState = 3;
    }
    receive(data) {
      this.dispatchEvent(Object.assign(new Event("message"), { data }));
    }
  };
}

const request = (method, number) => [`${method} sip:1001@example.com SIP/2.0`, `Via: SIP/2.0/WSS far.invalid;branch=z9hG4bK${number}`,
  "From: <sip:1002@example.com>;tag=1", "To: <sip:1001@example.com>", `Call-ID: ${number}`, `CSeq: 1 ${method}`,
  "Contact: <sip:1002@far.invalid;transport=ws>", "Content-Length: 0", "", ""].join("\r\n");

const agent = async (t, Socket) => {
  const ua = await UserAgent.create({ uri: "sip:1001@example.com", servers: ["wss://example.com/ws"], wasm, host: { WebSocket: Socket } });
  t.after(() => ua.close());
  return ua;
};

test("what listeners ask for waits for Go, in the order of the calls", async (t) => {
  const seen = watched(t);
  const Socket = socketClass(() => undefined);
  const ua = await agent(t, Socket);
  const asked = [];
  ua.on("connected", () => {
    for (const to of ["1002", "1003", "1004"]) {
      const sent = ua.message(to, { body: "Hello" });
      sent.catch(() => {}); // nobody answers
      asked.push(to);
    }
  });
  await ua.connect();
  await new Promise((resolve) => setImmediate(resolve));
  const sent = Socket.last.sent.map((m) => /^MESSAGE sip:(\d+)@/.exec(m)?.[1]).filter(Boolean);
  assert.equal(asked.length, 3);
  assert.deepEqual(sent, asked);
  assert.ok(seen.entries > 5);
  assert.equal(seen.deepest, 1, "one entry at a time");
});

test("a socket that answers from within send is heard", async (t) => {
  const seen = watched(t);
  let number = 0;
  const Socket = socketClass((message) => (message.startsWith("SIP/2.0") && number < 5 ? request("OPTIONS", ++number) : undefined));
  const ua = await agent(t, Socket);
  await ua.connect();
  Socket.last.receive(request("OPTIONS", ++number));
  await new Promise((resolve) => setImmediate(resolve));
  const answered = Socket.last.sent.filter((m) => m.startsWith("SIP/2.0 200")).map((m) => /\r\nCall-ID: (.*)\r\n/i.exec(m)[1]);
  assert.deepEqual(answered, ["1", "2", "3", "4", "5"]);
  assert.equal(seen.deepest, 1, "one entry at a time");
});
