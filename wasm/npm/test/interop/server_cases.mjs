// The cases that are about the server, or about more than one thing at a time. Each has servers and phones of its own.

import { earlyMedia, earlyMediaOfAnother, forked, glare, remoteHold } from "./call_cases.mjs";
import { startKamailio } from "./kamailio.mjs";
import { algorithms, outbound, secondRealm } from "./registration_cases.mjs";
import { failover, keepAlive, offline, restart, silence } from "./recovery_cases.mjs";
import { conference, video } from "./media_cases.mjs";
import { Network } from "./network.mjs";
import { subscriptions } from "./subscription_cases.mjs";
import { connectionLost, reload, serverRestart, sessionRefresh } from "./survival_cases.mjs";
import { attended, blind, ROLES } from "./transfer_cases.mjs";

// The browser logs each connection that fails by itself; nobody can keep it from doing so.
export const CONNECTION_FAILED = /^WebSocket connection to .* failed|^(Error: )?(Firefox can’t establish a connection to the server at|The connection to) wss?:/;

const withoutNetwork = () => !Network.permitted && "no private network namespace is permitted here";

const ALL = ["jssip", "sipjs", "sipwasm"];

/**
 * Groups that run one after the other; the cases in one group run at the same time, those in the background beside all that follows. A
 * case is a function of
 *
 *     serve(options)        starts a Kamailio that ends with the case
 *     phone(user, library, options)  opens a phone; of sipwasm, unless the run or the case names another library
 *     trace                 the SIP messages of its phones
 *     peer                  the library at the other side; the case is run once with each of `peers`
 */
export const GROUPS = [
  [
    { name: "restart", body: restart, expected: CONNECTION_FAILED },
    { name: "failover", body: failover, expected: CONNECTION_FAILED },
    { name: "keep-alive", body: keepAlive },
  ],
  // Alone, because the browser tells every page when a network comes or goes.
  [{ name: "silence", body: silence, expected: CONNECTION_FAILED, skip: withoutNetwork }],
  [{ name: "offline", body: offline, expected: CONNECTION_FAILED, skip: withoutNetwork }],
  // It waits for most of a minute, beside those that follow, but not while the browser tells of networks that come and go.
  { background: [{ name: "session-refresh", body: sessionRefresh }] },
  [{ name: "algorithms", body: algorithms }],
  [{ name: "second-realm", body: secondRealm }],
  [{ name: "outbound", body: outbound }],
  [{ name: "subscriptions", body: subscriptions }],
  [{ name: "remote-hold", body: remoteHold, peers: ALL }],
  [{ name: "glare", body: glare, peers: ALL }],
  [{ name: "forked", body: forked, peers: ALL }],
  [{ name: "early-media", body: earlyMedia, peers: ["sipjs"] }],
  [{ name: "early-media-of-another", body: earlyMediaOfAnother, peers: ALL }],
  ...ROLES.map((role) => [{ name: `transfer-blind-${role}`, body: (bench) => blind(role, bench), peers: ALL }]),
  ...ROLES.map((role) => [{ name: `transfer-attended-${role}`, body: (bench) => attended(role, bench), peers: ALL }]),
  [{ name: "video", body: video, peers: ALL }],
  [{ name: "conference", body: conference }],
  [{ name: "server-restart-in-call", body: serverRestart, expected: CONNECTION_FAILED, peers: ["jssip", "sipwasm"] }],
  [{ name: "connection-lost-in-call", body: connectionLost, expected: CONNECTION_FAILED, peers: ALL }],
  ...["outgoing", "incoming"].map((calls) => [{ name: `reload-${calls}`, body: (bench) => reload(calls, bench), peers: ALL }]),
];

/** All cases, whatever their group. */
export const CASES = GROUPS.flatMap((group) => group.background ?? group);

/** Runs one case, with each of its peers; `section(title, options)` makes its section of the report. */
export async function runServerCase({ peers, name, ...serverCase }, tools) {
  if (!peers) return runOnce({ name, ...serverCase }, tools);
  for (const peer of peers) await runOnce({ name: `${name} with ${peer}`, peer, ...serverCase }, tools);
}

async function runOnce({ name, body, expected, skip, peer, library = "sipwasm" }, { section, cleanups }) {
  const why = skip?.();
  if (why) {
    console.log(`skip  ${library}  ${name}: ${why}`);
    return;
  }
  const phones = section(library, { expected });
  const servers = [];
  const serve = async (options) => {
    const server = await startKamailio(options);
    servers.push(server);
    cleanups.push(() => server.stop());
    return server;
  };
  const phone = (user, other = library, options) => phones.open(other, user, options);
  const passed = await phones.run(name, () => body({ serve, phone, peer, trace: phones.trace }));
  if (!passed) {
    for (const [index, server] of servers.entries()) console.log(`--- Kamailio ${index + 1} of ${name}:\n${server.log()}\n---`);
  }
  await phones.close();
  await Promise.all(servers.map((server) => server.stop()));
}
