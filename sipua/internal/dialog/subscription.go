package dialog

import (
	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// NewSubscriber makes the subscriber's side from the SUBSCRIBE as it was sent
// and the NOTIFY that makes the dialog (RFC 6665 section 4.4.1), which may come
// before the response to the SUBSCRIBE and from another fork than that. With
// ErrNoContact nothing can be sent to the notifier.
func NewSubscriber(subscribe, notify *sip.Request) (*Dialog, error) {
	d, err := NewUAS(notify, message.FromTag(subscribe))
	d.State = Confirmed
	d.localSeq = subscribe.CSeq().SeqNo // the refresh counts on from the SUBSCRIBE
	return d, err
}

// Reroute takes the route set from the NOTIFY that establishes the subscription
// (RFC 6665 section 4.4.1), in place of that of the 2xx. A NOTIFY without
// Record-Route leaves it: the proxies of RFC 3265 put themselves into what has no
// To tag alone and expect to see the refresh.
func (d *Dialog) Reroute(notify *sip.Request) {
	if routes := recordRoutes(notify); len(routes) > 0 {
		d.RouteSet = routes
	}
}
