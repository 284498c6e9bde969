// The bytes that all are measured with. They stand in files of their own, with the line ends of this platform.
import { readFileSync } from "node:fs";

export const KINDS = ["invite", "ok_invite", "ok_register"];

/**
 * The messages of a turn. An answered INVITE costs its ACK as well, which has to be read and matched before the
 * transaction is gone. So all get both, and both count.
 */
export const TURN = { invite: ["invite", "ack"], ok_invite: ["ok_invite"], ok_register: ["ok_register"] };

/** The turns of a kind, VARIANTS of them, each a list of texts. */
export function turns(kind) {
  const each = TURN[kind].map(variants);
  return Array.from({ length: VARIANTS }, (_, n) => each.map((texts) => texts[n]));
}

/** How many messages of a kind there are. They differ in the branch alone, so that none is a retransmission. */
export const VARIANTS = 512;

/** All variants of a message, as one flat string each, which is what a browser hands to the listener of a WebSocket. */
export function variants(kind) {
  const text = readFileSync(new URL(`messages/${kind}.sip`, import.meta.url), "utf8").replaceAll("\n", "\r\n");
  return Array.from({ length: VARIANTS }, (_, n) => flat(text.replace("{branch}", branch(n))));
}

const branch = (n) => `z9hG4bKb7f2.${n.toString(16).padStart(16, "0")}.0`;

const flat = (text) => Buffer.from(text, "latin1").toString("latin1");
