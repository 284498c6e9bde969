package sipuatest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
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
)

// MediaOptions programs a [Media] or [Factory].
type MediaOptions struct {
	// Delay is how long each verb takes. Default: no time.
	Delay time.Duration
	// Hook, when set, is called at the beginning of each verb, with the
	// description or candidate that was given to it. It may block until ctx ends;
	// its error is the error of the verb, which then changes nothing.
	Hook func(ctx context.Context, verb Verb, input string) error
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

// Media is a fake peer connection with one audio section. It moves no sound,
// but is as strict as a browser: it keeps the signalling state of JSEP, parses
// what it is given and refuses what RTCPeerConnection would refuse. It also
// refuses two verbs at a time, and an answer that asks for more than was
// offered. It makes session descriptions as Chromium does. It implements
// [sipua.Media], [sipua.Muter] and [sipua.DTMFSender].
//
// A test plays the other side with another Media.
type Media struct {
	// Options is what the application gave to the call, for tests.
	Options any

	options MediaOptions
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc

	mu        sync.Mutex
	busy      Verb // the verb that runs
	state     SignalingState
	session   session // as negotiated
	pending   session // as it will be when the offer is answered
	identity  identity
	version   uint64 // of o=, RFC 3264 section 8
	restart   bool
	muted     bool
	tones     string
	log       []string
	candidate []string
	closed    int
}

var (
	_ sipua.Media      = (*Media)(nil)
	_ sipua.Muter      = (*Media)(nil)
	_ sipua.DTMFSender = (*Media)(nil)
)

// session is what a completed or pending exchange of offer and answer holds.
type session struct {
	local, remote string // descriptions
	localDir      direction
	remoteDir     direction
	ice           credentials
	remoteICE     credentials
	dtmf          bool // telephone-event is agreed
}

// NewMedia makes a fake peer connection in the state "stable".
func NewMedia(o MediaOptions) *Media {
	ctx, cancel := context.WithCancel(context.Background())
	return &Media{
		options: o, ctx: ctx, cancel: cancel,
		state:    Stable,
		identity: newIdentity(),
		version:  1,
	}
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
		next.localDir = sendrecv
		if o.Hold {
			next.localDir = sendonly
			if m.session.remote != "" && !m.session.remoteDir.receives() {
				next.localDir = inactive // RFC 3264 section 8.4: they do not listen either
			}
		}
		m.version++
		next.local = describe(description{
			identity: m.identity, version: m.version, ice: next.ice,
			direction: next.localDir, setup: "actpass", sections: offerSections(m.session),
		})
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
		remote, err := parseOffer(offer, m.session)
		if err != nil {
			return err
		}
		m.state = HaveRemoteOffer // never seen from outside: the verb ends in stable
		next := m.session
		if next.ice == (credentials{}) || m.session.remoteICE != (credentials{}) && m.session.remoteICE != remote.ice {
			next.ice = newCredentials() // the first exchange, or the peer restarts ICE (RFC 8839 section 4.4.1.1)
		}
		want := sendrecv
		if o.Hold {
			want = sendonly
		}
		next.remote, next.remoteICE, next.remoteDir = offer, remote.ice, remote.direction
		next.localDir = want & remote.direction.reverse()
		next.dtmf = remote.dtmf
		m.version++
		next.local = describe(description{
			identity: m.identity, version: m.version, ice: next.ice,
			direction: next.localDir, setup: "active", sections: answerSections(remote),
		})
		m.session, m.state, sdp = next, Stable, next.local
		return nil
	})
	return sdp, err
}

// ApplyAnswer implements sipua.Media. It is allowed in "have-local-offer" and
// "have-remote-pranswer".
func (m *Media) ApplyAnswer(ctx context.Context, answer string, provisional bool) error {
	return m.verb(ctx, VerbApplyAnswer, answer, func() error {
		if m.state != HaveLocalOffer && m.state != HaveRemotePranswer {
			return mediaError("InvalidStateError", "ApplyAnswer in the state %s: there is no offer to answer", m.state)
		}
		remote, err := parseAnswer(answer, m.pending)
		if err != nil {
			return err
		}
		next := m.pending
		next.remote, next.remoteICE, next.remoteDir = answer, remote.ice, remote.direction
		next.localDir = m.pending.localDir & remote.direction.reverse()
		next.dtmf = remote.dtmf
		if provisional {
			// The offer stays open: the next answer is measured against it.
			next.localDir = m.pending.localDir
			m.pending, m.state = next, HaveRemotePranswer
			return nil
		}
		m.session, m.pending, m.state, m.restart = next, session{}, Stable, false
		return nil
	})
}

