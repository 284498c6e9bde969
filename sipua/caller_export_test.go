package sipua

import (
	"time"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
)

// What the tests see of the headers of a call, before a call carries it.
var (
	ParseReplaces   = parseReplaces
	ParseJoin       = parseJoin
	ParseReferTo    = parseReferTo
	ParseReferredBy = parseReferredBy
	ReplacesOf      = replacesOf
	AddressValue    = addressValue
	CallerOf        = callerOf
	ReasonsOf       = reasonsOf
	Anonymize       = anonymize
	PrivacyHeaders  = privacyHeaders
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

// Asks tells whether the caller asks to be answered, and after which delay.
func (c Caller) Asks(allow AutoAnswer) (time.Duration, bool) { return c.autoAnswer(allow) }

// Wire is the value of the header.
func (r Reason) Wire() string { return r.header() }

// Check judges a reason of the application.
func (r Reason) Check() error { return r.check() }
