package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall/js"
	"time"

	"github.com/sipwasm/sipwasm/sipua"
)

// peer is the sipua.Media over the page's RTCPeerConnection.
type peer struct {
	pc       js.Value
	stream   js.Value // local sound
	own      bool     // we asked for stream, so we stop it
	gather   time.Duration
	muted    bool
	held     bool
	wasHeld  bool       // before the offer that is open
	silenced []js.Value // tracks that sounded before mute or hold
}

// mediaOptions is what the page gave for one call; every field may be missing.
type mediaOptions struct {
	stream        js.Value // a MediaStream of the page's own
	constraints   js.Value // MediaStreamConstraints for getUserMedia
	configuration js.Value // RTCConfiguration
}

func readMediaOptions(v js.Value) mediaOptions {
	if !isObject(v) {
		return mediaOptions{}
	}
	return mediaOptions{stream: v.Get("stream"), constraints: v.Get("constraints"), configuration: v.Get("rtcConfiguration")}
}

// newPeer gets the local sound and makes the peer connection. found is told of
// both as soon as they exist.
func newPeer(ctx context.Context, host js.Value, o mediaOptions, iceServers js.Value, gather time.Duration, found func(pc, stream js.Value)) (*peer, error) {
	p := &peer{stream: o.stream, gather: gather}
	if isObject(p.stream) {
		if p.stream.Get("getTracks").Type() != js.TypeFunction || p.stream.Get("getAudioTracks").Type() != js.TypeFunction {
			return nil, &sipua.Error{Code: sipua.CodeInvalidArgument, Reason: "media.stream is not a MediaStream"}
		}
	} else {
		var err error
		if p.stream, err = microphone(ctx, host, o.constraints); err != nil {
			return nil, err
		}
		p.own = true
	}
	configuration := o.configuration
	if !isObject(configuration) {
		configuration = js.ValueOf(map[string]any{})
		if isObject(iceServers) {
			configuration.Set("iceServers", iceServers)
		}
	}
	pc, err := try(func() js.Value { return host.Get("RTCPeerConnection").New(configuration) })
	if err == nil {
		p.pc = pc
		found(p.pc, p.stream)
		_, err = try(func() js.Value {
			tracks := p.stream.Call("getTracks")
			for i := range tracks.Length() {
				pc.Call("addTrack", tracks.Index(i), p.stream)
			}
			return js.Undefined()
		})
	}
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("no peer connection: %w", err)
	}
	return p, nil
}

// microphone asks the person, and says in words what went wrong.
func microphone(ctx context.Context, host, constraints js.Value) (js.Value, error) {
	devices := host.Get("mediaDevices")
	if !isObject(devices) {
		return js.Undefined(), &sipua.Error{Code: sipua.CodeMediaDenied,
			Reason: "this page has no access to media devices: serve it from https:// or localhost, and allow the microphone in its permissions policy"}
	}
	if !isObject(constraints) {
		constraints = js.ValueOf(map[string]any{"audio": true, "video": false})
	}
	promise, err := try(func() js.Value { return devices.Call("getUserMedia", constraints) })
	var stream js.Value
	if err == nil {
		stream, err = await(ctx, promise, stopTracks) // the call may be over before the person has decided
	}
	if err == nil {
		return stream, nil
	}
	switch exceptionName(err) {
	case "NotAllowedError", "SecurityError":
		return stream, &sipua.Error{Code: sipua.CodeMediaDenied, Reason: "the microphone is not allowed: allow it for this site in the browser's settings and try again", Err: err}
	case "NotFoundError", "OverconstrainedError":
		return stream, &sipua.Error{Code: sipua.CodeMediaNotFound, Reason: "no microphone was found: connect one and try again", Err: err}
	case "NotReadableError", "AbortError":
		return stream, &sipua.Error{Code: sipua.CodeMediaFailed, Reason: "the microphone cannot be used: another program may have it", Err: err}
	}
	return stream, err
}

