//go:build !js

package sipuatest

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

const (
	// serviceUser is the user of our Service-Route, which tells it from any other
	// address of ours.
	serviceUser = "orig"
	// temporaryUser begins the user of our temporary GRUUs.
	temporaryUser = "tgruu."
)

// target is where a request goes next.
type target struct {
	flow *flow
	uri  sip.Uri  // the next Request-URI
	path []string // Route values on the way, RFC 3327 section 5.3
	next []target // other flows of the same instance, for when this one fails
}

// locate finds the targets of a request: the flow that its dialog keeps to, the
// instance behind a GRUU, the flow that a contact address lives on, or all
// contacts of an account. It reports whether a flow has failed that the request
// had to take.
func (s *Server) locate(f *flow, req *sip.Request) (targets []target, failed bool) {
	uri := &req.Recipient
	s.mu.Lock()
	defer s.mu.Unlock()
	if user, instance, callID, ok := s.gruu(uri); ok {
		list := slices.DeleteFunc(slices.Clone(s.current(user)), func(b *binding) bool {
			return b.instance != instance || callID != "" && b.callID != callID
		})
		return group(list, func(*binding, *binding) bool { return true }), false
	}
	if token := s.flowToken(req); token != "" {
		owner := s.tokens[token]
		if owner == nil {
			return nil, true
		}
		if owner != f { // else it is on its way out
			return []target{{flow: owner, uri: *uri.Clone()}}, false
		}
	}
	key := contactKey(uri)
	if owner := s.contacts[key]; owner != nil {
		return []target{{flow: owner, uri: *uri.Clone()}}, false
	}
	for _, list := range s.bindings { // the same address on another flow
		for _, b := range list {
			if contactKey(&b.uri) == key {
				return []target{{flow: b.flow, uri: *uri.Clone(), path: b.path}}, false
			}
		}
	}
	if !s.domestic(uri) {
		return nil, false
	}
	ignored := s.options.Load().Outbound == OutboundIgnored
	return group(s.current(userOf(uri)), func(a, b *binding) bool {
		return !ignored && a.instance != "" && a.instance == b.instance
	}), false
}

// group makes a target for each device: its flows are tried one after the other,
// the one registered last first (RFC 5626 section 7).
func group(list []*binding, same func(a, b *binding) bool) (targets []target) {
	for i, b := range list {
		if slices.ContainsFunc(list[:i], func(other *binding) bool { return same(other, b) }) {
			continue
		}
		flows := slices.DeleteFunc(slices.Clone(list[i:]), func(other *binding) bool { return other != b && !same(other, b) })
		slices.SortFunc(flows, func(a, b *binding) int { return cmp.Compare(b.updated, a.updated) })
		var device []target
		for _, b := range flows {
			device = append(device, target{flow: b.flow, uri: *b.uri.Clone(), path: b.path})
		}
		device[0].next = device[1:]
		targets = append(targets, device[0])
	}
	return targets
}

// flowToken returns the token of the last of our own routes on top of a request
// (RFC 5626 section 5.3), "" without one.
func (s *Server) flowToken(req *sip.Request) (token string) {
	for _, h := range req.GetHeaders("Route") {
		route, ok := h.(*sip.RouteHeader)
		if !ok || !s.ours(&route.Address) {
			break
		}
		if route.Address.User != serviceUser {
			token = route.Address.User
		}
	}
	return token
}

// recordRoutes are what a forwarded request gets where a dialog may begin, the
// next hop's first. An edge proxy on each side names its flow.
func (s *Server) recordRoutes(from, to *flow) []sip.Uri {
	if !s.options.Load().EdgeProxy {
		return []sip.Uri{s.uri("", "lr")}
	}
	return []sip.Uri{s.uri(to.token, "lr"), s.uri(from.token, "lr")}
}

// takesServiceRoute reports whether a request goes the way that the server
// demands (RFC 3608 section 5).
func (s *Server) takesServiceRoute(req *sip.Request) bool {
	if !s.options.Load().RequireServiceRoute || req.To().Params.Has("tag") {
		return true
	}
	route := req.Route()
	return route != nil && s.ours(&route.Address) && route.Address.User == serviceUser
}

