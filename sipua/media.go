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
	// answer (early media) may be followed by others and by the final one. Where
	// the INVITE forked, the next answer may come from another fork than the last
	// (RFC 3261 section 13.2.2.4): with other ICE credentials and another
	// fingerprint. The latest answer counts; nothing of an earlier one is left.
	ApplyAnswer(ctx context.Context, answer string, provisional bool) error

	// Rollback withdraws the offer made last (RFC 8829 section 4.1.10.2): the
	// session is as it was before CreateOffer.
	Rollback(ctx context.Context) error

	// RestartICE makes the next CreateOffer carry new ICE credentials.
	RestartICE(ctx context.Context) error

	// AddCandidate adds a remote candidate that came outside a description, to the
	// description of its generation, which has been applied.
	AddCandidate(ctx context.Context, c Candidate) error

	// Close ends the media and frees the microphone. It does not block.
	Close()
}

// OfferOptions says what the local side wants in the next description.
type OfferOptions struct {
	// Hold asks for a description that does not want to receive: sendonly, or
	// inactive where the remote side does not receive either (RFC 3264 section
	// 8.4). False takes the local hold back.
	Hold bool

	// NoVideo asks for video streams that are inactive, whatever SetVideo gave.
	// They stay in the description, as RFC 3264 section 8 wants. False gives them
	// back the direction that the local side wants.
	NoVideo bool

	// Trickle lets the candidates follow the description (RFC 8838): it is made
	// without waiting for them. It is set for a Trickler alone.
	Trickle bool
}

// Candidate is one way to reach a side (RFC 8839 section 5.1).
type Candidate struct {
	Candidate string // "candidate:…"; "" when there are no others in that stream
	Mid       string // of the stream (RFC 5888)
	Ufrag     string // of the generation, that of its description
}

// Trickler is a Media that tells of candidates as they are found, so that they can
// follow a description: see [Config.Trickle]. Without it a description waits for
// them, and what is found later is not told.
type Trickler interface {
	// WatchCandidates calls f with the local description each time that it has gained
	// candidates, and when it has all of them: with a=end-of-candidates in its streams
	// (RFC 8840 section 8). It is called once, right after the media was made. f does
	// not block and may be called on any goroutine, one call at a time and in order.
	WatchCandidates(f func(sdp string))
}

// VideoSender is a Media that can send video. Without it a call is of sound
// alone, and the video that the remote side offers is refused.
type VideoSender interface {
	// SetVideo sends the video of source in place of what was sent before; nil
	// sends none. It is called like a method of Media: alone, and not between an
	// offer and its answer. It may ask the person for the camera or the screen.
	//
	// negotiate says that the change needs a new offer: there is no video stream
	// yet, or the one that there is was agreed not to send from here; and for nil,
	// which stops at once, that the other side expects video still. It is false
	// when the new source took the place of another. After an error what was sent
	// before is sent still.
	SetVideo(ctx context.Context, source *VideoSource) (negotiate bool, err error)
}

// VideoSource says what is sent as video. The zero value is the default camera.
type VideoSource struct {
	// Screen is the screen, a window or a tab that the person chooses, instead of
	// a camera.
	Screen bool
	// Options belongs to the application and the implementation of Media, which
	// alone knows its type: constraints, a track. Nil is the default.
	Options any
}

// ConnectionState is the state of the connection that carries the media: ICE
// and DTLS together (W3C WebRTC section 4.3.3).
type ConnectionState string

// The states of a media connection.
const (
	ConnectionNew          ConnectionState = "new"          // before the first answer
	ConnectionConnecting   ConnectionState = "connecting"   // checks run, or are about to
	ConnectionConnected    ConnectionState = "connected"    // media can flow
	ConnectionDisconnected ConnectionState = "disconnected" // nothing comes back; it may recover by itself
	ConnectionFailed       ConnectionState = "failed"       // an ICE restart alone can help
	ConnectionClosed       ConnectionState = "closed"       // after Close; browsers do not report it
)

// ConnectionWatcher is a Media that knows the state of its connection. Without
// it a connection that was lost is not noticed, and no ICE restart follows.
type ConnectionWatcher interface {
	// WatchConnection calls f with each new state from now on. It is called once,
	// right after the media was made, before any other method. f does not block
	// and may be called on any goroutine, one call at a time and in order.
	WatchConnection(f func(ConnectionState))
}

// Mixer is a Media that can take part in a conference mixed here.
type Mixer interface {
	// Mix sends what the others receive besides the own sound. They are media that
	// the same factory made, never this one. Each call replaces the one before;
	// nil or none sends the own sound alone. One of the others may be closed at any
	// time and is silence then. It does not block.
	Mix(others []Media) error
}

// ToneReceiver is a Media that reports the telephone events that it receives
// (RFC 4733). Browsers have no interface for it.
type ToneReceiver interface {
	// OnTone calls f with each tone ("0" to "9", "A" to "D", "*", "#") that ended,
	// and how long it was. It is called once, right after the media was made. f
	// does not block and may be called on any goroutine, one call at a time and in
	// order.
	OnTone(f func(tone string, d time.Duration))
}

// Muter is a Media that can silence the microphone without renegotiation.
type Muter interface {
	// Mute stops or resumes the sending of the local sound. It does not block.
	Mute(mute bool) error
}

// MicrophoneSender is a Media that can change its microphone without renegotiation.
type MicrophoneSender interface {
	// SetMicrophone sends the sound of the microphone that options name, which are
	// of the kind that the factory takes, in place of the one before; what is muted
	// or on hold stays so. It is called like a method of Media, alone, and may ask
	// the person. After an error what was sent before is sent still.
	SetMicrophone(ctx context.Context, options any) error
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
	Method   DTMFMethod    // default DTMFRTP
	Duration time.Duration // of each tone; default 100 ms, 40 ms to 6 s
	Gap      time.Duration // between tones; default 70 ms, 30 ms to 6 s
}
