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
	gather := time.Duration(number(args, "iceGatheringTimeout", 2000)) * time.Millisecond
	iceServers := args.Get("iceServers")
	var servers []sipua.Server
	if list := args.Get("servers"); isObject(list) {
		for i := range list.Length() {
			servers = append(servers, readServer(list.Index(i)))
		}
	}
	ua, err := sipua.New(sipua.Config{
		URI: text(args, "uri"), DisplayName: text(args, "displayName"), Servers: servers,
		Credentials:         sipua.Credentials{Username: text(args, "username"), Password: text(args, "password"), HA1: text(args, "ha1")},
		InstanceID:          text(args, "instanceId"),
		RegistrationExpires: time.Duration(number(args, "registrationExpires", 0) * float64(time.Second)),
		UserAgent:           text(args, "userAgent"),
		ConnectTimeout:      time.Duration(number(args, "connectTimeout", 0) * float64(time.Millisecond)),
		Transport:           sockets{host: p.host},
		OnEvent:             func(e sipua.Event) { p.event(a, e) },
		Media: func(ctx context.Context, c *sipua.Call, options any) (sipua.Media, error) {
			o, _ := options.(js.Value)
			h := p.handleOf(c)
			media, err := newPeer(ctx, p.host, readMediaOptions(o), iceServers, gather, func(pc, stream js.Value) {
				p.emit(h, "peerconnection", map[string]any{"peerConnection": pc})
				p.emit(h, "localstream", map[string]any{"stream": stream})
			})
			if err != nil {
				return nil, err // not a nil *peer in an interface
			}
			return media, nil
		},
	})
	if err != nil {
		return nil, err
	}
	a.ua = ua
	p.mu.Lock()
	p.agents[handle] = a
	p.mu.Unlock()
	return map[string]any{"instanceId": ua.InstanceID()}, nil
}

// readServer reads one entry of servers: a URL, or { url, priority, weight }.
func readServer(v js.Value) sipua.Server {
	if v.Type() == js.TypeString {
		return sipua.Server{URL: v.String()}
	}
	return sipua.Server{URL: text(v, "url"), Priority: uint16(number(v, "priority", 0)), Weight: uint16(number(v, "weight", 0))}
}

// agentOps are the verbs of a user agent.
var agentOps = map[string]func(*port, context.Context, *agent, js.Value) (any, error){
	"register": func(_ *port, ctx context.Context, a *agent, _ js.Value) (any, error) {
		return nil, a.ua.Register(ctx)
	},
	"unregister": func(_ *port, ctx context.Context, a *agent, _ js.Value) (any, error) {
		return nil, a.ua.Unregister(ctx)
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
		headers, err := readHeaders(args.Get("headers"))
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
}

// readHeaders reads [name, value] pairs. What is none is refused, so that no
// header is left out in silence.
func readHeaders(list js.Value) ([]sipua.Header, error) {
	if list.IsUndefined() || list.IsNull() {
		return nil, nil
	}
	wrong := &sipua.Error{Op: "call", Code: sipua.CodeInvalidArgument, Reason: `headers wants [name, value] pairs of strings, such as [["X-Ticket", "4711"]]`}
	if !isArray(list) {
		return nil, wrong
	}
	var headers []sipua.Header
	for i := range list.Length() {
		h := list.Index(i)
		if !isArray(h) || h.Length() != 2 || h.Index(0).Type() != js.TypeString || h.Index(1).Type() != js.TypeString {
			return nil, wrong
		}
		headers = append(headers, sipua.Header{Name: h.Index(0).String(), Value: h.Index(1).String()})
	}
	return headers, nil
}

func callObject(c *sipua.Call) map[string]any {
	r := c.Remote()
	return map[string]any{"id": c.ID(), "remote": map[string]any{"displayName": r.DisplayName, "uri": r.URI, "user": r.User}}
}
