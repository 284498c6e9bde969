//go:build !js

package sipuatest

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// binding is one contact of an account.
type binding struct {
	uri      sip.Uri
	instance string // URN of +sip.instance, "" without
	regID    string // of an outbound registration, RFC 5626 section 6; "" of any other
	params   string // as they were given, without expires
	path     []string
	expires  time.Time
	expiry   *time.Timer
	flow     *flow
	callID   string
	cseq     uint32
	since    time.Time // when the contact came, for reg
	id       string    // of the contact, for reg
	event    string    // what last happened to it, RFC 3680 section 5.1
	updated  uint64    // counts up with each registration
}

// current returns the bindings that have not expired, in the order in which
// they came. s.mu is held.
func (s *Server) current(user string) []*binding {
	s.setBindings(user, slices.DeleteFunc(slices.Clone(s.bindings[user]), func(b *binding) bool {
		return !time.Now().Before(b.expires)
	}), "expired")
	return s.bindings[user]
}

// setBindings replaces the bindings of a user. What has changed is noted for
// subscribers of the package reg, with the event that ended what is not there
// any more. s.mu is held.
func (s *Server) setBindings(user string, list []*binding, event string) {
	before := s.bindings[user]
	for _, b := range before {
		if slices.Contains(list, b) {
			continue
		}
		b.expiry.Stop()
		if !slices.ContainsFunc(list, func(other *binding) bool { return other.id == b.id }) {
			b.event = event
			s.gone[user] = append(s.gone[user], b)
		}
	}
	if !slices.Equal(before, list) {
		s.gone[user] = slices.Clip(s.gone[user]) // there, though nothing may be gone
	}
	if len(list) == 0 {
		delete(s.bindings, user)
		return
	}
	s.bindings[user] = list
}

// expire looks for bindings of a user that are at their end.
func (s *Server) expire(user string) {
	s.mu.Lock()
	s.current(user)
	s.notify()
	s.mu.Unlock()
	s.events.bindingsChanged()
}

// handleRegister is RFC 3261 section 10.3.
func (s *Server) handleRegister(f *flow, tx *serverTransaction, req *sip.Request) {
	o := s.options.Load()
	to := req.To().Address
	if !s.ours(&to) {
		s.respond(tx, req, 404, "Not Found")
		return
	}
	if unknown := o.unsupported(req); unknown != "" {
		s.respond(tx, req, 420, "Bad Extension", sip.NewHeader("Unsupported", unknown))
		return
	}
	if o.ProxyRealm != "" {
		if _, ok := s.pass(tx, req, o.proxyGate(), to.User); !ok {
			return
		}
	}
	credentials, ok := s.pass(tx, req, o.registrarGate(), to.User)
	if !ok {
		return
	}
	status, reason, headers := s.bind(o, f, req, to.User)
	if status == 200 && credentials != nil {
		if info := s.authenticationInfo(o, credentials); info != "" {
			headers = append(headers, sip.NewHeader("Authentication-Info", info))
		}
	}
	s.respond(tx, req, status, reason, headers...)
	s.events.bindingsChanged()
}

// bind changes the bindings of user as req wants it, all of them or none, and
// returns the answer.
func (s *Server) bind(o *Options, f *flow, req *sip.Request, user string) (status int, reason string, headers []sip.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.current(user))
	contacts := req.GetHeaders("Contact")
	outbound, asked := false, map[string]bool{}
	var started []*binding
	for _, h := range contacts {
		contact, ok := h.(*sip.ContactHeader)
		if !ok {
			return 400, "Bad Contact", nil
		}
		expires, ok := lifetime(o, req, contact)
		if contact.Address.Wildcard {
			if len(contacts) != 1 || !ok || expires != 0 { // item 6
				return 400, "Contact * Wants Expires 0", nil
			}
			list = nil
			continue
		}
		if !ok {
			return 400, "Bad Expires", nil
		}
		if refusal, why := o.push(contact); refusal != 0 {
			return refusal, why, nil
		}
		if expires > 0 && expires < o.MinExpires {
			return 423, "Interval Too Brief", []sip.Header{minExpires(o)}
		}
		b := s.newBinding(o, contact, expires, f, req)
		if b.regID != "" {
			switch {
			case o.Outbound == OutboundRefused:
				return 439, "First Hop Lacks Outbound Support", nil
			case outbound && expires > 0: // RFC 5626 section 6
				return 400, "One Contact With reg-id At A Time", nil
			}
			outbound = true
		}
		asked[b.uri.String()] = true
		if b.instance != "" {
			f.known(user + " " + b.instance)
		}
		i := slices.IndexFunc(list, b.replaces)
		if i >= 0 && list[i].callID == b.callID && list[i].cseq >= b.cseq { // item 7
			return 500, "CSeq Out Of Order", nil
		}
		switch {
		case expires == 0 && i >= 0:
			list = slices.Delete(list, i, i+1)
		case expires == 0:
		case i >= 0:
			b.id, b.since, b.event = list[i].id, list[i].since, "refreshed"
			if b.uri.String() != list[i].uri.String() {
				b.id, b.since, b.event = rand.Text(), time.Now(), "registered"
			}
			list[i] = b
			started = append(started, b)
		case len(list) >= maxBindings:
			return 500, "Too Many Contacts", []sip.Header{sip.NewHeader("Retry-After", "60")}
		default:
			b.id, b.since, b.event = rand.Text(), time.Now(), "registered"
			list = append(list, b)
			started = append(started, b)
		}
	}
	for _, b := range started {
		b.expiry = time.AfterFunc(time.Until(b.expires), func() { s.expire(user) })
	}
	s.setBindings(user, list, "unregistered")
	s.notify()
	for _, b := range list {
		if o.OmitContact && asked[b.uri.String()] {
			continue
		}
		left := (time.Until(b.expires) + time.Second - 1) / time.Second
		headers = append(headers, sip.NewHeader("Contact", fmt.Sprintf("<%s>%s%s;expires=%d", b.uri.String(), b.params, s.gruus(o, user, b, req), left)))
	}
	for _, other := range o.OtherContacts {
		headers = append(headers, sip.NewHeader("Contact", other))
	}
	return 200, "OK", append(headers, s.extensions200(o, f, req, outbound)...)
}

