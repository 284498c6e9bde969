package sipua_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// Tests of the notifier from RFC 6665, written without a look at the code.

const pidf = "application/pidf+xml"

// substate splits a Subscription-State.
func substate(req *sip.Request) (state string, params map[string]string) {
	parts := strings.Split(value(req, "Subscription-State"), ";")
	params = map[string]string{}
	for _, p := range parts[1:] {
		name, v, _ := strings.Cut(p, "=")
		params[name] = v
	}
	return parts[0], params
}

// Sections 4.2.1.1, 4.2.2, 4.4.1 and 8.2: what the 200 and each NOTIFY must have.
func TestNotifierMessagesAreComplete(t *testing.T) {
	play(t, func(w *world) {
		k := w.requested(h("Event", "presence;id=ab1"))
		notify := k.accept(sipua.NotifierOptions{Expires: 5 * time.Minute, ContentType: pidf, Body: []byte("<open/>")})
		require.Equal(w, "300", value(k.ok, "Expires"), "may be shortened, never lengthened")
		require.Len(w, values(k.ok, "Contact"), 1)
		require.NotEmpty(w, tag(value(k.ok, "To")))
		require.Empty(w, k.ok.Body())
		require.Equal(w, []string{"presence;id=ab1"}, values(notify, "Event"), "the id goes with it")
		state, params := substate(notify)
		require.Equal(w, "active", state)
		require.Equal(w, "300", params["expires"])
		require.Len(w, values(notify, "Contact"), 1)
		require.Equal(w, value(k.ok, "Contact"), value(notify, "Contact"))
		require.Equal(w, "70", value(notify, "Max-Forwards"))
		require.Equal(w, pidf, value(notify, "Content-Type"))
		require.Empty(w, values(notify, "Expires"))

		time.Sleep(100 * time.Second)
		done := begin(func() error { return k.n.Notify(w.Context(), pidf, []byte("<closed/>")) })
		again := k.next()
		_, params = substate(again)
		require.Equal(w, "200", params["expires"], "what is left")
		require.Equal(w, notify.CSeq().SeqNo+1, again.CSeq().SeqNo)
		w.Respond(again, 200, "OK")
		require.NoError(w, done())
	}, serving)
}

// Section 4.2.1.1: the lifetime that is asked for is granted or shortened.
func TestNotifierGrants(t *testing.T) {
	for asked, want := range map[string]string{"60": "60", "3599": "3599", "3600": "3600", "7200": "3600", "4294967295": "3600"} {
		play(t, func(w *world) {
			k := &served{world: w}
			w.connect()
			k.req = w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence"), h("Expires", asked))
			w.Send(k.req)
			k.n = last[sipua.IncomingSubscription](w).Subscription
			k.accept(present)
			require.Equal(w, want, value(k.ok, "Expires"), asked)
		}, serving)
	}
}

// Section 4.4.3: a fetch: one NOTIFY, terminated with reason timeout, and no
// subscription.
func TestNotifierIsFetchedFrom(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		k := &served{world: w}
		k.req = w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence"), h("Expires", "0"))
		w.Send(k.req)
		k.n = last[sipua.IncomingSubscription](w).Subscription
		notify := k.accept(present)
		require.Equal(w, "0", value(k.ok, "Expires"))
		require.Equal(w, "<open/>", string(notify.Body()))
		state, params := substate(notify)
		require.Equal(w, "terminated timeout", state+" "+params["reason"])
		require.Equal(w, sipua.SubscriptionTerminated, k.n.State())
		require.Equal(w, 1, count[sipua.NotifierEnded](w))
		require.ErrorIs(w, k.n.Notify(w.Context(), "", nil), sipua.ErrInvalidState)
		k.again("600")
		w.ExpectResponse(w.T, 481)
		w.ExpectNothing(w.T, time.Hour)
	}, serving)
}

