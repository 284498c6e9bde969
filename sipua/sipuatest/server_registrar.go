//go:build !js

package sipuatest

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"
)

// binding is one contact of an account.
type binding struct {
	uri      sip.Uri
	instance string // +sip.instance and reg-id: the same device again (RFC 5626 section 4.2)
	params   string // as they were given, without expires
	expires  time.Time
	flow     *flow
	callID   string
	cseq     uint32
}

// current returns the bindings that have not expired, in the order in which
// they came. s.mu is held.
func (s *Server) current(user string) []*binding {
	s.setBindings(user, slices.DeleteFunc(slices.Clone(s.bindings[user]), func(b *binding) bool {
		return !time.Now().Before(b.expires)
	}))
	return s.bindings[user]
}

// setBindings replaces the bindings of a user. s.mu is held.
func (s *Server) setBindings(user string, list []*binding) {
	if len(list) == 0 {
		delete(s.bindings, user)
		return
	}
	s.bindings[user] = list
}

// handleRegister is RFC 3261 section 10.3.
func (s *Server) handleRegister(f *flow, tx *serverTransaction, req *sip.Request) {
	to := req.To().Address
	if !s.ours(&to) {
		s.respond(tx, req, 404, "Not Found")
		return
	}
	if password, known := s.options.Accounts[to.User]; !known || password != "" {
		user, v := s.auth.check(req, "Authorization")
		if v != accepted {
			s.respond(tx, req, 401, "Unauthorized", s.auth.challenges("WWW-Authenticate", v == stale)...)
			return
		}
		if user != to.User {
			s.respond(tx, req, 403, "Forbidden")
			return
		}
	}
	status, reason, headers := s.bind(f, req, to.User)
	s.respond(tx, req, status, reason, headers...)
}

// bind changes the bindings of user as req wants it, all of them or none, and
// returns the answer.
func (s *Server) bind(f *flow, req *sip.Request, user string) (status int, reason string, headers []sip.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.Clone(s.current(user))
	contacts := req.GetHeaders("Contact")
	for _, h := range contacts {
		contact, ok := h.(*sip.ContactHeader)
		if !ok {
			return 400, "Bad Contact", nil
		}
		expires, ok := s.lifetime(req, contact)
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
		if expires > 0 && expires < s.options.MinExpires {
			minimum := strconv.Itoa(int(s.options.MinExpires / time.Second))
			return 423, "Interval Too Brief", []sip.Header{sip.NewHeader("Min-Expires", minimum)}
		}
		b := newBinding(contact, expires, f, req)
		i := slices.IndexFunc(list, b.replaces)
		if i >= 0 && list[i].callID == b.callID && list[i].cseq >= b.cseq { // item 7
			return 500, "CSeq Out Of Order", nil
		}
		switch {
		case expires == 0 && i >= 0:
			list = slices.Delete(list, i, i+1)
		case expires == 0:
		case i >= 0:
			list[i] = b
		default:
			list = append(list, b)
		}
	}
	s.setBindings(user, list)
	s.notify()
	for _, b := range list {
		left := (time.Until(b.expires) + time.Second - 1) / time.Second
		headers = append(headers, sip.NewHeader("Contact", fmt.Sprintf("<%s>%s;expires=%d", b.uri.String(), b.params, left)))
	}
	return 200, "OK", headers
}

// lifetime is what a contact asks for, shortened to what we grant.
func (s *Server) lifetime(req *sip.Request, contact *sip.ContactHeader) (time.Duration, bool) {
	text, ok := contact.Params.Get("expires")
	if !ok {
		h := req.GetHeader("Expires")
		if h == nil {
			return s.options.MaxExpires, !contact.Address.Wildcard
		}
		text = h.Value()
	}
	seconds, err := strconv.ParseUint(text, 10, 32)
	return min(time.Duration(seconds)*time.Second, s.options.MaxExpires), err == nil
}

func newBinding(contact *sip.ContactHeader, expires time.Duration, f *flow, req *sip.Request) *binding {
	b := &binding{
		uri:     *contact.Address.Clone(),
		expires: time.Now().Add(expires),
		flow:    f,
		callID:  req.CallID().Value(),
		cseq:    req.CSeq().SeqNo,
	}
	params := contact.Params.Clone()
	params.Remove("expires")
	if len(params) > 0 {
		b.params = ";" + params.ToString(';')
	}
	if instance, ok := params.Get("+sip.instance"); ok {
		b.instance = instance + " " + params.GetOr("reg-id", "")
	}
	return b
}

// replaces reports whether b takes the place of old.
func (b *binding) replaces(old *binding) bool {
	if b.instance != "" && old.instance != "" {
		return b.instance == old.instance
	}
	return contactKey(&b.uri) == contactKey(&old.uri)
}
