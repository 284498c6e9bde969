// Package echo is the far end of a test call: it answers a session description
// and sends back every packet of sound that it hears. It knows nothing of SIP;
// whoever carries the descriptions calls [Answer], [Session.Reanswer] and
// [Session.Close].
package echo

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// Session is one call that is being echoed.
type Session struct {
	pc    *webrtc.PeerConnection
	voice *track
	mu    sync.Mutex // one negotiation at a time
}

// Answer takes the caller's offer and returns the session and the answer for
// it, with all candidates in it. The session ends with Close. ctx bounds the
// setting up only.
func Answer(ctx context.Context, offer string) (*Session, string, error) {
	api, err := newAPI()
	if err != nil {
		return nil, "", err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, "", err
	}
	s := &Session{pc: pc, voice: &track{}}
	sender, err := pc.AddTrack(s.voice)
	if err != nil {
		s.Close()
		return nil, "", err
	}
	go drain(sender)
	pc.OnTrack(func(heard *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := heard.ReadRTP()
			if err != nil {
				return // the session is over
			}
			s.voice.send(packet)
		}
	})

	answer, err := s.Reanswer(ctx, offer)
	if err != nil {
		s.Close()
		return nil, "", err
	}
	return s, answer, nil
}

// Reanswer takes another offer of the same caller: hold, resume, an ICE restart.
func (s *Session) Reanswer(ctx context.Context, offer string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pc.ConnectionState() == webrtc.PeerConnectionStateClosed {
		return "", errors.New("the session has ended")
	}

	offered := direction(offer)
	offer = withDirection(offer, "sendrecv")
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("the offer cannot be used: %w", err)
	}
	answer, err := s.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("no answer to this offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	answered := map[string]string{"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive", "sendrecv": "sendrecv"}[offered]
	s.voice.listening.Store(answered == "sendrecv" || answered == "sendonly")
	return withDirection(s.pc.LocalDescription().SDP, answered), nil
}

// Close ends the session. Closing twice does nothing.
func (s *Session) Close() error {
	return s.pc.Close()
}

var directions = regexp.MustCompile(`(?m)^a=(sendrecv|sendonly|recvonly|inactive)(\r?)$`)

// direction reads the first direction of a description; without one it is
// sendrecv (RFC 8866 section 6.7).
func direction(sdp string) string {
	if found := directions.FindStringSubmatch(sdp); found != nil {
		return found[1]
	}
	return "sendrecv"
}

// withDirection writes another direction into a description. The directions of
// RFC 3264 section 6.1 and 8.4 are kept here and not by pion, which answers
// sendrecv to sendonly and stops a stream for good when it is offered as inactive.
func withDirection(sdp, d string) string {
	return directions.ReplaceAllString(sdp, "a="+d+"$2")
}

// newAPI knows the codecs of telephony and nothing of video, which is thereby
// refused, and reaches a browser on the same machine as well as one beside it.
func newAPI() (*webrtc.API, error) {
	media := &webrtc.MediaEngine{}
	codec := func(payload webrtc.PayloadType, mime string, rate uint32, channels uint16, format string) error {
		return media.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, ClockRate: rate, Channels: channels, SDPFmtpLine: format},
			PayloadType:        payload,
		}, webrtc.RTPCodecTypeAudio)
	}
	err := errors.Join(
		codec(111, webrtc.MimeTypeOpus, 48000, 2, "minptime=10;useinbandfec=1"),
		codec(9, webrtc.MimeTypeG722, 8000, 0, ""),
		codec(0, webrtc.MimeTypePCMU, 8000, 0, ""),
		codec(8, webrtc.MimeTypePCMA, 8000, 0, ""),
		// Telephone events (RFC 4733), at the clock rates of the codecs above.
		codec(110, "audio/telephone-event", 48000, 0, ""),
		codec(126, "audio/telephone-event", 8000, 0, ""),
	)
	if err != nil {
		return nil, err
	}

	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true) // a browser may have nothing else: no cable, no air
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings)), nil
}

// drain reads the caller's reports, which nobody needs, so that pion's
// interceptors see them.
func drain(sender *webrtc.RTPSender) {
	buf := make([]byte, 1500)
	for {
		if _, _, err := sender.Read(buf); err != nil {
			return
		}
	}
}
