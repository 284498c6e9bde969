package sipua_test

import (
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// moved answers a request with a redirection.
func (w *world) moved(req *sip.Request, status int, contacts ...string) {
	headers := make([]sip.Header, len(contacts))
	for i, c := range contacts {
		headers[i] = h("Contact", c)
	}
	res := w.NewResponse(req, status, "Moved")
	for _, header := range headers {
		res.AppendHeader(header)
	}
	w.Send(res)
}

// Section 8.1.3.4: the same request, with the new address, a new branch and the
// next sequence number.
func TestRegisterRedirected(t *testing.T) {
	for _, status := range []int{300, 301, 302, 305, 380} {
		t.Run(itoa(status), func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				w.moved(req, status, "<sip:b.example.com;transport=ws>")
				again := w.ExpectRequest(w.T, "REGISTER")
				require.Equal(w, "sip:b.example.com;transport=ws", again.Recipient.String())
				require.NotEqual(w, branch(req), branch(again))
				require.Greater(w, again.CSeq().SeqNo, req.CSeq().SeqNo)
				require.Equal(w, req.CallID().Value(), again.CallID().Value())
				require.Equal(w, value(req, "From"), value(again, "From"))
				require.Equal(w, value(req, "To"), value(again, "To"))
				require.Equal(w, value(req, "Contact"), value(again, "Contact"))
				w.Respond(again, 200, "OK", again.Contact())
				require.NoError(w, done())
				require.Equal(w, []string{"connected", "registered 10m0s"}, w.story())

				// Section 21.3.2 and 21.3.3: 301 is for ever, the others for once.
				next := w.ExpectRequest(w.T, "REGISTER")
				if status == 301 {
					require.Equal(w, "sip:b.example.com;transport=ws", next.Recipient.String())
				} else {
					require.Equal(w, "sip:example.com", next.Recipient.String())
				}
				w.Respond(next, 200, "OK", next.Contact())
			})
		})
	}
	// The way back: Unregister follows as well.
	play(t, func(w *world) {
		w.register()
		done := begin(func() error { return w.ua.Unregister(w.Context()) })
		w.moved(w.ExpectRequest(w.T, "REGISTER"), 302, "<sip:b.example.com>")
		again := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "sip:b.example.com", again.Recipient.String())
		require.Equal(w, "0", value(again, "Expires"))
		w.Respond(again, 200, "OK")
		require.NoError(w, done())
	})
}

// Section 10.2: the Request-URI names the domain, without a user; headers of a
// Contact are no part of it (section 19.1.5).
func TestRedirectedToAnAddress(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.moved(req, 302, `"x" <sip:1001:pw@b.example.com:5070?Route=%3Csip:evil%3E>;q=0.5;expires=9`)
		again := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "sip:b.example.com:5070", again.Recipient.String())
		require.Empty(w, values(again, "Route"))
		w.Respond(again, 200, "OK", again.Contact())
		require.NoError(w, done())
	})
	// The first that can be used.
	play(t, func(w *world) {
		req, done := w.registering()
		w.moved(req, 302, "<https://example.com>", "<tel:+1>", "*", "<sips:b.example.com>")
		again := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "sips:b.example.com", again.Recipient.String())
		w.Respond(again, 200, "OK", again.Contact())
		require.NoError(w, done())
	})
	for _, none := range [][]string{nil, {"*"}, {"<https://example.com>"}, {"garbage"}} {
		play(t, func(w *world) {
			req, done := w.registering()
			w.moved(req, 302, none...)
			typed(w, done(), sipua.CodeRejected, 302)
			require.True(w, last[sipua.RegistrationFailed](w).Final)
			w.ExpectNothing(w.T, time.Hour)
		})
	}
}

// A redirection that leads in a circle, or ever further, ends.
func TestRedirectionEnds(t *testing.T) {
	play(t, func(w *world) { // to itself
		req, done := w.registering()
		for n := 0; ; n++ {
			require.Less(w, n, 3)
			w.moved(req, 302, "<sip:example.com>")
			if w.ended(&req) {
				break
			}
		}
		typed(w, done(), sipua.CodeRejected, 302)
	})
	play(t, func(w *world) { // in a circle
		req, done := w.registering()
		for n := 0; ; n++ {
			require.Less(w, n, 6)
			w.moved(req, 302, []string{"<sip:b.example.com>", "<sip:c.example.com>"}[n%2])
			if w.ended(&req) {
				break
			}
		}
		typed(w, done(), sipua.CodeRejected, 302)
	})
	play(t, func(w *world) { // ever further
		req, done := w.registering()
		for n := 0; ; n++ {
			require.Less(w, n, 20)
			w.moved(req, 302, "<sip:h"+itoa(n)+".example.com>")
			if w.ended(&req) {
				break
			}
		}
		typed(w, done(), sipua.CodeRejected, 302)
	})
}

// ended reports that no further REGISTER came at once; else it is in req.
func (w *world) ended(req **sip.Request) bool {
	w.Helper()
	if count[sipua.RegistrationFailed](w) > 0 {
		return true
	}
	*req = w.ExpectRequest(w.T, "REGISTER")
	return false
}

// A redirection and what may come with it: a challenge there, a 423 there.
func TestRedirectedAndChallenged(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.moved(req, 302, "<sip:b.example.com>")
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="b.example.com", nonce="n1", qop="auth"`))
		again := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "sip:b.example.com", again.Recipient.String())
		require.Contains(w, value(again, "Authorization"), `uri="sip:b.example.com"`)
		w.Respond(again, 423, "Interval Too Brief", h("Min-Expires", "900"))
		again = w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "sip:b.example.com", again.Recipient.String(), "of one attempt all go there")
		require.Equal(w, "900", value(again, "Expires"))
		w.Respond(again, 200, "OK", again.Contact())
		require.NoError(w, done())
	})
}

// Section 8.1.3.4: when the first address fails, the next one of the same
// redirection has its turn.
func TestRedirectedToMany(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.moved(req, 302, "<sip:b.example.com>", "<sip:c.example.com>")
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 503, "Service Unavailable")
		again := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "sip:c.example.com", again.Recipient.String())
		w.Respond(again, 200, "OK", again.Contact())
		require.NoError(w, done())
	})
}

// What a registrar wants to be asked otherwise is asked so, and is no failure of
// its address: 423 (section 10.2.8), 439 (RFC 5626 section 11.1), a challenge.
func TestRedirectedToManyAsksOtherwise(t *testing.T) {
	for _, status := range []int{423, 439, 401} {
		t.Run(itoa(status), func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				w.moved(req, 302, "<sip:b.example.com>", "<sip:c.example.com>")
				w.Respond(w.ExpectRequest(w.T, "REGISTER"), status, "No", h("Min-Expires", "900"),
					h("WWW-Authenticate", `Digest realm="b.example.com", nonce="n1", qop="auth"`))
				again := w.ExpectRequest(w.T, "REGISTER")
				require.Equal(w, "sip:b.example.com", again.Recipient.String())
				w.Respond(again, 200, "OK", again.Contact())
				require.NoError(w, done())
			})
		})
	}
}

// An address that a 301 gave and that is wrong is not kept: the domain is asked
// again.
func TestMovedForGoodButWrong(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.moved(req, 301, "<sip:b.example.com>")
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 404, "Not Found")
		typed(w, done(), sipua.CodeRejected, 404)
		req, done = w.registering()
		require.Equal(w, "sip:example.com", req.Recipient.String())
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	})
}
