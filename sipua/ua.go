package sipua

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// UserAgent registers one address of record, keeps the connection that this
// takes, and makes and takes calls. Its methods may be called from any goroutine, event listeners
// included.
type UserAgent struct {
	cfg Config // without the secrets
	aor sip.Uri

	host string // of our Via and Contact: RFC 7118 section 5, an ".invalid" name
	user string // of our Contact

	ctx    context.Context // ends with Close: dialling and media stop
	cancel context.CancelFunc

	owner  *queue // owns everything below "owned"
	events *queue // delivers events

	listeners listeners
	tracing   atomic.Int32 // number of Trace listeners

	// Owned by the owner goroutine.
	auth          *authentication
	links         []*link // at least one
	connected     bool    // Connect was called: a connection is wanted
	recovering    bool    // a flow was lost, and subscriptions may wait for one
	recheckTimer  *timer
	waiters       []*waiter // of the next flow
	outbox        outbox
	registration  registration
	calls         []*Call
	subscriptions subscriptions
	dialogs       map[dialog.ID]*Call
	recentlyEnded []dialog.ID // dialogs of calls
	closed        bool
	timers        map[*timer]bool
	dropped       int // events since one was last delivered in full

	callList atomic.Pointer[[]*Call] // what Calls returns: a copy of calls
}

// New makes a user agent. It validates cfg (CodeInvalidArgument says what is
// wrong) and does not touch the network: Register and Call connect when needed.
// Close or Shutdown it when done.
func New(cfg Config) (*UserAgent, error) {
	aor, err := cfg.check()
	if err != nil {
		return nil, err
	}
	ua := &UserAgent{
		cfg: cfg, aor: aor,
		owner: newQueue(), events: newQueue(),
		dialogs: map[dialog.ID]*Call{}, timers: map[*timer]bool{}, outbox: outbox{},
		host: message.NewToken(12) + ".invalid", user: message.NewToken(8),
	}
	ua.auth = newAuthentication(ua, cfg.Credentials)
	ua.cfg.Credentials = Credentials{Username: cfg.Credentials.Username} // what is printed has no secret
	ua.ctx, ua.cancel = context.WithCancel(context.Background())
	for number := 1; number <= ua.cfg.Flows; number++ {
		ua.links = append(ua.links, ua.newLink(number))
	}
	ua.registration.init(ua)
	if cfg.OnEvent != nil {
		ua.On(cfg.OnEvent)
	}
	return ua, nil
}

// InstanceID is the +sip.instance of this user agent, given or made by New.
// Store it and give it back in Config.InstanceID after a restart.
func (ua *UserAgent) InstanceID() string { return ua.cfg.InstanceID }

// On adds an event listener; remove takes it away again. Listeners run one after
// the other; one that blocks holds up the events behind it, not the user agent.
func (ua *UserAgent) On(f func(Event)) (remove func()) {
	return ua.listeners.add(func(e any) {
		if e, ok := e.(Event); ok {
			f(e)
		}
	})
}

// emit hands an event to the dispatcher. Call it on the owner goroutine, which
// gives events their order.
//
// A listener may keep the dispatcher waiting; what the network can produce without
// end (traces, protocol errors, tones, provisional responses and who they are from) is then dropped, and how
// much of it is told. Requests that would make events are refused: see crowded.
func (ua *UserAgent) emit(e any) {
	defer ua.observed(e) // what that leads to comes after e in the listeners' queue
	switch e.(type) {
	case TraceMessage, ProtocolError, CallRinging, CallIdentityChanged, CallTone:
		if ua.events.len() >= maxWaiting {
			ua.dropped++
			return
		}
	}
	if n := ua.dropped; n > 0 && ua.events.len() < maxWaiting {
		ua.dropped = 0
		ua.emit(ProtocolError{Err: &Error{Op: "receive", Code: CodeProtocol, Reason: strconv.Itoa(n) + " traces, protocol errors, tones, and events of ringing and identities were dropped: a listener took too long"}})
	}
	ua.events.post(func() { ua.listeners.call(e) })
}

// observed tells the parts that follow the calls of others what happens to calls.
func (ua *UserAgent) observed(e any) {
	switch e.(type) {
	case CallRinging, CallAnswered, CallEnded:
		ua.subscriptions.observed(e)
		ua.observeReplaces(e)
	}
}

// maxWaiting is how many events may wait before those that can be spared are not
// kept.
const maxWaiting = 1000

// listeners is a list of functions that may change while it is being called.
type listeners struct {
	mu   sync.Mutex
	list []*func(any)
}

func (l *listeners) add(f func(any)) (remove func()) {
	p := &f
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(slices.Clip(l.list), p)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if i := slices.Index(l.list, p); i >= 0 {
			l.list = slices.Delete(slices.Clone(l.list), i, i+1)
		}
	}
}

