package main

import (
	"context"
	"syscall/js"
	"time"

	"github.com/sipwasm/sipwasm/sipua"
)

// closeTimeout bounds the graceful end of a user agent: hang up, unregister.
const closeTimeout = 5 * time.Second

// create makes a user agent under the facade's handle.
func (p *port) create(handle int, args js.Value) (any, error) {
	a := &agent{handle: handle, ice: defaultICE().with(args.Get("ice")), prepared: map[*sipua.Call]*connecting{}}
	cfg, err := readConfig(args)
	if err != nil {
		return nil, err
	}
	p.readCallConfig(&cfg, args)
	cfg.Trickle = sipua.TrickleHalf
	if mode := text(args.Get("ice"), "trickle"); mode != "" {
		cfg.Trickle = sipua.Trickle(mode)
	}
	cfg.Transport = sockets{host: p.host}
	cfg.OnEvent = func(e sipua.Event) { p.event(a, e) }
	cfg.Media = func(ctx context.Context, c *sipua.Call, options any) (sipua.Media, error) {
		v, _ := options.(js.Value)
		o := readMediaOptions(v)
		h, ok := p.known(ctx, c)
		if !ok {
			return nil, context.Cause(ctx)
		}
		begun := p.takePrepared(a, c)
		if !o.plain() {
			begun.giveUp()
			begun = nil
		}
		media, err := newPeer(ctx, p.desk, o, a.ice, begun, func(pc, stream js.Value) {
			p.emit(h, "peerconnection", map[string]any{"peerConnection": pc})
			p.emit(h, "localstream", map[string]any{"stream": stream})
		}, p.serversMissing(c))
		if err != nil {
			return nil, err // not a nil *peer in an interface
		}
		media.localStream = func(stream js.Value) { p.emitOn(c, "localstream", object("stream", stream)) }
		media.sending = func(track js.Value) { p.emitOn(c, "sending", object("track", track)) }
		media.videoEnded = func() { p.emitOn(c, "videoended", object()) }
		return media, nil
	}
	ua, err := sipua.New(cfg)
	if err != nil {
		return nil, err
	}
	a.ua = ua
	p.mu.Lock()
	p.agents[handle] = a
	p.mu.Unlock()
	return map[string]any{"instanceId": ua.InstanceID()}, nil
}

// agentOps are the verbs of a user agent.
var agentOps = map[string]func(*port, context.Context, *agent, js.Value) (any, error){
	"connect": func(_ *port, ctx context.Context, a *agent, _ js.Value) (any, error) {
		return nil, a.ua.Connect(ctx)
	},
	"network": func(_ *port, _ context.Context, a *agent, args js.Value) (any, error) {
		hint := sipua.NetworkOffline
		if args.Get("online").Truthy() {
			hint = sipua.NetworkOnline
		}
		a.ua.NetworkChanged(hint)
		return nil, nil
	},
	"register": func(_ *port, ctx context.Context, a *agent, _ js.Value) (any, error) {
		return nil, a.ua.Register(ctx)
	},
	"unregister": func(_ *port, ctx context.Context, a *agent, args js.Value) (any, error) {
		if args.Get("all").Truthy() {
			return nil, a.ua.UnregisterAll(ctx)
		}
		return nil, a.ua.Unregister(ctx)
	},
	"fetchBindings": func(_ *port, ctx context.Context, a *agent, _ js.Value) (any, error) {
		list, err := a.ua.FetchBindings(ctx)
		if err != nil {
			return nil, err
		}
		return bindingObjects(list), nil
	},
	"setPush": func(_ *port, ctx context.Context, a *agent, args js.Value) (any, error) {
		return nil, a.ua.SetPush(ctx, readPush(args.Get("push")))
	},
	"trace": func(p *port, _ context.Context, a *agent, args js.Value) (any, error) {
		p.trace(a, args.Get("on").Truthy())
		return nil, nil
	},
	"close": func(p *port, ctx context.Context, a *agent, _ js.Value) (any, error) {
		p.mu.Lock()
		delete(p.agents, a.handle)
		p.mu.Unlock()
		ctx, cancel := context.WithTimeout(ctx, closeTimeout)
		defer cancel()
		return nil, a.ua.Shutdown(ctx)
	},
	"call":       func(p *port, _ context.Context, a *agent, args js.Value) (any, error) { return p.dial(a, args) },
	"restore":    func(p *port, _ context.Context, a *agent, args js.Value) (any, error) { return p.restore(a, args) },
	"swap":       (*port).swap,
	"conference": (*port).conference,
	"subscribe":  func(p *port, _ context.Context, a *agent, args js.Value) (any, error) { return p.subscribe(a, args) },
	"publish":    (*port).publish,
	"message": func(_ *port, ctx context.Context, a *agent, args js.Value) (any, error) {
		o, err := readMessage(args)
		if err != nil {
			return nil, err
		}
		return nil, a.ua.Message(ctx, text(args, "target"), o)
	},
	"options": func(_ *port, ctx context.Context, a *agent, args js.Value) (any, error) {
		c, err := a.ua.Options(ctx, text(args, "target"))
		if err != nil {
			return nil, err
		}
		o := object("status", c.Status, "reason", c.Reason, "allow", texts(c.Allow), "supported", texts(c.Supported),
			"accept", texts(c.Accept), "allowEvents", texts(c.AllowEvents))
		optional(o, "userAgent", c.UserAgent)
		return withContent(o, c.ContentType, c.Body), nil
	},
}

func readMessage(args js.Value) (o sipua.MessageOptions, err error) {
	if o.Headers, err = readHeaders(args.Get("headers"), "message"); err == nil {
		o.ContentType, o.Body, err = readContent(args, "message")
	}
	return o, err
}