// Section 4.2.1.4 and 4.2.2: pending first, then active or refused.
func TestNotifierPending(t *testing.T) {
	pending := func(w *world) *served {
		k := w.requested()
		notify := k.accept(sipua.NotifierOptions{Pending: true})
		state, params := substate(notify)
		require.Equal(w, "pending 600", state+" "+params["expires"])
		require.Empty(w, notify.Body())
		require.Equal(w, sipua.SubscriptionPending, k.n.State())
		return k
	}
	play(t, func(w *world) {
		k := pending(w)
		k.again("600") // a refresh does not make it active
		w.ExpectResponse(w.T, 200)
		notify := k.next()
		state, _ := substate(notify)
		require.Equal(w, "pending", state)
		w.Respond(notify, 200, "OK")
		done := begin(func() error { return k.n.Activate(w.Context(), pidf, []byte("<open/>")) })
		notify = k.next()
		state, _ = substate(notify)
		require.Equal(w, "active <open/>", state+" "+string(notify.Body()))
		w.Respond(notify, 200, "OK")
		require.NoError(w, done())
		require.Equal(w, sipua.SubscriptionActive, k.n.State())
		require.Error(w, k.n.Activate(w.Context(), pidf, []byte("<open/>")), "it is active")
	}, serving)
	play(t, func(w *world) { // the person refuses
		k := pending(w)
		done := begin(func() error { return k.n.Terminate(w.Context(), "rejected", 0) })
		notify := k.next()
		require.Equal(w, "terminated;reason=rejected", value(notify, "Subscription-State"))
		w.Respond(notify, 200, "OK")
		require.NoError(w, done())
	}, serving)
	play(t, func(w *world) { // a pending one that leaves
		k := pending(w)
		k.again("0")
		require.Equal(w, "0", value(w.ExpectResponse(w.T, 200), "Expires"))
		state, params := substate(k.next())
		require.Equal(w, "terminated timeout", state+" "+params["reason"])
	}, serving)
}

// Section 4.2.1.2 and 4.2.3: the refresh prolongs, and each is followed by a
// NOTIFY; one that is not refreshed ends with a NOTIFY.
func TestNotifierExpires(t *testing.T) {
	play(t, func(w *world) {
		k := w.active()
		w.Timeout = time.Hour
		for range 3 {
			time.Sleep(9 * time.Minute)
			k.again("600")
			require.Equal(w, "600", value(w.ExpectResponse(w.T, 200), "Expires"))
			notify := k.next()
			_, params := substate(notify)
			require.Equal(w, "600", params["expires"])
			require.Equal(w, "<open/>", string(notify.Body()))
			w.Respond(notify, 200, "OK")
		}
		begun := time.Now()
		notify := k.next()
		require.Equal(w, 10*time.Minute, time.Since(begun))
		require.Equal(w, "terminated;reason=timeout", value(notify, "Subscription-State"))
		w.Respond(notify, 200, "OK")
		synctest.Wait()
		require.Equal(w, "timeout", last[sipua.NotifierEnded](w).Reason)
	}, serving)
	play(t, func(w *world) { // shortened by a refresh
		k := w.active()
		k.again("60")
		w.ExpectResponse(w.T, 200)
		w.Respond(k.next(), 200, "OK")
		begun := time.Now()
		w.Timeout = time.Hour
		k.next()
		require.Equal(w, time.Minute, time.Since(begun))
	}, serving)
}

// Section 4.2.2 with RFC 5057: 481 and others end it at once, silently.
func TestNotifyRefusedEndsTheSubscription(t *testing.T) {
	for _, status := range []int{404, 405, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604} {
		play(t, func(w *world) {
			k := w.active()
			done := begin(func() error { return k.n.Notify(w.Context(), pidf, []byte("<x/>")) })
			w.Respond(k.next(), status, "No")
			typed(w, done(), sipua.CodeRejected, status)
			require.Equal(w, sipua.SubscriptionTerminated, k.n.State())
			require.Equal(w, 1, count[sipua.NotifierEnded](w))
			k.again("600")
			w.ExpectResponse(w.T, 481)
			w.ExpectNothing(w.T, time.Hour)
		}, serving)
	}
}

