package sipua

import (
	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/offer"
)

// dropLegs ends the early dialogs of an INVITE that has been answered finally.
func (c *Call) dropLegs() {
	for _, l := range c.legs {
		delete(c.ua.dialogs, l.dialog.ID)
	}
	c.legs = nil
	c.beginAnew()
}

// renewMedia leaves the media behind and takes a new one, of the same options.
func (c *Call) renewMedia() {
	old := c.media
	c.media = newMediaWorker(c, old.options)
	c.voice, c.settled = nil, false
	old.close()
	if c.muted { // nobody is heard who has silenced the microphone
		c.mute(true, func(err error) {
			if err != nil {
				c.handle(onMediaFailed, &callEvent{err: err})
			}
		})
	}
}

// preview lets the early media of l be heard, the first fork's that brings some: a peer
// connection has one remote side (see settle).
func (c *Call) preview(l *leg) {
	if c.outgoing.options.NoEarlyMedia || c.settled || c.voice != nil && c.voice != l {
		return
	}
	c.voice = l
	c.media.applyAnswer(l.remote, true, func(err error) {
		switch {
		case err == nil:
			c.addCandidates(l)
		case c.state != Ended:
			c.ua.protocolError("early media cannot be used: "+err.Error(), c.id)
		}
	})
}

// settle makes the media keep the answer of l for good. Where it has the early media of
// another fork, it cannot follow: a peer connection whose DTLS is up with one side does not
// come up with another one. Then a new connection is offered to l, in a re-INVITE.
func (c *Call) settle(l *leg, then func(error)) {
	switch {
	case c.settled && c.voice == l:
		then(nil)
		return
	case c.voice != nil && c.voice != l, c.outgoing.offer == "": // nothing of ours that l has answered
		if c.voice != nil && c.voice != l {
			c.renewMedia()
		}
		c.voice, c.settled = l, true // it is new, and waits for nobody's answer
		c.queueFirst(&change{end: func(err error) { then(err) }})
		return
	}
	c.voice, c.settled = l, true
	c.media.applyAnswer(l.remote, false, func(err error) {
		if c.over(l) {
			return
		}
		if err == nil {
			c.agreed(c.outgoing.offer, l.remote)
		} else if c.voice == l {
			c.settled = false // it is tried again with the 2xx
		}
		then(err)
	})
}

// forkAnswered ends the dialog of a 2xx that came too late or besides.
func (c *Call) forkAnswered(e *callEvent) {
	l, _ := c.legOf(e.res) // ended in any case
	c.ackUnwanted(l, e.res)
	if l.dialog.State != dialog.Terminated {
		c.forkEnded(l) // what comes in its dialog from now on finds none: section 12.2.2
		// Nobody waits for a fork too many.
		c.sendBye(l.dialog, nil, func(error) {})
	}
}

// ackUnwanted acknowledges a 2xx whose session is not wanted: an offer in it is refused.
func (c *Call) ackUnwanted(l *leg, res *sip.Response) {
	if l.ack != nil {
		c.ackInvite(l, *l.ack) // the same for each retransmission
		return
	}
	answer := ""
	if c.outgoing.offer == "" && l.remote == "" {
		answer = offer.Reject(sdpOf(res))
	}
	c.ackInvite(l, answer)
}
