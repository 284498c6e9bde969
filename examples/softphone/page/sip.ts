// Reads of a SIP message what a ladder shows. It never judges: what cannot be read is shown as it came.

export interface Summary {
  /** "request", or the class of the response; "failure" stands for 4xx, 5xx and 6xx. */
  kind: "request" | "1xx" | "2xx" | "3xx" | "failure";
  /** "INVITE", "180 Ringing". */
  title: string;
  /** Request URI, or the method that a response answers. */
  subject: string;
  method: string;
  callId: string;
  from: string;
  to: string;
  /** "" without a session description, else its audio direction (RFC 8866 section 6.7). */
  sdp: "" | "sendrecv" | "sendonly" | "recvonly" | "inactive";
}

export function summarize(text: string): Summary {
  const end = text.search(/\r?\n\r?\n/);
  const head = (end < 0 ? text : text.slice(0, end)).replace(/\r?\n[ \t]+/g, " "); // unfold, RFC 3261 section 7.3.1
  const body = end < 0 ? "" : text.slice(end);
  const lines = head.split(/\r?\n/);
  const first = lines[0] ?? "";
  const header = (long: string, short: string) => {
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).trim().toLowerCase();
      if (colon > 0 && (name === long || name === short)) return line.slice(colon + 1).trim();
    }
    return "";
  };

  const method = header("cseq", "cseq").split(/\s+/)[1] ?? "";
  const common = {
    callId: header("call-id", "i"),
    from: user(header("from", "f")),
    to: user(header("to", "t")),
    sdp: direction(body),
  };

  const response = /^SIP\/2\.0 (\d)(\d\d) ?(.*)$/.exec(first);
  if (response) {
    const digit = response[1]!;
    const kind = digit === "1" ? "1xx" : digit === "2" ? "2xx" : digit === "3" ? "3xx" : "failure";
    return { kind, title: `${digit}${response[2]} ${response[3]}`.trim(), subject: method, method, ...common };
  }
  const request = /^(\S+) (\S+) SIP\/2\.0$/.exec(first);
  if (request) return { kind: "request", title: request[1]!, subject: request[2]!, method: request[1]!, ...common };
  return { kind: "failure", title: first.trim() || "(empty)", subject: "not SIP", method, ...common };
}

/** The user part of a From or To, or its host when it has none. */
function user(value: string): string {
  const unnamed = value.replace(/^"(?:[^"\\]|\\.)*"/, ""); // a quoted display name may hold anything, "<" too
  const uri = /<([^>]*)>/.exec(unnamed)?.[1] ?? unnamed.split(";")[0] ?? "";
  const rest = uri.trim().replace(/^[a-z]+:/i, "");
  return rest.split(/[@;]/)[0] ?? "";
}

function direction(body: string): Summary["sdp"] {
  if (!/^v=0\r?$/m.test(body)) return "";
  const found = /^a=(sendrecv|sendonly|recvonly|inactive)\r?$/m.exec(body)?.[1];
  return (found as Summary["sdp"] | undefined) ?? "sendrecv";
}
