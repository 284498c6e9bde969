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

const peerContact = "<sip:peer@peer.invalid;transport=ws>"

// watch is a subscription of ours, with the notifier in the test's hands.
type watch struct {
	*world
	s   *sipua.Subscription
	req *sip.Request  // the SUBSCRIBE that made the dialog
	ok  *sip.Response // its 200
}

// subscribe begins a subscription to 1002 and takes the SUBSCRIBE.
func (w *world) subscribe(change ...func(*sipua.SubscribeOptions)) *watch {
	w.Helper()
	o := sipua.SubscribeOptions{Event: "presence"}
	for _, f := range change {
		f(&o)
	}
	s, err := w.ua.Subscribe("1002", o)
	require.NoError(w, err)
	k := &watch{world: w, s: s}
	k.req = w.ExpectRequest(w.T, "SUBSCRIBE")
	k.ok = w.NewResponse(k.req, 200, "OK", h("Contact", peerContact), h("Expires", "600"))
	return k
}

// watching plays a subscription up to its first NOTIFY.
func (w *world) watching(change ...func(*sipua.SubscribeOptions)) *watch {
	w.Helper()
	k := w.subscribe(change...)
	k.Send(k.ok)
	k.notify("active;expires=600", "<presence/>")
	require.NoError(w, k.s.Active(w.Context()))
	require.Equal(w, sipua.SubscriptionActive, k.s.State())
	return k
}

// notification makes a NOTIFY in the dialog.
func (k *watch) notification(state, body string, headers ...sip.Header) *sip.Request {
	k.Helper()
	headers = append([]sip.Header{h("Event", value(k.req, "Event"))}, headers...)
	if state != "" {
		headers = append(headers, h("Subscription-State", state))
	}
	req := k.NewInDialogRequest("NOTIFY", k.req, k.ok, headers...)
	if body != "" {
		req.AppendHeader(h("Content-Type", "application/x-state"))
		req.SetBody([]byte(body))
	}
	return req
}

// notify plays a NOTIFY that is taken.
func (k *watch) notify(state, body string, headers ...sip.Header) {
	k.Helper()
	k.Send(k.notification(state, body, headers...))
	k.ExpectResponse(k.T, 200)
	synctest.Wait()
}

// next takes the next SUBSCRIBE, in the same dialog or a new one.
func (k *watch) next(inside bool) *sip.Request {
	k.Helper()
	req := k.ExpectRequest(k.T, "SUBSCRIBE")
	if inside {
		require.Equal(k, value(k.req, "Call-ID"), value(req, "Call-ID"))
		require.Equal(k, tag(value(k.req, "From")), tag(value(req, "From")))
		require.Equal(k, tag(value(k.ok, "To")), tag(value(req, "To")))
		require.Equal(k, "sip:peer@peer.invalid;transport=ws", req.Recipient.String())
		return req
	}
	require.NotEqual(k, value(k.req, "Call-ID"), value(req, "Call-ID"))
	require.NotEqual(k, tag(value(k.req, "From")), tag(value(req, "From")))
	require.Empty(k, tag(value(req, "To")))
	require.Equal(k, "sip:1002@example.com", req.Recipient.String())
	k.req = req
	k.ok = k.NewResponse(req, 200, "OK", h("Contact", peerContact), h("Expires", "600"))
	return req
}

// over demands the end of the subscription.
func (k *watch) over() sipua.SubscriptionEnded {
	k.Helper()
	synctest.Wait()
	require.Equal(k, sipua.SubscriptionTerminated, k.s.State())
	require.Equal(k, 1, count[sipua.SubscriptionEnded](k.world))
	end := last[sipua.SubscriptionEnded](k.world)
	require.Same(k, k.s, end.Subscription)
	told := k.told()
	require.Contains(k, told[len(told)-1], "ended", "the last event")
	return end
}

// told is the story of subscriptions, notifiers and publications.
func (w *world) told() []string {
	synctest.Wait()
	var all []string
	for _, e := range w.recorded() {
		switch e := e.(type) {
		case sipua.Connected, sipua.Disconnected, sipua.Reconnecting, sipua.Registered, sipua.Unregistered:
		case sipua.SubscriptionChanged:
			all = append(all, fmt.Sprint(e.State, " ", e.Expires.Round(time.Second)))
		case sipua.Notified:
			all = append(all, fmt.Sprintf("notified %s %q", e.Event, e.Body))
		case sipua.SubscriptionEnded:
			all = append(all, fmt.Sprintf("ended %q %v %s", e.Reason, e.RetryAfter, code(e.Err)))
		case sipua.NotifierEnded:
			all = append(all, fmt.Sprintf("notifier ended %q %s", e.Reason, code(e.Err)))
		case sipua.PublicationEnded:
			all = append(all, "publication ended "+code(e.Err))
		default:
			all = append(all, tell(e))
		}
	}
	return all
}

