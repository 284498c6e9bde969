package sipua

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// Transfer is a REFER of ours that asks the other side of a call to call somebody
// else (RFC 3515, RFC 5589), and the subscription to what becomes of it. Its
// methods may be called from any goroutine, event listeners included.
type Transfer struct {
	ua      *UserAgent
	call    *Call
	other   *Call // of an attended transfer: the call that is to be replaced
	target  string
	referTo string // the value of Refer-To; for an attended transfer made when it is sent
	options TransferOptions

	id    string           // set before anybody but the owner sees the transfer
	ended chan struct{}    // closed with the last TransferProgress
	end   TransferProgress // set before ended is closed

	// Owned by the owner goroutine.
	state    transferState
	table    transferSteps
	dialog   *dialog.Dialog
	accepted func(error) // the verb, until the REFER is answered
	held     []*Call     // that were put on hold for this
	patience *timer
	lost     *Error // the flow was lost since the last notification
}

// TransferOptions shape a transfer.
type TransferOptions struct {
	// Headers go into the REFER besides its own.
	Headers []Header
	// NoSubscription asks the other side not to tell what becomes of the transfer
	// (RFC 4488). Where it agrees, the transfer succeeds as soon as the REFER is
	// accepted. Default: it tells.
	NoSubscription bool
	// ReferredBy is whom the target is told as the one who transfers (Referred-By, RFC
	// 3892): "sip:1001@example.com" or "Alice <sip:1001@example.com>". Default: the
	// address that we have in this call.
	ReferredBy string
	// Keep leaves the calls as they are when the transfer has succeeded. Default:
	// they are hung up.
	Keep bool
}

// TransferProgress: the other side has told how the transfer goes. The last one
// has Done set and comes exactly once for each transfer that was accepted.
// Status and Reason are those of the response that the other side's call got:
// 100 Trying, 180 Ringing, 200 OK, 486 Busy Here.
//
// With Done, Err is nil when the transfer has succeeded. Then Status is 0 when the
// other side has hung up and told nothing: see [Transfer.Done].
type TransferProgress struct {
	Transfer *Transfer
	Call     *Call
	Status   int
	Reason   string
	Done     bool
	Err      error // with Done, why it failed; an *Error
}

func (TransferProgress) event() {}

// transferState is the state of a transfer.
type transferState string

const (
	transferPreparing transferState = "preparing" // the calls are being put on hold
	transferReferring transferState = "referring" // REFER sent
	transferAccepted  transferState = "accepted"  // it goes on, notifications come
	transferParted    transferState = "parted"    // the other side has hung up
	transferEnded     transferState = "ended"
)

// transferInput is what can happen to a transfer.
type transferInput uint8

const (
	referReady      transferInput = iota // the calls are on hold, as far as they can be
	referAccepted                        // 2xx
	referAgreed                          // 2xx which says that no notification follows
	referRefused                         // other final response, time-out, lost flow
	referTold                            // NOTIFY: it goes on
	referSucceeded                       // NOTIFY: 2xx
	referFailed                          // NOTIFY: other final status
	referTerminated                      // NOTIFY: the end, without an outcome
	referBye                             // the other side has hung up the call
	referOver                            // the call is over for another reason than a hang-up
	referExpired                         // no NOTIFY in time
	referClosed                          // the user agent closes
	numTransferInputs
)

// transferEvent carries what belongs to an input.
type transferEvent struct {
	status int // of the response or notification
	reason string
	err    *Error
}

// transferSteps holds the cells that do something, as callTable does.
type transferSteps []struct {
	state transferState
	in    transferInput
	next  transferState
	do    func(*Transfer, *transferEvent)
}

// transferTable is the machine of a transfer.
//
//	           ready      2xx       agreed  refused  told      succeeded  failed  terminated  BYE     over   expired  closed
//	preparing  referring  –         –       –        –         –          –       –           –       –      –        ended
//	referring  –          accepted  ended   ended    accepted  ended      ended   ended       parted  ended  –        ended
//	accepted   –          –         –       –        accepted  ended      ended   ended       parted  ended  ended    ended
//	parted     –          parted    ended   ended    accepted  ended      ended   ended       –       –      ended    ended
//	ended      –          –         –       –        –         –          –       –           –       –      –        –
//
// A NOTIFY that overtakes the 2xx accepts the REFER as well (RFC 6665 section
// 4.1.2.4), and what the response says afterwards does not count.
//
// The subscription is a usage of the dialog of its own, which a BYE leaves alone
// (RFC 5057 section 4.1). So when we hang up, notifications go on and nothing
// changes here. When the other side does, after 202, it mostly has done what it
// was asked for and tells no more: parted waits a moment for an outcome that was
// overtaken, and takes silence for success. A NOTIFY that it goes on leads back.
var transferTable = transferSteps{
	{transferPreparing, referReady, transferReferring, (*Transfer).refer},
	{transferPreparing, referClosed, transferEnded, (*Transfer).failed},

	{transferReferring, referAccepted, transferAccepted, (*Transfer).begun},
	{transferReferring, referAgreed, transferEnded, (*Transfer).succeeded},
	{transferReferring, referRefused, transferEnded, (*Transfer).failed},
	{transferReferring, referTold, transferAccepted, (*Transfer).told},
	{transferReferring, referSucceeded, transferEnded, (*Transfer).succeeded},
	{transferReferring, referFailed, transferEnded, (*Transfer).toldFailed},
	{transferReferring, referTerminated, transferEnded, (*Transfer).toldFailed},
	{transferReferring, referBye, transferParted, nil},
	{transferReferring, referOver, transferEnded, (*Transfer).failed},
	{transferReferring, referClosed, transferEnded, (*Transfer).failed},

	{transferAccepted, referTold, transferAccepted, (*Transfer).told},
	{transferAccepted, referSucceeded, transferEnded, (*Transfer).succeeded},
	{transferAccepted, referFailed, transferEnded, (*Transfer).failed},
	{transferAccepted, referTerminated, transferEnded, (*Transfer).failed},
	{transferAccepted, referBye, transferParted, (*Transfer).linger},
	{transferAccepted, referOver, transferEnded, (*Transfer).failed},
	{transferAccepted, referExpired, transferEnded, (*Transfer).unknown},
	{transferAccepted, referClosed, transferEnded, (*Transfer).failed},

	{transferParted, referAccepted, transferParted, (*Transfer).begunParted},
	{transferParted, referAgreed, transferEnded, (*Transfer).succeeded},
	{transferParted, referRefused, transferEnded, (*Transfer).failed},
	{transferParted, referTold, transferAccepted, (*Transfer).told},
	{transferParted, referSucceeded, transferEnded, (*Transfer).succeeded},
	{transferParted, referFailed, transferEnded, (*Transfer).toldFailed},
	{transferParted, referTerminated, transferEnded, (*Transfer).toldFailed},
	{transferParted, referExpired, transferEnded, (*Transfer).succeeded},
	{transferParted, referClosed, transferEnded, (*Transfer).failed},
}

// handle takes one input through the table.
func (t *Transfer) handle(in transferInput, e *transferEvent) {
	for _, step := range t.table {
		if step.state == t.state && step.in == in {
			t.state = step.next
			if step.do != nil {
				step.do(t, e)
			}
			return
		}
	}
}

// Transfer asks the other side to call target instead of us: a blind transfer (RFC
// 5589 section 6). Target is written as for [UserAgent.Call]. It returns once the
// other side has accepted; [Transfer.Done] and the event [TransferProgress] tell
// what becomes of it. When it has succeeded, the call is hung up; when it has
// failed, the call goes on as it was. Errors: CodeInvalidArgument, CodeInvalidState
// when the call is not answered, CodeRejected with the status (405 or 501 from who
// knows no REFER), CodeTimeout, CodeConnectionLost.
func (c *Call) Transfer(ctx context.Context, target string, o TransferOptions) (*Transfer, error) {
	uri, err := c.ua.target(target)
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return nil, &Error{Op: "transfer", Code: CodeInvalidArgument, Reason: err.Error()}
	}
	return c.transfer(ctx, &Transfer{target: uri.String(), referTo: referTo{URI: uri}.value(), options: o})
}

// TransferTo connects the other side with that of another call of the same user
// agent: an attended transfer (RFC 5589 section 7.3). Both calls are put on hold
// first if they are not. When it has succeeded, both are hung up; when it has
// failed, those that were put on hold for it are resumed. It returns, and fails, as
// [Call.Transfer] does. CodeInvalidState also when the other call is not answered:
// a call that rings cannot be replaced at its target (RFC 3891 section 3).
func (c *Call) TransferTo(ctx context.Context, other *Call, o TransferOptions) (*Transfer, error) {
	err := o.check()
	if err != nil || other == nil || other == c || other.ua != c.ua {
		reason := "the other call must be another one of the same user agent"
		if err != nil {
			reason = err.Error()
		}
		return nil, &Error{Op: "transfer", Code: CodeInvalidArgument, Reason: reason}
	}
	return c.transfer(ctx, &Transfer{other: other, options: o})
}

// check judges the options.
func (o *TransferOptions) check() error {
	o.Headers = slices.Clone(o.Headers)
	if o.ReferredBy != "" {
		by, err := addressValue(o.ReferredBy)
		if err != nil {
			return fmt.Errorf("the option ReferredBy: %w", err)
		}
		o.ReferredBy = by
	}
	return checkOwn(o.Headers, "Refer-To", "r", "Referred-By", "b", "Refer-Sub", "Replaces", "Target-Dialog")
}

