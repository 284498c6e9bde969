// The Go side of the port, played by the test. The program behind it is real WebAssembly (fakego), so that loading,
// starting and ending are the real thing.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { UserAgent, VERSION } from "../dist/index.js";

let bytes;

/** The bytes of fakego, built once for each test file. */
export function fakeWasm() {
  return (bytes ??= build());
}

async function build() {
  const dir = await mkdtemp(join(tmpdir(), "fakego-"));
  try {
    const out = join(dir, "fakego.wasm");
    await promisify(execFile)("go", ["build", "-o", out, "./test/fakego"], {
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      env: { ...process.env, GOOS: "js", GOARCH: "wasm" },
    });
    return await readFile(out);
  } finally {
    await rm(dir, { recursive: true });
  }
}

let compiled;

export const fakeModule = async () => (compiled ??= WebAssembly.compile(await fakeWasm()));

/** One fake program: give `host` to UserAgent.create or load. */
export class Program {
  ops = [];
  printed = [];
  #waiting = [];
  #version;
  #start;

  constructor({ version = VERSION, start } = {}) {
    this.#version = version;
    this.#start = start;
  }

  host = {
    WebSocket: class extends EventTarget {},
    console: { error: (text) => this.printed.push(text) },
    mediaDevices: {
      program: (host, control) => {
        this.control = control;
        this.goHost = host;
        if (this.#start) this.#start(this);
        else this.ready();
      },
    },
  };

  ready(call = (op, handle, args, resolve, reject) => this.#take({ op, handle, args, resolve, reject })) {
    this.goHost.ready({ version: this.#version, call });
  }

  /** As Go does: an event, from outside of any JavaScript of the package. */
  emit(handle, type, payload = {}) {
    this.goHost.emit(handle, type, payload);
  }

  #take(operation) {
    this.ops.push(operation);
    this.#waiting = this.#waiting.filter(({ op, found }) => op !== operation.op || found(operation));
  }

  /** The first operation of that name that was not taken yet, waiting for it if need be. */
  async take(op) {
    const known = this.ops.find((o) => o.op === op && !o.taken);
    const found = known ?? await new Promise((resolve) => this.#waiting.push({ op, found: (o) => void resolve(o) }));
    found.taken = true;
    return found;
  }

  /** A user agent of this program. */
  async userAgent(options = {}) {
    const created = UserAgent.create({
      uri: "sip:1001@example.com", servers: ["wss://example.com/ws"], wasm: await fakeModule(), host: this.host, ...options,
    });
    const create = await this.take("create");
    create.resolve({ instanceId: "urn:uuid:00000000-0000-4000-8000-000000000001" });
    return { ua: await created, handle: create.handle, args: create.args };
  }

  /** A user agent and its outgoing call, set up. */
  async outgoing(target = "1002", callOptions = {}, options = {}) {
    const { ua, handle: uaHandle } = await this.userAgent(options);
    const call = ua.call(target, callOptions);
    const op = await this.take("call");
    op.resolve({ id: "id-1", remote: bob });
    return { ua, uaHandle, call, handle: op.args.call, op };
  }

  /** A user agent and a call that comes in with the given handle. */
  async incoming(handle = 2, options = {}) {
    const { ua, handle: uaHandle } = await this.userAgent(options);
    const arrived = new Promise((resolve) => ua.on("incoming", resolve));
    this.emit(uaHandle, "incoming", arrival(handle));
    return { ua, uaHandle, call: await arrived, handle };
  }
}

/** The event of a call that comes in. */
export const arrival = (call, more = {}) => ({ call, id: "id-2", remote: bob, caller: { from: bob, best: bob }, autoAnswer: false, ...more });

export const bob = { displayName: "<b>Bob</b>", uri: "sip:1002@example.com", user: "1002" };

/** Collects what the package reports to the page while `f` runs. */
export async function reports(f) {
  const reported = [];
  globalThis.reportError = (error) => reported.push(error);
  try {
    await f(reported);
  } finally {
    delete globalThis.reportError;
  }
  return reported;
}

/** Lets everything run that waits for a promise alone. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Serves `answer(request) → {status, headers, body}` on loopback for the time of a test. */
export async function serve(t, answer) {
  const server = createServer((request, response) => {
    const { status = 200, headers = {}, body = "" } = answer(request);
    response.writeHead(status, { Connection: "close", ...headers }).end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}
