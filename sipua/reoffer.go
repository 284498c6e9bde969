package sipua

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/offer"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// answerOffer makes our answer to an offer of the other side, wherever that came: in an
// INVITE, its responses, UPDATE or PRACK. then gets the answer, or why there is none;
// nothing has changed in that case.
func (c *Call) answerOffer(l *leg, sdp string, then func(answer string, err error)) {
	if c.voice != nil && c.voice != l {
		then("", &Error{Code: CodeMediaFailed, Reason: "another fork of the call has the media"})
		return
	}
	c.settleFirst(l)
	if err := l.exchange.Do(offer.OfferIn); err != nil {
		then("", &Error{Code: CodeProtocol, Err: err})
		return
	}
	anew := offer.Restarts(l.remote, sdp)
	w := c.media
	o := c.wanted()
	o.Trickle = c.trickles(sdp)
	w.createAnswer(sdp, o, func(answer string, err error) {
		switch {
		case c.over(l):
			err = errCallOver
		case err != nil:
			_ = l.exchange.Do(offer.Withdraw)
		default:
			_ = l.exchange.Do(offer.AnswerOut)
			l.remote, c.voice, c.settled = sdp, l, true
			c.agreed(answer, sdp)
		}
		then(answer, err)
		switch {
		case err != nil:
			c.nextChange()
		case anew:
			c.connectedAnew()
		}
	})
}

// refuseOffer answers an offer that the media did not take. The session goes on as it was
// (section 14.2).
func (c *Call) refuseOffer(tx *transaction.Server, err error) {
	if c.state == Ended {
		c.ua.respond(tx, sip.StatusRequestTerminated, "Request Terminated") // section 15.1.2
		return
	}
	c.ua.refuse(tx, &refusal{sip.StatusNotAcceptableHere, 399, "the session description cannot be used"})
}

// busy answers an offer that comes at the wrong time (section 14.2, RFC 3311 section
// 5.2), and reports whether it did: 491 when our own is open, 500 when theirs is or when a
// description of ours waits for its PRACK (RFC 6337 section 4.2).
func (c *Call) busy(l *leg, tx *transaction.Server) bool {
	switch {
	case l.exchange.State() == offer.LocalOffer && c.state != Accepted:
		c.ua.respond(tx, sip.StatusRequestPending, "Request Pending") // glare, or our own INVITE is not answered yet
	case l.exchange.State() != offer.Stable, c.incoming.progress.unsettled():
		c.ua.respond(tx, sip.StatusInternalServerError, "Server Internal Error", sip.NewHeader("Retry-After", strconv.Itoa(rand.IntN(11))))
	default:
		return false
	}
	return true
}

// reinvited is section 14.2: an INVITE inside our dialog.
func (c *Call) reinvited(req *sip.Request, tx *transaction.Server) {
	l := c.leg
	sdp, problem := c.ua.sessionOf(req)
	switch {
	case c.busy(l, tx):
		return
	case c.state != Established:
		c.ua.respond(tx, sip.StatusInternalServerError, "Server Internal Error", sip.NewHeader("Retry-After", strconv.Itoa(rand.IntN(11))))
		return
	case problem != nil:
		c.ua.refuse(tx, problem)
		return
	case c.ua.refuseTimer(tx):
		return
	}
	c.refreshed(l, req)
	answer := func(local string, err error) {
		if err != nil || c.state != Established {
			c.refuseOffer(tx, err)
			return
		}
		res := c.ua.response(tx.Request, sip.StatusOK, "OK", l.dialog.ID.LocalTag)
		c.capabilities(res)
		setSDP(res, local)
		c.grantTimer(tx.Request, res)
		c.await(tx, res)
	}
	if sdp != "" {
		c.answerOffer(l, sdp, answer)
		return
	}
	_ = l.exchange.Do(offer.OfferOut) // allowed: it is stable
	// Who asks for an offer may have a new connection to answer with: a page that was loaded
	// again, or another party (RFC 3725). So ICE begins anew (RFC 8839 section 6.5).
	restart := func(ctx context.Context, m Media) error { return m.RestartICE(ctx) }
	o := c.wanted()
	o.Trickle = c.trickles(l.remote)
	c.media.createOffer(restart, o, func(local string, err error) {
		if err != nil {
			_ = l.exchange.Do(offer.Withdraw)
		}
		answer(local, err)
		if err != nil {
			c.nextChange()
		}
	})
}

