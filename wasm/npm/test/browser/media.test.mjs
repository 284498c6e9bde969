// Microphones, loudspeakers, signals, levels and recordings in Chromium, whose fake microphones beep in different tones.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pagesFor } from "./harness.mjs";
import { prepare, server } from "./talk.mjs";

const MICROPHONES = ["--use-fake-device-for-media-stream=device-count=3", "--use-fake-ui-for-media-stream"];

describe("devices", () => {
  const open = pagesFor({ before, after }, { media: MICROPHONES });
  const account = server();
  const accounts = () => ["2201", "2202"].map(account);

  test("another microphone is heard; mute, hold and what is recorded stay as they are", async (t) => {
    const page = await prepare(await open(t));
    const result = await page.evaluate(async (accounts) => {
      const { alice, call, answer, close } = await talk(accounts);
      const { microphones, cameras, speakers } = await alice.devices.list();
      const label = () => call.localStream.getAudioTracks()[0].label;
      const first = label();
      const told = event(call, "microphone");
      await alice.devices.useMicrophone(microphones[1].id);
      const { why, id } = await told;
      const chosen = { why, same: id === microphones[1].id, label: label(), stopped: first !== label() };
      const loud = await loudest(answer, "remote");
      await call.mute();
      await call.useMicrophone(microphones[2].id);
      const muted = { label: label(), sent: await loudest(call, "local"), remote: await loudest(answer, "remote") };
      await call.unmute();
      const again = await loudest(answer, "remote");
      const second = alice.call(accounts[1].uri);
      await event(second, "localstream");
      const later = second.localStream.getAudioTracks()[0].label;
      await second.hangup();
      const gone = await alice.devices.useMicrophone("gone").catch((error) => error.code);
      const speaker = [await alice.devices.useSpeaker(speakers[1].id).then(() => alice.devices.speaker === speakers[1].id),
        await alice.devices.useSpeaker("gone").catch((error) => error.code)];
      await close();
      const counts = [microphones, cameras, speakers].map((list) => [list.length, list.filter((device) => device.default).length]);
      return { counts, chosen, loud: loud > 0.3, muted: { ...muted, remote: muted.remote < 0.3 }, again: again > 0.3, later, gone, speaker };
    }, accounts());
    assert.deepEqual(result, {
      counts: [[3, 1], [3, 1], [3, 1]], chosen: { why: "chosen", same: true, label: "Fake Audio Input 1", stopped: true }, loud: true,
      muted: { label: "Fake Audio Input 2", sent: 0, remote: true }, again: true, later: "Fake Audio Input 1", gone: "media-not-found",
      speaker: [true, "media-not-found"],
    });
  });

  test("the camera is changed while it is sent", async (t) => {
    const page = await prepare(await open(t));
    const labels = await page.evaluate(async (accounts) => {
      const { alice, call, close } = await talk(accounts);
      const { cameras } = await alice.devices.list();
      const label = () => call.localStream.getVideoTracks().map((track) => track.label).join();
      await alice.devices.useCamera(cameras[1].id);
      const before = label();
      await call.addVideo();
      const labels = [before, label()];
      await alice.devices.useCamera(cameras[2].id);
      labels.push(label());
      await close();
      return labels;
    }, accounts());
    assert.deepEqual(labels, ["", "fake_device_1", "fake_device_2"]);
  });

  // Chromium cannot be made to unplug a fake device: the page takes its place, with a mediaDevices of its own in front of the real one.
  test("an unplugged microphone gives way to another one, or says that there is none", async (t) => {
    const page = await prepare(await open(t));
    const result = await page.evaluate(async (accounts) => {
      const real = navigator.mediaDevices;
      const devices = Object.assign(new EventTarget(), {
        there: true,
        async enumerateDevices() { return (await real.enumerateDevices()).filter(({ kind }) => devices.there || kind !== "audioinput"); },
        async getUserMedia(constraints) {
          if (!devices.there) throw new DOMException("no device", "NotFoundError");
          return real.getUserMedia(constraints);
        },
        plug(there) { devices.there = there; devices.dispatchEvent(new Event("devicechange")); },
      });
      const { alice, call, answer, close } = await talk([{ ...accounts[0], host: { mediaDevices: devices } }, accounts[1]]);
      const { microphones } = await alice.devices.list();
      await alice.devices.useMicrophone(microphones[1].id);
      const unplug = () => {
        const track = call.localStream.getAudioTracks()[0];
        track.stop();
        track.dispatchEvent(new Event("ended"));
      };
      const lost = event(call, "microphone");
      unplug();
      const first = await lost;
      const heard = await loudest(answer, "remote");
      devices.plug(false);
      const ended = event(call, "microphoneended");
      unplug();
      const { error } = await ended;
      const found = event(call, "microphone");
      devices.plug(true);
      const { why } = await found;
      const again = await loudest(answer, "remote");
      await close();
      return { lost: [first.why, first.label], heard: heard > 0.3, code: error.code, cause: error.cause.code, says: /plug/.test(error.message), why, again: again > 0.3 };
    }, accounts());
    assert.deepEqual(result, {
      lost: ["lost", "Fake Default Audio Input"], heard: true, code: "media-ended", cause: "media-not-found", says: true, why: "found", again: true,
    });
  });
});

