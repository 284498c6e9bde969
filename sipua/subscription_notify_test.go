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

// RFC 6665 section 4.4.1: of a SUBSCRIBE that forked, the first NOTIFY makes the
// dialog, whatever the 2xx says; other forks are told that there is none.
func TestForkedSubscribe(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe()
		k.Send(k.ok) // of fork A
		b := k.notification("active;expires=600", "<b/>", h("From", "<sip:1002@example.com>;tag=b"), h("Contact", "<sip:b@peer.invalid>"))
		w.Send(b)
		w.ExpectResponse(w.T, 200)
		k.Send(k.notification("active;expires=600", "<a/>"))
		w.ExpectResponse(w.T, 481)
		require.Equal(w, `notified presence "<b/>"`, w.told()[2])
		require.Len(w, w.told(), 3)
		begin(func() error { return k.s.Refresh(w.Context()) })
		req := w.ExpectRequest(w.T, "SUBSCRIBE")
		require.Equal(w, "b", tag(value(req, "To")))
		require.Equal(w, "sip:b@peer.invalid", req.Recipient.String())
		require.EqualValues(w, 2, req.CSeq().SeqNo)
	})
}

// The route set is that of the message that made the dialog (RFC 3261 section
// 12.1), and a NOTIFY refreshes the target (section 12.2.2).
func TestSubscriptionRoutes(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe()
		k.notify("active", "", h("Record-Route", "<sip:p1.example.com;lr>"), h("Record-Route", "<sip:p2.example.com;lr>"))
		k.notify("active", "", h("Contact", "<sip:moved@peer.invalid>"))
		k.Send(k.ok)
		begin(func() error { return k.s.Refresh(w.Context()) })
		req := w.ExpectRequest(w.T, "SUBSCRIBE")
		require.Equal(w, []string{"<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"}, values(req, "Route"))
		require.Equal(w, "sip:moved@peer.invalid", req.Recipient.String())
	})
}

// What is wrong with a NOTIFY has an answer of its own (section 4.1.3).
func TestBadNotify(t *testing.T) {
	for name, c := range map[string]struct {
		state  string
		header sip.Header
		status int
	}{
		"another package":       {"active", h("Event", "dialog"), 489},
		"no package":            {"active", h("Event", ""), 489},
		"another id":            {"active", h("Event", "presence;id=2"), 481},
		"no Subscription-State": {"", h("X", "y"), 400},
		"empty state":           {";expires=3", h("X", "y"), 400},
		"compressed":            {"active", h("Content-Encoding", "gzip"), 415},
		"another tag of ours":   {"active", h("To", "<sip:1001@example.com>;tag=none"), 481},
		"another Call-ID":       {"active", h("Call-ID", "none"), 481},
		"old CSeq":              {"active", h("CSeq", "0 NOTIFY"), 500},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.watching()
				w.forget()
				req := k.notification(c.state, "<x/>")
				if c.header.Name() == "Event" {
					req.RemoveHeader("Event")
				}
				if len(req.GetHeaders(c.header.Name())) > 0 {
					req.ReplaceHeader(c.header)
				} else {
					req.AppendHeader(c.header)
				}
				w.Send(req)
				w.ExpectResponse(w.T, c.status)
				require.Empty(w, w.told())
				k.notify("active;expires=600", "<good/>")
				require.Equal(w, []string{`notified presence "<good/>"`}, w.told())
			})
		})
	}
	play(t, func(w *world) { // the NOTIFY that makes the dialog must say where to go
		k := w.subscribe()
		req := k.notification("active", "")
		req.RemoveHeader("Contact")
		w.Send(req)
		w.ExpectResponse(w.T, 400)
		k.notify("active", "")
	})
}

// A state that we do not know promises the least.
func TestUnknownSubstate(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe()
		k.Send(k.ok)
		k.notify("dormant;expires=600;x=y", "")
		require.Equal(w, sipua.SubscriptionPending, k.s.State())
		k.notify(`ACTIVE ; Expires = 600`, "")
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
	})
}

