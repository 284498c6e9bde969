package sipua_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// published is a publication of ours, with the compositor in the test's hands.
type published struct {
	*world
	p *sipua.Publication
}

var here = sipua.PublishOptions{Event: "presence", ContentType: "application/pidf+xml", Body: []byte("<open/>"), Expires: 10 * time.Minute}

// publishing begins Publish and returns the first PUBLISH.
func (w *world) publishing(o sipua.PublishOptions) (k *published, req *sip.Request, done func() error) {
	w.Helper()
	k = &published{world: w}
	done = begin(func() (err error) { k.p, err = w.ua.Publish(w.Context(), o); return err })
	return k, w.ExpectRequest(w.T, "PUBLISH"), done
}

// publish plays one up to the 200.
func (w *world) publish() *published {
	w.Helper()
	k, req, done := w.publishing(here)
	k.grant(req, "e1")
	require.NoError(w, done())
	return k
}

func (k *published) grant(req *sip.Request, etag string) {
	k.Helper()
	k.Respond(req, 200, "OK", h("SIP-ETag", etag), h("Expires", "600"))
}

// next takes the next PUBLISH and compares what it is about.
func (k *published) next(etag, body, expires string) *sip.Request {
	k.Helper()
	req := k.ExpectRequest(k.T, "PUBLISH")
	require.Equal(k, etag, value(req, "SIP-If-Match"))
	require.Equal(k, body, string(req.Body()))
	require.Equal(k, expires, value(req, "Expires"))
	return req
}

// The whole life, word for word: RFC 3903 section 4.
func TestPublishLadder(t *testing.T) {
	play(t, func(w *world) {
		k, req, done := w.publishing(here)
		require.Equal(w, "sip:1001@example.com", req.Recipient.String())
		require.Equal(w, "<sip:1001@example.com>", value(req, "To"))
		k.grant(req, "e1")
		require.NoError(w, done())
		require.Equal(w, "presence", k.p.Event())
		require.True(w, w.ua.WantsFlow())
		w.Timeout = time.Hour
		begun := time.Now()
		req = k.next("e1", "", "600") // the refresh
		require.GreaterOrEqual(w, time.Since(begun), 300*time.Second)
		require.LessOrEqual(w, time.Since(begun), 535*time.Second)
		k.grant(req, "e2")
		done = begin(func() error { return k.p.Update(w.Context(), "application/pidf+xml", []byte("<closed/>")) })
		k.grant(k.next("e2", "<closed/>", "600"), "e3")
		require.NoError(w, done())
		req = k.next("e3", "", "600") // the server has restarted
		w.Respond(req, 412, "Conditional Request Failed")
		k.grant(k.next("", "<closed/>", "600"), "f1")
		done = begin(func() error { return k.p.Remove(w.Context()) })
		w.Respond(k.next("f1", "", "0"), 200, "OK", h("SIP-ETag", "f1"))
		require.NoError(w, done())
		require.Equal(w, []string{"publication ended "}, w.told())
		require.NoError(w, k.p.Remove(w.Context()), "twice")
		require.ErrorIs(w, k.p.Update(w.Context(), "a/b", []byte("x")), sipua.ErrInvalidState)
		require.False(w, w.ua.WantsFlow())
		w.ExpectNothing(w.T, time.Hour)
		w.golden("publish")
	})
}