// RFC 3261 sections 12.1.1 and 12.2.1.1: the Record-Route of the SUBSCRIBE is the
// route set of the NOTIFY, in its order, and stands in the 200.
func TestNotifierRouteSet(t *testing.T) {
	play(t, func(w *world) {
		k := w.requested(h("Record-Route", "<sip:a.example.com;lr>"), h("Record-Route", "<sip:b.example.com;lr>"))
		notify := k.accept(present)
		require.Equal(w, []string{"<sip:a.example.com;lr>", "<sip:b.example.com;lr>"}, values(k.ok, "Record-Route"))
		require.Equal(w, []string{"<sip:a.example.com;lr>", "<sip:b.example.com;lr>"}, values(notify, "Route"))
		k.again("600", h("Contact", "<sip:moved@peer.invalid>"), h("Record-Route", "<sip:evil.example.net;lr>"))
		w.ExpectResponse(w.T, 200)
		notify = w.ExpectRequest(w.T, "NOTIFY")
		require.Equal(w, "sip:moved@peer.invalid", notify.Recipient.String(), "the target is refreshed")
		require.Len(w, values(notify, "Route"), 2, "the route set is not")
	}, serving)
	play(t, func(w *world) { // the 200 to NOTIFY refreshes the target as well (section 3.2, RFC 3261 12.2.1.2)
		k := w.active()
		done := begin(func() error { return k.n.Notify(w.Context(), "", nil) })
		w.Respond(k.next(), 200, "OK", h("Contact", "<sip:moved@peer.invalid>"))
		require.NoError(w, done())
		begin(func() error { return k.n.Notify(w.Context(), "", nil) })
		require.Equal(w, "sip:moved@peer.invalid", w.ExpectRequest(w.T, "NOTIFY").Recipient.String())
	}, serving)
}

// Section 4.5.1: the Contact of the 200 and of NOTIFY is the GRUU.
func TestNotifierContactIsTheGRUU(t *testing.T) {
	play(t, func(w *world) {
		w.registerWith(`;pub-gruu="sip:1001@example.com;gr=urn:uuid:00000000-0000-4000-8000-000000000001"`)
		k := w.requested()
		notify := k.accept(present)
		require.Contains(w, value(k.ok, "Contact"), ";gr=urn:uuid")
		require.Contains(w, value(notify, "Contact"), ";gr=urn:uuid")
	}, serving)
}

// Section 4.2.1.1 and RFC 3261 8.2: what cannot be served has an answer that
// says what could be.
func TestSubscribeToUsIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		headers []sip.Header
		status  int
	}{
		"package in another case": {[]sip.Header{h("Event", "Presence"), h("Expires", "60")}, 489},
		"template":                {[]sip.Header{h("Event", "presence.winfo"), h("Expires", "60")}, 489},
		"required extension":      {[]sip.Header{h("Event", "presence"), h("Require", "x-unknown")}, 420},
		"negative":                {[]sip.Header{h("Event", "presence"), h("Expires", "-1")}, 400},
		"short":                   {[]sip.Header{h("Event", "presence"), h("Expires", "1")}, 423},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				w.Send(w.NewRequest("SUBSCRIBE", "sip:1001@example.com", c.headers...))
				res := w.ExpectResponse(w.T, c.status)
				switch c.status {
				case 489:
					require.NotEmpty(w, value(res, "Allow-Events"))
				case 420:
					require.Equal(w, "x-unknown", value(res, "Unsupported"))
				case 423:
					n, err := strconv.Atoi(value(res, "Min-Expires"))
					require.NoError(w, err)
					require.LessOrEqual(w, n, 3600)
				}
				require.Zero(w, count[sipua.IncomingSubscription](w))
			}, serving)
		})
	}
	play(t, func(w *world) { // inside a dialog that is not there
		w.connect()
		w.Send(w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence"), h("To", "<sip:1001@example.com>;tag=gone")))
		w.ExpectResponse(w.T, 481)
	}, serving)
	play(t, func(w *world) { // a refresh with another id: no second usage (section 4.5.2)
		k := w.active()
		k.again("600", h("Event", "presence;id=2"))
		res, err := sip.ParseMessage(w.ExpectMessage(w.T))
		require.NoError(w, err)
		require.GreaterOrEqual(w, res.(*sip.Response).StatusCode, 400)
		require.Equal(w, sipua.SubscriptionActive, k.n.State())
	}, serving)
}

