package sipua

import "time"

// CallOptions shape an outgoing call.
type CallOptions struct {
	// Media is handed to the MediaFactory.
	Media any
	// Headers go into the INVITE besides its own. Headers that belong to the
	// protocol (Via, From, Contact, …) are refused with CodeInvalidArgument.
	Headers []Header
	// Anonymous hides who calls: From says so, and proxies are asked to keep the
	// identity that they assert to themselves (RFC 3323, RFC 3325: "Privacy: id").
	Anonymous bool
	// Privacy are further values of that header, such as "header", "user", "critical".
	Privacy []string
	// PreferredIdentity is which of our identities the proxy should assert
	// (P-Preferred-Identity, RFC 3325 section 9.2), such as "sip:sales@example.com".
	// Default: none.
	PreferredIdentity string
	// UserToUser is a User-to-User header (RFC 7433), such as
	// "56a390f3d2b7310023a2;encoding=hex". Default: none.
	UserToUser string
	// AnswerMode asks the other side to answer by itself, "Auto", or not to, "Manual"
	// (RFC 5373). Default: it is not said.
	AnswerMode string
	// LateOffer lets the other side make the offer: the INVITE has no session
	// description (RFC 3261 section 13.2.1).
	LateOffer bool
	// Reliable overrides Config.Reliable.
	Reliable Reliable
	// Trickle overrides Config.Trickle.
	Trickle Trickle
	// NoEarlyMedia leaves early media alone until the call is answered.
	NoEarlyMedia bool
	// NoAnswerTimeout overrides Config.NoAnswerTimeout.
	NoAnswerTimeout time.Duration
	// FollowRedirects overrides Config.FollowRedirects; negative: none.
	FollowRedirects int
	// Replaces takes the place of another one of our calls at its other side (RFC
	// 3891): that side answers this call and hangs up the other. Default: none.
	Replaces *Call
}

// Reliable says whether provisional responses are sent reliably, so that none is
// lost on the way (RFC 3262).
type Reliable string

// What Reliable may be.
const (
	ReliableSupported Reliable = "supported" // where the other side wants it, and with a description where it can
	ReliableRequired  Reliable = "required"  // always: a call to somebody who cannot fails with 420
	ReliableOff       Reliable = "off"       // never
)

// AcceptOptions shape the answer to an incoming call.
type AcceptOptions struct {
	// Media is handed to the MediaFactory.
	Media any
	// Headers go into the 200 besides its own.
	Headers []Header
}

// ProgressOptions shape a provisional response.
type ProgressOptions struct {
	// Status from 101 to 198. Default 183 with Media, otherwise 180.
	Status int
	// Reason phrase. Default: that of the status.
	Reason string
	// Media sends a session description, so that the caller hears us before the call
	// is accepted.
	Media bool
	// MediaOptions is handed to the MediaFactory.
	MediaOptions any
	// Reliable overrides Config.Reliable.
	Reliable Reliable
	// Headers go into the response besides its own.
	Headers []Header
}

// Rejection says how an incoming call is refused.
type Rejection struct {
	Status     int           // 300 to 699; 486 by default
	Reason     string        // phrase; by default that of the status
	RetryAfter time.Duration // when to try again, in whole seconds (RFC 3261 section 20.33); 0: not said
	Headers    []Header
}

// Header is one SIP header of the application.
type Header struct{ Name, Value string }

// SessionTimer says how a session that is dead without anybody knowing is noticed
// (RFC 4028): one side refreshes it, and without a refresh it ends.
type SessionTimer struct {
	// Off neither asks for a session timer nor agrees to one.
	Off bool
	// Expires is the interval asked for, in whole seconds. Default 30 min, at least
	// 90 s.
	Expires time.Duration
	// MinSE is the shortest interval that is taken. Default and least 90 s.
	MinSE time.Duration
	// Refresher is who should refresh: Local, Remote, or "" to leave that to the other
	// side (the default).
	Refresher Party
	// Method of the refresh: "invite", "update", or "" for UPDATE where the other side
	// takes it (the default).
	Method string
}
