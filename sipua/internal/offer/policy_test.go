package offer

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var realNames = []string{"chrome", "chrome-video", "chrome-codecs", "firefox", "firefox-video", "asterisk", "asterisk-webrtc", "freeswitch", "freeswitch-webrtc"}

func TestPolicyCheck(t *testing.T) {
	for _, good := range []string{"opus", "PC*", "PC.*", "G72?", "telephone-event", "*", ".*", "opus/48000", "opus/48000/2", "*/8000", "L16/44100/?", "AMR-WB+", "H264"} {
		require.NoError(t, Policy{Order: []string{good}, Remove: []string{good}}.Check(), good)
	}
	for _, bad := range []string{"", "/", "opus/", "/8000", "a/b/c/d", "opus 48000", "^PC.*$", "(PCMU|PCMA)", "G72[29]", `PC\w`, "PC{2}", "opüs", "opus\r\n", "\x00", "PCMU,PCMA"} {
		require.ErrorContains(t, Policy{Order: []string{"opus", bad}}.Check(), fmt.Sprintf("%q", bad))
		require.ErrorContains(t, Policy{Remove: []string{bad, "opus"}}.Check(), fmt.Sprintf("%q", bad))
	}
	require.NoError(t, Policy{}.Check())
	require.NoError(t, Policy{Audio: 64, Video: maxBandwidth}.Check())
	require.LessOrEqual(t, maxBandwidth*1000, math.MaxInt32)
	require.ErrorContains(t, Policy{Audio: -1}.Check(), "-1 kbit/s for audio")
	require.ErrorContains(t, Policy{Video: -64}.Check(), "-64 kbit/s for video")
	require.ErrorContains(t, Policy{Audio: maxBandwidth + 1}.Check(), "audio")
	require.ErrorContains(t, Policy{Video: maxBandwidth + 1}.Check(), "video")
}

func TestPolicyMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, encoding string
		want              bool
	}{
		{"opus", "opus/48000/2", true},
		{"OPUS", "opus/48000/2", true},
		{"pcmu", "PCMU/8000", true},
		{"opus", "opusx/48000/2", false},
		{"pus", "opus/48000/2", false},
		{"PC*", "PCMA/8000", true},
		{"PC.*", "PCMA/8000", true},
		{".*", "PCMA/8000", true},
		{"PC*", "G722/8000", false},
		{"*8000", "PCMU/8000", false}, // * stays within the name
		{"G72?", "G729/8000", true},
		{"G72?", "G72/8000", false},
		{"opus/48000", "opus/48000/2", true},
		{"opus/8000", "opus/48000/2", false},
		{"telephone-event/8000", "telephone-event/8000/1", true},
		{"telephone-event/8000", "telephone-event/48000", false},
		{"*/8000", "G722/8000/1", true},
		{"G722/8000/1", "G722/8000", true}, // one channel is the default
		{"L16/44100/1", "L16/44100/2", false},
		{"opus/48000", "opus", false},
	} {
		require.Equal(t, c.want, matches(c.pattern, c.encoding), "%s %s", c.pattern, c.encoding)
	}
}

// What is not touched stays as it is, with all its lines in their order.
func TestPolicyLeavesAlone(t *testing.T) {
	for _, name := range realNames {
		for _, ends := range []string{"\r\n", "\n"} {
			text := strings.ReplaceAll(description(t, name), "\r\n", ends)
			for _, p := range []Policy{{}, {Order: []string{"nothing"}, Remove: []string{"nothing"}}} {
				got, err := p.Apply(text)
				require.NoError(t, err)
				require.Equal(t, text, got, name)
			}
		}
	}
	got, err := Policy{}.Apply("no description")
	require.NoError(t, err, "without a policy nothing is read")
	require.Equal(t, "no description", got)
}

