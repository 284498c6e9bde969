import type {
  AcceptOptions, CallOptions, CallsOptions, DTMFOptions, HangupOptions, ProgressOptions, Rejection, RestoreOptions, TransferOptions,
  VideoOptions,
} from "./call_options.js";
import type { CallSnapshot } from "./call_values.js";
import { tonesRule } from "./cadences.js";
import { isIce } from "./ice.js";
import {
  audio, flag, isNumber, isObject, isOf, isPair, isText, isList, isWhole, milliseconds, signal, text, texts, type Rule, type Rules,
} from "./options.js";

// The options of calls, for those who write no TypeScript.

const oneOf = (...values: string[]): Rule => [
  values.map((v) => `"${v}"`).join(values.length > 2 ? ", " : " or ").replace(/, ([^,]*)$/, " or $1"), (v) => values.includes(v as string),
];
const headers: Rule = ['[name, value] pairs of strings, such as [["X-Ticket", "4711"]]', (v) => isList(v, isPair)];
const isConfiguration = (v: unknown) => isObject(v) && !("iceServers" in v) && !("iceTransportPolicy" in v);
const isMedia = (v: unknown) => isOf(v, { stream: isObject, constraints: isObject, ice: isIce, rtcConfiguration: isConfiguration });
const mediaForm = "{ stream?, constraints?, ice?, rtcConfiguration? }, with servers and transportPolicy in ice";
const media: Rule = [mediaForm, isMedia];
const reliable = oneOf("supported", "required", "off");
const status = (least: number, most: number): Rule => [`a whole number from ${least} to ${most}`, (v) => isWhole(v, least, most)];
const redirects: Rule = ["a whole number, at least 0", (v) => isWhole(v, 0, 1000)];
const isFlag = (v: unknown) => typeof v === "boolean";
const isInterval = (v: unknown) => isNumber(v, 500) && (v as number) < 2 ** 31; // which timers can wait
const isBounds = (v: unknown) => isOf(v, { fair: isBound, poor: isBound }) && isObject(v) && isBound(v["fair"]) && isBound(v["poor"]);
const isBound = (v: unknown) => isNumber(v, 0);
const isThresholds = (v: unknown) => isOf(v, { mos: isBounds, loss: isBounds, jitter: isBounds, roundTrip: isBounds });
const isReport = (v: unknown) => isOf(v, { target: isText, interval: isInterval, localGroup: isText, remoteGroup: isText }) && isText((v as Record<string, unknown>)["target"]);

/** Those of a user agent. */
export const callsRules: Rules<CallsOptions> = {
  tones: tonesRule,
  microphoneFallback: flag,
  maxCalls: ["a whole number from 1 to 64", (v) => isWhole(v, 1, 64)],
  holdOthers: flag,
  manualRinging: flag,
  autoAnswer: ["{ answerMode?, alertInfo?, callInfo? }, each true or false", (v) => isOf(v, { answerMode: isFlag, alertInfo: isFlag, callInfo: isFlag })],
  manualReplaces: flag,
  noAnswerTimeout: milliseconds,
  followRedirects: redirects,
  reliable,
  sessionTimer: [
    'false or { expires?, minSE?, refresher?, method? }: seconds of at least 90, "local" or "remote", "invite" or "update"',
    (v) => v === false || isOf(v, {
      expires: (n) => isNumber(n, 90), minSE: (n) => isNumber(n, 90),
      refresher: (r) => r === "local" || r === "remote", method: (m) => m === "invite" || m === "update",
    }),
  ],
  codecs: ['{ order?, remove? }, lists of patterns such as "opus" or "PC*"', (v) => isOf(v, { order: texts[1], remove: texts[1] })],
  bandwidth: ["{ audio?, video? } in kbit/s, whole numbers of at least 1", (v) => isOf(v, { audio: (n) => isWhole(n, 1, 1e6), video: (n) => isWhole(n, 1, 1e6) })],
  quality: [
    "false or { interval?, thresholds?, report? }: milliseconds of at least 500, { mos?, loss?, jitter?, roundTrip? } with { fair, poor } each, " +
      "{ target, interval?, localGroup?, remoteGroup? }",
    (v) => v === false || isOf(v, { interval: isInterval, thresholds: isThresholds, report: isReport }),
  ],
  sdp: ["a function", (v) => typeof v === "function"],
};

export const callRules: Rules<CallOptions> = {
  headers, media, audio, signal,
  anonymous: flag,
  privacy: texts,
  preferredIdentity: text,
  userToUser: text,
  answerMode: oneOf("Auto", "Manual"),
  lateOffer: flag,
  reliable,
  earlyMedia: flag,
  noAnswerTimeout: milliseconds,
  followRedirects: redirects,
  replaces: ["a call", isObject], // of this user agent: Calls.handleOf
};

const isSequence = (v: unknown) => isWhole(v, 0, 2 ** 31 - 1);
const snapshotParts: { [Name in keyof CallSnapshot]: (v: unknown) => boolean } = {
  callId: isText, localTag: isText, remoteTag: isText, localUri: isText, localName: isText, remoteUri: isText, remoteName: isText,
  target: isText, routes: isText, localSeq: isSequence, remoteSeq: isSequence,
  direction: (v) => v === "outgoing" || v === "incoming", held: isFlag,
};

export const restoreRules: Rules<RestoreOptions & { snapshot: CallSnapshot }> = {
  snapshot: ["a snapshot of a call", (v) => isObject(v) && Object.entries(snapshotParts).every(([name, holds]) => holds(v[name]))],
  media, audio, signal,
};

export const acceptRules: Rules<AcceptOptions> = { media, audio, headers, signal };

export const progressRules: Rules<ProgressOptions> = {
  status: status(101, 198), reason: text, media: [`true, false or ${mediaForm}`, (v) => isFlag(v) || isMedia(v)],
  reliable, headers, signal,
};

export const rejectRules: Rules<Rejection> = {
  status: status(300, 699), reason: text, retryAfter: ["a number of seconds, at least 0", (v) => isNumber(v, 0)], headers,
};

export const redirectRules: Rules<{ targets: string[] }> = {
  targets: ["one to ten addresses", (v) => isList(v, isText) && (v as unknown[]).length > 0 && (v as unknown[]).length <= 10],
};

export const hangupRules: Rules<HangupOptions> = {
  reason: ['{ protocol, cause?, text? }, such as { protocol: "SIP", cause: 200 }',
    (v) => isOf(v, { protocol: isText, cause: (n) => isWhole(n, 0, 999_999_999), text: isText }) && isText((v as Record<string, unknown>)["protocol"])],
};

export const videoRules: Rules<VideoOptions> = { constraints: ["an object", isObject], stream: ["a MediaStream", isObject], signal };

export const dtmfRules: Rules<DTMFOptions> = {
  method: oneOf("rtp", "info-relay", "info"), duration: milliseconds, gap: milliseconds, signal,
};

export const transferRules: Rules<TransferOptions> = { headers, noSubscription: flag, referredBy: text, keep: flag, signal };
