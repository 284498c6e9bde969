// What a page that is loaded again has to know of the calls that went on without it. It lives as long as the tab, holds
// no password, and is forgotten when nobody can be waiting any more.

import type { CallSnapshot } from "sipwasm";

import { store } from "./dom.js";

export interface KeptCall {
  snapshot: CallSnapshot;
  /** When it was answered, in milliseconds since 1970. */
  since: number;
  name: string;
  muted: boolean;
  joined: boolean;
  current: boolean;
}

interface Kept {
  /** user@domain */
  account: string;
  at: number;
  calls: KeptCall[];
}

/** After so many milliseconds the other side has given up. */
const patience = 5 * 60_000;
const key = "calls";

export function keep(account: string, calls: KeptCall[]): void {
  store.set("sessionStorage", key, calls.length ? { account, at: Date.now(), calls } : null);
}

/** The calls of an account that a page before this one has left. */
export function keptCalls(account: string): KeptCall[] {
  const kept = store.get<Kept | null>("sessionStorage", key);
  return kept && kept.account === account && Date.now() - kept.at < patience ? kept.calls : [];
}
