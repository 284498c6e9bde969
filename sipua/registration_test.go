package sipua_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// registering begins Register and returns the REGISTER.
func (w *world) registering() (req *sip.Request, done func() error) {
	w.Helper()
	done = begin(func() error { return w.ua.Register(w.Context()) })
	return w.ExpectRequest(w.T, "REGISTER"), done
}

// contactWith is our Contact in a 200, with these parameters.
func contactWith(req *sip.Request, params string) sip.Header {
	return h("Contact", "<"+req.Contact().Address.String()+">"+params)
}

// RFC 3261 section 10.2, RFC 5626 section 4.1, RFC 7118 section 5.
func TestRegisterHeaders(t *testing.T) {
	play(t, func(w *world) {
		req := w.register()
		require.Equal(w, "sip:example.com", req.Recipient.String(), "section 10.2: no user part")
		require.Equal(w, `"Alice" <sip:1001@example.com>`, value(req, "To"))
		require.True(w, strings.HasPrefix(value(req, "From"), `"Alice" <sip:1001@example.com>;tag=`))
		require.Equal(w, "1 REGISTER", value(req, "CSeq"))
		require.Equal(w, "70", value(req, "Max-Forwards"))
		require.Equal(w, "600", value(req, "Expires"))
		require.Regexp(w, `^SIP/2.0/WSS [a-z2-7]{12}\.invalid;branch=z9hG4bK[a-z2-7]{20}$`, value(req, "Via"))
		require.Regexp(w, `^<sip:[a-z2-7]{8}@`+req.Via().Host+`;transport=ws>;\+sip\.instance="<urn:uuid:00000000-0000-4000-8000-000000000001>";(reg-id=1;)?expires=600$`, value(req, "Contact"))
		require.Equal(w, "0", value(req, "Content-Length"))
		require.Equal(w, []string{"connected", "registered 10m0s"}, w.story())
	})
}

