// What a broken or hostile server may send. After each the user agent answers an OPTIONS and registers again.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pagesFor } from "./harness.mjs";
import { SipServer } from "./sip_server.mjs";

const MEGABYTE = 1 << 20;

// A request, its headers by name; undefined takes one away.
function request(method, changes = {}, body = "") {
  const headers = {
    Via: "SIP/2.0/WS server.invalid;branch=z9hG4bKbad", "Max-Forwards": "70", From: "<sip:1002@sipwasm.test>;tag=bad",
    To: "<sip:1001@sipwasm.test>", "Call-ID": "bad@server.invalid", CSeq: `1 ${method}`, "Content-Length": String(body.length), ...changes,
  };
  const lines = Object.entries(headers).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} sip:1001@sipwasm.test SIP/2.0\r\n${lines.join("")}\r\n${body}`;
}

const NOISE = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) % 256));
// `answer`: the status that a request gets. `reported`: the application hears of it as a protocolError.
const cases = [
  { name: "an empty frame", send: (server) => server.send(""), reported: true },
  { name: "a keep-alive that answers nothing", send: (server) => server.send("\r\n") },
  { name: "garbage text", send: (server) => server.send("\u0000\uFFFF}{ not SIP at all"), reported: true },
  { name: "a binary frame of noise", send: (server) => server.sendBinary(NOISE), reported: true },
  { name: "1 MB of one letter", send: (server) => server.send("A".repeat(MEGABYTE)), reported: true },
  { name: "1 MB of noise", send: (server) => server.sendBinary(Buffer.alloc(MEGABYTE, NOISE)), reported: true },
  {
    name: "a response to nothing",
    send: (server) => server.send("SIP/2.0 200 OK\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKnone\r\nFrom: <sip:a@b>;tag=1\r\n"
      + "To: <sip:c@d>;tag=2\r\nCall-ID: none\r\nCSeq: 7 INVITE\r\nContent-Length: 0\r\n\r\n"),
    reported: true,
  },
  { name: "a request without Via", send: (server) => server.send(request("MESSAGE", { Via: undefined })), answer: 400, reported: true },
  { name: "a request without CSeq", send: (server) => server.send(request("MESSAGE", { CSeq: undefined })), answer: 400, reported: true },
  { name: "a request of 1 MB", send: (server) => server.send(request("MESSAGE", {}, "A".repeat(MEGABYTE))), answer: 513, reported: true },
  {
    name: "a Content-Length that lies",
    send: (server) => server.send(request("MESSAGE", { "Content-Length": "99999999999999999999" })),
    answer: 400,
    reported: true,
  },
  { name: "an unknown method", send: (server) => server.send(request("FROBNICATE")), answer: 501 },
  { name: "a method that is not taken", send: (server) => server.send(request("PUBLISH")), answer: 405 },
  { name: "a BYE for no dialog", send: (server) => server.send(request("BYE", { To: "<sip:1001@sipwasm.test>;tag=none" })), answer: 481 },
  {
    name: "an offer that is no SDP",
    send: (server) => server.send(request("INVITE", { "Content-Type": "application/sdp", Contact: "<sip:1002@server.invalid>" }, "v=9\r\nnonsense")),
    answer: 488,
  },
];

describe("bad input", () => {
  const open = pagesFor({ before, after });

  for (const { name, send, answer, reported = false } of cases) {
    test(name, async (t) => {
      const server = await SipServer.listen();
      t.after(() => server.close());
      const page = await open(t);
      await page.evaluate(async (url) => {
        const { UserAgent } = await import("/sipwasm/index.js");
        window.ua = await UserAgent.create({ uri: "sip:1001@sipwasm.test", servers: [url] });
        window.lost = 0;
        window.reports = [];
        window.ua.on("disconnected", () => { window.lost++; });
        window.ua.on("protocolError", ({ error }) => { window.reports.push(error.code); });
        await window.ua.register();
      }, server.url);

      send(server);
      if (answer) assert.equal((await server.next("an answer", ({ status }) => status >= 200)).status, answer);

      server.send(request("OPTIONS", { "Call-ID": "alive@server.invalid", Via: "SIP/2.0/WS server.invalid;branch=z9hG4bKalive" }));
      const alive = await server.next("the answer to OPTIONS", (message) => message.header("call-id") === "alive@server.invalid");
      assert.equal(alive.status, 200);
      const afterwards = await page.evaluate(async () => {
        await window.ua.register();
        const { lost, reports } = window;
        await window.ua.close();
        return { lost, reports };
      });
      assert.deepEqual(afterwards, { lost: 0, reports: reported ? ["protocol"] : [] });
    });
  }

  test("a keep-alive ping is answered (RFC 5626 section 3.5.1)", async (t) => {
    const server = await SipServer.listen();
    t.after(() => server.close());
    const page = await open(t);
    await page.evaluate(async (url) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      const ua = await UserAgent.create({ uri: "sip:1001@sipwasm.test", servers: [url] });
      await ua.register();
    }, server.url);
    server.send("\r\n\r\n");
    await server.next("the pong", ({ text }) => text === "\r\n");
  });

  test("a SIP message in a binary frame is read like any other (RFC 7118 section 5)", async (t) => {
    const server = await SipServer.listen();
    t.after(() => server.close());
    const page = await open(t);
    await page.evaluate(async (url) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      const ua = await UserAgent.create({ uri: "sip:1001@sipwasm.test", servers: [url] });
      await ua.register();
    }, server.url);
    server.sendBinary(request("OPTIONS"));
    assert.equal((await server.next("the answer", ({ status }) => status)).status, 200);
  });
});
