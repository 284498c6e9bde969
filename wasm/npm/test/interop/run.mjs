// Calls between sipwasm and other browser libraries through Kamailio, in Chromium and Firefox, and what sipwasm does with
// servers that crash, fall silent, ask for more or ping.
//
//     node run.mjs                    everything, in Chromium: sipwasm with each library in both directions, and each server case
//     node run.mjs firefox            what another browser may change: the list is in firefox_cases.mjs
//     node run.mjs jssip:sipjs        only that caller and callee; any of jssip, sipjs, sipwasm
//     node run.mjs failover           only that server case
//     node run.mjs failover:jssip     the same with another library: is it sipwasm or the server that fails?
//     node run.mjs glare:jssip        a case that has another library at the other side, with that one only
//     node run.mjs firefox glare      from the name of a browser on, what is named runs there
//     node run.mjs chromium:firefox sipwasm:sipwasm    the first phone, which is the caller, in Chromium, the others in Firefox
//
// One line a case, then "N passed, N failed"; the exit status is 1 when a case failed. An error that a page of sipwasm
// throws or logs fails its case; those of the other libraries are shown when a case fails for its own reasons.

import { BROWSERS } from "./browsers.mjs";
import { servePages } from "./chromium.mjs";
import { runCases } from "./cases.mjs";
import { startKamailio } from "./kamailio.mjs";
import { FIREFOX } from "./firefox_cases.mjs";
import { CASES, GROUPS, runServerCase } from "./server_cases.mjs";
import { Section } from "./section.mjs";

const LIBRARIES = ["jssip", "sipjs", "sipwasm"];
const CHROMIUM = ["chromium"]; // where everything runs, and what no browser is named for
const RUN_LIMIT_MS = 15 * 60_000;

const cleanups = []; // run in reverse order, however the run ends
const abort = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => abort.abort(new Error(signal)));
}

process.exit(await main(process.argv.slice(2)).catch((error) => {
  console.error(`interop: ${error.message}`);
  return 1;
}));

async function main(args) {
  const plan = args.length > 0 ? parse(args.join() === "firefox" ? FIREFOX : args) : everything();
  const tally = { passed: 0, failed: 0 };
  const limit = setTimeout(() => abort.abort(new Error(`not finished within ${RUN_LIMIT_MS / 1000} s`)), RUN_LIMIT_MS);
  const aborted = new Promise((_, reject) => {
    abort.signal.addEventListener("abort", () => reject(abort.signal.reason), { once: true });
  });
  try {
    await Promise.race([aborted, runPlan(plan, tally)]);
  } finally {
    clearTimeout(limit);
    for (const cleanup of cleanups.reverse()) await cleanup().catch((error) => console.error(`interop: ${error.message}`));
    console.log(`${tally.passed} passed, ${tally.failed} failed`);
  }
  return tally.failed > 0 ? 1 : 0;
}

// sipwasm uses ws as caller and wss as callee, and so does each of the others.
function everything() {
  const others = LIBRARIES.filter((library) => library !== "sipwasm");
  const pairs = [
    ...others.flatMap((other) => [["sipwasm", other], [other, "sipwasm"]]).map((pair) => ({ pair, schemes: ["ws", "wss"] })),
    { pair: ["sipwasm", "sipwasm"], schemes: ["ws", "wss"] },
    { pair: ["sipwasm", "sipwasm"], schemes: ["wss", "ws"] },
  ];
  return { pairs: pairs.map((each) => ({ ...each, browsers: CHROMIUM })), groups: GROUPS.map((group) => ({ group, browsers: CHROMIUM })) };
}

function parse(args) {
  const plan = { pairs: [], groups: [] };
  let browsers = CHROMIUM;
  for (const text of args) {
    const [first, second, ...more] = text.split(":");
    if (more.length === 0 && BROWSERS[first] && (second === undefined || BROWSERS[second])) {
      browsers = text.split(":");
      continue;
    }
    const known = CASES.find(({ name }) => name === first);
    const fits = second === undefined || (known?.peers ?? LIBRARIES).includes(second);
    if (more.length > 0 || !fits || !(known || (LIBRARIES.includes(first) && second))) {
      throw new Error(`"${text}" is neither CALLER:CALLEE of ${LIBRARIES.join(", ")}, nor one or two of ${Object.keys(BROWSERS).join(":")}, nor one of ${CASES.map(({ name }) => name).join(", ")}`);
    }
    if (known) plan.groups.push({ group: [{ ...known, ...(second && (known.peers ? { peers: [second] } : { library: second })) }], browsers });
    else plan.pairs.push({ pair: [first, second], schemes: ["ws", "wss"], browsers });
  }
  return plan;
}

async function runPlan({ pairs, groups }, tally) {
  const pages = await servePages();
  cleanups.push(() => pages.close());
  const running = {};
  for (const name of new Set([...pairs, ...groups].flatMap(({ browsers }) => browsers))) {
    running[name] = await BROWSERS[name]({ ownSignals: true });
    cleanups.push(() => running[name].close());
  }
  const sectionIn = (browsers) => (title, options) => new Section({
    title: browsers === CHROMIUM ? title : `${browsers.join(" → ")}  ${title}`, browsers: browsers.map((name) => running[name]), pages, tally, signal: abort.signal, ...options,
  });

  if (pairs.length > 0) {
    const kamailio = await startKamailio();
    cleanups.push(() => kamailio.stop());
    for (const [index, { browsers, ...each }] of pairs.entries()) {
      abort.signal.throwIfAborted();
      await runPair({ ...each, index, kamailio, section: sectionIn(browsers) });
    }
  }
  const runGroup = (group, browsers) => Promise.all(group.map((serverCase) => runServerCase(serverCase, { section: sectionIn(browsers), cleanups })));
  const background = [];
  for (const { group, browsers } of groups) {
    // Those of one group mostly wait.
    if (group.background) background.push(runGroup(group.background, browsers));
    else await runGroup(group, browsers);
    abort.signal.throwIfAborted();
  }
  await Promise.all(background);
}

async function runPair({ pair: [callerLibrary, calleeLibrary], schemes, index, kamailio, section }) {
  const phones = section(`${callerLibrary} (${schemes[0]}) → ${calleeLibrary} (${schemes[1]})`);
  let opened = 0;
  const reopen = async () => {
    await phones.close();
    // New users, so that contacts of the closed pages ring nowhere.
    const first = 1000 + 100 * index + 10 * opened++;
    return {
      caller: await phones.open(callerLibrary, String(first + 1)),
      callee: await phones.open(calleeLibrary, String(first + 2)),
      callerServer: kamailio[schemes[0]],
      calleeServer: kamailio[schemes[1]],
    };
  };
  try {
    const broken = (name) => phones.fail(name, new Error("its call is not up"));
    await runCases({ run: (name, body) => phones.run(name, body), reopen, broken });
  } catch (error) {
    // Opening a page or registering again failed: the cases that are left have no phones.
    phones.fail("the rest", error);
    const log = kamailio.log();
    if (log) console.log(`--- Kamailio:\n${log}\n---`);
  } finally {
    await phones.close();
  }
}
