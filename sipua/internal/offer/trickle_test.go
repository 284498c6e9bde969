package offer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	host  = "candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host"
	srflx = "candidate:2 1 udp 1686052607 198.51.100.7 50000 typ srflx raddr 192.0.2.1 rport 50000"
)

func sdpLines(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

func TestFragment(t *testing.T) {
	description := sdpLines("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=ice-options:trickle",
		"m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a="+host, "a="+srflx, "a=ice-ufrag:abcd", "a=ice-pwd:secretsecretsecretsecr", "a=mid:0", "a=end-of-candidates",
		"m=video 9 UDP/TLS/RTP/SAVPF 96", "a=ice-ufrag:abcd", "a=ice-pwd:secretsecretsecretsecr", "a=mid:1", "a=bundle-only")
	fragment := CandidatesOf(description).Fragment()
	require.Equal(t, sdpLines("a=ice-ufrag:abcd", "a=ice-pwd:secretsecretsecretsecr", "m=audio 9 RTP/AVP 0", "a=mid:0", "a="+host, "a="+srflx, "a=end-of-candidates"), fragment)
	c, err := ParseFragment(fragment)
	require.NoError(t, err)
	require.Equal(t, Candidates{"abcd", "secretsecretsecretsecr", []StreamCandidates{{"audio", "0", []string{host, srflx}, true}}}, c)

	require.Empty(t, CandidatesOf(Complete(strings.ReplaceAll(description, "a=candidate", "a=x"))).Fragment(), "nothing to tell")
	require.Empty(t, CandidatesOf(sdpLines("v=0", "m=audio 9 RTP/AVP 0", "a=mid:0", "a="+host)).Fragment(), "no ICE")
	require.True(t, Trickles(description))
	require.False(t, Trickles(Complete(description)))
	require.NotContains(t, Complete(description), "end-of-candidates")
	require.Equal(t, sdpLines("a=ice-options:ice2"), Complete(sdpLines("a=ice-options:ice2 trickle")))
	require.False(t, Trickles(sdpLines("a=ice-options:trickle2")))
}

func TestBadFragment(t *testing.T) {
	head := []string{"a=ice-ufrag:abcd", "a=ice-pwd:secretsecretsecretsecr"}
	stream := append(head[:2:2], "m=audio 9 RTP/AVP 0", "a=mid:0")
	for name, text := range map[string]string{
		"empty":               "",
		"no ice-ufrag":        sdpLines(head[1]),
		"no ice-pwd":          sdpLines(head[0]),
		"no mid":              sdpLines(append(head[:2:2], "m=audio 9 RTP/AVP 0", "a="+host)...),
		"another language":    sdpLines(append(stream[:4:4], `{"candidate": "x"}`)...),
		"half a candidate":    sdpLines(append(stream[:4:4], "a=candidate:1 1 udp")...),
		"a long candidate":    sdpLines(append(stream[:4:4], "a="+host+strings.Repeat(" x", maxCandidate))...),
		"too many candidates": sdpLines(stream...) + strings.Repeat(sdpLines("a="+host), maxCandidates+1),
		"too many streams":    sdpLines(head...) + strings.Repeat(sdpLines("m=audio 9 RTP/AVP 0", "a=mid:0"), maxCandidates+1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseFragment(text)
			require.Error(t, err)
		})
	}
	_, err := ParseFragment(sdpLines(append(head, "b=AS:1", "m=audio 9 RTP/AVP 0", "a=mid:0", "a=unknown")...))
	require.NoError(t, err, "what is not known is left alone")
}
