// Kamailio in the foreground on loopback, with its own certificate and run directory.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CONFIG = fileURLToPath(new URL("../../../../testdata/kamailio/kamailio.cfg", import.meta.url));
const START_LIMIT_MS = 15_000;
const LOG_LINES = 200;

/** The domain of the configuration; user U has the password "secret-U". */
export const DOMAIN = "sipwasm.test";
export const passwordOf = (user) => `secret-${user}`;

/**
 * Starts Kamailio and waits until both ports accept connections.
 * @returns {Promise<{ws: string, wss: string, log: () => string, stop: () => Promise<void>}>}
 */
export async function startKamailio() {
  const run = mkdtempSync(join(tmpdir(), "sipwasm-kamailio-"));
  const [wsPort, wssPort] = await freePorts(2);
  const tls = writeCertificate(run);
  const child = spawn(
    // The kernel ends Kamailio with this process, however this process ends.
    "setpriv",
    ["--pdeathsig", "TERM", "kamailio", "-DD", "-E", "-m", "32", "-M", "8", "-w", run, "-Y", run, "-f", CONFIG,
      "-A", `WSPORT=${wsPort}`, "-A", `WSSPORT=${wssPort}`, "-A", `TLSCFG="${tls}"`, "-A", `MODULES="${modules()}"`],
    { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } },
  );
  const lines = [];
  child.stderr.setEncoding("utf8").on("data", (text) => {
    lines.push(...text.trimEnd().split("\n"));
    lines.splice(0, lines.length - LOG_LINES);
  });
  const exited = new Promise((resolve) => child.once("close", resolve));
  const log = () => lines.join("\n");
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    await exited;
    rmSync(run, { recursive: true, force: true });
  };

  child.once("error", (error) => lines.push(String(error)));
  const deadline = Date.now() + START_LIMIT_MS;
  for (const port of [wsPort, wssPort]) {
    while (!(await accepts(port))) {
      if (Date.now() > deadline || child.exitCode !== null || child.pid === undefined) {
        await stop();
        throw new Error(`Kamailio did not start:\n${log()}`);
      }
    }
  }
  return { ws: `ws://127.0.0.1:${wsPort}`, wss: `wss://127.0.0.1:${wssPort}`, log, stop };
}

/** Ports that nobody listened on a moment ago. */
export async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once("listening", resolve))));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function writeCertificate(directory) {
  const key = join(directory, "key.pem");
  const certificate = join(directory, "certificate.pem");
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
    "-subj", `/CN=${DOMAIN}`, "-addext", `subjectAltName=DNS:${DOMAIN},IP:127.0.0.1`, "-keyout", key, "-out", certificate],
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
function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => { socket.destroy(); resolve(true); });
    socket.once("error", () => setTimeout(resolve, 50, false));
  });
}
