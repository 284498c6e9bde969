package sipua_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// Tests of the subscriber from RFC 6665, written without a look at the code.

// Sections 4.1.2.1, 4.4.1 and 8.2.1: what each SUBSCRIBE must have.
func TestSubscriberRequestIsComplete(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		k := w.watching(func(o *sipua.SubscribeOptions) { o.Event = "dialog" })
		begin(func() error { return k.s.Refresh(w.Context()) })
		for _, req := range []*sip.Request{k.req, k.next(true)} {
			require.Equal(w, []string{"dialog"}, values(req, "Event"), "exactly one package")
			require.Len(w, values(req, "Expires"), 1)
			require.Len(w, values(req, "Contact"), 1)
			require.Equal(w, "application/dialog-info+xml", value(req, "Accept"))
			require.Equal(w, "70", value(req, "Max-Forwards"))
			require.Equal(w, "presence, x-private", value(req, "Allow-Events"), "section 4.4.4")
			require.Equal(w, "0", value(req, "Content-Length"))
		}
	}, serving)
}

// Section 4.4.4: what is served stands in every request and response that may
// begin a dialog.
func TestAllowEventsInDialogRequests(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		require.Equal(w, "presence, x-private", value(k.invite, "Allow-Events"))
		k.bye()
		k = w.incoming()
		require.Equal(w, "presence, x-private", value(k.ok, "Allow-Events"))
		k.bye()
		n := w.requested()
		n.accept(present)
		require.Equal(w, "presence, x-private", value(n.ok, "Allow-Events"))
	}, serving)
	play(t, func(w *world) {
		require.Empty(w, w.outgoing().invite.GetHeaders("Allow-Events"), "nothing is served")
	})
}

// about is an active NOTIFY with this Event.
func (k *watch) about(event, body string) *sip.Request {
	k.Helper()
	req := k.notification("active", body)
	req.ReplaceHeader(h("Event", event))
	return req
}

// Section 8.2.1: the id of a NOTIFY must be that of the SUBSCRIBE; one without
// belongs to a subscription without.
func TestNotifyMatchesTheEventID(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching(func(o *sipua.SubscribeOptions) { o.ID = "7" })
		for _, event := range []string{"presence", "presence;id=8", "presence;id=70", "dialog;id=7", "presence.winfo;id=7"} {
			k.Send(k.about(event, "<x/>"))
			res, err := sip.ParseMessage(k.ExpectMessage(w.T))
			require.NoError(w, err)
			require.Contains(w, []int{481, 489}, res.(*sip.Response).StatusCode, event)
		}
		require.Equal(w, 1, count[sipua.Notified](w))
		k.Send(k.about("presence;x=y;id=7", "<y/>"))
		k.ExpectResponse(w.T, 200)
		require.Equal(w, 2, count[sipua.Notified](w))
	})
	play(t, func(w *world) {
		k := w.watching()
		k.Send(k.about("presence;id=7", "<x/>"))
		k.ExpectResponse(w.T, 481)
	})
}

// Section 8.4: the names of packages are compared with regard to case, the
// state and its parameters are not.
func TestNotifyStateIsReadLeniently(t *testing.T) {
	for _, state := range []string{
		"active", "ACTIVE;expires=60", "active ;expires=60", "active; expires=60;x", `active;x="a;terminated";expires=60`, "active;expires=",
		"active;expires=-1", "active;expires=99999999999999999999", "active;expires=0",
	} {
		play(t, func(w *world) {
			k := w.subscribe()
			k.Send(k.ok)
			k.notify(state, "")
			require.Equal(w, sipua.SubscriptionActive, k.s.State(), state)
			k.notify("active", "still")
			require.Equal(w, "still", string(last[sipua.Notified](w).Body))
		})
	}
}

