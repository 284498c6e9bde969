package sipua_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// The native half of `make bench-core`; wasm/npm/test/bench holds the other half
// and the messages, which both take.

// BenchmarkParse reads each message and does nothing with it. The INVITE comes with
// its ACK, as in BenchmarkAnswer: the two are one turn.
func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"invite", "ok_invite", "ok_register"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			turn := [][]byte{benchMessage(b, name).with(1)}
			if name == "invite" {
				turn = append(turn, benchMessage(b, "ack").with(1))
			}
			for b.Loop() {
				for _, data := range turn {
					if _, err := message.Parse(data); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkAnswer hands each message to a user agent as its connection does.
//
// The INVITE is one that came by another way already (RFC 3261 section 8.2.2.2):
// the first rings, each further one, with a branch of its own, is a new
// transaction that is answered 482 at once. That is the longest way through the
// user agent that ends with the message: transport, parser, transaction, response,
// transport. It leaves nothing behind once the ACK is in, which is a message of the
// stream as well: what is measured is the turn of both.
//
// Responses are not answered: these two belong to no request, which is found out
// and reported.
func BenchmarkAnswer(b *testing.B) {
	b.Run("invite", func(b *testing.B) {
		b.ReportAllocs()
		invite, ack := benchMessage(b, "invite"), benchMessage(b, "ack")
		wire := benchAgent(b)
		wire.in <- invite.with(0)
		wire.await(b, 1, "SIP/2.0 180 ")
		n := 0
		for b.Loop() {
			n++
			wire.in <- invite.with(n)
			wire.in <- ack.with(n)
		}
		wire.await(b, n, "SIP/2.0 482 ")
	})
	for _, name := range []string{"ok_invite", "ok_register"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			response := benchMessage(b, name)
			wire := benchAgent(b)
			n := 0
			for b.Loop() {
				n++
				wire.in <- response.with(n)
			}
			wire.in <- []byte("\r\n\r\n") // a keep-alive, whose answer shows that all was read
			wire.await(b, 1, "\r\n")
		})
	}
}

// template is a message whose branch is to be filled in.
type template struct{ before, after string }

func benchMessage(tb testing.TB, name string) template {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("..", "wasm", "npm", "test", "bench", "messages", name+".sip"))
	require.NoError(tb, err)
	before, after, ok := strings.Cut(strings.ReplaceAll(string(text), "\n", "\r\n"), "{branch}")
	require.True(tb, ok, "%s has no {branch}", name)
	return template{before, after}
}

// with makes the bytes anew, as a connection does: who receives them may keep them.
func (t template) with(n int) []byte {
	return fmt.Appendf(make([]byte, 0, len(t.before)+32+len(t.after)), "%sz9hG4bKb7f2.%016x.0%s", t.before, n, t.after)
}

// benchWire is a connection in memory. What the user agent sends is counted by
// its first twelve bytes, "SIP/2.0 482 " for instance.
type benchWire struct {
	in     chan []byte // with room for some messages, as a socket has
	closed chan struct{}

	mu   sync.Mutex
	sent map[string]int
	more chan struct{} // capacity 1
}

// benchAgent is a user agent that is registered over a benchWire.
func benchAgent(b *testing.B) *benchWire {
	b.Helper()
	wire := &benchWire{
		in: make(chan []byte, 16), closed: make(chan struct{}),
		sent: map[string]int{}, more: make(chan struct{}, 1),
	}
	ua, err := sipua.New(sipua.Config{
		URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: "wss://example.com/ws"}},
		Transport: wire, Media: (&sipuatest.Factory{}).New,
	})
	require.NoError(b, err)
	b.Cleanup(func() { _ = ua.Close() })
	require.NoError(b, ua.Register(b.Context()))
	return wire
}

func (w *benchWire) Dial(context.Context, string) (sipua.Conn, error) { return w, nil }

func (w *benchWire) Read() ([]byte, error) {
	select {
	case data := <-w.in:
		return data, nil
	case <-w.closed:
		return nil, &sipua.CloseError{Code: 1000}
	}
}

func (w *benchWire) Write(data []byte) error {
	if bytes.HasPrefix(data, []byte("REGISTER ")) {
		msg, err := message.Parse(data)
		if err != nil {
			return err
		}
		res := message.Response(msg.(*sip.Request), sip.StatusOK, "OK", "registrar")
		for _, h := range msg.GetHeaders("Contact") {
			res.AppendHeader(h)
		}
		w.in <- message.Bytes(res)
		return nil
	}
	w.mu.Lock()
	w.sent[string(data[:min(len(data), 12)])]++
	w.mu.Unlock()
	select {
	case w.more <- struct{}{}:
	default:
	}
	return nil
}

func (w *benchWire) Close(int, string) { close(w.closed) }

// await returns when n messages with this beginning have been sent.
func (w *benchWire) await(b *testing.B, n int, begin string) {
	b.Helper()
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	for {
		w.mu.Lock()
		sent := maps.Clone(w.sent)
		w.mu.Unlock()
		if sent[begin] >= n {
			return
		}
		select {
		case <-w.more:
		case <-late.C:
			b.Fatalf("%q was to be sent %d times, sent was %v", begin, n, sent)
		}
	}
}