// receiveUpdate is RFC 3311 section 5.2: a new offer, before the call is answered or
// after, or none, which refreshes the target and the session.
func (c *Call) receiveUpdate(l *leg, req *sip.Request, tx *transaction.Server) {
	sdp, problem := c.ua.sessionOf(req)
	switch {
	case c.state == Ended || c.state == Canceling:
		c.ua.respond(tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
		return
	case l.updating: // with an offer or without
		c.ua.respond(tx, sip.StatusInternalServerError, "Server Internal Error", sip.NewHeader("Retry-After", strconv.Itoa(rand.IntN(11))))
		return
	case problem != nil:
		c.ua.refuse(tx, problem)
		return
	case c.ua.crowded(tx):
		return
	case sdp != "" && c.busy(l, tx):
		return
	case sdp != "" && l.remote == "": // no session that it could change
		c.ua.respond(tx, sip.StatusInternalServerError, "Server Internal Error", sip.NewHeader("Retry-After", strconv.Itoa(rand.IntN(11))))
		return
	case c.ua.refuseTimer(tx):
		return
	}
	c.refreshed(l, req)
	answer := func(local string, err error) {
		l.updating = false
		if err != nil {
			c.refuseOffer(tx, err)
			return
		}
		res := c.ua.response(req, sip.StatusOK, "OK", l.dialog.ID.LocalTag)
		c.capabilities(res)
		setSDP(res, local)
		if !l.early() {
			c.grantTimer(req, res)
		}
		_ = tx.Respond(res) // the flow's end is told elsewhere
		if sdp != "" {
			c.nextChange()
		}
	}
	if sdp == "" {
		answer("", nil)
		return
	}
	l.updating = true
	c.answerOffer(l, sdp, answer)
}

// refreshed takes what a target refresh request says of the other side (section
// 12.2.2).
func (c *Call) refreshed(l *leg, req *sip.Request) {
	l.dialog.Refresh(req)
	l.learn(req)
	c.learnInfo(req)
	c.learnCaller(req)
	c.publish()
}

// agreed takes what both sides have agreed on: who holds, and what flows.
func (c *Call) agreed(local, remote string) {
	if c.voice != nil {
		c.addCandidates(c.voice)
	}
	c.setHold(Remote, offer.HoldOf(remote))
	streams := streamsOf(local, remote)
	if slices.Equal(streams, c.streams) {
		return
	}
	c.streams = streams
	c.publish()
	select {
	case <-c.answered:
		c.tellStreams()
	default: // announceAnswered tells
	}
}

func (c *Call) tellStreams() {
	if len(c.streams) > 0 {
		c.ua.emit(CallMediaChanged{Call: c, Streams: c.streams})
	}
}

// streamsOf compares the two descriptions of a session stream by stream (RFC 3264
// section 6: an answer has them in the order of the offer).
func streamsOf(local, remote string) []Stream {
	ours, theirs := offer.Streams(local), offer.Streams(remote)
	streams := make([]Stream, min(len(ours), len(theirs)))
	for i := range streams {
		us, them := ours[i], theirs[i]
		s := Stream{Kind: us.Kind, Refused: us.Refused || them.Refused, Direction: Inactive}
		send := (us.Direction == "sendrecv" || us.Direction == "sendonly") && (them.Direction == "sendrecv" || them.Direction == "recvonly") && !them.Zero
		receive := (us.Direction == "sendrecv" || us.Direction == "recvonly") && (them.Direction == "sendrecv" || them.Direction == "sendonly")
		switch {
		case s.Refused:
		case send && receive:
			s.Direction = SendRecv
		case send:
			s.Direction = SendOnly
		case receive:
			s.Direction = RecvOnly
		}
		streams[i] = s
	}
	return streams
}
