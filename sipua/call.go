package sipua

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// Call is one call: the INVITE, the dialog it makes (RFC 3261 sections 12 to
// 15) and its media. Its methods may be called from any goroutine, event
// listeners included.
type Call struct {
	ua        *UserAgent
	id        string
	direction Direction
	remote    Identity
	replaces  *Call // incoming: the call that it takes the place of

	view     atomic.Pointer[view] // what the accessors show
	answered chan struct{}        // closed with the event CallAnswered
	ended    chan struct{}        // closed with the event CallEnded
	end      CallEnded            // set before ended is closed

	// Owned by the owner goroutine.
	state        CallState
	table        callTable
	media        *mediaWorker
	voice        *leg   // whose description the media has
	settled      bool   // the media has it for good: it can offer and answer anew
	link         *link  // the flow that the INVITE went over
	leg          *leg   // incoming: from the start; outgoing: with the answer
	legs         []*leg // outgoing: all that the INVITE has made
	outgoing     outgoing
	invite       *transaction.Server // incoming: the INVITE
	incoming     incoming
	unacked      *unacked  // a 2xx of ours that waits for its ACK
	changes      []*change // of the session that wait for their turn
	localHold    bool
	remoteHold   bool
	muted        bool
	video        *VideoSource
	noVideo      bool
	streams      []Stream
	caller       Caller
	conference   *Conference
	reason       *Reason // what CANCEL or BYE say
	gaveUp       *Error  // why we hang up, when nobody asked for it
	byeDone      []func(error)
	infoPackages []string // that the other side takes
	trickling    trickle
	dialing      []*dialing
	timer        sessionTimer
	survival     survival
}

// Direction tells who began the call.
type Direction string

// The directions.
const (
	Outgoing Direction = "outgoing"
	Incoming Direction = "incoming"
)

// CallState is the state of a call. The tables in call_outgoing.go,
// call_incoming.go and call_resume.go say how one follows the other.
type CallState string

// The states of a call.
const (
	Preparing   CallState = "preparing"   // outgoing: the offer and the connection are being made
	Calling     CallState = "calling"     // outgoing: INVITE sent
	Ringing     CallState = "ringing"     // outgoing: 18x came; incoming: the application decides
	Answering   CallState = "answering"   // incoming: accepted, the answer is being made
	Accepted    CallState = "accepted"    // incoming: 200 sent, the ACK is awaited
	Established CallState = "established" // talk
	Resuming    CallState = "resuming"    // of UserAgent.Restore: the other side is offered a new connection
	Canceling   CallState = "canceling"   // hang-up is wanted and waits for what SIP wants first
	Ended       CallState = "ended"
)

// Identity is the other side of a call, as the network names it. It is text of
// strangers: show it as text, never as markup.
type Identity struct {
	DisplayName string // "" when there is none
	URI         string // without parameters, "sip:1002@example.com"
	User        string // its user part, unescaped: "1002", or the number of a tel URI
}

// view is an immutable copy of what the accessors show.
type view struct {
	state                        CallState
	localHold, remoteHold, muted bool
	recovering                   bool
	streams                      []Stream
	forks                        []Fork
	caller                       Caller
	snapshot                     *CallSnapshot
	focus                        bool
	target                       string
}

// String says who called whom and what has become of it.
func (c *Call) String() string {
	return string(c.direction) + " call with " + c.remote.URI + " (" + string(c.State()) + ")"
}

// ID is the Call-ID.
func (c *Call) ID() string { return c.id }

// Direction tells who began the call.
func (c *Call) Direction() Direction { return c.direction }

// Remote is the other side.
func (c *Call) Remote() Identity { return c.remote }

// Caller says who calls, as far as the network tells: for an incoming call what its
// INVITE said, for an outgoing one what the answers did.
func (c *Call) Caller() Caller { return c.view.Load().caller }

// State of the call at this moment.
func (c *Call) State() CallState { return c.view.Load().state }

// OnHold tells whether that party has put the call on hold.
func (c *Call) OnHold(by Party) bool {
	v := c.view.Load()
	return by == Local && v.localHold || by == Remote && v.remoteHold
}