// Section 4.1.3 and RFC 3261 section 8.2: a NOTIFY that cannot be used is
// refused and changes nothing.
func TestNotifyWithoutWhatItMustHave(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		w.forget()
		k.Send(k.notification("", "<x/>"))
		k.ExpectResponse(w.T, 400) // no Subscription-State
		for _, state := range []string{";expires=4", "act ive", "\x01"} {
			k.Send(k.notification(state, ""))
			k.ExpectResponse(w.T, 400)
		}
		k.Send(k.notification("active", "", h("Require", "x-unknown")))
		require.Equal(w, "x-unknown", value(k.ExpectResponse(w.T, 420), "Unsupported"))
		k.Send(k.notification("active", "<x/>", h("Content-Encoding", "gzip")))
		k.ExpectResponse(w.T, 415)
		k.Send(k.notification("active", "<x/>", h("CSeq", "0 NOTIFY")))
		k.ExpectResponse(w.T, 500) // RFC 3261 section 12.2.2: out of order
		require.Zero(w, count[sipua.Notified](w))
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
		k.notify("active", "<y/>")
	})
}

// Section 4.1.2.4: the NOTIFY is what makes the dialog. A 2xx that comes after
// it with the tag of somebody else changes nothing.
func TestNotifyMakesTheDialog(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe()
		k.notify("active;expires=600", "<open/>", h("Record-Route", "<sip:p.example.com;lr>"))
		other := w.NewResponse(k.req, 200, "OK", h("Contact", "<sip:other@other.invalid>"), h("Expires", "600"), h("To", "<sip:1002@example.com>;tag=other"))
		w.Send(other)
		synctest.Wait()
		begin(func() error { return k.s.Refresh(w.Context()) })
		req := k.next(true)
		require.Equal(w, "<sip:p.example.com;lr>", value(req, "Route"))
	})
	// Section 4.4.1: the 2xx of one fork, the NOTIFY of another: the NOTIFY wins.
	play(t, func(w *world) {
		k := w.subscribe()
		w.Send(w.NewResponse(k.req, 200, "OK", h("Contact", "<sip:other@other.invalid>"), h("Expires", "600"), h("To", "<sip:1002@example.com>;tag=other")))
		require.NoError(w, k.s.Active(w.Context()))
		k.notify("active;expires=600", "<open/>")
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
		begin(func() error { return k.s.Refresh(w.Context()) })
		k.next(true)
	})
	// The NOTIFY that ends the subscription comes before the 2xx.
	play(t, func(w *world) {
		k := w.subscribe()
		k.notify("terminated;reason=noresource", "")
		k.Send(k.ok)
		require.Equal(w, "noresource", k.over().Reason)
		w.ExpectNothing(w.T, time.Hour)
	})
	// The failure of another fork does not end what a NOTIFY has begun.
	play(t, func(w *world) {
		k := w.subscribe()
		k.notify("active;expires=600", "<open/>")
		w.Respond(k.req, 404, "Not Found")
		synctest.Wait()
		state := k.s.State()
		require.Contains(w, []sipua.SubscriptionState{sipua.SubscriptionActive, sipua.SubscriptionTerminated}, state)
		if state == sipua.SubscriptionActive {
			w.Timeout = 10 * time.Minute
			k.next(true)
		}
	})
}

// RFC 3261 section 12.1: the route set is that of the message that made the
// dialog, and 12.2.1.2: later ones change the target alone.
func TestSubscriptionRouteSet(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe()
		k.Send(k.ok)
		k.notify("active;expires=600", "", h("Record-Route", "<sip:a.example.com;lr>"), h("Record-Route", "<sip:b.example.com;lr>"))
		k.notify("active;expires=600", "", h("Record-Route", "<sip:evil.example.net;lr>"), h("Contact", "<sip:moved@peer.invalid>"))
		begin(func() error { return k.s.Refresh(w.Context()) })
		req := w.ExpectRequest(w.T, "SUBSCRIBE")
		require.Equal(w, []string{"<sip:a.example.com;lr>", "<sip:b.example.com;lr>"}, values(req, "Route"))
		require.Equal(w, "sip:moved@peer.invalid", req.Recipient.String())
		w.Respond(req, 200, "OK", h("Contact", "<sip:again@peer.invalid>"), h("Expires", "600"))
		synctest.Wait() // section 3.1: SUBSCRIBE refreshes the target, by its 2xx as well
		begin(func() error { return k.s.Unsubscribe(w.Context()) })
		req = w.ExpectRequest(w.T, "SUBSCRIBE")
		require.Equal(w, "sip:again@peer.invalid", req.Recipient.String())
		require.Len(w, values(req, "Route"), 2)
	})
	play(t, func(w *world) { // the Record-Route of the 2xx is that of a UAC: reversed; until the NOTIFY comes
		k := w.subscribe()
		k.ok = w.Respond(k.req, 200, "OK", h("Contact", peerContact), h("Expires", "600"), h("Record-Route", "<sip:b.example.com;lr>"), h("Record-Route", "<sip:a.example.com;lr>"))
		require.NoError(w, k.s.Active(w.Context()))
		begin(func() error { return k.s.Unsubscribe(w.Context()) })
		require.Equal(w, []string{"<sip:a.example.com;lr>", "<sip:b.example.com;lr>"}, values(k.next(true), "Route"))
	})
}

