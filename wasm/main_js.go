// Command wasm is the user agent of package sipua as a WebAssembly module for
// web pages. It is started by the loader of the npm package, which hands it the
// page's WebSocket, RTCPeerConnection and mediaDevices in one host object; it
// reads and writes no other global.
package main

import "syscall/js"

func main() {
	serve(js.Global().Get("host"))
}