func TestPublishArguments(t *testing.T) {
	play(t, func(w *world) {
		for name, f := range map[string]func(*sipua.PublishOptions){
			"no event":     func(o *sipua.PublishOptions) { o.Event = "" },
			"no body":      func(o *sipua.PublishOptions) { o.Body = nil },
			"no type":      func(o *sipua.PublishOptions) { o.ContentType = "" },
			"type breaks":  func(o *sipua.PublishOptions) { o.ContentType = "a/b\r\nX: y" },
			"negative":     func(o *sipua.PublishOptions) { o.Expires = -1 },
			"target":       func(o *sipua.PublishOptions) { o.Target = "@" },
			"body too big": func(o *sipua.PublishOptions) { o.Body = make([]byte, 60<<10+1) },
		} {
			o := here
			f(&o)
			_, err := w.ua.Publish(w.Context(), o)
			require.ErrorIs(w, err, sipua.ErrInvalidArgument, name)
		}
		k := w.publish()
		require.ErrorIs(w, k.p.Update(w.Context(), "a/b", nil), sipua.ErrInvalidArgument)
		require.ErrorIs(w, k.p.Update(w.Context(), "", []byte("x")), sipua.ErrInvalidArgument)
		require.NoError(w, w.ua.Close())
		_, err := w.ua.Publish(w.Context(), here)
		require.ErrorIs(w, err, sipua.ErrClosed)
		require.NoError(w, k.p.Remove(w.Context()))
	})
	play(t, func(w *world) { // of another one
		o := here
		o.Target = "sip:room@conf.example.com"
		_, req, _ := w.publishing(o)
		require.Equal(w, "sip:room@conf.example.com", req.Recipient.String())
	})
}

// A first PUBLISH that fails is told by Publish alone.
func TestPublishRefused(t *testing.T) {
	for _, status := range []int{403, 412, 489, 503} {
		play(t, func(w *world) {
			_, req, done := w.publishing(here)
			w.Respond(req, status, "No", h("Retry-After", "5"))
			typed(w, done(), sipua.CodeRejected, status)
			w.ExpectNothing(w.T, time.Hour)
			require.Empty(w, w.told())
			require.False(w, w.ua.WantsFlow())
		})
	}
	for _, etag := range []string{"", "a b"} { // section 6: there must be one
		play(t, func(w *world) {
			_, req, done := w.publishing(here)
			w.Respond(req, 200, "OK", h("SIP-ETag", etag))
			typed(w, done(), sipua.CodeProtocol, 200)
		})
	}
	play(t, func(w *world) { // nobody waits for it any more: it is taken back
		ctx, cancel := context.WithCancel(w.Context())
		done := begin(func() error { _, err := w.ua.Publish(ctx, here); return err })
		req := w.ExpectRequest(w.T, "PUBLISH")
		cancel()
		typed(w, done(), sipua.CodeCanceled, 0)
		synctest.Wait()
		k := &published{world: w}
		k.grant(req, "e1")
		w.Respond(k.next("e1", "", "0"), 200, "OK")
		synctest.Wait()
		require.False(w, w.ua.WantsFlow())
		require.Empty(w, w.told())
	})
}

// Section 4.2 with 423, and a compositor that raises it each time.
func TestPublish423(t *testing.T) {
	play(t, func(w *world) {
		k, req, done := w.publishing(here)
		w.Respond(req, 423, "Interval Too Brief", h("Min-Expires", "900"))
		req = k.next("", "<open/>", "900")
		w.Respond(req, 200, "OK", h("SIP-ETag", "e1"), h("Expires", "86400")) // longer than asked
		require.NoError(w, done())
		w.Timeout = 900 * time.Second
		k.next("e1", "", "900")
	})
	play(t, func(w *world) {
		k, req, done := w.publishing(here)
		w.Respond(req, 423, "Interval Too Brief", h("Min-Expires", "900"))
		w.Respond(k.next("", "<open/>", "900"), 423, "Interval Too Brief", h("Min-Expires", "1000"))
		w.Respond(k.next("", "<open/>", "1000"), 423, "Interval Too Brief", h("Min-Expires", "1100"))
		typed(w, done(), sipua.CodeRejected, 423)
	})
	play(t, func(w *world) {
		_, req, done := w.publishing(here)
		w.Respond(req, 423, "Interval Too Brief", h("Min-Expires", "1"))
		typed(w, done(), sipua.CodeRejected, 423)
	})
}

