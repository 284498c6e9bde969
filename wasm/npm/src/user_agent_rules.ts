import { callsRules } from "./call_rules.js";
import { ice } from "./ice.js";
import { audio, flag, isAbsentOr, isList, isNumber, isObject, isPair, isText, milliseconds, signal, text, texts, type Rules } from "./options.js";
import type { UserAgentOptions } from "./user_agent.js";

const isURL = (value: unknown) => isText(value) && /^wss?:\/\/./.test(value);
const isShort = (value: unknown) => value === undefined || (Number.isInteger(value) && (value as number) >= 0 && (value as number) < 65536);
const isServer = (v: unknown) => isURL(v) || (isObject(v) && isURL(v["url"]) && isShort(v["priority"]) && isShort(v["weight"]));

const isDigest = (v: unknown) => ["MD5", "SHA-256", "SHA-512-256"].includes(v as string);
const isHA1 = (v: unknown) => isText(v) || (isList(v, (h) =>
  isObject(h) && isText(h["hash"]) && isAbsentOr(isText)(h["realm"]) && isAbsentOr(isDigest)(h["algorithm"])) && (v as unknown[]).length > 0);
function isCredentials(v: unknown): boolean {
  if (!isObject(v) || !isAbsentOr(isText)(v["username"])) return false;
  const given = ([["password", isText], ["ha1", isHA1], ["token", isText]] as const).filter(([name]) => v[name] !== undefined);
  return given.length === 1 && given.every(([name, holds]) => holds(v[name]));
}

/** Those of a user agent. */
export const userAgentRules: Rules<UserAgentOptions> = {
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
  ice,
  ...callsRules,
  audio,
  signal,
  host: ["an object", isObject],
  wasm: ["a URL, a Response, bytes or a WebAssembly.Module", (v) => typeof v === "string" || isObject(v)],
};
