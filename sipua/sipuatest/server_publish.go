//go:build !js

package sipuatest

import (
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// publication is one document of a resource (RFC 3903 section 4.4).
type publication struct {
	tag    string // entity tag
	kind   string
	body   string
	until  time.Time
	expiry *time.Timer
}

// publish is the event state compositor (RFC 3903 section 6):
//
//	step                  otherwise
//	the package is known  489 Bad Event
//	one SIP-If-Match      400
//	it names a document   412 Conditional Request Failed
//	Expires is granted    400, 423
//	a body, if initial    400
//	of the right type     415
//	room                  500
func (n *notifier) publish(o *Options, tx *serverTransaction, req *sip.Request, r resource) {
	s := n.server
	if !o.publishes(r.event) {
		s.respond(tx, req, 489, "Bad Event", allowEvents(slices.DeleteFunc(slices.Clone(o.Events), func(e string) bool { return !o.publishes(e) })))
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	conditions := req.GetHeaders("SIP-If-Match")
	all := n.publications[r]
	at := -1
	switch len(conditions) {
	case 0:
	case 1:
		at = slices.IndexFunc(all, func(p *publication) bool { return p.tag == strings.TrimSpace(conditions[0].Value()) })
		if at < 0 {
			s.respond(tx, req, 412, "Conditional Request Failed")
			return
		}
	default:
		s.respond(tx, req, 400, "One SIP-If-Match")
		return
	}
	expires, ok := n.granted(o, tx, req)
	if !ok {
		return
	}
	next := &publication{tag: rand.Text(), body: string(req.Body())}
	if h := req.GetHeader("Content-Type"); h != nil {
		next.kind = h.Value()
	}
	kind, _, _ := strings.Cut(strings.ToLower(next.kind), ";")
	switch {
	case next.body == "" && at < 0:
		s.respond(tx, req, 400, "An Initial PUBLISH Wants A Body")
		return
	case next.body == "":
		next.kind, next.body = all[at].kind, all[at].body
	case strings.TrimSpace(kind) != contentType(r.event):
		s.respond(tx, req, 415, "Unsupported Media Type", sip.NewHeader("Accept", contentType(r.event)))
		return
	}
	if at < 0 && n.published >= maxPublications {
		s.respond(tx, req, 500, "Too Many Publications", sip.NewHeader("Retry-After", "60"))
		return
	}

	changed := len(req.Body()) > 0 || expires == 0
	if at >= 0 {
		n.remove(r, all[at])
	}
	if expires > 0 {
		next.until = time.Now().Add(expires)
		next.expiry = time.AfterFunc(expires, func() { n.expired(r, next) })
		if at >= 0 && len(req.Body()) == 0 { // a refresh does not make it the newest
			n.publications[r] = slices.Insert(n.publications[r], at, next)
		} else {
			n.publications[r] = append(n.publications[r], next)
		}
		n.published++
	}
	s.respond(tx, req, 200, "OK", sip.NewHeader("SIP-ETag", next.tag), expiresHeader(expires))
	if changed {
		n.changed(r, nil)
	}
}

// remove forgets a publication. n.mu is held.
func (n *notifier) remove(r resource, p *publication) bool {
	at := slices.Index(n.publications[r], p)
	if at < 0 {
		return false
	}
	p.expiry.Stop()
	n.published--
	n.publications[r] = slices.Delete(n.publications[r], at, at+1)
	if len(n.publications[r]) == 0 {
		delete(n.publications, r)
	}
	return true
}

// expired ends a publication that was not refreshed.
func (n *notifier) expired(r resource, p *publication) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.remove(r, p) {
		n.changed(r, nil)
	}
}
