package main

import (
	"context"
	"slices"
	"syscall/js"

	"github.com/sipwasm/sipwasm/sipua"
)

// SetVideo implements sipua.VideoSender. Options of the source, when given, is a
// JavaScript object:
//
//	stream       a MediaStream of the page's own, whose first video track is sent
//	constraints  MediaTrackConstraints for the camera or the screen
//
// A screen can be asked for soon after a click only: browsers refuse it otherwise.
// Sound of the screen is not captured. The track that we open is added to the
// local stream if that is ours, so that the page can show it.
func (p *peer) SetVideo(ctx context.Context, source *sipua.VideoSource) (negotiate bool, err error) {
	if err := p.gone(); err != nil {
		return false, err
	}
	p.dropStopped()
	transceiver, s := p.video()
	if source == nil {
		if s == nil {
			return false, nil
		}
		current := text(transceiver, "currentDirection")
		return current == "sendrecv" || current == "sendonly", p.endVideo(ctx, transceiver, s)
	}
	track, own, err := p.openVideo(ctx, source)
	if err != nil {
		return false, err
	}
	if negotiate, err = p.placeVideo(ctx, transceiver, s, track, own); err != nil && own {
		track.Call("stop")
	}
	return negotiate, err
}

// video finds the video stream that is in use, and what is sent on it. Both may be
// missing.
func (p *peer) video() (transceiver js.Value, s *sent) {
	transceivers := p.pc.Call("getTransceivers")
	for i := range transceivers.Length() {
		t := transceivers.Index(i)
		if stopped(t) || !isVideo(t) {
			continue
		}
		for _, s := range p.sent {
			if s.sender.Equal(t.Get("sender")) {
				return t, s
			}
		}
		if !transceiver.Truthy() {
			transceiver = t // of the other side's making: nothing was sent on it yet
		}
	}
	return transceiver, nil
}

// dropStopped gives back the video of a stream that the other side has refused:
// its transceiver is stopped, or gone already (RFC 8829 section 5.10).
func (p *peer) dropStopped() {
	inUse := func(s *sent) bool {
		transceivers := p.pc.Call("getTransceivers")
		for i := range transceivers.Length() {
			if t := transceivers.Index(i); t.Get("sender").Equal(s.sender) {
				return !stopped(t)
			}
		}
		return false
	}
	for _, s := range p.sent {
		if s.video && !inUse(s) {
			p.drop(s)
		}
	}
}

// drop ends a track and forgets its stream.
func (p *peer) drop(s *sent) {
	p.hide(s)
	s.release()
	p.sent = slices.DeleteFunc(slices.Clone(p.sent), func(other *sent) bool { return other == s })
}

// openVideo gets the track to send.
func (p *peer) openVideo(ctx context.Context, source *sipua.VideoSource) (track js.Value, own bool, err error) {
	options, _ := source.Options.(js.Value)
	var constraints any = true
	if isObject(options) {
		if stream := options.Get("stream"); isObject(stream) {
			if !isStream(stream) {
				return js.Undefined(), false, &sipua.Error{Code: sipua.CodeInvalidArgument, Reason: "stream is not a MediaStream"}
			}
			if track = stream.Call("getVideoTracks").Index(0); !track.Truthy() {
				return js.Undefined(), false, &sipua.Error{Code: sipua.CodeInvalidArgument, Reason: "stream has no video track"}
			}
			return track, false, nil
		}
		if c := options.Get("constraints"); isObject(c) {
			constraints = c
		}
	}
	device := cameraDevice
	if source.Screen {
		device = screenDevice
	}
	ctx, cancel := p.alive(ctx)
	defer cancel()
	stream, err := device.open(ctx, p.host, js.ValueOf(map[string]any{"video": constraints}))
	if err != nil {
		return js.Undefined(), false, err
	}
	if isStream(stream) {
		track = stream.Call("getVideoTracks").Index(0)
	}
	if !track.Truthy() {
		stopTracks(stream)
		return js.Undefined(), false, &sipua.Error{Code: sipua.CodeMediaNotFound, Reason: "the " + device.name + " gave no video"}
	}
	return track, true, nil
}

// placeVideo sends track on the video stream that there is, or on a new one.
func (p *peer) placeVideo(ctx context.Context, transceiver js.Value, s *sent, track js.Value, own bool) (negotiate bool, err error) {
	if !transceiver.Truthy() {
		if err := p.send(track, own); err != nil {
			return false, err
		}
		p.show(track, own)
		p.silence()
		return true, nil
	}
	sender := transceiver.Get("sender")
	placed := &sent{peer: p, sender: sender, video: true}
	placed.use(track, own)
	first := track
	if p.wanted.hold { // not even one picture
		first = placed.cover()
	}
	if _, err := p.call(ctx, sender, "replaceTrack", first); err != nil {
		placed.own = false // the track is the caller's to stop
		placed.release()
		return false, err
	}
	if s != nil {
		p.drop(s)
	}
	p.sent = append(p.sent, placed)
	p.show(track, own)
	p.watchVideo(placed)
	// Of a stream of the other side's making the browser does not say to which of
	// our streams the track belongs (RFC 8830), unless it is told.
	_, _ = try(func() js.Value { return sender.Call("setStreams", p.group) }) // not in every browser, and seen without it
	current := text(transceiver, "currentDirection")
	return current != "sendrecv" && current != "sendonly", nil
}

// endVideo sends nothing more. A stream that no description has is not to be in
// the next one either: that is the case after the rollback of an offer.
func (p *peer) endVideo(ctx context.Context, transceiver js.Value, s *sent) error {
	_, err := p.call(ctx, s.sender, "replaceTrack", nil)
	p.drop(s)
	if transceiver.Get("mid").IsNull() {
		_, _ = try(func() js.Value { return transceiver.Call("stop") }) // without it an empty stream is offered
	}
	return err
}

// show and hide keep the local stream, if it is ours, what the page can show.
func (p *peer) show(track js.Value, own bool) {
	if p.own && own {
		p.stream.Call("addTrack", track) // does nothing for one that is in it
	}
}

func (p *peer) hide(s *sent) {
	if p.own && s.own && s.track.Truthy() {
		p.stream.Call("removeTrack", s.track)
	}
}

// watchVideo tells when the video ends without our doing.
func (p *peer) watchVideo(s *sent) {
	s.unlisten = listen(s.track, "ended", func(js.Value) {
		if p.videoEnded != nil {
			p.videoEnded()
		}
	})
}