func stopTracks(stream js.Value) {
	_, _ = try(func() js.Value { // a stream that cannot be stopped is none
		tracks := stream.Call("getTracks")
		for i := range tracks.Length() {
			tracks.Index(i).Call("stop")
		}
		return js.Undefined()
	})
}

// CreateOffer implements sipua.Media.
func (p *peer) CreateOffer(ctx context.Context, o sipua.OfferOptions) (string, error) {
	p.wasHeld = p.held
	p.hold(o.Hold, true)
	if err := p.describe(ctx, "createOffer"); err != nil {
		p.hold(p.wasHeld, false)
		return "", err
	}
	return p.gathered(ctx)
}

// CreateAnswer implements sipua.Media.
func (p *peer) CreateAnswer(ctx context.Context, offer string, o sipua.OfferOptions) (string, error) {
	if _, err := awaitCall(ctx, p.pc, "setRemoteDescription", description("offer", offer)); err != nil {
		return "", err
	}
	p.wasHeld = p.held
	p.hold(o.Hold, false)
	if err := p.describe(ctx, "createAnswer"); err != nil {
		_, rollback := awaitCall(ctx, p.pc, "setRemoteDescription", map[string]any{"type": "rollback"})
		p.hold(p.wasHeld, false)
		return "", errors.Join(err, rollback)
	}
	return p.gathered(ctx)
}

// describe makes the local description and applies it.
func (p *peer) describe(ctx context.Context, method string) error {
	d, err := awaitCall(ctx, p.pc, method)
	if err != nil {
		return err
	}
	_, err = awaitCall(ctx, p.pc, "setLocalDescription", d)
	return err
}

// hold sets the directions of the next description. On hold nothing is wanted:
// sendonly, or inactive in an offer for a stream that the other side holds too
// (RFC 3264 section 8.4); in an answer the browser sees to that itself. The
// microphone is silenced: what is said meanwhile is not for the other side.
func (p *peer) hold(on, offer bool) {
	p.held = on
	p.silence()
	transceivers := p.pc.Call("getTransceivers")
	for i := range transceivers.Length() {
		t := transceivers.Index(i)
		if text(t, "currentDirection") == "stopped" || t.Get("stopped").Truthy() {
			continue
		}
		sends := t.Get("sender").Get("track").Truthy()
		direction := map[bool]map[bool]string{
			true:  {true: "sendonly", false: "inactive"},
			false: {true: "sendrecv", false: "recvonly"},
		}[on][sends]
		if current := text(t, "currentDirection"); on && offer && (current == "recvonly" || current == "inactive") {
			direction = "inactive"
		}
		_, _ = try(func() js.Value { t.Set("direction", direction); return js.Undefined() }) // stopped just now
	}
}

// silence lets the local tracks sound or not. Only those that it silenced itself
// sound again: the page may have switched one off.
func (p *peer) silence() {
	silent := p.muted || p.held
	if !silent {
		for _, track := range p.silenced {
			track.Set("enabled", true)
		}
		p.silenced = nil
		return
	}
	tracks := p.stream.Call("getAudioTracks")
	for i := range tracks.Length() {
		if track := tracks.Index(i); track.Get("enabled").Truthy() {
			track.Set("enabled", false)
			p.silenced = append(p.silenced, track)
		}
	}
}

