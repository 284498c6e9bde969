package main

import (
	"context"
	"fmt"
	"syscall/js"
	"time"

	"github.com/sipwasm/sipwasm/sipua"
)

// peer is the sipua.Media over the page's RTCPeerConnection. The methods of one
// thing stand together: descriptions in peer_offer_js.go, forks in
// peer_fork_js.go, the tracks that are sent in peer_sent_js.go, the microphone,
// video, tones and conferences in files of their own.
//
// JavaScript has one thread: what does not wait is not interrupted, so nothing
// here needs a lock.
type peer struct {
	host   js.Value
	desk   *desk // of all calls of the page
	pc     js.Value
	stream js.Value // local sound, and the video that it came with
	own    bool     // we asked for stream, so we stop it
	group  js.Value // the stream of the beginning: to the other side all tracks belong to it
	ice    icePolicy
	round  generation // the one that a description waited for last

	sent   []*sent // the tracks that are sent
	muted  bool
	wanted wishes
	before wishes // those before the offer that is open
	mix    *mix   // nil: the own sound alone
	early  early  // the provisional answers to the offer that is open

	// localStream is told of each stream but the first, and sending of the track of
	// sound that is sent when that is another one. Either may be nil.
	localStream, sending func(js.Value)

	// videoEnded is told when the video that is sent ended by itself: the person
	// ended the sharing in the browser's own bar, or the camera was unplugged.
	videoEnded func()

	closed  bool
	check   time.Duration // closedCheck
	unwatch []func()      // take the listeners of WatchConnection away
}

var (
	_ sipua.Media             = (*peer)(nil)
	_ sipua.Muter             = (*peer)(nil)
	_ sipua.MicrophoneSender  = (*peer)(nil)
	_ sipua.DTMFSender        = (*peer)(nil)
	_ sipua.VideoSender       = (*peer)(nil)
	_ sipua.ConnectionWatcher = (*peer)(nil)
	_ sipua.Mixer             = (*peer)(nil)
	_ sipua.Trickler          = (*peer)(nil)
)

// wishes is what the next description is to say.
type wishes struct{ hold, noVideo bool }

// mediaOptions is what the page gave for one call; every field may be missing.
type mediaOptions struct {
	stream        js.Value // a MediaStream of the page's own
	constraints   js.Value // MediaStreamConstraints for getUserMedia
	configuration js.Value // what else goes into the RTCConfiguration
	ice           js.Value // what is not as for the other calls
}

func readMediaOptions(v js.Value) mediaOptions {
	if !isObject(v) {
		return mediaOptions{}
	}
	return mediaOptions{stream: v.Get("stream"), constraints: v.Get("constraints"), configuration: v.Get("rtcConfiguration"), ice: v.Get("ice")}
}

// plain says that the peer connection is as that of any other call.
func (o mediaOptions) plain() bool { return !isObject(o.configuration) && !isObject(o.ice) }

// open gets the stream: that of the page, or one of the microphone, which is ours.
func (o mediaOptions) open(ctx context.Context, host js.Value) (stream js.Value, own bool, err error) {
	if !isObject(o.stream) {
		stream, err = microphone(ctx, host, o.constraints)
		return stream, true, err
	}
	if !isStream(o.stream) {
		return js.Undefined(), false, &sipua.Error{Code: sipua.CodeInvalidArgument, Reason: "media.stream is not a MediaStream"}
	}
	return o.stream, false, nil
}

// newPeer gets the local sound, and the peer connection meanwhile: begun, when that
// is one. found is told of both as soon as they exist, missing
// of servers that could not be had.
func newPeer(ctx context.Context, d *desk, o mediaOptions, policy icePolicy, begun *connecting, found func(pc, stream js.Value), missing func(error)) (*peer, error) {
	p := &peer{host: d.host, desk: d, ice: policy.with(o.ice), check: closedCheck}
	connect := func() *connecting { return p.ice.connect(d.host, o.configuration, missing) }
	if begun == nil && p.ice.ahead() {
		begun = connect()
	}
	var err error
	if p.stream, p.own, err = o.open(ctx, p.host); err != nil {
		begun.giveUp()
		return nil, err
	}
	p.group = p.stream
	if begun == nil {
		begun = connect()
	}
	if err = begun.wait(ctx); err == nil {
		p.pc = begun.pc
		p.round.began = begun.ahead
		found(p.pc, p.stream)
		var tracks js.Value
		tracks, err = try(func() js.Value { return p.stream.Call("getTracks") })
		for i := 0; err == nil && i < tracks.Length(); i++ {
			err = p.send(tracks.Index(i), p.own)
		}
	}
	if err != nil {
		p.Close()
		return nil, fmt.Errorf("no peer connection: %w", err)
	}
	return p, nil
}

// closedCheck is how often a wait looks whether the peer connection was closed:
// the browser leaves its promises unsettled then and fires no event (W3C WebRTC
// sections 4.4.1.2 and 4.4.2).
const closedCheck = 250 * time.Millisecond

// gone says that the peer connection was closed by somebody else, nil if not.
func (p *peer) gone() error {
	if text(p.pc, "signalingState") != "closed" {
		return nil
	}
	return &sipua.Error{Code: sipua.CodeMediaFailed, Reason: "the peer connection was closed, by the page or by the browser: only a new call brings the sound back"}
}

// alive is a context that ends with ctx, and when the peer connection is closed.
func (p *peer) alive(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	var timer *time.Timer
	timer = time.AfterFunc(p.check, func() {
		if ctx.Err() != nil {
			return
		}
		if err := p.gone(); err != nil {
			cancel(err)
			return
		}
		timer.Reset(p.check)
	})
	return ctx, func() { timer.Stop(); cancel(nil) }
}

// call calls a method of object, which is the peer connection or one of its
// parts, and waits for its promise.
func (p *peer) call(ctx context.Context, object js.Value, method string, args ...any) (js.Value, error) {
	if err := p.gone(); err != nil {
		return js.Undefined(), err
	}
	ctx, cancel := p.alive(ctx)
	defer cancel()
	v, err := awaitCall(ctx, object, method, args...)
	if err != nil {
		if gone := p.gone(); gone != nil {
			return js.Undefined(), gone
		}
	}
	return v, err
}

// WatchConnection implements sipua.ConnectionWatcher. ICE that hears nothing
// counts as disconnected even where the browser still calls the whole connected.
func (p *peer) WatchConnection(f func(sipua.ConnectionState)) {
	last := sipua.ConnectionNew
	tell := func(js.Value) {
		state := sipua.ConnectionState(text(p.pc, "connectionState"))
		if ice := sipua.ConnectionState(text(p.pc, "iceConnectionState")); state == sipua.ConnectionConnected &&
			(ice == sipua.ConnectionDisconnected || ice == sipua.ConnectionFailed) {
			state = ice
		}
		if !p.closed && state != last {
			last = state
			f(state)
		}
	}
	p.unwatch = append(p.unwatch, listen(p.pc, "connectionstatechange", tell), listen(p.pc, "iceconnectionstatechange", tell))
}

// Close implements sipua.Media. Tracks that the page gave are the page's to stop.
func (p *peer) Close() {
	p.closed = true
	for _, remove := range p.unwatch {
		remove()
	}
	p.unwatch = nil
	if p.pc.Truthy() {
		p.pc.Call("close")
	}
	p.stopMixing()
	for _, s := range p.sent {
		s.release()
	}
	p.sent = nil
	if p.own {
		stopTracks(p.stream)
	}
	garbage.soon()
}
