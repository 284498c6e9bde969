import { SipError } from "./errors.js";

/** What goes into the body of a request. */
export interface Content {
  /** Such as "application/pidf+xml". */
  contentType: string;
  /** Text goes out as UTF-8. Up to 60 KiB. */
  body: string | Uint8Array;
}

/** What came in the body of a message. All of it is from the network: show it as text, never as markup, whatever its type. */
export interface ReceivedContent {
  /** Empty when there is no body. */
  readonly contentType: string;
  /** The text, empty when there is none. What is no UTF-8 has replacement characters in it: see `bytes`. */
  readonly body: string;
  /** The body as it came, when it is no UTF-8. */
  readonly bytes?: Uint8Array;
}

/**
 * @internal
 * The content of a request for the port. Bytes are copied at once: the port takes them later, and the page may use its buffer again.
 * @throws {SipError} "invalid-argument"
 */
export function sendable(op: string, { contentType, body }: Partial<Content>): Partial<Content> {
  const wrong = (what: string) => new SipError("invalid-argument", `${op}: ${what}`, { op });
  if (contentType !== undefined && typeof contentType !== "string") throw wrong("contentType must be a string");
  if (body !== undefined && typeof body !== "string" && !ArrayBuffer.isView(body)) throw wrong("body must be a string or a Uint8Array");
  return {
    ...(contentType !== undefined && { contentType }),
    ...(body !== undefined && { body: typeof body === "string" ? body : new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice() }),
  };
}
