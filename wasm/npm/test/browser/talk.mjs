// Two user agents in one page that talk to each other through Kamailio.

import { after, before } from "node:test";
import { DOMAIN, passwordOf, startKamailio } from "../interop/kamailio.mjs";

/** Kamailio for the tests of a suite; gives `account(user)`. */
export function server() {
  let kamailio;
  before(async () => { kamailio = await startKamailio(); });
  after(() => kamailio?.stop());
  return (user) => ({ uri: `sip:${user}@${DOMAIN}`, servers: [kamailio.ws], credentials: { password: passwordOf(user) } });
}

/** Gives the page `phones(…)`, registered user agents; the last one accepts calls into `answer`, and `talk()` is a call of both. */
export async function prepare(page) {
  await page.evaluate(async () => {
    const { UserAgent } = await import("/sipwasm/index.js");
    window.phones = (...accounts) => Promise.all(accounts.map(async (account) => {
      const ua = await UserAgent.create(account);
      await ua.register();
      return ua;
    }));
    window.talk = async (accounts, { media, answered } = {}) => {
      const [alice, bob] = await phones(...accounts);
      const incoming = event(bob, "incoming");
      const call = alice.call(accounts[1].uri, media ? { media } : {});
      const answer = await incoming;
      await answer.accept(answered ? { media: answered } : {});
      await call.answered;
      return { alice, bob, call, answer, close: () => Promise.all([alice.close(), bob.close()]) };
    };
    window.event = (source, type) => new Promise((resolve) => { const remove = source.on(type, (e) => { remove(); resolve(e); }); });
    window.wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
    /** The loudest level of a while. */
    window.loudest = async (call, side, ms = 2500) => {
      let most = 0;
      const remove = call.on("level", (level) => { most = Math.max(most, level[side]); });
      await wait(ms);
      remove();
      return most;
    };
    /** A stream of a tone of the page's own. */
    window.toneOf = (hz) => {
      const context = new AudioContext();
      const [oscillator, out] = [context.createOscillator(), context.createMediaStreamDestination()];
      oscillator.frequency.value = hz;
      oscillator.connect(out);
      oscillator.start();
      return out.stream;
    };
    /** How loud each channel of a recording is, and how much of it the frequency has. */
    window.heardIn = async (blob, hz = 0) => {
      const context = new OfflineAudioContext(1, 1, 48000);
      const buffer = await context.decodeAudioData(await blob.arrayBuffer());
      return Array.from({ length: buffer.numberOfChannels }, (_, i) => {
        const data = buffer.getChannelData(i);
        let sum = 0, re = 0, im = 0;
        data.forEach((x, t) => { sum += x * x; re += x * Math.cos((2 * Math.PI * hz * t) / 48000); im += x * Math.sin((2 * Math.PI * hz * t) / 48000); });
        return { rms: Math.sqrt(sum / data.length), tone: (2 * Math.hypot(re, im)) / data.length, seconds: buffer.duration };
      });
    };
  });
  return page;
}
