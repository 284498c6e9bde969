package offer

import (
	"embed"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The descriptions of browsers and servers.
//
//go:embed testdata/*.sdp
var descriptions embed.FS

func description(t testing.TB, name string) string {
	t.Helper()
	data, err := descriptions.ReadFile("testdata/" + name + ".sdp")
	require.NoError(t, err)
	return crlf(string(data))
}

// crlf gives text the line ends of RFC 8866 section 5, wherever it was edited.
func crlf(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
}

func TestHoldOfRealDescriptions(t *testing.T) {
	for _, c := range []struct {
		name, old, new string
		hold           bool
	}{
		{"chrome", "", "", false}, // c=0.0.0.0 and port 9, but with ICE
		{"chrome", "a=sendrecv", "a=sendonly", true},
		{"chrome", "a=sendrecv", "a=inactive", true},
		{"chrome", "a=sendrecv", "a=recvonly", false},
		{"firefox", "", "", false}, // sendrecv at session and media level
		{"firefox", "a=sendrecv\r\na=end-of-candidates", "a=inactive\r\na=end-of-candidates", true},
		{"firefox", "a=sendrecv\r\na=fingerprint", "a=inactive\r\na=fingerprint", false}, // the media's counts
		{"asterisk", "", "", false},
		{"asterisk", "a=sendrecv", "a=sendonly", true},
		{"asterisk", "a=sendrecv", "a=inactive", true},
		{"asterisk", "a=sendrecv\r\n", "", false}, // sendrecv is the default: RFC 3264 section 5.1
		{"asterisk", "IP4 198.51.100.7\r\nt=", "IP4 0.0.0.0\r\nt=", true},
		{"chrome-video", "", "", false},
		{"chrome-video", "a=sendrecv", "a=sendonly", true}, // both streams
		{"chrome-video", "a=sendrecv", "a=inactive", true},
	} {
		t.Run(c.name+" "+c.new, func(t *testing.T) {
			text := description(t, c.name)
			require.NoError(t, Valid(text))
			require.Contains(t, text, c.old)
			require.Equal(t, c.hold, HoldOf(strings.ReplaceAll(text, c.old, c.new)))
		})
	}
}

// One line a case: the session level, then one group of lines for each stream.
func TestHoldOf(t *testing.T) {
	const (
		audio = "m=audio 49170 RTP/AVP 0\n"
		video = "m=video 51372 RTP/AVP 31\n"
		zero  = "c=IN IP4 0.0.0.0\n"
		ice   = "a=ice-ufrag:F7gI\na=ice-pwd:x9cml/YzichV2+XlhiMu8g\n"
	)
	for _, c := range []struct {
		name, session, media string
		hold                 bool
	}{
		{"default", "", audio, false},
		{"sendrecv", "", audio + "a=sendrecv\n", false},
		{"sendonly", "", audio + "a=sendonly\n", true},
		{"recvonly", "", audio + "a=recvonly\n", false},
		{"inactive", "", audio + "a=inactive\n", true},

		{"session sendonly", "a=sendonly\n", audio, true},
		{"session inactive", "a=inactive\n", audio + video, true},
		{"session recvonly", "a=recvonly\n", audio, false},
		{"session sendonly, media sendrecv", "a=sendonly\n", audio + "a=sendrecv\n", false},
		{"session sendrecv, media inactive", "a=sendrecv\n", audio + "a=inactive\n", true},
		{"session inactive, one stream sendrecv", "a=inactive\n", audio + video + "a=sendrecv\n", false},

		{"0.0.0.0 for the stream", "", audio + zero, true},
		{"0.0.0.0 for the session", zero, audio, true},
		{"0.0.0.0 for the session, not for the stream", zero, audio + "c=IN IP4 192.0.2.1\n", false},
		{"0.0.0.0 for one stream of two", "", audio + zero + video, false},
		{"0.0.0.0 for one, sendonly for the other", "", audio + zero + video + "a=sendonly\n", true},
		{"0.0.0.0 with ICE", "", audio + zero + ice, false},
		{"0.0.0.0 with ICE of the session", ice, audio + zero, false},
		{"0.0.0.0 with ICE and inactive", "", audio + zero + ice + "a=inactive\n", true},
		{"0.0.0.0 with ICE and sendonly", "", audio + zero + ice + "a=sendonly\n", true},

		{"both held", "", audio + "a=sendonly\n" + video + "a=inactive\n", true},
		{"audio held, video not", "", audio + "a=sendonly\n" + video, false},
		{"video held, audio not", "", audio + video + "a=inactive\n", false},
		{"audio held, video refused", "", audio + "a=inactive\n" + strings.Replace(video, "51372", "0", 1), true},
		{"audio open, video refused and inactive", "", audio + strings.Replace(video, "51372", "0", 1) + "a=inactive\n", false},
		{"everything refused", "", strings.Replace(audio, "49170", "0", 1) + "a=inactive\n", false},
		{"data channel beside held audio", "", audio + "a=inactive\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\n", true},
		{"data channel alone", "", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=inactive\n", false},
		{"no media", "a=inactive\n", "", false},
		{"something that looks like a direction", "", audio + "a=x-note:inactive\na=fmtp:0 sendonly\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			connection := "c=IN IP4 192.0.2.1\n"
			if strings.Contains(c.session, "c=") {
				connection = ""
			}
			session := c.session // c= stands before t=, a= after it
			if strings.HasPrefix(session, "c=") {
				connection, session = session, ""
			}
			text := "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\n" + connection + "t=0 0\n" + session + c.media
			require.Equal(t, c.hold, HoldOf(crlf(text)))
		})
	}
}

// What cannot be read asks for nothing.
func TestHoldOfGarbage(t *testing.T) {
	for _, text := range []string{"", "a=inactive", "v=0", "\x00\xff", "v=0\r\nm=audio\r\na=inactive\r\n", strings.Repeat("m=", 1<<16)} {
		require.False(t, HoldOf(text))
	}
}

func TestValid(t *testing.T) {
	const session = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
	for text, wants := range map[string]string{
		session + "m=audio 9 RTP/AVP 0\r\n": "",
		session:                             "no media",
		"":                                  "empty",
		" \r\n":                             "empty",
		"<html>":                            "sdp",
		"v=0\r\nm=audio":                    "sdp",
		session + "m=audio x RTP/AVP 0\r\n": "sdp",
	} {
		err := Valid(text)
		if wants == "" {
			require.NoError(t, err)
			continue
		}
		require.Error(t, err, text)
		if wants != "sdp" {
			require.ErrorContains(t, err, wants)
		}
	}
}

func FuzzHoldOf(f *testing.F) {
	for _, name := range []string{"chrome", "firefox", "asterisk", "chrome-video"} {
		f.Add(description(f, name))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if HoldOf(text) && Valid(text) != nil {
			t.Error("hold is asked for by what is no session description")
		}
	})
}
