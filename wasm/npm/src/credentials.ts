/** A hash of `username:realm:password` (RFC 7616 section 3.4.2), for those who do not want to hold the password. */
export interface HA1 {
  /** Default: any. */
  realm?: string;
  /** The algorithm that made it. Default: each whose hash is as long. */
  algorithm?: "MD5" | "SHA-256" | "SHA-512-256";
  /** In hexadecimal. */
  hash: string;
}

/** What answers a server's challenge: a password, its hash, or an access token (RFC 8898), which is sent over wss:// only. */
export type Credentials =
  | { /** Default: the user part of `uri`. */ username?: string; password: string; ha1?: never; token?: never }
  | { /** Default: the user part of `uri`. */ username?: string; ha1: string | readonly HA1[]; password?: never; token?: never }
  | { token: string; username?: never; password?: never; ha1?: never };

/**
 * What a server asks, for the function that gives credentials. Its result is kept for the realm until the server refuses it; then it
 * is asked once more, with `retry`. For one realm it is asked once at a time. All text is from the network.
 */
export interface Challenge {
  /** "Digest" or "Bearer"; a server that offers both fills the fields of both. */
  readonly scheme: string;
  /** What to show to the person, who may have several accounts. */
  readonly realm: string;
  /** Digest algorithms in the order of the server. */
  readonly algorithms: readonly string[];
  /** It comes from a proxy on the way (407), not from the far end (401). */
  readonly proxy: boolean;
  /** Host of the address that was challenged. It decides whether a token may be given: a 401 may come from whoever was called. */
  readonly host: string;
  /** The whole of that address, such as "sip:1002@example.com". */
  readonly target: string;
  /** The server refused the last result. */
  readonly retry: boolean;
  /** Of a Bearer challenge: what was wrong with the last token, such as "invalid_token". */
  readonly error?: string;
  /** What the token must allow. */
  readonly scope?: string;
  /** URL of the server that issues tokens. Compare it with those that you trust before you ask it for anything. */
  readonly authzServer?: string;
}
