package sipua

import (
	"context"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// Consult puts this call on hold and calls somebody else about it. What comes next is
// one of: [Call.TransferTo], which connects the two others; [UserAgent.Conference], which
// brings all three together; [UserAgent.Swap], which goes back and forth; and
// [Call.Return], which ends the consultation. Errors: those of [Call.Hold], after which
// nobody was called, and of [UserAgent.Call].
func (c *Call) Consult(ctx context.Context, target string, o CallOptions) (*Call, error) {
	if err := c.Hold(ctx); err != nil {
		return nil, asError("consult", CodeInternal, err)
	}
	return c.ua.Call(target, o)
}

// Return hangs this call up, a consultation mostly, and takes another one back from hold.
func (c *Call) Return(ctx context.Context, to *Call) error {
	if err := c.Hangup(ctx); err != nil {
		return asError("return", CodeInternal, err)
	}
	if err := to.Resume(ctx); err != nil {
		return asError("return", CodeInternal, err)
	}
	return nil
}

// Focus tells that the other side is a conference server (RFC 4579 section 5.2: its
// Contact says isfocus). [Call.WatchConference] then says who takes part.
func (c *Call) Focus() bool { return c.view.Load().focus }

// WatchConference subscribes to the state of the conference that the call is with (RFC
// 4575): each [Notified] of the subscription brings a [ConferenceInfo]. CodeInvalidState
// when the other side is no conference server.
func (c *Call) WatchConference(o SubscribeOptions) (*Subscription, error) {
	v := c.view.Load()
	if !v.focus {
		return nil, &Error{Op: "watch conference", Code: CodeInvalidState, Reason: "the other side is not a conference server: it has not said isfocus (RFC 4579)"}
	}
	o.Event = "conference"
	return c.ua.Subscribe(v.target, o)
}

// learnFocus reads the Contact of a message that makes or refreshes the dialog.
func (l *leg) learnFocus(msg sip.Message) {
	for _, h := range message.All(msg, "Contact") {
		if contact, ok := h.(*sip.ContactHeader); ok {
			_, l.focus = message.Param(contact.Params, "isfocus")
			return
		}
	}
	if h := message.First(msg, "Contact"); h != nil { // kept as text
		l.focus = strings.Contains(strings.ToLower(h.Value()), ";isfocus")
	}
}
