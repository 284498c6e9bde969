package main

import (
	"context"
	"syscall/js"
	"time"

	"github.com/sipwasm/sipwasm/sipua"
)

// Subscriptions of ours and of others, and publications: their verbs and their
// events.

// subscribe makes a subscription under the facade's handle.
func (p *port) subscribe(a *agent, args js.Value) (any, error) {
	return p.subscribing(args, "subscribe", func(o sipua.SubscribeOptions) (*sipua.Subscription, error) {
		return a.ua.Subscribe(text(args, "target"), o)
	})
}

func (p *port) subscribing(args js.Value, op string, begin func(sipua.SubscribeOptions) (*sipua.Subscription, error)) (any, error) {
	headers, err := readHeaders(args.Get("headers"), op)
	if err != nil {
		return nil, err
	}
	contentType, body, err := readContent(args, op)
	if err != nil {
		return nil, err
	}
	o := sipua.SubscribeOptions{
		Event: text(args, "event"), ID: text(args, "id"), Once: flag(args, "once"), Accept: readTexts(args.Get("accept")), Expires: seconds(args, "expires"),
		Headers: headers, ContentType: contentType, Body: body,
	}
	// Locked until the handle is known: the first events wait for it.
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := begin(o)
	if err != nil {
		return nil, err
	}
	p.addLocked(s, int(number(args, "subscription", 0)))
	return object("id", s.ID()), nil
}

func subscriptionOp(ctx context.Context, s *sipua.Subscription, op string) (any, error) {
	switch op {
	case "refresh":
		return nil, s.Refresh(ctx)
	case "unsubscribe":
		return nil, s.Unsubscribe(ctx)
	}
	return nil, unknownOp(op)
}

func notifierOp(ctx context.Context, n *sipua.Notifier, op string, args js.Value) (any, error) {
	contentType, body, err := readContent(args, op)
	if err != nil {
		return nil, err
	}
	switch op {
	case "accept":
		return nil, n.Accept(ctx, sipua.NotifierOptions{
			Expires: seconds(args, "expires"), Pending: args.Get("pending").Truthy(), ContentType: contentType, Body: body,
		})
	case "reject":
		return nil, n.Reject(ctx, int(number(args, "status", 0)))
	case "notify":
		return nil, n.Notify(ctx, contentType, body)
	case "activate":
		return nil, n.Activate(ctx, contentType, body)
	case "terminate":
		return nil, n.Terminate(ctx, text(args, "reason"), seconds(args, "retryAfter"))
	}
	return nil, unknownOp(op)
}

// publish resolves when the compositor has accepted the state.
func (p *port) publish(ctx context.Context, a *agent, args js.Value) (any, error) {
	contentType, body, err := readContent(args, "publish")
	if err != nil {
		return nil, err
	}
	pub, err := a.ua.Publish(ctx, sipua.PublishOptions{
		Event: text(args, "event"), ContentType: contentType, Body: body, Expires: seconds(args, "expires"), Target: text(args, "target"),
		Once: args.Get("once").Truthy(),
	})
	if err != nil || args.Get("once").Truthy() {
		return nil, err
	}
	return nil, p.keep(pub, int(number(args, "publication", 0)))
}

// keep gives a publication its handle. It may have ended before we knew of it.
func (p *port) keep(pub *sipua.Publication, handle int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	end, over := p.early[pub]
	if !over {
		p.addLocked(pub, handle)
		return nil
	}
	delete(p.early, pub)
	if end.Err == nil {
		return &sipua.Error{Op: "publish", Code: sipua.CodeClosed, Reason: "the user agent was closed"}
	}
	return end.Err
}

func publicationOp(ctx context.Context, pub *sipua.Publication, op string, args js.Value) (any, error) {
	contentType, body, err := readContent(args, op)
	if err != nil {
		return nil, err
	}
	switch op {
	case "update":
		return nil, pub.Update(ctx, contentType, body)
	case "remove":
		return nil, pub.Remove(ctx)
	}
	return nil, unknownOp(op)
}

// subscriptionEvent takes the events of this file.
func (p *port) subscriptionEvent(a *agent, e sipua.Event) {
	switch e := e.(type) {
	case sipua.SubscriptionChanged:
		p.emitOn(e.Subscription, "changed", object("state", string(e.State), "expires", e.Expires.Round(time.Second).Seconds()))
	case sipua.Notified:
		if e.Subscription != nil && len(e.Body) == 0 {
			return // it tells nothing of the state, and a page would show that nothing; "changed" and "ended" tell the rest
		}
		o := withContent(object("event", e.Event), e.ContentType, e.Body)
		if value := eventValue(e.Value); value != nil {
			o["value"] = value
		}
		if e.Subscription == nil {
			p.emit(a.handle, "notify", o)
			return
		}
		p.emitOn(e.Subscription, "notify", o)
	case sipua.SubscriptionEnded:
		o := withError(object("reason", e.Reason), e.Err)
		if e.RetryAfter > 0 {
			o["retryAfter"] = e.RetryAfter.Seconds()
		}
		p.emitOn(e.Subscription, "ended", o)
		p.forget(e.Subscription)
	case sipua.IncomingSubscription:
		n := e.Subscription
		contentType, body := n.Body()
		o := object("notifier", p.handleOf(n), "id", n.ID(), "remote", identityObject(n.Remote()), "event", n.Event(), "accepts", texts(n.Accepts()))
		p.emit(a.handle, "incomingSubscription", withContent(o, contentType, body))
	case sipua.NotifierEnded:
		p.emitOn(e.Subscription, "ended", withError(object("reason", e.Reason), e.Err))
		p.forget(e.Subscription)
	case sipua.PublicationEnded:
		p.mu.Lock()
		_, known := p.handles[e.Publication]
		if !known {
			p.early[e.Publication] = e
		}
		p.mu.Unlock()
		if known {
			p.emitOn(e.Publication, "ended", withError(object(), e.Err))
			p.forget(e.Publication)
		}
	}
}