// Muted tells whether the microphone is silenced.
func (c *Call) Muted() bool { return c.view.Load().muted }

// Streams lists what is sent and received, as it was agreed last. It must not be
// changed.
func (c *Call) Streams() []Stream { return c.view.Load().streams }

// Recovering tells that the connection to the server is lost, or the one between the
// two sides, and that the call is being recovered: see [CallRecovering].
func (c *Call) Recovering() bool { return c.view.Load().recovering }

// Answered waits until the call is answered: nil. When it ends first, the error
// says why: CodeRejected with the status, CodeCanceled
// after Hangup, CodeTimeout, a media or a connection error.
func (c *Call) Answered(ctx context.Context) error {
	select {
	case <-c.answered:
		return nil
	default:
	}
	queued(ctx)
	select {
	case <-c.answered:
		return nil
	case <-c.ended:
		if c.end.Err != nil {
			return asError("call", CodeInternal, c.end.Err)
		}
		return &Error{Op: "call", Code: CodeCanceled, Status: c.end.Status, Reason: "the call ended before it was answered"}
	case <-ctx.Done():
		return ctxError("call", ctx)
	}
}

// Ended waits until the call is over and says how it ended.
func (c *Call) Ended(ctx context.Context) (CallEnded, error) {
	queued(ctx)
	select {
	case <-c.ended:
		return c.end, nil
	case <-ctx.Done():
		return CallEnded{}, ctxError("call", ctx)
	}
}

func (c *Call) stateError(why string) *Error {
	return &Error{Code: CodeInvalidState, Reason: why + " (state " + string(c.state) + ")"}
}

// callInput is what can happen to a call.
type callInput uint8

const (
	onOffer       callInput = iota // outgoing: offer and connection are there
	onProvisional                  // outgoing: 1xx
	onSuccess                      // outgoing: 2xx
	onFailure                      // outgoing: final failure, time-out; incoming: the INVITE cannot be answered any more
	onFlowLost                     // outgoing: the flow is lost that the INVITE went over
	onRetry                        // outgoing: the INVITE is to be sent anew: redirected, 422, or over another flow
	onAccept                       // incoming: the application accepts
	onAnswer                       // incoming: the media has made the answer
	onNoPrack                      // incoming: nobody acknowledges a reliable provisional response
	onAck                          // ACK for a 2xx of ours
	onNoAck                        // none came for 32 s
	onResumed                      // the other side has taken the new connection of a restored call
	onMediaFailed                  // the media cannot go on
	onHangup                       // the application hangs up or rejects
	onCancel                       // incoming: CANCEL
	onBye                          // BYE
	numCallInputs
)

var callInputNames = [...]string{"offer made", "1xx", "2xx", "failure", "flow lost", "again", "accept", "answer made", "no PRACK", "ACK", "no ACK", "resumed", "media failed", "hang up", "CANCEL", "BYE"}

func (i callInput) String() string { return callInputNames[i] }

// callEvent carries what belongs to an input.
type callEvent struct {
	res    *sip.Response // onProvisional, onSuccess, onFailure
	req    *sip.Request  // onAck, onCancel, onBye
	sdp    string        // onOffer, onAnswer
	err    error         // onFailure, onFlowLost, onMediaFailed
	reject Rejection     // onHangup: of a rejection
	reason *Reason       // onHangup: for CANCEL or BYE
	done   func(error)   // onAccept
	accept AcceptOptions
}

// callTable holds the cells of one side of a call that do something: in this
// state, this input leads to the next state, and do is done after it has been
// entered. A list and not a map, so that the linker lays it out.
type callTable []struct {
	state CallState
	in    callInput
	next  CallState
	do    func(*Call, *callEvent)
}

// handle takes one input through the table. An input that the table does not
// list for the state comes too late or too early and changes nothing.
func (c *Call) handle(in callInput, e *callEvent) bool {
	for _, step := range c.table {
		if step.state != c.state || step.in != in {
			continue
		}
		c.enter(step.next)
		if step.do != nil {
			step.do(c, e)
		}
		return true
	}
	return false
}

