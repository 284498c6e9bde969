package echo

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/require"
)

// caller is a pion client that speaks 20 ms packets of PCMU or telephone events.
type caller struct {
	t     *testing.T
	pc    *webrtc.PeerConnection
	voice *track
	heard chan *rtp.Packet
	state chan webrtc.PeerConnectionState
	seq   uint16
}

func newCaller(t *testing.T) *caller {
	api, err := newAPI()
	require.NoError(t, err)
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pc.Close()) })

	c := &caller{t: t, pc: pc, voice: &track{}, heard: make(chan *rtp.Packet, 1000), state: make(chan webrtc.PeerConnectionState, 10)}
	c.voice.listening.Store(true)
	sender, err := pc.AddTrack(c.voice)
	require.NoError(t, err)
	go drain(sender)
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { c.state <- s })
	pc.OnTrack(func(r *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := r.ReadRTP()
			if err != nil {
				return
			}
			c.heard <- p
		}
	})
	return c
}

func (c *caller) offer(mangle func(string) string) string {
	offer, err := c.pc.CreateOffer(nil)
	require.NoError(c.t, err)
	gathered := webrtc.GatheringCompletePromise(c.pc)
	require.NoError(c.t, c.pc.SetLocalDescription(offer))
	<-gathered
	return mangle(c.pc.LocalDescription().SDP)
}

func (c *caller) answered(sdp string) {
	require.NoError(c.t, c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}))
}

func (c *caller) connected() {
	for s := range c.state {
		require.NotEqual(c.t, webrtc.PeerConnectionStateFailed, s)
		if s == webrtc.PeerConnectionStateConnected {
			return
		}
	}
}

// speak sends packets, at the pace of real sound, until one that hears accepts
// has come back.
func (c *caller) speak(payloadType uint8, payload []byte, hears func(*rtp.Packet) bool) *rtp.Packet {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case p := <-c.heard:
			if hears(p) {
				return p
			}
		case <-tick.C:
			c.seq++
			c.voice.send(&rtp.Packet{
				Header:  rtp.Header{PayloadType: payloadType, SequenceNumber: c.seq, Timestamp: 160 * uint32(c.seq)},
				Payload: payload,
			})
		case <-c.t.Context().Done():
			c.t.Fatal("nothing came back")
		}
	}
}

func asIs(s string) string { return s }

func as(direction string) func(string) string {
	return func(sdp string) string { return withDirection(sdp, direction) }
}

func TestWhatIsHeardComesBack(t *testing.T) {
	c := newCaller(t)
	session, answer, err := Answer(t.Context(), c.offer(asIs))
	require.NoError(t, err)
	defer session.Close()
	require.Contains(t, answer, " 127.0.0.1 ", "a browser without a network has the loopback address only")
	require.Contains(t, answer, "telephone-event/8000")
	require.NotContains(t, answer, ".local", "no mDNS names")
	c.answered(answer)
	c.connected()

	voice := bytes.Repeat([]byte{0x2a}, 160)
	p := c.speak(0, voice, func(p *rtp.Packet) bool { return p.PayloadType == 0 })
	require.Equal(t, voice, p.Payload)
	require.Equal(t, 160*uint32(p.SequenceNumber), p.Timestamp, "the packet's own place in time is kept")
	require.NotZero(t, p.SSRC)

	event := []byte{5, 10, 0, 160} // the key 5, RFC 4733 section 2.3
	p = c.speak(126, event, func(p *rtp.Packet) bool { return p.PayloadType == 126 })
	require.Equal(t, event, p.Payload)
}

func TestHoldAndResume(t *testing.T) {
	c := newCaller(t)
	session, answer, err := Answer(t.Context(), c.offer(asIs))
	require.NoError(t, err)
	defer session.Close()
	c.answered(answer)
	c.connected()
	voice := func(fill byte) []byte { return bytes.Repeat([]byte{fill}, 160) }
	c.speak(0, voice(1), func(*rtp.Packet) bool { return true })

	for offered, wanted := range map[string]string{"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"} {
		answer, err = session.Reanswer(t.Context(), c.offer(as(offered)))
		require.NoError(t, err)
		require.Equal(t, wanted, direction(answer))
		require.Equal(t, wanted == "sendonly", session.voice.listening.Load(), "who holds hears nothing")
		c.answered(as("sendrecv")(answer)) // the caller is pion, too, and must not stop its stream

		answer, err = session.Reanswer(t.Context(), c.offer(as("sendrecv")))
		require.NoError(t, err)
		require.Equal(t, "sendrecv", direction(answer), "resumed after %s", offered)
		c.answered(answer)
		mark := voice(offered[0])
		c.speak(0, mark, func(p *rtp.Packet) bool { return bytes.Equal(p.Payload, mark) })
	}
}

func TestVideoIsRefused(t *testing.T) {
	c := newCaller(t)
	video := "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\na=sendrecv\r\na=setup:actpass\r\na=rtcp-mux\r\n"
	session, answer, err := Answer(t.Context(), c.offer(func(s string) string { return s + video }))
	require.NoError(t, err)
	defer session.Close()
	require.Contains(t, answer, "m=video 0 ")
}

func TestWhatCannotBeAnswered(t *testing.T) {
	for name, offer := range map[string]string{
		"nothing":       "",
		"garbage":       "INVITE sip:echo@example.com SIP/2.0",
		"no encryption": "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			session, _, err := Answer(t.Context(), offer)
			require.Error(t, err)
			require.Nil(t, session)
		})
	}

	t.Run("no time", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		offer := newCaller(t).offer(asIs)
		session, answer, err := Answer(ctx, offer)
		if err == nil { // gathering may be over before ctx is looked at
			require.NotEmpty(t, answer)
			require.NoError(t, session.Close())
			return
		}
		require.ErrorIs(t, err, context.Canceled)
	})

	t.Run("after the end", func(t *testing.T) {
		c := newCaller(t)
		session, answer, err := Answer(t.Context(), c.offer(asIs))
		require.NoError(t, err)
		c.answered(answer)
		require.NoError(t, session.Close())
		require.NoError(t, session.Close())
		_, err = session.Reanswer(t.Context(), c.offer(asIs))
		require.Error(t, err)
	})
}