func (c *Call) transfer(ctx context.Context, t *Transfer) (*Transfer, error) {
	t.ua, t.call, t.state, t.table = c.ua, c, transferPreparing, transferTable
	t.ended = make(chan struct{})
	if err := c.ua.do(ctx, "transfer", t.begin); err != nil {
		return nil, err
	}
	return t, nil
}

// ID is the number of the REFER in its dialog (CSeq), by which notifications name
// it (RFC 3515 section 2.4.6).
func (t *Transfer) ID() string { return t.id }

// Call that is being transferred.
func (t *Transfer) Call() *Call { return t.call }

// Target is the URI that the other side is asked to call.
func (t *Transfer) Target() string { return t.target }

// Done waits until it is known what became of the transfer and returns the last
// progress, whose Err is the error: CodeRejected with the status that the other
// side's call got, CodeTimeout or CodeConnectionLost when no outcome was told,
// CodeCanceled when the call broke off.
//
// Many user agents hang up once they have been referred and tell nothing more.
// That counts as success unless they tell of a failure within five seconds.
func (t *Transfer) Done(ctx context.Context) (TransferProgress, error) {
	queued(ctx)
	select {
	case <-t.ended: // also when ctx is over as well
		return t.end, t.end.Err
	default:
	}
	select {
	case <-t.ended:
		return t.end, t.end.Err
	case <-ctx.Done():
		return TransferProgress{}, ctxError("transfer", ctx)
	}
}

// begin puts the calls of an attended transfer on hold. A hold that is refused
// does not stand in the way: it is a courtesy to who waits.
func (t *Transfer) begin(done func(error)) {
	t.accepted = done
	if err := t.possible(); err != nil {
		t.state = transferEnded
		done(err)
		return
	}
	t.ua.subscriptions.transfers = append(t.ua.subscriptions.transfers, t)
	waiting := 1
	ready := func() {
		if waiting--; waiting == 0 {
			t.handle(referReady, &transferEvent{})
		}
	}
	if t.other != nil {
		for _, c := range []*Call{t.call, t.other} {
			if c.localHold {
				continue
			}
			waiting++
			c.hold(true, func(err error) {
				if err == nil {
					t.held = append(t.held, c)
				}
				ready()
			})
		}
	}
	ready()
}

// possible says why there can be no transfer now.
func (t *Transfer) possible() *Error {
	switch {
	case t.ua.closed:
		return &Error{Code: CodeClosed, Reason: "the user agent was closed"}
	case t.call.state != Established && t.call.state != Accepted:
		return t.call.stateError("only an answered call can be transferred")
	case t.other != nil && t.other.state != Established && t.other.state != Accepted:
		// RFC 5589 section 7.6: the target could not find the dialog (RFC 3891).
		return t.other.stateError("the call to the target is not answered: wait for the answer, or hang it up and transfer to its address")
	}
	return nil
}

// refer sends the REFER inside the call's dialog. RFC 7647 section 4 would have it
// outside when the other side has a GRUU; everything that knows REFER takes it
// inside, and many take it nowhere else.
func (t *Transfer) refer(*transferEvent) {
	if err := t.possible(); err != nil { // over since
		t.state = transferEnded
		t.failed(&transferEvent{err: err})
		return
	}
	c := t.call
	t.dialog = c.leg.dialog
	if t.other != nil {
		t.target, t.referTo = replacing(t.other.leg.dialog)
	}
	x := t.ua.requestOver(c.link, func() *sip.Request {
		if t.dialog.State == dialog.Terminated {
			t.handle(referRefused, &transferEvent{err: errCallOver})
			return nil
		}
		return c.private(t.request(t.dialog.Request(sip.REFER)))
	}, t.answered)
	x.next = func(*sip.Request) (uint32, bool) {
		seq := t.dialog.NextSeq()
		t.id = strconv.FormatUint(uint64(seq), 10)
		return seq, t.dialog.State != dialog.Terminated // hung up between the challenge and its answer
	}
}