// What is told once, such as a report of RFC 6035: one request, no state.
func TestPublishOnce(t *testing.T) {
	report := sipua.PublishOptions{
		Event: "vq-rtcpxr", ContentType: "application/vq-rtcpxr", Body: []byte("VQSessionReport"), Target: "sip:collector@example.com", Once: true,
	}
	play(t, func(w *world) { // accepted without a tag, and nothing follows, whatever lifetime the collector grants
		k, req, done := w.publishing(report)
		w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth"`))
		req = k.next("", "VQSessionReport", "")
		require.Equal(w, "sip:collector@example.com", req.Recipient.String())
		require.Equal(w, "vq-rtcpxr", value(req, "Event"))
		w.Respond(req, 200, "OK", h("Expires", "60"))
		require.NoError(w, done())
		typed(w, k.p.Update(w.Context(), "a/b", []byte("x")), sipua.CodeInvalidState, 0)
		require.NoError(w, k.p.Remove(w.Context()))
		w.ExpectNothing(w.T, time.Hour)
		require.Zero(w, count[sipua.PublicationEnded](w))
	})
	play(t, func(w *world) { // refused, and not tried again
		_, req, done := w.publishing(report)
		w.Respond(req, 423, "Interval Too Brief", h("Min-Expires", "900"))
		typed(w, done(), sipua.CodeRejected, 423)
		w.ExpectNothing(w.T, time.Hour)
	})
	play(t, func(w *world) { // nobody answers
		_, _, done := w.publishing(report)
		typed(w, done(), sipua.CodeTimeout, 408)
		w.ExpectNothing(w.T, time.Hour)
	})
}

func TestPublish401(t *testing.T) {
	play(t, func(w *world) {
		k, req, done := w.publishing(here)
		w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth"`))
		req = k.next("", "<open/>", "600")
		require.NotEmpty(w, value(req, "Authorization"))
		require.Equal(w, "2 PUBLISH", value(req, "CSeq"))
		k.grant(req, "e1")
		require.NoError(w, done())
	})
}

// Section 4: one PUBLISH at a time, each with the tag of the one before.
func TestPublishTurns(t *testing.T) {
	play(t, func(w *world) {
		k := w.publish()
		one := begin(func() error { return k.p.Update(w.Context(), "a/b", []byte("1")) })
		req := k.next("e1", "1", "600")
		two := begin(func() error { return k.p.Update(w.Context(), "a/b", []byte("2")) })
		synctest.Wait()
		three := begin(func() error { return k.p.Remove(w.Context()) })
		synctest.Wait()
		four := begin(func() error { return k.p.Update(w.Context(), "a/b", []byte("4")) })
		five := begin(func() error { return k.p.Remove(w.Context()) })
		w.ExpectNothing(w.T, time.Second)
		k.grant(req, "e2")
		require.NoError(w, one())
		k.grant(k.next("e2", "2", "600"), "e3")
		require.NoError(w, two())
		w.Respond(k.next("e3", "", "0"), 412, "Gone") // nothing left to remove
		require.NoError(w, three())
		require.ErrorIs(w, four(), sipua.ErrInvalidState)
		require.NoError(w, five())
	})
}

