//go:build !js

package sipuatest

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"
)

// Outbound is how a server treats registrations that ask for RFC 5626: those
// with "Supported: outbound" and a reg-id.
type Outbound int

const (
	// OutboundSupported keeps a binding for each instance and reg-id, whatever
	// the Contact URI and the Call-ID, and says so with "Require: outbound".
	OutboundSupported Outbound = iota
	// OutboundIgnored is a registrar that has never heard of it: a binding is its
	// Contact URI, as in RFC 3261, and every binding rings.
	OutboundIgnored
	// OutboundRefused answers 439 First Hop Lacks Outbound Support (section 6).
	OutboundRefused
)

// Options configures a [Server]. The zero value is a server for example.com
// without accounts, which knows outbound and GRUU. [Server.Configure] changes
// options of a server that runs.
type Options struct {
	// Domain is the domain that the server is responsible for, and the realm of
	// its challenges. Default "example.com".
	Domain string
	// Accounts maps user names to passwords. An account with an empty password is
	// never challenged.
	Accounts map[string]string

	// Algorithm of the digest: "MD5", "SHA-256" or "SHA-512-256", also with
	// "-sess". Several, the most wanted first and separated by commas, make as
	// many challenges (RFC 8760 section 2.3). "none" offers no digest, for a
	// server that takes Tokens alone. Default "MD5".
	Algorithm string
	// QOP offered: "auth", "auth-int" or "auth,auth-int"; "none" offers none, as
	// RFC 2069 did. Default "auth".
	QOP string
	// NonceLifetime is how long a nonce is good. Later a right response to it is
	// challenged again with stale=true. Default 5 minutes.
	NonceLifetime time.Duration
	// NonceUses is how many requests a nonce is good for; the next is challenged
	// with stale=true. Default: any number.
	NonceUses int
	// NextNonce puts a nonce for the next request into the Authentication-Info of
	// each 200 to REGISTER (RFC 7616 section 3.5).
	NextNonce bool
	// ResponseAuth puts the server's own proof, rspauth, there. ForgeResponseAuth
	// puts a wrong one there, as somebody does who does not know the password.
	ResponseAuth, ForgeResponseAuth bool

	// ProxyRealm, when set, is the realm of a proxy in front of the registrar: a
	// REGISTER is challenged with 407 for it and then with 401 for Domain, other
	// requests with 407 for it alone. Default: no such proxy, 407 is for Domain.
	ProxyRealm string
	// ProxyAccounts are the passwords in ProxyRealm. Default: those of Accounts.
	ProxyAccounts map[string]string

	// Tokens maps bearer tokens to user names. When there are any, a challenge for
	// Bearer (RFC 8898) comes before those for digest.
	Tokens map[string]string
	// AuthzServer is the authz_server of Bearer challenges. Default
	// "https://auth." and Domain.
	AuthzServer string

	// MinExpires makes shorter registrations, subscriptions and publications fail
	// with 423. Default: none do.
	MinExpires time.Duration
	// MaxExpires shortens longer ones. Default one hour.
	MaxExpires time.Duration

	// Outbound says what becomes of registrations with a reg-id. Default
	// OutboundSupported.
	Outbound Outbound
	// FlowTimer is the Flow-Timer of the 200 to an outbound registration (RFC 5626
	// section 6), in whole seconds. Default: the header is missing.
	FlowTimer time.Duration
	// EdgeProxy makes the server act as an edge proxy does for its clients (RFC
	// 5626 section 5): a Path with "ob" in the 200 to REGISTER, and a flow token in
	// each Record-Route, so that requests inside a dialog keep to the flow that it
	// began on and get 430 when that is gone.
	EdgeProxy bool
	// NoRecordRoute keeps the server out of the route set of dialogs. Requests
	// inside them come to it nevertheless, where user agents have one connection.
	NoRecordRoute bool
	// Reconnect is how long the server waits for a client whose connection broke,
	// as a proxy does that does not look at its connections: what it was asked, it
	// may answer over another connection, and what was answered to it goes there.
	// The new connection is known by the instance or Contact that it registers, and
	// by the host that the client gives itself. What is sent in between is lost.
	// Default 0: a request to a client that is gone fails at once (RFC 5626 section
	// 5.3.1), and an INVITE from one is canceled.
	Reconnect time.Duration
	// NoGRUU leaves out the GRUUs that a REGISTER with "Supported: gruu" otherwise
	// gets (RFC 5627).
	NoGRUU bool
	// ServiceRoute puts a Service-Route into the 200 to REGISTER (RFC 3608).
	ServiceRoute bool
	// RequireServiceRoute does so too, and refuses requests outside of a dialog
	// that do not take this route with 403.
	RequireServiceRoute bool
	// PushProviders are the values of pn-provider that are served (RFC 8599):
	// REGISTER with another one is answered with 555. Default nil: push is unknown
	// and pn- parameters say nothing. An empty list, not nil, serves none.
	PushProviders []string
	// OmitContact leaves the Contact of the request out of the 200 to REGISTER,
	// though it is bound, as some registrars do.
	OmitContact bool
	// OtherContacts are values of further Contact headers in the 200 to REGISTER,
	// those of other devices, say. They reach nobody.
	OtherContacts []string

	// Events are the event packages that the server itself notifies about its
	// accounts: "message-summary" (RFC 3842, see [Server.SetMailbox]), "reg" (RFC
	// 3680), and what it composes from PUBLISH (RFC 3903): "presence" (RFC 3856) and
	// "dialog" (RFC 4235). Default: none; SUBSCRIBE and PUBLISH are passed on to the
	// contacts of the account.
	Events []string

	// IgnorePings leaves keep-alive pings (double CRLF, RFC 5626 section 3.5.1)
	// without a pong.
	IgnorePings bool
	// RingTimeout is Timer C (RFC 3261 section 16.6): a branch of an INVITE that
	// has had no final response for so long is canceled. Default 3 minutes.
	RingTimeout time.Duration

	// InMemory makes a server without a network: it is reached over
	// [Server.Transport] alone and works inside a testing/synctest bubble.
	InMemory bool
	// Listener is where the server listens. The server closes it. Default: a free
	// port of 127.0.0.1.
	Listener net.Listener
}

