import assert from "node:assert/strict";
import { test } from "node:test";
import { Program, settled } from "./fake.mjs";

/** The page's media objects, as far as playing goes. */
function page(t, { play = async () => {} } = {}) {
  const made = [];
  class Element {
    srcObject = null;
    autoplay = false;
    play = t.mock.fn(play);
  }
  globalThis.document = { createElement: (name) => (assert.equal(name, "audio"), made.push(new Element()), made.at(-1)) };
  globalThis.MediaStream = class {
    #tracks = new Set();
    constructor(tracks) { tracks.forEach((track) => this.#tracks.add(track)); }
    addTrack(track) { this.#tracks.add(track); }
    getTracks() { return [...this.#tracks]; }
  };
  t.after(() => {
    delete globalThis.document;
    delete globalThis.MediaStream;
  });
  return { made, Element };
}

class PeerConnection extends EventTarget {
  remoteDescription = null;
  receivers = [];
  getReceivers() { return this.receivers; }
  track(track) { this.dispatchEvent(Object.assign(new Event("track"), { track })); }
}

test("the remote stream is one for the whole call and plays by itself", async (t) => {
  const { made } = page(t);
  const program = new Program();
  const { call, handle } = await program.outgoing();
  const streams = [];
  call.on("remotestream", ({ stream }) => streams.push(stream));
  const pc = new PeerConnection();
  program.emit(handle, "peerconnection", { peerConnection: pc });
  assert.equal(call.peerConnection, pc);
  assert.equal(call.remoteStream, undefined);
  pc.track("a");
  pc.track("b");
  pc.track("a"); // resumed from hold

  assert.deepEqual(streams, [call.remoteStream]);
  assert.deepEqual(call.remoteStream.getTracks(), ["a", "b"]);
  assert.equal(made.length, 1);
  assert.equal(made[0].srcObject, call.remoteStream);
  assert.equal(made[0].autoplay, true);
  assert.equal(made[0].play.mock.callCount(), 1);

  program.emit(handle, "ended", { by: "remote", reason: "" });
  assert.equal(made[0].srcObject, null);
  pc.track("late");
  assert.deepEqual(streams.length, 1);
});

test("tracks of an offer that was applied before the event are not missed", async (t) => {
  page(t);
  const program = new Program();
  const { call, handle } = await program.incoming();
  const pc = Object.assign(new PeerConnection(), { remoteDescription: { type: "offer" }, receivers: [{ track: "a" }] });
  program.emit(handle, "peerconnection", { peerConnection: pc });
  pc.track("a");
  assert.deepEqual(call.remoteStream.getTracks(), ["a"]);
});

test("the page's element or none may be used, by user agent or by call", async (t) => {
  const { made, Element } = page(t);
  const ofUserAgent = new Element(), ofCall = new Element();
  const play = async (program, { handle }) => {
    const pc = new PeerConnection();
    program.emit(handle, "peerconnection", { peerConnection: pc });
    pc.track("a");
    await settled();
  };

  const program = new Program();
  const first = await program.outgoing("1002", {}, { audio: ofUserAgent });
  await play(program, first);
  assert.equal(ofUserAgent.srcObject, first.call.remoteStream);

  const second = first.ua.call("1003", { audio: ofCall });
  await play(program, { handle: 5 });
  assert.equal(ofCall.srcObject, second.remoteStream);

  const third = first.ua.call("1004", { audio: false });
  await play(program, { handle: 7 });
  assert.deepEqual(third.remoteStream.getTracks(), ["a"]);

  const silent = new Program();
  const fourth = await silent.incoming(2, { audio: false });
  const accepting = fourth.call.accept({ audio: ofCall });
  (await silent.take("accept")).resolve();
  await accepting;
  await play(silent, fourth);
  assert.equal(ofCall.srcObject, fourth.call.remoteStream);
  program.emit(5, "ended", { by: "remote", reason: "" });
  assert.equal(ofCall.srcObject, fourth.call.remoteStream, "an element that plays another call by now is left alone");
  assert.equal(made.length, 0);
});

test("refused autoplay is an event with the way out", async (t) => {
  let refused = true;
  const { made } = page(t, {
    play: async () => { if (refused) throw new DOMException("no gesture", "NotAllowedError"); },
  });
  const program = new Program();
  const { call, handle } = await program.outgoing();
  const blocked = new Promise((resolve) => call.on("autoplayBlocked", resolve));
  const pc = new PeerConnection();
  program.emit(handle, "peerconnection", { peerConnection: pc });
  pc.track("a");
  const { error, resume } = await blocked;
  assert.equal(error.code, "autoplay-blocked");
  assert.match(error.message, /click/);
  await assert.rejects(resume(), { name: "SipError", code: "autoplay-blocked" });
  refused = false;
  await resume();
  assert.equal(made[0].play.mock.callCount(), 3);
  program.emit(handle, "ended", { by: "remote", reason: "" });
  await resume();
  assert.equal(made[0].play.mock.callCount(), 3, "there is nothing to play any more, and play() would wait for ever");
});

test("to resume leaves an element alone that plays another call by now", async (t) => {
  const { Element } = page(t, { play: async () => { throw new DOMException("no gesture", "NotAllowedError"); } });
  const audio = new Element();
  const program = new Program();
  const { call, handle } = await program.outgoing("1002", { audio });
  const blocked = new Promise((resolve) => call.on("autoplayBlocked", resolve));
  const pc = new PeerConnection();
  program.emit(handle, "peerconnection", { peerConnection: pc });
  pc.track("a");
  const { resume } = await blocked;
  audio.srcObject = {};
  await resume();
  assert.equal(audio.play.mock.callCount(), 1);
});

test("the microphone is shown; after a crash it is stopped unless it is the page's own", async (t) => {
  page(t);
  for (const [media, stops] of [[undefined, 1], [{ constraints: { audio: true } }, 1], [{ stream: {} }, 0]]) {
    const program = new Program();
    const { call, handle } = await program.outgoing("1002", media ? { media } : {});
    const stop = t.mock.fn();
    const stream = { getTracks: () => [{ stop }] };
    const shown = [];
    call.on("localstream", (event) => shown.push(event.stream));
    program.emit(handle, "localstream", { stream });
    assert.equal(call.localStream, stream);
    assert.deepEqual(shown, [stream]);
    program.control.panic();
    assert.equal(stop.mock.callCount(), stops);
  }
});
