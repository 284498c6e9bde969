/**
 * What went wrong, for a program to branch on. The Go package uses the same strings.
 *
 * | code | meaning |
 * |---|---|
 * | `invalid-argument` | the input is wrong; the message says what |
 * | `invalid-state` | not possible in this state of the call or user agent |
 * | `closed` | the user agent was closed |
 * | `connection-failed` | no server could be reached |
 * | `connection-lost` | the connection broke before the answer came |
 * | `timeout` | the peer did not answer in time (RFC 3261 section 17) |
 * | `rejected` | the peer answered with a failure: see `status` and `reason` |
 * | `unauthorized` | the credentials were refused, or none are known for the challenge |
 * | `canceled` | the act was given up before it was done |
 * | `protocol` | the peer sent something that cannot be used |
 * | `insecure-context` | the page is not served from https:// or localhost, so the browser keeps microphone and camera from it |
 * | `autoplay-blocked` | the browser plays no sound before the person has touched the page |
 * | `media-denied` | the person or the browser refused the microphone |
 * | `media-not-found` | there is no microphone |
 * | `media-ended` | the microphone was taken away during the call and nothing took its place |
 * | `media-failed` | the peer connection failed or refused a description |
 * | `unsupported` | this browser or the other side cannot do it |
 * | `internal` | a defect of this package |
 * | `mixed-content` | a page from https: asks for ws: or http: |
 * | `blocked-by-csp` | the page's Content-Security-Policy forbids it; the message names the directive |
 * | `load-failed` | sipwasm.wasm could not be downloaded: the network or the server failed |
 * | `wasm-not-found` | there is no sipwasm.wasm at its address, or no address is known |
 * | `wasm-wrong-type` | something else is at that address, such as an HTML page |
 * | `wasm-damaged` | sipwasm.wasm is cut off or damaged |
 * | `wasm-mismatch` | it belongs to another release than the JavaScript, or to another program |
 */
export type ErrorCode = (typeof codes)[number];

const codes = [
  "invalid-argument", "invalid-state", "closed", "connection-failed", "connection-lost", "timeout", "rejected",
  "unauthorized", "canceled", "protocol", "insecure-context", "autoplay-blocked", "media-denied", "media-not-found", "media-ended", "media-failed",
  "unsupported", "internal", "mixed-content", "blocked-by-csp", "load-failed", "wasm-not-found", "wasm-wrong-type", "wasm-damaged", "wasm-mismatch",
] as const;

/** What a {@link SipError} carries besides its code and message. */
export interface SipErrorDetails {
  op?: string;
  status?: number;
  reason?: string;
  retryAfter?: number;
  cause?: unknown;
}

/**
 * The error of everything in this package. `message` is a sentence for a developer's eyes; `reason` may come from the
 * network: show it as text.
 */
export class SipError extends Error {
  override readonly name = "SipError";
  /** What a program branches on. */
  readonly code: ErrorCode;
  /** What was tried: "register", "call", "hold" … */
  declare readonly op?: string;
  /** Status of the SIP response that ended the act, such as 486 (RFC 3261 section 21). */
  declare readonly status?: number;
  /** Reason phrase of that response, or what happened. Text from the network, never markup. */
  declare readonly reason?: string;

  /** Seconds for which the other side asks to be left alone (RFC 3261 section 20.33). */
  declare readonly retryAfter?: number;

  constructor(code: ErrorCode, message: string, details: SipErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    if (details.op !== undefined) this.op = details.op;
    if (details.status !== undefined) this.status = details.status;
    if (details.reason !== undefined) this.reason = details.reason;
    if (details.retryAfter !== undefined) this.retryAfter = details.retryAfter;
  }
}

/** @internal The plain object that the Go side rejects with. */
export interface ErrorRecord {
  code: string;
  message: string;
  op?: string | undefined;
  status?: number | undefined;
  reason?: string | undefined;
  retryAfter?: number | undefined;
  cause?: unknown;
}

/** @internal Makes a real error, with a stack, of a rejection from the Go side. */
export function errorFrom(record: ErrorRecord): SipError {
  // What the page itself refuses has come from this side: see page_policy.ts.
  if (record.code === "connection-failed" && record.cause instanceof SipError) {
    const { code, message, cause } = record.cause;
    return new SipError(code, record.op ? `${record.op}: ${message}` : message, { ...(record.op && { op: record.op }), cause });
  }
  const code = codes.find((c) => c === record.code) ?? "internal";
  return new SipError(code, record.message, {
    ...(record.op ? { op: record.op } : {}),
    ...(record.status ? { status: record.status } : {}),
    ...(record.reason ? { reason: record.reason } : {}),
    ...(record.retryAfter ? { retryAfter: record.retryAfter } : {}),
    ...(record.cause != null ? { cause: record.cause } : {}),
  });
}

/**
 * @internal
 * Starts an act and settles as it does, unless `signal` aborts first: then the promise rejects with code "canceled" and
 * the signal's reason as cause. That ends the waiting, not the act. An act whose signal has aborted already is not started.
 */
export function abortable<T>(op: string, signal: AbortSignal | undefined, start: () => Promise<T>): Promise<T> {
  if (!signal) return start();
  const aborted = () => new SipError("canceled", `${op}: aborted by its signal`, { op, cause: signal.reason });
  if (signal.aborted) return Promise.reject(aborted());
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(aborted());
    signal.addEventListener("abort", abort, { once: true });
    start().then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
