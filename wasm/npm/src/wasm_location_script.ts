import { SipError } from "./errors.js";

// The element is known while its script runs for the first time, and not later.
const script = globalThis.document?.currentScript;
const here = script && "src" in script ? script.src : "";

/**
 * @internal
 * Where sipwasm.wasm is when nobody says: beside the file of `<script src="…/sipwasm.iife.js">`.
 * @throws {SipError} "wasm-not-found" when the script came in another way: in a bundle, by eval, from a loader of a framework.
 */
export function defaultLocation(): URL {
  if (here) return new URL("./sipwasm.wasm", here);
  throw new SipError("wasm-not-found",
    'this script was not loaded by <script src="…/sipwasm.iife.js">, so it does not know where sipwasm.wasm is: pass its address as the option wasm');
}