// One m= section in, one out.
func TestPolicyApply(t *testing.T) {
	const (
		phone = "m=audio 9 RTP/AVP 0 8 9 18 101\n"
		maps  = "a=rtpmap:0 PCMU/8000\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=sendrecv\n"
		video = "m=video 9 RTP/AVP 96 97 98 99\na=rtpmap:96 VP8/90000\na=rtcp-fb:96 nack pli\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n" +
			"a=rtpmap:98 H264/90000\na=rtcp-fb:* ccm fir\na=fmtp:98 packetization-mode=1\na=rtpmap:99 rtx/90000\na=fmtp:99 rtx-time=3000; apt=98\n"
	)
	for _, c := range []struct {
		name     string
		policy   Policy
		in, want string
	}{
		{"order", Policy{Order: []string{"PCMA", "G722"}}, phone + maps, "m=audio 9 RTP/AVP 8 9 0 18 101\n" + maps},
		{"the order of the patterns", Policy{Order: []string{"G722", "PCMA"}}, phone + maps, "m=audio 9 RTP/AVP 9 8 0 18 101\n" + maps},
		{"stable within a pattern", Policy{Order: []string{"G7*", "PC*"}}, phone + maps, "m=audio 9 RTP/AVP 9 18 0 8 101\n" + maps},
		{"stable with many", Policy{Order: []string{"PCMA"}}, "m=audio 9 RTP/AVP 0 3 4 5 6 7 9 10 11 12 13 14 15 16 17 18 8 96 97 98 99 100 101 102 103 104 105\n",
			"m=audio 9 RTP/AVP 8 0 3 4 5 6 7 9 10 11 12 13 14 15 16 17 18 96 97 98 99 100 101 102 103 104 105\n"},
		{"the first pattern counts", Policy{Order: []string{"PCMA", "PC*", "PCMA"}}, phone + maps, "m=audio 9 RTP/AVP 8 0 9 18 101\n" + maps},
		{"already in order", Policy{Order: []string{"PC*"}}, "m=audio  9 RTP/AVP 0\t8\n", "m=audio  9 RTP/AVP 0\t8\n"},
		{"the session's attributes stay", Policy{Order: []string{"PCMA"}}, "m=audio 49170/2 RTP/AVP 0 8\n", "m=audio 49170/2 RTP/AVP 8 0\n"},
		{"an unnamed payload type stays behind", Policy{Order: []string{"*"}}, "m=audio 9 RTP/AVP 96 0\n", "m=audio 9 RTP/AVP 0 96\n"},

		{"remove", Policy{Remove: []string{"PC*", "g729"}}, phone + maps,
			"m=audio 9 RTP/AVP 9 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=sendrecv\n"},
		{"remove by rate", Policy{Remove: []string{"telephone-event/48000"}},
			"m=audio 9 RTP/AVP 0 110 126\na=rtpmap:110 telephone-event/48000\na=rtpmap:126 telephone-event/8000\n",
			"m=audio 9 RTP/AVP 0 126\na=rtpmap:126 telephone-event/8000\n"},
		{"remove and order", Policy{Order: []string{"G729"}, Remove: []string{"PCMU"}}, phone, "m=audio 9 RTP/AVP 18 8 9 101\n"},
		{"remove and order the same", Policy{Order: []string{"PCMU", "G722"}, Remove: []string{"PCMU"}}, phone, "m=audio 9 RTP/AVP 9 8 18 101\n"},
		{"retransmission goes with its codec", Policy{Remove: []string{"VP8"}}, video,
			"m=video 9 RTP/AVP 98 99\na=rtpmap:98 H264/90000\na=rtcp-fb:* ccm fir\na=fmtp:98 packetization-mode=1\na=rtpmap:99 rtx/90000\na=fmtp:99 rtx-time=3000; apt=98\n"},
		{"apt= among other parameters", Policy{Remove: []string{"H264"}}, video,
			"m=video 9 RTP/AVP 96 97\na=rtpmap:96 VP8/90000\na=rtcp-fb:96 nack pli\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\na=rtcp-fb:* ccm fir\n"},
		{"apt= of what is no retransmission", Policy{Remove: []string{"VP8"}},
			"m=video 9 RTP/AVP 96 97\na=rtpmap:96 VP8/90000\na=rtpmap:97 H264/90000\na=fmtp:97 apt=96\n",
			"m=video 9 RTP/AVP 97\na=rtpmap:97 H264/90000\na=fmtp:97 apt=96\n"},
		{"retransmission alone", Policy{Remove: []string{"rtx"}}, video,
			"m=video 9 RTP/AVP 96 98\na=rtpmap:96 VP8/90000\na=rtcp-fb:96 nack pli\na=rtpmap:98 H264/90000\na=rtcp-fb:* ccm fir\na=fmtp:98 packetization-mode=1\n"},
		{"retransmission of redundancy of a codec", Policy{Remove: []string{"opus"}},
			"m=audio 9 RTP/AVP 64 63 111 0\na=rtpmap:64 rtx/48000\na=fmtp:64 apt=63\na=rtpmap:63 red/48000/2\na=fmtp:63 111/111\na=rtpmap:111 opus/48000/2\n",
			"m=audio 9 RTP/AVP 0\n"},
		{"redundancy of others stays", Policy{Remove: []string{"PCMA"}},
			"m=audio 9 RTP/AVP 121 0 8\na=rtpmap:121 red/8000\na=fmtp:121 0/0\n", "m=audio 9 RTP/AVP 121 0\na=rtpmap:121 red/8000\na=fmtp:121 0/0\n"},
		{"redundancy of some that are gone", Policy{Remove: []string{"PCMA"}},
			"m=audio 9 RTP/AVP 121 0 8\na=rtpmap:121 red/8000\na=fmtp:121 0/8\n", "m=audio 9 RTP/AVP 0\n"},
		{"image sizes", Policy{Remove: []string{"VP8"}},
			"m=video 9 RTP/AVP 96 98\na=rtpmap:96 VP8/90000\na=imageattr:96 send *\na=imageattr:* recv *\na=rtpmap:98 H264/90000\n",
			"m=video 9 RTP/AVP 98\na=imageattr:* recv *\na=rtpmap:98 H264/90000\n"},
		{"an unnamed payload type is not matched", Policy{Remove: []string{"PC*"}}, "m=audio 9 RTP/AVP 96 0 9\n", "m=audio 9 RTP/AVP 96 9\n"},
		{"attributes that only look alike", Policy{Remove: []string{"PCMA"}},
			"m=audio 9 RTP/AVP 0 8\na=ssrc:8 cname:x\na=extmap:8 urn:x\na=rtpmap:80 x/1\na=ptime:8\na=fmtp:8 x=1\n",
			"m=audio 9 RTP/AVP 0\na=ssrc:8 cname:x\na=extmap:8 urn:x\na=rtpmap:80 x/1\na=ptime:8\n"},

		{"refused", Policy{Order: []string{"PCMA"}, Remove: []string{"*"}, Audio: 64}, "m=audio 0 RTP/AVP 0 8\n", "m=audio 0 RTP/AVP 0 8\n"},
		{"bundle-only", Policy{Order: []string{"PCMA"}}, "m=audio 0 RTP/AVP 0 8\na=bundle-only\n", "m=audio 0 RTP/AVP 8 0\na=bundle-only\n"},
		{"data channel", Policy{Order: []string{"*"}, Remove: []string{"*"}, Audio: 64, Video: 64},
			"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nb=AS:30\n", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\nb=AS:30\n"},
		{"real-time text", Policy{Remove: []string{"*"}}, "m=text 9 RTP/AVP 98\na=rtpmap:98 t140/1000\n", "m=text 9 RTP/AVP 98\na=rtpmap:98 t140/1000\n"},

		{"bandwidth after m=", Policy{Audio: 40}, "m=audio 9 RTP/AVP 0\na=sendrecv\n", "m=audio 9 RTP/AVP 0\nb=TIAS:40000\nb=AS:40\na=sendrecv\n"},
		{"bandwidth after i= and c=", Policy{Audio: 40}, "m=audio 9 RTP/AVP 0\ni=speech\nc=IN IP4 192.0.2.1\na=sendrecv\n",
			"m=audio 9 RTP/AVP 0\ni=speech\nc=IN IP4 192.0.2.1\nb=TIAS:40000\nb=AS:40\na=sendrecv\n"},
		{"bandwidth after c= behind an empty line", Policy{Audio: 40}, "m=audio 9 RTP/AVP 0\n\nc=IN IP4 192.0.2.1\n\na=x\n",
			"m=audio 9 RTP/AVP 0\n\nc=IN IP4 192.0.2.1\n\nb=TIAS:40000\nb=AS:40\na=x\n"},
		{"bandwidth before k=", Policy{Audio: 40}, "m=audio 9 RTP/AVP 0\nk=prompt\n", "m=audio 9 RTP/AVP 0\nb=TIAS:40000\nb=AS:40\nk=prompt\n"},
		{"bandwidth without attributes", Policy{Audio: 40}, "m=audio 9 RTP/AVP 0\n", "m=audio 9 RTP/AVP 0\nb=TIAS:40000\nb=AS:40\n"},
		{"bandwidth replaced", Policy{Video: 512}, "m=video 9 RTP/AVP 31\nc=IN IP4 192.0.2.1\nb=AS:3072\nb=RS:800\nb=TIAS:64000\na=x\n",
			"m=video 9 RTP/AVP 31\nc=IN IP4 192.0.2.1\nb=RS:800\nb=TIAS:512000\nb=AS:512\na=x\n"},
		{"bandwidth in the wrong place", Policy{Video: 512}, "m=video 9 RTP/AVP 31\na=x\nb=AS:3072\n", "m=video 9 RTP/AVP 31\nb=TIAS:512000\nb=AS:512\na=x\n"},
		{"bandwidth of the other kind", Policy{Audio: 40}, "m=video 9 RTP/AVP 31\nb=AS:3072\n", "m=video 9 RTP/AVP 31\nb=AS:3072\n"},
		{"negative bandwidth", Policy{Audio: -1, Order: []string{"x"}}, "m=audio 9 RTP/AVP 0\nb=AS:30\n", "m=audio 9 RTP/AVP 0\nb=AS:30\n"},
		{"each stream of the kind", Policy{Audio: 40, Video: 300}, "m=audio 9 RTP/AVP 0\nm=video 9 RTP/AVP 31\na=x\nm=video 9 RTP/AVP 34\n",
			"m=audio 9 RTP/AVP 0\nb=TIAS:40000\nb=AS:40\nm=video 9 RTP/AVP 31\nb=TIAS:300000\nb=AS:300\na=x\nm=video 9 RTP/AVP 34\nb=TIAS:300000\nb=AS:300\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.policy.Apply(session("a=fmtp:8 of the session\n", c.in))
			require.NoError(t, err)
			require.Equal(t, session("a=fmtp:8 of the session\n", c.want), got)
			require.NoError(t, Valid(got))
		})
	}
}