// extensions200 are the headers of a 200 to REGISTER besides its contacts.
func (s *Server) extensions200(o *Options, f *flow, req *sip.Request, outbound bool) (headers []sip.Header) {
	add := func(name, value string) { headers = append(headers, sip.NewHeader(name, value)) }
	add("Supported", strings.Join(o.knows(), ", "))
	if outbound {
		add("Require", "outbound")
		if o.FlowTimer > 0 {
			add("Flow-Timer", strconv.Itoa(int(o.FlowTimer/time.Second)))
		}
	}
	if o.EdgeProxy {
		edge := s.uri(f.token, "lr", "ob")
		add("Path", "<"+edge.String()+">")
	}
	for _, h := range req.GetHeaders("Path") {
		add("Path", h.Value())
	}
	if o.ServiceRoute || o.RequireServiceRoute {
		route := s.uri(serviceUser, "lr")
		add("Service-Route", "<"+route.String()+">")
	}
	for _, h := range req.GetHeaders("Contact") {
		contact, ok := h.(*sip.ContactHeader)
		if !ok {
			continue
		}
		asked, has := contact.Address.UriParams.Get("pn-provider")
		for _, provider := range o.PushProviders {
			if has && (asked == "" || strings.EqualFold(asked, provider)) { // RFC 8599 section 5.5
				add("Feature-Caps", fmt.Sprintf(`*;+sip.pns="%s"`, provider))
			}
		}
	}
	return headers
}

// push refuses a contact that asks for a push service we do not have (RFC 8599
// section 5.3).
func (o *Options) push(contact *sip.ContactHeader) (status int, reason string) {
	provider := contact.Address.UriParams.GetOr("pn-provider", "")
	if o.PushProviders == nil || provider == "" || containsFold(o.PushProviders, provider) {
		return 0, ""
	}
	return 555, "Push Notification Service Not Supported"
}

// newSecret makes the key of the temporary GRUUs: they hold what they stand for,
// so that any number of them may be good at a time (RFC 5627 section 5.1).
func newSecret() cipher.AEAD {
	key := make([]byte, 16)
	rand.Read(key) // never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // never happens with 16 bytes
	}
	secret, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // never happens with AES
	}
	return secret
}

// gruus are the Contact parameters that name an instance in the 200 to REGISTER
// (RFC 5627 section 5.2). The public one is always the same, the temporary one
// new with every REGISTER.
func (s *Server) gruus(o *Options, user string, b *binding, req *sip.Request) string {
	if o.NoGRUU || b.instance == "" || !supports(req, "gruu") {
		return ""
	}
	nonce := make([]byte, s.secret.NonceSize())
	rand.Read(nonce) // never fails
	sealed := s.secret.Seal(nonce, nonce, []byte(strings.Join([]string{user, b.instance, b.callID}, "\x00")), nil)
	return fmt.Sprintf(`;pub-gruu="sip:%s@%s;gr=%s";temp-gruu="sip:%s%s@%s;gr"`,
		user, o.Domain, b.instance, temporaryUser, hex.EncodeToString(sealed), o.Domain)
}

// gruu takes a GRUU of ours apart. A temporary one is good as long as the
// registration keeps the Call-ID it was made for (RFC 5627 section 5.1).
func (s *Server) gruu(uri *sip.Uri) (user, instance, callID string, ok bool) {
	instance, ok = uri.UriParams.Get("gr")
	if !ok || !s.ours(uri) {
		return "", "", "", false
	}
	text, temporary := strings.CutPrefix(uri.User, temporaryUser)
	if !temporary {
		return uri.User, instance, "", instance != ""
	}
	sealed, err := hex.DecodeString(text)
	size := s.secret.NonceSize()
	if err != nil || len(sealed) < size {
		return "", "", "", true // nobody's
	}
	plain, err := s.secret.Open(nil, sealed[:size], sealed[size:], nil)
	parts := strings.Split(string(plain), "\x00")
	if err != nil || len(parts) != 3 {
		return "", "", "", true
	}
	return parts[0], parts[1], parts[2], true
}

// accountOf returns the account that a URI of ours names.
func (s *Server) accountOf(uri *sip.Uri) string {
	if user, _, _, ok := s.gruu(uri); ok {
		return user
	}
	return userOf(uri)
}
