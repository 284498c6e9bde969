//go:build !js

// The server of the kit needs sockets, which a browser does not have.

package sipua_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// A server of another hand counts: one round trip for a request while the nonce
// lives, one more when it is over, and none for a wrong password after the retry.
func TestServerIsPassedWithoutRoundTrip(t *testing.T) {
	for _, algorithm := range []string{"MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess", "SHA-512-256,SHA-256,MD5"} {
		for _, qop := range []string{"auth", "auth-int", "none"} {
			t.Run(fmt.Sprint(algorithm, " ", qop), func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				server := sipuatest.NewServer(sipuatest.Options{Accounts: map[string]string{"1001": "secret", "1002": "secret"}, Algorithm: algorithm, QOP: qop})
				defer server.Close()
				ua, err := sipua.New(sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: server.URL}},
					Credentials: sipua.Credentials{Password: "secret"}, Media: new(sipuatest.Factory).New})
				require.NoError(t, err)
				defer ua.Close()
				sent := func() (n int) { // not the ACKs, which may be on their way yet
					for _, req := range server.Requests() {
						if !req.IsAck() {
							n++
						}
					}
					return n
				}
				took := func(f func()) int {
					before := sent()
					f()
					return sent() - before
				}
				register := func() { require.NoError(t, ua.Register(ctx)) }
				require.Equal(t, 2, took(register), "the first is challenged")
				require.Equal(t, 1, took(register))
				require.Equal(t, 1, took(register))
				call := func() {
					c, err := ua.Call("1002", sipua.CallOptions{})
					require.NoError(t, err)
					require.ErrorIs(t, c.Answered(ctx), sipua.ErrRejected, "nobody is there")
				}
				require.Equal(t, 2, took(call), "the proxy's space is another one")
				require.Equal(t, 1, took(call))
				server.ExpireNonces()
				require.Equal(t, 2, took(register), "stale")
				require.Equal(t, 1, took(register))
			})
		}
	}
}

func TestServerRefusesWrongPasswordOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	server := sipuatest.NewServer(sipuatest.Options{Accounts: map[string]string{"1001": "secret"}})
	defer server.Close()
	ua, err := sipua.New(sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: server.URL}}, Credentials: sipua.Credentials{Password: "guess"}})
	require.NoError(t, err)
	defer ua.Close()
	require.ErrorIs(t, ua.Register(ctx), sipua.ErrUnauthorized)
	require.Len(t, server.Requests(), 2)
}