// enter changes the state and says so; the end announces itself, with its
// reasons (finish).
func (c *Call) enter(next CallState) {
	if next == c.state {
		return
	}
	c.state = next
	c.publish()
	if next != Ended {
		c.ua.emit(CallStateChanged{Call: c, State: next})
	}
}

// publish shows the state to the accessors.
func (c *Call) publish() {
	v := &view{state: c.state, localHold: c.localHold, remoteHold: c.remoteHold, muted: c.muted,
		recovering: c.survival.why != "", streams: c.streams, forks: c.forks(), caller: c.caller, snapshot: c.snapshot()}
	if c.leg != nil {
		v.focus = c.leg.focus
		if v.focus {
			v.target = c.leg.dialog.RemoteTarget.String()
		}
	}
	old := c.view.Swap(v)
	if v.snapshot != nil && (old == nil || old.snapshot == nil || *old.snapshot != *v.snapshot) {
		c.ua.emit(CallSnapshotChanged{Call: c})
	}
}

// finish is the last act of a call, in state Ended: it frees everything and
// tells everyone.
func (c *Call) finish(end CallEnded) {
	end.Call = c
	c.end = end
	c.ackFirst()
	c.media.close()
	c.unacked.stop()
	c.incoming.stop()
	c.outgoing.patience.stop()
	c.outgoing.noAnswer.stop()
	c.timer.stop()
	c.survival.stop()
	c.conference.left(c)
	c.ua.removeCall(c)
	c.prackAfterEnd()
	c.stopDialing()
	changes := c.changes
	c.changes = nil
	for _, w := range changes {
		w.end(&Error{Code: CodeCanceled, Reason: "the call is over"})
	}
	if done := c.incoming.accepting; done != nil {
		c.incoming.accepting = nil
		done(&Error{Code: CodeCanceled, Status: end.Status, Reason: "the call ended before it was accepted", Err: end.Err})
	}
	c.ua.emit(CallStateChanged{Call: c, State: Ended})
	c.ua.emit(end)
	close(c.ended)
}

// abandon ends the call because the user agent closes: what ends it is sent,
// no answer is awaited.
func (c *Call) abandon(err *Error) {
	c.handle(onHangup, &callEvent{reject: Rejection{Status: sip.StatusTemporarilyUnavailable}})
	if c.state != Ended { // canceling: what it waits for will not come any more
		c.enter(Ended)
		c.finish(CallEnded{By: Local, Err: err})
		if c.direction == Incoming {
			c.sendBye(c.leg.dialog, nil, func(error) {})
		}
	}
	c.hungUp(nil)
}

