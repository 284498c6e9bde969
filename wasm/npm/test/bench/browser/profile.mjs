// Where the time goes, for a goal that was missed.

import { LIBRARIES } from "./figures.mjs";

const CATEGORIES = ["devtools.timeline", "disabled-by-default-v8.compile", "v8", "v8.wasm", "blink", "loading", "toplevel"];
const SHOWN = 12;

/** What the threads of the page's process did while it loaded, by the time of each kind of work without what it called. */
export async function profileLoad(context, open) {
  const devtools = await context.newCDPSession(context.pages()[0]);
  const events = [];
  devtools.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  await devtools.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: CATEGORIES } });
  const phone = await open();
  const complete = new Promise((resolve) => devtools.once("Tracing.tracingComplete", resolve));
  await devtools.send("Tracing.end");
  await complete;
  await phone.close();
  await devtools.detach();
  return rank(selfTimes(events));
}

/** Self times in milliseconds by kind of work, of the renderer that was busiest. */
function selfTimes(events) {
  const threads = new Map();
  for (const event of events) {
    if (event.ph !== "X" || event.dur === undefined) continue;
    const thread = `${event.pid} ${event.tid}`;
    if (!threads.has(thread)) threads.set(thread, []);
    threads.get(thread).push(event);
  }
  const named = (kind) => new Map(events.filter(({ ph, name }) => ph === "M" && name === kind).map(({ pid, tid, args }) =>
    [kind === "process_name" ? pid : `${pid} ${tid}`, args.name]));
  const processes = named("process_name"), names = named("thread_name");
  const busy = new Map(); // by process
  const found = []; // { pid, what, ms, count }
  for (const [thread, all] of threads) {
    const pid = Number(thread.split(" ")[0]);
    if (!/Renderer/.test(processes.get(pid) ?? "")) continue;
    const where = /Main/.test(names.get(thread) ?? "") ? "main thread" : "other threads";
    const open = []; // from the outermost
    const add = ({ name, self }) => {
      found.push({ pid, what: `${where}: ${name}`, ms: self / 1000 });
      busy.set(pid, (busy.get(pid) ?? 0) + self);
    };
    for (const { name, ts, dur } of all.toSorted((a, b) => a.ts - b.ts || b.dur - a.dur)) {
      while (open.length > 0 && open.at(-1).end <= ts) add(open.pop());
      if (open.length > 0) open.at(-1).self -= dur;
      open.push({ name, end: ts + dur, self: dur });
    }
    while (open.length > 0) add(open.pop());
  }
  const [busiest] = [...busy].toSorted((a, b) => b[1] - a[1])[0] ?? [];
  return found.filter(({ pid }) => pid === busiest);
}

/** What the main thread of a page did during `act`, by function; the compiled program counts as one. */
export async function profileCalls(phone, act) {
  await phone.devtools.send("Profiler.enable");
  await phone.devtools.send("Profiler.start");
  await act();
  const { profile: { nodes, samples, timeDeltas } } = await phone.devtools.send("Profiler.stop");
  const what = new Map(nodes.map(({ id, callFrame: { functionName, url, lineNumber, columnNumber } }) => {
    if (/\.wasm|^wasm:/.test(url)) return [id, "Go, compiled"];
    const file = url.split("/").at(-1).split("?")[0];
    return [id, `${functionName || "(anonymous)"}${file ? ` ${file}:${lineNumber + 1}:${columnNumber + 1}` : ""}`];
  }));
  return rank(samples.map((id, i) => ({ what: what.get(id), ms: timeDeltas[i] / 1000 })).filter((each) => each.what !== "(idle)"));
}

function rank(found) {
  const sums = new Map();
  for (const { what, ms } of found) {
    const sum = sums.get(what) ?? { what, ms: 0, count: 0 };
    sum.ms += ms;
    sum.count++;
    sums.set(what, sum);
  }
  return [...sums.values()].toSorted((a, b) => b.ms - a.ms).slice(0, SHOWN);
}

export function profileLines(title, library, ranked) {
  return [`${title}, ${LIBRARIES[library]}`, ...ranked.map(({ what, ms, count }) => `  ${ms.toFixed(1).padStart(8)} ms  ${String(count).padStart(6)} ×  ${what}`)];
}