// Rollback implements sipua.Media. It is allowed in "have-local-offer": W3C
// WebRTC section 4.4.1.5 refuses it in "stable" and after a provisional answer.
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

// AddCandidate implements sipua.Media. The empty candidate ends the list.
func (m *Media) AddCandidate(ctx context.Context, candidate string) error {
	return m.verb(ctx, VerbAddCandidate, candidate, func() error {
		if m.session.remote == "" && m.pending.remote == "" {
			return mediaError("InvalidStateError", "AddCandidate before any remote description")
		}
		if candidate != "" && !strings.HasPrefix(candidate, "candidate:") {
			return mediaError("OperationError", "%q is not a candidate", candidate)
		}
		m.candidate = append(m.candidate, candidate)
		return nil
	})
}

// Close implements sipua.Media. A verb that runs ends with an error.
func (m *Media) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
	m.state = Closed
	m.log = append(m.log, "Close")
	m.cancel()
}

// Mute implements sipua.Muter.
func (m *Media) Mute(mute bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == Closed {
		return errClosed
	}
	m.muted = mute
	return nil
}

// SendDTMF implements sipua.DTMFSender with the rules and times of
// RTCDTMFSender (W3C WebRTC section 7): digits, A to D, # and *; a comma pauses
// for two seconds.
func (m *Media) SendDTMF(ctx context.Context, tones string, o sipua.DTMFOptions) error {
	tones = strings.ToUpper(tones)
	if i := strings.IndexFunc(tones, func(r rune) bool { return !strings.ContainsRune("0123456789ABCD#*,", r) }); i >= 0 {
		return mediaError("InvalidCharacterError", "%q has a tone that does not exist", tones)
	}
	duration := min(max(cmp.Or(o.Duration, 100*time.Millisecond), 40*time.Millisecond), 6*time.Second)
	gap := min(max(cmp.Or(o.Gap, 70*time.Millisecond), 30*time.Millisecond), 6*time.Second)
	for i, tone := range tones {
		m.mu.Lock()
		switch {
		case m.state == Closed:
			m.mu.Unlock()
			return errClosed
		case !m.session.dtmf || !m.session.localDir.sends():
			m.mu.Unlock()
			return mediaError("InvalidStateError", "no telephone-event is agreed, or the session does not send")
		}
		if tone != ',' {
			m.tones += string(tone)
		}
		m.mu.Unlock()

		d := duration
		if tone == ',' {
			d = 2 * time.Second
		}
		if i < len(tones)-1 {
			d += gap
		}
		if err := m.wait(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// State returns the signalling state.
func (m *Media) State() SignalingState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state
}

// LocalSDP returns the local description: the pending one while an offer is
// open, otherwise the one in force.
func (m *Media) LocalSDP() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pending.local != "" {
		return m.pending.local
	}
	return m.session.local
}

// RemoteSDP returns the remote description, a provisional one included.
func (m *Media) RemoteSDP() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pending.local != "" {
		return m.pending.remote
	}
	return m.session.remote
}

// Direction returns what the negotiated session does: "sendrecv", "sendonly",
// "recvonly" or "inactive"; "" before the first answer.
func (m *Media) Direction() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.session.local == "" {
		return ""
	}
	return m.session.localDir.String()
}

// Muted reports whether the microphone is muted.
func (m *Media) Muted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.muted
}

// Tones returns the tones sent so far.
func (m *Media) Tones() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tones
}

// Candidates returns what AddCandidate was given.
func (m *Media) Candidates() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.candidate...)
}

// Closed returns how many times Close was called: 1 after a proper end.
func (m *Media) Closed() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

// Log returns the verbs in the order of their calls; one that failed has its
// error after a colon.
func (m *Media) Log() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.log...)
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
	defer m.mu.Unlock()
	m.busy = ""
	if m.state == Closed {
		err = errClosed
	}
	if err == nil {
		err = do()
	}
	m.record(v, err)
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
