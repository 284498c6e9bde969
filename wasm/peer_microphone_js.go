package main

import (
	"context"
	"syscall/js"

	"github.com/sipwasm/sipwasm/sipua"
)

// SetMicrophone implements sipua.MicrophoneSender. The options are those of
// newPeer; of a stream its first track of sound is sent.
func (p *peer) SetMicrophone(ctx context.Context, options any) error {
	if err := p.gone(); err != nil {
		return err
	}
	if p.voice() == nil {
		return &sipua.Error{Code: sipua.CodeInvalidState, Reason: "this call sends no sound: it was made with a stream that has none"}
	}
	v, _ := options.(js.Value)
	o := readMediaOptions(v)
	if isObject(o.constraints) {
		// The camera, when there is one, goes on.
		o.constraints = js.ValueOf(map[string]any{"audio": o.constraints.Get("audio")})
	}
	opening, opened := p.alive(ctx)
	defer opened()
	stream, own, err := o.open(opening, p.host)
	if err != nil {
		return err
	}
	track := js.Undefined()
	if isStream(stream) {
		track = stream.Call("getAudioTracks").Index(0)
	}
	switch {
	case !track.Truthy() && own:
		stopTracks(stream)
		return &sipua.Error{Code: sipua.CodeMediaNotFound, Reason: "the microphone gave no sound"}
	case !track.Truthy():
		return &sipua.Error{Code: sipua.CodeInvalidArgument, Reason: "media.stream has no track of sound"}
	}
	if err := p.placeVoice(ctx, track, own); err != nil {
		if own {
			stopTracks(stream)
		}
		return err
	}
	p.showVoice(stream, track, own)
	return nil
}

// voice is the track of sound that is sent, nil when there is none.
func (p *peer) voice() *sent {
	for _, s := range p.sent {
		if !s.video {
			return s
		}
	}
	return nil
}

// placeVoice sends track in place of the one before, and is as silent as that was.
func (p *peer) placeVoice(ctx context.Context, track js.Value, own bool) error {
	s := p.voice()
	if p.mix != nil && p.mix.sent == s {
		p.hide(s)
		s.use(track, own)
		_, err := try(func() js.Value { p.mix.speak(); return js.Undefined() })
		p.silence()
		return err
	}
	placed := &sent{peer: p, sender: s.sender}
	placed.use(track, own)
	first := track
	if p.muted || p.wanted.hold { // not even one word
		first = placed.cover()
	}
	if _, err := p.call(ctx, s.sender, "replaceTrack", first); err != nil {
		placed.own = false // the track is the caller's to stop
		placed.release()
		return err
	}
	p.drop(s)
	p.sent = append(p.sent, placed)
	placed.tell(first)
	return nil
}

// showVoice makes the local stream what is sent now. One of ours takes a track of
// ours in; else another stream takes its place.
func (p *peer) showVoice(stream, track js.Value, own bool) {
	if p.own && own {
		p.show(track, own)
	} else {
		p.stream, p.own = stream, own
		for _, s := range p.sent {
			if s.video && s.track.Truthy() {
				p.show(s.track, s.own)
			}
		}
	}
	if p.localStream != nil {
		p.localStream(p.stream)
	}
}
