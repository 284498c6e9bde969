package sipua

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code classifies an [Error]. The same strings are the `code` of a SipError in
// JavaScript.
type Code string

// The codes, one for each thing that a program may want to do about a failure.
const (
	CodeInvalidArgument  Code = "invalid-argument"  // the caller's input is wrong; the error says what
	CodeInvalidState     Code = "invalid-state"     // not possible in this state of the call or user agent
	CodeClosed           Code = "closed"            // the user agent was closed
	CodeConnectionFailed Code = "connection-failed" // no server could be reached
	CodeConnectionLost   Code = "connection-lost"   // the connection broke before the answer came
	CodeTimeout          Code = "timeout"           // the peer did not answer in time (Timer B or F, RFC 3261 section 17)
	CodeRejected         Code = "rejected"          // the peer answered with a failure: see Status and Reason
	CodeUnauthorized     Code = "unauthorized"      // the credentials were refused, or none are known for the challenge
	CodeCanceled         Code = "canceled"          // the act was given up before it was done
	CodeProtocol         Code = "protocol"          // the peer sent something that cannot be used
	CodeMediaDenied      Code = "media-denied"      // the person or the browser refused the microphone
	CodeMediaNotFound    Code = "media-not-found"   // there is no microphone
	CodeInsecureContext  Code = "insecure-context"  // the page is not served securely, so the browser keeps the microphone from it
	CodeMediaFailed      Code = "media-failed"      // the peer connection failed or refused a description
	CodeUnsupported      Code = "unsupported"       // this media or transport cannot do it
	CodeInternal         Code = "internal"          // a defect of this package
)

// Error is the error of every verb of this package. Code branches, Status and
// Reason carry the SIP response where there was one, Err the cause.
//
// An Error matches another one in [errors.Is] when the codes are the same, so
// that errors.Is(err, sipua.ErrTimeout) works for every time-out.
type Error struct {
	Op     string // what was tried: "register", "call", "hold", …
	Code   Code
	Status int    // of the SIP response, 0 when there was none
	Reason string // its reason phrase, or what happened and what to do about it
	// RetryAfter is how long the other side asks to leave it alone (RFC 3261 section
	// 20.33), 0 when it did not say.
	RetryAfter time.Duration
	Err        error
}

// Sentinels for errors.Is.
var (
	ErrInvalidArgument  = &Error{Code: CodeInvalidArgument}
	ErrInvalidState     = &Error{Code: CodeInvalidState}
	ErrClosed           = &Error{Code: CodeClosed}
	ErrConnectionFailed = &Error{Code: CodeConnectionFailed}
	ErrConnectionLost   = &Error{Code: CodeConnectionLost}
	ErrTimeout          = &Error{Code: CodeTimeout}
	ErrRejected         = &Error{Code: CodeRejected}
	ErrUnauthorized     = &Error{Code: CodeUnauthorized}
	ErrCanceled         = &Error{Code: CodeCanceled}
	ErrProtocol         = &Error{Code: CodeProtocol}
	ErrMediaDenied      = &Error{Code: CodeMediaDenied}
	ErrMediaNotFound    = &Error{Code: CodeMediaNotFound}
	ErrInsecureContext  = &Error{Code: CodeInsecureContext}
	ErrMediaFailed      = &Error{Code: CodeMediaFailed}
	ErrUnsupported      = &Error{Code: CodeUnsupported}
	ErrInternal         = &Error{Code: CodeInternal}
)

func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(string(e.Code))
	if e.Status != 0 {
		fmt.Fprintf(&b, " (%d %s)", e.Status, e.Reason)
	} else if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an *Error with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// asError gives err the name of the act it ended. A typed error keeps its code;
// what has none gets code.
func asError(op string, code Code, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		if e.Op == op {
			return e
		}
		c := *e
		c.Op = op
		return &c
	}
	return &Error{Op: op, Code: code, Err: err}
}