// maxBindings bounds the contacts of an account.
const maxBindings = 100

func minExpires(o *Options) sip.Header {
	return sip.NewHeader("Min-Expires", strconv.Itoa(int(o.MinExpires/time.Second)))
}

// lifetime is what a contact asks for, shortened to what we grant.
func lifetime(o *Options, req *sip.Request, contact *sip.ContactHeader) (time.Duration, bool) {
	text, ok := contact.Params.Get("expires")
	if !ok {
		h := req.GetHeader("Expires")
		if h == nil {
			return o.MaxExpires, !contact.Address.Wildcard
		}
		text = h.Value()
	}
	seconds, err := strconv.ParseUint(text, 10, 32)
	return min(time.Duration(seconds)*time.Second, o.MaxExpires), err == nil
}

func (s *Server) newBinding(o *Options, contact *sip.ContactHeader, expires time.Duration, f *flow, req *sip.Request) *binding {
	s.updates++
	b := &binding{
		uri:     *contact.Address.Clone(),
		expires: time.Now().Add(expires),
		flow:    f,
		callID:  req.CallID().Value(),
		cseq:    req.CSeq().SeqNo,
		updated: s.updates,
	}
	for _, h := range req.GetHeaders("Path") { // RFC 3327 section 5.3
		b.path = append(b.path, h.Value())
	}
	params := contact.Params.Clone()
	for _, name := range []string{"expires", "pub-gruu", "temp-gruu"} { // RFC 5627 section 5.1: GRUUs are ours to make
		params.Remove(name)
	}
	if len(params) > 0 {
		b.params = ";" + params.ToString(';')
	}
	b.instance = strings.Trim(params.GetOr("+sip.instance", ""), `"<>`)
	// Without an instance, or without the option tag, a reg-id says nothing (RFC
	// 5626 section 6).
	if o.Outbound != OutboundIgnored && b.instance != "" && supports(req, "outbound") {
		b.regID = params.GetOr("reg-id", "")
	}
	return b
}

// replaces reports whether b takes the place of old: the same flow of the same
// instance where both are flows (RFC 5626 section 6), else the same address (RFC
// 3261 section 10.3).
func (b *binding) replaces(old *binding) bool {
	if b.regID != "" && old.regID != "" {
		return b.instance == old.instance && b.regID == old.regID
	}
	return contactKey(&b.uri) == contactKey(&old.uri)
}

// knows are the option tags of the registrar.
func (o *Options) knows() []string {
	known := []string{"path"}
	if o.Outbound != OutboundIgnored {
		known = append(known, "outbound")
	}
	if !o.NoGRUU {
		known = append(known, "gruu")
	}
	return known
}

// unsupported lists what a REGISTER requires and we do not know (RFC 3261 section
// 10.3 item 2).
func (o *Options) unsupported(req *sip.Request) string {
	var unknown []string
	for _, h := range req.GetHeaders("Require") {
		for _, option := range list(h.Value()) {
			if !containsFold(o.knows(), option) {
				unknown = append(unknown, option)
			}
		}
	}
	return strings.Join(unknown, ", ")
}

// supports reports whether the Supported or Require headers of m name an option.
func supports(m sip.Message, option string) bool {
	for _, name := range []string{"Supported", "k", "Require"} {
		for _, h := range m.GetHeaders(name) {
			if containsFold(list(h.Value()), option) {
				return true
			}
		}
	}
	return false
}
