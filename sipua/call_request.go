package sipua

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// check says what is wrong with the options of a call.
func (o *CallOptions) check() error {
	o.Headers = slices.Clone(o.Headers)
	if err := checkHeaders(o.Headers); err != nil {
		return err
	}
	if err := message.CheckValue(o.UserToUser); err != nil {
		return fmt.Errorf("UserToUser %w", err)
	}
	if _, err := privacyHeaders(o.Anonymous, o.Privacy, o.PreferredIdentity); err != nil {
		return err
	}
	switch o.AnswerMode {
	case "", "Auto", "Manual":
	default:
		return fmt.Errorf(`AnswerMode %q is neither "Auto" nor "Manual"`, clean(o.AnswerMode, 20))
	}
	if o.NoAnswerTimeout < 0 {
		return fmt.Errorf("NoAnswerTimeout is negative")
	}
	return o.Reliable.check()
}

// apply puts them into the INVITE.
func (o *CallOptions) apply(req *sip.Request) {
	if o.Anonymous {
		anonymize(req)
	}
	privacy, _ := privacyHeaders(o.Anonymous, o.Privacy, o.PreferredIdentity) // checked
	for _, h := range privacy {
		req.AppendHeader(h)
	}
	if o.UserToUser != "" {
		req.AppendHeader(sip.NewHeader("User-to-User", o.UserToUser))
	}
	if o.AnswerMode != "" {
		req.AppendHeader(sip.NewHeader("Answer-Mode", o.AnswerMode))
	}
	if o.Reliable == ReliableRequired {
		req.AppendHeader(sip.NewHeader("Require", "100rel"))
	}
	for _, h := range o.Headers {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
}

// supported lists the option tags of what we can do (section 20.37).
func (ua *UserAgent) supported() []string { return ua.supports(ua.cfg.Reliable) }

func (ua *UserAgent) supports(reliable Reliable) []string {
	tags := []string{"replaces", "norefersub", "tdialog", "199"} // RFC 3891, 4488, 4538, 6228
	if reliable != ReliableOff {
		tags = append(tags, "100rel")
	}
	if !ua.cfg.SessionTimer.Off {
		tags = append(tags, "timer")
	}
	return tags
}

// supported is the Supported header of our requests and responses in a call.
func (c *Call) supported() string {
	if c.direction == Outgoing {
		return strings.Join(c.ua.supports(c.outgoing.options.Reliable), ", ")
	}
	return strings.Join(c.ua.supported(), ", ")
}

// redirection is what is known of where a call may go (section 8.1.3.4).
type redirection struct {
	hops []string  // where it has been, which are not tried again
	rest []sip.Uri // where it may go next, the best first
}

// maxTargets bounds how many addresses a redirected call tries in all.
const maxTargets = 32

// redirected takes the addresses of a 3xx, where the application allows to follow it:
// true when there is one to try.
func (c *Call) redirected(res *sip.Response) bool {
	out := &c.outgoing
	limit := out.options.FollowRedirects
	if limit == 0 {
		limit = c.ua.cfg.FollowRedirects
	}
	r := &out.redirect
	if limit <= 0 || len(r.hops) >= maxTargets {
		return false
	}
	if len(r.hops) == 0 {
		r.hops = []string{out.target.String()}
	}
	type candidate struct {
		uri sip.Uri
		q   int
	}
	var found []candidate
	for _, h := range message.All(res, "Contact") {
		contact, ok := h.(*sip.ContactHeader)
		if !ok || contact.Address.Wildcard || contact.Address.Scheme != "sip" && contact.Address.Scheme != "sips" && contact.Address.Scheme != "tel" {
			continue
		}
		if out.target.Scheme == "sips" && contact.Address.Scheme != "sips" {
			continue // section 26.2.2: not from a secure address to another one
		}
		uri := *contact.Address.Clone()
		uri.Headers = nil
		if slices.Contains(r.hops, uri.String()) || len(found) >= limit {
			continue // a loop, or more than is wanted
		}
		q, _ := message.Param(contact.Params, "q")
		found = append(found, candidate{uri, thousandths(q, 1000)})
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return b.q - a.q })
	targets := make([]sip.Uri, len(found))
	for i, f := range found {
		targets[i] = f.uri
	}
	r.rest = append(targets, r.rest...)
	if len(r.hops) > limit {
		r.rest = nil
	}
	return c.nextTarget(res)
}

// nextTarget goes to the next address of a redirection, when the one before has refused.
func (c *Call) nextTarget(res *sip.Response) bool {
	r := &c.outgoing.redirect
	if len(r.rest) == 0 || res.StatusCode >= 600 { // section 21.6: refused everywhere
		return false
	}
	c.outgoing.target, r.rest = r.rest[0], r.rest[1:]
	r.hops = append(r.hops, c.outgoing.target.String())
	c.ua.emit(CallRedirected{Call: c, Status: res.StatusCode, Target: clean(c.outgoing.target.String(), 400)})
	return true
}

// CallRedirected: an outgoing call goes on to Target, since the address before was
// answered with Status (Config.FollowRedirects).
type CallRedirected struct {
	Call   *Call
	Status int
	Target string
}

func (CallRedirected) event() {}

// lostFlow tells whether a request failed because its flow was lost.
func lostFlow(err error) bool { return asError("", CodeInternal, err).Code == CodeConnectionLost }

// seconds writes a duration as SIP does, rounded up.
func seconds(d time.Duration) string { return fmt.Sprint(int((d + time.Second - 1) / time.Second)) }
