// What `make interop-firefox` runs, as arguments of run.mjs.

/**
 * Calls of each pair in Firefox alone and, of sipwasm, between the browsers; and the cases in which the browser has a part:
 * its peer connection, its WebSocket, its Web Audio, its pages. Left out, because nothing in them depends on the browser:
 * algorithms, second-realm, outbound, subscriptions, keep-alive and session-refresh; the peers of a case other than sipwasm
 * where only their SIP differs; silence and offline, which take long; and conference, because without a sound output, as on a
 * server, Firefox never starts the AudioContext that mixes. Reloads and the early media of another have Chromium at the other side: a
 * Firefox there hears nothing when a new peer connection takes over.
 */
export const FIREFOX = [
  "firefox", "sipwasm:sipwasm", "sipwasm:jssip", "jssip:sipwasm", "sipwasm:sipjs", "sipjs:sipwasm",
  "firefox:chromium", "sipwasm:sipwasm", "chromium:firefox", "sipwasm:sipwasm",
  "firefox", "restart", "remote-hold:sipwasm", "glare:sipwasm", "early-media",
  "transfer-attended-transferor:sipwasm", "video:sipwasm", "server-restart-in-call:sipwasm",
  "firefox:chromium", "reload-outgoing:sipwasm", "reload-incoming:sipwasm", "video:sipwasm", "glare:sipwasm", "early-media-of-another:sipwasm",
];
