package sipua

import (
	"slices"
	"strconv"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/offer"
)

// leg is one dialog of a call, with what has been negotiated in it. An incoming call
// has one. An outgoing call has one for each fork that answers its INVITE, and one of
// them becomes the call (RFC 3261 section 13.2.2.4).
type leg struct {
	dialog   *dialog.Dialog
	exchange offer.Exchange // whose turn it is to offer or answer in this dialog
	remote   string         // the last description of the other side
	allow    []string       // the methods that the other side takes; nil: it has not said
	rseq     uint32         // of its last reliable provisional response (RFC 3262)
	answered bool           // the offer of the INVITE, or the one in a response to it, reliably
	pracks   int            // of ours, that have no answer yet
	updating bool           // an UPDATE of the other side is being answered
	ack      *string        // the description in our ACK to its 2xx, once that was sent
	focus    bool           // the other side is a conference server
	heard    heard          // its candidates that came outside a description
	fork     Fork
}

// Fork is one of the places that an outgoing call has reached, each with an early
// dialog of its own (RFC 3261 section 13.2.2.4).
type Fork struct {
	Tag        string // tells the forks of a call apart
	Target     string // its address
	Status     int    // of its last provisional response
	Reason     string
	EarlyMedia bool // that one brought a description
	Ended      bool // it does not ring any more
}

// maxForks bounds the dialogs that one call keeps.
const maxForks = 32

// legOf finds the dialog of a response to our INVITE, or makes it (section 12.1.2).
// It is nil for a provisional response that makes none. With an error the dialog is good
// for nothing but its end.
func (c *Call) legOf(res *sip.Response) (*leg, error) {
	tag := message.ToTag(res)
	for _, l := range c.legs {
		if l.fork.Tag == tag {
			l.dialog.Confirm(res)
			l.learn(res)
			return l, nil
		}
	}
	if res.IsProvisional() && (tag == "" || len(c.legs) >= maxForks) {
		return nil, nil
	}
	d, err := dialog.NewUAC(c.outgoing.request.tx.Request, res)
	l := &leg{dialog: d, exchange: c.outgoing.exchange, fork: Fork{Tag: tag, Target: clean(d.RemoteTarget.String(), 400)}}
	if err != nil && res.IsProvisional() {
		return nil, err
	}
	l.learn(res)
	if len(c.legs) >= maxForks {
		return l, err // not kept: it is ended each time its 2xx comes
	}
	c.legs = append(c.legs, l)
	if c.state != Ended {
		c.ua.dialogs[d.ID] = c
	}
	return l, err
}

// learn takes what a message says about the other side.
func (l *leg) learn(msg sip.Message) {
	l.learnFocus(msg)
	if message.First(msg, "Allow") == nil {
		return
	}
	l.allow = message.Tokens(msg, "Allow")
}

// takes tells whether the other side has said that it takes a method.
func (l *leg) takes(method sip.RequestMethod) bool { return slices.Contains(l.allow, string(method)) }

// early: the dialog is not confirmed.
func (l *leg) early() bool { return l.dialog.State == dialog.Early }

// find the leg that a request of the other side is in.
func (c *Call) find(id dialog.ID) *leg {
	if c.leg != nil && c.leg.dialog.ID == id {
		return c.leg
	}
	for _, l := range c.legs {
		if l.dialog.ID == id {
			return l
		}
	}
	return nil
}

// dialog of the call, nil before it has one.
func (c *Call) dialog() *dialog.Dialog {
	if c.leg == nil {
		return nil
	}
	return c.leg.dialog
}

// Forks lists the places that an outgoing call has reached so far, in the order of
// their first answers. It is empty for an incoming call.
func (c *Call) Forks() []Fork { return slices.Clone(c.view.Load().forks) }

// forks is what Forks shows.
func (c *Call) forks() []Fork {
	list := make([]Fork, len(c.legs))
	for i, l := range c.legs {
		list[i] = l.fork
	}
	return list
}

// inOrder takes the RSeq of a reliable provisional response (RFC 3262 section 4):
// false for one that came before, and for one that comes too early.
func (l *leg) inOrder(res *sip.Response) bool {
	n, err := strconv.ParseUint(message.HeaderValue(res, "RSeq"), 10, 32)
	rseq := uint32(n)
	if err != nil || rseq == 0 || l.rseq != 0 && rseq != l.rseq+1 {
		return false
	}
	l.rseq = rseq
	return true
}
