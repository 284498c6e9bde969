package sipua

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// An INVITE that takes the place of a call of ours (RFC 3891): the other half of an
// attended transfer, and a call of ours that rings elsewhere and is picked up.

// CallReplaced: By has taken the place of Call at the wish of its other side, and
// Call is being hung up. By has the media options of Call.
type CallReplaced struct {
	Call *Call
	By   *Call
}

func (CallReplaced) event() {}

// Replaces is the call of ours that this incoming one is to take the place of (RFC
// 3891), nil for every other call. It does so as soon as it is accepted, which the
// user agent does by itself unless Config.ManualReplaces is set: for the person it is
// the same call, with somebody else in it. The event is [CallReplaced].
func (c *Call) Replaces() *Call { return c.replaces }

// replacedBy finds the call that an INVITE is to take the place of, nil for an INVITE
// without Replaces. When there is none to take it reports false and has answered
// (section 3):
//
//	header malformed, twice, or with Join        400
//	no such dialog, or of a subscription         481
//	ended a moment ago                           603
//	confirmed, with early-only                   486
//	confirmed                                    that call
//	early, the other side has called             481
//	early, we have called                        that call
//	being replaced already                       486
//
// Section 3 also asks for authorization. Who knows both tags is one of the two sides,
// or has them from one.
func (ua *UserAgent) replacedBy(req *sip.Request, tx *transaction.Server) (c *Call, ok bool) {
	r, err := parseReplaces(req)
	switch {
	case err != nil:
		e := asError("", CodeProtocol, err)
		ua.respond(tx, e.Status, e.Reason)
		return nil, false
	case r == nil:
		return nil, true
	}
	id, c := ua.dialogMeant(r)
	replacing := func(other *Call) bool { return other.replaces != nil && other.replaces == c }
	switch {
	case slices.ContainsFunc(ua.calls, replacing): // these calls do not count against Config.MaxCalls
		ua.respond(tx, sip.StatusBusyHere, "Busy Here")
		return nil, false
	case c == nil && slices.ContainsFunc(ua.recentlyEnded, r.matches), c != nil && (c.state == Canceling || c.state == Ended):
		ua.respond(tx, sip.StatusGlobalDecline, "Decline")
		return nil, false
	case c != nil && c.leg != nil && c.leg.dialog.ID == id && c.leg.dialog.State == dialog.Confirmed:
		if r.EarlyOnly {
			ua.respond(tx, sip.StatusBusyHere, "Busy Here")
			return nil, false
		}
		return c, true
	case c != nil && c.direction == Outgoing && c.leg == nil:
		return c, true
	}
	ua.respond(tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	return nil, false
}

// joins judges the Join of an INVITE (RFC 3911 section 4): the status to refuse it with, 0
// when there is none or when it names a call of ours, which the application sees in
// [Caller.Join] and may join by a [Conference].
//
//	header malformed, twice, or with Replaces    400
//	no such dialog, or of a subscription         481
//	ended a moment ago                           603
//	early, the other side has called             481
func (ua *UserAgent) joins(req *sip.Request) (status int, reason string) {
	j, err := parseJoin(req)
	switch {
	case err != nil:
		e := asError("", CodeProtocol, err)
		return e.Status, e.Reason
	case j == nil:
		return 0, ""
	}
	_, c := ua.dialogMeant(&Replaces{CallID: j.CallID, ToTag: j.ToTag, FromTag: j.FromTag})
	switch {
	case c == nil && slices.ContainsFunc(ua.recentlyEnded, j.matches), c != nil && (c.state == Canceling || c.state == Ended):
		return sip.StatusGlobalDecline, "Decline"
	case c == nil, c.direction == Incoming && c.leg.early():
		return sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist"
	}
	return 0, ""
}

// dialogMeant finds a dialog of a call by the names that its other side gives to it.
func (ua *UserAgent) dialogMeant(r *Replaces) (dialog.ID, *Call) {
	id := dialog.ID{CallID: r.CallID, LocalTag: r.ToTag, RemoteTag: r.FromTag}
	if c := ua.dialogs[id]; c != nil {
		return id, c
	}
	for id, c := range ua.dialogs { // a tag of 0 stands for none
		if r.matches(id) {
			return id, c
		}
	}
	return id, nil
}

// replace announces a call that is to take the place of another one, and accepts it by
// itself: nothing rings, for the person talks already.
func (c *Call) replace(other *Call) {
	c.replaces = other
	if c.ua.cfg.ManualReplaces {
		c.ring()
		c.ua.emit(IncomingCall{Call: c})
		return
	}
	c.ua.emit(IncomingCall{Call: c})
	c.handle(onAccept, &callEvent{accept: AcceptOptions{Media: other.media.options}, done: func(error) {}})
}

// observeReplaces is told what happens to calls: an answered one has taken the place
// of that which it replaces, and an ended one is remembered, since an INVITE that
// replaces it may be on its way.
func (ua *UserAgent) observeReplaces(e any) {
	switch e := e.(type) {
	case CallAnswered:
		old := e.Call.replaces
		if old == nil || old.state == Ended {
			return
		}
		ua.emit(CallReplaced{Call: old, By: e.Call})
		old.hangup(decline(), func(error) {}) // BYE, and CANCEL for one that we were making
	case CallEnded:
		if d := e.Call.dialog(); d != nil && len(d.ID.CallID)+len(d.ID.LocalTag)+len(d.ID.RemoteTag) <= maxDialogHeader {
			if len(ua.recentlyEnded) >= maxRecentlyEnded {
				ua.recentlyEnded = slices.Delete(ua.recentlyEnded, 0, 1)
			}
			ua.recentlyEnded = append(ua.recentlyEnded, dialog.ID{ // copies: the names are pieces of whole messages
				CallID: strings.Clone(d.ID.CallID), LocalTag: strings.Clone(d.ID.LocalTag), RemoteTag: strings.Clone(d.ID.RemoteTag)})
		}
	}
}

// maxRecentlyEnded bounds the calls that are remembered after their end.
const maxRecentlyEnded = 32

// replacesElsewhere: section 3 wants Replaces in INVITE alone, and RFC 3911 section 4 Join.
func replacesElsewhere(req *sip.Request) bool {
	return req.Method != sip.INVITE && (message.First(req, "Replaces") != nil || message.First(req, "Join") != nil)
}
