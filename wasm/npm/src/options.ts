import { SipError } from "./errors.js";
import type { UserAgentOptions } from "./user_agent.js";

/** What an option has to be, in words and as a test. */
type Rule = readonly [wanted: string, holds: (value: unknown) => boolean];

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const isNumber = (value: unknown, least: number) => typeof value === "number" && Number.isFinite(value) && value >= least;
/** Text that cannot begin another SIP header. */
const isText = (value: unknown): value is string => typeof value === "string" && !/[\r\n\0]/.test(value);
const isList = (value: unknown, holds: (item: unknown) => boolean) => Array.isArray(value) && value.every(holds);

const isURL = (value: unknown) => isText(value) && /^wss?:\/\/./.test(value);
const isShort = (value: unknown) => value === undefined || (Number.isInteger(value) && (value as number) >= 0 && (value as number) < 65536);
const isServer = (v: unknown) => isURL(v) || (isObject(v) && isURL(v["url"]) && isShort(v["priority"]) && isShort(v["weight"]));
const isPair = (v: unknown) => Array.isArray(v) && v.length === 2 && v.every(isText);

const isDigest = (v: unknown) => ["MD5", "SHA-256", "SHA-512-256"].includes(v as string);
const isAbsentOr = (holds: (v: unknown) => boolean) => (v: unknown) => v === undefined || holds(v);
const isHA1 = (v: unknown) => isText(v) || (isList(v, (h) =>
  isObject(h) && isText(h["hash"]) && isAbsentOr(isText)(h["realm"]) && isAbsentOr(isDigest)(h["algorithm"])) && (v as unknown[]).length > 0);
function isCredentials(v: unknown): boolean {
  if (!isObject(v) || !isAbsentOr(isText)(v["username"])) return false;
  const given = ([["password", isText], ["ha1", isHA1], ["token", isText]] as const).filter(([name]) => v[name] !== undefined);
  return given.length === 1 && given.every(([name, holds]) => holds(v[name]));
}

const milliseconds: Rule = ["a number of milliseconds, at least 1", (v) => isNumber(v, 1)];
const flag: Rule = ["true or false", (v) => typeof v === "boolean"];
const texts: Rule = ["a list of strings", (v) => isList(v, isText)];
const text: Rule = ["a string without line breaks", isText];

/** The options by name. JavaScript has no types, and Go would call them by other names. */
const rules: { readonly [Name in keyof Required<UserAgentOptions>]: Rule } = {
  uri: ['an address of record, such as "sip:1001@example.com"', (v) => isText(v) && /^sips?:[^@\s]+@[^@\s]+$/i.test(v)],
  servers: [
    "a list of at least one WebSocket URL or { url, priority?, weight? }, and each URL must begin with ws:// or wss://",
    (v) => isList(v, isServer) && (v as unknown[]).length > 0,
  ],
  credentials: [
    "{ username?, password }, { username?, ha1 } or { token }, or a function that gives one of them",
    (v) => typeof v === "function" || isCredentials(v),
  ],
  minDigest: ['"MD5", "SHA-256" or "SHA-512-256"', isDigest],
  displayName: text,
  instanceId: ['a URN, such as "urn:uuid:…"', (v) => isText(v) && /^urn:[^<>"]+$/.test(v)],
  registrationExpires: ["a number of seconds, at least 60", (v) => isNumber(v, 60)],
  userAgent: text,
  connectTimeout: milliseconds,
  reconnectDelay: milliseconds,
  reconnectMaxDelay: milliseconds,
  returnInterval: milliseconds,
  keepAlive: ['"auto", "crlf", "options" or "off"', (v) => ["auto", "crlf", "options", "off"].includes(v as string)],
  keepAliveInterval: milliseconds,
  pongTimeout: milliseconds,
  network: flag,
  flows: ["a whole number from 1 to 4", (v) => Number.isInteger(v) && isNumber(v, 1) && (v as number) <= 4],
  outbound: flag,
  push: ["{ provider, prid, param? }, all of them strings",
    (v) => isObject(v) && isText(v["provider"]) && isText(v["prid"]) && (v["param"] === undefined || isText(v["param"]))],
  contactParams: ['[name, value] pairs of strings, such as [["q", "0.5"]]', (v) => isList(v, isPair)],
  eventPackages: texts,
  unsolicitedNotify: flag,
  acceptMessages: texts,
  infoPackages: texts,
  iceServers: [
    'a list of objects such as { urls: "stun:stun.example.com" }',
    (v) => isList(v, (server) => isObject(server) &&
      (typeof server["urls"] === "string" || isList(server["urls"], (url) => typeof url === "string"))),
  ],
  iceGatheringTimeout: ["a number of milliseconds, at least 0", (v) => isNumber(v, 0)],
  // By what they can do: objects of another window are instances of another class.
  audio: ["an <audio> element, or false", (v) => v === false || (isObject(v) && typeof v["play"] === "function")],
  signal: ["an AbortSignal", (v) => isObject(v) && typeof v["aborted"] === "boolean" && typeof v["addEventListener"] === "function"],
  host: ["an object", isObject],
  wasm: ["a URL, a Response, bytes or a WebAssembly.Module", (v) => typeof v === "string" || isObject(v)],
};

/** Refuses what is no option or has the wrong form, by the name that the application gave it. Values are not repeated: some are secret. */
export function checkOptions(options: unknown): asserts options is UserAgentOptions {
  if (!isObject(options)) throw wrong("the options are missing: uri and servers are required");
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !Object.hasOwn(rules, name)) {
      throw wrong(`"${name}" is not an option; there are ${Object.keys(rules).join(", ")}`);
    }
  }
  for (const [name, [wanted, holds]] of Object.entries(rules)) {
    const value = options[name];
    if (value === undefined && name !== "uri" && name !== "servers") continue;
    if (!holds(value)) throw wrong(`${name} must be ${wanted}`);
  }
}

function wrong(what: string): SipError {
  return new SipError("invalid-argument", `create: ${what}`, { op: "create" });
}
