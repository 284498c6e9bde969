package sipuatest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

const options = "OPTIONS sip:example.com SIP/2.0\r\n" +
	"Via: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bKabcdef;rport\r\n" +
	"From: <sip:1001@example.com>;tag=tag-of-1001\r\n" +
	"To: <sip:example.com>\r\n" +
	"Call-ID: a-call-id-of-ours\r\n" +
	"CSeq: 7 OPTIONS\r\n" +
	"Contact: <sip:q1w2e3@df7jal23ls0d.invalid;transport=ws>;+sip.instance=\"<urn:uuid:0b8d1ab2-7a19-4f4c-9a0c-2f1e0a8f5f10>\"\r\n" +
	"Content-Length: 0\r\n\r\n"

// fatal is a testing.TB that keeps the failure instead of failing.
type fatal struct {
	testing.TB
	message string
}

type stop struct{}

func (f *fatal) Helper() {}
func (f *fatal) Fatalf(format string, a ...any) {
	f.message = fmt.Sprintf(format, a...)
	panic(stop{})
}

// failure returns what do failed with.
func failure(t *testing.T, do func(t testing.TB)) (message string) {
	t.Helper()
	f := &fatal{TB: t}
	defer func() {
		if r := recover(); r != nil && r != any(stop{}) {
			panic(r)
		}
		message = f.message
	}()
	do(f)
	return ""
}

func TestPipeExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer := NewPipe()
		conn, err := transport.Dial(t.Context(), "wss://example.com/ws")
		require.NoError(t, err)
		assert.Equal(t, "wss://example.com/ws", peer.ExpectDial(t))
		assert.True(t, peer.Connected())

		require.NoError(t, conn.Write([]byte(options)))
		req := peer.ExpectRequest(t, "OPTIONS")
		sent := peer.Respond(req, 200, "OK", sip.NewHeader("Allow", "INVITE"), sip.NewHeader("Allow", "ACK"))
		text, err := conn.Read()
		require.NoError(t, err)
		assert.Equal(t, sent.String(), string(text))
		assert.Contains(t, string(text), "rport=50000")
		again := peer.Respond(req, 200, "OK", sip.NewHeader("To", "<sip:example.com>;tag=other"))
		assert.Equal(t, 2, len(sent.GetHeaders("Allow")))
		assert.Equal(t, "other", again.To().Params.GetOr("tag", ""))

		peer.SendRaw([]byte("\x00garbage"))
		peer.Drop(1012, "restart")
		for _, want := range []string{again.String(), "\x00garbage"} { // what came before the close is read before it
			text, err = conn.Read()
			require.NoError(t, err)
			assert.Equal(t, want, string(text))
		}
		_, err = conn.Read()
		var closed *sipua.CloseError
		require.ErrorAs(t, err, &closed)
		assert.Equal(t, 1012, closed.Code)
		assert.Error(t, conn.Write([]byte(options)))
		assert.False(t, peer.Connected())
		conn.Close(1000, "") // does nothing more

		assert.Equal(t, strings.Join([]string{
			"UA ══ connected to wss://example.com/ws ══ SIP",
			"UA ── OPTIONS sip:example.com ──▶ SIP",
			"UA ◀── 200 OK ── SIP",
			"UA ◀── 200 OK ── SIP",
			`UA ◀── "\x00garbage" ── SIP`,
			"UA ══ closed with code 1012 restart ══ SIP",
			"",
		}, "\n"), peer.Ladder().String())
	})
}

func TestPipeFailuresShowTheLadder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer := NewPipe()
		conn, err := transport.Dial(t.Context(), "ws://example.com")
		require.NoError(t, err)

		begin := time.Now()
		message := failure(t, func(t testing.TB) { peer.ExpectRequest(t, "INVITE") })
		assert.Contains(t, message, "expected INVITE, got nothing within 10s; so far:\nUA ══ connected to ws://example.com ══ SIP\n")
		assert.Equal(t, 10*time.Second, time.Since(begin))

		require.NoError(t, conn.Write([]byte(options)))
		message = failure(t, func(t testing.TB) { peer.ExpectRequest(t, "INVITE") })
		assert.Contains(t, message, "expected INVITE, got OPTIONS sip:example.com; so far:\n")
		assert.Contains(t, message, "UA ── OPTIONS sip:example.com ──▶ SIP\n")

		require.NoError(t, conn.Write([]byte("nonsense")))
		assert.Contains(t, failure(t, func(t testing.TB) { peer.ExpectResponse(t, 200) }), "does not parse")
		require.NoError(t, conn.Write([]byte(options)))
		assert.Contains(t, failure(t, func(t testing.TB) { peer.ExpectNothing(t, time.Hour) }), "expected nothing, got OPTIONS")
		assert.Contains(t, failure(t, func(t testing.TB) { peer.ExpectClose(t) }), "expected the end of the connection")
		peer.ExpectNothing(t, time.Hour)
		assert.Equal(t, 10*time.Second+10*time.Second+time.Hour, time.Since(begin))
	})
}

func TestPipeDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, peer := NewPipe()
		refused := errors.New("refused")
		peer.Refuse(refused)
		_, err := transport.Dial(t.Context(), "ws://a.example.com")
		assert.ErrorIs(t, err, refused)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		peer.OnDial(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
		_, err = transport.Dial(ctx, "ws://b.example.com")
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		peer.OnDial(nil)

		_, err = transport.Dial(t.Context(), "http://c.example.com")
		assert.ErrorContains(t, err, "not a WebSocket URL")

		conn, err := transport.Dial(t.Context(), "ws://d.example.com")
		require.NoError(t, err)
		for _, want := range []string{"a", "b"} {
			assert.Equal(t, "ws://"+want+".example.com", peer.ExpectDial(t))
		}
		conn.Close(1000, "bye")
		assert.Equal(t, &sipua.CloseError{Code: 1000, Reason: "bye"}, peer.ExpectClose(t))
		_, err = conn.Read()
		var closed *sipua.CloseError
		require.ErrorAs(t, err, &closed)
		assert.Equal(t, 1000, closed.Code)
		peer.SendRaw([]byte("too late"))
	})
}

func TestPipeKeepAlive(t *testing.T) {
	transport, peer := NewPipe()
	conn, err := transport.Dial(t.Context(), "ws://example.com")
	require.NoError(t, err)
	require.NoError(t, conn.Write([]byte("\r\n\r\n")))
	pong, err := conn.Read()
	require.NoError(t, err)
	assert.Equal(t, "\r\n", string(pong))

	peer.IgnorePings(true)
	require.NoError(t, conn.Write([]byte("\r\n\r\n")))
	peer.Drop(1006, "")
	_, err = conn.Read()
	assert.ErrorContains(t, err, "1006")
	assert.Contains(t, peer.Ladder().String(), `UA ◀── keep-alive "\r\n" ── SIP`)
}

func TestScriptedDialog(t *testing.T) {
	transport, peer := NewPipe()
	conn, err := transport.Dial(t.Context(), "ws://example.com")
	require.NoError(t, err)
	t.Run("the peer calls", func(t *testing.T) {
		invite := peer.NewRequest("INVITE", "sip:1001@df7jal23ls0d.invalid;transport=ws")
		SetSDP(invite, "v=0\r\n")
		peer.Send(invite)
		text, err := conn.Read()
		require.NoError(t, err)
		assert.Contains(t, string(text), "Content-Type: application/sdp\r\n")
		assert.True(t, strings.HasSuffix(string(text), "Content-Length: 5\r\n\r\nv=0\r\n") ||
			strings.Contains(string(text), "Content-Length: 5\r\n"))

		ok := sip.NewResponseFromRequest(invite, 200, "OK", nil)
		ok.AppendHeader(sip.NewHeader("Contact", "<sip:ua@df7jal23ls0d.invalid>"))
		ack := peer.NewInDialogRequest("ACK", invite, ok)
		assert.Equal(t, "sip:ua@df7jal23ls0d.invalid", ack.Recipient.String())
		assert.Equal(t, invite.CSeq().SeqNo, ack.CSeq().SeqNo)
		assert.NotEqual(t, invite.Via().Params.GetOr("branch", ""), ack.Via().Params.GetOr("branch", ""))
		bye := peer.NewInDialogRequest("BYE", invite, ok)
		assert.Equal(t, invite.CSeq().SeqNo+1, bye.CSeq().SeqNo)
		assert.Equal(t, invite.From().Value(), bye.From().Value())
		assert.Equal(t, ok.To().Value(), bye.To().Value())
		cancel := peer.NewInDialogRequest("CANCEL", invite, nil)
		assert.Equal(t, invite.Via().Value(), cancel.Via().Value())
		assert.Equal(t, invite.Recipient.String(), cancel.Recipient.String())
	})
	t.Run("the user agent calls", func(t *testing.T) {
		require.NoError(t, conn.Write([]byte(strings.ReplaceAll(options, "OPTIONS", "INVITE"))))
		invite := peer.ExpectRequest(t, "INVITE")
		ringing := peer.Respond(invite, 180, "Ringing")
		ok := peer.RespondSDP(invite, 200, "OK", "v=0\r\n")
		assert.Equal(t, ringing.To().Value(), ok.To().Value(), "one dialog")
		assert.NotNil(t, ok.Contact())
		bye := peer.NewInDialogRequest("BYE", invite, ok)
		assert.Equal(t, "sip:q1w2e3@df7jal23ls0d.invalid;transport=ws", bye.Recipient.String())
		assert.Equal(t, ok.To().Value(), bye.From().Value())
		assert.Equal(t, invite.From().Value(), bye.To().Value())
		info := peer.NewInDialogRequest("INFO", invite, ok)
		assert.Equal(t, bye.CSeq().SeqNo+1, info.CSeq().SeqNo)
	})
	assert.PanicsWithValue(t, `sipuatest: the URI "\x00" of a scripted INVITE does not parse: not valid sip uri`,
		func() { peer.NewRequest("INVITE", "\x00") })
}