// The whole life, word for word: RFC 6665 section 4.1.
func TestSubscribeLadder(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe()
		require.Equal(w, sipua.SubscriptionTrying, k.s.State())
		k.Send(k.ok)
		require.NoError(w, k.s.Active(w.Context()))
		synctest.Wait()
		require.Equal(w, sipua.SubscriptionAccepted, k.s.State())
		k.notify("pending;expires=600", "")
		k.notify("active;expires=599", "<open/>")
		done := begin(func() error { return k.s.Refresh(w.Context()) })
		w.Respond(k.next(true), 200, "OK", h("Contact", peerContact), h("Expires", "600"))
		require.NoError(w, done())
		k.notify("active;expires=600", "<closed/>")
		done = begin(func() error { return k.s.Unsubscribe(w.Context()) })
		req := k.next(true)
		require.Equal(w, "0", value(req, "Expires"))
		w.Respond(req, 200, "OK", h("Contact", peerContact), h("Expires", "0"))
		synctest.Wait()
		require.Equal(w, sipua.SubscriptionEnding, k.s.State())
		k.notify("terminated;reason=timeout", "<closed/>")
		require.NoError(w, done())
		require.NoError(w, k.over().Err)
		require.Equal(w, []string{"accepted 10m0s", "pending 10m0s", `notified presence ""`, "active 10m0s", `notified presence "<open/>"`,
			`notified presence "<closed/>"`, "ending 10m0s", `notified presence "<closed/>"`, "terminated 0s", `ended "" 0s `}, w.told())
		w.golden("subscribe")
	})
}

// RFC 6665 sections 4.1.2.1 and 8.2: what the SUBSCRIBE carries.
func TestSubscribeHeaders(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching(func(o *sipua.SubscribeOptions) {
			o.ID, o.Expires, o.Headers = "7", 90*time.Second+time.Millisecond, []sipua.Header{{Name: "X-Y", Value: "z"}}
			o.ContentType, o.Body = "application/simple-filter+xml", []byte("<filter/>")
		})
		require.Equal(w, "presence;id=7", value(k.req, "Event"))
		require.Equal(w, "application/pidf+xml", value(k.req, "Accept"))
		require.Equal(w, "90", value(k.req, "Expires"))
		require.Equal(w, "z", value(k.req, "X-Y"))
		require.Equal(w, "<filter/>", string(k.req.Body()))
		require.Equal(w, "application/simple-filter+xml", value(k.req, "Content-Type"))
		require.Regexp(w, `^<sip:[a-z2-7]+@[a-z2-7]+\.invalid;transport=ws;ob>$`, value(k.req, "Contact"))
		require.Equal(w, k.s.ID(), k.req.CallID().Value())
		require.Equal(w, "presence", k.s.Event())
		require.Equal(w, "subscription to presence of sip:1002@example.com (active)", k.s.String())
		begin(func() error { return k.s.Refresh(w.Context()) })
		again := k.next(true)
		require.Equal(w, "presence;id=7", value(again, "Event"))
		require.Empty(w, again.Body(), "the filter goes on")
		require.EqualValues(w, 2, again.CSeq().SeqNo)
		require.True(w, w.ua.WantsFlow())
	})
}

func TestSubscribeArguments(t *testing.T) {
	play(t, func(w *world) {
		for name, f := range map[string]func(*sipua.SubscribeOptions){
			"no event":         func(o *sipua.SubscribeOptions) { o.Event = "" },
			"event with space": func(o *sipua.SubscribeOptions) { o.Event = "a b" },
			"event with break": func(o *sipua.SubscribeOptions) { o.Event = "a\r\nX: y" },
			"id":               func(o *sipua.SubscribeOptions) { o.ID = ";" },
			"accept":           func(o *sipua.SubscribeOptions) { o.Accept = []string{"a/b\r\nX: y"} },
			"expires":          func(o *sipua.SubscribeOptions) { o.Expires = -1 },
			"expires too long": func(o *sipua.SubscribeOptions) { o.Expires = 25 * time.Hour },
			"header":           func(o *sipua.SubscribeOptions) { o.Headers = []sipua.Header{{Name: "Event", Value: "x"}} },
			"body, no type":    func(o *sipua.SubscribeOptions) { o.Body = []byte("x") },
			"body too large":   func(o *sipua.SubscribeOptions) { o.ContentType, o.Body = "a/b", make([]byte, 60<<10+1) },
		} {
			o := sipua.SubscribeOptions{Event: "presence"}
			f(&o)
			_, err := w.ua.Subscribe("1002", o)
			require.ErrorIs(w, err, sipua.ErrInvalidArgument, name)
		}
		_, err := w.ua.Subscribe("", sipua.SubscribeOptions{Event: "presence"})
		require.ErrorIs(w, err, sipua.ErrInvalidArgument)
		require.NoError(w, w.ua.Close())
		_, err = w.ua.Subscribe("1002", sipua.SubscribeOptions{Event: "presence"})
		require.ErrorIs(w, err, sipua.ErrClosed)
	})
}

