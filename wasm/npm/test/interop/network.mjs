// A network of its own for a server, so that packets to it can really be lost.
//
// The server runs in a second network namespace at the far end of a veth pair. Cut, that namespace has no route for
// anything that arrives or leaves: packets vanish without a FIN, an RST or an ICMP message, and no link goes down, which
// the browser would notice.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

const NEAR = { device: "sip0", host: "10.77.0.1", mac: "02:00:00:00:00:01" };
const FAR = { device: "sip1", host: "10.77.0.2", mac: "02:00:00:00:00:02" };
const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

const ip = (...args) => promisify(execFile)("ip", args, { env: environment });
const ipIn = (child, ...args) => promisify(execFile)("nsenter", ["--target", String(child.pid), "--net", "ip", ...args], { env: environment });

/** The command line that runs a command in a namespace of its own once connect() has set that up. */
export function enterNetwork(command) {
  return ["unshare", "--net", "sh", "-c", 'echo entered && read -r _ && exec "$@"', "sh", ...command];
}

export class Network {
  /** Only in a namespace of our own may devices be added: .ci/netns says when there is one. */
  static get permitted() { return process.env.SIPWASM_NETNS === "private"; }

  get host() { return FAR.host; }

  /** Connects the namespace of the process, which is waiting for it, with ours. */
  async connect(child) {
    // "entered", or the end of a process that failed and whose complaint the caller has
    await Promise.race([once(child.stdout, "data"), once(child, "close")]);
    if (child.exitCode !== null) return;
    const here = ip;
    const there = (...args) => ipIn(child, ...args);
    await here("link", "add", NEAR.device, "address", NEAR.mac, "type", "veth",
      "peer", "name", FAR.device, "address", FAR.mac, "netns", String(child.pid));
    await there("link", "set", "lo", "up");
    for (const [run, end, other] of [[here, NEAR, FAR], [there, FAR, NEAR]]) {
      await run("addr", "add", `${end.host}/30`, "dev", end.device);
      await run("link", "set", end.device, "up");
      // Without ARP, whose own failures would keep a connection from being made for a moment after the link is back.
      await run("neigh", "replace", other.host, "lladdr", other.mac, "dev", end.device, "nud", "permanent");
    }
    // Nothing can stand before the rule for local addresses, so it moves back.
    await there("rule", "add", "pref", "10", "lookup", "local");
    await there("rule", "del", "pref", "0");
    child.stdin.write("\n");
  }

  /** The link goes down, which the browser sees and tells the page. */
  async unplug(child) { await ipIn(child, "link", "set", FAR.device, "down"); }

  async plug(child) { await ipIn(child, "link", "set", FAR.device, "up"); }

  /** Packets vanish, which nobody sees. */
  async cut(child) { await ipIn(child, "rule", "add", "pref", "1", "blackhole"); }

  async heal(child) { await ipIn(child, "rule", "del", "pref", "1"); }
}
