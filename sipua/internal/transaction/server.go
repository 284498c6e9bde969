package transaction

import (
	"time"

	"github.com/emiago/sipgo/sip"
)

// Server is a server transaction (section 17.2).
type Server struct {
	// Request that began it.
	Request *sip.Request
	// OnEnd, when set, is told that nobody will acknowledge a final response
	// (ErrTimeout, Timer H), or that the flow is lost (the error of FlowLost).
	OnEnd func(error)

	layer *Layer
	key   key
	table table
	state State
	last  *sip.Response
	timer *time.Timer
	err   error
}

func (l *Layer) newServer(k key, req *sip.Request) *Server {
	tx := &Server{Request: req, layer: l, key: k, table: nonInviteServer, state: Trying}
	if req.Method == sip.INVITE {
		tx.table, tx.state = inviteServer, Proceeding
	}
	l.servers[k] = tx
	return tx
}

// State of the transaction.
func (tx *Server) State() State { return tx.state }

// Respond sends a response. ErrState means that a final response was sent
// before or that the flow is gone.
func (tx *Server) Respond(res *sip.Response) error {
	in := responseInput(res, outProvisional, outSuccess, outFailure)
	if _, ok := tx.table[tx.state][in]; !ok {
		return ErrState
	}
	tx.last = res
	return tx.handle(in, nil)
}

func (tx *Server) handle(in input, req *sip.Request) (err error) {
	cell, ok := tx.table[tx.state][in]
	if !ok {
		return nil
	}
	if cell.next == Terminated && tx.timer != nil {
		tx.timer.Stop()
	}
	tx.state = cell.next
	if cell.do&wait != 0 { // H or L; a server transaction starts one timer at the most
		post := tx.layer.cfg.Post // the layer may be another one by then
		tx.timer = time.AfterFunc(Timeout, func() {
			post(func() { _ = tx.handle(timeout, nil) })
		})
	}
	if (tx.state == Terminated || cell.do&leave != 0) && tx.layer.servers[tx.key] == tx { // else it has left before
		delete(tx.layer.servers, tx.key)
	}
	if cell.do&(send|resend) != 0 && tx.last != nil {
		err = tx.layer.cfg.Send(tx.last)
	}
	if cell.do&deliver != 0 {
		tx.layer.cfg.OnAck(req)
	}
	if cell.do&fail != 0 && tx.OnEnd != nil {
		if tx.err == nil {
			tx.err = ErrTimeout
		}
		tx.OnEnd(tx.err)
	}
	return err
}

// Move takes an INVITE transaction whose flow is lost to the layer of another one,
// over which its responses go from now on.
func (tx *Server) Move(l *Layer) {
	if tx.state != Terminated && tx.layer.servers[tx.key] != tx {
		tx.layer, tx.err = l, nil
		l.servers[tx.key] = tx
	}
}
