// What to call the people of a call, and what is known of them. All of it is text from the network, whatever it looks like.

import type { Call, Caller, Identity } from "sipwasm";

/** Names for numbers that bring none along. */
export type Names = ReadonlyMap<string, string>;

/** A URI as people write it: without the scheme and the parameters. */
export function bare(uri: string): string {
  return uri.replace(/^(sips?|tel):/i, "").split(";")[0] ?? uri;
}

export function nameOf({ displayName, user, uri }: Identity, names: Names): string {
  return displayName || names.get(user || uri) || user || bare(uri);
}

/** What to call a target that was typed, or that the network gave as a URI. */
export function nameOfTarget(target: string, names: Names): string {
  const address = bare(target.trim());
  const user = address.split("@")[0]!;
  return names.get(address) ?? names.get(user) ?? user;
}

/** The other side of a call: whom the network vouches for, where it says so. */
export function party(call: Call): Identity {
  return call.caller.best.uri ? call.caller.best : call.remote;
}

/** What the person should know of a caller besides the name. */
export interface Details {
  /** Of the number: the network has checked it, or has found it to be false. */
  mark: "verified" | "failed" | null;
  lines: string[];
}

export function details(caller: Caller, names: Names): Details {
  const lines: string[] = [];
  const by = caller.diversion[0] ?? caller.original;
  if (by) lines.push(`Diverted from ${nameOf(by, names)}${diversions[caller.diversion[0]?.reason ?? ""] ?? ""}`);
  if (caller.referredBy) lines.push(`Sent by ${nameOf(caller.referredBy, names)}`);
  if (caller.subject) lines.push(caller.subject);
  // A mark beside somebody who is not named would say nothing.
  const mark = caller.anonymous ? null : marks[caller.verstat?.toLowerCase() ?? ""] ?? null;
  return { mark, lines };
}

const marks: Record<string, Details["mark"]> = { "tn-validation-passed": "verified", "tn-validation-failed": "failed" };

/** The reasons of RFC 5806 that a person makes something of. */
const diversions: Record<string, string> = {
  "user-busy": ", who is busy",
  "no-answer": ", who does not answer",
  "do-not-disturb": ", who wants no calls now",
  "deflection": ", who sent the call here",
};
