package sipua_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func withToken(c *sipua.Config) { c.Credentials = sipua.Credentials{Token: "t0k.en-1=="} }

// RFC 8898: the token answers a Bearer challenge, and goes into the first attempt of
// what comes after.
func TestToken(t *testing.T) {
	for status, name := range map[int]string{401: "Authorization", 407: "Proxy-Authorization"} {
		play(t, func(w *world) {
			req, done := w.registering()
			w.ask(req, status, `Bearer realm="r", authz_server="https://as.example.com"`)
			for range 3 {
				req = w.ExpectRequest(w.T, "REGISTER")
				require.Equal(w, []string{"Bearer t0k.en-1=="}, values(req, name))
				w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"))
				require.NoError(w, done())
				done = begin(func() error { return w.ua.Register(w.Context()) })
			}
			w.Respond(w.ExpectRequest(w.T, "REGISTER"), 404, "Not Found")
			require.Error(w, done())
		}, withToken)
	}
}

// A token has no nonce: a challenge to it means that it is no longer good.
func TestTokenRefused(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.ask(req, 401, `Bearer realm="r"`)
		req = w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"))
		require.NoError(w, done())
		req, done = w.registering()
		require.Len(w, values(req, "Authorization"), 1)
		w.ask(req, 401, `Bearer realm="r", error="invalid_token"`)
		e := typed(w, done(), sipua.CodeUnauthorized, 401)
		require.Equal(w, "the server refused the access token: invalid_token", e.Reason)
		w.ExpectNothing(w.T, time.Minute)
	}, withToken)
}

// CredentialsFor refreshes a token: it is told what was wrong, and by whom.
func TestTokenRefreshed(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		req, done := w.registering()
		w.ask(req, 401, `Bearer realm="r", scope="sip voice", authz_server="https://as.example.com"`)
		a := <-calls
		require.Equal(w, sipua.Challenge{Scheme: "Bearer", Realm: "r", Host: "example.com", Target: "sip:example.com", Scope: "sip voice", AuthzServer: "https://as.example.com"}, a.Challenge)
		a.answer <- sipua.Credentials{Token: "first"}
		req = w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "Bearer first", value(req, "Authorization"))
		w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"))
		require.NoError(w, done())

		req, done = w.registering()
		require.Equal(w, "Bearer first", value(req, "Authorization"))
		w.ask(req, 401, `Bearer realm="r", error="invalid_token"`)
		a = <-calls
		require.Equal(w, sipua.Challenge{Scheme: "Bearer", Realm: "r", Host: "example.com", Target: "sip:example.com", Retry: true, Error: "invalid_token"}, a.Challenge)
		a.answer <- sipua.Credentials{Token: "second"}
		req = w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, []string{"Bearer second"}, values(req, "Authorization"))
		w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"))
		require.NoError(w, done())

		req, done = w.registering() // and once more, until the second is refused too
		w.ask(req, 401, `Bearer realm="r"`)
		(<-calls).answer <- sipua.Credentials{Token: "third"}
		w.ask(w.ExpectRequest(w.T, "REGISTER"), 401, `Bearer realm="r"`)
		typed(w, done(), sipua.CodeUnauthorized, 401)
		w.ExpectNothing(w.T, time.Minute)
		require.Empty(w, calls)
	})
}

// RFC 8898 section 2.1.2: over TLS, or inside this machine.
func TestTokenOverWhat(t *testing.T) {
	for url, sent := range map[string]bool{
		"wss://example.com/ws": true, "wss://192.0.2.1:5063": true,
		"ws://localhost:5062/ws": true, "ws://LOCALHOST": true, "ws://a.localhost": true, "ws://127.0.0.1:5062/ws": true, "ws://127.9.9.9": true, "ws://[::1]:5062": true, "ws://[::1]": true,
		"ws://example.com/ws": false, "ws://192.0.2.1:5062": false, "ws://127.0.0.1.example.com": false, "ws://localhost.example.com": false, "ws://notlocalhost": false, "ws://[2001:db8::1]:80": false, "ws://example.com/wss://x": false,
	} {
		t.Run(url, func(t *testing.T) {
			playAsked(t, func(w *world, calls chan *asked) {
				req, done := w.registering()
				w.ask(req, 401, `Bearer realm="r"`)
				if sent {
					(<-calls).answer <- sipua.Credentials{Token: "t0ken"}
					req = w.ExpectRequest(w.T, "REGISTER")
					require.Equal(w, "Bearer t0ken", value(req, "Authorization"))
					w.Respond(req, 200, "OK", req.Contact())
					require.NoError(w, done())
					return
				}
				e := typed(w, done(), sipua.CodeUnauthorized, 401)
				require.ErrorContains(w, e, "wss://")
				require.Empty(w, calls, "nobody is asked for what cannot be sent")
			}, func(c *sipua.Config) { c.Servers = []sipua.Server{{URL: url}} })
		})
	}
}

