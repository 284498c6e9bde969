package main

import (
	"context"
	"errors"
	"sync"
	"syscall/js"

	"github.com/sipwasm/sipwasm/sipua"
)

// port is the one way between the TypeScript facade and Go:
//
//	TypeScript                                     Go
//	port.call(op, handle, args, resolve, reject) ─▶ ops[op], started in order
//	host.emit(handle, type, payload)             ◀─ events, in order
//
// Objects are known to both sides by handles: the facade hands out odd ones for
// what it creates, Go even ones for what comes in. A call only
// enqueues: a callback of the browser must not wait.
type port struct {
	host js.Value
	desk *desk

	mu       sync.Mutex // guards what is below: callbacks, ops and events meet here
	queue    []request
	wake     chan struct{}                                 // capacity 1
	agents   map[int]*agent                                // by handle
	objects  map[int]any                                   // by handle: *sipua.Call, Subscription, Referral and so on
	handles  map[any]int                                   // the other way round
	added    chan struct{}                                 // closed, and made anew, when there is another handle
	last     int                                           // even handle given out last
	early    map[*sipua.Publication]sipua.PublicationEnded // over before publish could say which one it is
	progress map[*sipua.Transfer][]sipua.TransferProgress  // told before transfer could say which one it is
}

// request is one port.call.
type request struct {
	op              string
	handle          int
	args            js.Value
	resolve, reject js.Value
}

// agent is one user agent of the page.
type agent struct {
	handle    int
	ua        *sipua.UserAgent
	ice       icePolicy
	prepared  map[*sipua.Call]*connecting // for calls that ring
	stopTrace func()
}

func newPort(host js.Value) *port {
	return &port{
		host: host, desk: newDesk(host), wake: make(chan struct{}, 1),
		agents: map[int]*agent{}, objects: map[int]any{}, handles: map[any]int{}, early: map[*sipua.Publication]sipua.PublicationEnded{},
		progress: map[*sipua.Transfer][]sipua.TransferProgress{}, added: make(chan struct{}),
	}
}

// serve announces the port and works off its queue for ever.
func serve(host js.Value) {
	p := newPort(host)
	// Both callbacks live as long as the program. Go runs inside a callback until
	// nothing can run any more: the work waits for a microtask of its own, so that
	// call returns first and the page can listen before anything happens.
	work := js.FuncOf(func(js.Value, []js.Value) any {
		select {
		case p.wake <- struct{}{}:
		default:
		}
		return nil
	})
	soon := js.Global().Get("Promise").Call("resolve")
	call := js.FuncOf(func(_ js.Value, a []js.Value) any {
		p.mu.Lock()
		p.queue = append(p.queue, request{op: a[0].String(), handle: a[1].Int(), args: a[2], resolve: a[3], reject: a[4]})
		p.mu.Unlock()
		soon.Call("then", work)
		return nil
	})
	host.Call("ready", map[string]any{"version": sipua.Version, "call": call})
	for range p.wake {
		p.mu.Lock()
		queue := p.queue
		p.queue = nil
		p.mu.Unlock()
		for _, r := range queue {
			p.start(r)
		}
	}
}

// start runs one op in a goroutine of its own, since ops wait for the network,
// and returns when the op stands in the user agent's queue: so ops keep the
// order of their calls.
func (p *port) start(r request) {
	started := make(chan struct{})
	once := sync.OnceFunc(func() { close(started) })
	go func() {
		defer once()
		v, err := p.run(sipua.WithQueued(context.Background(), once), r)
		if err != nil {
			r.reject.Invoke(errorObject(err))
			return
		}
		if v == nil {
			v = js.Undefined()
		}
		r.resolve.Invoke(v)
	}()
	<-started
}

func (p *port) run(ctx context.Context, r request) (any, error) {
	if r.op == "create" {
		return p.create(r.handle, r.args)
	}
	p.mu.Lock()
	a, o := p.agents[r.handle], p.objects[r.handle]
	p.mu.Unlock()
	if op, ok := agentOps[r.op]; ok {
		if a == nil {
			return nil, &sipua.Error{Op: r.op, Code: sipua.CodeClosed, Reason: "the user agent was closed"}
		}
		return op(p, ctx, a, r.args)
	}
	switch o := o.(type) {
	case *sipua.Call:
		if op, ok := callOps[r.op]; ok {
			return op(p, ctx, o, r.args)
		}
	case *sipua.Referral:
		return p.referralOp(ctx, o, r.op, r.args)
	case *sipua.Conference:
		return p.conferenceOp(ctx, o, r.op, r.args)
	case *sipua.Subscription:
		return subscriptionOp(ctx, o, r.op)
	case *sipua.Notifier:
		return notifierOp(ctx, o, r.op, r.args)
	case *sipua.Publication:
		return publicationOp(ctx, o, r.op, r.args)
	default:
		if a == nil {
			return nil, &sipua.Error{Op: r.op, Code: sipua.CodeInvalidState, Reason: "the call, subscription or whatever it was is over"}
		}
	}
	return nil, unknownOp(r.op)
}

func unknownOp(op string) error {
	return &sipua.Error{Op: op, Code: sipua.CodeUnsupported, Reason: "this build does not know the operation " + op}
}

// errorObject is the plain object that the facade makes a SipError of.
func errorObject(err error) map[string]any {
	o := map[string]any{"code": string(sipua.CodeInternal), "message": err.Error()}
	var e *sipua.Error
	if errors.As(err, &e) {
		o["code"] = string(e.Code)
		if e.Op != "" {
			o["op"] = e.Op
		}
		if e.Status != 0 {
			o["status"] = e.Status
		}
		if e.RetryAfter > 0 {
			o["retryAfter"] = e.RetryAfter.Seconds()
		}
		if e.Reason != "" {
			o["reason"] = e.Reason
		}
	}
	if thrown, ok := exceptionOf(err); ok {
		o["cause"] = thrown
	}
	return o
}

// emit tells the facade of an event. The facade catches what listeners throw;
// should emit itself throw, the program goes on.
func (p *port) emit(handle int, kind string, payload map[string]any) {
	_, _ = try(func() js.Value { return p.host.Call("emit", handle, kind, payload) })
}

// emitOn tells the facade of an event of o, unless o is over for the facade.
func (p *port) emitOn(o any, kind string, payload map[string]any) {
	if handle, known := p.lookup(o); known {
		p.emit(handle, kind, payload)
	}
}

// lookup returns the handle of an object that the facade knows.
func (p *port) lookup(o any) (handle int, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	handle, known = p.handles[o]
	return handle, known
}

// known waits until the facade knows o: what runs beside the events may be faster than
// the event that tells of it, as with a call that is accepted by itself. It is false
// when ctx ends before.
func (p *port) known(ctx context.Context, o any) (handle int, known bool) {
	for {
		p.mu.Lock()
		handle, known = p.handles[o]
		added := p.added
		p.mu.Unlock()
		if known {
			return handle, true
		}
		select {
		case <-added:
		case <-ctx.Done():
			return 0, false
		}
	}
}

// handleOf returns the handle of an object, giving one that came in its own.
func (p *port) handleOf(o any) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	h, ok := p.handles[o]
	if !ok {
		p.last += 2
		h = p.last
		p.addLocked(o, h)
	}
	return h
}

func (p *port) addLocked(o any, handle int) {
	p.objects[handle], p.handles[o] = o, handle
	close(p.added)
	p.added = make(chan struct{})
}

func (p *port) forget(o any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.objects, p.handles[o])
	delete(p.handles, o)
}
