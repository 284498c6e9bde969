import { SipError } from "./errors.js";
import { report } from "./emitter.js";
import { Entrance } from "./entrance.js";
import type { Host } from "./host.js";
import { Lane } from "./lane.js";
import { socketByPolicy } from "./page_policy.js";
import { Port, type Program } from "./port.js";
import { VERSION } from "./version.js";
import { createGo, type Go } from "./wasm_exec.js";

/**
 * Runs the program and resolves with the port to it when it has reported ready. `onExit` is called once if it ends
 * after that; it is meant to run for ever, so an end is a defect.
 */
export async function start(module: WebAssembly.Module, host: Host, onExit: () => void): Promise<Port> {
  const printed = new LastLines(host.console);
  const sockets = new Set<WebSocket>();
  let port: Port | undefined;
  let exited = false;
  let settle!: { resolve: (port: Port) => void; reject: (error: SipError) => void };
  const ready = new Promise<Port>((resolve, reject) => (settle = { resolve, reject }));

  const exit = (what: string, cause?: unknown) => {
    if (exited) return;
    exited = true;
    silence(go);
    for (const socket of sockets) socket.close(); // Go is gone and cannot; the server must not think that we still listen
    const text = [`sipwasm ended unexpectedly: ${what}`, printed.headline()].filter(Boolean).join(": ");
    const error = new SipError("internal", text, cause === undefined ? {} : { cause });
    settle.reject(error);
    port?.exit(error);
    onExit();
  };

  const scope: Record<string, unknown> = {
    WebSocket: host.WebSocket && tracked(host.WebSocket, sockets),
    RTCPeerConnection: host.RTCPeerConnection,
    mediaDevices: host.mediaDevices,
    AudioContext: host.AudioContext,
    MediaStream: host.MediaStream,
    console: printed,
    ready: (program: Program) => {
      if (program.version !== VERSION) {
        silence(go);
        settle.reject(new SipError("wasm-mismatch",
          `sipwasm.wasm is version ${program.version}, but its JavaScript is ${VERSION}: deploy both files of one release, ` +
          "and look for a cache that still holds an old one"));
        return;
      }
      settle.resolve((port = new Port(program)));
    },
    emit: (handle: number, type: string, payload: unknown) => port?.emit(handle, type, payload),
    exit: (reason?: unknown) => exit(String(reason ?? "it gave up")),
  };
  const go = createGo(scope as unknown as Parameters<typeof createGo>[0]);

  const entrance = new Entrance(go);
  const resume = go._resume.bind(go);
  go._resume = () => {
    try {
      entrance.enter(resume);
    } catch (error) {
      // Go catches what JavaScript throws into it, so this is the machine's own trap: memory or stack is exhausted.
      exit("it crashed", error);
    }
  };
  go.exit = (code) => exit(`exit code ${code}`);

  const foreign = "this WebAssembly module is not the sipwasm.wasm of this package";
  const instance = await WebAssembly.instantiate(module, go.importObject).catch((cause: unknown) => {
    throw new SipError("wasm-mismatch", foreign, { cause });
  });
  if (typeof instance.exports["run"] !== "function") throw new SipError("wasm-mismatch", foreign);
  scope["lane"] = new Lane(instance, (f) => {
    if (exited) return;
    try {
      entrance.enter(f);
    } catch (error) {
      return exit("it crashed", error);
    }
    go._resume();
  }, entrance);
  entrance.enter(() => go.run(instance)).catch((cause: unknown) => exit("it crashed", cause));
  return ready;
}

/**
 * Ends a program that is of no use any more: nothing resumes it. Timers and listeners that it left behind do nothing, and
 * a timer set after this is dropped when it fires, because wasm_exec.js would wait for ever for Go to take it.
 */
function silence(go: Go): void {
  for (const timeout of go._scheduledTimeouts.values()) clearTimeout(timeout);
  go._scheduledTimeouts.clear();
  go._resume = () => go._scheduledTimeouts.clear();
}

/** A WebSocket constructor that remembers the sockets which are not closed. */
function tracked(Base: typeof WebSocket, open: Set<WebSocket>): typeof WebSocket {
  return new Proxy(Base, {
    construct(target, args, newTarget) {
      const socket = socketByPolicy(String(args[0]), () => Reflect.construct(target, args, newTarget) as WebSocket);
      open.add(socket);
      socket.addEventListener("close", () => open.delete(socket), { once: true });
      return socket;
    },
  });
}

/** The console of the program. Only its runtime prints, and only when it crashes. */
class LastLines {
  readonly #console: Pick<Console, "error">;
  readonly #lines: string[] = [];

  constructor(console: Pick<Console, "error">) {
    this.#console = console;
  }

  log(...parts: unknown[]): void {
    const text = parts.map(String).join(" ");
    this.#lines.push(...text.split("\n"));
    this.#lines.splice(0, this.#lines.length - 200);
    try {
      this.#console.error(text);
    } catch (error) {
      report(error);
    }
  }

  warn(...parts: unknown[]): void {
    this.log(...parts);
  }

  /** The line that says why the runtime gave up. */
  headline(): string | undefined {
    return this.#lines.find((line) => /^(panic|fatal error|runtime):/.test(line));
  }
}
