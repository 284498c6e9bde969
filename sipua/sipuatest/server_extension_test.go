//go:build !js

package sipuatest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// mediaSession is an extension that answers like Media does.
type mediaSession struct {
	*Media
	ended chan struct{}
}

func (m *mediaSession) Reoffer(ctx context.Context, offer string) (string, error) {
	return m.CreateAnswer(ctx, offer, sipua.OfferOptions{})
}

func (m *mediaSession) End() { close(m.ended) }

func TestServerExtension(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	calls := make(chan ExtensionCall, 1)
	sessions := make(chan *mediaSession, 1)
	s.Handle("echo", func(ctx context.Context, call ExtensionCall) (string, ExtensionSession, error) {
		m := &mediaSession{NewMedia(MediaOptions{}), make(chan struct{})}
		answer, err := m.CreateAnswer(ctx, call.Offer, sipua.OfferOptions{})
		calls <- call
		sessions <- m
		return answer, m, err
	})
	a := newPhone(t, s, "1001")
	media := NewMedia(MediaOptions{})
	offer := func(hold bool) string {
		sdp, err := media.CreateOffer(t.Context(), sipua.OfferOptions{Hold: hold})
		require.NoError(t, err)
		return "\n" + strings.ReplaceAll(sdp, "\r\n", "\n")
	}
	connect := func() (*sip.Request, *sip.Response, *mediaSession) {
		media = NewMedia(MediaOptions{})
		text := a.request("INVITE", "sip:echo@example.com", "sip:echo@example.com", offer(false))
		a.expectResponse(100)
		ringing := a.expectResponse(180)
		ok := a.expectResponse(200)
		assert.Equal(t, ringing.To().Value(), ok.To().Value())
		require.NoError(t, media.ApplyAnswer(t.Context(), string(ok.Body()), false))
		m, err := sip.ParseMessage([]byte(text))
		require.NoError(t, err)
		invite := m.(*sip.Request)
		a.expectResponse(200) // repeated until ACK
		a.inDialog("ACK", invite, ok, true)
		return invite, ok, <-sessions
	}

	invite, ok, session := connect()
	call := <-calls
	assert.Equal(t, "sip:1001@example.com", call.From)
	assert.Equal(t, ok.CallID().Value(), call.ID)

	a.inDialog("INVITE", invite, ok, true, offer(true))
	a.expectResponse(100)
	held := a.expectResponse(200)
	assert.Contains(t, string(held.Body()), "a=recvonly")
	require.NoError(t, media.ApplyAnswer(t.Context(), string(held.Body()), false))
	a.write(a.message("ACK", held.Contact().Address.String(), held.From().Value(), held.To().Value(), held.CallID().Value(), int(held.CSeq().SeqNo)))
	a.inDialog("UPDATE", invite, ok, true, "\nnonsense\n")
	a.expectResponse(488)
	a.inDialog("UPDATE", invite, ok, true)
	a.expectResponse(200)
	a.inDialog("INFO", invite, ok, true)
	a.expectResponse(200)
	a.inDialog("REFER", invite, ok, true)
	a.expectResponse(405)
	a.inDialog("BYE", invite, ok, true)
	a.expectResponse(200)
	<-session.ended
	a.inDialog("BYE", invite, ok, true)
	a.expectResponse(481)

	t.Run("hangs up by itself", func(t *testing.T) {
		_, ok, session := connect()
		call := <-calls
		call.Hangup()
		bye := a.expectRequest("BYE")
		assert.Equal(t, ok.To().Value(), bye.From().Value())
		assert.Equal(t, a.contact(), bye.Recipient.String())
		a.respond(bye, 200, "OK", "")
		<-session.ended
		call.Hangup()
		a.nothingMore()
	})
	t.Run("hears of a lost connection", func(t *testing.T) {
		_, _, session := connect()
		<-calls
		s.DropConnections(1006)
		<-session.ended
		<-a.closed
	})
}

func TestServerExtensionWithoutACK(t *testing.T) {
	bubble(t, Options{Accounts: open}, func(t *testing.T, s *Server) {
		ended := make(chan struct{})
		s.Handle("echo", func(context.Context, ExtensionCall) (string, ExtensionSession, error) {
			return "v=0\r\n", &mediaSession{nil, ended}, nil
		})
		a := newMemoryPhone(t, s, "1001")
		a.request("INVITE", "sip:echo@example.com", "sip:echo@example.com", "\nv=0\n")
		a.expectResponse(100)
		a.expectResponse(180)
		begin := time.Now()
		a.expectResponse(200)
		<-ended
		assert.Equal(t, 64*sip.T1, time.Since(begin), "RFC 3261 section 13.3.1.4")
		for repeated := 0; ; repeated++ {
			if req, ok := a.next().(*sip.Request); ok {
				assert.Equal(t, sip.BYE, req.Method)
				assert.Equal(t, 10, repeated) // after 0.5, 1.5, 3.5 s, then every 4 s
				return
			}
		}
	})
}

func TestServerExtensionRefuses(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	canceled := make(chan error, 1)
	s.Handle("busy", func(context.Context, ExtensionCall) (string, ExtensionSession, error) {
		return "", nil, &StatusError{486, "Busy Here"}
	})
	s.Handle("broken", func(context.Context, ExtensionCall) (string, ExtensionSession, error) {
		return "", nil, errors.New("broken")
	})
	s.Handle("slow", func(ctx context.Context, _ ExtensionCall) (string, ExtensionSession, error) {
		<-ctx.Done()
		canceled <- ctx.Err()
		return "", nil, ctx.Err()
	})
	a := newPhone(t, s, "1001")
	for user, status := range map[string]int{"busy": 486, "broken": 500} {
		a.request("INVITE", "sip:"+user+"@example.com", "sip:"+user+"@example.com", "\nv=0\n")
		a.expectResponse(100)
		a.expectResponse(180)
		a.expectResponse(status)
	}
	a.request("INVITE", "sip:busy@example.com", "sip:busy@example.com")
	a.expectResponse(100)
	a.expectResponse(488) // no offer
	a.request("OPTIONS", "sip:busy@example.com", "sip:busy@example.com")
	a.expectResponse(200)
	a.request("MESSAGE", "sip:busy@example.com", "sip:busy@example.com")
	a.expectResponse(405)

	text := a.request("INVITE", "sip:slow@example.com", "sip:slow@example.com", "\nv=0\n")
	a.expectResponse(100)
	a.expectResponse(180)
	a.write(strings.ReplaceAll(text, "INVITE", "CANCEL"))
	assert.Equal(t, sip.CANCEL, a.expectResponse(200).CSeq().MethodName)
	a.expectResponse(487)
	assert.ErrorIs(t, <-canceled, context.Canceled)

	s.Handle("busy", nil)
	a.request("INVITE", "sip:busy@example.com", "sip:busy@example.com", "\nv=0\n")
	a.expectResponse(100)
	a.expectResponse(404)
}
