import { SipError, type ErrorCode } from "./errors.js";
import { completeHost, pageHost, type Host } from "./host.js";
import type { Port } from "./port.js";
import { fetchByPolicy } from "./page_policy.js";
import { start } from "./runtime.js";
import { defaultLocation } from "./wasm_location.js";

/**
 * Where sipwasm.wasm comes from: an address, a response of fetch, its bytes, or a compiled module. Addresses, responses
 * and bytes may be gzip; that is seen by the bytes themselves.
 */
export type WasmSource = string | URL | Response | BufferSource | WebAssembly.Module;

/** Options of {@link load}. */
export interface LoadOptions {
  /** Where sipwasm.wasm comes from. Default: the file beside this module, or beside the script sipwasm.iife.js. */
  wasm?: WasmSource;
  /** What to use instead of the page's own objects. Default: the page's own. */
  host?: Partial<Host>;
}

/**
 * Loads the Go program ahead of the first {@link UserAgent.create}, which otherwise does it by itself. Pages that open
 * with a sign-in form can call it early to hide the download.
 *
 * The program is loaded once for each `wasm` and `host` and shared by the user agents created with the same two. After a
 * failure it may be tried again.
 *
 * @throws {SipError} "load-failed", "wasm-not-found", "wasm-wrong-type", "wasm-damaged", "wasm-mismatch", "blocked-by-csp", "mixed-content": see
 * {@link ErrorCode}. The message says what to do.
 */
export async function load(options: LoadOptions = {}): Promise<void> {
  await loadPort(options);
}

/** The programs that run, by host and source. Weak: the bytes of a program are not kept for the sake of this table. */
const ports = new WeakMap<object, Cache>();

class Cache {
  readonly byAddress = new Map<string, Promise<Port>>();
  readonly byObject = new WeakMap<object, Promise<Port>>();
}

/** @internal As {@link load}, but gives the port. */
export function loadPort({ wasm, host }: LoadOptions): Promise<Port> {
  const source = wasm ?? defaultLocation();
  const owner = host ?? pageHost;
  const cache = ports.get(owner) ?? new Cache();
  ports.set(owner, cache);

  if (typeof source === "string" || source instanceof URL) return shared(cache.byAddress, absolute(source), source, owner);
  if (typeof source === "object" && source !== null) return shared(cache.byObject, source, source, owner);
  return Promise.reject(badSource());
}

/** The address as fetch will understand it, so that two ways to write it are one. */
function absolute(address: string | URL): string {
  try {
    return new URL(address, globalThis.document?.baseURI).href;
  } catch {
    return String(address); // fetch will say what is wrong with it
  }
}

function badSource(): SipError {
  return new SipError("invalid-argument",
    "wasm must be a URL, a Response, an ArrayBuffer or a view of one, or a WebAssembly.Module");
}

function shared<K>(table: Table<K>, key: K, source: WasmSource, owner: Partial<Host>): Promise<Port> {
  const known = table.get(key);
  if (known) return known;
  const forget = () => void table.delete(key); // after a failure or an end the next call tries again
  const port = compile(source).then((module) => start(module, completeHost(owner), forget));
  table.set(key, port);
  port.catch(forget);
  return port;
}

interface Table<K> {
  get(key: K): Promise<Port> | undefined;
  set(key: K, port: Promise<Port>): unknown;
  delete(key: K): boolean;
}

async function compile(source: WasmSource): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (typeof source === "string" || source instanceof URL) return compileResponse(await get(source), () => get(source));
  if (typeof Response === "function" && source instanceof Response) {
    const spare = source.bodyUsed ? source : source.clone();
    const module = await compileResponse(source, () => spare);
    spare.body?.cancel().catch(() => {}); // locked, when it was needed
    return module;
  }
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return compileBytes(source, "the bytes given");
  throw badSource();
}

async function get(address: string | URL): Promise<Response> {
  try {
    return await fetchByPolicy(address);
  } catch (cause) {
    if (cause instanceof SipError) throw cause;
    const hint = String(address).startsWith("file:")
      ? "fetch cannot read files, so read it yourself and pass its bytes as the option wasm"
      : "check the address and the network";
    throw new SipError("load-failed", `could not fetch ${address}: ${hint}`, { cause });
  }
}

/** `again` gives the same once more, for what the browser cannot compile while it downloads. */
async function compileResponse(response: Response, again: () => Response | Promise<Response>): Promise<WebAssembly.Module> {
  const name = response.url || "the response given";
  if (!response.ok) {
    const gone = response.status === 404 || response.status === 410;
    const answer = `${name} answered ${response.status} ${response.statusText}`.trimEnd();
    throw gone
      ? new SipError("wasm-not-found", `${answer}: copy sipwasm.wasm there, or pass its address as the option wasm`, { status: response.status })
      : new SipError("load-failed", `${answer}: that is the server's to mend; try again`, { status: response.status });
  }
  if (response.bodyUsed) {
    throw new SipError("load-failed", `the body of ${name} was read already: pass a fresh response`);
  }
  // Streaming demands this very type. Servers that do not know it are common, so anything else takes the long way.
  const type = response.headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase();
  if (type === "application/wasm" && typeof WebAssembly.compileStreaming === "function") {
    try {
      // The response itself, because a clone would have the page's own thread copy each piece of it.
      return await WebAssembly.compileStreaming(response);
    } catch {
      return compileBytes(await read(await again(), name), name); // gzip perhaps, or it finds the words for what it is
    }
  }
  return compileBytes(await read(response, name), name);
}

async function read(response: Response, name: string): Promise<ArrayBuffer> {
  try {
    return await response.arrayBuffer();
  } catch (cause) {
    throw new SipError("load-failed", `${name} broke off while it was downloaded: try again`, { cause });
  }
}

async function compileBytes(source: BufferSource, name: string): Promise<WebAssembly.Module> {
  let bytes = view(source);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = await gunzip(bytes, name);
  if (!(bytes[0] === 0x00 && bytes[1] === 0x61 && bytes[2] === 0x73 && bytes[3] === 0x6d)) {
    throw new SipError("wasm-wrong-type", /^\s*<[!h]/i.test(new TextDecoder().decode(bytes.subarray(0, 64)))
      ? `got HTML instead of wasm from ${name}: the server answers with a page where the file is missing. ` +
        'Copy sipwasm.wasm there, pass its address as the option wasm, or, with Vite 7 and older, set optimizeDeps.exclude to ["sipwasm"]'
      : `${name} is not WebAssembly: it begins with ${[...bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join(" ") || "nothing"}`);
  }
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    const blocked = /unsafe-eval|disallowed|Content.Security.Policy|CSP/i.test(String(cause));
    const [code, message]: [ErrorCode, string] = blocked
      ? ["blocked-by-csp", "the page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src"]
      : ["wasm-damaged", `${name} does not compile: it is damaged or cut off; deploy it again, byte for byte`];
    throw new SipError(code, message, { cause });
  }
}

function view(source: BufferSource): Uint8Array<ArrayBuffer> {
  return source instanceof ArrayBuffer
    ? new Uint8Array(source)
    : new Uint8Array(source.buffer as ArrayBuffer, source.byteOffset, source.byteLength);
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (cause) {
    throw new SipError("wasm-damaged", `${name} is damaged gzip, or this browser cannot decompress it`, { cause });
  }
}
