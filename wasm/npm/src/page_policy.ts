import { SipError } from "./errors.js";

// What the page's own rules refuse, and not a server: its Content-Security-Policy and the ban on mixed content. Browsers hide it in a
// general failure.

/** How long after a failed fetch the browser's event about it may come. */
const NEWS_LIMIT_MS = 100;

/**
 * As fetch.
 * @throws {SipError} "mixed-content", "blocked-by-csp"; anything else as fetch.
 */
export async function fetchByPolicy(address: string | URL): Promise<Response> {
  const over = new AbortController();
  const refused = new Promise<true>((resolve) => {
    // A window's own and, since it bubbles, its document's; a worker has it too.
    globalThis.addEventListener?.("securitypolicyviolation", ({ disposition, effectiveDirective, blockedURI }) => {
      if (disposition === "enforce" && effectiveDirective === "connect-src" && `${blockedURI}/`.startsWith(`${shown(address)}/`)) resolve(true);
    }, { signal: over.signal });
  });
  try {
    return await fetch(address);
  } catch (cause) {
    if (isMixed(address, "http:")) throw mixed(address, "https", cause);
    const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), "addEventListener" in globalThis ? NEWS_LIMIT_MS : 0));
    if (await Promise.race([refused, late])) throw blocked(address, cause);
    throw cause;
  } finally {
    over.abort();
  }
}

/**
 * Makes a WebSocket.
 * @throws {SipError} "mixed-content", "blocked-by-csp"; anything else as its constructor.
 */
export function socketByPolicy(url: string, make: () => WebSocket): WebSocket {
  let socket: WebSocket;
  try {
    socket = make();
  } catch (cause) {
    const { name } = Object(cause) as { name?: unknown };
    if (name === "SecurityError" && isMixed(url, "ws:")) throw mixed(url, "wss", cause);
    if (name === "NS_ERROR_CONTENT_BLOCKED") throw blocked(url, cause); // Firefox
    throw cause;
  }
  // Chromium: over before any server was asked. No close event follows, only an error that says nothing.
  if (socket.readyState >= 2) throw blocked(url);
  return socket;
}

/** A page from https: may open no insecure connection (W3C Mixed Content section 4.4), but for those to the machine itself. */
function isMixed(address: string | URL, insecure: "http:" | "ws:"): boolean {
  const { protocol, hostname } = parsed(address);
  return globalThis.location?.protocol === "https:" && protocol === insecure
    && !/^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}

const mixed = (address: string | URL, secure: string, cause: unknown) => new SipError("mixed-content",
  `a page from https: may not connect to ${shown(address)}: use ${secure}:// there, which needs a certificate`, { cause });

const blocked = (address: string | URL, cause?: unknown) => new SipError("blocked-by-csp",
  `the page's Content-Security-Policy forbids to connect to ${shown(address)}: add that to its connect-src`, cause === undefined ? {} : { cause });

/** The origin alone: what follows it may hold a token. */
function shown(address: string | URL): string {
  const { protocol, host } = parsed(address);
  return `${protocol}//${host}`;
}

const parsed = (address: string | URL) => new URL(address, globalThis.document?.baseURI);
