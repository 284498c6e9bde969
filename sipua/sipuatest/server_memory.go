//go:build !js

package sipuatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/sipwasm/sipwasm/sipua"
)

// Transport returns a transport whose connections lead to the server without a
// network, whatever the host of the URL: for [Options.InMemory], and beside the
// WebSocket of any other server. Everything else is the same, so that a test of
// several user agents can run inside a testing/synctest bubble:
//
//	server := sipuatest.NewServer(sipuatest.Options{InMemory: true, Accounts: accounts})
//	defer server.Close()
//	ua, err := sipua.New(sipua.Config{Transport: server.Transport(), Servers: []sipua.Server{{URL: server.URL}}, …})
func (s *Server) Transport() sipua.Transport { return memoryTransport{s} }

type memoryTransport struct{ server *Server }

func (t memoryTransport) Dial(ctx context.Context, url string) (sipua.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(url, "ws://") && !strings.HasPrefix(url, "wss://") {
		return nil, fmt.Errorf("%q is not a WebSocket URL", url)
	}
	s := t.server
	s.mu.Lock()
	s.memory++
	port := 50000 + s.memory%10000
	s.mu.Unlock()
	f := s.newFlow(fmt.Sprintf("192.0.2.1:%d", port))
	if !s.addFlow(f) {
		return nil, errors.New("connection refused: the server is stopped")
	}
	w := &memoryWire{up: newQueue[[]byte](), down: newQueue[[]byte]()}
	go func() { // addFlow has counted it
		defer s.running.Done()
		defer s.removeFlow(f)
		f.serve(w)
	}()
	return memoryConn{w}, nil
}

// memoryWire is a connection that is two queues.
type memoryWire struct {
	up, down *queue[[]byte] // to the server and to the client

	mu     sync.Mutex
	ended  *sipua.CloseError
	silent bool
}

// end closes both ways, once.
func (w *memoryWire) end(e *sipua.CloseError) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended != nil {
		return
	}
	w.ended = e
	w.up.close()
	w.down.close()
}

func (w *memoryWire) read() ([]byte, error) {
	message, ok := w.up.pop(-1)
	if !ok {
		return nil, io.EOF
	}
	return message, nil
}

func (w *memoryWire) write(message []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended != nil {
		return net.ErrClosed
	}
	if !w.silent {
		w.down.push(bytes.Clone(message))
	}
	return nil
}

func (w *memoryWire) shut(code int, reason string) {
	w.end(&sipua.CloseError{Code: code, Reason: reason})
}

func (w *memoryWire) abort() { w.end(&sipua.CloseError{Code: 1006, Err: io.ErrUnexpectedEOF}) }

func (w *memoryWire) silence() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = true
}

func (w *memoryWire) localAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 80}
}

// memoryConn is the client's side.
type memoryConn struct{ wire *memoryWire }

func (c memoryConn) Read() ([]byte, error) {
	message, ok := c.wire.down.pop(-1)
	if !ok {
		c.wire.mu.Lock()
		defer c.wire.mu.Unlock()
		return nil, c.wire.ended
	}
	return message, nil
}

func (c memoryConn) Write(message []byte) error {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	if c.wire.ended != nil {
		return errWriteClosed
	}
	if !c.wire.silent {
		c.wire.up.push(bytes.Clone(message))
	}
	return nil
}

func (c memoryConn) Close(code int, reason string) {
	c.wire.end(&sipua.CloseError{Code: code, Reason: reason})
}
