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
	a := &agent{handle: handle}
	gather := milliseconds(args, "iceGatheringTimeout", 2000)
	iceServers := args.Get("iceServers")
	cfg, err := readConfig(args)
	if err != nil {
		return nil, err
	}
	cfg.Transport = sockets{host: p.host}
	cfg.OnEvent = func(e sipua.Event) { p.event(a, e) }
	cfg.Media = func(ctx context.Context, c *sipua.Call, options any) (sipua.Media, error) {
		o, _ := options.(js.Value)
		h := p.handleOf(c)
		media, err := newPeer(ctx, p.desk, readMediaOptions(o), iceServers, gather, func(pc, stream js.Value) {
			p.emit(h, "peerconnection", map[string]any{"peerConnection": pc})
			p.emit(h, "localstream", map[string]any{"stream": stream})
		})
		if err != nil {
			return nil, err // not a nil *peer in an interface
		}
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
	"call": func(p *port, _ context.Context, a *agent, args js.Value) (any, error) {
		headers, err := readHeaders(args.Get("headers"), "call")
		if err != nil {
			return nil, err
		}
		// Locked until the handle is known: the call's first events wait for it.
		p.mu.Lock()
		defer p.mu.Unlock()
		c, err := a.ua.Call(text(args, "target"), sipua.CallOptions{Media: args.Get("media"), Headers: headers})
		if err != nil {
			return nil, err
		}
		p.addLocked(c, int(number(args, "call", 0)))
		return callObject(c), nil
	},
	"subscribe": func(p *port, _ context.Context, a *agent, args js.Value) (any, error) { return p.subscribe(a, args) },
	"publish":   (*port).publish,
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

// callOps are the verbs of a call.
var callOps = map[string]func(context.Context, *sipua.Call, js.Value) (any, error){
	"accept": func(ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		return nil, c.Accept(ctx, sipua.AcceptOptions{Media: args.Get("media")})
	},
	"reject": func(ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		return nil, c.Reject(ctx, int(number(args, "status", 486)))
	},
	"hangup": func(ctx context.Context, c *sipua.Call, _ js.Value) (any, error) { return nil, c.Hangup(ctx) },
	"hold":   func(ctx context.Context, c *sipua.Call, _ js.Value) (any, error) { return nil, c.Hold(ctx) },
	"resume": func(ctx context.Context, c *sipua.Call, _ js.Value) (any, error) { return nil, c.Resume(ctx) },
	"mute": func(ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		return nil, c.Mute(ctx, args.Get("mute").Truthy())
	},
	"dtmf": func(ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		return nil, c.SendDTMF(ctx, text(args, "tones"), sipua.DTMFOptions{
			Duration: time.Duration(number(args, "duration", 0)) * time.Millisecond,
			Gap:      time.Duration(number(args, "gap", 0)) * time.Millisecond,
		})
	},
	"info": func(ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		contentType, body, err := readContent(args, "info")
		if err != nil {
			return nil, err
		}
		return nil, c.Info(ctx, sipua.InfoOptions{Package: text(args, "package"), ContentType: contentType, Body: body})
	},
	"callMessage": func(ctx context.Context, c *sipua.Call, args js.Value) (any, error) {
		o, err := readMessage(args)
		if err != nil {
			return nil, err
		}
		return nil, c.Message(ctx, o)
	},
}

func callObject(c *sipua.Call) map[string]any {
	return object("id", c.ID(), "remote", identityObject(c.Remote()))
}

func identityObject(i sipua.Identity) map[string]any {
	return object("displayName", i.DisplayName, "uri", i.URI, "user", i.User)
}
