package offer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// session makes a description of its lines: those of the session, then those of
// the media.
func session(attributes, media string) string {
	return crlf("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\n" + attributes + media)
}

func TestReverse(t *testing.T) {
	for d, reverse := range map[Direction]Direction{SendRecv: SendRecv, SendOnly: RecvOnly, RecvOnly: SendOnly, Inactive: Inactive} {
		require.Equal(t, reverse, d.Reverse(), d)
	}
}

func TestStreamsOfRealDescriptions(t *testing.T) {
	for name, want := range map[string][]Stream{
		"chrome": {{Kind: "audio", Mid: "0", Direction: SendRecv, Codecs: []string{
			"opus/48000/2", "red/48000/2", "G722/8000", "PCMU/8000", "PCMA/8000", "CN/8000", "telephone-event/48000", "telephone-event/8000"}}},
		"firefox-video": {
			{Kind: "audio", Mid: "0", Direction: SendRecv, Codecs: []string{"opus/48000/2", "G722/8000/1", "PCMU/8000", "PCMA/8000", "telephone-event/8000/1"}},
			{Kind: "video", Mid: "1", Direction: SendRecv, Codecs: []string{ // bundle-only is not refused
				"VP8/90000", "rtx/90000", "VP9/90000", "rtx/90000", "H264/90000", "rtx/90000", "H264/90000", "rtx/90000"}},
		},
		"asterisk":          {{Kind: "audio", Direction: SendRecv, Codecs: []string{"PCMU/8000", "PCMA/8000", "telephone-event/8000"}}},
		"asterisk-webrtc":   {{Kind: "audio", Mid: "audio-0", Direction: SendRecv, Codecs: []string{"PCMU/8000", "opus/48000/2", "telephone-event/8000"}}},
		"freeswitch-webrtc": {{Kind: "audio", Direction: SendRecv, Codecs: []string{"opus/48000/2", "PCMU/8000", "PCMA/8000", "telephone-event/48000", "telephone-event/8000"}}},
		"freeswitch": {
			{Kind: "audio", Direction: SendRecv, Codecs: []string{"opus/48000/2", "PCMU/8000", "PCMA/8000", "telephone-event/48000", "telephone-event/8000"}},
			{Kind: "video", Direction: SendRecv, Codecs: []string{"H264/90000", "VP8/90000"}},
		},
	} {
		require.Equal(t, want, Streams(description(t, name)), name)
	}
	codecs := Streams(description(t, "chrome-codecs"))
	require.Len(t, codecs, 3)
	require.Len(t, codecs[1].Codecs, 14)
	require.Equal(t, Stream{Kind: "application", Mid: "2", Direction: SendRecv}, codecs[2])
}

func TestStreams(t *testing.T) {
	const ice = "a=ice-ufrag:F7gI\na=ice-pwd:x9cml/YzichV2+XlhiMu8g\n"
	pcmu := []string{"PCMU/8000"}
	for _, c := range []struct {
		name, session, media string
		want                 Stream
	}{
		{"default direction", "", "m=audio 9 RTP/AVP 0\n", Stream{Kind: "audio", Direction: SendRecv, Codecs: pcmu}},
		{"direction of the session", "a=recvonly\n", "m=audio 9 RTP/AVP 0\n", Stream{Kind: "audio", Direction: RecvOnly, Codecs: pcmu}},
		{"the stream's own direction", "a=recvonly\n", "m=audio 9 RTP/AVP 0\na=sendonly\n", Stream{Kind: "audio", Direction: SendOnly, Codecs: pcmu}},
		{"inactive", "", "m=audio 9 RTP/AVP 0\na=inactive\n", Stream{Kind: "audio", Direction: Inactive, Codecs: pcmu}},
		{"refused", "", "m=audio 0 RTP/AVP 0\n", Stream{Kind: "audio", Direction: SendRecv, Refused: true, Codecs: pcmu}},
		{"bundle-only", "", "m=audio 0 RTP/AVP 0\na=mid:x\na=bundle-only\n", Stream{Kind: "audio", Mid: "x", Direction: SendRecv, Codecs: pcmu}},
		{"0.0.0.0", "", "m=audio 9 RTP/AVP 0\nc=IN IP4 0.0.0.0\n", Stream{Kind: "audio", Direction: SendRecv, Zero: true, Codecs: pcmu}},
		{"0.0.0.0 with ICE", "", "m=audio 9 RTP/AVP 0\nc=IN IP4 0.0.0.0\n" + ice, Stream{Kind: "audio", Direction: SendRecv, Codecs: pcmu}},
		{"0.0.0.0 with ICE of the session", ice, "m=audio 9 RTP/AVP 0\nc=IN IP4 0.0.0.0\n", Stream{Kind: "audio", Direction: SendRecv, Codecs: pcmu}},
		{"static names", "", "m=audio 9 RTP/AVP 0 3 4 8 9 18 13\n", Stream{Kind: "audio", Direction: SendRecv,
			Codecs: []string{"PCMU/8000", "GSM/8000", "G723/8000", "PCMA/8000", "G722/8000", "G729/8000", "CN/8000"}}},
		{"static video", "", "m=video 9 RTP/AVP 31 34\n", Stream{Kind: "video", Direction: SendRecv, Codecs: []string{"H261/90000", "H263/90000"}}},
		{"rtpmap before the static name", "", "m=audio 9 RTP/AVP 18\na=rtpmap:18 G729A/8000\n", Stream{Kind: "audio", Direction: SendRecv, Codecs: []string{"G729A/8000"}}},
		{"the first of two rtpmaps", "", "m=audio 9 RTP/AVP 96\na=rtpmap:96 opus/48000/2\na=rtpmap:96 PCMU/8000\n", Stream{Kind: "audio", Direction: SendRecv, Codecs: []string{"opus/48000/2"}}},
		{"no name", "", "m=audio 9 RTP/AVP 96 1 35 127\n", Stream{Kind: "audio", Direction: SendRecv}},
		{"an rtpmap of another payload type", "", "m=audio 9 RTP/AVP 0\na=rtpmap:96 opus/48000/2\n", Stream{Kind: "audio", Direction: SendRecv, Codecs: pcmu}},
		{"no RTP, no payload types", "", "m=message 9 TCP/MSRP 0\n", Stream{Kind: "message", Direction: SendRecv}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, []Stream{c.want}, Streams(session(c.session, c.media)))
		})
	}
}

func TestStreamsOfGarbage(t *testing.T) {
	for _, text := range []string{"", "v=0", "\x00\xff", "v=0\r\nm=audio\r\n", session("", "m=audio x RTP/AVP 0\n"), strings.Repeat("m=", 1<<16)} {
		require.Nil(t, Streams(text), "%.20q", text)
	}
	require.Nil(t, Streams(session("", "")))
}

// A bundle-only stream that goes both ways is not on hold, whatever its port.
func TestHoldOfBundleOnly(t *testing.T) {
	const audio = "m=audio 9 RTP/AVP 0\na=sendonly\n"
	require.False(t, HoldOf(session("", audio+"m=video 0 RTP/AVP 31\na=bundle-only\n")))
	require.True(t, HoldOf(session("", audio+"m=video 0 RTP/AVP 31\na=bundle-only\na=inactive\n")))
}
