// Calls between sipwasm and other browser libraries through Kamailio, in Chromium.
//
//     node run.mjs                    sipwasm with each library, in both directions
//     node run.mjs jssip:sipjs        only that caller and callee; any of jssip, sipjs, sipwasm
//
// One line a case, then "N passed, N failed"; the exit status is 1 when a case failed. An error that a page of sipwasm
// throws or logs fails its case; those of the other libraries are shown when a case fails for its own reasons.

import { launchChromium, recordSip, servePages, within } from "./chromium.mjs";
import { RemotePhone, runCases } from "./cases.mjs";
import { startKamailio } from "./kamailio.mjs";

const LIBRARIES = ["jssip", "sipjs", "sipwasm"];
const RUN_LIMIT_MS = 5 * 60_000;
const PAGE_LIMIT_MS = 20_000;

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
  const pairs = args.length > 0 ? args.map(parsePair) : everyPair();
  const tally = { passed: 0, failed: 0 };
  const limit = setTimeout(() => abort.abort(new Error(`not finished within ${RUN_LIMIT_MS / 1000} s`)), RUN_LIMIT_MS);
  const aborted = new Promise((_, reject) => {
    abort.signal.addEventListener("abort", () => reject(abort.signal.reason), { once: true });
  });
  try {
    await Promise.race([aborted, runPairs(pairs, tally)]);
  } finally {
    clearTimeout(limit);
    for (const cleanup of cleanups.reverse()) await cleanup().catch((error) => console.error(`interop: ${error.message}`));
    console.log(`${tally.passed} passed, ${tally.failed} failed`);
  }
  return tally.failed > 0 ? 1 : 0;
}

// sipwasm uses ws as caller and wss as callee, and so does each of the others.
function everyPair() {
  const others = LIBRARIES.filter((library) => library !== "sipwasm");
  return [
    ...others.flatMap((other) => [["sipwasm", other], [other, "sipwasm"]]).map((pair) => ({ pair, schemes: ["ws", "wss"] })),
    { pair: ["sipwasm", "sipwasm"], schemes: ["ws", "wss"] },
    { pair: ["sipwasm", "sipwasm"], schemes: ["wss", "ws"] },
  ];
}

function parsePair(text) {
  const pair = text.split(":");
  if (pair.length !== 2 || !pair.every((name) => LIBRARIES.includes(name))) {
    throw new Error(`"${text}" is no CALLER:CALLEE of ${LIBRARIES.join(", ")}`);
  }
  return { pair, schemes: ["ws", "wss"] };
}

async function runPairs(pairs, tally) {
  const kamailio = await startKamailio();
  cleanups.push(() => kamailio.stop());
  const pages = await servePages();
  cleanups.push(() => pages.close());
  const browser = await launchChromium({ ownSignals: true });
  cleanups.push(() => browser.close());
  for (const [index, { pair, schemes }] of pairs.entries()) {
    abort.signal.throwIfAborted();
    await runPair({ pair, schemes, index, kamailio, pages, browser, tally });
  }
}

async function runPair({ pair: [callerLibrary, calleeLibrary], schemes, index, kamailio, pages, browser, tally }) {
  const title = `${callerLibrary} (${schemes[0]}) → ${calleeLibrary} (${schemes[1]})`;
  let opened = 0;
  let contexts = [];
  let trace = [];
  let complaints = [];

  const open = async (library, user) => {
    const context = await browser.newContext();
    contexts.push(context);
    const page = await context.newPage();
    recordSip(page, `${user} ${library}`, trace);
    page.on("pageerror", (error) => complaints.push({ library, text: error.stack ?? String(error) }));
    page.on("console", (message) => { if (message.type() === "error") complaints.push({ library, text: message.text() }); });
    await page.goto(`${pages.url}/phones/phone.html?library=${library}`);
    await page.waitForFunction(() => window.phone, null, { timeout: PAGE_LIMIT_MS });
    return new RemotePhone(page, library, user);
  };
  const close = async () => {
    const old = contexts;
    contexts = [];
    await Promise.allSettled(old.map((context) => context.close()));
  };
  const reopen = async () => {
    await close();
    // New users, so that contacts of the closed pages ring nowhere.
    const first = 1000 + 100 * index + 10 * opened++;
    return {
      caller: await open(callerLibrary, String(first + 1)),
      callee: await open(calleeLibrary, String(first + 2)),
      callerServer: kamailio[schemes[0]],
      calleeServer: kamailio[schemes[1]],
    };
  };
  const fail = (name, why) => {
    abort.signal.throwIfAborted();
    tally.failed++;
    console.log(`FAIL  ${title}  ${name}: ${why}`);
  };
  const run = async (name, body) => {
    const from = trace.length;
    const start = performance.now();
    try {
      await body();
      if (complaints.some(({ library }) => library === "sipwasm")) throw new Error("it went well, but the page of sipwasm complains");
    } catch (error) {
      fail(name, firstLine(error));
      printComplaints(complaints);
      printTrace(trace.slice(from));
      return false;
    } finally {
      complaints = [];
    }
    tally.passed++;
    console.log(`ok    ${title}  ${name}  ${Math.round(performance.now() - start)} ms`);
    return true;
  };
  try {
    await runCases({ run, reopen, broken: (name) => fail(name, "its call is not up") });
  } catch (error) {
    // Opening a page or registering again failed: the cases that are left have no phones.
    fail("the rest", firstLine(error));
    printComplaints(complaints);
    const log = kamailio.log();
    if (log) console.log(`--- Kamailio:\n${log}\n---`);
  } finally {
    await within(PAGE_LIMIT_MS, "closing the pages", close());
  }
}

// playwright appends the stack of the page to the message
function firstLine(error) {
  return error.message.split("\n    at ")[0];
}

function printComplaints(complaints) {
  for (const { library, text } of complaints) console.log(`    page: ${library}: ${text}`);
}

function printTrace(messages) {
  const first = messages[0]?.time;
  for (const { time, phone, direction, text } of messages) {
    console.log(`--- +${time - first} ms  ${phone} ${direction === "out" ? "sends" : "receives"}`);
    console.log(text.trimEnd().replace(/^/gm, "    "));
  }
}
