package sipua_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// asked is a call of CredentialsFor that waits for the test's answer.
type asked struct {
	sipua.Challenge
	ctx    context.Context
	answer chan any // Credentials or an error
}

// asking makes CredentialsFor wait for the test.
func asking(c *sipua.Config) chan *asked {
	calls := make(chan *asked, 100)
	c.CredentialsFor = func(ctx context.Context, ch sipua.Challenge) (sipua.Credentials, error) {
		a := &asked{ch, ctx, make(chan any, 1)}
		calls <- a
		select {
		case v := <-a.answer:
			if err, ok := v.(error); ok {
				return sipua.Credentials{}, err
			}
			return v.(sipua.Credentials), nil
		case <-ctx.Done():
			return sipua.Credentials{}, ctx.Err()
		}
	}
	return calls
}

// playAsked is play with a CredentialsFor in the test's hands.
func playAsked(t *testing.T, scenario func(w *world, calls chan *asked), change ...func(*sipua.Config)) {
	t.Helper()
	var calls chan *asked // made inside the bubble
	play(t, func(w *world) { scenario(w, calls) }, append([]func(*sipua.Config){func(c *sipua.Config) { calls = asking(c) }}, change...)...)
}

// A person takes an hour; the user agent goes on meanwhile.
func TestCredentialsForMayTakeItsTime(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		req, done := w.registering()
		w.ask(req, 401, `Digest realm="<b>r\"", nonce="n", qop="auth", algorithm=SHA-256`, `Digest realm="<b>r\"", nonce="n", qop="auth", algorithm=MD5`)
		a := <-calls
		require.Equal(w, sipua.Challenge{Scheme: "Digest", Realm: `<b>r"`, Algorithms: []string{"SHA-256", "MD5"}, Host: "example.com", Target: "sip:example.com"}, a.Challenge)
		w.ExpectNothing(w.T, time.Hour)
		options := w.NewRequest("OPTIONS", "sip:1001@example.com")
		w.Send(options)
		w.ExpectResponse(w.T, 200)
		a.answer <- sipua.Credentials{Username: "al", Password: "typed"}
		req = w.ExpectRequest(w.T, "REGISTER")
		checkDigest(w.T, req, "Authorization", "al", "typed")
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	})
}

// Requests that wait for the same realm share the result, of the registrar and the
// proxy alike, and it is kept.
func TestCredentialsForIsAskedOncePerRealm(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		w.connect()
		register, done := w.registering()
		w.ask(register, 401, `Digest realm="r", nonce="1", qop="auth"`)
		for range 2 {
			_, err := w.ua.Call("1002", sipua.CallOptions{})
			require.NoError(w, err)
			w.ask(w.ExpectRequest(w.T, "INVITE"), 407, `Digest realm="r", nonce="2", qop="auth"`)
		}
		synctest.Wait()
		require.Len(w, calls, 1)
		(<-calls).answer <- sipua.Credentials{Password: "typed"}
		register = w.ExpectRequest(w.T, "REGISTER")
		checkDigest(w.T, register, "Authorization", "1001", "typed")
		w.Respond(register, 200, "OK", contactWith(register, ";expires=3600"))
		require.NoError(w, done())
		invites := []*sip.Request{w.ExpectRequest(w.T, "INVITE"), w.ExpectRequest(w.T, "INVITE")}
		for _, invite := range invites {
			checkDigest(w.T, invite, "Proxy-Authorization", "1001", "typed")
			w.refuse(invite)
		}
		w.Drop(1006, "")
		synctest.Wait()
		w.known(407, `Digest realm="r", nonce="3"`)
		require.Empty(w, calls, "the result is kept")
	})
}

// Another realm is another question, and so is the same realm in a stranger's mouth.
func TestCredentialsForOtherRealms(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		req, done := w.registering()
		w.ask(req, 401, `Digest realm="a", nonce="1"`, `Digest realm="b", nonce="2"`)
		for _, realm := range []string{"a", "b"} {
			a := <-calls
			require.Equal(w, realm, a.Realm)
			a.answer <- sipua.Credentials{Password: "of " + realm}
		}
		req = w.ExpectRequest(w.T, "REGISTER")
		require.Len(w, values(req, "Authorization"), 2)
		w.Respond(req, 200, "OK", contactWith(req, ";expires=3600"))
		require.NoError(w, done())

		_, err := w.ua.Call("sip:eve@evil.example", sipua.CallOptions{})
		require.NoError(w, err)
		invite := w.ExpectRequest(w.T, "INVITE")
		w.ask(invite, 401, `Digest realm="a", nonce="3"`)
		a := <-calls
		require.Equal(w, sipua.Challenge{Scheme: "Digest", Realm: "a", Algorithms: []string{"MD5"}, Host: "evil.example", Target: "sip:eve@evil.example"}, a.Challenge)
		a.answer <- errors.New("not to them")
		synctest.Wait()
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Its error ends all that wait, wrapped; the next request asks again.
func TestCredentialsForFails(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		closed := errors.New("the person closed the dialog")
		for i, bad := range []any{closed, sipua.Credentials{Password: "a", HA1: []sipua.HA1{{Hash: "b"}}}, sipua.Credentials{Token: "a b"}, sipua.Credentials{HA1: []sipua.HA1{{Hash: "hunter2"}}}} {
			req, done := w.registering()
			w.ask(req, 401, `Digest realm="r", nonce="n"`)
			a := <-calls
			require.False(w, a.Retry)
			a.answer <- bad
			err := done()
			e := typed(w, err, sipua.CodeUnauthorized, 401)
			require.Contains(w, e.Reason, "Config.CredentialsFor")
			require.Equal(w, i == 0, errors.Is(err, closed))
			require.NotContains(w, err.Error(), "hunter2")
			w.ExpectNothing(w.T, time.Minute)
		}
	})
}

