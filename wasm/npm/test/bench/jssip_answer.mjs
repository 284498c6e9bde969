// A whole JsSIP user agent that does what sipwasm.mjs asks of sipwasm: INVITE in, 482 out, ACK in. It leaves the session
// description unread, and makes no transaction for the 482.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { VARIANTS, variants } from "./messages.mjs";

globalThis.window = { RTCPeerConnection: class {} }; // JsSIP looks for it there, and uses it when a call is answered
const JsSIP = createRequire(import.meta.url)("jssip");

const socket = {
  via_transport: "WSS", url: "wss://example.com/ws", sip_uri: "sip:example.com;transport=ws",
  sent: 0, last: "",
  connect() { this.onconnect(); },
  disconnect() {},
  send(message) {
    this.sent++;
    this.last = message;
    return true;
  },
};
const ua = new JsSIP.UA({ sockets: [socket], uri: "sip:k7d2m5qa@example.com", register: false, no_answer_timeout: 3600 });
ua.on("newRTCSession", () => {}); // somebody is there to take the call
ua.start();

const invites = variants("invite"), acks = variants("ack");
socket.ondata(invites[0]);
assert.match(socket.last, /^SIP\/2\.0 180 /);

export default function handle(kind, n) {
  const before = socket.sent;
  const i = 1 + n % (VARIANTS - 1);
  socket.ondata(invites[i]);
  socket.ondata(acks[i]);
  if (socket.sent !== before + 1 || !socket.last.startsWith("SIP/2.0 482 ")) assert.fail(`not answered: ${socket.last}`);
}