// RFC 6665 section 4.1.2.4: the NOTIFY may come before the 200.
func TestNotifyBefore200(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe()
		k.notify("active;expires=600", "<open/>")
		require.NoError(w, k.s.Active(w.Context()))
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
		k.Send(k.ok)
		synctest.Wait()
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
		require.Equal(w, []string{"active 10m0s", `notified presence "<open/>"`}, w.told())
		begin(func() error { return k.s.Refresh(w.Context()) })
		require.EqualValues(w, 2, k.next(true).CSeq().SeqNo)
		w.golden("subscribe-notify-first")
	})
}

// Sections 4.1.2.1 and 4.1.3: who says how long it lasts. A refresh comes at 50
// to 90 % of that, and 65 s before the end where it can.
func TestSubscriptionLifetime(t *testing.T) {
	for name, c := range map[string]struct {
		expires, state string
		want           time.Duration
	}{
		"as asked":              {"600", "active;expires=600", 600 * time.Second},
		"shorter":               {"300", "active;expires=300", 300 * time.Second},
		"shorter by NOTIFY":     {"600", "active;expires=120", 120 * time.Second},
		"longer":                {"7200", "active", 600 * time.Second},
		"longer by NOTIFY":      {"600", "active;expires=7200", 600 * time.Second},
		"missing":               {"", "active", 600 * time.Second},
		"missing, NOTIFY knows": {"", "active;expires=200", 200 * time.Second},
		"zero":                  {"0", "active", 600 * time.Second},
		"garbage":               {"soon", "active;expires=later", 600 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.subscribe(func(o *sipua.SubscribeOptions) { o.Expires = 600 * time.Second })
				var headers []sip.Header
				if c.expires != "" {
					headers = append(headers, h("Expires", c.expires))
				}
				w.Respond(k.req, 200, "OK", append(headers, h("Contact", peerContact))...)
				k.notify(c.state, "")
				begun := time.Now()
				k.next(true)
				wait := time.Since(begun)
				require.GreaterOrEqual(w, wait, c.want/2)
				latest := c.want * 9 / 10
				if early := c.want - 65*time.Second; early >= c.want/2 {
					latest = min(latest, early)
				}
				require.LessOrEqual(w, wait, latest)
			})
		})
	}
}

// A notifier that tells often does not put the refresh off.
func TestManyNotifiesOneRefresh(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		begun := time.Now()
		left := 600
		for time.Since(begun) < 9*time.Minute {
			time.Sleep(time.Second)
			left--
			synctest.Wait()
			if n := len(w.Ladder().Entries()); n > 0 && w.Ladder().Entries()[n-1].Text[:9] == "SUBSCRIBE" {
				break
			}
			k.Send(k.notification(fmt.Sprintf("active;expires=%d", left), ""))
			synctest.Wait()
			if k.response() != 200 {
				break
			}
		}
		require.Less(w, time.Since(begun), 536*time.Second, "65 s before the end")
	})
}

// response is the status of the next message, 0 when it is a request.
func (k *watch) response() int {
	k.Helper()
	msg, err := sip.ParseMessage(k.ExpectMessage(k.T))
	require.NoError(k, err)
	if res, ok := msg.(*sip.Response); ok {
		return res.StatusCode
	}
	return 0
}

// The old style: RFC 3265's 202.
func TestSubscribe202(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe()
		w.Respond(k.req, 202, "Accepted", h("Contact", peerContact), h("Expires", "600"))
		require.NoError(w, k.s.Active(w.Context()))
		k.notify("pending", "")
		require.Equal(w, sipua.SubscriptionPending, k.s.State())
	})
}

