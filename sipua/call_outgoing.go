package sipua

import (
	"context"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/offer"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// outgoing is what a call needs until it is answered (RFC 3261 section 13.2).
type outgoing struct {
	target  sip.Uri
	headers []Header
	extra   []sip.Header // of the INVITE, from us: Replaces, Referred-By
	tag     string
	request *exchange
	early   string // tag of the early dialog whose media was applied, "" when none was
	cancels bool   // CANCEL has been sent
	// patience ends the wait for the final response to a canceled INVITE.
	patience *timer
}

// outgoingTable is the caller's side of a call.
//
//	             offer made     1xx               2xx                   failure  media failed    hang up              ACK  no ACK  BYE
//	preparing    calling        –                 –                     ended    ended           ended                –    –       –
//	calling      –              calling, ringing  established           ended    –               canceling (CANCEL)   –    –       –
//	ringing      –              ringing           established           ended    –               canceling (CANCEL)   –    –       –
//	canceling    –              canceling         ended (ACK, BYE)      ended    –               –                    –    –       –
//	established  –              –                 established (ACK)     –        ended (BYE)     ended (BYE)          yes  ended   ended
//	ended        –              –                 ended (ACK, BYE)      –        –               –                    –    –       –
//
// CANCEL must wait for the first provisional response (section 9.1); until then
// canceling has sent nothing. A 2xx that crosses it makes a dialog, which is
// acknowledged and ended. A 2xx of another fork than the one that answered first
// is acknowledged and ended on its own dialog (section 13.2.2.4), whatever the
// state.
var outgoingTable = callTable{
	{Preparing, onOffer, Calling, (*Call).sendInvite},
	{Preparing, onMediaFailed, Ended, (*Call).offerFailed},
	{Preparing, onFailure, Ended, (*Call).outgoingFailed},
	{Preparing, onHangup, Ended, (*Call).givenUp},

	{Calling, onProvisional, Calling, (*Call).progress},
	{Calling, onSuccess, Established, (*Call).outgoingAnswered},
	{Calling, onFailure, Ended, (*Call).outgoingFailed},
	{Calling, onHangup, Canceling, (*Call).sendCancel},

	{Ringing, onProvisional, Ringing, (*Call).progress},
	{Ringing, onSuccess, Established, (*Call).outgoingAnswered},
	{Ringing, onFailure, Ended, (*Call).outgoingFailed},
	{Ringing, onHangup, Canceling, (*Call).sendCancel},

	{Canceling, onProvisional, Canceling, (*Call).sendCancel},
	{Canceling, onSuccess, Ended, (*Call).answeredTooLate},
	{Canceling, onFailure, Ended, (*Call).givenUp},

	{Established, onSuccess, Established, (*Call).answeredAgain},
	{Established, onMediaFailed, Ended, (*Call).establishedMediaFailed},
	{Established, onHangup, Ended, (*Call).hangUpEstablished},
	{Established, onAck, Established, (*Call).acked},
	{Established, onNoAck, Ended, (*Call).neverAcked},
	{Established, onBye, Ended, (*Call).remoteBye},

	{Ended, onSuccess, Ended, (*Call).forkAnswered},
}

// Call calls target and returns at once; the call's events and Answered tell
// what becomes of it. Target is a user or number of our own domain ("1002"), an
// address ("1002@example.com"), a SIP URI or a tel URI. Errors at once:
// CodeInvalidArgument (target or headers), CodeClosed.
func (ua *UserAgent) Call(target string, o CallOptions) (*Call, error) {
	uri, err := ua.target(target)
	if err == nil {
		err = checkHeaders(o.Headers)
	}
	if err != nil {
		return nil, &Error{Op: "call", Code: CodeInvalidArgument, Reason: err.Error()}
	}
	c := &Call{
		ua: ua, id: message.NewToken(24), direction: Outgoing, table: outgoingTable, state: Preparing,
		remote:   identity("", uri),
		answered: make(chan struct{}), ended: make(chan struct{}),
		early:    map[string]*dialog.Dialog{},
		outgoing: outgoing{target: uri, headers: o.Headers, tag: message.NewTag()},
	}
	c.publish()
	if !ua.owner.post(func() { c.start(o) }) {
		return nil, &Error{Op: "call", Code: CodeClosed, Reason: "the user agent was closed"}
	}
	return c, nil
}

// start makes the offer, and connects meanwhile.
func (c *Call) start(o CallOptions) {
	c.media = newMediaWorker(c, o.Media)
	if c.ua.closed {
		c.enter(Ended)
		c.finish(CallEnded{By: Local, Err: &Error{Op: "call", Code: CodeClosed, Reason: "the user agent was closed"}})
		return
	}
	c.ua.addCall(c)
	c.ua.connect(nil, func(*link, error) {}) // while the offer is made; it is tried again if that fails
	_ = c.exchange.Do(offer.OfferOut)
	c.media.run(func(ctx context.Context, m Media) (string, error) { return m.CreateOffer(ctx, OfferOptions{}) },
		func(sdp string, err error) {
			if err != nil {
				c.handle(onMediaFailed, &callEvent{err: err})
				return
			}
			c.ua.connect(nil, func(_ *link, err error) {
				if err != nil {
					c.handle(onFailure, &callEvent{err: err})
					return
				}
				c.handle(onOffer, &callEvent{sdp: sdp})
			})
		})
}

// sendInvite is section 13.2.1.
func (c *Call) sendInvite(e *callEvent) {
	ua := c.ua
	c.outgoing.request = ua.request(func() *sip.Request {
		req := sip.NewRequest(sip.INVITE, c.outgoing.target)
		req.AppendHeader(ua.from(c.outgoing.tag))
		req.AppendHeader(&sip.ToHeader{Address: *c.outgoing.target.Clone()})
		callID := sip.CallIDHeader(c.id)
		req.AppendHeader(&callID)
		message.CSeq(req, 1)
		req.AppendHeader(c.contactHeader())
		req.AppendHeader(ua.allowed())
		ua.allowEvents(req)
		ua.recvInfo(req)
		for _, h := range c.outgoing.headers {
			req.AppendHeader(sip.NewHeader(h.Name, h.Value))
		}
		for _, h := range c.outgoing.extra {
			req.AppendHeader(h)
		}
		setSDP(req, e.sdp)
		return req
	}, c.invited)
	c.outgoing.request.next = func(req *sip.Request) (uint32, bool) {
		// Hung up between the challenge and its answer: there is nothing to send.
		return req.CSeq().SeqNo + 1, c.state != Canceling
	}
}

// invited sorts what comes back for the INVITE.
func (c *Call) invited(res *sip.Response, err error) {
	c.link = c.outgoing.request.link
	switch {
	case err != nil:
		c.handle(onFailure, &callEvent{err: err})
	case res.StatusCode < 200:
		c.handle(onProvisional, &callEvent{res: res})
	case res.StatusCode < 300:
		c.handle(onSuccess, &callEvent{res: res})
	default:
		c.handle(onFailure, &callEvent{res: res, err: rejected(res)})
	}
}

// progress is section 13.2.2.1: 1xx. What is more than 100 rings, makes an early
// dialog when it has a tag, and may bring early media.
func (c *Call) progress(e *callEvent) {
	res := e.res
	if res.StatusCode == sip.StatusTrying {
		return
	}
	tag := message.ToTag(res)
	if tag != "" && c.early[tag] == nil && len(c.early) < maxForks {
		if d, err := dialog.NewUAC(c.outgoing.request.tx.Request, res); err == nil {
			c.early[tag] = d
			c.ua.dialogs[d.ID] = c
		}
	}
	sdp := sdpOf(res)
	if sdp != "" && c.outgoing.early == "" {
		// The first early media wins; a peer connection has one remote side.
		c.outgoing.early = tag
		c.media.run(func(ctx context.Context, m Media) (string, error) { return "", m.ApplyAnswer(ctx, sdp, true) },
			func(_ string, err error) {
				if err != nil && c.state != Ended {
					c.ua.protocolError("early media cannot be used: "+err.Error(), res.StartLine())
				}
			})
	}
	c.enter(Ringing)
	c.ua.emit(CallRinging{Call: c, Status: res.StatusCode, Reason: reasonOf(res), EarlyMedia: sdp != ""})
}

// maxForks bounds the early dialogs that one call keeps.
const maxForks = 32

// outgoingAnswered: the first 2xx. It is acknowledged at once; the call counts
// as answered when its media is up.
func (c *Call) outgoingAnswered(e *callEvent) {
	d, err := c.dialogFor(e.res)
	c.dialog = d
	c.learnInfo(e.res)
	c.ua.dialogs[d.ID] = c // also when more forks rang than are kept
	c.acknowledge(d, c.outgoing.request.tx.Request, "")
	sdp := sdpOf(e.res)
	if err == nil {
		err = offer.Valid(sdp)
	}
	if err != nil {
		c.handle(onMediaFailed, &callEvent{err: &Error{Code: CodeProtocol, Status: e.res.StatusCode, Reason: "the answer cannot be used", Err: err}})
		return
	}
	c.media.run(func(ctx context.Context, m Media) (string, error) { return "", m.ApplyAnswer(ctx, sdp, false) },
		func(_ string, err error) {
			if err != nil {
				c.handle(onMediaFailed, &callEvent{err: err})
				return
			}
			if c.state != Established {
				return
			}
			_ = c.exchange.Do(offer.AnswerIn)
			c.announceAnswered()
			c.nextWish()
		})
}

func (c *Call) announceAnswered() {
	close(c.answered)
	c.ua.emit(CallAnswered{Call: c})
}

// dialogFor finds or makes the dialog of a 2xx (sections 12.1.2 and 13.2.2.4).
// With an error the dialog is good for nothing but its end.
func (c *Call) dialogFor(res *sip.Response) (*dialog.Dialog, error) {
	if d := c.early[message.ToTag(res)]; d != nil {
		d.Confirm(res)
		return d, nil
	}
	d, err := dialog.NewUAC(c.outgoing.request.tx.Request, res)
	if len(c.early) >= maxForks {
		return d, err // not kept: it is ended each time its 2xx comes
	}
	c.early[d.ID.RemoteTag] = d
	if c.state != Ended {
		c.ua.dialogs[d.ID] = c
	}
	return d, err
}

// answeredAgain: a further 2xx to the first INVITE. Of our own dialog it is a
// retransmission whose ACK was lost; otherwise another fork has answered too.
func (c *Call) answeredAgain(e *callEvent) {
	if c.dialog != nil && message.ToTag(e.res) == c.dialog.ID.RemoteTag {
		c.acknowledge(c.dialog, c.outgoing.request.tx.Request, "")
		return
	}
	c.forkAnswered(e)
}

// forkAnswered ends the dialog of a 2xx that came too late or besides.
func (c *Call) forkAnswered(e *callEvent) {
	d, _ := c.dialogFor(e.res) // ended in any case
	c.acknowledge(d, c.outgoing.request.tx.Request, "")
	if d.State != dialog.Terminated {
		c.sendBye(d, func(error) {}) // nobody waits for a fork too many
	}
}

// sendCancel asks the other side to give up (section 9.1). The media ends now,
// the call with the final response to the INVITE, or after 32 s without.
func (c *Call) sendCancel(*callEvent) {
	c.media.close()
	x := c.outgoing.request
	if x.giveUp() {
		return // nothing of it is at the other side
	}
	if x.tx.State() != transaction.Proceeding || c.outgoing.cancels {
		return // too early; the first provisional response leads here again
	}
	c.outgoing.cancels = true
	cancel := x.tx.Cancel()
	cancel.AppendHeader(sip.NewHeader("User-Agent", c.ua.cfg.UserAgent))
	x.tx.Send(cancel, func(*sip.Response, error) {
		// Its own answer means nothing (section 9.1); the INVITE's counts, for which
		// 64*T1 are enough.
	})
	c.outgoing.patience = c.ua.after(transaction.Timeout, func() {
		if c.handle(onFailure, &callEvent{}) {
			x.tx.Drop()
		}
	})
}

// givenUp: the hang-up before an answer is complete.
func (c *Call) givenUp(*callEvent) {
	c.finish(canceledEnd())
	c.hungUp(nil)
}

func canceledEnd() CallEnded {
	return CallEnded{By: Local, Status: sip.StatusRequestTerminated, Reason: "Request Terminated"}
}

func (c *Call) answeredTooLate(e *callEvent) {
	d, _ := c.dialogFor(e.res) // ended in any case
	c.acknowledge(d, c.outgoing.request.tx.Request, "")
	c.finish(canceledEnd())
	c.sendBye(d, c.hungUp)
}

func (c *Call) outgoingFailed(e *callEvent) {
	end := CallEnded{By: System, Err: asError("call", CodeInternal, e.err)}
	if e.res != nil {
		end.By, end.Status, end.Reason = Remote, e.res.StatusCode, reasonOf(e.res)
	}
	c.finish(end)
	c.hungUp(nil)
}

// offerFailed: nothing has been sent yet.
func (c *Call) offerFailed(e *callEvent) {
	c.finish(CallEnded{By: System, Err: asError("call", CodeMediaFailed, e.err)})
	c.hungUp(nil)
}
