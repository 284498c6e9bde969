// The cases that are about the server more than about the other phone. Each has servers and phones of its own.

import { startKamailio } from "./kamailio.mjs";
import { algorithms, outbound, secondRealm } from "./registration_cases.mjs";
import { failover, keepAlive, offline, restart, silence } from "./recovery_cases.mjs";
import { Network } from "./network.mjs";
import { subscriptions } from "./subscription_cases.mjs";

// Chromium logs each connection that fails by itself; nobody can keep it from doing so.
const CONNECTION_FAILED = /^WebSocket connection to .* failed/;

const withoutNetwork = () => !Network.permitted && "no private network namespace is permitted here";

/**
 * Groups that run one after the other; the cases in one group run at the same time. A case is a function of
 *
 *     serve(options)        starts a Kamailio that ends with the case
 *     phone(user, library)  opens a phone; of sipwasm, unless the run or the case names another library
 *     trace                 the SIP messages of its phones
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
  [{ name: "algorithms", body: algorithms }],
  [{ name: "second-realm", body: secondRealm }],
  [{ name: "outbound", body: outbound }],
  [{ name: "subscriptions", body: subscriptions }],
];

/** Runs one case; `section(title, options)` makes its section of the report. */
export async function runServerCase({ name, body, expected, skip, library = "sipwasm" }, { section, cleanups }) {
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
  const passed = await phones.run(name, () => body({ serve, phone: (user, other = library) => phones.open(other, user), trace: phones.trace }));
  if (!passed) {
    for (const [index, server] of servers.entries()) console.log(`--- Kamailio ${index + 1} of ${name}:\n${server.log()}\n---`);
  }
  await phones.close();
  await Promise.all(servers.map((server) => server.stop()));
}