func (l *listeners) call(e any) {
	l.mu.Lock()
	list := l.list
	l.mu.Unlock()
	for _, f := range list {
		(*f)(e)
	}
}

// Calls lists the calls that have not ended, oldest first.
func (ua *UserAgent) Calls() []*Call {
	if p := ua.callList.Load(); p != nil {
		return slices.Clone(*p)
	}
	return nil
}

func (ua *UserAgent) addCall(c *Call) {
	ua.calls = append(ua.calls, c)
	ua.publishCalls()
}

func (ua *UserAgent) removeCall(c *Call) {
	if i := slices.Index(ua.calls, c); i >= 0 {
		ua.calls = slices.Delete(ua.calls, i, i+1)
		ua.publishCalls()
	}
	for id, other := range ua.dialogs {
		if other == c {
			delete(ua.dialogs, id)
		}
	}
}

func (ua *UserAgent) publishCalls() {
	list := slices.Clone(ua.calls)
	ua.callList.Store(&list)
}

// Shutdown ends every call, subscription and publication, unregisters and
// closes. Nothing is left at the server when it returns nil. When ctx ends first the rest is dropped as by
// Close, and the error says so.
func (ua *UserAgent) Shutdown(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, c := range ua.Calls() {
		wg.Go(func() { _ = c.Hangup(ctx) }) // a call that is over already is no failure
	}
	wg.Wait()
	left := ua.endSubscriptions(ctx)
	err := ua.Unregister(ctx)
	if errors.Is(err, ErrClosed) {
		err = nil
	}
	return errors.Join(left, err, ua.Close())
}

// Close drops everything at once: calls end (the other side is sent what ends
// them, its answer is not awaited), the connection closes, verbs that wait
// return ErrClosed. The binding at the registrar is left to expire; Shutdown
// removes it. Closing twice is allowed.
func (ua *UserAgent) Close() error {
	ua.owner.post(ua.teardown) // false when somebody else is closing
	<-ua.owner.done
	return nil
}

func (ua *UserAgent) teardown() {
	if ua.closed {
		return
	}
	ua.closed = true
	err := &Error{Code: CodeClosed, Reason: "the user agent was closed"}
	for _, c := range slices.Clone(ua.calls) {
		c.abandon(err)
	}
	for _, l := range ua.links {
		l.binding.close()
	}
	ua.subscriptions.close(err)
	for _, l := range ua.links {
		l.flow.Close(err)
		l.layer.FlowLost(err)
		l.binding.end(err)
	}
	waiters := ua.waiters
	ua.waiters = nil
	for _, w := range waiters {
		w.then(nil, err)
	}
	for t := range ua.timers {
		t.stop()
	}
	ua.cancel()
	ua.owner.close()
	ua.events.close()
}

// do runs f on the owner goroutine and waits for its done, for the end of ctx or
// of the user agent. Every verb of the package goes through here.
func (ua *UserAgent) do(ctx context.Context, op string, f func(done func(error))) error {
	result := make(chan error, 1)
	done := func(err error) {
		select {
		case result <- err:
		default: // only the first counts
		}
	}
	if !ua.owner.post(func() { f(done) }) {
		return &Error{Op: op, Code: CodeClosed, Reason: "the user agent was closed"}
	}
	queued(ctx)
	select {
	case err := <-result:
		return verbError(op, err)
	case <-ctx.Done():
		return ctxError(op, ctx)
	case <-ua.owner.done:
		select { // the answer may have come with the end
		case err := <-result:
			return verbError(op, err)
		default:
			return &Error{Op: op, Code: CodeClosed, Reason: "the user agent was closed"}
		}
	}
}

// verbError avoids a typed nil in an error interface.
func verbError(op string, err error) error {
	if err == nil {
		return nil
	}
	return asError(op, CodeInternal, err)
}

func ctxError(op string, ctx context.Context) *Error {
	code := CodeCanceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = CodeTimeout
	}
	return &Error{Op: op, Code: code, Reason: "the context ended first", Err: context.Cause(ctx)}
}

type queuedKey struct{}

// WithQueued returns a context that makes a verb call f once its act stands in
// the user agent's queue, before everything that is asked later. Bridges that
// turn the calls of another language into goroutines need it to keep their
// order; others do not.
func WithQueued(ctx context.Context, f func()) context.Context {
	return context.WithValue(ctx, queuedKey{}, f)
}

func queued(ctx context.Context) {
	if f, ok := ctx.Value(queuedKey{}).(func()); ok {
		f()
	}
}

// from is the From (and, for REGISTER, To) of a new request.
func (ua *UserAgent) from(tag string) *sip.FromHeader {
	h := &sip.FromHeader{DisplayName: message.Quote(ua.cfg.DisplayName), Address: *ua.aor.Clone()}
	h.Params.Add("tag", tag)
	return h
}
