package sipua_test

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// Whatever is printed, traced, told or returned has no secret in it.
func TestSecrets(t *testing.T) {
	sum := md5.Sum([]byte("1001:r:secret"))
	ha1 := hex.EncodeToString(sum[:])
	for name, cred := range map[string]sipua.Credentials{"password": {Password: "secret"}, "HA1": {HA1: []sipua.HA1{{Hash: ha1}}}} {
		for status, names := range map[int][2]string{401: {"WWW-Authenticate", "Authorization"}, 407: {"Proxy-Authenticate", "Proxy-Authorization"}} {
			t.Run(fmt.Sprint(name, " ", status), func(t *testing.T) {
				play(t, func(w *world) {
					var shown strings.Builder // all that a program gets to see
					show := func(v any) { fmt.Fprintf(&shown, "%v %+v %#v\n", v, v, v) }
					w.ua.Trace(func(m sipua.TraceMessage) { shown.WriteString(m.Text); show(m) })
					w.ua.On(func(e sipua.Event) {
						switch e := e.(type) {
						case sipua.Unregistered:
							show(e.Err)
						case sipua.CallEnded:
							show(e.Err)
						case sipua.ProtocolError:
							show(e.Err)
						case sipua.Disconnected:
							show(e.Err)
						}
						show(e)
					})
					var secrets []string
					take := func(value string) {
						p := digestParams(w, value)
						secrets = append(secrets, p["response"], p["cnonce"])
					}
					challenge := h(names[0], `Digest realm="r", nonce="n", qop="auth"`)

					req, done := w.registering()
					w.Respond(req, status, "Who", challenge)
					req = w.ExpectRequest(w.T, "REGISTER")
					take(value(req, names[1]))
					proof := rspauth(w, value(req, names[1]), "secret", "")
					w.Respond(req, 200, "OK", req.Contact(), h(strings.Replace(names[1], "orization", "entication-Info", 1), `rspauth="`+proof+`", nextnonce="ne47", qop=auth`))
					require.NoError(w, done())
					secrets = append(secrets, proof)

					call := w.callOut()
					invite := w.ExpectRequest(w.T, "INVITE")
					w.Respond(invite, status, "Who", challenge)
					w.ExpectRequest(w.T, "ACK")
					invite = w.ExpectRequest(w.T, "INVITE")
					take(value(invite, names[1]))
					// A server that mirrors what it was sent, in a message and in garbage.
					echo := w.NewResponse(invite, 180, "Ringing", h(names[1], value(invite, names[1])))
					w.Send(echo)
					w.SendRaw([]byte(names[1] + ": " + value(invite, names[1]) + "\r\n\r\n"))
					w.SendRaw([]byte("INVITE sip:bob:hunter2@example.com SIP/2.0\r\n" + names[1] + ": " + value(invite, names[1]) + "\r\n\r\n"))
					w.ExpectMessage(w.T) // the 400
					secrets = append(secrets, "hunter2")
					w.Respond(invite, status, "Still", challenge)
					w.ExpectRequest(w.T, "ACK")
					err := call.Answered(w.Context())
					require.Error(w, err)
					synctest.Wait() // the listeners show too
					show(err)

					done = begin(func() error { return w.ua.Register(w.Context()) })
					req = w.ExpectRequest(w.T, "REGISTER")
					require.Empty(w, values(req, names[1]), "what has just been refused is not sent")
					w.Respond(req, status, "Who", challenge)
					req = w.ExpectRequest(w.T, "REGISTER")
					take(value(req, names[1]))
					w.Respond(req, status, "Who", challenge)
					err = done()
					require.Error(w, err)
					synctest.Wait() // the listeners show too
					show(err)
					synctest.Wait()

					secrets = append(secrets, "secret", ha1)
					require.GreaterOrEqual(w, len(secrets), 8)
					for _, s := range secrets {
						require.NotEmpty(w, s)
						require.False(w, strings.Contains(shown.String(), s), "%q is shown", s)
					}
					require.True(w, strings.Contains(shown.String(), `username="1001"`), "what helps to find a fault stays")
					require.True(w, strings.Contains(shown.String(), "[hidden]"))
				}, func(c *sipua.Config) { c.Credentials = cred })
			})
		}
	}
}

