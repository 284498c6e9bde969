// Says in words what an error code says to a program. Every sentence tells what happened, and what to do where
// something can be done.

import { SipError, type EndedEvent } from "sipwasm";

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
}

export function trouble(error: unknown, context: Context = {}): Trouble {
  const detail = error instanceof Error ? error.message : String(error);
  if (!(error instanceof SipError)) return { text: "Something went wrong on this page.", detail };
  return { text: sentence(error, context), detail };
}

function sentence(error: SipError, { server = "the server", who = "The other side", registering = false }: Context = {}): string {
  switch (error.code) {
    case "unauthorized": return "The server refused this user name or password.";
    case "connection-failed": return `No connection to ${server}. Check the address, and that the server is running.`;
    case "connection-lost": return "The connection to the server broke.";
    case "timeout": return "The server did not answer in time.";
    case "media-denied": return "The microphone is blocked. Allow it in the browser’s site settings, then call again.";
    case "media-not-found": return "There is no microphone. Plug one in, then call again.";
    case "media-failed": return "The sound connection to the other side failed.";
    case "load-failed": return "The phone program could not be loaded. Reload the page.";
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

/** How a call ended, in one line. `talked` is null when it was never answered. */
export function outcome(
  event: EndedEvent,
  call: { who: string; direction: "outgoing" | "incoming"; talked: string | null },
): { text: string; bad: boolean } {
  const { who, direction, talked } = call;
  const error = event.error?.code === "canceled" ? undefined : event.error;
  if (talked !== null) {
    if (error) return { text: `The call with ${who} was cut off after ${talked}. ${sentence(error, { who })}`, bad: true };
    return { text: `Call with ${who}, ${talked}`, bad: false };
  }
  if (direction === "incoming") {
    if (event.by === "remote") return { text: `Missed call from ${who}`, bad: true };
    return error ? { text: sentence(error, { who }), bad: true } : { text: `Declined the call from ${who}`, bad: false };
  }
  if (event.by === "remote" && event.status && event.status >= 300) return { text: refused(event.status, event.reason, who), bad: true };
  return error ? { text: sentence(error, { who }), bad: true } : { text: `Call to ${who} given up`, bad: false };
}
