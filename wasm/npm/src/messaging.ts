import type { Waiting } from "./call_options.js";
import type { Content, ReceivedContent } from "./content.js";

/** Options of {@link UserAgent.message} and {@link Call.message}. */
export interface MessageOptions extends Waiting {
  /** Text goes out as UTF-8. Up to 60 KiB. */
  body: string | Uint8Array;
  /** Default "text/plain;charset=utf-8". */
  contentType?: string;
  /** Headers to add to the MESSAGE. */
  headers?: readonly (readonly [name: string, value: string])[];
}

/** Options of {@link Call.info}. */
export interface InfoOptions extends Partial<Content>, Waiting {
  /** Info package. Default: none, as INFO was used before there were packages, such as for "application/dtmf-relay". */
  package?: string;
}

/** What somebody says of itself (RFC 3261 section 11.2). Lists have up to 100 entries. */
export interface Capabilities extends ReceivedContent {
  /** 200, or what a call would have got: 486 is there and busy. */
  readonly status: number;
  readonly reason: string;
  /** Methods. */
  readonly allow: readonly string[];
  /** Option tags. */
  readonly supported: readonly string[];
  /** Content types. */
  readonly accept: readonly string[];
  /** Event packages. */
  readonly allowEvents: readonly string[];
  readonly userAgent?: string;
}

/** What is taken from others. */
export interface MessagingOptions {
  /** Event packages whose state this user agent tells to those who subscribe, such as "presence" (RFC 6665): see the event
   *  `incomingSubscription`. SUBSCRIBE for another one is answered 489. Default: none. */
  eventPackages?: readonly string[];
  /** Take notifications that nobody has subscribed to, as some PBXs send them for waiting messages: see the event `notify`.
   *  Default false: they are answered 481. */
  unsolicitedNotify?: boolean;
  /** Content types of messages that are taken, and ranges such as `text/*`; others are answered 415. Default "text/plain". */
  acceptMessages?: readonly string[];
  /** Info packages that are taken inside calls (RFC 6086). INFO without a package is taken in any case. Default: none. */
  infoPackages?: readonly string[];
}
