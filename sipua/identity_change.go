package sipua

import (
	"slices"

	"github.com/emiago/sipgo/sip"
)

// CallIdentityChanged: the network tells somebody else at the other side than before, as
// a PBX does after a transfer, or for the first time who has answered (RFC 3325, RFC 4916).
// [Call.Caller] has it.
type CallIdentityChanged struct {
	Call   *Call
	Caller Caller
}

func (CallIdentityChanged) event() {}

// learnCaller takes the identity that a response to our INVITE, or a re-INVITE or UPDATE,
// asserts.
func (c *Call) learnCaller(msg sip.Message) {
	select {
	case <-c.ended:
		return // an answer that came late; CallEnded was the last event
	default:
	}
	told := c.caller
	told.Asserted, told.RemoteParty = nil, remotePartiesOf(msg)
	told.assert(msg)
	changed := false
	if len(told.Asserted) > 0 && !slices.Equal(told.Asserted, c.caller.Asserted) {
		c.caller.Asserted, c.caller.Verstat, changed = told.Asserted, told.Verstat, true
	}
	if len(told.RemoteParty) > 0 && !slices.Equal(told.RemoteParty, c.caller.RemoteParty) {
		c.caller.RemoteParty, changed = told.RemoteParty, true
	}
	if changed {
		c.publish()
		c.ua.emit(CallIdentityChanged{Call: c, Caller: c.caller})
	}
}