// Lines end as those around them, also where the last one does not.
func TestPolicyLineEnds(t *testing.T) {
	text := strings.ReplaceAll(session("", "m=audio 9 RTP/AVP 0 8\na=sendrecv\n"), "\r\n", "\n")
	got, err := Policy{Order: []string{"PCMA"}, Audio: 40}.Apply(text)
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(session("", "m=audio 9 RTP/AVP 8 0\nb=TIAS:40000\nb=AS:40\na=sendrecv\n"), "\r\n", "\n"), got)

	got, err = Policy{Audio: 40}.Apply(session("", "m=audio 9 RTP/AVP 0\nc=IN IP4 192.0.2.1"))
	require.NoError(t, err)
	require.Equal(t, session("", "m=audio 9 RTP/AVP 0\nc=IN IP4 192.0.2.1\nb=TIAS:40000\nb=AS:40\n"), got)
}

func TestPolicyNoCodec(t *testing.T) {
	const both = "m=audio 9 RTP/AVP 0 8\nm=video 9 RTP/AVP 96 97 98\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\na=rtpmap:98 red/90000\n"
	for _, c := range []struct {
		name, media string
		policy      Policy
		stream      string
	}{
		{"all of audio", both, Policy{Remove: []string{"PC*"}, Audio: 40}, "stream 1 (audio)"},
		{"all of video", both, Policy{Order: []string{"PCMA"}, Remove: []string{"VP8"}}, "stream 2 (video)"},
		{"what accompanies does not count", "m=audio 9 RTP/AVP 0 13 96 97 98 99 100 101 102 103\n" +
			"a=rtpmap:102 tone/8000\na=rtpmap:103 parityfec/8000\na=rtpmap:96 telephone-event/8000\na=rtpmap:97 red/8000\na=rtpmap:98 rtx/8000\na=rtpmap:99 ulpfec/8000\na=rtpmap:100 flexfec-03/8000\na=rtpmap:101 FLEXFEC/8000\n",
			Policy{Remove: []string{"PCMU"}}, "stream 1 (audio)"},
		{"what nothing names does not count", "m=audio 9 RTP/AVP 0 96\n", Policy{Remove: []string{"PCMU"}}, "stream 1 (audio)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := session("", c.media)
			got, err := c.policy.Apply(text)
			require.ErrorIs(t, err, ErrNoCodec)
			require.ErrorContains(t, err, c.stream)
			require.Equal(t, text, got, "nothing is changed")
		})
	}
}

