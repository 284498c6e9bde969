import assert from "node:assert/strict";
import { test } from "node:test";
import { UserAgent } from "../dist/index.js";
import { fakeModule, Program } from "./fake.mjs";

const good = { uri: "sip:1001@example.com", servers: ["wss://example.com/ws"] };

test("create names the option that is wrong, as the application wrote it", async () => {
  const program = new Program();
  const wasm = await fakeModule();
  for (const [name, values] of Object.entries({
    uri: [undefined, null, 7, "", "1001", "sip:example.com", "https://example.com", "sip:1001@example.com\r\nX: y"],
    servers: [undefined, null, "wss://example.com", [], [7], ["https://example.com"], ["wss://"], { 0: "wss://example.com" }],
    credentials: [null, "secret", {}, { username: "u" }, { password: 7 }, { username: 7, password: "p" }, { password: "p", ha1: "h" },
      { ha1: [] }, { ha1: [{ realm: "r" }] }, { ha1: [{ hash: "h", algorithm: "SHA-1" }] }, { token: 7 }, { token: "t", password: "p" }],
    minDigest: [null, "SHA-1", 256],
    network: [null, "yes"],
    flows: [0, 5, 1.5, "2"],
    outbound: [1],
    push: [null, {}, { provider: "p" }, { provider: "p", prid: 7 }, { provider: "p", prid: "i\r\n" }],
    contactParams: [{}, ["q"], [["q"]], [["q", 1]]],
    reconnectDelay: [0, "1"],
    reconnectMaxDelay: [0],
    returnInterval: [-1],
    keepAlive: [true, "on"],
    keepAliveInterval: [0],
    pongTimeout: [NaN],
    eventPackages: ["presence", [7], null],
    unsolicitedNotify: [1, "yes"],
    acceptMessages: ["text/plain", [null], ["text/plain\r\n"]],
    infoPackages: [{}, [undefined]],
    maxCalls: [0, 65, 1.5, "2"],
    holdOthers: [1],
    manualRinging: ["yes"],
    manualReplaces: [null],
    tones: [true, null, "xx", { country: "xx" }, { volume: 2 }, { ringback: true }, { ringing: { hz: [], seconds: [1] } }, { busy: { hz: [440], seconds: [0] } },
      { busy: { hz: [440], seconds: [1], warble: 0 } }, { bell: false }, { waiting: { hz: [9000], seconds: [1] } }],
    microphoneFallback: [0, "no"],
    autoAnswer: [true, { answerMode: 1 }, { intercom: true }],
    noAnswerTimeout: [0, "30"],
    followRedirects: [-1, 0.5, true],
    reliable: [false, "always"],
    sessionTimer: [true, { expires: 89 }, { minSE: "90" }, { refresher: "us" }, { method: "INVITE" }, { interval: 1800 }],
    codecs: [["opus"], { order: "opus" }, { remove: [7] }, { prefer: [] }],
    bandwidth: [64, { audio: 0 }, { video: 1.5 }, { data: 1 }],
    sdp: ["v=0", {}],
    displayName: [null, 7, "Alice\r\nX: y"],
    instanceId: [7, "", "1234", 'urn:uuid:"'],
    registrationExpires: ["600", NaN, Infinity, 59],
    userAgent: [{}, "a\nb"],
    connectTimeout: ["500", 0, -1, NaN],
    ice: [[{ urls: "stun:a" }], { servers: { urls: "stun:a" } }, { servers: ["stun:a"] }, { servers: [{}] }, { servers: [{ urls: [7] }] }, { ice: {} }, { ice: { servers: () => [] } },
      { transportPolicy: "turn" }, { gathering: 500 }, { gathering: { settle: "1" } }, { gathering: { limit: Infinity } },
      { gathering: { settle: -1 } }, { gathering: { enough: "host" } }, { gathering: { early: 1 } }, { trickle: true }],
    audio: [true, "audio", {}],
    signal: [{}, true],
    host: ["page", null],
    wasm: [7, null],
  })) {
    for (const value of values) {
      await assert.rejects(UserAgent.create({ wasm, host: program.host, ...good, [name]: value }), (error) => {
        assert.deepEqual({ code: error.code, op: error.op, name: error.name }, { code: "invalid-argument", op: "create", name: "SipError" });
        assert.match(error.message, new RegExp(`^create: ${name} must be `), JSON.stringify(value));
        return true;
      });
    }
  }
  await assert.rejects(UserAgent.create({ ...good, password: "secret" }), (error) => {
    assert.equal(error.code, "invalid-argument");
    assert.match(error.message, /^create: "password" is not an option; there are uri, servers, credentials, /);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
  for (const nothing of [[], [null], ["sip:1001@example.com"]]) {
    await assert.rejects(UserAgent.create(...nothing), { code: "invalid-argument", message: /uri and servers are required/ });
  }
  assert.equal(program.control, undefined, "nothing is loaded for what cannot work");
});

test("create takes every form that the options may have, and undefined as nothing", async () => {
  const program = new Program();
  for (const options of [
    { uri: "sips:1001@example.com:5061" }, { servers: ["ws://a", "wss://b"] }, { credentials: { password: "" } },
    { credentials: { username: "u", ha1: "0", password: undefined } }, { audio: { play() {} } }, { ice: {} }, { ice: { servers: () => [] } },
    { ice: { servers: [{ urls: ["stun:a", "turn:b"], username: "u", credential: "c" }], transportPolicy: "relay" } },
    { ice: { gathering: { settle: 0, limit: 0, enough: "relay", early: false }, trickle: "full" } },
    { credentials: { token: "t" } }, { credentials: { ha1: [{ realm: "r", algorithm: "SHA-256", hash: "h" }, { hash: "i" }] } },
    { credentials: () => ({ password: "p" }) }, { servers: [{ url: "wss://a" }, { url: "ws://b", priority: 1, weight: 65535 }] },
    { keepAlive: "off", flows: 4, outbound: false, push: { provider: "p", prid: "i", param: "x" }, contactParams: [["q", "0.5"]] },
    { eventPackages: ["presence"], unsolicitedNotify: true, acceptMessages: ["text/*"], infoPackages: [] },
    { maxCalls: 64, holdOthers: true, manualRinging: true, manualReplaces: true, autoAnswer: { answerMode: true, alertInfo: false },
      noAnswerTimeout: 30000, followRedirects: 0, reliable: "off", codecs: { order: ["opus"], remove: [] }, bandwidth: { audio: 64 } },
    { sessionTimer: false }, { sessionTimer: { expires: 90, minSE: 90, refresher: "local", method: "update" } }, { sessionTimer: {} },
    { sdp: (d) => d.sdp }, { autoAnswer: {}, codecs: { order: undefined }, bandwidth: {} },
    { displayName: undefined, stunServers: undefined },
  ]) {
    const { ua } = await program.userAgent(options);
    assert.ok(ua instanceof UserAgent);
  }
});
