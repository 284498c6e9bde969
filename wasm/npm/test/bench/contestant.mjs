// The process of one contestant of Node: it measures when it is asked to and sleeps otherwise.
const { default: handle } = await import(`./${process.argv[2]}.mjs`);

process.on("message", async ({ kind, ms }) => {
  const begin = performance.now();
  let n = 0, now = begin;
  do {
    const later = handle(kind, n++);
    if (later) await later;
    now = performance.now();
  } while (now - begin < ms);
  process.send({ perSecond: (1000 * n) / (now - begin) });
});
process.on("disconnect", () => process.exit());
process.send({ ready: true });