// Without a secret it leaves the question to Config.Credentials, which are kept and
// refused as its own are.
func TestCredentialsForLeavesItToCredentials(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		req, done := w.registering()
		w.ask(req, 401, `Digest realm="r", nonce="1"`)
		(<-calls).answer <- sipua.Credentials{Username: "not used"}
		req = w.ExpectRequest(w.T, "REGISTER")
		checkDigest(w.T, req, "Authorization", "1001", "secret")
		w.ask(req, 401, `Digest realm="r", nonce="2"`)
		a := <-calls
		require.True(w, a.Retry)
		a.answer <- sipua.Credentials{}
		typed(w, done(), sipua.CodeUnauthorized, 401)
		w.ExpectNothing(w.T, time.Minute)
	})
}

// What cannot answer the challenge is not kept.
func TestCredentialsForOfNoUse(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		for range 2 {
			req, done := w.registering()
			w.ask(req, 401, `Digest realm="r", nonce="1"`)
			(<-calls).answer <- sipua.Credentials{Token: "t0ken"}
			typed(w, done(), sipua.CodeUnauthorized, 401)
		}
		require.Empty(w, calls)
	})
}

// Two requests are refused with the same credentials at the same time: one question,
// and the second request takes what the first has got.
func TestCredentialsForRefusedTwiceAtOnce(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		w.connect()
		register, done := w.registering()
		w.ask(register, 407, `Digest realm="r", nonce="1"`)
		(<-calls).answer <- sipua.Credentials{Password: "old"}
		register = w.ExpectRequest(w.T, "REGISTER")
		w.Respond(register, 200, "OK", contactWith(register, ";expires=3600"))
		require.NoError(w, done())

		register, done = w.registering()
		_, err := w.ua.Call("1002", sipua.CallOptions{})
		require.NoError(w, err)
		invite := w.ExpectRequest(w.T, "INVITE")
		for i := range 2 { // the nonce is over, and the password has been changed
			w.ask(register, 407, fmt.Sprintf(`Digest realm="r", nonce="a%d"`, i))
			if i == 0 {
				register = w.ExpectRequest(w.T, "REGISTER")
				checkDigest(w.T, register, "Proxy-Authorization", "1001", "old")
			}
			w.ask(invite, 407, fmt.Sprintf(`Digest realm="r", nonce="b%d"`, i))
			if i == 0 {
				invite = w.ExpectRequest(w.T, "INVITE")
				checkDigest(w.T, invite, "Proxy-Authorization", "1001", "old")
			}
		}
		synctest.Wait()
		require.Len(w, calls, 1)
		a := <-calls
		require.True(w, a.Retry)
		a.answer <- sipua.Credentials{Password: "new"}
		register = w.ExpectRequest(w.T, "REGISTER")
		checkDigest(w.T, register, "Proxy-Authorization", "1001", "new")
		invite = w.ExpectRequest(w.T, "INVITE")
		checkDigest(w.T, invite, "Proxy-Authorization", "1001", "new")
		w.Respond(register, 200, "OK", contactWith(register, ";expires=3600"))
		require.NoError(w, done())
		w.refuse(invite)
		require.Empty(w, calls)
	})
}

// The end of the user agent ends the question and the verb that waits for it.
func TestCredentialsForEndsWithTheUserAgent(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		req, done := w.registering()
		w.ask(req, 401, `Digest realm="r", nonce="1"`)
		a := <-calls
		require.NoError(w, a.ctx.Err())
		require.NoError(w, w.ua.Close())
		require.ErrorIs(w, done(), sipua.ErrClosed)
		<-a.ctx.Done()
	})
}

// The connection is lost while a person types: the request fails as one that was
// under way.
func TestConnectionLostWhileAsking(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		req, done := w.registering()
		w.ask(req, 401, `Digest realm="r", nonce="1"`)
		a := <-calls
		w.Drop(1006, "")
		synctest.Wait()
		a.answer <- sipua.Credentials{Password: "typed"}
		typed(w, done(), sipua.CodeConnectionLost, 0)
	})
}

// Who hangs up while a person is asked for the password does not wait for the person.
func TestHangUpWhileAsking(t *testing.T) {
	playAsked(t, func(w *world, calls chan *asked) {
		w.connect()
		call := w.callOut()
		w.ask(w.ExpectRequest(w.T, "INVITE"), 407, `Digest realm="r", nonce="n"`)
		a := <-calls
		require.NoError(w, call.Hangup(w.Context()))
		require.Equal(w, sipua.Local, w.end(call).By)
		a.answer <- sipua.Credentials{Password: "typed"}
		w.ExpectNothing(w.T, time.Minute)
	})
}