// Section 4.5.1: the Contact is the GRUU where there is one.
func TestSubscribeContactIsTheGRUU(t *testing.T) {
	play(t, func(w *world) {
		w.registerWith(`;pub-gruu="sip:1001@example.com;gr=urn:uuid:00000000-0000-4000-8000-000000000001"`)
		k := w.subscribe()
		require.Contains(w, value(k.req, "Contact"), ";gr=urn:uuid:00000000-0000-4000-8000-000000000001")
		k.Send(k.ok)
		k.notify("active;expires=600", "")
		begin(func() error { return k.s.Refresh(w.Context()) })
		require.Equal(w, value(k.req, "Contact"), value(k.next(true), "Contact"))
	})
}

// RFC 3608: a new dialog begins over the Service-Route, one that is there does not.
func TestSubscribeTakesTheServiceRoute(t *testing.T) {
	play(t, func(w *world) {
		w.registerWith("", h("Service-Route", "<sip:home.example.com;lr>"))
		k := w.watching()
		require.Equal(w, "<sip:home.example.com;lr>", value(k.req, "Route"))
		begin(func() error { return k.s.Refresh(w.Context()) })
		require.Empty(w, values(k.next(true), "Route"))
	})
}

// Section 4.1.2.2: a subscription is asked for again before it ends, and 4.1.3:
// the notifier's expires may shorten it and never lengthen it.
func TestRefreshComesBeforeTheEnd(t *testing.T) {
	for _, expires := range []int{1, 2, 5, 10, 32, 33, 60, 64, 70, 130, 3600} {
		t.Run(itoa(expires), func(t *testing.T) {
			play(t, func(w *world) {
				w.Timeout = 2 * time.Hour
				k := w.subscribe()
				w.Send(w.NewResponse(k.req, 200, "OK", h("Contact", peerContact), h("Expires", itoa(expires))))
				k.notify(fmt.Sprintf("active;expires=%d", expires), "")
				begun := time.Now()
				for range 5 {
					req := k.next(true)
					require.Less(w, time.Since(begun), time.Duration(expires)*time.Second, "before the end")
					require.GreaterOrEqual(w, time.Since(begun), time.Duration(expires)*time.Second/2, "not in a hurry")
					w.Respond(req, 200, "OK", h("Contact", peerContact), h("Expires", itoa(expires)))
					k.notify(fmt.Sprintf("active;expires=%d", expires), "")
					begun = time.Now()
				}
				require.Equal(w, sipua.SubscriptionActive, k.s.State())
			})
		})
	}
}

