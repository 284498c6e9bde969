// Kamailio in the foreground on loopback, with its own certificate and run directory.

import { execFile, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { enterNetwork, Network } from "./network.mjs";

const CONFIG = fileURLToPath(new URL("../../../../testdata/kamailio/kamailio.cfg", import.meta.url));
const START_LIMIT_MS = 15_000;
const LOG_LINES = 200;
const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };

/** The domain of the configuration; user U has the password "secret-U", in the second realm "other-U". */
export const DOMAIN = "sipwasm.test";
export const passwordOf = (user) => `secret-${user}`;
export const secondPasswordOf = (user) => `other-${user}`;

/**
 * Starts Kamailio and waits until both ports accept connections.
 * @param {object} options
 * @param {string} options.realm default: the domain
 * @param {"MD5"|"SHA-256"} options.algorithm default: challenges name none, which means MD5
 * @param {string} options.secondRealm challenges once more, with 407, when the first challenge has been answered
 * @param {number} options.outbound speaks RFC 5626; the Flow-Timer in seconds
 * @param {number} options.pings seconds between the OPTIONS that it sends to each binding
 * @param {boolean} options.ownNetwork runs it behind a network that can be cut; see Network.permitted
 */
export async function startKamailio(options = {}) {
  const server = new Kamailio(options, await freePorts(2));
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

class Kamailio {
  #run = mkdtempSync(join(tmpdir(), "sipwasm-kamailio-"));
  #arguments;
  #network;
  #ports;
  #lines = [];
  #child;
  #exited;

  constructor({ realm = DOMAIN, algorithm, secondRealm, outbound, pings, ownNetwork }, [wsPort, wssPort]) {
    if (ownNetwork) this.#network = new Network();
    const host = this.#network?.host ?? "127.0.0.1";
    this.#ports = { host, wsPort, wssPort };
    const text = (name, value) => value !== undefined ? ["-A", `${name}="${value}"`] : [];
    const number = (name, value) => value !== undefined ? ["-A", `${name}=${value}`] : [];
    this.#arguments = ["-DD", "-E", "-m", "32", "-M", "8", "-w", this.#run, "-Y", this.#run, "-f", CONFIG,
      ...number("HOST", host), ...number("WSPORT", wsPort), ...number("WSSPORT", wssPort),
      ...text("REALM", realm), ...text("CTL", `unix:${this.#control}`), ...text("TLSCFG", writeCertificate(this.#run, host)),
      ...text("MODULES", modules()), ...text("ALGORITHM", algorithm), ...text("SECOND_REALM", secondRealm),
      ...number("OUTBOUND", outbound), ...number("PINGS", pings)];
  }

  get ws() { return `ws://${this.#ports.host}:${this.#ports.wsPort}`; }
  get wss() { return `wss://${this.#ports.host}:${this.#ports.wssPort}`; }
  get #control() { return join(this.#run, "control"); }
  get #running() { return this.#child?.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null; }

  /** The last lines that it wrote. */
  log() { return this.#lines.join("\n"); }

  /** Starts it, for the first time or again on the same ports, and waits until both accept connections. */
  async start() {
    const command = ["kamailio", ...this.#arguments];
    const [file, ...rest] = this.#network ? enterNetwork(command) : command;
    // The kernel ends Kamailio with this process, however this process ends. A process group of its own lets kill() end
    // all its processes at once.
    this.#child = spawn("setpriv", ["--pdeathsig", "TERM", file, ...rest], { stdio: ["pipe", "pipe", "pipe"], env: environment, detached: true });
    const child = this.#child;
    child.stderr.setEncoding("utf8").on("data", (part) => {
      this.#lines.push(...part.trimEnd().split("\n"));
      this.#lines.splice(0, this.#lines.length - LOG_LINES);
    });
    child.stdin.on("error", () => { /* it has ended, and that is found below */ });
    child.once("error", (error) => this.#lines.push(String(error)));
    this.#exited = new Promise((resolve) => child.once("close", resolve));
    await this.#network?.connect(child);
    child.stdout.resume();

    const { host, wsPort, wssPort } = this.#ports;
    const deadline = Date.now() + START_LIMIT_MS;
    for (const port of [wsPort, wssPort]) {
      while (!(await accepts(port, host))) {
        if (Date.now() > deadline || !this.#running) throw new Error(`Kamailio did not start:\n${this.log()}`);
      }
    }
  }

  /** Ends it at once, as a crash does: nothing is closed or said. */
  async kill() {
    process.kill(-this.#child.pid, "SIGKILL");
    await this.#exited;
  }

  /** Ends it for good. */
  async stop() {
    if (this.#running) this.#child.kill("SIGTERM");
    await this.#exited;
    rmSync(this.#run, { recursive: true, force: true });
  }

  /** The link to it goes down. */
  unplug() { return this.#network.unplug(this.#child); }

  /** The link comes up again. */
  plug() { return this.#network.plug(this.#child); }

  /** From now on each packet to and from it is lost. */
  cut() { return this.#network.cut(this.#child); }

  /** Lets packets through again. */
  heal() { return this.#network.heal(this.#child); }

  /**
   * The bindings of a user as the registrar holds them.
   * @returns {Promise<Array<{address: string, instance?: string, regId: number, pingAnswered: boolean}>>}
   */
  async bindings(user) {
    const { stdout } = await promisify(execFile)("kamcmd", ["-s", `unix:${this.#control}`, "ul.dump"], { env: environment });
    const all = [];
    let aor;
    for (const line of stdout.split("\n")) {
      const [, name, value] = /^\s*([\w-]+): (.*)$/.exec(line) ?? [];
      if (name === "AoR") aor = value;
      if (name === "Address") all.push({ aor, address: value });
      if (name === "Instance" && value.startsWith("<")) all.at(-1).instance = value.slice(1, -1);
      if (name === "Reg-Id") all.at(-1).regId = Number(value);
      if (name === "KA-Roundtrip") all.at(-1).pingAnswered = Number(value) > 0;
    }
    return all.filter((binding) => binding.aor === user).map(({ aor: _, ...binding }) => binding);
  }
}

/** Ports that nobody listened on a moment ago. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once("listening", resolve))));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function writeCertificate(directory, host) {
  const key = join(directory, "key.pem");
  const certificate = join(directory, "certificate.pem");
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
    "-subj", `/CN=${DOMAIN}`, "-addext", `subjectAltName=DNS:${DOMAIN},IP:${host}`, "-keyout", key, "-out", certificate],
  { stdio: ["ignore", "ignore", "pipe"] });
  const config = join(directory, "tls.cfg");
  const side = "verify_certificate = no\nrequire_certificate = no\n";
  writeFileSync(config, `[server:default]\nmethod = TLSv1.2+\n${side}private_key = ${key}\ncertificate = ${certificate}\n[client:default]\n${side}`);
  return config;
}

function modules() {
  const found = readdirSync("/usr/lib").map((name) => `/usr/lib/${name}/kamailio/modules/`).find(existsSync);
  if (!found) throw new Error("Kamailio's modules are not installed: run make setup");
  return found;
}

/** Resolves with whether the port accepts a connection; a refusal takes 50 ms, so that a caller may loop. */
function accepts(port, host) {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    // An address that has just come up loses the first packet, and TCP would repeat it after a second.
    socket.setTimeout(200, () => { socket.destroy(); resolve(false); });
    socket.once("connect", () => { socket.destroy(); resolve(true); });
    socket.once("error", () => setTimeout(resolve, 50, false));
  });
}
