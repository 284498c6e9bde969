// A WebSocket server (RFC 6455, RFC 7118) that a test scripts by hand, so that it can send what no SIP server would.

import { createHash } from "node:crypto";
import { createServer } from "node:http";

const NEXT_LIMIT_MS = 10_000;

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/**
 * Listens on 127.0.0.1. REGISTER is answered with 200 unless `answer` gives another response; every other message is
 * kept for `next`.
 */
export class SipServer {
  #http = createServer();
  #sockets = new Set();
  #messages = [];
  #wake = () => {};
  #closing = false;

  /** Called with each request; a string that it returns is sent as the response. */
  answer = (request) => (request.method === "REGISTER" ? response(request, "200 OK", registration(request)) : undefined);

  static async listen(port = 0) {
    const server = new SipServer();
    server.#http.on("upgrade", (request, socket) => server.#upgrade(request, socket));
    await new Promise((resolve, reject) => {
      server.#http.once("error", reject).listen(port, "127.0.0.1", resolve);
    });
    return server;
  }

  get url() { return `ws://127.0.0.1:${this.#http.address().port}`; }

  /** Sends one message to every connection. */
  send(text) { this.#broadcast(TEXT, Buffer.from(text)); }
  sendBinary(bytes) { this.#broadcast(BINARY, Buffer.from(bytes)); }

  /** Closes every connection with a WebSocket close code. */
  closeConnections(code) {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.#closing = true;
    this.#broadcast(CLOSE, payload);
  }

  /** The next message for which `matches` holds, past or to come; earlier ones are dropped. */
  async next(what, matches) {
    const late = AbortSignal.timeout(NEXT_LIMIT_MS);
    for (;;) {
      const at = this.#messages.findIndex(matches);
      if (at >= 0) return this.#messages.splice(0, at + 1).at(-1);
      if (late.aborted) throw new Error(`waiting for ${what}, got only ${JSON.stringify(this.#messages.map(({ text }) => text))}`);
      await new Promise((resolve) => {
        this.#wake = resolve;
        late.addEventListener("abort", resolve, { once: true });
      });
    }
  }

  async close() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => { this.#http.close(resolve); this.#http.closeAllConnections(); });
  }

  #upgrade(request, socket) {
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      + `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: sip\r\n\r\n`);
    this.#sockets.add(socket);
    this.#closing = false;
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    let buffered = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      buffered = Buffer.concat([buffered, chunk]);
      for (let frame; (frame = takeFrame(buffered)); buffered = buffered.subarray(frame.length)) this.#receive(socket, frame);
    });
  }

  #receive(socket, { opcode, payload }) {
    if (opcode === PING) socket.write(frame(PONG, payload));
    if (opcode === CLOSE) socket.end(this.#closing ? undefined : frame(CLOSE, payload)); // one each way
    if (opcode !== TEXT && opcode !== BINARY) return;
    const message = parse(payload.toString());
    const reply = message.method && this.answer(message);
    if (reply) socket.write(frame(TEXT, Buffer.from(reply)));
    else this.#messages.push(message);
    this.#wake();
  }

  #broadcast(opcode, payload) {
    for (const socket of this.#sockets) socket.write(frame(opcode, payload));
  }
}

/** A response to a request as parsed here. */
export function response(request, status, headers = "") {
  const copied = ["via", "from", "call-id", "cseq"].flatMap((name) => request.all(name).map((value) => `${name}: ${value}\r\n`));
  const to = request.header("to");
  const tag = to.includes(";tag=") ? "" : ";tag=server";
  return `SIP/2.0 ${status}\r\n${copied.join("")}to: ${to}${tag}\r\n${headers}Content-Length: 0\r\n\r\n`;
}

const registration = (request) => `Contact: ${request.header("contact")};expires=600\r\n`;

function parse(text) {
  const [head, body = ""] = text.split("\r\n\r\n", 2);
  const [start, ...lines] = head.split("\r\n");
  const headers = lines.map((line) => [line.slice(0, line.indexOf(":")).trim().toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]);
  const all = (name) => headers.filter(([key]) => key === name).map(([, value]) => value);
  const [first, second] = start.split(" ");
  return {
    text, body, all, header: (name) => all(name)[0],
    method: first === "SIP/2.0" ? undefined : first,
    status: first === "SIP/2.0" ? Number(second) : undefined,
  };
}

// A client's frames are masked (RFC 6455 section 5.3); ours are not. Browsers do not fragment messages of our size.
function takeFrame(data) {
  if (data.length < 6) return undefined;
  let size = data[1] & 0x7f;
  let at = 2;
  if (size === 126) [size, at] = [data.readUInt16BE(2), 4];
  else if (size === 127 && data.length >= 10) [size, at] = [Number(data.readBigUInt64BE(2)), 10];
  if (data.length < at + 4 + size) return undefined;
  const mask = data.subarray(at, at + 4);
  const payload = data.subarray(at + 4, at + 4 + size).map((byte, index) => byte ^ mask[index % 4]);
  return { opcode: data[0] & 0x0f, payload: Buffer.from(payload), length: at + 4 + size };
}

function frame(opcode, payload) {
  const { length } = payload;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10);
  header[0] = 0x80 | opcode;
  header[1] = length < 126 ? length : length < 65536 ? 126 : 127;
  if (header[1] === 126) header.writeUInt16BE(length, 2);
  else if (header[1] === 127) header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, payload]);
}

/** Somebody calls 1001. */
export function invite() {
  const body = [
    "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
    "m=audio 40000 UDP/TLS/RTP/SAVPF 0", "c=IN IP4 127.0.0.1", "a=mid:0", "a=sendrecv", "a=rtcp-mux", "a=setup:actpass",
    "a=rtpmap:0 PCMU/8000", "a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuvwx",
    `a=fingerprint:sha-256 ${Array(32).fill("AB").join(":")}`, "a=candidate:1 1 udp 2122260223 127.0.0.1 40000 typ host", "",
  ].join("\r\n");
  return [
    "INVITE sip:1001@sipwasm.test SIP/2.0", "Via: SIP/2.0/WS server.invalid;branch=z9hG4bKmicrophone", "Max-Forwards: 70",
    "From: <sip:1002@sipwasm.test>;tag=caller", "To: <sip:1001@sipwasm.test>", "Call-ID: microphone@server.invalid", "CSeq: 1 INVITE",
    "Contact: <sip:1002@server.invalid;transport=ws>", "Content-Type: application/sdp", `Content-Length: ${body.length}`, "", body,
  ].join("\r\n");
}