// Section 4.1.2.2: 481 to a refresh: a new subscription with new identifiers.
// 489, 405 and 501 end it. RFC 5057 for others; a 423 is met with a longer time.
func TestRefreshIsRefused(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		done := begin(func() error { return k.s.Refresh(w.Context()) })
		w.Respond(k.next(true), 423, "Interval Too Brief", h("Min-Expires", "7200"))
		req := k.next(true)
		require.Equal(w, "7200", value(req, "Expires"))
		w.Respond(req, 200, "OK", h("Contact", peerContact), h("Expires", "7200"))
		require.NoError(w, done())
		k.notify("active;expires=7200", "")
		w.ExpectNothing(w.T, 55*time.Minute)
	})
	for _, status := range []int{480, 430} { // the notifier is away: a new dialog, when it is back
		play(t, func(w *world) {
			k := w.watching()
			w.Timeout = time.Hour
			done := begin(func() error { return k.s.Refresh(w.Context()) })
			w.Respond(k.next(true), status, "Away")
			typed(w, done(), sipua.CodeRejected, status)
			for range 5 {
				w.Respond(k.next(false), 480, "Away")
			}
			begun := time.Now()
			k.next(false)
			require.Greater(w, time.Since(begun), 5*time.Second, "less often each time")
			k.Send(k.ok)
			k.notify("active;expires=600", "")
			require.Equal(w, sipua.SubscriptionActive, k.s.State())
		})
		play(t, func(w *world) { // not for ever
			k := w.watching()
			begun := time.Now()
			w.Timeout = time.Hour
			begin(func() error { return k.s.Refresh(w.Context()) })
			inside := true
			for k.s.State() != sipua.SubscriptionTerminated {
				w.Respond(k.next(inside), status, "Away")
				inside = false
				synctest.Wait()
			}
			typed(w, k.over().Err, sipua.CodeRejected, status)
			require.Less(w, time.Since(begun), 12*time.Hour)
		})
	}
	play(t, func(w *world) { // the new one is refused as well
		k := w.watching()
		done := begin(func() error { return k.s.Refresh(w.Context()) })
		w.Respond(k.next(true), 481, "Gone")
		w.Respond(k.next(false), 489, "Bad Event")
		typed(w, done(), sipua.CodeRejected, 489)
		typed(w, k.over().Err, sipua.CodeRejected, 489)
		w.ExpectNothing(w.T, time.Hour)
	})
	play(t, func(w *world) { // a server that always forgets does not make a storm
		k := w.watching()
		w.Timeout = time.Hour
		begun, n := time.Now(), 0
		for time.Since(begun) < time.Hour && k.s.State() != sipua.SubscriptionTerminated {
			begin(func() error { return k.s.Refresh(w.Context()) })
			req := w.ExpectRequest(w.T, "SUBSCRIBE")
			n++
			if tag(value(req, "To")) != "" {
				w.Respond(req, 481, "Gone")
				synctest.Wait()
				continue
			}
			w.Respond(req, 200, "OK", h("Contact", peerContact), h("Expires", "600"))
			synctest.Wait()
			require.Less(w, n, 2000)
			time.Sleep(10 * time.Second)
		}
	})
}

// RFC 3261 section 22: challenges of both kinds, at each stage, and together.
func TestSubscribeIsChallenged(t *testing.T) {
	digest := func(realm, nonce string) string {
		return fmt.Sprintf(`Digest realm="%s", nonce="%s", qop="auth", algorithm=MD5`, realm, nonce)
	}
	play(t, func(w *world) { // proxy and notifier, then the refresh with a stale nonce, then the end
		k := w.subscribe()
		w.Respond(k.req, 407, "Who", h("Proxy-Authenticate", digest("proxy", "p1")))
		req := w.ExpectRequest(w.T, "SUBSCRIBE")
		checkDigest(w.T, req, "Proxy-Authorization", "1001", "secret")
		w.Respond(req, 401, "Who", h("WWW-Authenticate", digest("example.com", "w1")))
		k.req = w.ExpectRequest(w.T, "SUBSCRIBE")
		checkDigest(w.T, k.req, "Proxy-Authorization", "1001", "secret")
		checkDigest(w.T, k.req, "Authorization", "1001", "secret")
		k.ok = w.Respond(k.req, 200, "OK", h("Contact", peerContact), h("Expires", "600"))
		k.notify("active;expires=600", "")

		done := begin(func() error { return k.s.Refresh(w.Context()) })
		req = k.next(true)
		w.Respond(req, 407, "Stale", h("Proxy-Authenticate", digest("proxy", "p2")+", stale=true"))
		again := k.next(true)
		require.Equal(w, "p2", checkDigest(w.T, again, "Proxy-Authorization", "1001", "secret")["nonce"])
		require.Equal(w, req.CSeq().SeqNo+1, again.CSeq().SeqNo)
		require.NotEqual(w, branch(req), branch(again))
		w.Respond(again, 200, "OK", h("Contact", peerContact), h("Expires", "600"))
		require.NoError(w, done())
		k.notify("active;expires=600", "")

		done = begin(func() error { return k.s.Unsubscribe(w.Context()) })
		req = k.next(true)
		w.Respond(req, 401, "Stale", h("WWW-Authenticate", digest("example.com", "w2")+", stale=true"))
		req = k.next(true)
		require.Equal(w, "0", value(req, "Expires"))
		require.Equal(w, "w2", checkDigest(w.T, req, "Authorization", "1001", "secret")["nonce"])
		w.Respond(req, 200, "OK", h("Expires", "0"))
		k.notify("terminated;reason=timeout", "")
		require.NoError(w, done())
		require.NoError(w, k.over().Err)
	})
	play(t, func(w *world) { // a wrong password
		k := w.subscribe()
		w.Respond(k.req, 401, "Who", h("WWW-Authenticate", digest("example.com", "1")))
		w.Respond(w.ExpectRequest(w.T, "SUBSCRIBE"), 401, "Who", h("WWW-Authenticate", digest("example.com", "2")))
		require.ErrorIs(w, k.s.Active(w.Context()), sipua.ErrUnauthorized)
		require.ErrorIs(w, k.over().Err, sipua.ErrUnauthorized)
		w.ExpectNothing(w.T, time.Hour)
	})
}

