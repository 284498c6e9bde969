package sipuatest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

const urlA, urlB = "wss://a.example.com/ws", "wss://b.example.com/ws"

func dial(t *testing.T, transport sipua.Transport, url string) sipua.Conn {
	t.Helper()
	conn, err := transport.Dial(t.Context(), url)
	require.NoError(t, err)
	return conn
}

// other is a request with another method and Call-ID than options.
func other(method string) []byte {
	return []byte(strings.NewReplacer("OPTIONS", method, "a-call-id-of-ours", "that-of-"+method).Replace(options))
}

func TestPipeTellsConnectionsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer := NewPipe()
		a, b := dial(t, transport, urlA), dial(t, transport, urlB)
		assert.Equal(t, urlB, peer.On(urlB).ExpectDial(t))
		assert.Equal(t, urlA, peer.ExpectDial(t))

		require.NoError(t, a.Write(other("INFO")))
		require.NoError(t, b.Write(other("MESSAGE")))
		message := peer.On(urlB).ExpectRequest(t, "MESSAGE") // though INFO came before
		info := peer.ExpectRequest(t, "INFO")
		assert.NotEqual(t, info.Source(), message.Source())
		sent := peer.Of(info).Respond(info, 200, "OK")
		text, err := a.Read()
		require.NoError(t, err)
		assert.Equal(t, sent.String(), string(text))
		peer.SendRaw([]byte("to the last"))
		text, err = b.Read()
		require.NoError(t, err)
		assert.Equal(t, "to the last", string(text))
		peer.Conn(2).ExpectNothing(t, time.Hour)

		peer.Conn(1).Drop(1012, "restart")
		assert.True(t, peer.Connected())
		assert.False(t, peer.On(urlA).Connected())
		b.Close(1000, "")
		assert.Contains(t, failure(t, func(t testing.TB) { peer.On(urlA).ExpectClose(t) }), "the end of the connection")
		assert.Equal(t, 1000, peer.On(urlB).ExpectClose(t).Code)

		again := dial(t, transport, urlA)
		require.NoError(t, again.Write(other("INFO")))
		assert.Equal(t, info.CallID().Value(), peer.Conn(3).ExpectRequest(t, "INFO").CallID().Value())
		assert.Equal(t, strings.Join([]string{
			"UA ══ connected to wss://a.example.com/ws ══ SIP #1",
			"UA ══ connected to wss://b.example.com/ws ══ SIP #2",
			"UA ── INFO sip:example.com ──▶ SIP #1",
			"UA ── MESSAGE sip:example.com ──▶ SIP #2",
			"UA ◀── 200 OK ── SIP #1",
			`UA ◀── "to the last" ── SIP #2`,
			"UA ══ closed with code 1012 restart ══ SIP #1",
			"UA ══ closed with code 1000 ══ SIP #2",
			"UA ══ connected to wss://a.example.com/ws ══ SIP #3",
			"UA ── INFO sip:example.com ──▶ SIP #3",
			"",
		}, "\n"), peer.Ladder().String())
		assert.Contains(t, peer.Ladder().Text(), "UA ◀── #1\nSIP/2.0 200 OK\n")
		assert.Equal(t, 2, peer.Ladder().Entries()[1].Conn)
		peer.Ladder().Reset()
		again.Close(1000, "")
		assert.Equal(t, "UA ══ closed with code 1000 ══ SIP\n", peer.Ladder().String(), "one connection needs no number")
		assert.Zero(t, peer.Ladder().Entries()[0].Conn)
		peer.Conn(9).SendRaw([]byte("nobody"))
		peer.Conn(9).Drop(1000, "")
		peer.Conn(9).HalfOpen()
		assert.False(t, peer.Conn(9).Connected())
	})
}

func TestPipeHalfOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer := NewPipe()
		conn := dial(t, transport, urlA)
		peer.HalfOpen()
		require.NoError(t, conn.Write([]byte("\r\n\r\n")))
		require.NoError(t, conn.Write(other("INFO")))
		peer.SendRaw([]byte("unheard"))
		peer.ExpectNothing(t, time.Hour)
		assert.Zero(t, peer.Pings())
		read := make(chan error)
		go func() {
			_, err := conn.Read()
			read <- err
		}()
		synctest.Wait()
		select {
		case <-read:
			t.Fatal("there was nothing to read")
		default:
		}
		begin := time.Now()
		conn.Close(1000, "gone")
		assert.ErrorContains(t, <-read, "1000")
		assert.Zero(t, time.Since(begin))
		assert.Equal(t, "gone", peer.ExpectClose(t).Reason)
		assert.Equal(t, strings.Join([]string{
			"UA ══ connected to wss://a.example.com/ws ══ SIP",
			"UA ══ half-open from here on ══ SIP",
			`UA ── keep-alive "\r\n\r\n" ──✗ SIP`,
			"UA ── INFO sip:example.com ──✗ SIP",
			`UA ✗── "unheard" ── SIP`,
			"UA ══ closed with code 1000 gone ══ SIP",
			"",
		}, "\n"), peer.Ladder().String())
		assert.Contains(t, peer.Ladder().Text(), "──✗ SIP\nINFO")

		dial(t, transport, urlB)
		peer.HalfOpen()
		peer.Drop(1006, "")
		assert.False(t, peer.Connected())
	})
}

func TestPipeDialsByURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer := NewPipe()
		refused, closed := errors.New("refused"), errors.New("closed")
		peer.On(urlB).Refuse(refused, closed)
		dial(t, transport, urlA)
		for _, want := range []error{refused, closed, nil} {
			_, err := transport.Dial(t.Context(), urlB)
			assert.Equal(t, want, err)
		}

		release := peer.On(urlA).HoldDials()
		dial(t, transport, urlB)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := transport.Dial(ctx, urlA)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		done := make(chan struct{})
		go func() {
			defer close(done)
			dial(t, transport, urlA)
		}()
		synctest.Wait()
		assert.Equal(t, 3, len(peer.pipe.conns))
		release()
		<-done
		release()
		dial(t, transport, urlA)

		peer.OnDial(func(context.Context, string) error { return refused })
		peer.On(urlA).OnDial(func(context.Context, string) error { return nil })
		dial(t, transport, urlA)
		_, err = transport.Dial(t.Context(), urlB)
		assert.Equal(t, refused, err)
		peer.On(urlA).OnDial(nil)
		_, err = transport.Dial(t.Context(), urlA)
		assert.Equal(t, refused, err)
	})
}

func TestPipePings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer := NewPipe()
		peer.Timeout = time.Minute
		a, b := dial(t, transport, urlA), dial(t, transport, urlB)
		peer.On(urlB).IgnorePings(true)
		for _, c := range []sipua.Conn{a, b, b} {
			require.NoError(t, c.Write([]byte("\r\n\r\n")))
		}
		assert.Equal(t, []int{3, 1, 2}, []int{peer.Pings(), peer.On(urlA).Pings(), peer.Conn(2).Pings()})
		peer.On(urlB).ExpectPing(t)
		peer.On(urlB).ExpectPing(t)
		assert.Contains(t, failure(t, func(t testing.TB) { peer.On(urlB).ExpectPing(t) }), "a keep-alive ping")
		peer.ExpectPing(t)
		assert.Contains(t, failure(t, func(t testing.TB) { peer.ExpectPing(t) }), "a keep-alive ping, got nothing within 1m0s")
		pong, err := a.Read()
		require.NoError(t, err)
		assert.Equal(t, "\r\n", string(pong))

		peer.SendRaw([]byte("\r\n\r\n"))
		assert.Contains(t, failure(t, func(t testing.TB) { peer.ExpectPong(t) }), "a keep-alive pong")
		require.NoError(t, b.Write([]byte("\r\n")))
		peer.ExpectPong(t)
		assert.Equal(t, 3, peer.Pings(), "a pong is no ping")

		require.NoError(t, a.Write([]byte(options)))
		peer.ExpectRequest(t, "OPTIONS")
		peer.AnswerOptions(true)
		for _, c := range []sipua.Conn{a, b} {
			require.NoError(t, c.Write([]byte(options)))
			require.NoError(t, c.Write(other("INFO")))
			peer.ExpectPing(t)
			peer.ExpectRequest(t, "INFO")
		}
		text, err := a.Read()
		require.NoError(t, err)
		assert.Contains(t, string(text), "SIP/2.0 200 OK")
		assert.Equal(t, 5, peer.Pings())
		require.NoError(t, b.Write([]byte(strings.Replace(options, "To: <sip:example.com>", "To: <sip:example.com>;tag=a", 1))))
		peer.ExpectRequest(t, "OPTIONS") // in a dialog it is none
		peer.Drop(1000, "")
		text, err = b.Read()
		require.NoError(t, err)
		assert.Equal(t, "\r\n\r\n", string(text))
		_, err = b.Read()
		require.Error(t, err, "no answer was sent")
	})
}