func TestSubscribe401(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe()
		w.Respond(k.req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="example.com", nonce="n", qop="auth"`))
		req := w.ExpectRequest(w.T, "SUBSCRIBE")
		require.NotEmpty(w, value(req, "Authorization"))
		require.Equal(w, "2 SUBSCRIBE", value(req, "CSeq"))
		w.Send(w.NewResponse(req, 200, "OK", h("Contact", peerContact), h("Expires", "600")))
		k.notify("active", "")
		begin(func() error { return k.s.Refresh(w.Context()) })
		require.Equal(w, "3 SUBSCRIBE", value(k.next(true), "CSeq"))
	})
}

// A first SUBSCRIBE that fails is over, with what the other side says.
func TestSubscribeRefused(t *testing.T) {
	for _, status := range []int{403, 404, 408, 480, 481, 489, 500, 503, 603} {
		t.Run(itoa(status), func(t *testing.T) {
			play(t, func(w *world) {
				k := w.subscribe()
				w.Respond(k.req, status, "No", h("Retry-After", "17"))
				typed(w, k.s.Active(w.Context()), sipua.CodeRejected, status)
				end := k.over()
				typed(w, end.Err, sipua.CodeRejected, status)
				require.Equal(w, 17*time.Second, end.RetryAfter)
				require.False(w, w.ua.WantsFlow())
				w.ExpectNothing(w.T, 10*time.Minute)
			})
		})
	}
}

func TestSubscribeUnreachable(t *testing.T) {
	play(t, func(w *world) {
		w.Refuse(errors.New("no route"), errors.New("no route"), errors.New("no route"))
		s, err := w.ua.Subscribe("1002", sipua.SubscribeOptions{Event: "presence"})
		require.NoError(w, err)
		ctx, cancel := context.WithTimeout(w.Context(), time.Hour)
		defer cancel()
		require.ErrorIs(w, s.Active(ctx), sipua.ErrConnectionFailed)
		(&watch{world: w, s: s}).over()
	})
}

// Section 4.1.2.1: 423 names the least; one that raises it each time does not
// keep us for ever.
func TestSubscribe423(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe(func(o *sipua.SubscribeOptions) { o.Expires = time.Minute })
		w.Respond(k.req, 423, "Interval Too Brief", h("Min-Expires", "600"))
		req := w.ExpectRequest(w.T, "SUBSCRIBE")
		require.Equal(w, "600", value(req, "Expires"))
		require.Equal(w, "2 SUBSCRIBE", value(req, "CSeq"))
		w.Respond(req, 423, "Interval Too Brief", h("Min-Expires", "900"))
		req = w.ExpectRequest(w.T, "SUBSCRIBE")
		w.Respond(req, 423, "Interval Too Brief", h("Min-Expires", "1200"))
		typed(w, k.s.Active(w.Context()), sipua.CodeRejected, 423)
		k.over()
	})
	for _, least := range []string{"", "60", "soon", "4294967295"} {
		play(t, func(w *world) {
			k := w.subscribe(func(o *sipua.SubscribeOptions) { o.Expires = time.Minute })
			w.Respond(k.req, 423, "Interval Too Brief", h("Min-Expires", least))
			typed(w, k.s.Active(w.Context()), sipua.CodeRejected, 423)
		})
	}
}

// Section 4.1.2.4, Timer N: a subscription without a NOTIFY has failed.
func TestTimerN(t *testing.T) {
	play(t, func(w *world) {
		begun := time.Now()
		k := w.subscribe()
		k.Send(k.ok)
		require.NoError(w, k.s.Active(w.Context()))
		w.ExpectNothing(w.T, time.Minute)
		typed(w, k.over().Err, sipua.CodeTimeout, 0)
		require.Less(w, time.Since(begun), 2*time.Minute)
	})
	play(t, func(w *world) { // it begins anew with the request that follows a challenge
		k := w.subscribe()
		time.Sleep(20 * time.Second)
		w.Respond(k.req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="example.com", nonce="n", qop="auth"`))
		w.Send(w.NewResponse(w.ExpectRequest(w.T, "SUBSCRIBE"), 200, "OK", h("Contact", peerContact)))
		time.Sleep(30 * time.Second)
		k.notify("active", "")
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
	})
	play(t, func(w *world) { // no answer either: Timer F
		k := w.subscribe()
		begun := time.Now()
		typed(w, k.s.Active(w.Context()), sipua.CodeTimeout, 408)
		require.Equal(w, 32*time.Second, time.Since(begun))
		k.over()
	})
}

// A refresh that brings no NOTIFY is followed by a new dialog, which must.
func TestRefreshWithoutNotify(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		done := begin(func() error { return k.s.Refresh(w.Context()) })
		w.Respond(k.next(true), 200, "OK", h("Contact", peerContact), h("Expires", "600"))
		require.NoError(w, done())
		w.Timeout = 33 * time.Second
		k.next(false)
		k.Send(k.ok)
		w.ExpectNothing(w.T, 33*time.Second)
		typed(w, k.over().Err, sipua.CodeTimeout, 0)
	})
}

