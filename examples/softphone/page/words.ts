// Says in words what an error code says to a program. Every sentence tells what happened, and what to do where
// something can be done.

import { SipError, type EndedEvent, type QualitySample } from "sipwasm";

import type { Line } from "./line.js";

export interface Trouble {
  text: string;
  /** The error's own message, for those who want to know. */
  detail: string;
}

interface Context {
  /** Address of the server, when it is what was tried. */
  server?: string;
  /** What was tried is to register, not to call. */
  registering?: boolean;
  /** Who was called. */
  who?: string;
  /** What was being done, where the words depend on it. */
  doing?: string;
}

export function trouble(error: unknown, context: Context = {}): Trouble {
  const detail = error instanceof Error ? error.message : String(error);
  if (!(error instanceof SipError)) return { text: "Something went wrong on this page.", detail };
  return { text: sentence(error, context), detail };
}

function sentence(error: SipError, context: Context = {}): string {
  const { server = "the server", who = "The other side", registering = false, doing = "" } = context;
  if (doing === "video") return ofVideo(error, who) ?? sentence(error, { ...context, doing: "" });
  if (doing === "transfer") return ofTransfer(error, who);
  if (doing === "join") return `The calls could not be joined. ${sentence(error, { who })}`;
  switch (error.code) {
    case "unauthorized": return "The server refused this user name or password.";
    case "connection-failed": return `No connection to ${server}. Check the address, and that the server is running.`;
    case "connection-lost": return "The connection to the server broke.";
    case "timeout": return "The server did not answer in time.";
    case "media-denied": return "The microphone is blocked. Allow it in the browser’s site settings, then call again.";
    case "media-not-found": return "There is no microphone. Plug one in, then call again.";
    case "media-ended": return "The microphone was unplugged. Plug one in, and the other side hears you again.";
    case "insecure-context": return "The browser gives the microphone to secure pages alone. Open this one by https:// or on localhost.";
    case "autoplay-blocked": return "The browser plays no sound before you have clicked. Click “Play sound”.";
    case "media-failed": return "The sound connection to the other side failed.";
    case "mixed-content": return `This page is secure, so ${server} has to be too: an address that begins with wss://.`;
    case "blocked-by-csp": return "This page’s own policy forbids that. Whoever runs the page has to allow it.";
    case "load-failed": return "The phone program could not be loaded. Reload the page.";
    case "wasm-not-found": case "wasm-wrong-type": case "wasm-damaged": case "wasm-mismatch":
      return "The phone program is not what this page needs. Reload the page; if that does not help, whoever runs it has to deploy it again.";
    case "invalid-argument": return "That cannot be used as it stands.";
    case "unsupported": return "This browser or the other side cannot do that.";
    case "protocol": return "The server sent something that makes no sense.";
    case "canceled": return "Given up.";
    case "closed": return "The phone is switched off.";
    case "rejected":
      return registering
        ? notRegistered(error.status ?? 0, error.reason ?? "")
        : refused(error.status ?? 0, error.reason ?? "", who);
    case "invalid-state": return "That is not possible right now.";
    case "internal": return "The phone program failed. Connect again, and reload the page if that does not help.";
  }
}

/** What is different where something is to be shown. */
function ofVideo(error: SipError, who: string): string | undefined {
  switch (error.code) {
    case "media-denied": return "Nothing is shown: the browser was not allowed to.";
    case "media-not-found": return "There is no camera.";
    case "media-failed": return "The camera could not be opened. Another program may use it.";
    case "rejected": return `${who} does not take video.`;
    default: return undefined;
  }
}

function ofTransfer(error: SipError, who: string): string {
  const still = "The call is still yours.";
  if (error.code === "rejected" && (error.status === 405 || error.status === 501 || error.status === 603)) return `The other side does not want to be transferred. ${still}`;
  return `The transfer did not work. ${sentence(error, { who })} ${still}`;
}

/** Final responses to REGISTER (RFC 3261 section 10.3). Many a registrar says 403 where the password is wrong. */
function notRegistered(status: number, reason: string): string {
  switch (status) {
    case 403: return "The server does not let this account in. Check the user name and the password.";
    case 404: return "The server does not know this account.";
    case 503: return "The server is overloaded.";
    default: return `The server refused the registration: ${status} ${reason}`.trim();
  }
}

