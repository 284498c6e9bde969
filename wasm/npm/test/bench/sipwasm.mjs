// The product as a page runs it: the facade, sipwasm.wasm and a WebSocket whose listener gets the text. What is measured
// takes the INVITE from the listener, through JavaScript's side of the border, to the 482 that WebSocket.send gets, and
// then the ACK to the end of the transaction.
// sipua/bench_test.go tells why that answer.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { UserAgent } from "../../dist/index.js";
import { VARIANTS, variants } from "./messages.mjs";

let socket;

class Socket extends EventTarget {
  static OPEN = 1;
  readyState = 0;
  bufferedAmount = 0;
  answered = 0;
  last = "";

  constructor() {
    super();
    socket = this;
    setImmediate(() => {
      this.readyState = 1;
      this.dispatchEvent(new Event("open"));
    });
  }

  receive(data) {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  send(message) {
    this.last = message;
    if (message.startsWith("SIP/2.0 482 ")) this.answered++; // not the 180, which comes again each minute
    if (message === "\r\n\r\n") setImmediate(() => this.receive("\r\n")); // a keep-alive: the call is not to be lost
    if (!message.startsWith("REGISTER ")) return;
    const copied = message.split("\r\n").filter((line) => /^(Via|From|To|Call-ID|CSeq|Contact):/i.test(line))
      .map((line) => (/^To:/i.test(line) ? `${line};tag=registrar` : line));
    setImmediate(() => this.receive(["SIP/2.0 200 OK", ...copied, "Content-Length: 0", "", ""].join("\r\n")));
  }

  close() {}
}

const pause = () => new Promise((resolve) => setImmediate(resolve));

const ua = await UserAgent.create({
  uri: "sip:1001@example.com", servers: ["wss://example.com/ws"], credentials: { password: "secret" },
  wasm: await readFile(new URL("../../dist/sipwasm.wasm", import.meta.url)), host: { WebSocket: Socket },
});
ua.on("incoming", () => {}); // somebody is there to take the call
await ua.register();

const invites = variants("invite"), acks = variants("ack");

// The first one rings, and every other is merged with it.
socket.receive(invites[0]);
await pause();
assert.match(socket.last, /^SIP\/2\.0 180 /);

function answer(n) {
  const before = socket.answered;
  const i = 1 + n % (VARIANTS - 1);
  socket.receive(invites[i]);
  socket.receive(acks[i]);
  // Go answers within the listener's call. Were it not so, this would not measure what it says.
  if (socket.answered !== before + 1) assert.fail(`not answered: ${socket.last}`);
}

const responses = { ok_invite: variants("ok_invite"), ok_register: variants("ok_register") };

/** One turn of the kind, `n` counts them. The result may be a promise that lets the event loop go on. */
export default function handle(kind, n) {
  if (kind === "invite") answer(n);
  else socket.receive(responses[kind][n % VARIANTS]);
  return n % 64 === 0 ? pause() : undefined; // a page's event loop turns between messages; timers must not starve
}
