/*! wasm_exec.js: Copyright 2018 The Go Authors, BSD-style license, https://go.dev/LICENSE */

/**
 * Makes a Go runtime whose js.Global() is a scope of its own, with `host` in it,
 * instead of the page's global object: nothing of it shows on the page, and two
 * instances do not meet. The names `globalThis`, `fs` and `console` of the stock
 * file are parameters here for that purpose.
 *
 * The scope is a plain object because one that inherits from globalThis fails on
 * accessors such as `crypto` ("Illegal invocation").
 */
export function createGo(host) {
	const { crypto, performance, TextEncoder, TextDecoder, Object, Array, Uint8Array, Date, Error, Promise } = globalThis;
	const scope = { crypto, performance, TextEncoder, TextDecoder, Object, Array, Uint8Array, Date, Error, Promise, host };
	const fs = { writeSync: (fd, bytes) => scope.fs.writeSync(fd, bytes) };
	((globalThis, fs, console) => {
/* wasm_exec.js */
	})(scope, fs, host.console);
	return new scope.Go();
}