// The flow is lost at each stage: nothing hangs, and what was wanted is done.
func TestSubscriptionFlowIsLost(t *testing.T) {
	play(t, func(w *world) { // accepted, before the first NOTIFY
		k := w.subscribe()
		k.Send(k.ok)
		require.NoError(w, k.s.Active(w.Context()))
		w.Drop(1006, "")
		w.Timeout = time.Minute
		req := w.ExpectRequest(w.T, "SUBSCRIBE")
		k.req, k.ok = req, w.Respond(req, 200, "OK", h("Contact", peerContact), h("Expires", "600"))
		k.notify("active;expires=600", "<open/>")
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
	})
	play(t, func(w *world) { // unsubscribing: it ends, and soon
		k := w.watching()
		done := begin(func() error { return k.s.Unsubscribe(w.Context()) })
		k.next(true)
		w.down()
		begun := time.Now()
		require.NoError(w, done())
		require.LessOrEqual(w, time.Since(begun), 64*time.Second)
		require.NoError(w, k.over().Err)
	})
	play(t, func(w *world) { // unsubscribing, the 200 is there, the NOTIFY is not
		k := w.watching()
		done := begin(func() error { return k.s.Unsubscribe(w.Context()) })
		w.Respond(k.next(true), 200, "OK")
		synctest.Wait()
		w.down()
		begun := time.Now()
		require.NoError(w, done())
		require.LessOrEqual(w, time.Since(begun), 64*time.Second)
		k.over()
	})
	play(t, func(w *world) { // Refresh under way: answered by the next flow or told
		k := w.watching()
		done := begin(func() error { return k.s.Refresh(w.Context()) })
		k.next(true)
		w.Drop(1006, "")
		synctest.Wait()
		w.Respond(k.next(true), 200, "OK", h("Contact", peerContact), h("Expires", "600"))
		if err := done(); err != nil {
			require.ErrorIs(w, err, sipua.ErrConnectionLost)
		}
		k.notify("active;expires=600", "")
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
	})
	play(t, func(w *world) { // many losses in a row: one dialog, one SUBSCRIBE each
		k := w.watching()
		for range 20 {
			w.Drop(1006, "")
			synctest.Wait()
			w.Respond(k.next(true), 200, "OK", h("Contact", peerContact), h("Expires", "600"))
			k.notify("active;expires=600", "")
			time.Sleep(time.Minute)
		}
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
		require.Zero(w, count[sipua.SubscriptionEnded](w))
	})
	play(t, func(w *world) { // Unsubscribe while there is no server
		k := w.watching()
		w.down()
		begun := time.Now()
		require.NoError(w, k.s.Unsubscribe(w.Context()))
		require.LessOrEqual(w, time.Since(begun), 2*time.Minute)
		require.NoError(w, k.over().Err)
		require.False(w, w.ua.WantsFlow(), "nobody needs the connection any more")
	})
}

