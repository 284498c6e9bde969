// How messages pass between the page's WebSocket and the real Go program: through shared memory, or beside it.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { UserAgent } from "../dist/index.js";

const wasm = await WebAssembly.compile(await readFile(new URL("../dist/sipwasm.wasm", import.meta.url)));

class Socket extends EventTarget {
  static last;
  readyState = 0;
  bufferedAmount = 0;
  sent = [];
  closes = [];
  constructor() {
    super();
    Socket.last = this;
    setImmediate(() => {
      this.readyState = 1;
      this.dispatchEvent(new Event("open"));
    });
  }
  send(data) {
    this.sent.push(data);
    this.sending?.(data);
  }
  close(code, reason) {
    this.closes.push([code, reason]);
  }
  receive(data) {
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }
}

async function connected(t) {
  const ua = await UserAgent.create({ uri: "sip:1001@example.com", servers: ["wss://example.com/ws"], wasm, host: { WebSocket: Socket } });
  t.after(() => ua.close());
  await ua.connect();
  return { ua, socket: Socket.last };
}

let number = 0;
/** A question that is answered with its own From, whose display name is `name`. */
const question = (name) => ["OPTIONS sip:1001@example.com SIP/2.0", `Via: SIP/2.0/WSS example.com;branch=z9hG4bK${++number}`,
  `From: "${name}" <sip:server@example.com>;tag=1`, "To: <sip:1001@example.com>", `Call-ID: ${number}`, "CSeq: 1 OPTIONS",
  "Content-Length: 0", "", ""].join("\r\n");
const nameIn = (message) => /\r\nFrom: "(.*)" </.exec(message)?.[1];

test("texts of any length and script come through unchanged, binary ones too", async (t) => {
  const { socket } = await connected(t);
  const bytes = (text) => new TextEncoder().encode(text).buffer;
  // 32 kB is what the memory takes; in bytes that is, of which 世 has three. The long ones make the program's memory grow.
  for (const name of ["Bob", "Grüße, 世界 😀", "x".repeat(32_000), "世".repeat(10_500), "x".repeat(40_000), "世".repeat(20_000), "Bob"]) {
    for (const form of [String, bytes]) {
      socket.sent.length = 0;
      socket.receive(form(question(name)));
      assert.equal(socket.sent.length, 1, "answered within the listener");
      assert.equal(typeof socket.sent[0], "string");
      assert.match(socket.sent[0], /^SIP\/2\.0 200 OK\r\n/);
      assert.ok(nameIn(socket.sent[0]) === name, `${form.name} of ${name.length} characters that begin with ${name.slice(0, 9)}`);
    }
  }
  socket.sent.length = 0;
  socket.receive(question("half of a pair: \ud83d"));
  assert.equal(nameIn(socket.sent[0]), "half of a pair: \ufffd", "which is no text and cannot be encoded");
});

test("a message that arrives while one is sent waits for its turn", async (t) => {
  const { socket } = await connected(t);
  const inner = ["second", "third"];
  socket.sending = () => {
    if (inner.length > 0) socket.receive(question(inner.shift()));
  };
  socket.receive(question("first"));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(socket.sent.map(nameIn), ["first", "second", "third"]);
});

test("what the socket does not take is not sent, and ends the connection", async (t) => {
  const { ua, socket } = await connected(t);
  socket.readyState = 2;
  socket.receive(question("closing"));
  assert.deepEqual(socket.sent, []);
  socket.readyState = 1;
  socket.receive(question("open"));
  assert.deepEqual(socket.sent.map(nameIn), ["open"]);

  socket.sending = () => { throw new Error("the page's own"); };
  socket.receive(question("throws"));
  socket.sending = undefined;
  socket.bufferedAmount = 1 << 20;
  socket.receive(question("full"));
  assert.deepEqual(socket.sent.map(nameIn), ["open", "throws", "full"]);
  const lost = new Promise((resolve) => ua.on("disconnected", resolve));
  socket.bufferedAmount++;
  socket.receive(question("too full"));
  assert.equal(socket.sent.length, 3);
  assert.deepEqual((await lost).code, 1008);
  assert.ok(socket.closes.length > 0);
});

test("two user agents do not hear each other", async (t) => {
  const first = await connected(t), second = await connected(t);
  second.socket.receive(question("second"));
  first.socket.receive(question("first"));
  assert.deepEqual([first.socket.sent.map(nameIn), second.socket.sent.map(nameIn)], [["first"], ["second"]]);
});
