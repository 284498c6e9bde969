package sipuatest

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/sipwasm/sipwasm/sipua"
)

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

// SetMicrophone implements sipua.MicrophoneSender.
func (m *Media) SetMicrophone(ctx context.Context, options any) error {
	return m.verb(ctx, VerbMicrophone, "", func() error {
		m.microphone = options
		return nil
	})
}

// Microphone returns what the microphone was set to last, nil before.
func (m *Media) Microphone() any {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.microphone
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
		case !m.session.tones() || !m.session.stream("audio").local.sends():
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

// OnTone implements sipua.ToneReceiver.
func (m *Media) OnTone(f func(tone string, d time.Duration)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onTone = f
}

// Tone is a tone that the other side has sent, as [sipua.ToneReceiver] reports
// it. It fails when nobody listens, and where none could come: no
// telephone-event is agreed, or the session does not receive.
func (m *Media) Tone(tone string, d time.Duration) error {
	m.mu.Lock()
	f := m.onTone
	agreed := m.session.tones() && m.session.stream("audio").local.receives()
	m.mu.Unlock()
	switch {
	case f == nil:
		return mediaError("InvalidStateError", "nobody asked for tones with OnTone")
	case !agreed:
		return mediaError("InvalidStateError", "no telephone-event is agreed, or the session does not receive")
	}
	f(tone, d)
	return nil
}

// Mix implements sipua.Mixer.
func (m *Media) Mix(others []sipua.Media) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state == Closed {
		return errClosed
	}
	for _, other := range others {
		if other == nil || other == sipua.Media(m) {
			return mediaError("InvalidAccessError", "a media mixes others, not itself")
		}
	}
	m.mixed = append([]sipua.Media(nil), others...)
	return nil
}

// Mixed returns the media whose sound is sent besides the own one.
func (m *Media) Mixed() []sipua.Media {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]sipua.Media(nil), m.mixed...)
}
