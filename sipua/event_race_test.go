package sipua_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// Verbs and messages of the event framework that cross each other.

// A person who is asked for the password may take for ever: the verbs that end
// things do not wait for that.
func TestEventVerbsWhileAPersonIsAsked(t *testing.T) {
	challenge := h("WWW-Authenticate", `Digest realm="example.com", nonce="n", qop="auth", algorithm=MD5`)
	playAsked(t, func(w *world, calls chan *asked) { // the first SUBSCRIBE
		k := w.subscribe()
		w.Respond(k.req, 401, "Who", challenge)
		<-calls
		begun := time.Now()
		require.NoError(w, k.s.Unsubscribe(w.Context()))
		require.LessOrEqual(w, time.Since(begun), 64*time.Second)
		require.NoError(w, k.over().Err)
	})
	playAsked(t, func(w *world, calls chan *asked) { // a refresh; the notifier goes on telling meanwhile
		k := w.watching()
		refresh := begin(func() error { return k.s.Refresh(w.Context()) })
		w.Respond(k.next(true), 401, "Who", challenge)
		<-calls
		k.notify("active;expires=500", "<meanwhile/>")
		require.Equal(w, "<meanwhile/>", string(last[sipua.Notified](w).Body))
		begun := time.Now()
		require.NoError(w, k.s.Unsubscribe(w.Context()))
		require.LessOrEqual(w, time.Since(begun), 64*time.Second)
		require.Error(w, refresh())
		k.over()
	})
	playAsked(t, func(w *world, calls chan *asked) { // a PUBLISH
		_, req, done := w.publishing(here)
		w.Respond(req, 401, "Who", challenge)
		<-calls
		require.NoError(w, w.ua.Close())
		require.ErrorIs(w, done(), sipua.ErrClosed)
	})
	playAsked(t, func(w *world, calls chan *asked) { // the answer comes late, to a subscription that is over
		k := w.watching()
		refresh := begin(func() error { return k.s.Refresh(w.Context()) })
		w.Respond(k.next(true), 401, "Who", challenge)
		call := <-calls
		k.notify("terminated;reason=rejected", "")
		require.Error(w, refresh())
		k.over()
		w.forget()
		call.answer <- sipua.Credentials{Password: "secret"}
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Many verbs at once: each comes back, and one SUBSCRIBE is under way at a time.
func TestSubscriptionVerbsAtOnce(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		var all []func() error
		for range 20 {
			all = append(all, begin(func() error { return k.s.Refresh(w.Context()) }))
		}
		req := k.next(true)
		synctest.Wait()
		for range 20 {
			all = append(all, begin(func() error { return k.s.Unsubscribe(w.Context()) }))
		}
		w.ExpectNothing(w.T, time.Second)
		w.Respond(req, 200, "OK", h("Contact", peerContact), h("Expires", "600"))
		end := k.next(true)
		require.Equal(w, "0", value(end, "Expires"))
		w.Respond(end, 200, "OK")
		k.notify("terminated;reason=timeout", "")
		for _, done := range all {
			require.NoError(w, done())
		}
		require.NoError(w, k.over().Err)
		w.ExpectNothing(w.T, time.Hour)
	})
}

// Listeners may call verbs and wait for them.
func TestVerbsInListeners(t *testing.T) {
	play(t, func(w *world) {
		w.ua.On(func(e sipua.Event) {
			if e, ok := e.(sipua.Notified); ok && string(e.Body) == "end" {
				_ = e.Subscription.Unsubscribe(w.Context())
			}
		})
		k := w.watching()
		k.Send(k.notification("active", "end"))
		k.ExpectResponse(w.T, 200)
		req := k.next(true)
		require.Equal(w, "0", value(req, "Expires"))
		w.Respond(req, 200, "OK")
		k.notify("terminated;reason=timeout", "")
		require.NoError(w, k.over().Err)
	})
	play(t, func(w *world) {
		w.ua.On(func(e sipua.Event) {
			if e, ok := e.(sipua.IncomingSubscription); ok {
				_ = e.Subscription.Accept(w.Context(), present)
			}
		})
		w.connect()
		k := &served{world: w, req: w.NewRequest("SUBSCRIBE", "sip:1001@example.com", h("Event", "presence"), h("Expires", "600"))}
		w.Send(k.req)
		w.ExpectResponse(w.T, 200)
		w.Respond(w.ExpectRequest(w.T, "NOTIFY"), 200, "OK")
	}, serving)
}

// The notifier ends it while a refresh is under way; the answer that comes after
// that is nobody's.
func TestNotifierEndsDuringRefresh(t *testing.T) {
	for _, status := range []int{200, 423, 481, 500} {
		play(t, func(w *world) {
			k := w.watching()
			refresh := begin(func() error { return k.s.Refresh(w.Context()) })
			req := k.next(true)
			k.notify("terminated;reason=noresource", "")
			require.Error(w, refresh())
			w.Respond(req, status, "Late", h("Min-Expires", "9000"), h("Contact", peerContact), h("Expires", "600"))
			k.over()
			w.ExpectNothing(w.T, 2*time.Hour)
		})
	}
}

// RFC 3261 section 17.2.2: a SUBSCRIBE that comes again while nobody has decided
// is one subscription; CANCEL does nothing to it (section 9.2).
func TestSubscribeComesAgain(t *testing.T) {
	play(t, func(w *world) {
		k := w.requested()
		w.Send(k.req)
		w.Send(k.req)
		synctest.Wait()
		require.Equal(w, 1, count[sipua.IncomingSubscription](w))
		cancel := sip.NewRequest(sip.CANCEL, k.req.Recipient)
		for _, name := range []string{"Via", "From", "To", "Call-ID", "Max-Forwards"} {
			cancel.AppendHeader(sip.HeaderClone(k.req.GetHeader(name)))
		}
		cancel.AppendHeader(&sip.CSeqHeader{SeqNo: k.req.CSeq().SeqNo, MethodName: sip.CANCEL})
		w.Send(cancel)
		res, err := sip.ParseMessage(w.ExpectMessage(w.T))
		require.NoError(w, err)
		require.Contains(w, []int{200, 481}, res.(*sip.Response).StatusCode)
		require.Equal(w, sipua.SubscriptionRequested, k.n.State())
		k.accept(present)
	}, serving)
}

// Accept, Reject and Terminate at once: one of them is the decision.
func TestNotifierDecidesOnce(t *testing.T) {
	play(t, func(w *world) {
		k := w.requested()
		results := []func() error{
			begin(func() error { return k.n.Reject(w.Context(), 403) }), begin(func() error { return k.n.Reject(w.Context(), 404) }),
			begin(func() error { return k.n.Reject(w.Context(), 480) }),
		}
		good := 0
		for _, done := range results {
			if done() == nil {
				good++
			}
		}
		require.Equal(w, 1, good)
		w.ExpectMessage(w.T)
		w.ExpectNothing(w.T, time.Hour)
		require.Equal(w, 1, count[sipua.NotifierEnded](w))
	}, serving)
}

// A NOTIFY that makes the dialog must say where we can answer: without a Contact
// it is refused, and the subscription goes on waiting.
func TestFirstNotifyWithoutContact(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe()
		req := k.notification("active", "<x/>")
		req.RemoveHeader("Contact")
		k.Send(req)
		k.ExpectResponse(w.T, 400)
		require.Zero(w, count[sipua.Notified](w))
		k.Send(k.ok)
		k.notify("active", "<y/>")
		require.Equal(w, sipua.SubscriptionActive, k.s.State())
	})
}

// Several forks answer the SUBSCRIBE with NOTIFY (RFC 6665 section 4.4.1): one is
// the subscription, the others are told that they are not, each time.
func TestForksOfSubscribe(t *testing.T) {
	play(t, func(w *world) {
		k := w.subscribe()
		k.notify("active;expires=600", "<first/>")
		from := value(k.ok, "To")
		for i := range 5 {
			fork := k.notification("active;expires=600", "<fork/>", h("From", "<sip:1002@example.com>;tag=fork"+itoa(i)), h("Contact", "<sip:fork@fork.invalid>"))
			k.Send(fork)
			k.ExpectResponse(w.T, 481)
		}
		require.NotEmpty(w, from)
		require.Equal(w, 1, count[sipua.Notified](w))
		k.Send(k.ok)
		k.notify("active;expires=600", "<again/>")
		begin(func() error { return k.s.Refresh(w.Context()) })
		k.next(true)
	})
}
