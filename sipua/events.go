package sipua

import "time"

// Event is a fact that a user agent reports. The concrete types are the structs
// of this file, and those of subscriptions, publications, messages and INFO in
// their files. Events reach listeners one at a time and in the order in which
// the facts came to be; a listener may call back into the user agent.
type Event interface{ event() }

// Connected: the WebSocket to Server is open. Flow numbers the flows of
// [Config.Flows], from 1.
type Connected struct {
	Flow   int
	Server string
}

// Disconnected: the WebSocket to Server is gone. Code and Reason are those of
// the WebSocket close (1006: no close frame). Err is nil when the user agent
// closed it itself.
type Disconnected struct {
	Flow   int
	Server string
	Code   int
	Reason string
	Err    error
}

// Reconnecting: there is no connection, and the next attempt comes after Delay,
// unless something asks for one before. Attempt counts from 1 after each
// connection.
type Reconnecting struct {
	Flow    int
	Attempt int
	Delay   time.Duration
}

// Registered: the registrar holds our binding for Expires from now on. It comes
// once for each successful REGISTER, refreshes included.
type Registered struct {
	Flow    int
	Expires time.Duration
	// Bindings are all of our address of record, those of other devices included.
	Bindings []Binding
	// GRUU is the address of exactly this user agent that the registrar gave it
	// (RFC 5627), "" when it gave none.
	GRUU string
	// Outbound tells that the registrar sends our calls over this flow (RFC 5626
	// section 6).
	Outbound bool
}

// RegistrationExpiring: the registration is about to be refreshed; without that
// it would end after Expires. It is the moment to bring what REGISTER carries up to
// date, such as a push token ([UserAgent.SetPush]).
type RegistrationExpiring struct {
	Flow    int
	Expires time.Duration
}

// RegistrationFailed: an attempt to register or to refresh failed. Unless Final is
// set, the user agent goes on trying: after RetryIn, or when RetryIn is 0, as soon
// as there is a connection again. Final means that trying again would not help,
// since the registrar refused for good or the credentials are wrong.
type RegistrationFailed struct {
	Flow    int
	Err     error
	RetryIn time.Duration
	Final   bool
}

// Unregistered: calls do not reach the user agent any more. Err says why; it is
// nil after Unregister and Shutdown. After an error the registrar may hold the
// binding until it expires, and the user agent goes on trying unless
// [RegistrationFailed] says that it does not.
type Unregistered struct{ Err error }

// IncomingCall: somebody calls. 180 Ringing has been sent; Accept or Reject
// decides.
//
// With Config.ManualRinging the 180 is the application's to send. AutoAnswer tells that
// the call is being accepted without it, as Config.AutoAnswer allows.
type IncomingCall struct {
	Call       *Call
	AutoAnswer bool
}

// ProtocolError: a message from the network that could not be used. It has been
// answered where SIP has an answer for it; the user agent goes on. Err is an
// *Error with CodeProtocol.
type ProtocolError struct{ Err error }

// CallStateChanged: the call is in State now. It comes before the event that
// says what happened.
type CallStateChanged struct {
	Call  *Call
	State CallState
}

// CallRinging: a provisional response came: 180 Ringing, 183 Session Progress,
// 181, 182, and 199 when one of several places has stopped ringing (RFC 6228).
// EarlyMedia tells that it brought a session description, Reliable that it was
// acknowledged (RFC 3262). Fork tells the places apart: see [Call.Forks].
type CallRinging struct {
	Call       *Call
	Fork       string
	Reliable   bool
	Status     int
	Reason     string
	EarlyMedia bool
}

// CallAnswered: the call is answered and its media is set up. For an outgoing
// call: the 2xx came and its answer is applied. For an incoming one: the 200 has
// been sent.
type CallAnswered struct{ Call *Call }

// CallHeld: By put the call on hold.
type CallHeld struct {
	Call *Call
	By   Party
}

// CallResumed: By took the call back from hold.
type CallResumed struct {
	Call *Call
	By   Party
}

// CallEnded: the call is over, for whatever reason. It is the last event of a
// call and comes exactly once.
type CallEnded struct {
	Call   *Call
	By     Party
	Status int    // of the final response, or of the Reason header in BYE or CANCEL; 0 when there is none
	Reason string // its phrase
	// Reasons are all that the other side gave (RFC 3326): of SIP, Q.850 and others.
	Reasons []Reason
	Err     error // why, when the call did not end by an ordinary hang-up; an *Error
}

// Party is who did something.
type Party string

// The parties of a call.
const (
	Local  Party = "local"  // this user agent's person or program
	Remote Party = "remote" // the other side
	System Party = "system" // neither: time-out, lost connection, media failure
)

func (Connected) event()            {}
func (Disconnected) event()         {}
func (Reconnecting) event()         {}
func (Registered) event()           {}
func (RegistrationExpiring) event() {}
func (RegistrationFailed) event()   {}
func (Unregistered) event()         {}
func (IncomingCall) event()         {}
func (ProtocolError) event()        {}
func (CallStateChanged) event()     {}
func (CallRinging) event()          {}
func (CallAnswered) event()         {}
func (CallHeld) event()             {}
func (CallResumed) event()          {}
func (CallEnded) event()            {}
