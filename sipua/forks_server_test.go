//go:build !js

package sipua_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// Two telephones of one account ring through a forking proxy, each with a voice of its own.
// The second one answers: the proxy cancels the first, and the call moves over.
func TestForkingProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := sipuatest.NewServer(sipuatest.Options{InMemory: true, Domain: "example.com", Accounts: map[string]string{"1001": "secret", "1002": "secret"}})
		defer server.Close()
		media := &sipuatest.Factory{}
		ua, err := sipua.New(sipua.Config{
			URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: server.URL}}, Transport: server.Transport(),
			Credentials: sipua.Credentials{Password: "secret"}, Media: media.New, KeepAlive: sipua.KeepAlive{Method: sipua.KeepAliveOff},
		})
		require.NoError(t, err)
		defer ua.Close()
		desk, mobile := sipuatest.NewPhone(t, server, "1002"), sipuatest.NewPhone(t, server, "1002")
		desk.Register()
		mobile.Register()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()

		call, err := ua.Call("1002", sipua.CallOptions{})
		require.NoError(t, err)
		first, second := desk.ExpectCall(), mobile.ExpectCall()
		first.Progress(183, sipuatest.PhoneProgress{Media: true})
		synctest.Wait()
		second.Progress(183, sipuatest.PhoneProgress{Media: true})
		synctest.Wait()
		require.Len(t, call.Forks(), 2)
		require.Equal(t, first.Media.LocalSDP(), media.For(call).RemoteSDP())

		gone := make(chan *sip.Request, 1)
		go func() { gone <- first.ExpectCancel() }()
		second.Answer()
		second.ExpectOffer("INVITE", sipua.OfferOptions{})
		require.NoError(t, call.Answered(ctx))
		<-gone
		require.Equal(t, second.Media.LocalSDP(), media.For(call).RemoteSDP())
		// The other side is not told that the media trickles, since the user agent does not.
		require.Equal(t, strings.Replace(media.For(call).LocalSDP(), "a=ice-options:trickle\r\n", "", 1), second.Media.RemoteSDP())

		done := begin(func() error { return call.Hangup(ctx) })
		second.ExpectHangup()
		require.NoError(t, done())
		desk.Nothing(time.Minute)
	})
}