// Section 4.1.2.3: what comes after the end is refused.
func TestNotifyAfterTheEnd(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		k.notify("terminated;reason=rejected", "")
		k.over()
		for _, state := range []string{"active", "terminated;reason=timeout"} {
			k.Send(k.notification(state, ""))
			k.ExpectResponse(w.T, 481)
		}
		require.Equal(w, 2, count[sipua.Notified](w), "one for each that was taken")
	})
	play(t, func(w *world) { // refused with 403: the NOTIFY of a fork comes late
		k := w.subscribe()
		w.Respond(k.req, 403, "Forbidden")
		k.over()
		k.Send(k.notification("active", ""))
		k.ExpectResponse(w.T, 481)
	})
}

// Close and Shutdown at each stage: every verb comes back, and the last event
// is there.
func TestSubscriptionCloseAtEachStage(t *testing.T) {
	stages := map[string]func(w *world) *watch{
		"trying":   func(w *world) *watch { return w.subscribe() },
		"accepted": func(w *world) *watch { k := w.subscribe(); k.Send(k.ok); synctest.Wait(); return k },
		"pending": func(w *world) *watch {
			k := w.subscribe()
			k.Send(k.ok)
			k.notify("pending", "")
			return k
		},
		"active": func(w *world) *watch { return w.watching() },
		"waiting": func(w *world) *watch {
			k := w.watching()
			k.notify("terminated;reason=probation;retry-after=99", "")
			return k
		},
		"ending": func(w *world) *watch {
			k := w.watching()
			begin(func() error { return k.s.Unsubscribe(w.Context()) })
			w.Respond(k.next(true), 200, "OK")
			synctest.Wait()
			return k
		},
		"lost": func(w *world) *watch { k := w.watching(); w.down(); return k },
	}
	for name, stage := range stages {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := stage(w)
				verbs := []func() error{
					begin(func() error { return k.s.Active(w.Context()) }), begin(func() error { return k.s.Refresh(w.Context()) }),
					begin(func() error { return k.s.Unsubscribe(w.Context()) }),
				}
				require.NoError(w, w.ua.Close())
				for _, verb := range verbs {
					_ = verb() // comes back, whatever it says
				}
				k.over()
			})
			play(t, func(w *world) {
				k := stage(w)
				begun := time.Now()
				_ = w.ua.Shutdown(w.Context()) // nobody answers
				require.Less(w, time.Since(begun), 3*time.Minute)
				k.over()
				require.Error(w, k.s.Refresh(w.Context()))
			})
		})
	}
}

// Bodies of the wrong kind, and bombs, through the whole user agent: the NOTIFY
// is answered, the body handed on as it is, and there is no typed value.
func TestNotifyWithHostileBody(t *testing.T) {
	bomb := `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY a "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><presence entity="sip:a@b">&b;</presence>`
	bodies := map[string]string{
		"bomb": bomb, "deep": strings.Repeat("<a>", 20000), "cut": `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b"><tuple`,
		"wrong root": `<html/>`, "not text": "\xff\xfe\x00\x00", "nothing but space": "   ", "attributes": "<presence " + strings.Repeat(`a="b" `, 5000) + "/>",
		"external": `<!DOCTYPE p SYSTEM "file:///etc/passwd"><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="x"/>`,
	}
	types := map[string]string{"presence": "application/pidf+xml", "dialog": "application/dialog-info+xml", "conference": "application/conference-info+xml",
		"reg": "application/reginfo+xml", "message-summary": "application/simple-message-summary"}
	for event, contentType := range types {
		for name, body := range bodies {
			play(t, func(w *world) {
				k := w.watching(func(o *sipua.SubscribeOptions) { o.Event = event })
				w.forget()
				req := k.notification("active", "")
				req.AppendHeader(h("Content-Type", contentType))
				req.SetBody([]byte(body))
				k.Send(req)
				status := 0
				for status == 0 { // a refresh may be asked for besides
					status = k.response()
				}
				if status == 200 {
					n := last[sipua.Notified](w)
					require.Equal(w, body, string(n.Body), name)
					require.Nil(w, n.Value, "%s in %s", name, event)
				}
				require.NotEqual(w, sipua.SubscriptionTerminated, k.s.State())
			})
		}
	}
}

