package sipua

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// anonymousHost is the domain of who does not tell (RFC 3323 section 4.1.1.3).
const anonymousHost = "anonymous.invalid"

// anonymize makes the From of a request tell nothing but its tag (RFC 3323 section
// 4.1.1.3). The other places where a name could stand, Contact, Call-ID and Via, hold
// random values in every request.
func anonymize(req *sip.Request) {
	from := &sip.FromHeader{DisplayName: "Anonymous", Address: sip.Uri{Scheme: "sip", User: "anonymous", Host: anonymousHost}}
	if tag := message.FromTag(req); tag != "" {
		from.Params.Add("tag", tag)
	}
	req.ReplaceHeader(from)
}

// anonymous: the other side is not told who we are.
func (c *Call) anonymous() bool {
	return c.outgoing.options.Anonymous || c.leg != nil && c.leg.dialog.Local.Host == anonymousHost
}

// private asks the network for the privacy of the call in a request inside its dialog as
// well: a proxy may assert who we are in each (RFC 3325 section 5).
func (c *Call) private(req *sip.Request) *sip.Request {
	if req == nil {
		return nil
	}
	headers, _ := privacyHeaders(c.anonymous(), c.outgoing.options.Privacy, "") // checked
	for _, h := range headers {
		if h.Name() == "Privacy" {
			req.AppendHeader(h)
		}
	}
	return req
}

// privacyHeaders are what a call asks the network to hide, and the identity that it
// wants to have asserted there. anonymous asks for "id" (RFC 3325 section 9.3): the
// network knows the caller and does not tell. The order of privacy is kept, with
// "critical" at the end (RFC 3323 section 4.2).
func privacyHeaders(anonymous bool, privacy []string, preferred string) ([]sip.Header, error) {
	var values []string
	critical := false
	for _, p := range privacy {
		p = strings.ToLower(strings.TrimSpace(p))
		switch {
		case !message.IsToken(p):
			return nil, fmt.Errorf("%q is no kind of privacy: those are \"id\", \"user\", \"header\", \"session\", \"history\", \"none\" and \"critical\"", clean(p, 40))
		case p == "critical":
			critical = true
		case !slices.Contains(values, p):
			values = append(values, p)
		}
	}
	none := slices.Contains(values, "none")
	if anonymous && !none && !slices.Contains(values, "id") {
		values = append(values, "id")
	}
	switch {
	case none && (anonymous || critical || len(values) > 1):
		return nil, fmt.Errorf("the privacy \"none\" stands for itself alone, and not in an anonymous call")
	case critical && len(values) == 0:
		return nil, fmt.Errorf("the privacy \"critical\" wants another beside it, such as \"id\"")
	}
	var headers []sip.Header
	if critical {
		values = append(values, "critical")
		// A proxy that does not know privacy would let the call pass as it is. So it
		// refuses it (RFC 3261 section 20.29).
		headers = append(headers, sip.NewHeader("Proxy-Require", "privacy"))
	}
	if len(values) > 0 {
		headers = append(headers, sip.NewHeader("Privacy", strings.Join(values, ";")))
	}
	if preferred != "" { // RFC 3325 section 9.2
		value, err := addressValue(preferred)
		if err != nil {
			return nil, fmt.Errorf("the preferred identity %w", err)
		}
		headers = append(headers, sip.NewHeader("P-Preferred-Identity", value))
	}
	return headers, nil
}

// privacyOf reads the kinds of privacy that a request asks for, in lower case. Commas
// part them too in the wild.
func privacyOf(msg sip.Message) []string {
	var all []string
	for _, value := range message.Values(msg, "Privacy", maxList) {
		for _, p := range message.Parts(value, ';', maxList) {
			p = strings.ToLower(clean(p, 40))
			if message.IsToken(p) && !slices.Contains(all, p) && len(all) < maxList {
				all = append(all, p)
			}
		}
	}
	return all
}
