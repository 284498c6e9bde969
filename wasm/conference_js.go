package main

import (
	"context"
	"syscall/js"

	"github.com/sipwasm/sipwasm/sipua"
)

// conference brings calls together under the facade's handle.
func (p *port) conference(ctx context.Context, a *agent, args js.Value) (any, error) {
	var calls []*sipua.Call
	var err error
	each(args.Get("calls"), func(v js.Value) {
		c, e := p.callOf(v, "conference")
		if e != nil {
			err = e
		}
		calls = append(calls, c)
	})
	if err != nil {
		return nil, err
	}
	f, err := a.ua.Conference(ctx, calls...)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addLocked(f, int(number(args, "conference", 0)))
	return nil, nil
}

func (p *port) conferenceOp(ctx context.Context, f *sipua.Conference, op string, args js.Value) (any, error) {
	if op == "end" {
		p.forget(f)
		return nil, f.End(ctx)
	}
	c, err := p.callOf(args.Get("call"), "conference")
	switch {
	case op != "add" && op != "drop":
		return nil, unknownOp(op)
	case err != nil:
		return nil, err
	case op == "add":
		return nil, f.Add(ctx, c)
	}
	return nil, f.Drop(ctx, c)
}

// swap puts one call on hold and takes the other back.
func (p *port) swap(ctx context.Context, a *agent, args js.Value) (any, error) {
	hold, err := p.callOf(args.Get("hold"), "swap")
	if err != nil {
		return nil, err
	}
	resume, err := p.callOf(args.Get("resume"), "swap")
	if err != nil {
		return nil, err
	}
	return nil, a.ua.Swap(ctx, hold, resume)
}
