// JsSIP's parser alone: it answers nothing here.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { KINDS, VARIANTS, turns } from "./messages.mjs";

const { parseMessage } = createRequire(import.meta.url)("jssip/lib/Parser");
const messages = Object.fromEntries(KINDS.map((kind) => [kind, turns(kind)]));

export default function handle(kind, n) {
  for (const text of messages[kind][n % VARIANTS]) {
    const message = parseMessage(text, undefined);
    if (!message?.via_branch) assert.fail("not parsed");
  }
}
