// SIP.js's parser alone: it answers nothing here.
import assert from "node:assert/strict";
import { Core } from "sip.js";
import { KINDS, VARIANTS, variants } from "./messages.mjs";

const logger = { error() {}, warn() {}, log() {}, debug() {} };
const messages = Object.fromEntries(KINDS.map((kind) => [kind, variants(kind)]));

export default function handle(kind, n) {
  const message = Core.Parser.parseMessage(messages[kind][n % VARIANTS], logger);
  if (!message?.viaBranch) assert.fail("not parsed");
}
