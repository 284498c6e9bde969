package offer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWebRTCOfRealDescriptions(t *testing.T) {
	for name, want := range map[string]int{
		"chrome": 0, "chrome-video": 0, "chrome-codecs": 0, "firefox": 0, "firefox-video": 0,
		"asterisk-webrtc": 0, "freeswitch-webrtc": 0, // FreeSWITCH writes RTP/SAVPF and means DTLS
		"asterisk": 302, "freeswitch": 302,
	} {
		require.Equal(t, want, codeOf(description(t, name)), name)
	}
}

func codeOf(text string) int {
	if r := WebRTC(text); r != nil {
		return r.Code
	}
	return 0
}

func TestWebRTC(t *testing.T) {
	const (
		ice    = "a=ice-ufrag:F7gI\na=ice-pwd:x9cml/YzichV2+XlhiMu8g\n"
		print  = "a=fingerprint:sha-256 75:74:5A:A6\n"
		dtls   = print + "a=setup:actpass\n"
		audio  = "m=audio 9 UDP/TLS/RTP/SAVPF 0\n"
		video  = "m=video 9 UDP/TLS/RTP/SAVPF 31\n"
		data   = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\n"
		crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\n"
		bundle = "a=group:BUNDLE a v\n"
	)
	with := func(proto string) string { return strings.Replace(audio, "UDP/TLS/RTP/SAVPF", proto, 1) + ice + dtls }
	for _, c := range []struct {
		name, session, media string
		code                 int
		text                 string
	}{
		{"audio", "", audio + ice + dtls, 0, ""},
		{"video", "", video + ice + dtls, 0, ""},
		{"data channel", "", data + ice + dtls, 0, ""},
		{"all attributes at the session", ice + dtls, audio + video, 0, ""},
		{"fingerprint at the session", print, audio + ice + "a=setup:active\n", 0, ""},
		{"setup passive", "", audio + ice + print + "a=setup:passive\n", 0, ""},

		{"RTP/SAVPF", "", with("RTP/SAVPF"), 0, ""},
		{"RTP/SAVP", "", with("RTP/SAVP"), 0, ""},
		{"RTP/AVPF", "", with("RTP/AVPF"), 0, ""},
		{"RTP/AVP", "", with("RTP/AVP"), 0, ""},
		{"UDP/TLS/RTP/SAVP", "", with("UDP/TLS/RTP/SAVP"), 0, ""},
		{"TCP/DTLS/RTP/SAVPF", "", with("TCP/DTLS/RTP/SAVPF"), 0, ""},
		{"TCP/DTLS/RTP/SAVP", "", with("TCP/DTLS/RTP/SAVP"), 0, ""},
		{"TCP/DTLS/SCTP", "", strings.Replace(data, "UDP", "TCP", 1) + ice + dtls, 0, ""},
		{"DTLS/SCTP with a port number", "", "m=application 9 DTLS/SCTP 5000\na=sctpmap:5000 webrtc-datachannel 1024\n" + ice + dtls, 0, ""},

		{"plain RTP", "", "m=audio 49170 RTP/AVP 0\n", 302, "RTP/AVP instead"},
		{"plain RTP with feedback", "", "m=audio 49170 RTP/AVPF 0\n" + ice, 302, "RTP/AVPF instead"},
		{"SRTP without any key", "", "m=audio 49170 RTP/SAVP 0\n" + ice, 302, "RTP/SAVP instead"},
		{"SDES only", "", "m=audio 49170 RTP/SAVP 0\n" + ice + crypto, 302, "SDES"},
		{"SDES only, feedback", "", "m=audio 49170 RTP/SAVPF 0\n" + ice + crypto, 302, "SDES"},
		{"SDES and DTLS", "", audio + ice + crypto + dtls, 0, ""},
		{"audio in a profile for data", "", with("UDP/DTLS/SCTP"), 302, "UDP/DTLS/SCTP"},
		{"data in a profile for audio", "", "m=application 9 UDP/TLS/RTP/SAVPF 0\n" + ice + dtls, 302, "SAVPF"},
		{"BFCP", ice + dtls, audio + "m=application 5070 TCP/BFCP *\n", 302, "(stream 2, application)"},

		{"no fingerprint", "", audio + ice + "a=setup:actpass\n", 399, "fingerprint"},
		{"no fingerprint for data", "", data + ice + "a=setup:actpass\n", 399, "fingerprint"},
		{"fingerprint without digest", "", audio + ice + "a=fingerprint:SHA-256\na=setup:actpass\n", 399, "fingerprint"},
		{"no setup", "", audio + ice + print, 399, "setup"},
		{"setup:holdconn", "", audio + ice + print + "a=setup:holdconn\n", 399, "setup"},
		{"no ICE", "", audio + dtls, 399, "ICE"},
		{"no ice-pwd", "", audio + dtls + "a=ice-ufrag:F7gI\n", 399, "ICE"},
		{"no ice-ufrag", "", audio + dtls + "a=ice-pwd:x9cml/YzichV2+XlhiMu8g\n", 399, "ICE"},

		{"no codec", "", "m=audio 9 UDP/TLS/RTP/SAVPF 13 101\na=rtpmap:101 telephone-event/8000\n" + ice + dtls, 305, "(stream 1, audio)"},
		{"unknown payload type", "", "m=audio 9 UDP/TLS/RTP/SAVPF 96\n" + ice + dtls, 305, "codec"},
		{"another thing over SCTP", "", "m=application 9 UDP/DTLS/SCTP bfcp\n" + ice + dtls, 305, "(stream 1, application)"},

		{"no audio", "", "m=text 9 UDP/TLS/RTP/SAVPF 98\na=rtpmap:98 t140/1000\n" + ice + dtls, 304, "no audio"},
		{"no media at all", "", "", 304, "no audio"},
		{"everything refused", ice + dtls, strings.Replace(audio, " 9 ", " 0 ", 1), 304, "refused"},
		{"plain RTP refused", ice + dtls, "m=audio 0 RTP/AVP 0\n" + video, 0, ""},
		{"plain text beside", ice + dtls, audio + "m=text 9 RTP/AVP 98\n", 0, ""},
		{"the second is bad", ice + dtls, audio + "m=video 9 RTP/FEC 31\n", 302, "(stream 2, video)"},

		{"bundled", bundle, audio + "a=mid:a\n" + ice + dtls + video + "a=mid:v\n", 0, ""},
		{"bundle-only", bundle, audio + "a=mid:a\n" + ice + dtls + "m=video 0 UDP/TLS/RTP/SAVPF 31\na=mid:v\na=bundle-only\n", 0, ""},
		{"bundle-only is not refused", bundle, audio + "a=mid:a\n" + ice + dtls + "m=video 0 RTP/FEC 31\na=mid:v\na=bundle-only\n", 302, "stream 2"},
		{"not bundled", "", audio + "a=mid:a\n" + ice + dtls + video + "a=mid:v\n", 399, "(stream 2, video)"},
		{"in another group", "a=group:LS a v\n", audio + "a=mid:a\n" + ice + dtls + video + "a=mid:v\n", 399, "stream 2"},
		{"no group", "a=x-group:BUNDLE a v\n", audio + "a=mid:a\n" + ice + dtls + video + "a=mid:v\n", 399, "stream 2"},
		{"not in the group", "a=group:BUNDLE a\n", audio + "a=mid:a\n" + ice + dtls + video + "a=mid:v\n", 399, "stream 2"},
		{"two groups", "a=group:BUNDLE a\na=group:BUNDLE v\n", audio + "a=mid:a\n" + ice + dtls + video + "a=mid:v\n", 399, "stream 2"},
		{"the group's first is another section", "a=group:BUNDLE v a\n", audio + "a=mid:a\n" + video + "a=mid:v\n" + ice + dtls, 0, ""},
		{"the group's first is refused", bundle, "m=audio 0 UDP/TLS/RTP/SAVPF 0\na=mid:a\n" + video + "a=mid:v\n" + ice + dtls, 0, ""},
		{"the group's first has nothing", bundle, audio + "a=mid:a\n" + video + "a=mid:v\n" + ice + dtls, 399, "stream 1"},
		{"the group's first is not there", "a=group:BUNDLE x a\n", audio + "a=mid:a\n" + ice + dtls, 0, ""},
		{"a group of none", "a=group:BUNDLE\n", audio + ice + dtls, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := session(c.session, c.media)
			if c.media != "" {
				require.NoError(t, Valid(text))
			}
			r := WebRTC(text)
			if c.code == 0 {
				require.Nil(t, r)
				return
			}
			require.NotNil(t, r)
			require.Equal(t, c.code, r.Code, r.Text)
			require.Contains(t, r.Text, c.text)
		})
	}
	require.Equal(t, 307, codeOf("<html>"))
}
