package sipua

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// redirection is what is known of where a call may go (section 8.1.3.4).
type redirection struct {
	hops []string  // where it has been, which are not tried again
	rest []sip.Uri // where it may go next, the best first
}

// maxTargets bounds how many addresses are kept for a redirected call.
const maxTargets = 32

// CallRedirected: an outgoing call goes on to Target, since the address before was
// answered with Status (Config.FollowRedirects).
type CallRedirected struct {
	Call   *Call
	Status int
	Target string
}

func (CallRedirected) event() {}

// retarget tells whether another INVITE follows the refusal of the first one.
func (c *Call) retarget(res *sip.Response) bool {
	switch {
	case c.state != Calling && c.state != Ringing: // hung up meanwhile
		return false
	case res.StatusCode == 422:
		return c.tooBrief(res)
	case res.StatusCode >= 300 && res.StatusCode < 400:
		c.redirected(res)
	}
	return c.nextTarget(res.StatusCode)
}

// redirected takes the addresses of a 3xx: the best come first, and before those that an
// earlier one has left.
func (c *Call) redirected(res *sip.Response) {
	type candidate struct {
		uri sip.Uri
		q   int
	}
	var found []candidate
	for _, h := range message.All(res, "Contact") {
		contact, ok := h.(*sip.ContactHeader)
		if !ok || contact.Address.Wildcard || len(found) >= maxTargets {
			continue
		}
		switch scheme := contact.Address.Scheme; {
		case scheme != "sip" && scheme != "sips" && scheme != "tel":
			continue
		case c.outgoing.target.Scheme == "sips" && scheme != "sips":
			continue // section 26.2.2: not from a secure address to another one
		}
		uri := *contact.Address.Clone()
		uri.Headers = nil // section 19.1.5: neither these nor a method are for a Request-URI
		uri.UriParams = slices.DeleteFunc(uri.UriParams, func(p sip.HeaderKV) bool { return strings.EqualFold(p.K, "method") })
		q, _ := message.Param(contact.Params, "q")
		found = append(found, candidate{uri, thousandths(q, 1000)})
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return b.q - a.q })
	targets := make([]sip.Uri, len(found))
	for i, f := range found {
		targets[i] = f.uri
	}
	r := &c.outgoing.redirect
	r.rest = append(targets, r.rest...)
	r.rest = r.rest[:min(len(r.rest), maxTargets)]
}

// nextTarget goes to the next address of a redirection, when the one before has refused
// and the application allows it.
func (c *Call) nextTarget(status int) bool {
	out := &c.outgoing
	limit := out.options.FollowRedirects
	if limit == 0 {
		limit = c.ua.cfg.FollowRedirects
	}
	r := &out.redirect
	if len(r.hops) == 0 {
		r.hops = []string{targetKey(out.to)}
	}
	if status >= 600 || len(r.hops) > limit { // section 21.6: refused everywhere
		return false
	}
	for len(r.rest) > 0 {
		next := r.rest[0]
		r.rest = r.rest[1:]
		key := targetKey(next)
		if slices.Contains(r.hops, key) {
			continue // each is tried once, or two servers would play ball
		}
		out.target, r.hops = next, append(r.hops, key)
		c.ua.emit(CallRedirected{Call: c, Status: status, Target: clean(next.String(), 400)})
		return true
	}
	return false
}

// targetKey is the same for addresses that are (section 19.1.4: hosts have no case).
func targetKey(uri sip.Uri) string {
	uri.Host = strings.ToLower(uri.Host)
	return uri.String()
}