// What becomes of a subscription whose refresh fails: section 4.1.2.2.
func TestSubscriptionRefreshFails(t *testing.T) {
	refresh := func(w *world, status int, headers ...sip.Header) (*watch, error) {
		k := w.watching()
		done := begin(func() error { return k.s.Refresh(w.Context()) })
		w.Respond(k.next(true), status, "No", headers...)
		if status == 481 || status == 408 {
			k.next(false) // who waits for the refresh gets the answer to this one
			k.Send(k.ok)
		}
		return k, done()
	}
	for _, status := range []int{404, 405, 410, 416, 482, 485, 489, 501, 604, 403} {
		play(t, func(w *world) {
			k, err := refresh(w, status)
			typed(w, err, sipua.CodeRejected, status)
			typed(w, k.over().Err, sipua.CodeRejected, status)
		})
	}
	for _, status := range []int{400, 486, 500, 503, 600} { // it holds until it runs out
		play(t, func(w *world) {
			k, err := refresh(w, status, h("Retry-After", "400"))
			typed(w, err, sipua.CodeRejected, status)
			require.Equal(w, sipua.SubscriptionActive, k.s.State())
			begun := time.Now()
			w.Respond(k.next(true), 200, "OK", h("Contact", peerContact), h("Expires", "600"))
			require.Equal(w, 400*time.Second, time.Since(begun))
			k.notify("active;expires=600", "")
			require.Equal(w, sipua.SubscriptionActive, k.s.State())
		})
	}
	for _, status := range []int{481, 408} { // section 4.4.1 with RFC 3261 12.2.1.2: a new dialog
		play(t, func(w *world) {
			k, err := refresh(w, status)
			require.NoError(w, err)
			k.notify("active;expires=600", "")
			require.Equal(w, sipua.SubscriptionActive, k.s.State())
			require.NotEqual(w, k.s.ID(), k.req.CallID().Value())
		})
	}
	play(t, func(w *world) { // no refresh succeeds, and no new dialog either
		k := w.watching()
		w.Timeout = time.Hour
		for k.s.State() != sipua.SubscriptionTerminated {
			req, err := sip.ParseMessage(k.ExpectMessage(w.T))
			require.NoError(w, err)
			w.Respond(req.(*sip.Request), 500, "No")
			synctest.Wait()
		}
		typed(w, k.over().Err, sipua.CodeRejected, 500)
		require.Less(w, len(w.Ladder().Entries()), 100, "not too often")
	})
}

// A lifetime too short for a refresh to fail in: it is made anew.
func TestSubscriptionRunsOut(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe()
		w.Respond(k.req, 200, "OK", h("Contact", peerContact), h("Expires", "20"))
		k.notify("active;expires=20", "")
		k.Timeout = 18 * time.Second
		k.next(true)
		k.next(false)
		k.Send(k.ok)
		k.notify("active;expires=600", "")
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
		require.Zero(w, count[sipua.SubscriptionEnded](w))
	})
}

// What was due while the device slept is done when it wakes, and nothing is lost.
func TestSleepingDevice(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		k := w.watching()
		w.forget()
		w.AnswerOptions(true)
		w.ua.Slept(9 * time.Minute) // both are due
		w.ua.NetworkChanged(sipua.NetworkOnline)
		var methods []string
		for range 2 {
			req, err := sip.ParseMessage(w.ExpectMessage(w.T))
			require.NoError(w, err)
			methods = append(methods, string(req.(*sip.Request).Method))
			w.Respond(req.(*sip.Request), 200, "OK", h("Contact", peerContact), h("Expires", "600"))
		}
		require.ElementsMatch(w, []string{"REGISTER", "SUBSCRIBE"}, methods)
		k.notify("active;expires=600", "")
		require.Equal(w, 1, count[sipua.Registered](w))
		require.Zero(w, count[sipua.Unregistered](w))
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
		w.ExpectNothing(w.T, time.Minute)
	})
	play(t, func(w *world) { // for longer than either lasts
		w.register()
		k := w.watching()
		w.forget()
		w.AnswerOptions(true)
		w.ua.Slept(time.Hour)
		w.ua.NetworkChanged(sipua.NetworkOnline)
		w.Timeout = time.Second
		for range 3 { // the refresh of what is over comes first
			req, err := sip.ParseMessage(w.ExpectMessage(w.T))
			require.NoError(w, err)
			k.req = req.(*sip.Request)
			if k.req.Method == "REGISTER" {
				w.Respond(k.req, 200, "OK", k.req.Contact())
			}
		}
		require.Empty(w, tag(value(k.req, "To")), "a new dialog")
		w.Respond(k.req, 200, "OK", h("Contact", peerContact), h("Expires", "600"))
		synctest.Wait()
		require.Contains(w, w.story(), "unregistered timeout")
		require.Equal(w, 1, count[sipua.Registered](w))
		require.Zero(w, count[sipua.SubscriptionEnded](w))
	})
}

