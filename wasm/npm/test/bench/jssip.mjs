// JsSIP's parser alone: it answers nothing here.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { KINDS, VARIANTS, variants } from "./messages.mjs";

const { parseMessage } = createRequire(import.meta.url)("jssip/lib/Parser");
const messages = Object.fromEntries(KINDS.map((kind) => [kind, variants(kind)]));

export default function handle(kind, n) {
  const message = parseMessage(messages[kind][n % VARIANTS], undefined);
  if (!message?.via_branch) assert.fail("not parsed");
}
