package sipuatest_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// Two connections at the same time, of which one goes silent.
func ExamplePeer_On() {
	transport, peer := sipuatest.NewPipe()
	ctx := context.Background()
	peer.On("wss://c.example.com").Refuse(errors.New("refused"))
	for _, url := range []string{"wss://a.example.com", "wss://b.example.com", "wss://c.example.com"} {
		conn, err := transport.Dial(ctx, url)
		if err != nil {
			continue
		}
		if url == "wss://a.example.com" {
			peer.HalfOpen()
		}
		if err := conn.Write([]byte("\r\n\r\n")); err != nil {
			log.Fatal(err)
		}
	}
	peer.On("wss://b.example.com").Drop(1012, "restart")
	fmt.Print(peer.Ladder())
	// Output:
	// UA ══ connected to wss://a.example.com ══ SIP #1
	// UA ══ half-open from here on ══ SIP #1
	// UA ── keep-alive "\r\n\r\n" ──✗ SIP #1
	// UA ══ connected to wss://b.example.com ══ SIP #2
	// UA ── keep-alive "\r\n\r\n" ──▶ SIP #2
	// UA ◀── keep-alive "\r\n" ── SIP #2
	// UA ══ dialling wss://c.example.com failed: refused ══ SIP
	// UA ══ closed with code 1012 restart ══ SIP #2
}
