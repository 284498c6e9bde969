// SIP.js's parser alone: it answers nothing here.
import assert from "node:assert/strict";
import { Core } from "sip.js";
import { KINDS, VARIANTS, turns } from "./messages.mjs";

const logger = { error() {}, warn() {}, log() {}, debug() {} };
const messages = Object.fromEntries(KINDS.map((kind) => [kind, turns(kind)]));

export default function handle(kind, n) {
  for (const text of messages[kind][n % VARIANTS]) {
    const message = Core.Parser.parseMessage(text, logger);
    if (!message?.viaBranch) assert.fail("not parsed");
  }
}
