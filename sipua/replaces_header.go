package sipua

import (
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// Replaces names the call that an INVITE takes the place of (RFC 3891). The tags are
// seen by whom the INVITE is for: ToTag is its own tag in that call, FromTag that of
// the other side.
type Replaces struct {
	CallID  string
	ToTag   string
	FromTag string
	// EarlyOnly: the call is replaced only while nobody has answered it (RFC 3891
	// section 4), which is how a ringing call is picked up.
	EarlyOnly bool
}

// Join names the call that an INVITE wants to take part in (RFC 3911). The tags are
// as in [Replaces].
type Join struct {
	CallID  string
	ToTag   string
	FromTag string
}

// maxDialogHeader bounds a value of Replaces or Join in bytes. It names a call exactly
// or not at all, so what is longer is refused and not cut.
const maxDialogHeader = 2000

// parseReplaces reads the Replaces header of a request, nil when there is none. The
// error is an *Error with status 400: RFC 3891 section 3 wants one header, in an INVITE
// alone, and none that says the contrary, as Join does (RFC 3911 section 4).
func parseReplaces(req *sip.Request) (*Replaces, error) {
	value, err := dialogHeader(req, "Replaces", "Join")
	if value == "" || err != nil {
		return nil, err
	}
	return readReplaces(value)
}

// parseJoin reads the Join header of a request, nil when there is none. The error is as
// that of parseReplaces.
func parseJoin(req *sip.Request) (*Join, error) {
	value, err := dialogHeader(req, "Join", "Replaces")
	if value == "" || err != nil {
		return nil, err
	}
	return readJoin(value)
}

func dialogHeader(req *sip.Request, name, contrary string) (value string, err error) {
	if message.First(req, name) == nil {
		return "", nil
	}
	values := message.Values(req, name, 2)
	switch {
	case req.Method != sip.INVITE:
		return "", malformed(name, "belongs into an INVITE")
	case len(values) != 1 || len(message.All(req, name)) != 1:
		return "", malformed(name, "is there more than once, or empty")
	case message.First(req, contrary) != nil:
		return "", malformed(name, "and "+contrary+" exclude each other")
	}
	return values[0], nil
}

func readReplaces(value string) (*Replaces, error) {
	callID, to, from, early, why := readDialogHeader(value)
	if why != "" {
		return nil, malformed("Replaces", why)
	}
	return &Replaces{CallID: callID, ToTag: to, FromTag: from, EarlyOnly: early}, nil
}

func readJoin(value string) (*Join, error) {
	callID, to, from, _, why := readDialogHeader(value)
	if why != "" {
		return nil, malformed("Join", why)
	}
	return &Join{CallID: callID, ToTag: to, FromTag: from}, nil
}

// readDialogHeader reads "callid;to-tag=…;from-tag=…" (RFC 3891 section 6.1, RFC 3911
// section 7.1): each tag once. why tells what is wrong.
func readDialogHeader(value string) (callID, toTag, fromTag string, early bool, why string) {
	if len(value) > maxDialogHeader {
		return "", "", "", false, "is too long"
	}
	callID, rest, _ := strings.Cut(value, ";") // no quoted-string: a callid may have a quote of its own
	if callID = strings.TrimSpace(callID); !isWords(callID) {
		return "", "", "", false, "has no Call-ID"
	}
	for _, param := range message.SplitQuoted(rest, ";") {
		name, v, hasValue := strings.Cut(param, "=")
		v = strings.TrimSpace(v)
		tag := &toTag
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "early-only":
			early = early || !hasValue
			continue
		case "to-tag":
		case "from-tag":
			tag = &fromTag
		default:
			continue
		}
		if *tag != "" || !isWords(v) || strings.IndexByte(v, '"') >= 0 {
			return "", "", "", false, "has a tag twice or an unreadable one"
		}
		*tag = v
	}
	if toTag == "" || fromTag == "" {
		return "", "", "", false, "has no to-tag or no from-tag"
	}
	return callID, toTag, fromTag, early, ""
}

// isWords takes what can be a Call-ID or tag in the wild, which is more than the grammar
// allows, but nothing that ends it.
func isWords(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' || r == ';' })
}

func malformed(header, why string) error {
	return &Error{Code: CodeProtocol, Status: sip.StatusBadRequest, Reason: "Bad Request: " + header + " " + why}
}

// replacesOf names our call as the other side of it knows it: what it calls its own
// tag, we call the remote one.
func replacesOf(id dialog.ID) Replaces {
	return Replaces{CallID: id.CallID, ToTag: id.RemoteTag, FromTag: id.LocalTag}
}

// value is that of the header (RFC 3891 section 6.1).
func (r Replaces) value() string {
	s := r.CallID + ";to-tag=" + r.ToTag + ";from-tag=" + r.FromTag
	if r.EarlyOnly {
		s += ";early-only"
	}
	return s
}

// value is that of the header (RFC 3911 section 7.1).
func (j Join) value() string {
	return Replaces{CallID: j.CallID, ToTag: j.ToTag, FromTag: j.FromTag}.value()
}

// matches tells whether a dialog of ours is meant (RFC 3891 section 3). A tag of zero
// stands for none as well, since RFC 2543 knew dialogs without one.
func (r Replaces) matches(id dialog.ID) bool {
	same := func(wanted, has string) bool { return wanted == has || wanted == "0" && has == "" }
	return r.CallID == id.CallID && same(r.ToTag, id.LocalTag) && same(r.FromTag, id.RemoteTag)
}

// matches tells whether a dialog of ours is meant (RFC 3911 section 4).
func (j Join) matches(id dialog.ID) bool {
	return Replaces{CallID: j.CallID, ToTag: j.ToTag, FromTag: j.FromTag}.matches(id)
}
