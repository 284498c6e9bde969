package main

import "syscall/js"

// sent is one track that is sent. A track that we opened is switched off while it
// must not be heard or seen. One that the page gave may be sent by another call
// as well, and the page may switch it: it is left alone, and a copy of it that is
// switched off takes its place. So each call has its own mute, and what the page
// has switched off itself stays off.
type sent struct {
	peer     *peer
	sender   js.Value
	track    js.Value // undefined: nothing is sent
	video    bool
	own      bool     // we opened the track: we may switch it, and stop it
	switched bool     // off, by us
	blank    js.Value // what is sent in place of track; undefined: nothing is
	unlisten func()   // takes the listener for the end of a video away; may be nil
}

// send adds a track to the peer connection. With addTrack, unlike addTransceiver,
// an offer of the other side that crosses ours makes use of the same stream (RFC
// 8829 section 5.10).
func (p *peer) send(track js.Value, own bool) error {
	s := &sent{peer: p, video: text(track, "kind") == "video"}
	var err error
	s.sender, err = try(func() js.Value { return p.pc.Call("addTrack", track, p.group) })
	if s.video && err != nil && p.gone() == nil {
		// Chromium wants to use the stream that endVideo has stopped.
		streams := map[string]any{"streams": []any{p.group}}
		s.sender, err = try(func() js.Value { return p.pc.Call("addTransceiver", track, streams).Get("sender") })
	}
	if err != nil {
		return err
	}
	s.use(track, own)
	if s.video {
		p.watchVideo(s)
	}
	p.sent = append(p.sent, s)
	return nil
}

// use notes the track that is sent from now on and gives the last one back.
func (s *sent) use(track js.Value, own bool) {
	s.release()
	s.track, s.own, s.switched, s.unlisten = track, own, false, nil
}

// release gives back what belongs to the track: the capture, if it is ours.
func (s *sent) release() {
	if s.unlisten != nil {
		s.unlisten()
		s.unlisten = nil
	}
	if s.blank.Truthy() {
		s.blank.Call("stop")
		s.blank = js.Undefined()
	}
	if s.own && s.track.Truthy() && text(s.track, "readyState") != "ended" {
		s.track.Call("stop")
	}
	s.track, s.own = js.Undefined(), false
}

// Mute implements sipua.Muter.
func (p *peer) Mute(mute bool) error {
	p.muted = mute
	p.silence()
	return p.gone()
}

// silence lets the local tracks be heard and seen or not: mute is about the sound
// alone, hold about all.
func (p *peer) silence() {
	for _, s := range p.sent {
		s.silence(p.wanted.hold || p.muted && !s.video, p.mix != nil && p.mix.sent == s)
	}
	if p.mix != nil {
		p.mix.silence(p.muted, p.wanted.hold)
	}
}

// silence switches one track. mixed: the sender has the sound of a conference,
// which is silenced there.
func (s *sent) silence(silent, mixed bool) {
	if !s.track.Truthy() {
		return
	}
	if silent && !s.switched && !s.blank.Truthy() && (s.own || !mixed) {
		if out := s.cover(); !s.own {
			s.replace(out)
		}
	}
	if !silent || mixed && !s.own {
		s.uncover(!mixed)
	}
}

// cover makes what is sent instead of the track while it is silenced: the track
// itself, switched off, when it is ours.
func (s *sent) cover() js.Value {
	if !s.own {
		s.blank = s.track.Call("clone")
		s.blank.Set("enabled", false)
		return s.blank
	}
	if s.track.Get("enabled").Truthy() { // else the page has switched it off
		s.track.Set("enabled", false)
		s.switched = true
	}
	return s.track
}

// uncover takes cover back. send: the track itself is sent again.
func (s *sent) uncover(send bool) {
	if s.switched {
		s.track.Set("enabled", true)
		s.switched = false
	}
	if s.blank.Truthy() {
		if send {
			s.replace(s.track)
		}
		s.blank.Call("stop")
		s.blank = js.Undefined()
	}
}

// replace changes what is sent without a negotiation. The browser does it in the
// order of the calls; a sender that has ended sends nothing anyway.
func (s *sent) replace(track js.Value) {
	settleSilently(func() js.Value { return s.sender.Call("replaceTrack", track) })
	s.tell(track)
}

// tell says which sound is sent.
func (s *sent) tell(track js.Value) {
	if s.peer.sending != nil && !s.video {
		s.peer.sending(track)
	}
}

// settleSilently calls f, for whose promise nobody waits, and takes its rejection,
// which the browser would report as unhandled.
func settleSilently(f func() js.Value) {
	promise, err := try(f)
	if err == nil && isObject(promise) {
		promise.Call("then", js.Undefined(), ignore)
	}
}

// ignore lives as long as the program.
var ignore = js.FuncOf(func(js.Value, []js.Value) any { return nil })