// The media type decides, not the package: a right document under a wrong name
// is not read, and one without a type neither.
func TestNotifyWithAnotherType(t *testing.T) {
	pidf := `<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:1002@example.com"><tuple id="t"><status><basic>open</basic></status></tuple></presence>`
	for contentType, typed := range map[string]bool{
		"application/pidf+xml": true, "Application/PIDF+XML;charset=UTF-8": true, "text/plain": false, "application/xml": false, "multipart/related;boundary=x": false,
		"application/simple-message-summary": false, "garbage": false,
	} {
		play(t, func(w *world) {
			k := w.watching()
			w.forget()
			req := k.notification("active", "")
			req.AppendHeader(h("Content-Type", contentType))
			req.SetBody([]byte(pidf))
			k.Send(req)
			if status := k.response(); status != 200 {
				require.Contains(w, []int{400, 415}, status, contentType)
				require.False(w, typed)
				return
			}
			require.Equal(w, typed, last[sipua.Notified](w).Value != nil, contentType)
		})
	}
}

// A flood of NOTIFY in and beside the dialog: each is answered.
func TestFloodOfNotify(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		for i := range 3000 {
			if i%3 == 0 {
				w.Send(w.NewRequest("NOTIFY", "sip:1001@example.com", h("Event", "presence"), h("Subscription-State", "active"), h("To", "<sip:1001@example.com>;tag=x"+itoa(i))))
				require.Equal(w, 481, k.response())
				continue
			}
			k.Send(k.notification("active;expires=600", fmt.Sprint(i)))
			require.Equal(w, 200, k.response())
		}
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
		k.notify("active;expires=600", "last")
	})
}

// Break-outs in every option of Subscribe end in an error; nothing is sent.
func TestSubscribeOptionsCannotInject(t *testing.T) {
	play(t, func(w *world) {
		for _, evil := range []string{"\r\nX-Evil: 1", "\nX-Evil: 1", "\rX", "\x00", "\r\n\r\nINVITE sip:x SIP/2.0"} {
			for name, f := range map[string]func(o *sipua.SubscribeOptions){
				"event":   func(o *sipua.SubscribeOptions) { o.Event += evil },
				"id":      func(o *sipua.SubscribeOptions) { o.ID = "1" + evil },
				"accept":  func(o *sipua.SubscribeOptions) { o.Accept = []string{"a/b" + evil} },
				"type":    func(o *sipua.SubscribeOptions) { o.ContentType, o.Body = "a/b"+evil, []byte("x") },
				"type 2":  func(o *sipua.SubscribeOptions) { o.ContentType, o.Body = "a/b;c="+evil, []byte("x") },
				"header":  func(o *sipua.SubscribeOptions) { o.Headers = []sipua.Header{{Name: "X-Y", Value: "z" + evil}} },
				"headern": func(o *sipua.SubscribeOptions) { o.Headers = []sipua.Header{{Name: "X-Y" + evil, Value: "z"}} },
			} {
				o := sipua.SubscribeOptions{Event: "presence"}
				f(&o)
				_, err := w.ua.Subscribe("1002", o)
				require.ErrorIs(w, err, sipua.ErrInvalidArgument, "%s %q", name, evil)
			}
			_, err := w.ua.Subscribe("1002"+evil, sipua.SubscribeOptions{Event: "presence"})
			require.ErrorIs(w, err, sipua.ErrInvalidArgument)
		}
		synctest.Wait()
		w.ladder()
	})
	for _, name := range []string{"Event", "o", "Expires", "Accept", "Contact", "m", "Via", "v", "Route", "Content-Length", "l", "Authorization"} {
		play(t, func(w *world) {
			_, err := w.ua.Subscribe("1002", sipua.SubscribeOptions{Event: "presence", Headers: []sipua.Header{{Name: name, Value: "1"}}})
			require.ErrorIs(w, err, sipua.ErrInvalidArgument, name)
		})
	}
}
