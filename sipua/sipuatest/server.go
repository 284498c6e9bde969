//go:build !js

package sipuatest

import (
	"crypto/cipher"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Server is a SIP registrar and proxy for WebSocket clients (RFC 7118) inside
// the test's own process, in the manner of [httptest.Server]. It challenges,
// registers, forks, routes and cancels as RFC 3261 sections 10 and 16 say, keeps
// flows as RFC 5626 does, notifies where [Options.Events] asks for it, and has
// hooks for what goes wrong in real networks. What it keeps is bounded.
//
// Parser, messages and transaction machines are those of sipgo, which shares
// nothing but the message type with the user agent under test: what the two
// agree upon is not an error made twice. sipgo's transaction layer and its
// WebSocket transport are not used. They give every message a goroutine of its
// own, which turns 180 and 200, or ACK and BYE, that follow each other closely;
// and they drop binary and continued frames, leave pings unanswered, send no
// close frame and cannot dial a browser.
type Server struct {
	// URL is the address of the server, "ws://127.0.0.1:port", or "ws://" and the
	// domain when it is in memory.
	URL string

	options atomic.Pointer[Options]
	nonces  *nonces
	secret  cipher.AEAD // of temporary GRUUs
	events  *notifier
	pings   atomic.Int64
	parser  *sip.Parser
	address string // sent-by of our Via and host of our Record-Route, "127.0.0.1:port"
	http    *http.Server
	running sync.WaitGroup // every goroutine of the server

	mu         sync.Mutex
	up         bool
	listener   net.Listener // given with the options at first, then the one in use
	flows      map[*flow]bool
	opened     int                   // flows so far
	grace      map[*flow]*time.Timer // of broken ones whose client may come back
	tokens     map[string]*flow      // by the flow's token
	contacts   map[string]*flow      // where a contact address lives, by contactKey
	bindings   map[string][]*binding // by user
	gone       map[string][]*binding // by user whose bindings have changed: those that its reg subscribers must hear the end of
	updates    uint64                // counts registrations
	serverTx   map[string]*serverTransaction
	clientTx   map[string]*clientTransaction
	extensions map[string]ExtensionFunc
	calls      map[string]*extensionCall // by dialog
	requests   []*sip.Request
	next       map[string][]Action // by method
	memory     int                 // connections over Transport so far
	intercept  func(*sip.Request) Action
	responses  func(*sip.Response) Action
	changed    chan struct{} // closed and replaced when flows or bindings change
}

// NewServer starts a server. It panics when it cannot listen, as httptest does.
func NewServer(o Options) *Server {
	s := NewUnstartedServer(o)
	if err := s.Start(); err != nil {
		panic(fmt.Sprintf("sipuatest: %v", err))
	}
	return s
}

// NewUnstartedServer makes a server that does not listen yet. Call
// [Server.Start], or let another HTTP server call [Server.ServeHTTP].
func NewUnstartedServer(o Options) *Server {
	s := &Server{
		nonces:     newNonces(),
		secret:     newSecret(),
		parser:     sip.NewParser(),
		listener:   o.Listener,
		up:         true,
		flows:      map[*flow]bool{},
		grace:      map[*flow]*time.Timer{},
		tokens:     map[string]*flow{},
		contacts:   map[string]*flow{},
		bindings:   map[string][]*binding{},
		gone:       map[string][]*binding{},
		serverTx:   map[string]*serverTransaction{},
		clientTx:   map[string]*clientTransaction{},
		extensions: map[string]ExtensionFunc{},
		calls:      map[string]*extensionCall{},
		next:       map[string][]Action{},
		changed:    make(chan struct{}),
	}
	s.options.Store(o.complete())
	s.address = s.options.Load().Domain
	s.events = newNotifier(s)
	s.parser.MaxMessageLength = maxMessage
	if o.InMemory {
		s.URL = "ws://" + s.address
	}
	return s
}

// Start listens. After [Server.Stop] it listens again on the same port.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil {
		return nil
	}
	if s.options.Load().InMemory {
		s.up = true
		return nil
	}
	l := s.listener
	if l == nil {
		address := "127.0.0.1:0"
		if s.URL != "" {
			address = strings.TrimPrefix(s.URL, "ws://")
		}
		var err error
		if l, err = net.Listen("tcp", address); err != nil {
			return err
		}
	}
	s.address = l.Addr().String()
	s.URL = "ws://" + s.address
	s.up = true
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	s.listener = l
	server := s.http
	s.running.Go(func() { _ = server.Serve(l) }) // ends when stop closes l
	return nil
}

// Stop closes the listener and all connections (with code 1001, "going away")
// and forgets registrations, nonces, subscriptions and publications, as a server does that is shut down. It
// returns when nothing of it runs any more.
func (s *Server) Stop() { s.stop(1001) }

// Restart is Stop and Start.
func (s *Server) Restart() error {
	s.Stop()
	return s.Start()
}

// Close stops the server for good. Closing twice is allowed.
func (s *Server) Close() { s.stop(1001) }

func (s *Server) stop(code int) {
	s.mu.Lock()
	s.up = false
	server, listener := s.http, s.listener
	s.http, s.listener = nil, nil
	s.mu.Unlock()
	// http.Server.Close comes last: it would break a connection in the middle of
	// its handshake, whose client then waits for a close frame in vain.
	if listener != nil {
		_ = listener.Close() // whatever it says, nothing is accepted any more
	}
	s.drop(code, "server stopped")
	if server != nil {
		_ = server.Close() // connections without a request
	}
	s.mu.Lock()
	for _, timer := range s.grace {
		timer.Stop()
	}
	clear(s.grace)
	s.mu.Unlock()
	s.endCalls(nil)
	s.terminateTransactions(nil)
	s.nonces.reset()
	s.events.reset()
	s.running.Wait()
}

// notify wakes those who wait for a change of flows or bindings. s.mu is held.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// ours reports whether uri names this server, by domain or by address.
func (s *Server) ours(uri *sip.Uri) bool {
	if strings.EqualFold(uri.Host, s.options.Load().Domain) {
		return true
	}
	return hostPort(uri) == s.address
}

func hostPort(uri *sip.Uri) string {
	if uri.Port == 0 {
		return strings.ToLower(uri.Host)
	}
	return strings.ToLower(uri.HostPort())
}