describe("recording", () => {
  const open = pagesFor({ before, after });
  const account = server();
  const accounts = () => ["2211", "2212"].map(account);

  test("each side has its channel; what is muted is not recorded; pause leaves out; it ends with the call", async (t) => {
    const page = await prepare(await open(t));
    const result = await page.evaluate(async ([first, second]) => {
      // Nothing is played by the package: the recording hears the other side all the same.
      const { call, answer, close } = await talk([{ ...first, audio: false }, second], { media: { stream: toneOf(440) }, answered: { stream: toneOf(1000) } });
      await loudest(call, "remote", 1500); // the connection is up
      const refused = await call.record({ consent: async () => false }).catch((error) => error.code);
      const recording = await call.record({ consent: () => true, channels: "stereo", timeslice: 200 });
      const chunks = [];
      recording.on("chunk", ({ data }) => chunks.push(data.size));
      await wait(2000);
      const states = [recording.state];
      recording.pause();
      states.push(recording.state);
      await wait(1000);
      recording.resume();
      const blob = await recording.stop();
      states.push(recording.state);
      const at = async (hz) => (await heardIn(blob, hz)).map(({ tone }) => tone > 0.1);
      const [{ seconds }] = await heardIn(blob);

      await call.mute();
      const silent = await call.record({ consent: () => true, channels: "stereo" });
      await wait(1500);
      await answer.hangup();
      const [left, right] = await heardIn(await silent.stopped);
      const after = await call.record({ consent: () => true }).catch((error) => error.code);
      await close();
      return {
        refused, states, type: blob.type, whole: chunks.reduce((sum, size) => sum + size, 0) === blob.size && chunks.length > 5,
        at: { 440: await at(440), 1000: await at(1000) }, short: seconds > 1 && seconds < 2.9, muted: left.rms < 0.001, other: right.rms > 0.05, after,
      };
    }, accounts());
    assert.deepEqual(result, {
      refused: "canceled", states: ["recording", "paused", "stopped"], type: "audio/webm;codecs=opus", whole: true,
      at: { 440: [true, false], 1000: [false, true] }, short: true, muted: true, other: true, after: "invalid-state",
    });
  });

  test("it goes on over another microphone, mixes, and keeps nothing where nothing is to be kept", async (t) => {
    const page = await prepare(await open(t));
    const result = await page.evaluate(async (accounts) => {
      const { call, close } = await talk(accounts, { media: { stream: toneOf(440) }, answered: { stream: toneOf(1000) } });
      await loudest(call, "remote", 1500);
      const chunks = [];
      const recording = await call.record({ consent: () => true, keep: false });
      recording.on("chunk", ({ data }) => chunks.push(data));
      await wait(1500);
      await call.useMicrophone(toneOf(2000));
      await wait(1500);
      const { size } = await recording.stop();
      const blob = new Blob(chunks, { type: recording.mimeType });
      const at = async (hz) => (await heardIn(blob, hz)).map(({ tone }) => tone > 0.05);
      await close();
      // The last is nobody's, nor a sum or multiple of theirs, as clipping makes them.
      return { size, at: [await at(440), await at(1000), await at(2000), await at(5170)] };
    }, accounts());
    assert.deepEqual(result, { size: 0, at: [[true], [true], [true], [false]] });
  });
});
