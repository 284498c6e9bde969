package offer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRestarts(t *testing.T) {
	const session, stream = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
	a, b := "a=ice-ufrag:aaaa\r\n", "a=ice-ufrag:bbbb\r\n"
	for _, w := range []struct {
		last, next string
		want       bool
	}{
		{session + stream + a, session + stream + b, true},
		{session + stream + a, session + stream + a, false},
		{session + a + stream, session + stream + a, false},
		{session + a + stream, session + b + stream, true},
		{session + stream + stream + a, session + stream + a + stream, false},
		{session + stream + a, session + stream, false},
		{"", session + stream + b, false},
		{"nonsense", session + stream + b, false},
	} {
		require.Equal(t, w.want, Restarts(w.last, w.next), "%q then %q", w.last, w.next)
	}
}