// receive takes a request inside one of our dialogs.
func (c *Call) receive(req *sip.Request, tx *transaction.Server) {
	l := c.find(dialogOf(req))
	if l == nil || !l.dialog.Accept(req) {
		c.ua.respond(tx, sip.StatusInternalServerError, "CSeq Out of Order") // section 12.2.2
		return
	}
	if c.state == Ended && req.Method != sip.PRACK {
		c.ua.respond(tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
		return
	}
	switch req.Method { // what stands for itself, in whatever dialog
	case sip.INFO:
		c.receiveInfo(l, req, tx)
		return
	case sip.MESSAGE:
		c.ua.receiveMessage(req, tx, c)
		return
	case sip.OPTIONS:
		c.ua.receiveOptions(tx)
		return
	case sip.UPDATE:
		c.receiveUpdate(l, req, tx)
		return
	case sip.PRACK:
		c.receivePrack(l, req, tx)
		return
	case sip.REFER:
		c.ua.receiveRefer(req, tx, c, l.dialog)
		return
	case sip.NOTIFY, sip.SUBSCRIBE:
		c.ua.respond(tx, sip.StatusCallTransactionDoesNotExists, "Subscription Does Not Exist")
		return
	}
	if l != c.leg {
		c.receiveInFork(l, req, tx)
		return
	}
	switch req.Method {
	case sip.BYE:
		c.ua.respond(tx, sip.StatusOK, "OK")
		c.handle(onBye, &callEvent{req: req})
	case sip.INVITE:
		c.reinvited(req, tx)
	}
}

// receiveInFork takes a request in the dialog of a fork that is not the call's:
// each has a session of its own (section 13.2.2.4), which ends without the call.
func (c *Call) receiveInFork(l *leg, req *sip.Request, tx *transaction.Server) {
	switch req.Method {
	case sip.BYE:
		l.dialog.Terminate()
		c.forkEnded(l)
		c.ua.respond(tx, sip.StatusOK, "OK")
	case sip.INVITE:
		if c.leg == nil { // our own INVITE is not answered yet (section 14.2)
			c.ua.respond(tx, sip.StatusRequestPending, "Request Pending")
			return
		}
		c.ua.respond(tx, sip.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	}
}

// forkEnded: this fork is not going to answer any more, or is not wanted.
func (c *Call) forkEnded(l *leg) {
	l.fork.Ended = true
	delete(c.ua.dialogs, l.dialog.ID)
	c.publish()
}

// inDialog numbers the next attempt at a request inside d.
func inDialog(d *dialog.Dialog) func(*sip.Request) (uint32, bool) {
	return func(*sip.Request) (uint32, bool) { return d.NextSeq(), true }
}

// requestIn sends a request in the dialog of l.
func (c *Call) requestIn(l *leg, build func() *sip.Request, handler func(*sip.Response, error)) *exchange {
	x := c.ua.requestOver(c.link, func() *sip.Request { return c.private(build()) }, handler)
	x.next = inDialog(l.dialog)
	return x
}

// acknowledge sends the ACK for a 2xx (section 13.2.2.4), with the description that it
// has to carry. It is a request without a transaction; credentials of the INVITE go
// along (section 22.1).
func (c *Call) acknowledge(d *dialog.Dialog, invite *sip.Request, sdp string) {
	l := c.ua.bestLink(c.link)
	if l == nil {
		return // the 2xx comes again
	}
	ack := d.Ack(invite.CSeq().SeqNo)
	l.complete(ack)
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		for _, h := range invite.GetHeaders(name) {
			ack.AppendHeader(sip.HeaderClone(h))
		}
	}
	setSDP(ack, sdp)
	_ = l.send(ack) // the 2xx comes again when this is lost; a lost flow is told elsewhere
}

// setSDP sets the body of a message, or none.
func setSDP(msg sip.Message, sdp string) {
	if sdp == "" {
		msg.SetBody(nil)
		return
	}
	msg.AppendHeader(sip.NewHeader("Content-Type", sdpType))
	msg.SetBody([]byte(sdp))
}

// sdpOf returns the session description of a message, "" when it has none that can
// be taken.
func sdpOf(msg sip.Message) string {
	sdp, _ := message.Part(msg, sdpType) // whoever needs one says that there is none
	return string(sdp)
}

// contactHeader is the Contact of what makes or refreshes our dialogs.
func (c *Call) contactHeader() sip.Header {
	scheme := c.outgoing.target.Scheme
	if c.direction == Incoming && c.invite != nil {
		scheme = c.invite.Request.Recipient.Scheme
	}
	if c.anonymous() { // RFC 5627 section 6.1: the public GRUU names the account
		return &sip.ContactHeader{Address: c.ua.contactBy(scheme, func(b *binding) string { return b.tempGRUU })}
	}
	return c.ua.dialogContact(scheme)
}

// capabilities gives a message that makes or refreshes our dialog what it says of us:
// where we are, and what we take.
func (c *Call) capabilities(msg sip.Message) {
	ua := c.ua
	msg.AppendHeader(c.contactHeader())
	msg.AppendHeader(ua.allowed())
	if tags := c.supported(); tags != "" {
		msg.AppendHeader(sip.NewHeader("Supported", tags))
	}
	c.recvInfo(msg)
}

// after starts a timer of the call in the place of the one before.
func (c *Call) after(t **timer, d time.Duration, f func()) {
	(*t).stop()
	*t = c.ua.after(d, f)
}