// Section 4.1.3: who tries again, and when. retry-after counts seconds.
func TestTerminatedReasons(t *testing.T) {
	const never = -1
	for state, want := range map[string]time.Duration{
		"terminated;reason=deactivated":                0,
		"terminated;reason=deactivated;retry-after=90": 0,
		"terminated;reason=timeout":                    0,
		"terminated;reason=probation":                  30 * time.Second,
		"terminated;reason=probation;retry-after=90":   90 * time.Second,
		"terminated;reason=giveup":                     30 * time.Second,
		"terminated;retry-after=45;reason=giveup":      45 * time.Second,
		"terminated;reason=rejected":                   never,
		"terminated;reason=rejected;retry-after=9":     never,
		"terminated;reason=noresource":                 never,
		"terminated;reason=invariant":                  never,
		"terminated":                                   never,
		"terminated;reason=bored":                      never,
		"terminated;reason=bored;retry-after=50":       50 * time.Second,
	} {
		t.Run(state, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.watching()
				w.forget()
				begun := time.Now()
				k.notify(state, "<last/>")
				if want == never {
					end := k.over()
					typed(w, end.Err, sipua.CodeRejected, 0)
					require.Zero(w, end.RetryAfter)
					reason, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(state, "terminated"), ";reason="), ";")
					require.Equal(w, reason, end.Reason)
					require.Equal(w, []string{`notified presence "<last/>"`, "terminated 0s"}, w.told()[:2])
					w.ExpectNothing(w.T, time.Hour)
					return
				}
				w.Timeout = 2 * time.Minute
				k.next(false)
				require.Equal(w, want, time.Since(begun).Round(time.Second))
				require.Equal(w, []string{`notified presence "<last/>"`, "waiting 0s", "trying 0s"}, w.told())
				k.Send(k.ok)
				k.notify("active", "")
				require.Equal(w, sipua.SubscriptionActive, k.s.State())
			})
		})
	}
}

// A notifier that ends the subscription each time is left alone for longer each
// time.
func TestTerminatedLoop(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		begun := time.Now()
		w.Timeout = time.Hour
		for range 12 {
			k.notify("terminated;reason=deactivated", "")
			k.next(false)
			k.Send(k.ok)
			k.notify("active", "")
		}
		require.Greater(w, time.Since(begun), 15*time.Minute)
		time.Sleep(2 * time.Minute) // one that lasts is trusted again
		begun = time.Now()
		k.notify("terminated;reason=deactivated", "")
		k.next(false)
		require.Zero(w, time.Since(begun))
	})
}

// The first attempts after the end of a dialog may fail as well; a server that
// restarts is waited for, one that refuses is not.
func TestResubscribeFails(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		w.Timeout = time.Hour
		k.notify("terminated;reason=deactivated", "")
		w.Respond(k.next(false), 503, "Restarting", h("Retry-After", "120"))
		begun := time.Now()
		k.next(false)
		require.Equal(w, 120*time.Second, time.Since(begun))
		time.Sleep(33 * time.Second) // no answer
		k.next(false)
		w.Respond(k.req, 403, "Forbidden")
		typed(w, k.over().Err, sipua.CodeRejected, 403)
	})
	play(t, func(w *world) { // not for ever
		k := w.watching()
		w.Timeout = time.Hour
		k.notify("terminated;reason=deactivated", "")
		for range 40 {
			if k.s.State() == sipua.SubscriptionTerminated {
				break
			}
			w.Respond(k.next(false), 500, "No")
			synctest.Wait()
		}
		typed(w, k.over().Err, sipua.CodeRejected, 500)
	})
	play(t, func(w *world) { // a flow that comes back does not shorten the wait
		k := w.watching()
		k.notify("terminated;reason=giveup;retry-after=3600", "")
		w.Drop(1006, "")
		synctest.Wait()
		w.ExpectNothing(w.T, 59*time.Minute)
		k.next(false)
	})
	play(t, func(w *world) { // the answer of a dialog that is over does not count
		k := w.watching()
		done := begin(func() error { return k.s.Refresh(w.Context()) })
		old := k.next(true)
		k.notify("terminated;reason=deactivated", "")
		typed(w, done(), sipua.CodeRejected, 0)
		k.next(false)
		w.Respond(old, 403, "Forbidden")
		k.Send(k.ok)
		k.notify("active", "")
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
	})
	play(t, func(w *world) { // Refresh does not wait
		k := w.watching()
		k.notify("terminated;reason=giveup;retry-after=3600", "")
		done := begin(func() error { return k.s.Refresh(w.Context()) })
		k.next(false)
		k.Send(k.ok)
		require.NoError(w, done())
		done = begin(func() error { return k.s.Unsubscribe(w.Context()) })
		w.Respond(k.next(true), 481, "Gone")
		require.NoError(w, done())
	})
	play(t, func(w *world) { // nor does Unsubscribe
		k := w.watching()
		k.notify("terminated;reason=giveup;retry-after=3600", "")
		require.NoError(w, k.s.Unsubscribe(w.Context()))
		w.ExpectNothing(w.T, 2*time.Hour)
		require.NoError(w, k.over().Err)
	})
}

