package sipuatest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sipwasm/sipwasm/sipua"
)

// SignalingState is the state of a peer connection (RFC 8829 section 3.2, W3C
// WebRTC section 4.3.1).
type SignalingState string

// The signalling states.
const (
	Stable             SignalingState = "stable"
	HaveLocalOffer     SignalingState = "have-local-offer"
	HaveRemoteOffer    SignalingState = "have-remote-offer"
	HaveLocalPranswer  SignalingState = "have-local-pranswer" // not reachable: the user agent makes final answers alone
	HaveRemotePranswer SignalingState = "have-remote-pranswer"
	Closed             SignalingState = "closed"
)

// MediaError is what a browser would throw: Name is that of the DOMException.
type MediaError struct {
	Name    string // "InvalidStateError", "InvalidAccessError", "OperationError", …
	Message string
}

func (e *MediaError) Error() string { return e.Name + ": " + e.Message }

func mediaError(name, format string, a ...any) error {
	return &MediaError{name, fmt.Sprintf(format, a...)}
}

// Verb names a method of [Media] for a hook. VerbOpen is the making of the
// media, where a browser asks for the microphone.
type Verb string

// The verbs, in the order in which a call may meet them.
const (
	VerbOpen         Verb = "Open"
	VerbCreateOffer  Verb = "CreateOffer"
	VerbCreateAnswer Verb = "CreateAnswer"
	VerbApplyAnswer  Verb = "ApplyAnswer"
	VerbRollback     Verb = "Rollback"
	VerbRestartICE   Verb = "RestartICE"
	VerbAddCandidate Verb = "AddCandidate"
	VerbSetVideo     Verb = "SetVideo"
	VerbMicrophone   Verb = "SetMicrophone"
)

// MediaOptions programs a [Media] or [Factory].
type MediaOptions struct {
	// Delay is how long each verb takes. Default: no time.
	Delay time.Duration
	// Hook, when set, is called at the beginning of each verb, with the
	// description or candidate that was given to it. It may block until ctx ends;
	// its error is the error of the verb, which then changes nothing.
	Hook func(ctx context.Context, verb Verb, input string) error
	// Video sends the default camera from the beginning, as SetVideo does.
	Video bool
	// Plain makes the media of an old telephone: RTP/AVP, without ICE and DTLS.
	// It understands nothing else, and no browser understands it.
	Plain bool
	// NoConnect leaves the state of the connection to [Media.SetConnection].
	// Default: it is "connected" with the first answer, and again with each answer
	// that leads to other ICE credentials.
	NoConnect bool
}

// Factory makes the media of a user agent's calls and keeps them for the test.
//
//	media := &sipuatest.Factory{}
//	ua, err := sipua.New(sipua.Config{Media: media.New, …})
type Factory struct {
	MediaOptions

	mu    sync.Mutex
	media []*Media
	calls map[*sipua.Call]*Media
}

// New is a sipua.MediaFactory.
func (f *Factory) New(ctx context.Context, call *sipua.Call, options any) (sipua.Media, error) {
	if err := f.run(ctx, VerbOpen, ""); err != nil {
		return nil, err
	}
	m := NewMedia(f.MediaOptions)
	m.Options = options
	f.mu.Lock()
	defer f.mu.Unlock()
	f.media = append(f.media, m)
	if f.calls == nil {
		f.calls = map[*sipua.Call]*Media{}
	}
	f.calls[call] = m
	return m, nil
}

// All returns the media made so far, in order.
func (f *Factory) All() []*Media {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*Media(nil), f.media...)
}

// For returns the media of a call, or nil as long as it has none.
func (f *Factory) For(call *sipua.Call) *Media {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[call]
}

// Media is a fake peer connection with sound and, when one side asks for it,
// video. It moves nothing, but is as strict as a browser: it keeps the
// signalling state of JSEP, parses what it is given and refuses what
// RTCPeerConnection would refuse. It also refuses two verbs at a time, an answer
// that asks for more than was offered, and credentials that change where nobody
// restarted ICE. It makes session descriptions as Chromium does. It implements
// [sipua.Media] and all its optional interfaces.
//
// A test plays the other side with another Media.
type Media struct {
	// Options is what the application gave to the call, for tests.
	Options any

	options MediaOptions
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	watch   watch
	gather  gathering

	mu         sync.Mutex
	busy       Verb // the verb that runs
	state      SignalingState
	session    session // as negotiated
	pending    session // as it will be when the offer is answered
	identity   identity
	version    uint64 // of o=, RFC 3264 section 8
	mids       int    // given so far
	restart    bool
	restarts   int
	video      *sipua.VideoSource
	muted      bool
	tones      string
	microphone any
	mixed      []sipua.Media
	onTone     func(tone string, d time.Duration)
	log        []string
	candidate  []string
	closed     int
}