// What becomes of the publication when an update or a refresh fails.
func TestPublicationFails(t *testing.T) {
	play(t, func(w *world) { // an update that is refused leaves what was there
		k := w.publish()
		done := begin(func() error { return k.p.Update(w.Context(), "text/html", []byte("x")) })
		w.Respond(k.next("e1", "x", "600"), 415, "No")
		typed(w, done(), sipua.CodeRejected, 415)
		w.Timeout = time.Hour
		begun := time.Now()
		req := k.next("e1", "", "600")
		require.GreaterOrEqual(w, time.Since(begun), 4*time.Minute, "no hurry")
		w.Respond(req, 412, "Gone")
		k.grant(k.next("", "<open/>", "600"), "e2")
	})
	play(t, func(w *world) { // an update that meets a restart publishes the new state
		k := w.publish()
		done := begin(func() error { return k.p.Update(w.Context(), "a/b", []byte("new")) })
		w.Respond(k.next("e1", "new", "600"), 412, "Gone")
		k.grant(k.next("", "new", "600"), "e2")
		require.NoError(w, done())
	})
	play(t, func(w *world) { // a refresh that is refused: lost for good
		k := w.publish()
		w.Timeout = time.Hour
		w.Respond(k.next("e1", "", "600"), 403, "Forbidden")
		synctest.Wait()
		typed(w, last[sipua.PublicationEnded](w).Err, sipua.CodeRejected, 403)
		require.Same(w, k.p, last[sipua.PublicationEnded](w).Publication)
		w.ExpectNothing(w.T, time.Hour)
	})
	play(t, func(w *world) { // a server in trouble: again, and anew when it has run out
		k := w.publish()
		w.Timeout = time.Hour
		w.Respond(k.next("e1", "", "600"), 503, "No", h("Retry-After", "10"))
		begun := time.Now()
		req := k.next("e1", "", "600")
		require.GreaterOrEqual(w, time.Since(begun), 10*time.Second)
		time.Sleep(33 * time.Second) // no answer: Timer F
		require.NotNil(w, req)
		w.Respond(k.next("e1", "", "600"), 500, "No", h("Retry-After", "600"))
		k.grant(k.next("", "<open/>", "600"), "e2")
		synctest.Wait()
		require.Zero(w, count[sipua.PublicationEnded](w))
	})
	play(t, func(w *world) { // Remove that fails is told, and over
		k := w.publish()
		done := begin(func() error { return k.p.Remove(w.Context()) })
		w.Respond(k.next("e1", "", "0"), 500, "No")
		typed(w, done(), sipua.CodeRejected, 500)
		require.Equal(w, []string{"publication ended "}, w.told())
	})
}

// A lost flow does not touch what the compositor holds; a PUBLISH that it took
// along is sent again when it is back.
func TestPublicationRecovers(t *testing.T) {
	play(t, func(w *world) {
		k := w.publish()
		w.Drop(1006, "")
		w.ExpectNothing(w.T, time.Second)
		w.Timeout = time.Hour
		k.next("e1", "", "600")
		w.Drop(1006, "")
		synctest.Wait()
		k.grant(k.next("e1", "", "600"), "e2")

		done := begin(func() error { return k.p.Update(w.Context(), "a/b", []byte("x")) })
		k.next("e2", "x", "600")
		w.down()
		typed(w, done(), sipua.CodeConnectionLost, 0)
		time.Sleep(time.Hour) // for longer than it lasts
		w.OnDial(nil)
		k.grant(k.next("", "<open/>", "600"), "e3")
		synctest.Wait()
		require.Zero(w, count[sipua.PublicationEnded](w))
	})
}

func TestPublicationClose(t *testing.T) {
	play(t, func(w *world) {
		k := w.publish()
		one := begin(func() error { return k.p.Update(w.Context(), "a/b", []byte("1")) })
		k.next("e1", "1", "600")
		two := begin(func() error { return k.p.Update(w.Context(), "a/b", []byte("2")) })
		synctest.Wait()
		require.NoError(w, w.ua.Close())
		require.ErrorIs(w, one(), sipua.ErrClosed)
		require.ErrorIs(w, two(), sipua.ErrClosed)
		require.Equal(w, []string{"publication ended closed"}, w.told())
	})
	play(t, func(w *world) { // Shutdown removes
		k := w.publish()
		done := begin(func() error { return w.ua.Shutdown(w.Context()) })
		w.Respond(k.next("e1", "", "0"), 200, "OK")
		require.NoError(w, done())
	})
	play(t, func(w *world) { // and says when it could not
		k := w.publish()
		done := begin(func() error { return w.ua.Shutdown(w.Context()) })
		w.Respond(k.next("e1", "", "0"), 500, "No")
		typed(w, done(), sipua.CodeRejected, 500)
	})
}

func TestPublicationLimit(t *testing.T) {
	play(t, func(w *world) {
		for range 1000 {
			_, req, done := w.publishing(here)
			w.Respond(req, 200, "OK", h("SIP-ETag", "e"), h("Expires", "600"))
			require.NoError(w, done())
		}
		_, err := w.ua.Publish(w.Context(), here)
		require.ErrorIs(w, err, sipua.ErrInvalidState)
		w.ExpectNothing(w.T, time.Minute)
	})
}
