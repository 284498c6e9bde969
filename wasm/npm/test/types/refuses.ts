// What must not compile. A line that begins to compile is an error here, because its expectation is not met then.
import { Call, Conference, Notifier, Referral, Transfer, Publication, SipError, Subscription, UserAgent, type Credentials, type ErrorCode, type UserAgentOptions } from "sipwasm";
// @ts-expect-error internal
import { Port } from "sipwasm";
// @ts-expect-error internal: exports has one entry for JavaScript
import { Emitter } from "sipwasm/dist/emitter.js";

declare const ua: UserAgent;
declare const call: Call;
declare const error: SipError;

// @ts-expect-error a user agent is made by create
new UserAgent();
// @ts-expect-error a call is made by a user agent
new Call();
// @ts-expect-error internal
Call.outgoing;
// @ts-expect-error servers is required
export const noServers: UserAgentOptions = { uri: "sip:a@b" };
// @ts-expect-error servers is a list
export const oneServer: UserAgentOptions = { uri: "sip:a@b", servers: "wss://a" };
// @ts-expect-error not an option
export const typo: UserAgentOptions = { uri: "sip:a@b", servers: [], stunServers: [] };
// @ts-expect-error an option is there or absent, never undefined
export const undefinedName: UserAgentOptions = { uri: "sip:a@b", servers: [], displayName: undefined };
// @ts-expect-error bounds are two
export const bound: UserAgentOptions = { uri: "sip:a@b", servers: [], quality: { thresholds: { mos: { fair: 4 } } } };
// @ts-expect-error a report wants a collector
export const nowhere: UserAgentOptions = { uri: "sip:a@b", servers: [], quality: { report: { interval: 60_000 } } };
// @ts-expect-error off is false
export const on: UserAgentOptions = { uri: "sip:a@b", servers: [], quality: true };
// @ts-expect-error the sample is read only
call.quality!.level = "good";
// @ts-expect-error may be absent
export const score: number = call.quality!.received.mos;
// @ts-expect-error a password or its hash, not both
export const both: Credentials = { password: "p", ha1: "h" };
// @ts-expect-error and one of them
export const neither: Credentials = { username: "u" };

// @ts-expect-error not an event
ua.on("incomming", () => {});
// @ts-expect-error an event of calls
ua.on("ringing", () => {});
// @ts-expect-error the listener gets a call
ua.on("incoming", (text: string) => text);
// @ts-expect-error not a field of the event
ua.on("registered", ({ seconds }) => seconds);
// @ts-expect-error call.state is read only
call.state = "ended";
// @ts-expect-error not a state
call.state === "connected";
// @ts-expect-error the remote side is read only
call.remote.displayName = "";
// @ts-expect-error a status is a number
call.reject("486");
// @ts-expect-error tones are text
call.sendDTMF(1);
// @ts-expect-error a promise, not a function
call.answered();
// @ts-expect-error not a code
error.code === "busy";
// @ts-expect-error not a code
export const code: ErrorCode = "auth";
// @ts-expect-error may be absent
export const status: number = error.status;

// @ts-expect-error a subscription is made by a user agent
new Subscription();
// @ts-expect-error made by a user agent
new Notifier();
// @ts-expect-error made by a user agent
new Publication();
// @ts-expect-error internal
Subscription.start;
// @ts-expect-error internal
import { Life } from "sipwasm";
// @ts-expect-error the event package is required
ua.subscribe("1002", {});
// @ts-expect-error seconds are a number
ua.subscribe("1002", { event: "dialog", expires: "600" });
// @ts-expect-error a value may be absent
ua.subscribe("1002", { event: "dialog" }).on("notify", ({ value }) => value.lamp);
// @ts-expect-error a busy lamp is not presence
ua.subscribe("1002", { event: "dialog" }).on("notify", ({ value }) => value?.tuples);
// @ts-expect-error nothing is known of this package
ua.subscribe("1002", { event: "x-private" }).on("notify", ({ value }) => value?.lamp);
// @ts-expect-error which value it is has to be found out first
ua.on("notify", ({ value }) => value?.lamp);
// @ts-expect-error the value of another package
ua.on("notify", (e) => { if (e.event === "dialog") e.value?.tuples; });
// @ts-expect-error not an event
ua.subscribe("1002", { event: "dialog" }).on("notified", () => {});
// @ts-expect-error not a state
ua.subscribe("1002", { event: "dialog" }).state === "established";
// @ts-expect-error a publication wants a body
ua.publish({ event: "presence", contentType: "text/plain" });
// @ts-expect-error a message wants a body
ua.message("1002", {});
// @ts-expect-error a body is text or bytes
ua.message("1002", { body: { text: "hello" } });
// @ts-expect-error and so is a state
ua.on("incomingSubscription", (notifier) => notifier.notify({ contentType: "a/b", body: 7 }));
// @ts-expect-error a status is a number
ua.on("incomingSubscription", (notifier) => notifier.reject("403"));
// @ts-expect-error a list of names
export const packages: UserAgentOptions = { uri: "", servers: [], eventPackages: "presence" };

// @ts-expect-error made by a call
new Transfer();
// @ts-expect-error comes from the other side
new Referral();
// @ts-expect-error made by a user agent
new Conference();
// @ts-expect-error internal
import { Calls } from "sipwasm";
// @ts-expect-error a typing error would tell who calls
ua.call("1002", { anonymus: true });
// @ts-expect-error a call, not its id
ua.call("1002", { replaces: "id" });
// @ts-expect-error not a mode
ua.call("1002", { reliable: "always" });
// @ts-expect-error a target or a call
call.transfer(1003);
// @ts-expect-error a protocol is required
call.hangup({ reason: { cause: 200 } });
// @ts-expect-error not a method
call.sendDTMF("1", { method: "inband" });
// @ts-expect-error a call may have no snapshot
ua.restore(call.snapshot);
// @ts-expect-error may be absent
call.replaces.id;
// @ts-expect-error what the network tells is read only
call.caller.from.displayName = "";
// @ts-expect-error calls, not their targets
ua.conference("1002", "1003");
// @ts-expect-error returns the description
export const silent: UserAgentOptions = { uri: "", servers: [], sdp: () => {} };
// @ts-expect-error servers belong to ice
ua.call("1002", { media: { rtcConfiguration: { iceServers: [] } } });
// @ts-expect-error host candidates come first anyway
export const host: UserAgentOptions = { uri: "", servers: [], ice: { gathering: { enough: "host" } } };
// @ts-expect-error a list of servers
export const one: UserAgentOptions = { uri: "", servers: [], ice: { servers: { urls: "stun:x" } } };
// @ts-expect-error on is the default
export const timer: UserAgentOptions = { uri: "", servers: [], sessionTimer: true };

// @ts-expect-error consent cannot be forgotten
call.record({ channels: "stereo" });
// @ts-expect-error not a country that is known
export const tones: UserAgentOptions = { uri: "", servers: [], tones: "xx" };
// @ts-expect-error a loudspeaker is chosen by its id
ua.devices.useSpeaker({ deviceId: "x" });