// The body comes as a typed value where the package is known; one that cannot be
// read is told, and comes as it is.
func TestNotifiedValue(t *testing.T) {
	mwi := func(o *sipua.SubscribeOptions) { o.Event = "message-summary" }
	play(t, func(w *world) {
		k := w.watching(mwi)
		require.Equal(w, "application/simple-message-summary", value(k.req, "Accept"))
		send := func(contentType, body string) sipua.Notified {
			req := k.notification("active;expires=600", "")
			req.AppendHeader(h("Content-Type", contentType))
			req.SetBody([]byte(body))
			w.Send(req)
			w.ExpectResponse(w.T, 200)
			return last[sipua.Notified](w)
		}
		n := send("Application/Simple-Message-Summary;x=y", "Messages-Waiting: yes\r\n")
		require.IsType(w, sipua.MessageSummary{}, n.Value)
		n = send("application/simple-message-summary", "Nonsense\x00\r\n")
		require.Nil(w, n.Value)
		require.Equal(w, "Nonsense\x00\r\n", string(n.Body))
		require.Equal(w, 1, count[sipua.ProtocolError](w))
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
	})
	play(t, func(w *world) { // the package says how long, RFC 3680 section 4.5
		k := w.subscribe(func(o *sipua.SubscribeOptions) { o.Event = "reg" })
		require.Equal(w, "3761", value(k.req, "Expires"))
	})
}

// A NOTIFY that nobody has asked for.
func TestUnsolicitedNotify(t *testing.T) {
	mwi := func(w *world, headers ...sip.Header) *sip.Request {
		req := w.NewRequest("NOTIFY", "sip:1001@example.com", append(headers, h("Content-Type", "application/simple-message-summary"))...)
		req.SetBody([]byte("Messages-Waiting: yes\r\n"))
		return req
	}
	play(t, func(w *world) {
		w.connect()
		w.Send(mwi(w, h("Event", "message-summary"), h("Subscription-State", "active")))
		w.ExpectResponse(w.T, 481)
		require.Zero(w, count[sipua.Notified](w))
	})
	play(t, func(w *world) {
		w.connect()
		w.Send(mwi(w, h("Event", "message-summary")))
		w.ExpectResponse(w.T, 200)
		n := last[sipua.Notified](w)
		require.Nil(w, n.Subscription)
		require.Equal(w, "message-summary", n.Event)
		require.Equal(w, "application/simple-message-summary", n.ContentType)
		require.Equal(w, "Messages-Waiting: yes\r\n", string(n.Body))
		w.Send(mwi(w))
		w.ExpectResponse(w.T, 489)
		w.Send(mwi(w, h("Event", "message-summary"), h("Content-Encoding", "gzip")))
		w.ExpectResponse(w.T, 415)
		w.Send(mwi(w, h("Event", "message-summary"), h("To", "<sip:1001@example.com>;tag=unknown")))
		w.ExpectResponse(w.T, 481) // a dialog that is not there
		require.Equal(w, 1, count[sipua.Notified](w))
	}, func(c *sipua.Config) { c.UnsolicitedNotify = true })
}

// A NOTIFY or SUBSCRIBE in the dialog of a call belongs to no subscription.
func TestNotifyInCall(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		k.request("NOTIFY", h("Event", "presence"), h("Subscription-State", "active"))
		w.ExpectResponse(w.T, 481)
		require.Equal(w, sipua.Established, k.call.State())
		k.bye()
	})
}

// Listeners that do not keep up: what would wait for them is refused for a while.
func TestNotificationsAreBounded(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		proceed := make(chan struct{})
		remove := w.ua.On(func(e sipua.Event) {
			if _, ok := e.(sipua.Notified); ok {
				<-proceed
			}
		})
		refused := 0
		for i := range 1100 {
			w.Send(k.notification("active", fmt.Sprint(i)))
			switch k.response() {
			case 503:
				refused++
			}
		}
		require.InDelta(w, 100, refused, 5)
		remove()
		close(proceed)
		synctest.Wait()
		k.notify("active", "again")
	})
}
