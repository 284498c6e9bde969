package transaction

import (
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// T1 is the round-trip estimate of RFC 3261 section 17.1.1.1, T2 the longest
// interval between retransmissions of a 2xx (section 13.3.1.4).
const (
	T1 = 500 * time.Millisecond
	T2 = 4 * time.Second
	// Timeout is 64·T1, the length of the timers B, F, H, L and M.
	Timeout = 64 * T1
)

var (
	// ErrTimeout: no final response came in time (timers B and F), or no ACK (H).
	ErrTimeout = errors.New("no answer within 32 seconds")
	// ErrState: the transaction does not allow this message any more.
	ErrState = errors.New("the transaction has ended")
)

// Config connects a Layer with its surroundings. All of it is required.
type Config struct {
	// Send puts a message on the flow. It does not block.
	Send func(sip.Message) error
	// Post runs f on the goroutine that owns the layer. It does not block.
	Post func(f func())
	// OnRequest takes a request that begins a transaction, and a CANCEL. It is
	// answered through tx; the layer keeps nothing that is not answered.
	OnRequest func(req *sip.Request, tx *Server)
	// OnAck takes an ACK for a 2xx: it is a transaction of its own (section
	// 13.2.2.4), though those of RFC 2543 give it the INVITE's branch.
	OnAck func(req *sip.Request)
	// OnStray takes a response that belongs to no transaction.
	OnStray func(res *sip.Response)
}

// Layer holds the transactions of one flow.
type Layer struct {
	cfg     Config
	clients map[key]*Client
	servers map[key]*Server
}

// key tells transactions apart: section 17.1.3 (branch and CSeq method) for
// clients, section 17.2.3 (branch, sent-by and method) for servers.
type key struct {
	branch, sentBy string
	port           int // of sentBy
	method         sip.RequestMethod
	old, toTag     string // of clients that follow RFC 2543
}

// New makes an empty layer.
func New(cfg Config) *Layer {
	return &Layer{cfg: cfg, clients: map[key]*Client{}, servers: map[key]*Server{}}
}

// Len is the number of transactions alive.
func (l *Layer) Len() int { return len(l.clients) + len(l.servers) }

// Receive takes a message from the flow to its transaction.
func (l *Layer) Receive(msg sip.Message) {
	switch msg := msg.(type) {
	case *sip.Response:
		l.receiveResponse(msg)
	case *sip.Request:
		l.receiveRequest(msg)
	}
}

func (l *Layer) receiveResponse(res *sip.Response) {
	tx := l.clients[clientKey(res)]
	if tx == nil || len(message.All(res, "Via")) > 1 { // section 8.1.3.3: misrouted
		l.cfg.OnStray(res)
		return
	}
	tx.handle(responseInput(res, inProvisional, inSuccess, inFailure), res)
}

// clientKey is section 17.1.3. A branch compares without case, as every token
// (section 7.3.1).
func clientKey(msg sip.Message) key {
	return key{branch: strings.ToLower(message.Branch(msg)), method: msg.CSeq().MethodName}
}

// responseInput picks the input for the class of a status code.
func responseInput(res *sip.Response, provisional, success, failure input) input {
	switch {
	case res.StatusCode < 200:
		return provisional
	case res.StatusCode < 300:
		return success
	}
	return failure
}

func (l *Layer) receiveRequest(req *sip.Request) {
	k := serverKey(req, req.Method)
	if req.Method == sip.ACK {
		k = serverKey(req, sip.INVITE)
	}
	tx := l.servers[k]
	if tx == nil && req.Method == sip.ACK && k.old != "" {
		// An INVITE of RFC 2543 without To tag: its ACK has ours (section 17.2.3).
		k.toTag = ""
		if tx = l.servers[k]; tx != nil && (tx.last == nil || message.ToTag(tx.last) != message.ToTag(req)) {
			tx = nil
		}
	}
	switch {
	case tx != nil && req.Method == sip.ACK:
		_ = tx.handle(inAck, req) // nothing is sent
	case tx != nil:
		_ = tx.handle(inRequest, req) // the flow's loss is told by FlowLost
	case req.Method == sip.ACK:
		l.cfg.OnAck(req)
	case len(l.servers) >= maxServers:
		_ = l.cfg.Send(message.Response(req, 503, "Service Unavailable", message.NewTag()))
	default:
		l.cfg.OnRequest(req, l.newServer(k, req))
	}
}

// maxServers bounds what a peer can make us remember by not acknowledging our
// answers. What comes beyond it is answered without being remembered.
const maxServers = 1024

// Merged reports whether the request has come by another way already, through a
// proxy that forked (section 8.2.2.2).
func (tx *Server) Merged() bool {
	req := tx.Request
	for _, other := range tx.layer.servers {
		r := other.Request
		if other != tx && r.Method == req.Method && message.CallID(r) == message.CallID(req) &&
			message.FromTag(r) == message.FromTag(req) && r.CSeq().SeqNo == req.CSeq().SeqNo {
			return true
		}
	}
	return false
}

// serverKey is section 17.2.3. A branch without the magic cookie comes from a
// client of RFC 2543, whose transactions are told apart by the rest of the
// request.
func serverKey(req *sip.Request, method sip.RequestMethod) key {
	via := req.Via()
	branch := message.Branch(req)
	k := key{branch: strings.ToLower(branch), sentBy: strings.ToLower(via.Host), port: via.Port, method: method}
	if len(branch) <= len(message.Magic) || !strings.EqualFold(branch[:len(message.Magic)], message.Magic) {
		k = key{method: method, toTag: message.ToTag(req), old: strings.Join([]string{
			via.Value(), req.Recipient.String(), message.FromTag(req), message.CallID(req), strconv.FormatUint(uint64(req.CSeq().SeqNo), 10)}, "\n")}
	}
	return k
}

// Invite returns the INVITE transaction that a CANCEL is for (section 9.2), nil
// when there is none.
func (tx *Server) Invite() *Server { return tx.layer.servers[serverKey(tx.Request, sip.INVITE)] }

// Layer is the one that the request came through.
func (tx *Server) Layer() *Layer { return tx.layer }

// FlowLost ends every transaction: nothing that is under way can be answered
// over another connection (the branch belongs to this one). err is what their
// users are told.
func (l *Layer) FlowLost(err error) {
	// Copies, since a handler may begin new transactions on the next flow.
	for _, tx := range maps.Clone(l.clients) {
		tx.err = err
		tx.handle(flowLost, nil)
	}
	for _, tx := range maps.Clone(l.servers) {
		tx.err = err
		_ = tx.handle(flowLost, nil) // nothing is sent in these cells
	}
}
