package main

import (
	"context"
	"errors"
	"syscall/js"
	"time"

	"github.com/sipwasm/sipwasm/sipua"
)

// Offers and answers (RFC 8829). Whatever the peer connection is asked to do ends
// with a typed error when it was closed meanwhile.

// CreateOffer implements sipua.Media.
func (p *peer) CreateOffer(ctx context.Context, o sipua.OfferOptions) (string, error) {
	p.early = early{}
	p.before = p.wanted
	p.want(wishes{o.Hold, o.NoVideo}, true)
	before := p.gathering()
	err := p.describe(ctx, "createOffer")
	if err == nil && p.misplaced() {
		err = p.describe(ctx, "createOffer")
	}
	if err != nil {
		p.want(p.before, false)
		return "", err
	}
	return p.gathered(ctx, before)
}

// CreateAnswer implements sipua.Media.
func (p *peer) CreateAnswer(ctx context.Context, offer string, o sipua.OfferOptions) (string, error) {
	if _, err := p.call(ctx, p.pc, "setRemoteDescription", description("offer", offer)); err != nil {
		return "", err
	}
	p.before = p.wanted
	p.want(wishes{o.Hold, o.NoVideo}, false)
	before := p.gathering()
	if err := p.describe(ctx, "createAnswer"); err != nil {
		_, rollback := p.call(ctx, p.pc, "setRemoteDescription", map[string]any{"type": "rollback"})
		p.want(p.before, false)
		return "", errors.Join(err, rollback)
	}
	return p.gathered(ctx, before)
}

// describe makes the local description and applies it.
func (p *peer) describe(ctx context.Context, method string) error {
	d, err := p.call(ctx, p.pc, method)
	if err != nil {
		return err
	}
	_, err = p.call(ctx, p.pc, "setLocalDescription", d)
	return err
}

// misplaced says that a stream of the offer has fallen to a transceiver which is
// out of use, while one in use has none. Chromium does so with a new video stream
// after endVideo has stopped one at the same place. The offer made next puts the
// new one behind it.
func (p *peer) misplaced() bool {
	transceivers := p.pc.Call("getTransceivers")
	for i := range transceivers.Length() {
		if t := transceivers.Index(i); !stopped(t) && t.Get("mid").IsNull() {
			return true
		}
	}
	return false
}

// want sets the directions of the next description. A stream receives unless it
// is on hold or an unwanted video, and sends what there is to send. On hold it is
// sendonly, or inactive in an offer for a stream that the other side holds too
// (RFC 3264 section 8.4); in an answer the browser sees to that itself. Microphone
// and camera are silenced on hold: what happens meanwhile is not for the other side.
func (p *peer) want(w wishes, offer bool) {
	p.wanted = w
	p.silence()
	transceivers := p.pc.Call("getTransceivers")
	for i := range transceivers.Length() {
		t := transceivers.Index(i)
		if stopped(t) {
			continue
		}
		direction := "recvonly"
		sends := t.Get("sender").Get("track").Truthy()
		current := text(t, "currentDirection")
		switch {
		case w.noVideo && isVideo(t), w.hold && !sends,
			w.hold && offer && (current == "recvonly" || current == "inactive"):
			direction = "inactive"
		case w.hold:
			direction = "sendonly"
		case sends:
			direction = "sendrecv"
		}
		_, _ = try(func() js.Value { t.Set("direction", direction); return js.Undefined() }) // stopped just now
	}
}

// stopped says whether a transceiver is out of use, or will be with the next
// description.
func stopped(t js.Value) bool {
	return text(t, "direction") == "stopped" || text(t, "currentDirection") == "stopped" || t.Get("stopped").Truthy()
}

// isVideo asks the receiver, because a sender may have no track.
func isVideo(t js.Value) bool { return text(t.Get("receiver").Get("track"), "kind") == "video" }

// gathering is how far the candidates of a local description are.
type gathering struct {
	complete bool
	ufrag    string // of the ICE generation (RFC 8839 section 5.4)
}

func (p *peer) gathering() gathering {
	return gathering{text(p.pc, "iceGatheringState") == "complete", attribute(p.localSDP(), "ice-ufrag")}
}

func (p *peer) localSDP() string { return text(p.pc.Get("localDescription"), "sdp") }

// gathered waits for the candidates, all of them or those that come within the
// time allowed, and returns the local description. After an ICE restart the state
// of before it still stands for a moment.
func (p *peer) gathered(ctx context.Context, before gathering) (string, error) {
	ctx, cancel := p.alive(ctx)
	defer cancel()
	done := make(chan struct{}, 1)
	check := func(js.Value) {
		now := p.gathering()
		stale := before.complete && now.ufrag != before.ufrag && attribute(p.localSDP(), "candidate") == ""
		if now.complete && !stale {
			select {
			case done <- struct{}{}:
			default:
			}
		}
	}
	remove := listen(p.pc, "icegatheringstatechange", check)
	defer remove()
	check(js.Undefined())
	timer := time.NewTimer(p.gather)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	if err := p.gone(); err != nil {
		return "", err
	}
	sdp := p.localSDP()
	if sdp == "" {
		return "", errors.New("the peer connection has no local description")
	}
	return sdp, nil
}

func description(kind, sdp string) map[string]any { return map[string]any{"type": kind, "sdp": sdp} }

// Rollback implements sipua.Media. A provisional answer cannot be taken back (W3C
// WebRTC section 4.4.1.5): then it fails.
func (p *peer) Rollback(ctx context.Context) error {
	_, err := p.call(ctx, p.pc, "setLocalDescription", map[string]any{"type": "rollback"})
	if err == nil {
		p.early = early{}
	}
	deaf := p.wanted.hold && !p.before.hold
	p.want(p.before, false)
	if err == nil && deaf {
		// Chromium stops playing as soon as an offer that does not receive is applied, and a
		// rollback alone does not make it play again: an offer of the old directions does,
		// which is rolled back as well.
		if err = p.describe(ctx, "createOffer"); err == nil {
			_, err = p.call(ctx, p.pc, "setLocalDescription", map[string]any{"type": "rollback"})
		}
	}
	return err
}

// RestartICE implements sipua.Media.
func (p *peer) RestartICE(context.Context) error {
	if err := p.gone(); err != nil {
		return err
	}
	_, err := try(func() js.Value { return p.pc.Call("restartIce") })
	return err
}

// AddCandidate implements sipua.Media. With BUNDLE all candidates belong to the
// first stream.
func (p *peer) AddCandidate(ctx context.Context, candidate string) error {
	if p.early.sdp != "" && !p.early.final {
		candidate = lowered(candidate, p.early.level())
	}
	_, err := p.call(ctx, p.pc, "addIceCandidate", map[string]any{"candidate": candidate, "sdpMLineIndex": 0})
	return err
}
