// Package dialog keeps the dialog state of RFC 3261 section 12: identifiers,
// sequence numbers, route set and remote target, and builds and judges the
// requests inside a dialog.
package dialog

import (
	"errors"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// ID tells dialogs apart (section 12): seen from this side.
type ID struct{ CallID, LocalTag, RemoteTag string }

// State of a dialog (section 12).
//
//	          1xx with To tag     2xx           non-2xx, BYE, 481/408
//	(none)    Early               Confirmed     –
//	Early     Early               Confirmed     Terminated
//	Confirmed Confirmed           Confirmed     Terminated
//	Terminated  –                 –             –
type State uint8

// The states.
const (
	Early State = iota
	Confirmed
	Terminated
)

func (s State) String() string { return [...]string{"early", "confirmed", "terminated"}[s] }

// Dialog is one dialog. It belongs to one goroutine.
type Dialog struct {
	ID           ID
	State        State
	Local        sip.Uri // of From or To, without the tag
	Remote       sip.Uri
	LocalName    string    // display names as they stand in the headers
	RemoteName   string    //
	RemoteTarget sip.Uri   // Contact of the other side
	RouteSet     []sip.Uri // in the order in which requests traverse it

	caller    bool
	localSeq  uint32
	remoteSeq uint32
	hasRemote bool // remoteSeq is set
}

// ErrNoContact: a message that makes a dialog must carry a Contact
// (sections 12.1.1 and 12.1.2).
var ErrNoContact = errors.New("the peer's message has no usable Contact, so that nothing can be sent to it")

// NewUAC makes the caller's side from the INVITE as it was sent and a response
// with a To tag (section 12.1.2). With ErrNoContact the dialog is good for
// nothing but its end.
func NewUAC(req *sip.Request, res *sip.Response) (*Dialog, error) {
	d := &Dialog{
		ID:         ID{message.CallID(req), message.FromTag(req), message.ToTag(res)},
		Local:      *req.From().Address.Clone(),
		Remote:     *req.To().Address.Clone(),
		LocalName:  req.From().DisplayName,
		RemoteName: req.To().DisplayName,
		caller:     true,
		localSeq:   req.CSeq().SeqNo,
	}
	d.routeBack(res)
	d.confirm(res.StatusCode)
	if !d.Refresh(res) {
		d.RemoteTarget = req.Recipient // the best guess, for the ACK and BYE that end it
		return d, ErrNoContact
	}
	return d, nil
}

// NewUAS makes the callee's side from the INVITE and the tag that our responses
// carry (section 12.1.1).
func NewUAS(req *sip.Request, localTag string) (*Dialog, error) {
	d := &Dialog{
		ID:         ID{message.CallID(req), localTag, message.FromTag(req)},
		Local:      *req.To().Address.Clone(),
		Remote:     *req.From().Address.Clone(),
		LocalName:  req.To().DisplayName,
		RemoteName: req.From().DisplayName,
		RouteSet:   recordRoutes(req),
		remoteSeq:  req.CSeq().SeqNo,
		hasRemote:  true,
		// Section 12.1.1: empty. The first request takes any value (8.1.1.5).
		localSeq: 0,
	}
	if !d.Refresh(req) {
		return d, ErrNoContact
	}
	return d, nil
}

// recordRoutes lists the Record-Route URIs in the order of the message.
func recordRoutes(msg sip.Message) []sip.Uri {
	var routes []sip.Uri
	for _, h := range msg.GetHeaders("Record-Route") {
		if r, ok := h.(*sip.RecordRouteHeader); ok {
			routes = append(routes, *r.Address.Clone())
		}
	}
	return routes
}

// Confirm takes a later response of the request that made the dialog: a 2xx
// confirms it. For the caller it is the other side's response, which also brings
// the remote target and, with the 2xx, the route set anew (section 13.2.2.4).
// For the callee it is its own, which says nothing about the caller.
func (d *Dialog) Confirm(res *sip.Response) {
	if d.caller {
		if d.State == Early && res.IsSuccess() {
			d.routeBack(res)
		}
		d.Refresh(res)
	}
	d.confirm(res.StatusCode)
}

// routeBack takes the route set of the caller: the Record-Route in reverse order.
func (d *Dialog) routeBack(res *sip.Response) {
	d.RouteSet = recordRoutes(res)
	slices.Reverse(d.RouteSet)
}

func (d *Dialog) confirm(status int) {
	if d.State == Early && status >= 200 && status < 300 {
		d.State = Confirmed
	}
}

// Refresh takes the remote target from a target refresh request or its response
// (section 12.2). It reports whether there was one.
func (d *Dialog) Refresh(msg sip.Message) bool {
	for _, h := range msg.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok || c.Address.Wildcard || c.Address.Host == "" {
			continue
		}
		d.RemoteTarget = *c.Address.Clone()
		return true
	}
	return false
}

