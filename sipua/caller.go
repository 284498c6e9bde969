package sipua

import "strings"

// Caller is who calls and what for, as the INVITE says. All of it is text of strangers,
// cleaned of control characters and bounded (32 entries a list, and what is longer than
// any honest value is cut and ends in "…"): show it as text, never as markup.
//
// What to believe: From is what the caller says. Asserted, RemoteParty, Diversion,
// History and Verstat are as good as your server, which must take away what comes from
// outside of its trust (RFC 3325 section 5).
type Caller struct {
	// From is the caller by its own account (RFC 3261 section 20.20).
	From Identity
	// Asserted are the caller's identities that the network vouches for: one, or one of
	// SIP and one telephone number (P-Asserted-Identity, RFC 3325).
	Asserted []Identity
	// RemoteParty is what older servers send in its place (Remote-Party-ID,
	// draft-ietf-sip-privacy-04).
	RemoteParty []RemoteParty
	// Called is whom the caller wanted: P-Called-Party-ID (RFC 7315 section 5.2), or
	// To, which a server leaves as it was dialled or sets to your extension.
	Called Identity
	// Diversion tells who has diverted the call, the last first (RFC 5806).
	Diversion []Diversion
	// History tells where the call has been on its way, the first first (RFC 7044).
	History []HistoryEntry
	// Reasons of the INVITE (RFC 3326), such as those of a call that was refused
	// elsewhere before.
	Reasons []Reason
	// Verstat is what the network found out about the number (ATIS-1000074): "TN-
	// Validation-Passed", "TN-Validation-Failed", "No-TN-Validation", as sent, with what
	// some append. "" when it says nothing.
	Verstat string
	// Identity are the signed tokens (RFC 8224). They are not verified here: that needs
	// certificates and is the work of the server, see Verstat.
	Identity []IdentityToken
	// Privacy is what the caller wants hidden (RFC 3323, RFC 3325), in lower case: "id",
	// "user", "header", "session", "history", "none", "critical".
	Privacy []string
	// Anonymous: the caller does not want to be known. From says so, or Privacy does and
	// the network names nobody.
	Anonymous bool
	// UserToUser is what the calling program says to this one (RFC 7433), such as the
	// number of a case.
	UserToUser []UserToUser
	// AlertInfo says how to ring (RFC 3261 section 20.4, RFC 7462), CallInfo has more
	// about the caller (section 20.9). Do not fetch what they name without asking: it
	// tells the caller that you are there.
	AlertInfo []InfoURI
	CallInfo  []InfoURI
	// AnswerMode and PrivAnswerMode are "Auto" or "Manual" as sent, "" when there is none
	// (RFC 5373). AnswerRequired: the call is to be refused, with 403, when that mode is
	// not possible (section 4.3).
	AnswerMode     string
	PrivAnswerMode string
	AnswerRequired bool
	// Subject, Organization and Priority (RFC 3261 sections 20.36, 20.25 and 20.26).
	Subject      string
	Organization string
	Priority     string
	// Replaces and Join name a call of ours that this one is meant for, nil for none
	// (RFC 3891, RFC 3911).
	Replaces *Replaces
	Join     *Join
	// ReferredBy is who has sent the caller to us, nil when nobody has (RFC 3892).
	ReferredBy *ReferredBy
	// Headers are all others besides those of the protocol: X-… and what is unknown.
	Headers []Header
}

// RemoteParty is one Remote-Party-ID.
type RemoteParty struct {
	Identity
	Party   string // "calling" or "called", "" for the calling one
	Screen  string // "yes": checked by the network
	Privacy string // "off", "name", "uri", "full"; "" for off
	ID      string // the kind of identity: "subscriber", "user", "term"
}

// Diversion is one turn that a call has taken.
type Diversion struct {
	Identity         // who diverted it
	Reason    string // "unconditional", "user-busy", "no-answer", "do-not-disturb", "deflection", …
	Counter   int    // how many diversions this entry stands for, 0 when it is not said
	Limit     int    // how many more are allowed, 0 when it is not said
	Privacy   string // "off", "name", "uri", "full"; "" for off
	Screen    string // "yes": checked by the network
	Extension string // other parameters as sent, "name=value;name"
}

// HistoryEntry is one target that a call was sent to.
type HistoryEntry struct {
	Identity
	Index   string   // its place in the tree of targets: "1", "1.1", "1.1.2"
	Reasons []Reason // why the call left this target: the status of its answer
	Cause   int      // why it was sent to this target: 302 unconditional, 486 busy, 408 no answer, … (RFC 4458), 0 when it is not said
	Privacy string   // "history": not to be shown
	RC      string   // index of the target that this one is the address of: a registration
	MP      string   // index of the target that was exchanged for this one: a diversion
	NP      string   // index of the target whose next hop this is: no change
}

// IdentityToken is one signed identity (RFC 8224).
type IdentityToken struct {
	Token string // a PASSporT: base64url, parted by dots (RFC 8225)
	Info  string // where the certificate is
	Alg   string // the signature's algorithm, "" for ES256
	Ppt   string // the kind of token, such as "shaken" (RFC 8588)
}

// UserToUser is data between two programs.
type UserToUser struct {
	Data     string // as sent
	Encoding string // "hex", or "" for text
	Purpose  string // the package: "isdn-uui" (RFC 7434), …
	Content  string // what Data is in that package
}

// InfoURI is one value of Alert-Info or Call-Info.
type InfoURI struct {
	URI    string // or the words that some servers send in its place, such as "Ring Answer"
	Params []Param
}

// Best is whom to show: what the network asserts, else what it screened, else what the
// caller says. Look at Anonymous before: the network may tell you who a caller is that
// does not want it shown.
func (c Caller) Best() Identity {
	if len(c.Asserted) > 0 {
		return c.Asserted[0]
	}
	for _, r := range c.RemoteParty {
		calling := r.Party == "" || strings.EqualFold(r.Party, "calling")
		shown := r.Privacy == "" || strings.HasPrefix(strings.ToLower(r.Privacy), "off")
		if calling && shown && strings.EqualFold(r.Screen, "yes") {
			return r.Identity
		}
	}
	return c.From
}

// Original is whom the caller dialled, when the call has been diverted since: the last
// Diversion, else the first of History. It is empty when the call was not diverted.
func (c Caller) Original() Identity {
	if n := len(c.Diversion); n > 0 {
		return c.Diversion[n-1].Identity
	}
	for _, h := range c.History { // a server writes one for a call that goes straight, too
		if h.Cause != 0 || h.MP != "" || len(h.Reasons) > 0 {
			return c.History[0].Identity
		}
	}
	return Identity{}
}