// packages that [Options.Events] may name.
var packages = []string{"message-summary", "reg", "presence", "dialog"}

// complete returns a copy of o of its own, with the defaults in it. It panics
// when an option makes no sense.
func (o Options) complete() *Options {
	o.Accounts, o.ProxyAccounts, o.Tokens = maps.Clone(o.Accounts), maps.Clone(o.ProxyAccounts), maps.Clone(o.Tokens)
	o.OtherContacts, o.PushProviders, o.Events = slices.Clone(o.OtherContacts), slices.Clone(o.PushProviders), slices.Clone(o.Events)
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
	if o.AuthzServer == "" {
		o.AuthzServer = "https://auth." + o.Domain
	}
	if o.MaxExpires == 0 {
		o.MaxExpires = time.Hour
	}
	if o.RingTimeout == 0 {
		o.RingTimeout = 3 * time.Minute
	}
	for _, algorithm := range o.algorithms() {
		if newHash(algorithm) == nil {
			panic(fmt.Sprintf("sipuatest: Options.Algorithm %q is not known", algorithm))
		}
	}
	for _, event := range o.Events {
		if !slices.Contains(packages, event) {
			panic(fmt.Sprintf("sipuatest: Options.Events has %q, which is none of %v", event, packages))
		}
	}
	if len(o.algorithms()) == 0 && len(o.Tokens) == 0 {
		panic(`sipuatest: Options.Algorithm "none" wants Tokens: nobody could answer a challenge`)
	}
	return &o
}

// Configure changes options while the server runs, from the next request on.
// Domain, InMemory and Listener stay as they were. It panics when an option
// makes no sense, as [NewServer] does.
func (s *Server) Configure(change func(o *Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.options.Load()
	o := *before.complete() // maps of its own: requests read the old ones
	change(&o)
	o.Domain, o.InMemory, o.Listener = before.Domain, before.InMemory, before.Listener
	s.options.Store(o.complete())
}

func (o *Options) algorithms() []string { return list(o.Algorithm) }
func (o *Options) qops() []string       { return list(o.QOP) }

// list splits a list with commas; "none" has nothing.
func list(text string) (all []string) {
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" && item != "none" {
			all = append(all, item)
		}
	}
	return all
}

// notifies reports whether the server itself is the notifier of a package.
func (o *Options) notifies(event string) bool { return slices.Contains(o.Events, event) }

// publishes reports whether PUBLISH may carry a package.
func (o *Options) publishes(event string) bool {
	return o.notifies(event) && (event == "presence" || event == "dialog")
}