// The subscriptions of several ids and packages live side by side.
func TestNotifierSideBySide(t *testing.T) {
	play(t, func(w *world) {
		a, b, c := w.requested(h("Event", "presence;id=1")), w.requested(h("Event", "presence;id=2")), w.requested(h("Event", "x-private"))
		a.accept(present)
		b.accept(present)
		c.accept(sipua.NotifierOptions{ContentType: "text/plain", Body: []byte("x")})
		b.again("0")
		w.ExpectResponse(w.T, 200)
		w.Respond(b.next(), 200, "OK")
		for _, k := range []*served{a, c} {
			done := begin(func() error { return k.n.Notify(w.Context(), "", nil) })
			w.Respond(k.next(), 200, "OK")
			require.NoError(w, done())
		}
	}, serving)
}

// Section 4.2.2: what is asked of us at each stage has an answer.
func TestNotifierVerbsAtEachStage(t *testing.T) {
	play(t, func(w *world) { // asked
		k := w.requested()
		require.ErrorIs(w, k.n.Notify(w.Context(), "", nil), sipua.ErrInvalidState)
		require.ErrorIs(w, k.n.Activate(w.Context(), "", nil), sipua.ErrInvalidState)
		require.NoError(w, k.n.Reject(w.Context(), 603))
		w.ExpectResponse(w.T, 603)
		require.Equal(w, 1, count[sipua.NotifierEnded](w))
	}, serving)
	play(t, func(w *world) { // over
		k := w.active()
		done := begin(func() error { return k.n.Terminate(w.Context(), "noresource", 0) })
		w.Respond(k.next(), 200, "OK")
		require.NoError(w, done())
		require.NoError(w, k.n.Terminate(w.Context(), "noresource", 0))
		for _, err := range []error{k.n.Notify(w.Context(), "", nil), k.n.Activate(w.Context(), "", nil), k.n.Accept(w.Context(), present), k.n.Reject(w.Context(), 403)} {
			require.ErrorIs(w, err, sipua.ErrInvalidState)
		}
		w.ExpectNothing(w.T, time.Hour)
	}, serving)
	play(t, func(w *world) { // retry-after goes with those reasons that know it
		for _, reason := range []string{"deactivated", "probation", "rejected", "timeout", "giveup", "noresource", "invariant"} {
			k := w.active()
			done := begin(func() error { return k.n.Terminate(w.Context(), reason, 90*time.Second) })
			req := k.next()
			state, params := substate(req)
			require.Equal(w, "terminated "+reason, state+" "+params["reason"])
			if reason == "probation" || reason == "giveup" {
				require.Equal(w, "90", params["retry-after"])
			}
			require.Empty(w, params["expires"], "section 8.2.3")
			w.Respond(req, 200, "OK")
			require.NoError(w, done())
		}
	}, serving)
}

