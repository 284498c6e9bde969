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

// ackFailure makes the ACK for a 3xx–6xx (section 17.1.1.3): Request-URI, top
// Via, From, Call-ID, CSeq number and Route of the INVITE, To of the response.
func ackFailure(invite *sip.Request, res *sip.Response) *sip.Request {
	ack := sip.NewRequest(sip.ACK, invite.Recipient)
	ack.AppendHeader(sip.HeaderClone(invite.Via()))
	copyHeaders(ack, invite, "Route")
	appendMaxForwards(ack)
	ack.AppendHeader(sip.HeaderClone(invite.From()))
	ack.AppendHeader(sip.HeaderClone(res.To()))
	ack.AppendHeader(sip.HeaderClone(invite.CallID()))
	message.CSeq(ack, invite.CSeq().SeqNo)
	ack.SetBody(nil)
	return ack
}

// Cancel makes the CANCEL for the INVITE of tx (section 9.1). It may be sent
// once a provisional response has come, that is in state Proceeding.
func (tx *Client) Cancel() *sip.Request {
	invite := tx.Request
	cancel := sip.NewRequest(sip.CANCEL, invite.Recipient)
	cancel.AppendHeader(sip.HeaderClone(invite.Via()))
	copyHeaders(cancel, invite, "Route")
	appendMaxForwards(cancel)
	cancel.AppendHeader(sip.HeaderClone(invite.From()))
	cancel.AppendHeader(sip.HeaderClone(invite.To()))
	cancel.AppendHeader(sip.HeaderClone(invite.CallID()))
	message.CSeq(cancel, invite.CSeq().SeqNo)
	cancel.SetBody(nil)
	return cancel
}

func copyHeaders(to, from *sip.Request, name string) {
	for _, h := range from.GetHeaders(name) {
		to.AppendHeader(sip.HeaderClone(h))
	}
}

func appendMaxForwards(req *sip.Request) {
	h := sip.MaxForwardsHeader(70)
	req.AppendHeader(&h)
}