func TestRecord(t *testing.T) {
	inner, peer := NewPipe()
	transport, ladder := Record(inner)
	peer.Refuse(errors.New("not yet"))
	_, err := transport.Dial(t.Context(), "ws://example.com")
	require.Error(t, err)
	conn, err := transport.Dial(t.Context(), "ws://example.com")
	require.NoError(t, err)
	require.NoError(t, conn.Write([]byte(options)))
	peer.Respond(peer.ExpectRequest(t, "OPTIONS"), 200, "OK")
	_, err = conn.Read()
	require.NoError(t, err)
	conn.Close(1000, "")
	_, err = conn.Read()
	require.Error(t, err)
	require.Error(t, conn.Write([]byte(options)))
	assert.Equal(t, strings.Join([]string{
		"UA ══ dialling ws://example.com failed: not yet ══ SIP",
		"UA ══ connected to ws://example.com ══ SIP",
		"UA ── OPTIONS sip:example.com ──▶ SIP",
		"UA ◀── 200 OK ── SIP",
		"UA ══ closed with code 1000 ══ SIP",
		"UA ── OPTIONS sip:example.com ──▶ SIP",
		"UA ══ writing failed: the connection is closed ══ SIP",
		"",
	}, "\n"), ladder.String())
	assert.Len(t, ladder.Entries(), 7)
	ladder.Reset()
	assert.Empty(t, ladder.String())
}

func TestGolden(t *testing.T) {
	exchange := func(host, callID string) *Ladder {
		transport, peer := NewPipe()
		conn, err := transport.Dial(t.Context(), "ws://127.0.0.1:"+fmt.Sprint(4000+len(callID)))
		require.NoError(t, err)
		text := strings.NewReplacer("df7jal23ls0d", host, "a-call-id-of-ours", callID).Replace(options)
		require.NoError(t, conn.Write([]byte(text)))
		res := peer.NewResponse(peer.ExpectRequest(t, "OPTIONS"), 401, "Unauthorized",
			sip.NewHeader("WWW-Authenticate", `Digest realm="example.com", nonce="`+sip.GenerateTagN(12)+`", qop="auth"`),
			sip.NewHeader("Replaces", callID+";to-tag=tag-of-1001;from-tag="+sip.GenerateTagN(4)))
		sdp, err := NewMedia(MediaOptions{}).CreateOffer(t.Context(), sipua.OfferOptions{})
		require.NoError(t, err)
		SetSDP(res, sdp)
		peer.Send(res)
		peer.Drop(1006, "")
		return peer.Ladder()
	}
	a, b := exchange("df7jal23ls0d", "a-call-id-of-ours"), exchange("abc", "another-one")
	assert.Equal(t, a.Text(), b.Text())
	a.Golden(t, "ladder")
	b.Golden(t, "ladder")

	b.add(In, "SIP/2.0 200 OK\r\nContent-Length: 7\r\n\r\nbody")
	assert.Contains(t, b.Text(), "Content-Length: 7 (the body has 4)")
}

func TestGoldenDiffers(t *testing.T) {
	if flag.Lookup("update").Value.String() == "true" {
		t.Skip("-update accepts every difference")
	}
	t.Chdir(t.TempDir())
	ladder := &Ladder{}
	ladder.add(Out, options)
	require.NoError(t, os.Mkdir("testdata", 0o755))
	require.NoError(t, os.WriteFile(filepath.Join("testdata", "same.golden"), []byte(ladder.Text()), 0o644))
	ladder.Golden(t, "same")
	ladder.add(In, "SIP/2.0 200 OK\r\n\r\n")
	assert.Contains(t, failure(t, func(t testing.TB) { ladder.Golden(t, "none") }), "go test -update writes it")
	assert.Contains(t, failure(t, func(t testing.TB) { ladder.Golden(t, "same") }), "want  \ngot   UA ◀──\n(line 12)\n")
}