// What is queued goes out in its order, one at a time, and the last word is the
// last.
func TestNotifierQueue(t *testing.T) {
	play(t, func(w *world) {
		k := w.active()
		var all []func() error
		for i := range 5 {
			all = append(all, begin(func() error { return k.n.Notify(w.Context(), pidf, fmt.Append(nil, i)) }))
			synctest.Wait()
		}
		end := begin(func() error { return k.n.Terminate(w.Context(), "noresource", 0) })
		synctest.Wait()
		for i, done := range all {
			req := k.next()
			require.Equal(w, fmt.Sprint(i), string(req.Body()))
			w.ExpectNothing(w.T, time.Second)
			w.Respond(req, 200, "OK")
			require.NoError(w, done())
		}
		req := k.next()
		state, _ := substate(req)
		require.Equal(w, "terminated", state)
		w.Respond(req, 200, "OK")
		require.NoError(w, end())
	}, serving)
	play(t, func(w *world) { // the subscriber is gone in the middle: all of them come back
		k := w.active()
		var all []func() error
		for range 5 {
			all = append(all, begin(func() error { return k.n.Notify(w.Context(), "", nil) }))
			synctest.Wait()
		}
		end := begin(func() error { return k.n.Terminate(w.Context(), "noresource", 0) })
		synctest.Wait()
		w.Respond(k.next(), 481, "Gone")
		for _, done := range all {
			typed(w, done(), sipua.CodeRejected, 481)
		}
		_ = end()
		w.ExpectNothing(w.T, time.Hour)
	}, serving)
	play(t, func(w *world) { // it expires in the middle
		k := w.active()
		w.down()
		one := begin(func() error { return k.n.Notify(w.Context(), "", nil) })
		synctest.Wait()
		time.Sleep(11 * time.Minute)
		require.Error(w, one())
		require.Equal(w, 1, count[sipua.NotifierEnded](w))
		require.Equal(w, sipua.SubscriptionTerminated, k.n.State())
	}, serving)
}

// The flow is lost at each stage.
func TestNotifierFlowIsLost(t *testing.T) {
	play(t, func(w *world) { // accepted, the first NOTIFY is under way
		k := w.requested()
		done := begin(func() error { return k.n.Accept(w.Context(), present) })
		k.ok = w.ExpectResponse(w.T, 200)
		k.next()
		w.Drop(1006, "")
		req := k.next()
		require.Equal(w, "<open/>", string(req.Body()))
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
	}, serving)
	play(t, func(w *world) { // the last one is under way
		k := w.active()
		done := begin(func() error { return k.n.Terminate(w.Context(), "noresource", 0) })
		k.next()
		w.down()
		begun := time.Now()
		_ = done()
		require.LessOrEqual(w, time.Since(begun), 2*time.Minute)
		require.Equal(w, 1, count[sipua.NotifierEnded](w))
		require.False(w, w.ua.WantsFlow())
	}, serving)
	play(t, func(w *world) { // the context ends: the notification goes on
		k := w.active()
		w.down()
		ctx, cancel := contextFor(w, 10*time.Second)
		defer cancel()
		require.ErrorIs(w, k.n.Notify(ctx, pidf, []byte("<late/>")), sipua.ErrTimeout)
		w.OnDial(nil)
		w.Timeout = time.Minute
		require.Equal(w, "<late/>", string(k.next().Body()))
	}, serving)
}

// RFC 3261 section 22: a NOTIFY that is challenged is sent again, higher.
func TestNotifyIsChallenged(t *testing.T) {
	for status, name := range map[int]string{401: "WWW-Authenticate", 407: "Proxy-Authenticate"} {
		play(t, func(w *world) {
			k := w.active()
			done := begin(func() error { return k.n.Notify(w.Context(), pidf, []byte("<x/>")) })
			req := k.next()
			w.Respond(req, status, "Who", h(name, `Digest realm="example.com", nonce="n", qop="auth", algorithm=MD5`))
			again := k.next()
			checkDigest(w.T, again, strings.Replace(strings.Replace(name, "WWW-", "", 1), "Authenticate", "Authorization", 1), "1001", "secret")
			require.Equal(w, req.CSeq().SeqNo+1, again.CSeq().SeqNo)
			require.Equal(w, "<x/>", string(again.Body()))
			w.Respond(again, status, "Who", h(name, `Digest realm="example.com", nonce="m", qop="auth", algorithm=MD5`))
			require.ErrorIs(w, done(), sipua.ErrUnauthorized)
		}, serving)
	}
}