// A description that cannot be edited line by line is not edited at all.
func TestPolicyRefusesOddLines(t *testing.T) {
	for name, text := range map[string]string{
		"no description":           "<html>",
		"a lone carriage return":   strings.Replace(session("", "m=audio 9 RTP/AVP 0\nm=audio 9 RTP/AVP 0\n"), "0\r\nm=", "0\rm=", 1),
		"one within a line":        strings.Replace(session("", "m=audio 9 RTP/AVP 0\na=sendrecv\n"), "0\r\na=", "0\ra=", 1),
		"two fields in a line":     "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0 m=audio 9 RTP/AVP 0\r\n",
		"a stream in another line": session("", "m=audio 9 RTP/AVP 0\nc=IN IP4 192.0.2.1 m=audio 9 RTP/AVP 0\n"),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Policy{Audio: 40}.Apply(text)
			require.Error(t, err)
			require.Equal(t, text, got)
		})
	}
}

func TestPolicyOnRealDescriptions(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy Policy
		want   []string // m= and b= lines of audio and video
	}{
		{"chrome-codecs", Policy{Order: []string{"PCM.*", "H264"}, Remove: []string{"opus", "VP9", "AV1"}, Video: 600}, []string{
			"m=audio 9 UDP/TLS/RTP/SAVPF 0 8 9 13 110 126", // without red, which is made of opus
			"m=video 9 UDP/TLS/RTP/SAVPF 102 127 96 97 122 121 124 120 123 119", "b=TIAS:600000", "b=AS:600",
			"m=application 9 UDP/DTLS/SCTP webrtc-datachannel"}},
		{"chrome-codecs", Policy{Remove: []string{"red", "ulpfec", "flexfec*", "rtx", "CN", "telephone-event/48000"}}, []string{
			"m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 126",
			"m=video 9 UDP/TLS/RTP/SAVPF 96 102 127 98 45", "b=AS:1024",
			"m=application 9 UDP/DTLS/SCTP webrtc-datachannel"}},
		{"firefox-video", Policy{Order: []string{"G722"}, Remove: []string{"VP*"}, Audio: 48}, []string{
			"m=audio 9 UDP/TLS/RTP/SAVPF 9 109 0 8 101", "b=TIAS:48000", "b=AS:48",
			"m=video 0 UDP/TLS/RTP/SAVPF 126 127 97 98"}},
		{"asterisk-webrtc", Policy{Order: []string{"opus"}, Audio: 32}, []string{"m=audio 19240 UDP/TLS/RTP/SAVPF 107 0 101", "b=TIAS:32000", "b=AS:32"}},
		{"freeswitch", Policy{Remove: []string{"opus", "telephone-event/48000", "H264"}, Video: 1000}, []string{
			"m=audio 22694 RTP/AVP 0 8 101", "m=video 27626 RTP/AVP 104", "b=TIAS:1000000", "b=AS:1000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := description(t, c.name)
			after, err := c.policy.Apply(before)
			require.NoError(t, err)
			require.NoError(t, Valid(after))
			var got []string
			payloads := make(map[string]bool)
			for line := range strings.Lines(after) {
				line = strings.TrimSuffix(line, "\r\n")
				if strings.HasPrefix(line, "m=") || strings.HasPrefix(line, "b=") {
					got = append(got, line)
				}
				if fields := strings.Fields(line); strings.HasPrefix(line, "m=") {
					payloads = make(map[string]bool)
					for _, payload := range fields[3:] {
						payloads[payload] = true
					}
				}
				for _, key := range []string{"a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"} {
					if value, ok := strings.CutPrefix(line, key); ok && !strings.HasPrefix(value, "*") {
						require.True(t, payloads[strings.Fields(value)[0]], line)
					}
				}
				if !strings.HasPrefix(line, "m=") && !strings.HasPrefix(line, "b=") {
					require.Contains(t, before, line+"\r\n")
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

// The work grows with the size of the text and not with its square: a chain of
// retransmissions in the worst order.
func TestPolicyIsFast(t *testing.T) {
	const n = 20000
	var text strings.Builder
	text.WriteString("m=audio 9 RTP/AVP 0")
	for i := range n {
		fmt.Fprintf(&text, " %d", 1000+n-i)
	}
	text.WriteString("\na=rtpmap:1001 x/1\n")
	for i := range n - 1 {
		fmt.Fprintf(&text, "a=rtpmap:%d rtx/1\na=fmtp:%d apt=%d\n", 1002+i, 1002+i, 1001+i)
	}
	start := time.Now()
	got, err := Policy{Remove: []string{"x"}}.Apply(session("", text.String()))
	require.NoError(t, err)
	require.Equal(t, session("", "m=audio 9 RTP/AVP 0\n"), got)
	require.Less(t, time.Since(start), 5*time.Second) // it takes 80 ms
}