// Nor a token, of the configuration or of CredentialsFor, whatever the server does
// with it.
func TestSecretsOfTokens(t *testing.T) {
	for _, asked := range []bool{false, true} {
		for status, names := range map[int][2]string{401: {"WWW-Authenticate", "Authorization"}, 407: {"Proxy-Authenticate", "Proxy-Authorization"}} {
			play(t, func(w *world) {
				var shown strings.Builder
				show := func(v any) { fmt.Fprintf(&shown, "%v %+v %#v %s\n", v, v, v, v) }
				w.ua.Trace(func(m sipua.TraceMessage) { shown.WriteString(m.Text); show(m) })
				w.ua.On(func(e sipua.Event) {
					if e, ok := e.(sipua.ProtocolError); ok {
						show(e.Err)
					}
					show(e)
				})
				w.known(status, `Bearer realm="r"`)
				req, done := w.registering()
				require.Equal(w, "Bearer t0k3n", value(req, names[1]))
				w.Send(w.NewResponse(req, 100, "Trying", h(names[1], value(req, names[1]))))
				w.SendRaw([]byte(names[1] + ": " + value(req, names[1]) + "\r\n\r\n"))
				w.ask(req, status, `Bearer realm="r", error="invalid_token"`)
				err := done()
				require.Error(w, err)
				synctest.Wait()
				show(err)
				show(w.ua)
				require.Contains(w, shown.String(), "Bearer [hidden]")
				require.NotContains(w, shown.String(), "t0k3n")
			}, func(c *sipua.Config) {
				c.Credentials = sipua.Credentials{Token: "t0k3n"}
				if asked {
					given := c.Credentials
					c.Credentials = sipua.Credentials{}
					c.CredentialsFor = func(context.Context, sipua.Challenge) (sipua.Credentials, error) { return given, nil }
				}
			})
		}
	}
}

// Nor does any verb of fmt show them, wherever the credentials stand.
func TestSecretsFormatted(t *testing.T) {
	play(t, func(w *world) {
		ha1 := sipua.HA1{Realm: "r", Algorithm: "MD5", Hash: "5ecre7"}
		cred := sipua.Credentials{Username: "al", Password: "secret", HA1: []sipua.HA1{ha1}, Token: "t0ken"}
		cfg := sipua.Config{URI: "sip:1001@example.com", Credentials: cred}
		type mine struct {
			Hidden sipua.Credentials
			Hash   sipua.HA1
		}
		// The user agent has what it was given by its configuration, what a server has
		// taken, and what CredentialsFor has given.
		w.known(407, `Digest realm="r", nonce="n", qop="auth"`)
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		p := digestParams(w, value(invite, "Proxy-Authorization"))
		synctest.Wait() // fmt looks into a call while nobody changes it
		for _, v := range []any{cred, &cred, cfg, &cfg, []sipua.Credentials{cred}, map[string]any{"a": cred}, ha1, &ha1, []sipua.HA1{ha1}, cred.HA1, w.ua, mine{cred, ha1}, call} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
				s := fmt.Sprintf(verb, v)
				for _, secret := range []string{"secret", "736563726574", "t0ken", "74306b656e", "74306B656E", "5ecre7", "356563726537", p["response"], p["cnonce"]} {
					require.NotContains(w, s, secret, "%s of %T", verb, v)
				}
			}
		}
	})
}

// A configuration that is refused does not show the password in its URI.
func TestSecretsInConfigErrors(t *testing.T) {
	for _, uri := range []string{"sip:1001:hunter2@", "sips:1001:hunter2@ex ample.com", "sip:1001:hunter2@example.com\r\n", "x sip:1001:hunter2@example.com"} {
		_, err := sipua.New(sipua.Config{URI: uri, Servers: []sipua.Server{{URL: "wss://example.com"}}})
		require.ErrorIs(t, err, sipua.ErrInvalidArgument)
		require.NotContains(t, err.Error(), "hunter2")
	}
	_, err := sipua.New(sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: "wss://example.com"}}, Credentials: sipua.Credentials{Password: "hunter2", HA1: []sipua.HA1{{Hash: "hunter2"}}}})
	require.ErrorIs(t, err, sipua.ErrInvalidArgument)
	require.NotContains(t, err.Error(), "hunter2")
}

// Nor do credentials that are refused.
func TestSecretsInCredentialErrors(t *testing.T) {
	for name, cred := range map[string]sipua.Credentials{
		"Password and HA1": {Password: "hunter2", HA1: []sipua.HA1{{Hash: strings.Repeat("a", 32)}}},
		"UTF-8":            {Password: "hunter2\xff"},
		"hexadecimal":      {HA1: []sipua.HA1{{Hash: "hunter2"}}},
		"digits":           {HA1: []sipua.HA1{{Algorithm: "SHA-256", Hash: "aaaaaaaa"}}},
		"HA1[1]":           {HA1: []sipua.HA1{{Hash: strings.Repeat("a", 32)}, {Algorithm: "MD4", Hash: strings.Repeat("a", 32)}}},
		"token":            {Token: "hunter2 "},
		"Username":         {Username: "a\r\nb", Password: "hunter2"},
	} {
		_, err := sipua.New(sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: "wss://example.com"}}, Credentials: cred})
		typed(t, err, sipua.CodeInvalidArgument, 0)
		require.ErrorContains(t, err, "Config.Credentials")
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "hunter2")
		require.NotContains(t, err.Error(), "aaaaaaaa")
	}
}

// A password in the address of record is not sent: it is no part of an identity.
func TestPasswordInURI(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		w.outgoing()
		for _, e := range w.Ladder().Entries() {
			require.NotContains(w, e.Text, "hunter2")
		}
	}, func(c *sipua.Config) { c.URI = "sip:1001:hunter2@example.com" })
}