// The whole life, word for word.
func TestRegisterLadder(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="example.com", nonce="n0nce-0001", qop="auth", algorithm=SHA-256`))
		req = w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", contactWith(req, ";expires=600"))
		require.NoError(w, done())
		done = begin(func() error { return w.ua.Unregister(w.Context()) })
		req = w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
		require.NoError(w, w.ua.Shutdown(w.Context()))
		require.Equal(w, 1000, w.ExpectClose(w.T).Code)
		w.golden("register")
	})
}

// A refresh comes at a random 50 to 90 % of what was granted, with the same
// Call-ID and the next CSeq (section 10.2.4).
func TestRefresh(t *testing.T) {
	play(t, func(w *world) {
		req := w.register()
		granted := 10 * time.Minute
		waits := map[time.Duration]bool{}
		for i := range 20 {
			begun := time.Now()
			next := w.ExpectRequest(w.T, "REGISTER")
			wait := time.Since(begun)
			require.GreaterOrEqual(w, wait, granted/2)
			require.LessOrEqual(w, wait, granted*9/10)
			waits[wait.Truncate(time.Second)] = true
			require.Equal(w, req.CallID().Value(), next.CallID().Value())
			require.Equal(w, value(req, "From"), value(next, "From"))
			require.EqualValues(w, i+2, next.CSeq().SeqNo)
			granted = time.Duration(60+i*100) * time.Second
			w.Peer.Timeout = 2 * granted
			w.Respond(next, 200, "OK", contactWith(next, fmt.Sprintf(";expires=%d", granted/time.Second)))
			synctest.Wait()
		}
		require.Greater(w, len(waits), 10)
		require.Equal(w, 21, count[sipua.Registered](w))
		require.Zero(w, count[sipua.Unregistered](w))
	})
}

func TestUnregister(t *testing.T) {
	play(t, func(w *world) {
		require.NoError(w, w.ua.Unregister(w.Context()), "there is nothing to remove")
		w.ExpectNothing(w.T, time.Second)
		first := w.register()
		done := begin(func() error { return w.ua.Unregister(w.Context()) })
		req := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "0", value(req, "Expires"))
		require.Contains(w, value(req, "Contact"), first.Contact().Address.User+"@"+first.Contact().Address.Host)
		require.Contains(w, value(req, "Contact"), ";expires=0", "our binding alone: no *")
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
		w.ExpectNothing(w.T, time.Hour)
		require.Equal(w, []string{"connected", "registered 10m0s", "unregistered"}, w.story())
		w.alive()
	})
}

func TestUnregisterRefused(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		done := begin(func() error { return w.ua.Unregister(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 500, "Server Internal Error")
		e := typed(w, done(), sipua.CodeRejected, 500)
		require.Equal(w, "unregister", e.Op)
		require.Equal(w, "unregistered rejected", w.story()[2])
	})
}

// Section 10.2.8: 423 names the least; it is asked for, and from then on.
func TestRegister423(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 423, "Interval Too Brief", h("Min-Expires", "1200"))
		req = w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "1200", value(req, "Expires"))
		require.Contains(w, value(req, "Contact"), "expires=1200")
		w.Respond(req, 200, "OK", contactWith(req, ";expires=1200"))
		require.NoError(w, done())
		w.Peer.Timeout = time.Hour
		req = w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "1200", value(req, "Expires"), "the refresh too")
		w.Respond(req, 200, "OK", req.Contact())
	})
	for name, headers := range map[string][]sip.Header{
		"without Min-Expires": nil,
		"not longer":          {h("Min-Expires", "600")},
		"garbage":             {h("Min-Expires", "soon")},
		"too long":            {h("Min-Expires", "4294967295")},
		"longer than 32 bits": {h("Min-Expires", "99999999999")},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				w.Respond(req, 423, "Interval Too Brief", headers...)
				typed(w, done(), sipua.CodeRejected, 423)
			})
		})
	}
	t.Run("always more", func(t *testing.T) {
		play(t, func(w *world) {
			req, done := w.registering()
			for i := range 2 {
				w.Respond(req, 423, "Interval Too Brief", h("Min-Expires", fmt.Sprint(1000+i*1000)))
				req = w.ExpectRequest(w.T, "REGISTER")
			}
			w.Respond(req, 423, "Interval Too Brief", h("Min-Expires", "9000"))
			typed(w, done(), sipua.CodeRejected, 423)
			require.NotZero(w, last[sipua.RegistrationFailed](w).RetryIn, "not at once")
		})
	})
}

// What the registrar refuses for good is not tried again; what may pass is, after
// a while, for ever.
func TestRegisterRefused(t *testing.T) {
	for _, status := range []int{300, 302, 400, 403, 404, 420, 501, 505, 513, 555, 600, 603, 606} {
		t.Run(itoa(status), func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				w.Respond(req, 100, "Trying")
				w.Respond(req, status, "No")
				e := typed(w, done(), sipua.CodeRejected, status)
				require.Equal(w, "No", e.Reason)
				require.Equal(w, []string{"connected", "register failed for good: rejected"}, w.story())
				w.ExpectNothing(w.T, time.Hour)
			})
		})
	}
	for _, status := range []int{408, 423, 429, 480, 486, 491, 500, 502, 504} {
		t.Run(itoa(status), func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				w.Respond(req, status, "Not now")
				typed(w, done(), sipua.CodeRejected, status)
				begun := time.Now()
				for failures := 1; failures <= 8; failures++ { // RFC 5626 section 4.5
					wait := last[sipua.RegistrationFailed](w).RetryIn
					bound := min(30*time.Second, time.Second<<failures)
					require.GreaterOrEqual(w, wait, bound/2)
					require.LessOrEqual(w, wait, bound)
					req = w.ExpectRequest(w.T, "REGISTER")
					require.Equal(w, wait, time.Since(begun))
					w.Respond(req, status, "Not now")
					begun = time.Now()
					synctest.Wait()
				}
				req = w.ExpectRequest(w.T, "REGISTER")
				w.Respond(req, 200, "OK", req.Contact())
				require.Equal(w, 1, count[sipua.Registered](w))
				require.Zero(w, count[sipua.Unregistered](w), "there was no binding to lose")
				require.Equal(w, 1, count[sipua.Connected](w))
			})
		})
	}
}

// RFC 5626 section 4.4: a flow over which REGISTER stays without an answer has
// failed.
func TestRegisterTimeout(t *testing.T) {
	play(t, func(w *world) {
		begun := time.Now()
		_, done := w.registering()
		typed(w, done(), sipua.CodeTimeout, 408)
		require.Equal(w, 32*time.Second, time.Since(begun))
		req := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, []string{"connected", "disconnected 1006", "reconnecting 1", "register failed: timeout", "connected"}, w.story())
		w.Respond(req, 200, "OK", req.Contact())
		require.Equal(w, 1, count[sipua.Registered](w))
	})
}

// Section 10.2.4: what was granted stands in our Contact, or in Expires.
func TestRegisterGranted(t *testing.T) {
	ours := func(req *sip.Request) string { return "<" + req.Contact().Address.String() + ">" }
	for name, c := range map[string]struct {
		headers func(req *sip.Request) []sip.Header
		want    time.Duration
	}{
		"Contact": {func(req *sip.Request) []sip.Header { return []sip.Header{contactWith(req, ";expires=300")} }, 300 * time.Second},
		"Contact before Expires": {func(req *sip.Request) []sip.Header {
			return []sip.Header{contactWith(req, ";expires=300"), h("Expires", "200")}
		}, 300 * time.Second},
		"Expires only":    {func(*sip.Request) []sip.Header { return []sip.Header{h("Expires", "200")} }, 200 * time.Second},
		"Contact without": {func(req *sip.Request) []sip.Header { return []sip.Header{contactWith(req, ""), h("Expires", "200")} }, 200 * time.Second},
		"nothing":         {func(*sip.Request) []sip.Header { return nil }, 600 * time.Second},
		"quoted":          {func(req *sip.Request) []sip.Header { return []sip.Header{contactWith(req, `;expires="300"`)} }, 300 * time.Second},
		"upper case":      {func(req *sip.Request) []sip.Header { return []sip.Header{contactWith(req, `;EXPIRES=300`)} }, 300 * time.Second},
		"garbage":         {func(req *sip.Request) []sip.Header { return []sip.Header{contactWith(req, `;expires=soon`)} }, 600 * time.Second},
		"more than a day": {func(req *sip.Request) []sip.Header { return []sip.Header{contactWith(req, `;expires=999999999`)} }, 24 * time.Hour},
		"one of many": {func(req *sip.Request) []sip.Header {
			return []sip.Header{h("Contact", "<sip:a@192.0.2.1>;expires=11"), contactWith(req, ";q=0.5;expires=300"), h("Contact", "<sip:b@x.invalid>;expires=12")}
		}, 300 * time.Second},
		"one of many on a line": {func(req *sip.Request) []sip.Header {
			return []sip.Header{h("Contact", `"a, b" <sip:a@192.0.2.1>;expires=11, `+ours(req)+";expires=300,<sip:b@x.invalid>;expires=12")}
		}, 300 * time.Second},
		"others only": {func(*sip.Request) []sip.Header {
			return []sip.Header{h("Contact", "<sip:a@192.0.2.1>;expires=11")}
		}, 600 * time.Second},
		"with parameters of the proxy": {func(req *sip.Request) []sip.Header {
			return []sip.Header{h("Contact", strings.Replace(ours(req), ">", ";alias=192.0.2.1~5000~6>", 1)+";expires=300")}
		}, 300 * time.Second},
		"an unreadable one beside": {func(req *sip.Request) []sip.Header {
			return []sip.Header{contactWith(req, ";expires=300"), h("X-Contact", "<<<>")}
		}, 300 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				req, done := w.registering()
				res := w.NewResponse(req, 200, "OK")
				res.RemoveHeader("Contact")
				for _, header := range c.headers(req) {
					res.AppendHeader(header)
				}
				w.Send(res)
				require.NoError(w, done())
				require.Equal(w, c.want, last[sipua.Registered](w).Expires)
			})
		})
	}
}

func TestRegisterGrantedNothing(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 200, "OK", contactWith(req, ";expires=0"))
		typed(w, done(), sipua.CodeProtocol, 200)
		require.Equal(w, "register failed: protocol", w.story()[1])
	})
}

// Section 10.2: one REGISTER at a time; who asks meanwhile waits for its turn.
func TestRegisterConcurrently(t *testing.T) {
	play(t, func(w *world) {
		req, one := w.registering()
		two := begin(func() error { return w.ua.Register(w.Context()) })
		synctest.Wait()
		three := begin(func() error { return w.ua.Unregister(w.Context()) })
		w.ExpectNothing(w.T, time.Second)
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, one())
		req = w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "600", value(req, "Expires"))
		w.ExpectNothing(w.T, time.Second)
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, two())
		req = w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, "0", value(req, "Expires"))
		w.Respond(req, 200, "OK")
		require.NoError(w, three())
		require.Equal(w, []string{"connected", "registered 10m0s", "registered 10m0s", "unregistered"}, w.story())
	})
}

// The failure of one does not take the others with it.
func TestRegisterQueuedAfterFailure(t *testing.T) {
	play(t, func(w *world) {
		req, one := w.registering()
		two := begin(func() error { return w.ua.Register(w.Context()) })
		synctest.Wait()
		w.Respond(req, 503, "Busy")
		typed(w, one(), sipua.CodeRejected, 503)
		req = w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, two())
	})
}

// A refresh that fails is told by an event. The binding lasts as long as it was
// granted, unless the registrar refuses for good.
func TestRefreshFails(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 403, "Forbidden")
		w.ExpectNothing(w.T, time.Hour)
		require.Equal(w, []string{"connected", "registered 10m0s", "expiring", "register failed for good: rejected", "unregistered rejected"}, w.story())
		w.alive()
	})
	play(t, func(w *world) {
		w.register()
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 500, "Not now")
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact())
		require.Equal(w, 2, count[sipua.Registered](w))
		require.Equal(w, []string{"connected", "registered 10m0s", "expiring", "register failed: rejected", "registered 10m0s"}, w.story())
	})
	play(t, func(w *world) {
		w.register()
		w.ExpectRequest(w.T, "REGISTER") // no answer: the flow has failed
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact())
		require.Equal(w, 2, count[sipua.Registered](w))
		require.Equal(w, []string{"connected", "registered 10m0s", "expiring", "disconnected 1006", "unregistered connection-lost", "reconnecting 1",
			"register failed: timeout", "connected", "registered 10m0s"}, w.story())
	})
}

// The binding runs out while the refresh waits for its answer: it is told once,
// and an answer that comes all the same brings it back.
func TestBindingRunsOut(t *testing.T) {
	short := func(w *world) *sip.Request {
		req, done := w.registering()
		w.Respond(req, 200, "OK", contactWith(req, ";expires=20"))
		require.NoError(w, done())
		return w.ExpectRequest(w.T, "REGISTER")
	}
	play(t, func(w *world) {
		short(w)
		w.ExpectNothing(w.T, 25*time.Second)
		require.Equal(w, []string{"connected", "registered 20s", "expiring", "unregistered timeout"}, w.story())
		w.ExpectRequest(w.T, "REGISTER") // over another flow
		require.Equal(w, 1, count[sipua.Unregistered](w))
	})
	play(t, func(w *world) {
		req := short(w)
		w.ExpectNothing(w.T, 20*time.Second)
		w.Respond(req, 200, "OK", contactWith(req, ";expires=20"))
		synctest.Wait()
		require.Equal(w, []string{"connected", "registered 20s", "expiring", "unregistered timeout", "registered 20s"}, w.story())
	})
	// An Unregister that waits when the binding runs out has what it wanted.
	play(t, func(w *world) {
		req, done := w.registering()
		w.Respond(req, 200, "OK", contactWith(req, ";expires=20"))
		require.NoError(w, done())
		done = begin(func() error { return w.ua.Unregister(w.Context()) })
		req = w.ExpectRequest(w.T, "REGISTER")
		w.ExpectNothing(w.T, 25*time.Second)
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
		require.Equal(w, 1, count[sipua.Unregistered](w), "%v", w.story())
	})
}

// The context bounds the waiting. What was begun goes on, and the next verb finds
// it so.
func TestRegisterContext(t *testing.T) {
	play(t, func(w *world) {
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		e := typed(w, w.ua.Register(ctx), sipua.CodeTimeout, 0)
		require.ErrorIs(w, e, context.DeadlineExceeded)
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 200, "OK", req.Contact())
		synctest.Wait()
		require.Equal(w, 1, count[sipua.Registered](w))
	})
	play(t, func(w *world) {
		ctx, cancel := context.WithCancelCause(w.Context())
		why := errors.New("the window was closed")
		done := begin(func() error { return w.ua.Register(ctx) })
		w.ExpectRequest(w.T, "REGISTER")
		cancel(why)
		require.ErrorIs(w, typed(w, done(), sipua.CodeCanceled, 0), why)
	})
}

// The table in binding.go, cell for cell, by what it shows: the messages that
// an input makes the user agent send, and the events.
func TestRegistrationTable(t *testing.T) {
	type state = func(w *world) (under *sip.Request) // the REGISTER under way, if any
	states := map[string]state{
		"off":         func(w *world) *sip.Request { w.connect(); return nil },
		"registering": func(w *world) *sip.Request { w.connect(); req, _ := w.registering(); return req },
		"registered":  func(w *world) *sip.Request { w.register(); return nil },
		"resting": func(w *world) *sip.Request { // for an hour
			req, done := w.registering()
			w.Respond(req, 500, "Not now", h("Retry-After", "3600"))
			require.Error(w, done())
			return nil
		},
		"removing": func(w *world) *sip.Request {
			w.register()
			begin(func() error { return w.ua.Unregister(w.Context()) })
			return w.ExpectRequest(w.T, "REGISTER")
		},
	}
	inputs := map[string]func(w *world, under *sip.Request){
		"register":   func(w *world, _ *sip.Request) { begin(func() error { return w.ua.Register(w.Context()) }) },
		"unregister": func(w *world, _ *sip.Request) { begin(func() error { return w.ua.Unregister(w.Context()) }) },
		"2xx": func(w *world, under *sip.Request) {
			if under != nil {
				w.Respond(under, 200, "OK", under.Contact())
			}
		},
		"failure": func(w *world, under *sip.Request) {
			if under != nil {
				w.Respond(under, 500, "No")
			}
		},
		"refused": func(w *world, under *sip.Request) {
			if under != nil {
				w.Respond(under, 403, "No")
			}
		},
		"flow lost": func(w *world, _ *sip.Request) { w.Drop(1006, "") },
		"due":       func(w *world, _ *sip.Request) { time.Sleep(9 * time.Minute) },
		"flow up":   func(w *world, _ *sip.Request) { w.Drop(1006, ""); time.Sleep(3 * time.Second) },
	}
	// "> 600" is a REGISTER that asks for 600 s. A REGISTER that nobody answers ends
	// in a time-out, so "due" has no cell where one is under way.
	for cell, want := range map[string]string{
		"off register": "> 600", "off unregister": "", "off 2xx": "", "off failure": "", "off refused": "", "off flow lost": "disconnected 1006", "off due": "",
		"off flow up":          "disconnected 1006",
		"registering register": "", "registering unregister": "", "registering 2xx": "registered 10m0s", "registering failure": "register failed: rejected",
		"registering refused":   "register failed for good: rejected",
		"registering flow lost": "disconnected 1006, register failed: connection-lost, reconnecting 1",
		"registering flow up":   "> 600, disconnected 1006, register failed: connection-lost, reconnecting 1, connected",
		"registered register":   "> 600", "registered unregister": "> 0", "registered 2xx": "", "registered failure": "", "registered refused": "",
		"registered flow lost": "disconnected 1006, unregistered connection-lost, reconnecting 1", "registered due": "> 600",
		"registered flow up": "> 600, disconnected 1006, unregistered connection-lost, reconnecting 1, connected",
		"resting register":   "> 600", "resting unregister": "", "resting 2xx": "", "resting failure": "", "resting refused": "",
		"resting flow lost": "disconnected 1006, reconnecting 1", "resting due": "", "resting flow up": "disconnected 1006, reconnecting 1, connected", // Retry-After goes on
		"removing register": "", "removing unregister": "", "removing 2xx": "unregistered", "removing failure": "unregistered rejected", "removing refused": "unregistered rejected",
		"removing flow lost": "disconnected 1006, unregistered connection-lost", "removing flow up": "disconnected 1006, unregistered connection-lost",
	} {
		t.Run(cell, func(t *testing.T) {
			play(t, func(w *world) {
				name, input, _ := strings.Cut(cell, " ")
				under := states[name](w)
				w.forget()
				inputs[input](w, under)
				synctest.Wait()
				var got []string
				for _, e := range w.Ladder().Entries() {
					if strings.HasPrefix(e.Text, "REGISTER ") {
						req, err := sip.ParseMessage([]byte(e.Text))
						require.NoError(w, err)
						got = append(got, "> "+value(req, "Expires"))
					}
				}
				got = append(got, w.story()...)
				if name == "registered" && input == "due" {
					got = got[:1] // its time-out comes later than the nine minutes, or not
				}
				require.Equal(w, want, strings.Join(got, ", "))
			})
		})
	}
}
