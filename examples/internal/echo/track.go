package echo

import (
	"errors"
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// track is the sound that goes back. Unlike pion's own tracks it keeps the
// payload type of every packet, so that telephone events come back as what they
// are. That is right because an answer uses the numbers of the offer (RFC 3264
// section 6.1): a number means the same in both directions.
type track struct {
	bound     atomic.Pointer[binding]
	listening atomic.Bool // the other side wants to hear us
}

type binding struct {
	id   string
	ssrc uint32
	w    webrtc.TrackLocalWriter
}

// send passes a packet on, as our own.
func (t *track) send(p *rtp.Packet) {
	b := t.bound.Load()
	if b == nil || !t.listening.Load() {
		return
	}
	header := rtp.Header{
		Version:        2,
		Marker:         p.Marker,
		PayloadType:    p.PayloadType,
		SequenceNumber: p.SequenceNumber,
		Timestamp:      p.Timestamp,
		SSRC:           b.ssrc,
	}
	// A packet that cannot be sent is a lost packet: RTP lives with that.
	_, _ = b.w.WriteRTP(&header, p.Payload)
}

// Bind implements webrtc.TrackLocal.
func (t *track) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codecs := c.CodecParameters()
	if len(codecs) == 0 {
		return webrtc.RTPCodecParameters{}, errors.New("no codec in common")
	}
	t.bound.Store(&binding{id: c.ID(), ssrc: uint32(c.SSRC()), w: c.WriteStream()})
	return codecs[0], nil
}

// Unbind implements webrtc.TrackLocal.
func (t *track) Unbind(c webrtc.TrackLocalContext) error {
	if b := t.bound.Load(); b != nil && b.id == c.ID() {
		t.bound.CompareAndSwap(b, nil)
	}
	return nil
}

// ID implements webrtc.TrackLocal.
func (t *track) ID() string { return "audio" }

// RID implements webrtc.TrackLocal: there is one encoding, which has no name.
func (t *track) RID() string { return "" }

// StreamID implements webrtc.TrackLocal.
func (t *track) StreamID() string { return "echo" }

// Kind implements webrtc.TrackLocal.
func (t *track) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }
