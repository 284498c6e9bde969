package sipua

import (
	"context"
	"time"
)

// MediaFactory makes the media of one call. It is called once for each call,
// beside the user agent's goroutine, when the first offer or answer is needed:
// it may ask the person for the microphone and may block until ctx ends.
//
// options is what the application gave as CallOptions.Media or
// AcceptOptions.Media, untouched; the factory alone knows its type.
type MediaFactory func(ctx context.Context, call *Call, options any) (Media, error)

// Media is the offer/answer side of one peer connection (RFC 8829, JSEP). It is
// the second seam of this package: the user agent sees session descriptions as
// text and never a track, a codec or a candidate.
//
// The user agent calls these methods one at a time, in the order that RFC 3264
// allows: after CreateOffer comes ApplyAnswer or Rollback before the next
// CreateOffer or CreateAnswer. Every method may block until ctx ends, which it
// does when the call ends. Close comes last, once.
//
// Errors reach the application. An *Error keeps its code (CodeMediaDenied,
// CodeMediaNotFound, …); any other one becomes CodeMediaFailed.
type Media interface {
	// CreateOffer makes a new offer, applies it locally and returns it with the
	// candidates that the implementation's ICE policy waits for.
	CreateOffer(ctx context.Context, o OfferOptions) (sdp string, err error)

	// CreateAnswer applies the remote offer, makes the answer, applies it locally
	// and returns it. After an error the previous state holds, as after Rollback.
	CreateAnswer(ctx context.Context, offer string, o OfferOptions) (sdp string, err error)

	// ApplyAnswer applies the remote answer to the offer made last. A provisional
	// answer (early media) may be followed by others and by the final one.
	ApplyAnswer(ctx context.Context, answer string, provisional bool) error

	// Rollback withdraws the offer made last (RFC 8829 section 4.1.10.2): the
	// session is as it was before CreateOffer.
	Rollback(ctx context.Context) error

	// RestartICE makes the next CreateOffer carry new ICE credentials.
	RestartICE(ctx context.Context) error

	// AddCandidate adds a remote candidate that came outside a description.
	AddCandidate(ctx context.Context, candidate string) error

	// Close ends the media and frees the microphone. It does not block.
	Close()
}

// OfferOptions says what the local side wants in the next description.
type OfferOptions struct {
	// Hold asks for a description that does not want to receive: sendonly, or
	// inactive where the remote side does not receive either (RFC 3264 section
	// 8.4). False takes the local hold back.
	Hold bool
}

// Muter is a Media that can silence the microphone without renegotiation.
type Muter interface {
	// Mute stops or resumes the sending of the local sound. It does not block.
	Mute(mute bool) error
}

// DTMFSender is a Media that sends telephone events (RFC 4733). SendDTMF may run
// while another method of Media does; there is one SendDTMF at a time.
type DTMFSender interface {
	// SendDTMF sends tones one after the other and returns when the last one has
	// been sent or ctx ends.
	SendDTMF(ctx context.Context, tones string, o DTMFOptions) error
}

// DTMFOptions times telephone events. Zero values mean the defaults of W3C
// WebRTC section 7.2.
type DTMFOptions struct {
	Duration time.Duration // of each tone; default 100 ms, 40 ms to 6 s
	Gap      time.Duration // between tones; default 70 ms, 30 ms to 6 s
}
