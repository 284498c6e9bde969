// What STUN and TURN servers that do not answer cost a call: nothing that was gathered ahead, else half a second.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DOMAIN, passwordOf, startKamailio } from "../interop/kamailio.mjs";
import { pagesFor } from "./harness.mjs";
import { response, SipServer } from "./sip_server.mjs";
import { startStun } from "./stun.mjs";

const SILENT = "192.0.2.1:3478";

describe("ICE", () => {
  const open = pagesFor({ before, after });
  let stun;
  before(async () => { stun = await startStun(); });
  after(() => stun?.stop());

  /** A page with `prepare(ice)`, which makes `ua`, registered. */
  async function prepared(t) {
    const server = await SipServer.listen();
    t.after(() => server.close());
    const { answer } = server;
    server.answer = (request) => (request.method === "INVITE" ? response(request, "486 Busy Here") : answer(request));
    const page = await open(t);
    await page.evaluate(async (url) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      window.prepare = async (ice) => {
        await window.ua?.close();
        window.ua = await UserAgent.create({ uri: "sip:1001@sipwasm.test", servers: [url], ...(ice && { ice }) });
        window.sent = (start) => new Promise((resolve) => {
          window.ua.on("trace", ({ direction, text }) => { if (direction === "out" && text.startsWith(start)) resolve([performance.now(), text]); });
        });
        await window.ua.register();
      };
    }, server.url);
    return { page, server };
  }

  test("a call does not wait for a server that is away", async (t) => {
    const { page } = await prepared(t);
    const dial = (ice) => page.evaluate(async (ice) => {
      await prepare(ice);
      const took = [];
      for (let round = 0; round < 4; round++) { // the first opens the microphone of a new page
        const invite = sent("INVITE");
        const began = performance.now();
        const call = ua.call("1002");
        took.push((await invite)[0] - began);
        await call.ended;
      }
      return took.slice(1).sort((a, b) => a - b)[1];
    }, ice);
    const away = [{ urls: `stun:${SILENT}` }, { urls: `turn:${SILENT}`, username: "u", credential: "c" }];
    const [alone, silent, atOnce, enough] = [
      await dial(), await dial({ servers: away }), await dial({ servers: away, gathering: { settle: 0 } }),
      await dial({ servers: [...away, { urls: `stun:${stun.address}` }], gathering: { settle: 20_000, limit: 20_000, enough: "srflx" } }),
    ];
    t.diagnostic(`call() to INVITE, median of 3: ${alone.toFixed()} ms without servers, ${silent.toFixed()} ms with one that is away, ` +
      `${atOnce.toFixed()} ms with settle 0, ${enough.toFixed()} ms with enough "srflx" and one that answers`);
    assert.ok(alone < 400 && atOnce < 400 && enough < 400, "nothing is waited for");
    assert.ok(silent >= 450 && silent < 1000, "half a second");
  });

  test("an accepted call does not wait at all, and the function for the servers is asked once", async (t) => {
    const { page, server } = await prepared(t);
    await page.evaluate((servers) => {
      window.asked = 0;
      return prepare({ servers: async () => { window.asked++; return servers; } });
    }, [{ urls: `stun:${SILENT}` }, { urls: `stun:${stun.address}` }]);
    await page.evaluate(() => { window.incoming = new Promise((resolve) => { ua.on("incoming", resolve); }); });
    server.send(await invite(page));
    await page.evaluate(() => window.incoming);
    await page.waitForTimeout(600); // it rings
    const { took, answer, asked } = await page.evaluate(async () => {
      const ok = sent("SIP/2.0 200 OK");
      const call = await window.incoming;
      const began = performance.now();
      call.accept().catch(() => {});
      const [end, answer] = await ok;
      return { took: end - began, answer, asked: window.asked };
    });
    t.diagnostic(`accept() to 200: ${took.toFixed()} ms`);
    assert.match(answer, / typ srflx/);
    assert.ok(took < 400);
    assert.equal(asked, 1);
  });

  test("a function for the servers that fails is told, and the call goes on", async (t) => {
    const { page } = await prepared(t);
    const result = await page.evaluate(async () => {
      await prepare({ servers: () => Promise.reject(new Error("no credentials today")) });
      const invite = sent("INVITE");
      const call = ua.call("1002");
      const { error } = await new Promise((resolve) => { call.on("iceServersFailed", resolve); });
      const [, text] = await invite;
      return { cause: error.cause?.message, host: text.includes(" typ host") };
    });
    assert.deepEqual(result, { cause: "no credentials today", host: true });
  });

  test("candidates follow in INFO, through Kamailio, and people hear each other", async (t) => {
    const kamailio = await startKamailio();
    t.after(() => kamailio.stop());
    const page = await open(t);
    const result = await page.evaluate(async ([domain, server, passwords, away]) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      const log = [];
      const phone = async (user, ice) => {
        const ua = await UserAgent.create({ uri: `sip:${user}@${domain}`, servers: [server], credentials: { password: passwords[user] }, ice });
        ua.on("trace", ({ direction, text }) => {
          if (direction !== "out" || !/^INVITE |^INFO |^SIP\/2.0 200[^]*CSeq: \d+ INVITE/.test(text)) return;
          log.push([user, text.split(" ")[0], (text.match(/^a=candidate:/gm) ?? []).length, text.includes("a=end-of-candidates")]);
        });
        await ua.register();
        return ua;
      };
      const hears = async ({ peerConnection }) => {
        const energy = async () => [...(await peerConnection.getStats()).values()].reduce((sum, r) => sum + (r.type === "inbound-rtp" ? r.totalAudioEnergy ?? 0 : 0), 0);
        const start = await energy();
        while ((await energy()) < start + 0.002) await new Promise((resolve) => { setTimeout(resolve, 50); });
      };
      // Nobody waits for the server that is away: the candidates of the first offer follow the answer.
      const alice = await phone("2101", { servers: away, gathering: { early: false }, trickle: "full" });
      const bob = await phone("2102", { servers: away, gathering: { early: false } });
      const incoming = new Promise((resolve) => { bob.on("incoming", async (call) => { await call.accept(); resolve(call); }); });
      const began = performance.now();
      const call = alice.call("2102");
      await call.answered;
      const took = performance.now() - began;
      const other = await incoming;
      await Promise.all([hears(call), hears(other)]);
      await call.restartIce();
      await Promise.all([hears(call), hears(other)]);
      const states = [call.peerConnection.connectionState, other.peerConnection.connectionState];
      await Promise.all([alice.close(), bob.close()]);
      return { took, states, log };
    }, [DOMAIN, kamailio.ws, { 2101: passwordOf("2101"), 2102: passwordOf("2102") }, [{ urls: `stun:${SILENT}` }]]);
    t.diagnostic(`call() to the answer: ${result.took.toFixed()} ms; ${JSON.stringify(result.log)}`);
    assert.deepEqual(result.states, ["connected", "connected"]);
    const of = (user, what) => result.log.filter(([who, kind]) => who === user && kind === what);
    assert.ok(of("2101", "INVITE").length >= 2);
    assert.ok(of("2101", "INVITE").concat(of("2102", "SIP/2.0")).every(([, , candidates]) => candidates === 0), "no description waits");
    for (const user of ["2101", "2102"]) assert.ok(of(user, "INFO").some(([, , candidates]) => candidates > 0), `candidates of ${user} in INFO`);
    assert.ok(result.took < 1500);
  });

  test("without a relay, relays alone are an error that says so", async (t) => {
    const { page } = await prepared(t);
    const error = await page.evaluate(async (server) => {
      await prepare({ servers: [server], transportPolicy: "relay", gathering: { limit: 500 } });
      return ua.call("1002").answered.then(() => undefined, ({ code, message }) => ({ code, message }));
    }, { urls: `turn:${SILENT}`, username: "u", credential: "c" });
    assert.equal(error.code, "media-failed");
    assert.match(error.message, /ice\.servers/);
  });
});

/** An INVITE with an offer that the browser itself has made. */
async function invite(page) {
  const offer = await page.evaluate(async () => {
    const peer = new RTCPeerConnection();
    peer.addTransceiver("audio");
    const { sdp } = await peer.createOffer();
    peer.close();
    return sdp;
  });
  return [
    "INVITE sip:1001@sipwasm.test SIP/2.0", "Via: SIP/2.0/WS caller.invalid;branch=z9hG4bKice", "Max-Forwards: 70",
    "From: <sip:1002@sipwasm.test>;tag=f", "To: <sip:1001@sipwasm.test>", "Call-ID: ice@sipwasm.test", "CSeq: 1 INVITE",
    "Contact: <sip:1002@caller.invalid;transport=ws>", "Content-Type: application/sdp", `Content-Length: ${offer.length}`, "", offer,
  ].join("\r\n");
}