var (
	_ sipua.Media             = (*Media)(nil)
	_ sipua.Muter             = (*Media)(nil)
	_ sipua.DTMFSender        = (*Media)(nil)
	_ sipua.VideoSender       = (*Media)(nil)
	_ sipua.MicrophoneSender  = (*Media)(nil)
	_ sipua.ConnectionWatcher = (*Media)(nil)
	_ sipua.Mixer             = (*Media)(nil)
	_ sipua.Trickler          = (*Media)(nil)
	_ sipua.ToneReceiver      = (*Media)(nil)
)

// NewMedia makes a fake peer connection in the state "stable".
func NewMedia(o MediaOptions) *Media {
	ctx, cancel := context.WithCancel(context.Background())
	m := &Media{
		options: o, ctx: ctx, cancel: cancel,
		watch:    watch{state: sipua.ConnectionNew},
		state:    Stable,
		identity: newIdentity(),
		version:  1,
	}
	if o.Video {
		m.video = &sipua.VideoSource{}
	}
	return m
}

// CreateOffer implements sipua.Media. It is allowed in "stable".
func (m *Media) CreateOffer(ctx context.Context, o sipua.OfferOptions) (sdp string, err error) {
	err = m.verb(ctx, VerbCreateOffer, "", func() error {
		if m.state != Stable {
			return mediaError("InvalidStateError", "CreateOffer in the state %s: answer or roll back the offer before", m.state)
		}
		next := m.session
		if next.ice == (credentials{}) || m.restart {
			next.ice = newCredentials()
		}
		next.streams = m.offered(o)
		m.version++
		next.local = m.describe(next, "actpass", true)
		if o.Trickle {
			next.local = m.trickled(next)
		}
		m.pending, m.state, sdp = next, HaveLocalOffer, next.local
		return nil
	})
	return sdp, err
}

// CreateAnswer implements sipua.Media. It is allowed in "stable".
func (m *Media) CreateAnswer(ctx context.Context, offer string, o sipua.OfferOptions) (sdp string, err error) {
	err = m.verb(ctx, VerbCreateAnswer, offer, func() error {
		if m.state != Stable {
			return mediaError("InvalidStateError", "CreateAnswer in the state %s: an offer of our own is open (glare)", m.state)
		}
		remote, err := parseOffer(offer, m.session, m.options.Plain)
		if err != nil {
			return err
		}
		m.state = HaveRemoteOffer // never seen from outside: the verb ends in stable
		next := m.session
		if next.ice == (credentials{}) || m.session.remoteICE != (credentials{}) && m.session.remoteICE != remote.ice {
			next.ice = newCredentials() // the first exchange, or the peer restarts ICE (RFC 8839 section 4.4.1.1)
		}
		next.remote, next.remoteICE, next.fingerprint = offer, remote.ice, remote.fingerprint
		next.streams = m.answered(remote, o)
		switch { // RFC 5763 section 5: active where the offer leaves it open, and then for good
		case remote.setup == "active":
			next.role = "passive"
		case remote.setup == "passive" || next.role == "" || remote.fingerprint != m.session.fingerprint:
			next.role = "active"
		}
		m.version++
		next.local = m.describe(next, next.role, remote.bundle)
		if o.Trickle {
			next.local = m.trickled(next)
		}
		m.complete(next)
		sdp = next.local
		return nil
	})
	return sdp, err
}

