//go:build !js

package sipuatest

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// mailbox is what message-summary tells about (RFC 3842).
type mailbox struct{ fresh, old int }

// SetMailbox sets how many new and old voice messages wait for a user, and tells
// the subscribers of the event package message-summary. The counts outlive
// [Server.Stop].
func (s *Server) SetMailbox(user string, fresh, old int) {
	n := s.events
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mailboxes[user] = mailbox{fresh, old}
	n.changed(resource{user, "message-summary"}, nil)
}

// contentType of the documents of a package.
func contentType(event string) string {
	return map[string]string{
		"message-summary": "application/simple-message-summary", // RFC 3842 section 5.1
		"reg":             "application/reginfo+xml",            // RFC 3680 section 4.3
		"presence":        "application/pidf+xml",               // RFC 3856 section 6.4
		"dialog":          "application/dialog-info+xml",        // RFC 4235 section 3.5
	}[event]
}

// acceptable reports whether the Accept headers of a SUBSCRIBE leave us what we
// can say. Without one the package's own type is meant.
func acceptable(req *sip.Request, event string) bool {
	headers := req.GetHeaders("Accept")
	for _, h := range headers {
		for _, kind := range list(h.Value()) {
			kind, _, _ = strings.Cut(kind, ";")
			kind = strings.ToLower(strings.TrimSpace(kind))
			if kind == contentType(event) || kind == "application/*" || kind == "*/*" {
				return true
			}
		}
	}
	return len(headers) == 0
}

// document is the state of a resource, in full. n.mu is held.
func (n *notifier) document(sub *subscription, gone []*binding) (kind, body string) {
	r := sub.resource
	kind = contentType(r.event)
	account := "sip:" + r.user + "@" + n.server.options.Load().Domain
	switch r.event {
	case "message-summary":
		m := n.mailboxes[r.user]
		waiting := "no"
		if m.fresh > 0 {
			waiting = "yes"
		}
		return kind, fmt.Sprintf("Messages-Waiting: %s\r\nMessage-Account: %s\r\nVoice-Message: %d/%d (0/0)\r\n", waiting, account, m.fresh, m.old)
	case "reg":
		return kind, n.server.reginfo(account, r.user, sub.version, gone)
	}
	// Of several publications the newest counts: a policy as good as any (RFC 3903
	// section 4.5), and one that a test can foresee.
	if all := n.publications[r]; len(all) > 0 {
		newest := all[len(all)-1]
		if r.event == "dialog" { // each subscription counts by itself, RFC 4235 section 4.1
			return newest.kind, dialogVersion.ReplaceAllString(newest.body, fmt.Sprintf("${1}%d${2}", sub.version))
		}
		return newest.kind, newest.body
	}
	const prolog = `<?xml version="1.0" encoding="UTF-8"?>` + "\r\n"
	if r.event == "dialog" {
		return kind, prolog + fmt.Sprintf(`<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%d" state="full" entity="%s"/>`+"\r\n",
			sub.version, html.EscapeString(account))
	}
	return kind, prolog + fmt.Sprintf(`<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="%s"><tuple id="none"><status><basic>closed</basic></status></tuple></presence>`+"\r\n",
		html.EscapeString(account))
}

var dialogVersion = regexp.MustCompile(`(<(?:\w+:)?dialog-info\b[^>]*\bversion=["'])\d+(["'])`)

// reginfo is RFC 3680 section 5, with the GRUUs of RFC 5628. What is gone is
// told once.
func (s *Server) reginfo(account, user string, version int, gone []*binding) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.current(user)
	o := s.options.Load()
	var b strings.Builder
	state := "active"
	if len(now) == 0 {
		state = "terminated"
		if len(gone) == 0 {
			state = "init"
		}
	}
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>`+"\r\n"+
		`<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" version="%d" state="full">`+"\r\n"+
		`<registration aor="%s" id="%s" state="%s">`+"\r\n", version, html.EscapeString(account), html.EscapeString(user), state)
	contact := func(c *binding, state string) {
		fmt.Fprintf(&b, `<contact id="%s" state="%s" event="%s" duration-registered="%d" expires="%d" callid="%s" cseq="%d"><uri>%s</uri>`,
			c.id, state, html.EscapeString(c.event), time.Since(c.since)/time.Second, max(0, time.Until(c.expires)/time.Second),
			html.EscapeString(c.callID), c.cseq, html.EscapeString(c.uri.String()))
		if c.instance != "" && !o.NoGRUU {
			fmt.Fprintf(&b, `<gr:pub-gruu uri="%s"/>`, html.EscapeString(account+";gr="+c.instance))
		}
		b.WriteString("</contact>\r\n")
	}
	for _, c := range now {
		contact(c, "active")
	}
	for _, c := range gone {
		contact(c, "terminated")
	}
	b.WriteString("</registration>\r\n</reginfo>\r\n")
	return b.String()
}
