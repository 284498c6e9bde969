package sipua

import (
	"context"
	"fmt"
)

// Transport opens WebSocket connections that carry SIP (RFC 7118). It is the
// first of the two seams of this package: native Go uses [WebSocket], the
// browser build the page's own WebSocket, tests an in-memory pipe.
//
// A Transport never reconnects, retries or hides a loss; that is the user
// agent's business.
type Transport interface {
	// Dial opens one connection to url ("ws://…" or "wss://…") and negotiates
	// the sub-protocol "sip" (RFC 7118 section 4.1). It returns when the
	// connection is open, has failed or ctx ends, whichever comes first. When
	// Dial returns an error nothing of the attempt is left behind: a socket that
	// would open later is closed.
	Dial(ctx context.Context, url string) (Conn, error)
}

// Conn is one open connection. Read is called by one goroutine; Write and Close
// may be called by any. Its type must be comparable, a pointer for instance.
type Conn interface {
	// Read returns the next message, whole and in the order of arrival, whether
	// it came in a text or in a binary frame (RFC 7118 section 5 allows both).
	// Messages that arrived before a close are returned before the close is.
	// The caller owns what it gets. After the last message Read ALWAYS returns an
	// error that holds a *CloseError.
	Read() ([]byte, error)

	// Write hands one whole SIP message to the connection. It NEVER blocks: an
	// implementation buffers, and closes the connection itself when the peer
	// does not take what was written. Valid UTF-8 leaves as a text frame,
	// anything else as binary. An error means that the message was not sent.
	Write(message []byte) error

	// Close ends the connection with a WebSocket close code (1000 for a normal
	// end) and makes Read return. What was written before is sent first, as far as
	// the peer takes it without delay. Close never blocks. Closing twice is allowed
	// and does nothing.
	Close(code int, reason string)
}

// CloseError tells how a connection ended: the close code and reason of RFC
// 6455 section 7.1.5 and 7.1.6. Code 1006 means that no close frame came.
type CloseError struct {
	Code   int
	Reason string
	Err    error // what the transport saw besides, may be nil
}

func (e *CloseError) Error() string {
	s := fmt.Sprintf("connection closed with code %d", e.Code)
	if e.Reason != "" {
		s += " (" + clean(e.Reason, 123) + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *CloseError) Unwrap() error { return e.Err }