// gathered waits for the candidates, all of them or those that come within the
// time allowed, and returns the local description.
func (p *peer) gathered(ctx context.Context) (string, error) {
	done := make(chan struct{}, 1)
	check := func(js.Value) {
		if text(p.pc, "iceGatheringState") == "complete" {
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
	sdp := text(p.pc.Get("localDescription"), "sdp")
	if sdp == "" {
		return "", errors.New("the peer connection has no local description: it was closed")
	}
	return sdp, nil
}

func description(kind, sdp string) map[string]any { return map[string]any{"type": kind, "sdp": sdp} }

// ApplyAnswer implements sipua.Media.
func (p *peer) ApplyAnswer(ctx context.Context, answer string, provisional bool) error {
	kind := "answer"
	if provisional {
		kind = "pranswer"
	}
	_, err := awaitCall(ctx, p.pc, "setRemoteDescription", description(kind, answer))
	return err
}

// Rollback implements sipua.Media.
func (p *peer) Rollback(ctx context.Context) error {
	_, err := awaitCall(ctx, p.pc, "setLocalDescription", map[string]any{"type": "rollback"})
	p.hold(p.wasHeld, false)
	return err
}

// RestartICE implements sipua.Media.
func (p *peer) RestartICE(context.Context) error {
	_, err := try(func() js.Value { return p.pc.Call("restartIce") })
	return err
}

// AddCandidate implements sipua.Media. With BUNDLE all candidates belong to the
// first stream.
func (p *peer) AddCandidate(ctx context.Context, candidate string) error {
	_, err := awaitCall(ctx, p.pc, "addIceCandidate", map[string]any{"candidate": candidate, "sdpMLineIndex": 0})
	return err
}

// Mute implements sipua.Muter.
func (p *peer) Mute(mute bool) error {
	p.muted = mute
	p.silence()
	return nil
}

// SendDTMF implements sipua.DTMFSender.
func (p *peer) SendDTMF(ctx context.Context, tones string, o sipua.DTMFOptions) error {
	if err := p.connected(ctx); err != nil {
		return err
	}
	sender := p.dtmf()
	if sender.IsUndefined() {
		return &sipua.Error{Code: sipua.CodeUnsupported, Reason: "the other side takes no telephone events, or no sound is sent (RFC 4733)"}
	}
	done := make(chan struct{}, 1)
	remove := listen(sender, "tonechange", func(e js.Value) {
		if text(e, "tone") == "" { // the last one has been sent
			done <- struct{}{}
		}
	})
	defer remove()
	duration, gap := 100*time.Millisecond, 70*time.Millisecond
	if o.Duration > 0 {
		duration = o.Duration
	}
	if o.Gap > 0 {
		gap = o.Gap
	}
	if _, err := try(func() js.Value {
		return sender.Call("insertDTMF", tones, duration.Milliseconds(), gap.Milliseconds())
	}); err != nil {
		return err
	}
	// When the stream is put on hold meanwhile, the browser drops the rest without
	// another event.
	pauses := time.Duration(strings.Count(tones, ",")) // each takes 2 s
	limit := time.NewTimer(time.Duration(len(tones))*(duration+gap) + pauses*2*time.Second + time.Second)
	defer limit.Stop()
	select {
	case <-done:
		return nil
	case <-limit.C:
		return &sipua.Error{Code: sipua.CodeMediaFailed, Reason: "not all tones were sent: the stream was put on hold"}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// dtmf finds the sender of telephone events among all senders; sound need not
// be the first.
func (p *peer) dtmf() js.Value {
	senders := p.pc.Call("getSenders")
	for i := range senders.Length() {
		if d := senders.Index(i).Get("dtmf"); isObject(d) && d.Get("canInsertDTMF").Truthy() {
			return d
		}
	}
	return js.Undefined()
}

// connected waits for ICE and DTLS: a call may be answered before they are done.
func (p *peer) connected(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	remove := listen(p.pc, "connectionstatechange", func(js.Value) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	defer remove()
	for {
		switch state := text(p.pc, "connectionState"); state {
		case "connected":
			return nil
		case "failed", "closed":
			return fmt.Errorf("the peer connection is %s", state)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Close implements sipua.Media. Tracks that the page gave are the page's to stop.
func (p *peer) Close() {
	if p.pc.Truthy() {
		p.pc.Call("close")
	}
	if p.own {
		stopTracks(p.stream)
		return
	}
	p.muted, p.held = false, false
	p.silence()
}
