/**
 * @internal
 * Where sipwasm.wasm is when nobody says: beside this module. Bundlers look for this very form, copy the file and put its new address
 * in. sipwasm.iife.js has wasm_location_script.ts in the place of this file.
 */
export function defaultLocation(): URL {
  return new URL("./sipwasm.wasm", import.meta.url);
}
