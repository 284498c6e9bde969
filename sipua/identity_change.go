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
	asserted, party := assertedOf(msg), remotePartiesOf(msg)
	changed := false
	if len(asserted) > 0 && !slices.Equal(asserted, c.caller.Asserted) {
		c.caller.Asserted, changed = asserted, true
	}
	if len(party) > 0 && !slices.Equal(party, c.caller.RemoteParty) {
		c.caller.RemoteParty, changed = party, true
	}
	if changed {
		c.publish()
		c.ua.emit(CallIdentityChanged{Call: c, Caller: c.caller})
	}
}