// A refresh joins the one under way.
func TestRefreshJoins(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		one := begin(func() error { return k.s.Refresh(w.Context()) })
		req := k.next(true)
		two := begin(func() error { return k.s.Refresh(w.Context()) })
		w.ExpectNothing(w.T, time.Second)
		w.Respond(req, 200, "OK", h("Expires", "600"))
		require.NoError(w, one())
		require.NoError(w, two())
	})
}

func TestUnsubscribe(t *testing.T) {
	play(t, func(w *world) { // no last NOTIFY: Timer N
		k := w.watching()
		done := begin(func() error { return k.s.Unsubscribe(w.Context()) })
		req := k.next(true)
		begun := time.Now()
		w.Respond(req, 200, "OK")
		k.notify("active;expires=300", "") // crossed the SUBSCRIBE
		require.Equal(w, sipua.SubscriptionEnding, k.s.State())
		require.NoError(w, done())
		require.Equal(w, 32*time.Second, time.Since(begun))
		require.NoError(w, k.over().Err)
		require.NoError(w, k.s.Unsubscribe(w.Context()), "twice")
		require.ErrorIs(w, k.s.Refresh(w.Context()), sipua.ErrInvalidState)
		k.Send(k.notification("active", ""))
		k.ExpectResponse(w.T, 481)
	})
	for _, status := range []int{481, 403, 500} {
		play(t, func(w *world) {
			k := w.watching()
			done := begin(func() error { return k.s.Unsubscribe(w.Context()) })
			w.Respond(k.next(true), status, "No")
			require.NoError(w, done())
			require.NoError(w, k.over().Err)
		})
	}
	play(t, func(w *world) { // before the 200
		k := w.subscribe()
		done := begin(func() error { return k.s.Unsubscribe(w.Context()) })
		w.ExpectNothing(w.T, time.Second)
		k.Send(k.ok)
		require.Equal(w, "0", value(k.next(true), "Expires"))
		k.notify("terminated", "")
		require.NoError(w, done())
		typed(w, k.s.Active(w.Context()), sipua.CodeCanceled, 0)
	})
	play(t, func(w *world) { // while a refresh is under way: one SUBSCRIBE at a time
		k := w.watching()
		refresh := begin(func() error { return k.s.Refresh(w.Context()) })
		req := k.next(true)
		done := begin(func() error { return k.s.Unsubscribe(w.Context()) })
		w.ExpectNothing(w.T, time.Second)
		w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="example.com", nonce="n", qop="auth"`))
		w.Respond(k.next(true), 200, "OK")
		require.NoError(w, refresh())
		req = k.next(true)
		require.Equal(w, "0", value(req, "Expires"))
		w.Respond(req, 200, "OK")
		k.notify("terminated", "")
		require.NoError(w, done())
	})
	play(t, func(w *world) { // before the connection is there
		w.OnDial(func(ctx context.Context, _ string) error { time.Sleep(time.Second); return nil })
		s, err := w.ua.Subscribe("1002", sipua.SubscribeOptions{Event: "presence"})
		require.NoError(w, err)
		require.NoError(w, s.Unsubscribe(w.Context()))
		w.ExpectNothing(w.T, time.Minute)
		(&watch{world: w, s: s}).over()
	})
}

// The limit.
func TestSubscriptionLimit(t *testing.T) {
	play(t, func(w *world) {
		for range 1000 {
			_, err := w.ua.Subscribe("1002", sipua.SubscribeOptions{Event: "presence"})
			require.NoError(w, err)
			w.ExpectRequest(w.T, "SUBSCRIBE")
		}
		s, err := w.ua.Subscribe("1002", sipua.SubscribeOptions{Event: "presence"})
		require.NoError(w, err)
		require.ErrorIs(w, s.Active(w.Context()), sipua.ErrInvalidState)
	})
}

// After a loss the subscription is refreshed in its dialog; when the other side
// has forgotten that, in a new one.
func TestSubscriptionRecovers(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		w.Drop(1006, "")
		synctest.Wait()
		require.Equal(w, sipua.SubscriptionWaiting, k.s.State())
		require.True(w, w.ua.WantsFlow())
		req := k.next(true)
		require.Contains(w, value(req, "Contact"), ";ob>")
		w.Respond(req, 200, "OK", h("Contact", peerContact), h("Expires", "600"))
		k.notify("active;expires=600", "")
		require.Equal(w, sipua.SubscriptionActive, k.s.State())

		w.Drop(1006, "")
		synctest.Wait()
		w.Respond(k.next(true), 481, "Gone")
		k.next(false)
		k.Send(k.ok)
		k.notify("active;expires=600", "")
		require.Equal(w, sipua.SubscriptionActive, k.s.State())

		w.down() // for longer than it lasts
		time.Sleep(11 * time.Minute)
		w.OnDial(nil)
		k.next(false)
		require.Zero(w, count[sipua.SubscriptionEnded](w))
	})
	play(t, func(w *world) { // a verb does not wait for it
		k := w.watching()
		w.Drop(1006, "")
		synctest.Wait()
		done := begin(func() error { return k.s.Unsubscribe(w.Context()) })
		w.Respond(k.next(true), 200, "OK")
		k.notify("terminated", "")
		require.NoError(w, done())
	})
	play(t, func(w *world) { // with the SUBSCRIBE under way
		k := w.subscribe()
		w.Drop(1006, "")
		synctest.Wait()
		require.Equal(w, sipua.SubscriptionWaiting, k.s.State())
		k.next(false)
		k.Send(k.ok)
		k.notify("active", "")
		require.NoError(w, k.s.Active(w.Context()))
	})
	play(t, func(w *world) { // a NOTIFY that finds us first
		w.register()
		k := w.watching()
		w.Drop(1006, "")
		register := w.ExpectRequest(w.T, "REGISTER")
		k.notify("active;expires=500", "")
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
		w.Respond(register, 200, "OK", contactWith(register, ";expires=7200"))
		w.ExpectNothing(w.T, time.Second)
		w.Timeout = 436 * time.Second
		k.next(true)
	})
	play(t, func(w *world) { // nor does it end because the server is not back yet
		k := w.watching()
		w.down()
		require.ErrorIs(w, k.s.Refresh(w.Context()), sipua.ErrConnectionFailed)
		require.Equal(w, sipua.SubscriptionWaiting, k.s.State())
		w.OnDial(nil)
		k.next(true)
	})
}

// With two flows (RFC 5626) the loss of one is no loss: what it took along is sent
// over the other.
func TestEventsOverTwoFlows(t *testing.T) {
	two := func(c *sipua.Config) {
		c.Flows = 2
		c.Servers = []sipua.Server{{URL: "wss://a.example.com"}, {URL: "wss://b.example.com"}}
	}
	both := func(w *world) {
		done := begin(func() error { return w.ua.Register(w.Context()) })
		for range 2 {
			req := w.ExpectRequest(w.T, "REGISTER")
			w.Of(req).Respond(req, 200, "OK", contactWith(req, ";expires=7200"), h("Require", "outbound"))
		}
		require.NoError(w, done())
		synctest.Wait()
	}
	lose := func(w *world, req *sip.Request) {
		w.Of(req).OnDial(func(context.Context, string) error { return errors.New("down") })
		w.Of(req).Drop(1006, "")
		synctest.Wait()
	}
	play(t, func(w *world) {
		both(w)
		k := w.subscribe()
		lose(w, k.req)
		req := w.ExpectRequest(w.T, "SUBSCRIBE")
		require.Equal(w, value(k.req, "Call-ID"), value(req, "Call-ID"))
		w.Of(req).Send(w.NewResponse(req, 200, "OK", h("Contact", peerContact)))
		w.Of(req).Send(k.notification("active;expires=600", ""))
		w.ExpectResponse(w.T, 200)
		require.NoError(w, k.s.Active(w.Context()))
	}, two)
	play(t, func(w *world) {
		both(w)
		_, req, done := w.publishing(here)
		lose(w, req)
		req = w.ExpectRequest(w.T, "PUBLISH")
		w.Of(req).Respond(req, 200, "OK", h("SIP-ETag", "e1"))
		require.NoError(w, done())
	}, two)
	play(t, func(w *world) {
		both(w)
		k := w.requested()
		done := begin(func() error { return k.n.Accept(w.Context(), present) })
		w.ExpectResponse(w.T, 200)
		req := w.ExpectRequest(w.T, "NOTIFY")
		lose(w, req)
		req = w.ExpectRequest(w.T, "NOTIFY")
		w.Of(req).Respond(req, 200, "OK")
		require.NoError(w, done())
	}, two, serving)
}

func TestSubscriptionClose(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		done := begin(func() error { return k.s.Refresh(w.Context()) })
		k.next(true)
		require.NoError(w, w.ua.Close())
		require.ErrorIs(w, done(), sipua.ErrClosed)
		require.ErrorIs(w, k.over().Err, sipua.ErrClosed)
	})
	play(t, func(w *world) { // Shutdown takes leave
		k := w.watching()
		done := begin(func() error { return w.ua.Shutdown(w.Context()) })
		req := k.next(true)
		require.Equal(w, "0", value(req, "Expires"))
		w.Respond(req, 200, "OK")
		k.notify("terminated;reason=timeout", "")
		require.NoError(w, done())
		require.NoError(w, k.over().Err)
	})
}

// RFC 6665 section 4.4.3: who wants the state once asks with Expires 0.
func TestSubscribeOnce(t *testing.T) {
	once := func(o *sipua.SubscribeOptions) { o.Once = true }
	over := func(w *world, k *watch, notified int) sipua.SubscriptionEnded {
		w.Helper()
		synctest.Wait()
		require.Equal(w, sipua.SubscriptionTerminated, k.s.State())
		require.Equal(w, notified, count[sipua.Notified](w))
		require.Equal(w, 1, count[sipua.SubscriptionEnded](w))
		all := w.recorded()
		_, isLast := all[len(all)-1].(sipua.SubscriptionEnded)
		require.True(w, isLast, "nothing comes after the end")
		w.ExpectNothing(w.T, 2*time.Hour)
		return last[sipua.SubscriptionEnded](w)
	}
	play(t, func(w *world) { // as the RFC has it
		k := w.subscribe(once)
		require.Equal(w, "0", value(k.req, "Expires"))
		k.Send(k.ok)
		require.NoError(w, k.s.Active(w.Context()))
		typed(w, k.s.Refresh(w.Context()), sipua.CodeInvalidState, 0)
		k.notify("terminated;reason=timeout", "<presence/>")
		end := over(w, k, 1)
		require.NoError(w, end.Err)
		require.Equal(w, "timeout", end.Reason)
	})
	play(t, func(w *world) { // the NOTIFY overtakes the 2xx, and gives no reason
		k := w.subscribe(once)
		k.notify("terminated", "<presence/>")
		k.Send(k.ok)
		require.NoError(w, over(w, k, 1).Err)
		require.NoError(w, k.s.Active(w.Context()))
	})
	for _, state := range []string{"active;expires=0", "pending", "active;expires=3600"} {
		play(t, func(w *world) { // a notifier that does not say that it is over
			k := w.subscribe(once)
			k.notify(state, "<presence/>")
			k.Send(k.ok)
			k.notify(state, "<presence/>")
			w.ExpectNothing(w.T, 33*time.Second)
			require.NoError(w, over(w, k, 2).Err)
		})
	}
	play(t, func(w *world) { // there is nothing for us
		k := w.subscribe(once)
		k.Send(k.ok)
		k.notify("terminated;reason=noresource", "")
		require.Error(w, over(w, k, 1).Err)
	})
	play(t, func(w *world) { // no NOTIFY
		k := w.subscribe(once)
		k.Send(k.ok)
		w.ExpectNothing(w.T, 33*time.Second)
		typed(w, over(w, k, 0).Err, sipua.CodeTimeout, 0)
	})
	play(t, func(w *world) { // refused, for now or for good: it is not tried again
		for _, status := range []int{489, 503, 423, 481} {
			w.forget()
			k := w.subscribe(once)
			w.Respond(k.req, status, "No", h("Retry-After", "5"), h("Min-Expires", "600"))
			typed(w, over(w, k, 0).Err, sipua.CodeRejected, status)
		}
	})
	play(t, func(w *world) { // nobody answers
		k := w.subscribe(once)
		w.ExpectNothing(w.T, 33*time.Second)
		require.Error(w, over(w, k, 0).Err)
	})
	play(t, func(w *world) { // given up, before and after the 2xx
		for _, accepted := range []bool{false, true} {
			w.forget()
			k := w.subscribe(once)
			if accepted {
				k.Send(k.ok)
				require.NoError(w, k.s.Active(w.Context()))
			}
			require.NoError(w, k.s.Unsubscribe(w.Context()))
			require.NoError(w, over(w, k, 0).Err)
		}
	})
	play(t, func(w *world) { // the user agent closes meanwhile
		k := w.subscribe(once)
		k.Send(k.ok)
		require.NoError(w, k.s.Active(w.Context()))
		require.NoError(w, w.ua.Close())
		require.Equal(w, sipua.SubscriptionTerminated, k.s.State())
	})
}