/** Final responses to a call (RFC 3261 section 21) as a person would put them. */
function refused(status: number, reason: string, who: string): string {
  switch (status) {
    case 404: case 604: return "Nobody has this number.";
    case 403: return "The server does not allow this call.";
    case 408: case 480: return `${who} cannot be reached right now.`;
    case 410: return "This number is no longer in use.";
    case 416: case 484: return "This number is not complete.";
    case 486: case 600: return `${who} is busy.`;
    case 487: return "The call was given up before it was answered.";
    case 488: case 606: return "No audio format in common with the other side.";
    case 603: return `${who} declined.`;
    case 503: return "The server is overloaded. Try again in a moment.";
    default: return status ? `The call was refused: ${status} ${reason}`.trim() : "The call was refused.";
  }
}

export interface Outcome {
  text: string;
  bad: boolean;
}

interface Past {
  who: string;
  direction: "outgoing" | "incoming";
  /** null when it was never answered. */
  talked: string | null;
  /** It could not be gone on with after a reload. */
  resumed: boolean;
  /** To whom the caller was sent, or "". */
  deflected: string;
}

/** How a call ended, in one line. */
export function ended(event: EndedEvent, { who, direction, talked, resumed, deflected }: Past): Outcome {
  const error = event.error?.code === "canceled" ? undefined : event.error;
  if (resumed) return { text: `The call with ${who} did not outlive the reload. Call again.`, bad: true };
  if (talked !== null) {
    if (error) return { text: `The call with ${who} was cut off after ${talked}. ${sentence(error, { who })}`, bad: true };
    return { text: `Call with ${who}, ${talked}`, bad: false };
  }
  if (direction === "incoming") {
    if (event.by === "remote") return { text: `Missed call from ${who}`, bad: true };
    if (error) return { text: sentence(error, { who }), bad: true };
    return { text: deflected ? `Sent ${who} on to ${deflected}` : `Declined the call from ${who}`, bad: false };
  }
  if (event.by === "remote" && event.status && event.status >= 300) return { text: refused(event.status, event.reason, who), bad: true };
  return error ? { text: sentence(error, { who }), bad: true } : { text: `Call to ${who} given up`, bad: false };
}

/** What goes on in a call besides the talk, and what to make of it; "" when there is nothing. */
export function note(line: Line, connected: boolean): string {
  const { recovering, passing, who, call } = line;
  if (recovering?.why === "reload" || call.state === "resuming") return "The page was loaded again. Picking up the call…";
  if (recovering?.offering) return "Connecting the sound again…";
  if (recovering?.why === "connection") return "The sound is interrupted. It may come back by itself…";
  if (line.talks && (recovering || !connected)) return "Connection lost. Your call goes on, and its sound does not need the server.";
  if (passing) return passing.status >= 180 && passing.status < 200 ? `It rings at ${passing.to}…` : `Connecting ${who} with ${passing.to}…`;
  return line.origin;
}

/** Where a call stands, in a word or two. */
export function standing(line: Line): string {
  const { call } = line;
  const { local, remote } = call.onHold;
  return call.state === "preparing" ? "Opening the microphone…"
    : call.state === "calling" ? "Calling…"
    : line.rings ? "Incoming call"
    : call.state === "answering" ? "Answering…"
    : call.state === "ringing" ? "Ringing…"
    : call.state === "resuming" ? "Resuming…"
    : call.state === "canceling" || line.doing === "hangup" ? "Hanging up…"
    : local && remote ? "On hold, by both sides"
    : local ? "On hold"
    : remote ? "Held by the other side"
    : call.muted ? "Muted"
    : line.joined ? "Joined"
    : "In call";
}

/** How a call sounds: a word for everybody, and the figures for those who want to know. */
export function sound({ level, received, roundTrip }: QualitySample): { word: string; figures: string } {
  const figures = [
    received.mos !== undefined && `MOS ${received.mos.toFixed(1)}`,
    received.loss !== undefined && `${(100 * received.loss).toFixed(1)} % lost`,
    roundTrip !== undefined && `${Math.round(roundTrip)} ms there and back`,
    received.codec,
  ];
  return { word: { good: "Good", fair: "Fair", poor: "Poor" }[level], figures: figures.filter(Boolean).join(", ") };
}
