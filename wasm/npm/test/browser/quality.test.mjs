// The quality of a real call between two pages in Chromium, and its report, which the server gets.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DOMAIN, passwordOf, startKamailio } from "../interop/kamailio.mjs";
import { pagesFor } from "./harness.mjs";
import { response, SipServer } from "./sip_server.mjs";

describe("quality", () => {
  const open = pagesFor({ before, after });
  let kamailio;
  before(async () => { kamailio = await startKamailio(); });
  after(() => kamailio?.stop());
  const account = (user) => ({ uri: `sip:${user}@${DOMAIN}`, servers: [kamailio.ws], credentials: { password: passwordOf(user) } });

  test("samples and the summary of a call between two pages", async (t) => {
    const [caller, callee] = await Promise.all([open(t), open(t)]);
    await callee.evaluate(async (options) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      const bob = await UserAgent.create(options);
      bob.on("incoming", async (call) => {
        window.call = call;
        await call.accept();
      });
      await bob.register();
    }, account("2102"));
    const { samples, quality, summary } = await caller.evaluate(async (options) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      const alice = await UserAgent.create({ ...options, quality: { interval: 1000 } });
      await alice.register();
      const call = alice.call("2102");
      const samples = [];
      await new Promise((resolve, reject) => {
        call.answered.catch(reject);
        // The other side reports (RTCP) after some seconds.
        call.on("quality", (sample) => { if (samples.push(sample) >= 4 && sample.sent.mos !== undefined) resolve(); });
      });
      const { quality } = call;
      await call.hangup();
      return { samples, quality, summary: await call.summary };
    }, account("2101"));

    assert.deepEqual(quality, samples.at(-1));
    for (const { received, sent, pair, level, duration } of samples.slice(1)) {
      assert.deepEqual([received.codec, sent.codec, pair.local, pair.remote, pair.protocol], ["opus", "opus", "host", "host", "udp"]);
      assert.ok(received.packets > 25 && sent.packets > 25 && received.bitrate > 5000 && sent.bitrate > 5000, JSON.stringify({ received, sent }));
      assert.ok(received.mos > 4 && level === "good" && duration > 500, JSON.stringify({ received, level, duration }));
    }
    assert.ok(quality.sent.mos > 4 && quality.sent.loss === 0 && quality.roundTrip < 100, JSON.stringify(quality));
    assert.ok(samples.some(({ sent }) => sent.audioLevel > 0), "the fake microphone beeps");
    assert.deepEqual([summary.worst, summary.received.codecs, summary.pairs.length > 0], ["good", ["opus"], true]);
    assert.ok(summary.samples >= samples.length + 1, "the rest after the last sample is in it");
    assert.ok(summary.received.packets >= samples.reduce((sum, { received }) => sum + received.packets, 0));
    assert.ok(summary.received.mos.mean > 4 && summary.end - summary.start > 3500);
    // The other page was hung up on, and nobody there asked for anything.
    const other = await callee.evaluate(() => window.call.summary);
    assert.deepEqual([other.worst, other.received.codecs], ["good", ["opus"]]);
    assert.ok(other.received.packets > 100 && other.end - other.start > 3500);
  });

  test("the report of a call reaches the collector", async (t) => {
    const server = await SipServer.listen();
    t.after(() => server.close());
    // Each user agent registers; what they send one another goes to the other one as it is, as a proxy would do. A PUBLISH is ours.
    const page = await open(t);
    const published = [];
    const { answer } = server;
    server.answer = (request) => {
      if (request.method === "PUBLISH") {
        published.push(request);
        return response(request, published.length === 1 ? "200 OK" : "489 Bad Event");
      }
      return answer(request);
    };
    await page.evaluate(async (url) => {
      const { UserAgent } = await import("/sipwasm/index.js");
      window.ua = await UserAgent.create({
        uri: "sip:1001@example.com", displayName: "Alice", servers: [url], quality: { interval: 500, report: { target: "sip:collector@example.com" } },
      });
      window.failed = [];
      ua.on("reportFailed", ({ error }) => failed.push(error.status));
      // The other side's media, without its signalling.
      window.answerOf = async (sdp) => {
        const pc = (window.pc = new RTCPeerConnection());
        pc.ontrack = ({ track }) => { // what nobody plays is not received as a phone would
          const audio = new Audio();
          audio.srcObject = new MediaStream([track]);
          void audio.play();
          window.audio = audio;
        };
        await pc.setRemoteDescription({ type: "offer", sdp });
        const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
        for (const track of stream.getTracks()) pc.addTrack(track, stream);
        await pc.setLocalDescription();
        await new Promise((resolve) => { pc.onicegatheringstatechange = () => { if (pc.iceGatheringState === "complete") resolve(); }; });
        return pc.localDescription.sdp;
      };
      await ua.register();
    }, server.url);

    const talk = async () => {
      await page.evaluate(() => {
        window.call = ua.call("1002");
        window.sampled = new Promise((resolve) => { call.on("quality", ({ received }) => { if (received.mos) resolve(); }); });
      });
      const invite = await server.next("INVITE", ({ method }) => method === "INVITE");
      const sdp = await page.evaluate((offer) => answerOf(offer), invite.body);
      server.send(`${response(invite, "200 OK", "Contact: <sip:1002@127.0.0.1;transport=ws>\r\nContent-Type: application/sdp\r\n").replace("Content-Length: 0", `Content-Length: ${sdp.length}`)}${sdp}`);
      await server.next("ACK", ({ method }) => method === "ACK");
      await page.evaluate(async () => { await call.answered; await sampled; void call.hangup(); });
      const bye = await server.next("BYE", ({ method }) => method === "BYE");
      server.send(response(bye, "200 OK"));
      await page.evaluate(async () => { await call.ended; pc.close(); });
      return invite;
    };
    const invite = await talk();
    await page.waitForFunction(() => call.summary.then(() => true));
    while (published.length === 0) await new Promise((resolve) => { setTimeout(resolve, 20); });
    const [publish] = published;
    assert.deepEqual(
      ["event", "content-type", "expires", "sip-if-match", "to"].map((name) => publish.header(name)),
      ["vq-rtcpxr", "application/vq-rtcpxr", undefined, undefined, "<sip:collector@example.com>"]);
    const lines = publish.text.slice(publish.text.indexOf("\r\n\r\n") + 4).split("\r\n");
    const of = (name) => lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trim();
    const tag = /;tag=([^;]+)/.exec(invite.header("from"))[1];
    assert.equal(lines[0], "VQSessionReport: CallTerm");
    assert.deepEqual(["CallID", "LocalID", "RemoteID", "OrigID", "LocalGroup", "DialogID"].map(of), [
      invite.header("call-id"), '"Alice" <sip:1001@example.com>', "<sip:1002@example.com>", '"Alice" <sip:1001@example.com>', "example.com",
      `${invite.header("call-id")};to-tag=server;from-tag=${tag}`,
    ]);
    assert.match(of("LocalAddr"), /^IP=[\da-f.:]+ PORT=\d+ SSRC=0x[\da-f]+$/);
    assert.match(of("RemoteAddr"), /^IP=[\da-f.:]+ PORT=\d+ SSRC=0x[\da-f]+$/);
    assert.match(of("SessionDesc"), /^PT=111 PD=opus SR=48000 FMTP="/);
    assert.match(of("PacketLoss"), /^NLR=0\.00/);
    assert.match(of("QualityEst"), /^RLQ=9\d MOSLQ=4\.\d+ MOSCQ=4\.\d+ QoEEstAlg=G\.107$/);

    // A collector that does not want it: the page is told, the call is not.
    await talk();
    await page.waitForFunction(() => failed.length > 0);
    assert.deepEqual(await page.evaluate(async () => { await ua.close(); return failed; }), [489]);
    assert.equal(published.length, 2);
  });
});
