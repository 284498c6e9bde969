package transaction

import (
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// Client is a client transaction (section 17.1).
type Client struct {
	// Request as it was sent.
	Request *sip.Request

	layer   *Layer
	key     key
	table   table
	state   State
	timer   *time.Timer
	err     error
	handler func(*sip.Response, error)
}

// Request sends req in a new client transaction. It puts the topmost Via branch
// in place. handler gets every provisional response and then either one final
// response or one error (ErrTimeout, the error of FlowLost, or that of Send);
// after a 2xx to INVITE it gets further 2xx, from retransmissions and from other
// forks, for 32 seconds (RFC 6026 section 7.2).
//
// The handler is never called before Request has returned.
func (l *Layer) Request(req *sip.Request, handler func(*sip.Response, error)) *Client {
	tx := &Client{Request: req, layer: l, handler: handler, table: nonInviteClient, state: Trying}
	if req.Method == sip.INVITE {
		tx.table, tx.state = inviteClient, Calling
	}
	tx.key = clientKey(req)
	l.clients[tx.key] = tx
	if err := l.cfg.Send(req); err != nil {
		tx.err = err
		l.cfg.Post(func() { tx.handle(flowLost, nil) })
		return tx
	}
	tx.startTimer() // B or F
	return tx
}

// Drop forgets the transaction: a CANCEL was sent and 64*T1 have passed without
// a final response (section 9.1).
func (tx *Client) Drop() {
	tx.stopTimer()
	tx.state = Terminated
	delete(tx.layer.clients, tx.key)
}

// State of the transaction.
func (tx *Client) State() State { return tx.state }

// startTimer starts B, F or M. One that has fired but waits in the queue while
// another input overtakes it must not end the new state: it is told apart by
// its identity.
func (tx *Client) startTimer() {
	var t *time.Timer
	t = time.AfterFunc(Timeout, func() {
		tx.layer.cfg.Post(func() {
			if tx.timer == t {
				tx.handle(timeout, nil)
			}
		})
	})
	tx.timer = t
}

func (tx *Client) handle(in input, res *sip.Response) {
	cell, ok := tx.table[tx.state][in]
	if !ok {
		return
	}
	if _, runs := tx.table[cell.next][timeout]; !runs || cell.do&wait != 0 {
		tx.stopTimer() // the new state has no timer, or one of its own
	}
	tx.state = cell.next
	if cell.do&wait != 0 {
		tx.startTimer() // M
	}
	if tx.state == Terminated {
		delete(tx.layer.clients, tx.key)
	}
	if cell.do&ack != 0 {
		_ = tx.layer.cfg.Send(ackFailure(tx.Request, res)) // nothing is left to tell if the flow is gone
	}
	if cell.do&deliver != 0 {
		tx.handler(res, nil)
	}
	if cell.do&fail != 0 {
		if tx.err == nil {
			tx.err = ErrTimeout
		}
		tx.handler(nil, tx.err)
	}
}

func (tx *Client) stopTimer() {
	if tx.timer != nil {
		tx.timer.Stop()
		tx.timer = nil
	}
}

// ackFailure makes the ACK for a 3xx–6xx (section 17.1.1.3), with the To of the
// response.
func ackFailure(invite *sip.Request, res *sip.Response) *sip.Request {
	return companion(sip.ACK, invite, res.To())
}

// Cancel makes the CANCEL for the INVITE of tx (section 9.1). It may be sent
// once a provisional response has come, that is in state Proceeding.
func (tx *Client) Cancel() *sip.Request {
	return companion(sip.CANCEL, tx.Request, tx.Request.To())
}

// Send begins the transaction of another request on the same flow.
func (tx *Client) Send(req *sip.Request, handler func(*sip.Response, error)) *Client {
	return tx.layer.Request(req, handler)
}

// companion makes a request that goes with an INVITE: Request-URI, top Via, Route,
// From, Call-ID and CSeq number are the INVITE's.
func companion(method sip.RequestMethod, invite *sip.Request, to *sip.ToHeader) *sip.Request {
	req := sip.NewRequest(method, invite.Recipient)
	req.AppendHeader(sip.HeaderClone(invite.Via()))
	for _, h := range invite.GetHeaders("Route") {
		req.AppendHeader(sip.HeaderClone(h))
	}
	maxForwards := sip.MaxForwardsHeader(70)
	req.AppendHeader(&maxForwards)
	req.AppendHeader(sip.HeaderClone(invite.From()))
	req.AppendHeader(sip.HeaderClone(to))
	req.AppendHeader(sip.HeaderClone(invite.CallID()))
	message.CSeq(req, invite.CSeq().SeqNo)
	req.SetBody(nil)
	return req
}