// ApplyAnswer implements sipua.Media. It is allowed in "have-local-offer" and
// "have-remote-pranswer". After a provisional answer the next one may come from
// another fork, as in Chromium: with other ICE credentials and another
// fingerprint.
func (m *Media) ApplyAnswer(ctx context.Context, answer string, provisional bool) error {
	return m.verb(ctx, VerbApplyAnswer, answer, func() error {
		if m.state != HaveLocalOffer && m.state != HaveRemotePranswer {
			return mediaError("InvalidStateError", "ApplyAnswer in the state %s: there is no offer to answer", m.state)
		}
		remote, err := parseAnswer(answer, m.pending.streams, m.options.Plain)
		if err != nil {
			return err
		}
		if err := m.sameConnection(remote); err != nil {
			return err
		}
		next := m.pending
		next.remote, next.remoteICE, next.fingerprint = answer, remote.ice, remote.fingerprint
		next.role = map[string]string{"active": "passive", "passive": "active"}[remote.setup]
		if provisional {
			// The offer stays open: the next answer is measured against it.
			moved := m.pending.remoteICE != remote.ice
			m.pending, m.state = next, HaveRemotePranswer
			m.watch.due = moved
			return nil
		}
		next.streams = agreed(m.pending.streams, remote)
		m.restart = false
		m.complete(next)
		return nil
	})
}

// complete ends an exchange of offer and answer.
func (m *Media) complete(next session) {
	before := m.session
	if m.state == HaveRemotePranswer {
		before.remoteICE = m.pending.remoteICE // connected with the provisional answer
	}
	m.watch.due = before.remoteICE != next.remoteICE || m.session.remote == "" && m.options.Plain
	if m.session.ice != (credentials{}) && m.session.ice != next.ice {
		m.restarts++
	}
	m.session, m.pending, m.state = next, session{}, Stable
}

// Rollback implements sipua.Media. It is allowed in "have-local-offer": W3C
// WebRTC section 4.4.1.5 refuses it in "stable" and after a provisional answer.
// Sections that came with the offer are gone; what they were to send stays
// wanted, so that the next offer has them anew.
func (m *Media) Rollback(ctx context.Context) error {
	return m.verb(ctx, VerbRollback, "", func() error {
		if m.state != HaveLocalOffer {
			return mediaError("InvalidStateError", "Rollback in the state %s: there is no open offer", m.state)
		}
		m.pending, m.state = session{}, Stable
		return nil
	})
}

// RestartICE implements sipua.Media. The new credentials stay wanted until an
// offer with them has been answered, also over a rollback.
func (m *Media) RestartICE(ctx context.Context) error {
	return m.verb(ctx, VerbRestartICE, "", func() error {
		m.restart = true
		return nil
	})
}

// Close implements sipua.Media. A verb that runs ends with an error.
func (m *Media) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
	m.state = Closed
	m.mixed = nil
	m.log = append(m.log, "Close")
	m.cancel()
}

var errClosed = &MediaError{"InvalidStateError", "the peer connection is closed"}

// verb runs one verb: alone, with its delay and hook, and not after Close.
func (m *Media) verb(ctx context.Context, v Verb, input string, do func() error) (err error) {
	m.mu.Lock()
	if m.busy != "" {
		defer m.mu.Unlock()
		err := mediaError("OperationError", "%s while %s runs: the verbs want one caller at a time", v, m.busy)
		m.record(v, err)
		return err
	}
	m.busy = v
	m.mu.Unlock()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.ctx, cancel)()
	err = m.options.run(ctx, v, input)

	m.mu.Lock()
	m.busy = ""
	if m.state == Closed {
		err = errClosed
	}
	if err == nil {
		err = do()
	}
	m.record(v, err)
	connect := m.watch.due && !m.options.NoConnect
	m.watch.due = false
	m.mu.Unlock()
	if connect {
		m.SetConnection(sipua.ConnectionConnecting)
		m.SetConnection(sipua.ConnectionConnected)
	}
	return err
}

func (m *Media) record(v Verb, err error) {
	entry := string(v)
	if err != nil {
		entry += ": " + err.Error()
	}
	m.log = append(m.log, entry)
}

// run does what the options ask for at the beginning of a verb.
func (o *MediaOptions) run(ctx context.Context, v Verb, input string) error {
	if o.Delay > 0 {
		timer := time.NewTimer(o.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if o.Hook != nil {
		if err := o.Hook(ctx, v, input); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// wait lets d pass.
func (m *Media) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-m.ctx.Done():
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// IsInvalidState reports whether err is what RTCPeerConnection throws for a verb
// in the wrong signalling state.
func IsInvalidState(err error) bool {
	var e *MediaError
	return errors.As(err, &e) && e.Name == "InvalidStateError"
}
