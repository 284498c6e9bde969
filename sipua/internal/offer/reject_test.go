package offer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// RFC 3264 section 6: the answer has a stream for each of the offer, of its kind and
// transport, and the port 0 refuses it.
func TestReject(t *testing.T) {
	for _, name := range []string{"chrome", "firefox-video", "asterisk", "asterisk-webrtc", "freeswitch", "freeswitch-webrtc"} {
		t.Run(name, func(t *testing.T) {
			offered := description(t, name)
			answer := Reject(offered)
			require.NoError(t, Valid(answer))
			ours, theirs := Streams(answer), Streams(offered)
			require.Len(t, ours, len(theirs))
			for i := range ours {
				require.Equal(t, theirs[i].Kind, ours[i].Kind)
				require.Equal(t, theirs[i].Mid, ours[i].Mid, "RFC 5888: a stream is told by its mid")
				require.True(t, ours[i].Refused)
			}
			require.NotContains(t, answer, "a=group", "RFC 9143 section 7.3.3: a refused stream is in no group")
			require.NotContains(t, answer, "a=candidate")
			require.NotContains(t, answer, "a=fingerprint")
			require.Equal(t, answer, Reject(offered))
		})
	}
}

// The formats are the offer's: an answer names at least one.
func TestRejectKeepsTransportAndFormats(t *testing.T) {
	answer := Reject(session("", "m=audio 4000/2 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\n"))
	require.Contains(t, answer, "\r\nm=audio 0 RTP/AVP 0 101\r\n")
	require.Contains(t, answer, "\r\nm=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n")
}

// What is no description is not refused either.
func TestRejectOfNothing(t *testing.T) {
	for _, text := range []string{"", "hello", "v=0\r\nm=audio"} {
		require.Empty(t, Reject(text), text)
	}
}
