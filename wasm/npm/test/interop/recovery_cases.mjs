// The server goes away and comes back, in the ways that servers do; and how each side finds out.

import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { SipServer } from "../browser/sip_server.mjs";
import { LIMIT_MS } from "./remote_phone.mjs";

const USER = "1001";

/** Waits until a check of what is not in the pages holds. */
export async function eventually(what, check, limitMs = LIMIT_MS) {
  const deadline = performance.now() + limitMs;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs / 1000} s: ${what}`);
    await wait(50);
  }
}

const bindingsAt = async (server) => (await server.bindings(USER)).length;

/** The server crashes and is started again: registered within 5 s of its return. */
export async function restart({ serve, phone }) {
  const server = await serve();
  const page = await phone(USER);
  await page.register(server.ws);
  await page.do.forget();

  await server.kill();
  await page.until("disconnected");
  await wait(2000);
  await server.start();
  await page.until("registered", 5000);
  assert.equal(await bindingsAt(server), 1, "bindings after the restart");
}

/** Each packet is lost, and later none: noticed by the keep-alive alone, and registered again. */
export async function silence({ serve, phone }) {
  const keepAliveInterval = 2000;
  const pongTimeout = 2000;
  const late = 500;
  // Only with RFC 5626 does the registrar know the page that comes back by another connection.
  const server = await serve({ ownNetwork: true, outbound: 30 });
  const page = await phone(USER);
  await page.register(server.ws, { options: { keepAliveInterval, pongTimeout } });
  await page.do.forget();

  await server.cut();
  await page.until("disconnected", keepAliveInterval + pongTimeout + late);
  assert.equal(await page.do.count("registered"), 0, "registrations that no server can have taken");
  await server.heal();
  await page.until("registered");
  assert.equal(await bindingsAt(server), 1, "bindings after the recovery");
}

/** The machine loses its network and gets it back, which the browser tells the page: registered at once, without the wait. */
export async function offline({ serve, phone }) {
  const often = { keepAliveInterval: 2000, pongTimeout: 2000 };
  const reconnectDelay = 8000; // the wait is at least half of it
  const server = await serve({ ownNetwork: true, outbound: 30 });
  const page = await phone(USER);
  await page.register(server.ws, { options: { ...often, reconnectDelay } });
  await page.do.forget();

  await server.unplug();
  await page.until("disconnected");
  await server.plug();
  await page.until("registered", reconnectDelay / 3);
  assert.equal(await bindingsAt(server), 1, "bindings after the recovery");
}

/** The first of two servers crashes: registered with the second, and with the first again once it is back. */
export async function failover({ serve, phone }) {
  const [first, second] = await Promise.all([serve(), serve()]);
  const page = await phone(USER);
  await page.register([{ url: first.ws, priority: 1 }, { url: second.wss, priority: 2 }], { options: { returnInterval: 2000 } });
  assert.deepEqual([await bindingsAt(first), await bindingsAt(second)], [1, 0], "bindings at first and second server");
  await page.do.forget();

  await first.kill();
  await page.until("registered");
  assert.equal(await bindingsAt(second), 1, "bindings at the second server");
  await page.do.forget();

  await first.start();
  await page.until("registered");
  assert.equal(await bindingsAt(first), 1, "bindings at the first server after its return");
  await eventually("no binding left at the second server", async () => (await bindingsAt(second)) === 0);
}

/** Pings in both directions, by CRLF and by OPTIONS. Kamailio answers CRLF but never sends it, so a scripted server does. */
export async function keepAlive({ serve, phone, trace }) {
  const scripted = await SipServer.listen();
  try {
    await Promise.all([pings({ serve, phone, trace }), crlfFromServer(await phone("1004"), scripted)]);
  } finally {
    await scripted.close();
  }
}

async function crlfFromServer(page, server) {
  await page.register(server.url, { options: { keepAlive: "off" } });
  server.send("\r\n\r\n");
  assert.equal((await server.next("the answer to a CRLF ping", () => true)).text, "\r\n");
}

async function pings({ serve, phone, trace }) {
  const [patient, pinging] = await Promise.all([serve(), serve({ pings: 1 })]);
  const often = { keepAliveInterval: 1000, pongTimeout: 1000 };
  const pages = await Promise.all([phone("1001"), phone("1002"), phone("1003")]);
  const [byCRLF, byOptions, pinged] = pages;
  await Promise.all([
    byCRLF.register(patient.ws, { options: { keepAlive: "auto", ...often } }),
    byOptions.register(patient.ws, { options: { keepAlive: "options", ...often } }),
    pinged.register(pinging.ws, { options: { keepAlive: "off" } }),
  ]);
  await wait(3500);

  const count = ({ user }, direction, pattern) =>
    trace.filter((message) => message.phone.startsWith(user) && message.direction === direction && pattern.test(message.text)).length;
  // RFC 5626 section 4.4.1: two CRLF are the ping, one is the pong.
  assert.ok(count(byCRLF, "out", /^\n\n$/) >= 3, "at least three CRLF pings were sent");
  assert.ok(count(byCRLF, "in", /^\n$/) >= 3, "at least three CRLF pongs came");
  assert.equal(count(byOptions, "out", /^\n+$/), 0, "CRLF sent by the page that shall ask by OPTIONS");
  assert.ok(count(byOptions, "out", /^OPTIONS /) >= 3, "at least three OPTIONS were sent");
  assert.ok(count(byOptions, "in", /^SIP\/2\.0 200 [^]*^CSeq: \d+ OPTIONS$/m) >= 3, "at least three OPTIONS were answered");
  const [binding] = await pinging.bindings(pinged.user);
  assert.ok(binding.pingAnswered, "the server's OPTIONS were answered");
  assert.equal(count(pinged, "in", /^OPTIONS /), count(pinged, "out", /^SIP\/2\.0 200 [^]*^CSeq: \d+ OPTIONS$/m), "answers to the server's OPTIONS");
  for (const page of pages) assert.equal(await page.do.count("disconnected"), 0, `connections that ${page.user} lost`);
  assert.equal((await patient.bindings(byCRLF.user)).length, 1);
  assert.equal((await patient.bindings(byOptions.user)).length, 1);
}
