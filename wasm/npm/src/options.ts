import { SipError } from "./errors.js";

/** What an option has to be, in words and as a test. */
export type Rule = readonly [wanted: string, holds: (value: unknown) => boolean];

/** The options by name. JavaScript has no types, and Go would call them by other names. */
export type Rules<Options> = { readonly [Name in keyof Required<Options>]: Rule };

export const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
export const isNumber = (value: unknown, least: number) => typeof value === "number" && Number.isFinite(value) && value >= least;
export const isWhole = (value: unknown, least: number, most: number) => Number.isInteger(value) && isNumber(value, least) && (value as number) <= most;
/** Text that cannot begin another SIP header. */
export const isText = (value: unknown): value is string => typeof value === "string" && !/[\r\n\0]/.test(value);
export const isList = (value: unknown, holds: (item: unknown) => boolean) => Array.isArray(value) && value.every(holds);
export const isPair = (v: unknown) => Array.isArray(v) && v.length === 2 && v.every(isText);
export const isAbsentOr = (holds: (v: unknown) => boolean) => (v: unknown) => v === undefined || holds(v);

/** An object of which each part is absent or as it should be, and that has no other. */
export const isOf = (v: unknown, parts: Record<string, (part: unknown) => boolean>) =>
  isObject(v) && Object.entries(v).every(([name, part]) => part === undefined || (Object.hasOwn(parts, name) && parts[name]!(part)));

export const milliseconds: Rule = ["a number of milliseconds, at least 1", (v) => isNumber(v, 1)];
export const flag: Rule = ["true or false", (v) => typeof v === "boolean"];
export const texts: Rule = ["a list of strings", (v) => isList(v, isText)];
export const text: Rule = ["a string without line breaks", isText];
// By what they can do: objects of another window are instances of another class.
export const audio: Rule = ["an <audio> element, or false", (v) => v === false || (isObject(v) && typeof v["play"] === "function")];
export const signal: Rule = [
  "an AbortSignal", (v) => isObject(v) && typeof v["aborted"] === "boolean" && typeof v["addEventListener"] === "function",
];

/**
 * Refuses what is no option or has the wrong form, by the name that the application gave it. Values are not repeated: some are secret.
 * @throws {SipError} "invalid-argument"
 */
export function check<Options>(op: string, rules: Rules<Options>, options: unknown, ...required: (keyof Options & string)[]): asserts options is Options {
  const wrong = (what: string) => new SipError("invalid-argument", `${op}: ${what}`, { op });
  if (!isObject(options)) throw wrong(required.length > 0 ? `the options are missing: ${required.join(" and ")} are required` : "the options must be an object");
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !Object.hasOwn(rules, name)) {
      throw wrong(`"${name}" is not an option; there are ${Object.keys(rules).join(", ")}`);
    }
  }
  for (const [name, [wanted, holds]] of Object.entries<Rule>(rules)) {
    const value = options[name];
    if (value === undefined && !required.includes(name as keyof Options & string)) continue;
    if (!holds(value)) throw wrong(`${name} must be ${wanted}`);
  }
}