// Break-outs in what the application says.
func TestNotifierCannotInject(t *testing.T) {
	play(t, func(w *world) {
		k := w.active()
		for _, evil := range []string{"\r\nX-Evil: 1", "\n", "\r", "\x00", "\r\n\r\nNOTIFY"} {
			require.Error(w, k.n.Notify(w.Context(), "application/pidf+xml"+evil, []byte("x")), "%q", evil)
			require.Error(w, k.n.Notify(w.Context(), "application/pidf+xml;a="+evil, []byte("x")), "%q", evil)
			require.ErrorIs(w, k.n.Terminate(w.Context(), "rejected"+evil, 0), sipua.ErrInvalidArgument)
		}
		require.ErrorIs(w, k.n.Terminate(w.Context(), "rejected;retry-after=1", 0), sipua.ErrInvalidArgument)
		require.Equal(w, sipua.SubscriptionActive, k.n.State())
		w.ladder()
	}, serving)
	play(t, func(w *world) {
		k := w.requested()
		require.Error(w, k.n.Accept(w.Context(), sipua.NotifierOptions{ContentType: "a/b\r\nX: y", Body: []byte("x")}))
		require.Equal(w, sipua.SubscriptionRequested, k.n.State(), "it can still be accepted")
		k.accept(present)
	}, serving)
}

// Strange SUBSCRIBE: hostile text is told as text, a huge filter is bounded.
func TestSubscribeToUsIsHostile(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		req := w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence"), h("Content-Type", "application/simple-filter+xml"),
			h("From", `"<script>" <sip:x%0d%0aEvil:1@peer.invalid>;tag=f`))
		req.SetBody([]byte(strings.Repeat("<a>", 10000)))
		w.Send(req)
		n := last[sipua.IncomingSubscription](w).Subscription
		contentType, body := n.Body()
		require.Equal(w, "application/simple-filter+xml", contentType)
		require.Len(w, body, 30000)
		require.NoError(w, n.Reject(w.Context(), 403))
		w.ExpectResponse(w.T, 403)
	}, serving)
	play(t, func(w *world) { // a flood of subscribers that come and go leaves nothing
		w.connect()
		for range 2500 {
			w.Send(w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence")))
			synctest.Wait()
			n := last[sipua.IncomingSubscription](w).Subscription
			require.NoError(w, n.Reject(w.Context(), 403))
			w.ExpectResponse(w.T, 403)
			w.forget()
		}
		require.False(w, w.ua.WantsFlow())
		w.active()
	}, serving)
}

// Close and Shutdown at each stage.
func TestNotifierCloseAtEachStage(t *testing.T) {
	for name, stage := range map[string]func(w *world) *served{
		"requested": func(w *world) *served { return w.requested() },
		"accepting": func(w *world) *served {
			k := w.requested()
			begin(func() error { return k.n.Accept(w.Context(), present) })
			k.ok = w.ExpectResponse(w.T, 200)
			k.next()
			return k
		},
		"pending": func(w *world) *served { k := w.requested(); k.accept(sipua.NotifierOptions{Pending: true}); return k },
		"active":  func(w *world) *served { return w.active() },
		"queued": func(w *world) *served {
			k := w.active()
			for range 3 {
				begin(func() error { return k.n.Notify(w.Context(), "", nil) })
			}
			k.next()
			return k
		},
		"lost": func(w *world) *served {
			k := w.active()
			w.down()
			begin(func() error { return k.n.Notify(w.Context(), "", nil) })
			synctest.Wait()
			return k
		},
	} {
		for verb, do := range map[string]func(w *world) error{
			"close":    func(w *world) error { return w.ua.Close() },
			"shutdown": func(w *world) error { return w.ua.Shutdown(w.Context()) },
		} {
			t.Run(name+" "+verb, func(t *testing.T) {
				play(t, func(w *world) {
					k := stage(w)
					begun := time.Now()
					_ = do(w) // nobody answers
					require.Less(w, time.Since(begun), 3*time.Minute)
					require.Equal(w, sipua.SubscriptionTerminated, k.n.State())
					require.Equal(w, 1, count[sipua.NotifierEnded](w))
					require.Error(w, k.n.Notify(w.Context(), "", nil))
				}, serving)
			})
		}
	}
}

// contextFor is a context that ends after d.
func contextFor(w *world, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(w.Context(), d)
}
