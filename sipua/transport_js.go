//go:build js

package sipua

// defaultTransport: in a browser the program brings its own, over the page's
// WebSocket.
var defaultTransport Transport
