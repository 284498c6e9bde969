//go:build !js

package sipuatest

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Options configures a [Server]. The zero value is a server for example.com
// without accounts.
type Options struct {
	// Domain is the domain that the server is responsible for, and the realm of
	// its challenges. Default "example.com".
	Domain string
	// Accounts maps user names to passwords. An account with an empty password is
	// never challenged.
	Accounts map[string]string

	// Algorithm of the digest: "MD5", "SHA-256" or "SHA-512-256", also with
	// "-sess". Several, the most wanted first and separated by commas, make as
	// many challenges (RFC 8760 section 2.3). Default "MD5".
	Algorithm string
	// QOP offered: "auth", "auth-int" or "auth,auth-int"; "none" offers none, as
	// RFC 2069 did. Default "auth".
	QOP string
	// NonceLifetime is how long a nonce is good. Later a right response to it is
	// challenged again with stale=true. Default 5 minutes.
	NonceLifetime time.Duration

	// MinExpires makes shorter registrations fail with 423. Default: none do.
	MinExpires time.Duration
	// MaxExpires shortens longer registrations. Default one hour.
	MaxExpires time.Duration
	// RingTimeout is Timer C (RFC 3261 section 16.6): a branch of an INVITE that
	// has had no final response for so long is canceled. Default 3 minutes.
	RingTimeout time.Duration

	// Listener is where the server listens. The server closes it. Default: a free
	// port of 127.0.0.1.
	Listener net.Listener
}

// Server is a SIP registrar and proxy for WebSocket clients (RFC 7118) inside
// the test's own process, in the manner of [httptest.Server]. It challenges,
// registers, forks, routes and cancels as RFC 3261 sections 10 and 16 say, and
// has hooks for what goes wrong in real networks.
//
// Parser, messages and transaction machines are those of sipgo, which shares
// nothing but the message type with the user agent under test: what the two
// agree upon is not an error made twice. sipgo's transaction layer and its
// WebSocket transport are not used. They give every message a goroutine of its
// own, which turns 180 and 200, or ACK and BYE, that follow each other closely;
// and they drop binary and continued frames, leave pings unanswered, send no
// close frame and cannot dial a browser.
type Server struct {
	// URL is the address of the server, "ws://127.0.0.1:port".
	URL string

	options Options
	auth    *authenticator
	parser  *sip.Parser
	address string // sent-by of our Via and host of our Record-Route, "127.0.0.1:port"
	http    *http.Server
	running sync.WaitGroup // every goroutine of the server

	mu         sync.Mutex
	up         bool
	listener   net.Listener // given with the options at first, then the one in use
	flows      map[*flow]bool
	contacts   map[string]*flow      // where a contact address lives, by contactKey
	bindings   map[string][]*binding // by user
	serverTx   map[string]*serverTransaction
	clientTx   map[string]*clientTransaction
	extensions map[string]ExtensionFunc
	calls      map[string]*extensionCall // by dialog
	requests   []*sip.Request
	intercept  func(*sip.Request) Action
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
	if o.Domain == "" {
		o.Domain = "example.com"
	}
	if o.Algorithm == "" {
		o.Algorithm = "MD5"
	}
	if o.QOP == "" {
		o.QOP = "auth"
	}
	if o.NonceLifetime == 0 {
		o.NonceLifetime = 5 * time.Minute
	}
	if o.MaxExpires == 0 {
		o.MaxExpires = time.Hour
	}
	if o.RingTimeout == 0 {
		o.RingTimeout = 3 * time.Minute
	}
	s := &Server{
		options:    o,
		auth:       newAuthenticator(o),
		parser:     sip.NewParser(),
		address:    o.Domain,
		listener:   o.Listener,
		up:         true,
		flows:      map[*flow]bool{},
		contacts:   map[string]*flow{},
		bindings:   map[string][]*binding{},
		serverTx:   map[string]*serverTransaction{},
		clientTx:   map[string]*clientTransaction{},
		extensions: map[string]ExtensionFunc{},
		calls:      map[string]*extensionCall{},
		changed:    make(chan struct{}),
	}
	s.parser.MaxMessageLength = maxMessage
	return s
}

// Start listens. After [Server.Stop] it listens again on the same port.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http != nil {
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
// and forgets registrations and nonces, as a server does that is shut down. It
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
	s.endCalls(nil)
	s.terminateTransactions(nil)
	s.auth.reset()
	s.running.Wait()
}

// notify wakes those who wait for a change of flows or bindings. s.mu is held.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// ours reports whether uri names this server, by domain or by address.
func (s *Server) ours(uri *sip.Uri) bool {
	if strings.EqualFold(uri.Host, s.options.Domain) {
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
