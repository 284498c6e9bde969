// More than the sound of two: video in the call, and conferences that the page mixes.

import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { answer, audio, hangUp, ring } from "./cases.mjs";
import { LIMIT_MS } from "./remote_phone.mjs";

const QUIET_MS = 500; // what comes late has come then

/** Video comes and goes in the call, from each side. The microphone goes on. */
export async function video({ serve, phone, peer }) {
  const server = await serve();
  const [ours, theirs] = [await phone("1001"), await phone("1002", peer)];
  await Promise.all([ours.register(server.ws), theirs.register(server.wss)]);
  await ring({ caller: ours, callee: theirs });
  await answer({ caller: ours, callee: theirs });
  await audio({ caller: ours, callee: theirs });

  await ours.do.addVideo();
  await theirs.do.seesVideo(LIMIT_MS);
  await ours.do.stopVideo();
  await theirs.do.seesNothing(LIMIT_MS);

  await theirs.do.addVideo();
  await ours.do.seesVideo(LIMIT_MS);
  await ours.do.addVideo();
  await Promise.all([ours, theirs].map((each) => each.do.seesVideo(LIMIT_MS)));
  // SIP.js never takes video out again, whatever constraints it is given.
  if (await theirs.knows("stopsVideo")) {
    await theirs.do.stopVideo();
    await ours.do.seesNothing(LIMIT_MS);
    await theirs.do.seesVideo(LIMIT_MS);
  }
  await ours.do.removeVideo();
  await Promise.all([ours, theirs].map((each) => each.do.seesNothing(LIMIT_MS)));
  await audio({ caller: ours, callee: theirs });
  await hangUp(ours, theirs);
}

/** Each of the three that sipwasm brings together hears the two others and sipwasm, and sipwasm hears all three. */
export async function conference({ serve, phone }) {
  const server = await serve();
  const host = await phone("1000", "sipwasm", { voice: true });
  const guests = [];
  for (const [index, library] of ["jssip", "sipjs", "sipwasm"].entries()) {
    guests.push(await phone(String(1001 + index), library, { voice: true }));
  }
  const [first, second, third] = guests;
  const everybody = [host, ...guests];
  await Promise.all(everybody.map((each) => each.register(server.ws)));
  for (const guest of guests) {
    await ring({ caller: host, callee: guest });
    await answer({ caller: host, callee: guest });
  }

  const keys = [..."159D37*8"]; // each is spoken once
  const expected = new Map(everybody.map((each) => [each, []]));
  const heard = async (speaker, listeners) => {
    const key = keys.shift();
    await speaker.speak(key);
    for (const listener of listeners) {
      expected.get(listener).push(key);
      await listener.do.hears(key, LIMIT_MS);
    }
    await wait(QUIET_MS); // the end of the tone is for those who are there now
  };
  await heard(first, [host]);
  await host.do.conference();
  for (const each of everybody) await heard(each, everybody.filter((other) => other !== each));
  await host.do.dropFromConference(2);
  await heard(first, [host, second]);
  await heard(third, [host]);
  await host.do.endConference();
  await heard(second, [host]);

  await wait(QUIET_MS);
  for (const [each, keysOf] of expected) {
    assert.deepEqual(new Set(await each.do.hear(0)), new Set(keysOf), `all that ${each.user} ${each.library} heard`);
  }
  for (const [line, guest] of guests.entries()) {
    await host.do.select(line);
    await hangUp(guest, host);
  }
}
