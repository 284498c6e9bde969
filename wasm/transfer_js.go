package main

import (
	"context"
	"syscall/js"

	"github.com/sipwasm/sipwasm/sipua"
)

// Transfers of ours (REFER) and those that others ask us for.

// transfer resolves when the other side has accepted. The target is an address, or
// another call.
func (p *port) transfer(ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
	const op = "transfer"
	headers, err := readHeaders(args.Get("headers"), op)
	if err != nil {
		return nil, err
	}
	o := sipua.TransferOptions{
		Headers: headers, NoSubscription: flag(args, "noSubscription"), ReferredBy: text(args, "referredBy"), Keep: flag(args, "keep"),
	}
	var t *sipua.Transfer
	if v := args.Get("other"); v.IsUndefined() {
		t, err = c.Transfer(ctx, text(args, "target"), o)
	} else {
		var other *sipua.Call
		if other, err = p.callOf(v, op); err == nil {
			t, err = c.TransferTo(ctx, other, o)
		}
	}
	if err != nil {
		return nil, err
	}
	p.follow(t, int(number(args, "transfer", 0)))
	return object("id", t.ID(), "target", t.Target()), nil
}

// follow tells the facade how a transfer goes, from its beginning: a NOTIFY may come
// before the response to the REFER (RFC 6665 section 4.1.2.4), and its event before
// the verb returns. Until the handle is known, transferProgress puts events aside.
func (p *port) follow(t *sipua.Transfer, handle int) {
	for {
		p.mu.Lock()
		aside := p.progress[t]
		delete(p.progress, t)
		if len(aside) == 0 {
			p.addLocked(t, handle)
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		for _, e := range aside { // without the lock: a listener may call back
			p.emit(handle, "progress", progressObject(e))
			if e.Done {
				return // nothing follows
			}
		}
	}
}

func (p *port) transferProgress(e sipua.TransferProgress) {
	p.mu.Lock()
	handle, known := p.handles[e.Transfer]
	if !known {
		p.progress[e.Transfer] = append(p.progress[e.Transfer], e)
	}
	p.mu.Unlock()
	if !known {
		return
	}
	p.emit(handle, "progress", progressObject(e))
	if e.Done {
		p.forget(e.Transfer)
	}
}

func progressObject(e sipua.TransferProgress) map[string]any {
	return withError(object("status", e.Status, "reason", e.Reason, "done", e.Done), e.Err)
}

func (p *port) referralObject(r *sipua.Referral) map[string]any {
	o := object("referral", p.handleOf(r), "from", identityObject(r.From()), "target", r.Target())
	if by := r.ReferredBy(); by != (sipua.Identity{}) {
		o["referredBy"] = identityObject(by)
	}
	if replaces := r.Replaces(); replaces != nil {
		o["replaces"] = replacesObject(*replaces)
	}
	return o
}

func (p *port) referralOp(ctx context.Context, r *sipua.Referral, op string, args js.Value) (any, error) {
	switch op {
	case "accept":
		o, err := p.readCallOptions(args, "accept referral")
		if err != nil {
			return nil, err
		}
		made, err := p.adopt(args, func() (*sipua.Call, error) { return r.Accept(ctx, o) })
		if err == nil {
			p.forget(r)
		}
		return made, err
	case "reject":
		err := r.Reject(ctx, int(number(args, "status", 0)))
		if err == nil {
			p.forget(r)
		}
		return nil, err
	}
	return nil, unknownOp(op)
}
