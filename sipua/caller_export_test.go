package sipua

import "github.com/sipwasm/sipwasm/sipua/internal/dialog"

// What the tests see of the headers of a call, before a call carries it.
var (
	ParseReplaces   = parseReplaces
	ParseJoin       = parseJoin
	ParseReferTo    = parseReferTo
	ParseReferredBy = parseReferredBy
	ReplacesOf      = replacesOf
	AddressValue    = addressValue
)

// ReferTo is the content of a Refer-To header.
type ReferTo = referTo

// Wire is the value of the header.
func (r referTo) Wire() string { return r.value() }

// Wire is the value of the header.
func (r Replaces) Wire() string { return r.value() }

// Wire is the value of the header.
func (j Join) Wire() string { return j.value() }

// Meant tells whether the dialog of these three is meant.
func (r Replaces) Meant(callID, local, remote string) bool {
	return r.matches(dialog.ID{CallID: callID, LocalTag: local, RemoteTag: remote})
}

// Meant tells whether the dialog of these three is meant.
func (j Join) Meant(callID, local, remote string) bool {
	return j.matches(dialog.ID{CallID: callID, LocalTag: local, RemoteTag: remote})
}
