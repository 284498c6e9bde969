package main

import (
	"github.com/sipwasm/sipwasm/sipua"
)

// event turns an event of the core into one of the facade. It runs in the user
// agent's dispatcher, so that events keep their order.
func (p *port) event(a *agent, e sipua.Event) {
	switch e := e.(type) {
	case sipua.Connected:
		p.emit(a.handle, "connected", object("flow", e.Flow, "server", e.Server))
	case sipua.Disconnected:
		p.emit(a.handle, "disconnected", withError(object("flow", e.Flow, "server", e.Server, "code", e.Code, "reason", e.Reason), e.Err))
	case sipua.Registered:
		o := object("flow", e.Flow, "expires", e.Expires.Seconds(), "bindings", bindingObjects(e.Bindings), "outbound", e.Outbound)
		optional(o, "gruu", e.GRUU)
		p.emit(a.handle, "registered", o)
	case sipua.Reconnecting:
		p.emit(a.handle, "reconnecting", object("flow", e.Flow, "attempt", e.Attempt, "delay", float64(e.Delay.Milliseconds())))
	case sipua.RegistrationExpiring:
		p.emit(a.handle, "registrationExpiring", object("flow", e.Flow, "expires", e.Expires.Seconds()))
	case sipua.RegistrationFailed:
		o := withError(object("flow", e.Flow, "final", e.Final), e.Err)
		if e.RetryIn > 0 {
			o["retryIn"] = e.RetryIn.Seconds()
		}
		p.emit(a.handle, "registrationFailed", o)
	case sipua.Unregistered:
		p.emit(a.handle, "unregistered", withError(object(), e.Err))
	case sipua.ProtocolError:
		p.emit(a.handle, "protocolError", withError(object(), e.Err))
	case sipua.IncomingMessage:
		o := object("from", identityObject(e.From), "to", identityObject(e.To))
		p.emit(a.handle, "message", withContent(o, e.ContentType, e.Body))
	default:
		if !p.callEvent(a, e) {
			p.subscriptionEvent(a, e)
		}
	}
}

// object makes a payload of names and values.
func object(fields ...any) map[string]any {
	o := make(map[string]any, len(fields)/2)
	for i := 0; i < len(fields); i += 2 {
		o[fields[i].(string)] = fields[i+1]
	}
	return o
}

// texts is a list for JavaScript.
func texts(list []string) []any {
	return objects(list, func(s string) any { return s })
}

// objects makes a list of what f makes of each item; it is never null.
func objects[T any](list []T, f func(T) any) []any {
	all := make([]any, len(list))
	for i, v := range list {
		all[i] = f(v)
	}
	return all
}

func withError(o map[string]any, err error) map[string]any {
	if err != nil {
		o["error"] = errorObject(err)
	}
	return o
}

// trace switches the event "trace" on or off.
func (p *port) trace(a *agent, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case on && a.stopTrace == nil:
		a.stopTrace = a.ua.Trace(func(m sipua.TraceMessage) {
			p.emit(a.handle, "trace", object("time", m.Time.UnixMilli(), "direction", string(m.Direction), "server", m.Server, "text", m.Text))
		})
	case !on && a.stopTrace != nil:
		a.stopTrace()
		a.stopTrace = nil
	}
}
