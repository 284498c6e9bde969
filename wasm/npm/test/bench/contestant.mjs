// The process of one contestant of Node: it measures when it is asked to and sleeps otherwise.
import { TURN } from "./messages.mjs";

const { default: handle } = await import(`./${process.argv[2]}.mjs`);

/** Handles messages, a turn at a time, until `enough`, and tells how many and what they took. */
async function run(kind, enough) {
  const cpu = process.cpuUsage();
  const begin = performance.now();
  let n = 0, ms = 0;
  do {
    const later = handle(kind, n++);
    if (later) await later;
    ms = performance.now() - begin;
  } while (!enough(ms, n));
  const { user, system } = process.cpuUsage(cpu); // of all threads: the compilers and the garbage collector too
  const messages = n * TURN[kind].length;
  return { perSecond: (1000 * messages) / ms, perCpuSecond: (1e6 * messages) / (user + system) };
}

process.on("message", async ({ kind, ms, warmUp }) => {
  // The compilers want a number of calls, which on a busy machine take their time. JsSIP's parser goes on getting faster
  // for as much as ten seconds, to three times what it does after two.
  if (warmUp) await run(kind, (passed, n) => passed > 4 * ms && (n > 50_000 || passed > 60 * ms));
  await run(kind, (passed) => passed > ms / 2); // who has slept is slow at first, JsSIP again more than sipwasm
  process.send(await run(kind, (passed) => passed > ms));
});
process.on("disconnect", () => process.exit());
process.send({ ready: true });