// request fills in a REFER (RFC 3515 section 2.4.1).
func (t *Transfer) request(req *sip.Request) *sip.Request {
	t.id = strconv.FormatUint(uint64(req.CSeq().SeqNo), 10)
	req.AppendHeader(t.call.contactHeader())
	req.AppendHeader(sip.NewHeader("Refer-To", t.referTo))
	by := t.options.ReferredBy
	if by == "" {
		by = "<" + t.dialog.Local.String() + ">" // of an anonymous call the anonymous one
	}
	req.AppendHeader(sip.NewHeader("Referred-By", by))
	req.AppendHeader(t.ua.allowed())
	if t.options.NoSubscription { // RFC 4488 section 4
		req.AppendHeader(sip.NewHeader("Refer-Sub", "false"))
		req.AppendHeader(sip.NewHeader("Supported", "norefersub"))
	}
	for _, h := range t.options.Headers {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	return req
}

// answered takes the response to the REFER.
func (t *Transfer) answered(res *sip.Response, err error) {
	switch {
	case err != nil:
		t.handle(referRefused, &transferEvent{err: asError("transfer", CodeInternal, err)})
	case res.StatusCode < 200:
	case res.StatusCode >= 300:
		t.handle(referRefused, &transferEvent{err: rejected(res)})
	case noSubscription(res):
		t.handle(referAgreed, &transferEvent{status: res.StatusCode, reason: reasonOf(res)})
	default:
		t.handle(referAccepted, &transferEvent{})
	}
}

// noSubscription: Refer-Sub: false (RFC 4488 section 4).
func noSubscription(msg sip.Message) bool {
	value, _, _ := strings.Cut(message.HeaderValue(msg, "Refer-Sub"), ";")
	return strings.EqualFold(strings.TrimSpace(value), "false")
}

// replacing makes the Refer-To of an attended transfer: where the target is
// reached, and which of its dialogs the new call replaces. The dialog is ours, so
// that its tags change places (RFC 3891 section 3: to-tag is that of the target).
//
// RFC 5589 section 7.3 names the target's Contact, and section 7.5 its address of
// record where the Contact is not known to lead to exactly one user agent from
// everywhere. Only a GRUU (RFC 5627) is known to: that of a WebSocket client is an
// ".invalid" name, and that of a phone behind a NAT as good as one. Since the
// address of record may lead to several user agents, Require: replaces goes along,
// so that none but the right one answers. A caller who withheld his address has
// only his Contact.
func replacing(d *dialog.Dialog) (target, value string) {
	replaces := replacesOf(d.ID)
	to := referTo{URI: d.Remote, Replaces: &replaces}
	_, gruu := message.Param(d.RemoteTarget.UriParams, "gr")
	if gruu || strings.HasSuffix(strings.ToLower(to.URI.Host), ".invalid") {
		to.URI = d.RemoteTarget
	} else {
		to.Headers = []Header{{"Require", "replaces"}}
	}
	to.URI.Headers = nil
	return to.URI.String(), to.value()
}

// begun: the REFER is accepted. A notification is due at once; who sends only the
// last one is given as long again.
func (t *Transfer) begun(*transferEvent) {
	t.answeredVerb(nil)
	t.wait(2 * transaction.Timeout)
}

// begunParted: accepted by who has hung up before.
func (t *Transfer) begunParted(*transferEvent) {
	t.answeredVerb(nil)
	t.linger(nil)
}

func (t *Transfer) answeredVerb(err error) {
	if done := t.accepted; done != nil {
		t.accepted = nil
		done(err)
	}
}

// succeeded also answers the verb, where the outcome came before the response.
func (t *Transfer) succeeded(e *transferEvent) {
	t.answeredVerb(nil)
	t.finish(e.status, e.reason, nil)
}

// toldFailed: a NOTIFY has accepted the REFER and says that it has failed.
func (t *Transfer) toldFailed(e *transferEvent) {
	t.answeredVerb(nil)
	t.failed(e)
}

func (t *Transfer) failed(e *transferEvent) { t.finish(e.status, e.reason, e.err) }

// finish is the last act of a transfer, in state ended. A REFER that was never
// accepted is told by the verb's error alone.
func (t *Transfer) finish(status int, reason string, err *Error) {
	t.patience.stop()
	ss := &t.ua.subscriptions
	if i := slices.Index(ss.transfers, t); i >= 0 {
		ss.transfers = slices.Delete(ss.transfers, i, i+1)
	}
	t.end = TransferProgress{Transfer: t, Call: t.call, Status: status, Reason: reason, Done: true}
	if err != nil {
		t.end.Err = asError("transfer", CodeInternal, err)
	}
	if t.accepted == nil {
		t.ua.emit(t.end)
	}
	close(t.ended)
	t.answeredVerb(t.end.Err)
	switch {
	case err != nil:
		for _, c := range t.held {
			if c.state == Established && c.localHold {
				c.hold(false, func(error) {}) // what keeps it on hold is told by nobody, and Resume may be tried again
			}
		}
	case !t.options.Keep:
		t.call.hangup(decline(), func(error) {})
		if t.other != nil {
			t.leaveReplaced()
		}
	}
}

// leaveReplaced ends the call to the target, which mostly does so itself, because it is
// replaced there (RFC 5589 section 7.3). Some do it only when the new call is confirmed, and
// a BYE of ours that is there first puts them off: so it is given time.
func (t *Transfer) leaveReplaced() {
	t.patience = t.ua.after(t4, func() {
		if t.other.state != Ended {
			t.other.hangup(decline(), func(error) {})
		}
	})
}
