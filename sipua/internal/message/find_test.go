package message

import (
	"strings"
	"sync"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// Section 7.3.1: names have no case; headers of one name keep their order.
func TestHeadersAreFoundWhateverTheirCase(t *testing.T) {
	more := []string{"x-ticket: 1", "X-Ticket: 2", "X-Tickets: 3", "Route: <sip:a;lr>", "route: <sip:b;lr>"}
	for _, msg := range []sip.Message{good(t, crlf(options, more...)), good(t, crlf(okResponse, more...))} {
		var tickets, routes []string
		for _, h := range All(msg, "X-TICKET") {
			tickets = append(tickets, h.Value())
		}
		for _, h := range All(msg, "Route") {
			routes = append(routes, h.Value())
		}
		require.Equal(t, []string{"1", "2"}, tickets)
		require.Equal(t, []string{"<sip:a;lr>", "<sip:b;lr>"}, routes)
		require.Equal(t, "1", First(msg, "x-TICKET").Value())
		require.Equal(t, "a84b4c76e66710", First(msg, "call-id").Value())
		require.Empty(t, All(msg, "X-Tick"))
		require.Nil(t, First(msg, "X-Tick"))
	}
}

// A head longer than the room that is made for it, and a body.
func TestBytesAreTheMessage(t *testing.T) {
	msg := good(t, strings.TrimSuffix(crlf(options, "X-Long: "+strings.Repeat("long ", 1000)), "\r\n")+"Content-Length: 4\r\n\r\nbody")
	require.Equal(t, msg.String(), string(Bytes(msg)))
	require.True(t, strings.HasSuffix(string(Bytes(msg)), "\r\n\r\nbody"))
}

// User agents are many, and each makes tokens in a goroutine of its own.
func TestTokensAreUnlikeInSeveralGoroutines(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				token := NewToken(20)
				mu.Lock()
				seen[token] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	require.Len(t, seen, 8000)
}
