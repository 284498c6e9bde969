package main

import (
	"github.com/sipwasm/sipwasm/sipua"
)

// callEvent takes the events of calls and reports whether e is one.
func (p *port) callEvent(a *agent, e sipua.Event) bool {
	switch e := e.(type) {
	case sipua.IncomingCall:
		o := callObject(e.Call)
		o["call"], o["caller"], o["autoAnswer"] = p.handleOf(e.Call), callerObject(e.Call.Caller()), e.AutoAnswer
		if replaced := e.Call.Replaces(); replaced != nil {
			if handle, ok := p.lookup(replaced); ok {
				o["replaces"] = handle
			}
		}
		p.prepare(a, e.Call)
		p.emit(a.handle, "incoming", o)
	case sipua.CallStateChanged:
		p.emitOn(e.Call, "state", object("state", string(e.State)))
	case sipua.CallRinging:
		p.emitOn(e.Call, "ringing", object("status", e.Status, "reason", e.Reason, "earlyMedia", e.EarlyMedia, "fork", e.Fork,
			"reliable", e.Reliable, "forks", objects(e.Call.Forks(), forkValue)))
	case sipua.CallRedirected:
		p.emitOn(e.Call, "redirected", object("status", e.Status, "target", e.Target))
	case sipua.CallAnswered:
		p.emitOn(e.Call, "answered", object("forks", objects(e.Call.Forks(), forkValue), "focus", e.Call.Focus()))
	case sipua.CallMediaChanged:
		p.emitOn(e.Call, "media", object("streams", objects(e.Streams, streamValue), "focus", e.Call.Focus()))
	case sipua.CallIdentityChanged:
		p.emitOn(e.Call, "identity", object("caller", callerObject(e.Caller)))
	case sipua.CallHeld:
		p.emitOn(e.Call, "held", object("by", string(e.By)))
	case sipua.CallResumed:
		p.emitOn(e.Call, "resumed", object("by", string(e.By)))
	case sipua.CallTone:
		o := object("tone", e.Tone, "method", string(e.Method))
		if e.Duration > 0 {
			o["duration"] = float64(e.Duration.Milliseconds())
		}
		p.emitOn(e.Call, "tone", o)
	case sipua.CallRecovering:
		p.emitOn(e.Call, "recovering", object("why", string(e.Why), "offering", e.Offering))
	case sipua.CallRecovered:
		p.emitOn(e.Call, "recovered", withError(object(), e.Err))
	case sipua.CallConnection:
		p.emitOn(e.Call, "connection", object("state", string(e.State)))
	case sipua.CallSessionRefreshed:
		p.emitOn(e.Call, "refreshed", object("interval", e.Interval.Seconds(), "byUs", e.ByUs))
	case sipua.CallSnapshotChanged:
		// The facade keeps the one that it was told last, because a page that goes
		// away cannot wait for an answer.
		if s, ok := e.Call.Snapshot(); ok {
			p.emitOn(e.Call, "snapshot", snapshotObject(s))
		}
	case sipua.CallReplaced:
		if by, ok := p.lookup(e.By); ok {
			p.emitOn(e.Call, "replaced", object("by", by))
		}
	case sipua.CallReferred:
		p.emitOn(e.Call, "referred", p.referralObject(e.Referral))
	case sipua.ReferralReceived:
		p.emit(a.handle, "referral", p.referralObject(e.Referral))
	case sipua.ReferralEnded:
		p.emitOn(e.Referral, "ended", object())
		p.forget(e.Referral)
	case sipua.TransferProgress:
		p.transferProgress(e)
	case sipua.CallEnded:
		p.takePrepared(a, e.Call).giveUp()
		p.emitOn(e.Call, "ended", withError(object("by", string(e.By), "status", e.Status, "reason", e.Reason,
			"reasons", objects(e.Reasons, reasonValue)), e.Err))
		p.forget(e.Call)
	case sipua.CallInfo:
		o := withContent(object(), e.ContentType, e.Body)
		optional(o, "package", e.Package)
		p.emitOn(e.Call, "info", o)
	case sipua.CallMessage:
		p.emitOn(e.Call, "message", withContent(object(), e.ContentType, e.Body))
	default:
		return false
	}
	return true
}
