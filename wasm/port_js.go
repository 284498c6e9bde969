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
// what it creates, Go even ones for incoming calls. A call only enqueues: a
// callback of the browser must not wait.
type port struct {
	host js.Value

	mu      sync.Mutex // guards what is below: callbacks, ops and events meet here
	queue   []request
	wake    chan struct{}       // capacity 1
	agents  map[int]*agent      // by handle
	calls   map[int]*sipua.Call // by handle
	handles map[*sipua.Call]int // the other way round
	last    int                 // even handle given out last
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
	stopTrace func()
}

// serve announces the port and works off its queue for ever.
func serve(host js.Value) {
	p := &port{
		host: host, wake: make(chan struct{}, 1),
		agents: map[int]*agent{}, calls: map[int]*sipua.Call{},
		handles: map[*sipua.Call]int{},
	}
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
	if op, ok := agentOps[r.op]; ok {
		p.mu.Lock()
		a := p.agents[r.handle]
		p.mu.Unlock()
		if a == nil {
			return nil, &sipua.Error{Op: r.op, Code: sipua.CodeClosed, Reason: "the user agent was closed"}
		}
		return op(p, ctx, a, r.args)
	}
	if op, ok := callOps[r.op]; ok {
		p.mu.Lock()
		c := p.calls[r.handle]
		p.mu.Unlock()
		if c == nil {
			return nil, &sipua.Error{Op: r.op, Code: sipua.CodeInvalidState, Reason: "the call is over"}
		}
		return op(ctx, c, r.args)
	}
	if r.op == "create" {
		return p.create(r.handle, r.args)
	}
	return nil, &sipua.Error{Op: r.op, Code: sipua.CodeUnsupported, Reason: "this build does not know the operation " + r.op}
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
	var thrown js.Error
	if errors.As(err, &thrown) {
		o["cause"] = thrown.Value
	}
	return o
}

// emit tells the facade of an event. The facade catches what listeners throw;
// should emit itself throw, the program goes on.
func (p *port) emit(handle int, kind string, payload map[string]any) {
	_, _ = try(func() js.Value { return p.host.Call("emit", handle, kind, payload) })
}

// handleOf returns the handle of a call, giving an incoming one its own.
func (p *port) handleOf(c *sipua.Call) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	h, ok := p.handles[c]
	if !ok {
		p.last += 2
		h = p.last
		p.addLocked(c, h)
	}
	return h
}

func (p *port) addLocked(c *sipua.Call, handle int) {
	p.calls[handle], p.handles[c] = c, handle
}

func (p *port) forget(c *sipua.Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, p.handles[c])
	delete(p.handles, c)
}
