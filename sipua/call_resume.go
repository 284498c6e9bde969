package sipua

import (
	"errors"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
)

// CallSnapshot is what has to be known of an established call to go on with it in
// another program, such as a page after its reload: see [UserAgent.Restore]. It holds
// no secret, but who has it can end the call.
type CallSnapshot struct {
	CallID     string
	LocalTag   string
	RemoteTag  string
	LocalURI   string
	LocalName  string
	RemoteURI  string
	RemoteName string
	Target     string // where the other side is reached
	Routes     string // the route set: URIs with spaces between them
	LocalSeq   uint32 // a number that our requests have not reached
	RemoteSeq  uint32
	Direction  Direction
	Held       bool // by us
}

// CallSnapshotChanged: what [Call.Snapshot] returns is another one.
type CallSnapshotChanged struct{ Call *Call }

func (CallSnapshotChanged) event() {}

// Snapshot returns what Restore needs. It is false before the call is established and
// when it is over.
func (c *Call) Snapshot() (CallSnapshot, bool) {
	s := c.view.Load().snapshot
	if s == nil {
		return CallSnapshot{}, false
	}
	return *s, true
}

// snapshotStep rounds the sequence number of a snapshot up, so that not each request
// makes another one. The numbers of a dialog may leap (RFC 3261 section 12.2.2).
const snapshotStep = 100

func (c *Call) snapshot() *CallSnapshot {
	if c.state != Established || c.leg == nil {
		return nil
	}
	r := c.leg.dialog.Record()
	return &CallSnapshot{
		CallID: r.ID.CallID, LocalTag: r.ID.LocalTag, RemoteTag: r.ID.RemoteTag,
		LocalURI: r.Local, LocalName: r.LocalName, RemoteURI: r.Remote, RemoteName: r.RemoteName,
		Target: r.Target, Routes: strings.Join(r.Routes, " "),
		LocalSeq: (r.LocalSeq/snapshotStep + 1) * snapshotStep, RemoteSeq: r.RemoteSeq / snapshotStep * snapshotStep,
		Direction: c.direction, Held: c.localHold,
	}
}

// resumeTable is a call that another program has established.
//
//	             resumed      failure      media failed  hang up      ACK  no ACK  BYE
//	resuming     established  ended (BYE)  ended (BYE)   ended (BYE)  –    –       ended
//	established  –            –            ended (BYE)   ended (BYE)  yes  ended   ended
//	ended        –            –            –             –            –    –       –
var resumeTable = callTable{
	{Resuming, onResumed, Established, (*Call).resumed},
	{Resuming, onFailure, Ended, (*Call).resumeFailed},
	{Resuming, onMediaFailed, Ended, (*Call).resumeFailed},
	{Resuming, onHangup, Ended, (*Call).hangUpEstablished},
	{Resuming, onBye, Ended, (*Call).remoteBye},

	{Established, onMediaFailed, Ended, (*Call).establishedMediaFailed},
	{Established, onHangup, Ended, (*Call).hangUpEstablished},
	{Established, onAck, Established, (*Call).acked},
	{Established, onNoAck, Ended, (*Call).neverAcked},
	{Established, onBye, Ended, (*Call).remoteBye},
}

// Restore goes on with a call that was established before the program began anew: a
// re-INVITE from where we are now asks the other side for an offer, which fits the session
// as that side has it, and a new connection answers. Register
// before, with the InstanceID of before, so that the other side's requests come here. It
// returns at once; the call's events and Answered tell the rest. Where the other side
// does not agree, the call is ended by BYE. Of o, Media alone counts. Errors at once:
// CodeInvalidArgument, CodeInvalidState when there is that call already, CodeClosed.
func (ua *UserAgent) Restore(s CallSnapshot, o CallOptions) (*Call, error) {
	const op = "restore"
	r := dialog.Record{
		ID:    dialog.ID{CallID: s.CallID, LocalTag: s.LocalTag, RemoteTag: s.RemoteTag},
		Local: s.LocalURI, LocalName: s.LocalName, Remote: s.RemoteURI, RemoteName: s.RemoteName,
		Target: s.Target, Routes: strings.Fields(s.Routes), LocalSeq: s.LocalSeq, RemoteSeq: s.RemoteSeq,
		Caller: s.Direction == Outgoing,
	}
	d, err := dialog.Restore(r)
	if err == nil && s.Direction != Outgoing && s.Direction != Incoming {
		err = errors.New("the snapshot has no direction")
	}
	if err != nil {
		return nil, &Error{Op: op, Code: CodeInvalidArgument, Reason: "the snapshot is not that of a call", Err: err}
	}
	c := &Call{
		ua: ua, id: s.CallID, direction: s.Direction, table: resumeTable, state: Resuming,
		remote:   identity(s.RemoteName, d.Remote),
		answered: make(chan struct{}), ended: make(chan struct{}),
		leg: &leg{dialog: d}, localHold: s.Held,
		outgoing: outgoing{target: d.RemoteTarget, options: CallOptions{Media: o.Media}},
	}
	c.publish()
	if !ua.owner.post(c.resume) {
		return nil, &Error{Op: op, Code: CodeClosed, Reason: "the user agent was closed"}
	}
	return c, nil
}

func (c *Call) resume() {
	ua := c.ua
	c.media = newMediaWorker(c, c.outgoing.options.Media)
	fail := func(code Code, reason string) {
		c.enter(Ended)
		c.finish(CallEnded{By: Local, Err: &Error{Op: "restore", Code: code, Reason: reason}})
	}
	switch {
	case ua.closed:
		fail(CodeClosed, "the user agent was closed")
		return
	case ua.dialogs[c.leg.dialog.ID] != nil:
		fail(CodeInvalidState, "there is this call already")
		return
	}
	ua.addCall(c)
	ua.dialogs[c.leg.dialog.ID] = c
	c.troubled(TroubleReload, false)
	ua.connect(nil, func(l *link, err error) {
		switch {
		case err != nil:
			c.handle(onFailure, &callEvent{err: err})
			return
		case c.state != Resuming: // hung up meanwhile
			return
		}
		c.link = l
		c.troubled(TroubleReload, true)
		ch := &change{late: true}
		ch.end = func(err error) {
			c.survival.change = nil
			if err != nil {
				c.handle(onFailure, &callEvent{err: err})
				return
			}
			c.handle(onResumed, &callEvent{})
		}
		c.survival.change = ch // which is tried again while the other side has no flow either
		c.queueFirst(ch)
	})
}

func (c *Call) resumed(*callEvent) {
	c.recovered(nil)
	c.announceAnswered()
	c.nextChange()
}

func (c *Call) resumeFailed(e *callEvent) {
	err := asError("restore", CodeInternal, e.err)
	end := CallEnded{By: System, Status: err.Status, Reason: err.Reason, Err: err}
	c.finish(end)
	why := Reason{Protocol: "SIP", Cause: sip.StatusTemporarilyUnavailable, Text: "the call could not be resumed after a reload"}
	c.sendBye(c.leg.dialog, &why, c.hungUp)
}