// What is known from a secure connection does not go over one that is not.
func TestTokenAfterAnInsecureReconnect(t *testing.T) {
	play(t, func(w *world) {
		w.known(401, `Bearer realm="r"`)
		w.OnDial(func(_ context.Context, url string) error {
			if strings.HasPrefix(url, "wss:") {
				return errDown
			}
			return nil
		})
		w.Drop(1006, "")
		synctest.Wait()
		req, done := w.registering()
		require.Empty(w, values(req, "Authorization"))
		w.Respond(req, 403, "Forbidden")
		require.Error(w, done())
	}, withToken, func(c *sipua.Config) {
		c.Servers = []sipua.Server{{URL: "wss://a.example.com"}, {URL: "ws://b.example.com"}}
	})
}

var errDown = &sipua.CloseError{Code: 1006}

// The token of the configuration is for our own servers: whom we call may ask, and
// does not get it. A digest is another matter, since it does not give the password
// away.
func TestTokenIsNotForStrangers(t *testing.T) {
	for name, c := range map[string]struct {
		target string
		status int
		sent   bool
	}{
		"own address, 401":    {"1001", 401, true},
		"own domain, 401":     {"1002", 401, false}, // it may be the phone of 1002 that asks
		"another domain, 401": {"sip:eve@evil.example", 401, false},
		"another domain, 407": {"sip:eve@evil.example", 407, true}, // our proxy may ask before it lets us out
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				call, err := w.ua.Call(c.target, sipua.CallOptions{})
				require.NoError(w, err)
				w.ask(w.ExpectRequest(w.T, "INVITE"), c.status, `Bearer realm="example.com"`)
				if c.sent {
					w.refuse(w.ExpectRequest(w.T, "INVITE"))
					return
				}
				e := typed(w, call.Answered(w.Context()), sipua.CodeUnauthorized, 401)
				require.Contains(w, e.Reason, " may be anybody and asks for the access token")
				w.ExpectNothing(w.T, time.Minute)
			}, withToken)
		})
	}
}

// Of both schemes the token is used when there is one, and the digest otherwise.
func TestBearerAndDigestOffered(t *testing.T) {
	for name, c := range map[string]struct {
		cred   sipua.Credentials
		url    string
		bearer bool
	}{
		"both":             {sipua.Credentials{Password: "secret", Token: "t0ken"}, "wss://example.com", true},
		"password":         {sipua.Credentials{Password: "secret"}, "wss://example.com", false},
		"both, not secure": {sipua.Credentials{Password: "secret", Token: "t0ken"}, "ws://example.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				w.ask(req, 401, `Digest realm="r", nonce="n"`, `Bearer realm="r"`)
				req = w.ExpectRequest(w.T, "REGISTER")
				if c.bearer {
					require.Equal(w, []string{"Bearer t0ken"}, values(req, "Authorization"))
				} else {
					checkDigest(w.T, req, "Authorization", "1001", "secret")
				}
				w.Respond(req, 200, "OK", req.Contact())
				require.NoError(w, done())
			}, func(cfg *sipua.Config) { cfg.Credentials, cfg.Servers = c.cred, []sipua.Server{{URL: c.url}} })
		})
	}
	play(t, func(w *world) {
		req, done := w.registering()
		w.ask(req, 401, `Bearer realm="r"`)
		e := typed(w, done(), sipua.CodeUnauthorized, 401)
		require.Equal(w, "the server asks for an access token and Config.Credentials has none", e.Reason)
	})
}

// Proxies leave Authorization in a request: the token that the registrar has taken is
// not sent along to whom we call, and is not given to them when they ask for its
// realm.
func TestTokenOfTheRegistrarStaysThere(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		req, done := w.registering()
		w.ask(req, 401, `Bearer realm="r"`)
		(<-calls).answer <- sipua.Credentials{Token: "t0ken"}
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 200, "OK", contactWith(req, ";expires=3600"))
		require.NoError(w, done())

		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		require.Equal(w, "sip:1002@example.com", invite.Recipient.String())
		require.Empty(w, values(invite, "Authorization"))
		w.ask(invite, 401, `Bearer realm="r"`)
		a := <-calls
		require.Equal(w, sipua.Challenge{Scheme: "Bearer", Realm: "r", Host: "example.com", Target: "sip:1002@example.com"}, a.Challenge)
		a.answer <- errDown
		typed(w, call.Answered(w.Context()), sipua.CodeUnauthorized, 401)

		req, done = w.registering()
		require.Equal(w, "Bearer t0ken", value(req, "Authorization"), "the registrar's is kept")
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	})
}

// A nonce that is stale beside it does not make a refused token right.
func TestTokenRefusedBesideAStaleNonce(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.ask(req, 401, `Bearer realm="r"`)
		req = w.ExpectRequest(w.T, "REGISTER")
		w.ask(req, 401, `Bearer realm="r"`, `Digest realm="r", nonce="n", stale=true`)
		typed(w, done(), sipua.CodeUnauthorized, 401)
		w.ExpectNothing(w.T, time.Minute)
	}, withToken)
}