// Request makes the next request in the dialog (section 12.2.1.1), with
// Request-URI, Route, From, To, Call-ID and a new CSeq. Via, Contact and what
// else it needs are the caller's.
func (d *Dialog) Request(method sip.RequestMethod) *sip.Request {
	return d.request(method, d.NextSeq())
}

// Ack makes the ACK for a 2xx to the INVITE with sequence number seq (section
// 13.2.2.4).
func (d *Dialog) Ack(seq uint32) *sip.Request { return d.request(sip.ACK, seq) }

func (d *Dialog) request(method sip.RequestMethod, seq uint32) *sip.Request {
	target, routes := &d.RemoteTarget, d.RouteSet
	if len(routes) > 0 && !loose(routes[0]) {
		// A strict router (RFC 2543): it becomes the Request-URI and the target the
		// last Route.
		target, routes = &routes[0], append(slices.Clone(routes[1:]), *target)
	}
	req := sip.NewRequest(method, *requestURI(target))
	for i := range routes {
		req.AppendHeader(&sip.RouteHeader{Address: *routes[i].Clone()})
	}
	from := &sip.FromHeader{DisplayName: d.LocalName, Address: *d.Local.Clone()}
	if d.ID.LocalTag != "" {
		from.Params.Add("tag", d.ID.LocalTag)
	}
	req.AppendHeader(from)
	to := &sip.ToHeader{DisplayName: d.RemoteName, Address: *d.Remote.Clone()}
	if d.ID.RemoteTag != "" {
		to.Params.Add("tag", d.ID.RemoteTag)
	}
	req.AppendHeader(to)
	callID := sip.CallIDHeader(d.ID.CallID)
	req.AppendHeader(&callID)
	message.CSeq(req, seq)
	return req
}

// requestURI takes out of a URI what may not stand in a Request-URI: headers and
// the method parameter (section 19.1.1, table 1).
func requestURI(uri *sip.Uri) *sip.Uri {
	uri = uri.Clone()
	uri.Headers = nil
	uri.UriParams = slices.DeleteFunc(uri.UriParams, func(kv sip.HeaderKV) bool { return strings.EqualFold(kv.K, "method") })
	return uri
}

func loose(uri sip.Uri) bool {
	_, ok := message.Param(uri.UriParams, "lr")
	return ok
}

// LocalSeq is the sequence number of our last request.
func (d *Dialog) LocalSeq() uint32 { return d.localSeq }

// NextSeq takes the next sequence number, for a request that is sent once more
// with credentials (section 22.2).
func (d *Dialog) NextSeq() uint32 {
	d.localSeq++
	return d.localSeq
}

// Accept judges the sequence number of a request from the other side (section
// 12.2.2): false means out of order, to be answered 500. ACK and CANCEL carry
// the number of their INVITE and are not asked for here.
func (d *Dialog) Accept(req *sip.Request) bool {
	seq := req.CSeq().SeqNo
	if d.hasRemote && seq < d.remoteSeq {
		return false
	}
	d.remoteSeq, d.hasRemote = seq, true
	return true
}

// Terminate ends the dialog.
func (d *Dialog) Terminate() { d.State = Terminated }
