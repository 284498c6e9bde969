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

// Tests of the publisher from RFC 3903, written without a look at the code.

// Section 4.1 and table 1: what each PUBLISH must and must not have.
func TestPublishIsComplete(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		k, req, done := w.publishing(here)
		require.Equal(w, []string{"presence"}, values(req, "Event"), "section 4: exactly one")
		require.Equal(w, []string{"600"}, values(req, "Expires"))
		require.Empty(w, values(req, "SIP-If-Match"), "section 4.2: an initial one has none")
		require.Equal(w, "<open/>", string(req.Body()))
		require.Equal(w, "application/pidf+xml", value(req, "Content-Type"))
		require.Equal(w, "70", value(req, "Max-Forwards"))
		require.Empty(w, values(req, "Record-Route"))
		require.Empty(w, tag(value(req, "To")), "section 4: no dialog")
		k.grant(req, "e1")
		require.NoError(w, done())

		done = begin(func() error { return k.p.Update(w.Context(), "application/pidf+xml", []byte("<busy/>")) })
		again := k.next("e1", "<busy/>", "600") // section 4.4
		require.Equal(w, "presence", value(again, "Event"))
		require.Equal(w, "application/pidf+xml", value(again, "Content-Type"))
		k.grant(again, "e2")
		require.NoError(w, done())

		done = begin(func() error { return k.p.Remove(w.Context()) })
		last := k.next("e2", "", "0") // section 4.5
		require.Empty(w, values(last, "Content-Type"))
		k.Respond(last, 200, "OK", h("SIP-ETag", "e3"), h("Expires", "0"))
		require.NoError(w, done())
		require.Equal(w, 1, count[sipua.PublicationEnded](w))
		w.ExpectNothing(w.T, time.Minute)
	})
}

// Section 4.3: the refresh names the newest entity tag, has no body, and comes
// before the end that the compositor gave.
func TestPublicationIsRefreshedInTime(t *testing.T) {
	for _, expires := range []int{1, 2, 10, 30, 60, 61, 120, 599} {
		t.Run(itoa(expires), func(t *testing.T) {
			play(t, func(w *world) {
				w.Timeout = time.Hour
				k, req, done := w.publishing(here)
				k.Respond(req, 200, "OK", h("SIP-ETag", "e0"), h("Expires", itoa(expires)))
				require.NoError(w, done())
				for i := range 4 {
					begun := time.Now()
					req := k.ExpectRequest(w.T, "PUBLISH")
					require.Equal(w, fmt.Sprint("e", i), value(req, "SIP-If-Match"))
					require.Empty(w, req.Body())
					require.Less(w, time.Since(begun), time.Duration(expires)*time.Second)
					require.GreaterOrEqual(w, time.Since(begun), time.Duration(expires)*time.Second/2)
					k.Respond(req, 200, "OK", h("SIP-ETag", fmt.Sprint("e", i+1)), h("Expires", itoa(expires)))
				}
			})
		})
	}
}

// Section 6, table 2: the 2xx must have SIP-ETag and Expires. One without is
// survived: nothing hangs, and no request names a tag that nobody gave.
func TestPublishAcceptedWithoutWhatItMustHave(t *testing.T) {
	for name, headers := range map[string][]sip.Header{
		"nothing": nil, "no expires": {h("SIP-ETag", "e1")}, "no tag": {h("Expires", "600")}, "zero": {h("SIP-ETag", "e1"), h("Expires", "0")},
		"garbage": {h("SIP-ETag", "e1"), h("Expires", "soon")}, "longer": {h("SIP-ETag", "e1"), h("Expires", "99999")}, "empty tag": {h("SIP-ETag", ""), h("Expires", "600")},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k, req, done := w.publishing(here)
				k.Respond(req, 200, "OK", headers...)
				err := done()
				if err != nil {
					var e *sipua.Error
					require.ErrorAs(w, err, &e)
					w.ExpectNothing(w.T, time.Hour)
					return
				}
				begun := time.Now()
				w.Timeout = time.Hour
				req = k.ExpectRequest(w.T, "PUBLISH")
				require.LessOrEqual(w, time.Since(begun), 10*time.Minute, "never later than asked for")
				require.GreaterOrEqual(w, time.Since(begun), 5*time.Minute)
				if strings.Contains(name, "tag") || name == "nothing" {
					require.Empty(w, values(req, "SIP-If-Match"))
					require.Equal(w, "<open/>", string(req.Body()), "an initial one again")
				}
			})
		})
	}
}

// Section 4.1: 412 to a refresh, an update or an end.
func TestPublicationIsForgotten(t *testing.T) {
	play(t, func(w *world) { // refresh: the state again, as an initial one
		k := w.publish()
		w.Timeout = time.Hour
		w.Respond(k.next("e1", "", "600"), 412, "Conditional Request Failed")
		req := k.next("", "<open/>", "600")
		require.Equal(w, "application/pidf+xml", value(req, "Content-Type"))
		k.grant(req, "n1")
		w.Respond(k.next("n1", "", "600"), 200, "OK", h("SIP-ETag", "n2"), h("Expires", "600"))
		require.Zero(w, count[sipua.PublicationEnded](w))
	})
	play(t, func(w *world) { // update: the new state, not the old
		k := w.publish()
		done := begin(func() error { return k.p.Update(w.Context(), "application/pidf+xml", []byte("<busy/>")) })
		w.Respond(k.next("e1", "<busy/>", "600"), 412, "Gone")
		k.grant(k.next("", "<busy/>", "600"), "n1")
		require.NoError(w, done())
		w.Timeout = time.Hour
		w.Respond(k.next("n1", "", "600"), 412, "Gone")
		k.next("", "<busy/>", "600")
	})
	play(t, func(w *world) { // remove: it is gone, which is what was wanted
		k := w.publish()
		done := begin(func() error { return k.p.Remove(w.Context()) })
		w.Respond(k.next("e1", "", "0"), 412, "Gone")
		require.NoError(w, done())
		require.NoError(w, last[sipua.PublicationEnded](w).Err)
		w.ExpectNothing(w.T, time.Hour)
	})
	play(t, func(w *world) { // a compositor that forgets each time does not make a storm
		k := w.publish()
		w.Timeout = time.Hour
		begun, n := time.Now(), 0
		for time.Since(begun) < time.Hour && count[sipua.PublicationEnded](w) == 0 {
			req := k.ExpectRequest(w.T, "PUBLISH")
			n++
			require.Less(w, n, 100)
			w.Respond(req, 412, "Gone")
			synctest.Wait()
		}
	})
}

// Section 4.1: 423 names the least; it is asked for, and kept to.
func TestPublishTooBrief(t *testing.T) {
	play(t, func(w *world) {
		k, req, done := w.publishing(here)
		w.Respond(req, 423, "Interval Too Brief", h("Min-Expires", "3600"))
		req = k.next("", "<open/>", "3600")
		k.Respond(req, 200, "OK", h("SIP-ETag", "e1"), h("Expires", "3600"))
		require.NoError(w, done())
		w.ExpectNothing(w.T, 29*time.Minute)
		w.Timeout = time.Hour
		k.next("e1", "", "3600")
	})
}

// Sections 4 and 6, RFC 3261 section 8.1.3: what a refusal means.
func TestPublishIsRefused(t *testing.T) {
	for _, status := range []int{302, 400, 403, 404, 405, 413, 415, 489, 500, 503, 600} {
		t.Run(itoa(status), func(t *testing.T) {
			play(t, func(w *world) {
				_, req, done := w.publishing(here)
				w.Respond(req, status, "No", h("Retry-After", "30"))
				e := typed(w, done(), sipua.CodeRejected, status)
				require.Equal(w, 30*time.Second, e.RetryAfter)
				w.ExpectNothing(w.T, time.Hour)
				require.False(w, w.ua.WantsFlow())
			})
			play(t, func(w *world) { // an update: the old state stays, and stays alive
				k := w.publish()
				done := begin(func() error { return k.p.Update(w.Context(), "application/pidf+xml", []byte("<busy/>")) })
				w.Respond(k.next("e1", "<busy/>", "600"), status, "No")
				typed(w, done(), sipua.CodeRejected, status)
				if count[sipua.PublicationEnded](w) == 0 {
					w.Timeout = time.Hour
					k.next("e1", "", "600")
				}
			})
		})
	}
}

// RFC 3261 section 22 at each kind of PUBLISH.
func TestPublishIsChallenged(t *testing.T) {
	challenge := func(nonce, more string) string {
		return fmt.Sprintf(`Digest realm="example.com", nonce="%s", qop="auth", algorithm=MD5%s`, nonce, more)
	}
	play(t, func(w *world) {
		k, req, done := w.publishing(here)
		w.Respond(req, 407, "Who", h("Proxy-Authenticate", challenge("1", "")))
		again := k.next("", "<open/>", "600")
		checkDigest(w.T, again, "Proxy-Authorization", "1001", "secret")
		require.Equal(w, value(req, "Call-ID"), value(again, "Call-ID"))
		require.Equal(w, req.CSeq().SeqNo+1, again.CSeq().SeqNo)
		k.grant(again, "e1")
		require.NoError(w, done())
		w.Timeout = time.Hour
		w.Respond(k.next("e1", "", "600"), 407, "Stale", h("Proxy-Authenticate", challenge("2", ", stale=true")))
		k.grant(k.next("e1", "", "600"), "e2")
		done = begin(func() error { return k.p.Remove(w.Context()) })
		w.Respond(k.next("e2", "", "0"), 407, "Stale", h("Proxy-Authenticate", challenge("3", ", stale=true")))
		w.Respond(k.next("e2", "", "0"), 200, "OK")
		require.NoError(w, done())
	})
	play(t, func(w *world) {
		k, req, done := w.publishing(here)
		w.Respond(req, 401, "Who", h("WWW-Authenticate", challenge("1", "")))
		w.Respond(k.next("", "<open/>", "600"), 401, "Who", h("WWW-Authenticate", challenge("2", "")))
		require.ErrorIs(w, done(), sipua.ErrUnauthorized)
		w.ExpectNothing(w.T, time.Hour)
	})
}

// The flow is lost at each stage; the newest state is what is published in the end.
func TestPublicationFlowIsLost(t *testing.T) {
	play(t, func(w *world) { // the first one is under way: told, not left in doubt
		_, _, done := w.publishing(here)
		w.down()
		err := done()
		require.Error(w, err)
		require.NotErrorIs(w, err, sipua.ErrInternal)
		w.OnDial(nil)
		w.ExpectNothing(w.T, time.Hour)
	})
	play(t, func(w *world) { // published
		k := w.publish()
		w.Drop(1006, "")
		w.Timeout = time.Hour
		req := k.ExpectRequest(w.T, "PUBLISH")
		require.Equal(w, "e1", value(req, "SIP-If-Match"))
		k.grant(req, "e2")
		require.Zero(w, count[sipua.PublicationEnded](w))
	})
	play(t, func(w *world) { // an update is under way: whether it arrived is not known
		k := w.publish()
		done := begin(func() error { return k.p.Update(w.Context(), "application/pidf+xml", []byte("<busy/>")) })
		k.next("e1", "<busy/>", "600")
		w.Drop(1006, "")
		w.Timeout = time.Hour
		req := k.ExpectRequest(w.T, "PUBLISH")
		w.Respond(req, 412, "Gone") // it did arrive, and has another tag
		req = k.ExpectRequest(w.T, "PUBLISH")
		require.Empty(w, values(req, "SIP-If-Match"))
		body := string(req.Body())
		k.grant(req, "n1")
		if err := done(); err == nil {
			require.Equal(w, "<busy/>", body, "what the application was told is what is published")
		}
	})
	play(t, func(w *world) { // the end is under way
		k := w.publish()
		done := begin(func() error { return k.p.Remove(w.Context()) })
		k.next("e1", "", "0")
		w.down()
		begun := time.Now()
		_ = done()
		require.LessOrEqual(w, time.Since(begun), 2*time.Minute)
		require.Equal(w, 1, count[sipua.PublicationEnded](w))
		require.False(w, w.ua.WantsFlow())
	})
	play(t, func(w *world) { // it runs out while there is no server: an initial one, later
		k := w.publish()
		w.down()
		time.Sleep(15 * time.Minute)
		w.OnDial(nil)
		w.Timeout = time.Hour
		req := k.ExpectRequest(w.T, "PUBLISH")
		if value(req, "SIP-If-Match") != "" {
			w.Respond(req, 412, "Gone")
			req = k.ExpectRequest(w.T, "PUBLISH")
		}
		require.Equal(w, "<open/>", string(req.Body()))
		k.grant(req, "n1")
		require.Zero(w, count[sipua.PublicationEnded](w))
	})
}

// Section 4: one at a time, in order, and the last state wins.
func TestPublishOneAtATime(t *testing.T) {
	play(t, func(w *world) {
		k := w.publish()
		var all []func() error
		for i := range 4 {
			all = append(all, begin(func() error { return k.p.Update(w.Context(), "application/pidf+xml", fmt.Append(nil, i)) }))
			synctest.Wait()
		}
		remove := begin(func() error { return k.p.Remove(w.Context()) })
		synctest.Wait()
		etag, lastBody := "e1", ""
		for n := 0; ; n++ {
			req := k.ExpectRequest(w.T, "PUBLISH")
			w.ExpectNothing(w.T, time.Second)
			require.Equal(w, etag, value(req, "SIP-If-Match"))
			etag = fmt.Sprint("u", n)
			if value(req, "Expires") == "0" {
				w.Respond(req, 200, "OK")
				break
			}
			lastBody = string(req.Body())
			k.grant(req, etag)
		}
		require.Equal(w, "3", lastBody)
		for _, done := range all {
			require.NoError(w, done())
		}
		require.NoError(w, remove())
		require.ErrorIs(w, k.p.Update(w.Context(), "application/pidf+xml", []byte("x")), sipua.ErrInvalidState)
		require.NoError(w, k.p.Remove(w.Context()), "twice")
	})
}

// Break-outs in every option.
func TestPublishOptionsCannotInject(t *testing.T) {
	play(t, func(w *world) {
		for _, evil := range []string{"\r\nX-Evil: 1", "\nX", "\rX", "\x00", "\r\n\r\nPUBLISH"} {
			for name, f := range map[string]func(o *sipua.PublishOptions){
				"event": func(o *sipua.PublishOptions) { o.Event += evil }, "type": func(o *sipua.PublishOptions) { o.ContentType += evil },
				"param": func(o *sipua.PublishOptions) { o.ContentType += ";a=" + evil }, "target": func(o *sipua.PublishOptions) { o.Target = "1003" + evil },
			} {
				o := here
				f(&o)
				_, err := w.ua.Publish(w.Context(), o)
				require.ErrorIs(w, err, sipua.ErrInvalidArgument, "%s %q", name, evil)
			}
		}
		k := w.publish()
		for _, contentType := range []string{"a/b\r\nX: y", "a/b;c=\n", "", "a"} {
			require.ErrorIs(w, k.p.Update(w.Context(), contentType, []byte("x")), sipua.ErrInvalidArgument, contentType)
		}
	})
	// A hostile compositor: its tag goes back to it and nowhere else.
	for _, etag := range []string{`e;x="y"`, strings.Repeat("e", 5000), "e\te", "é"} {
		play(t, func(w *world) {
			k, req, done := w.publishing(here)
			k.grant(req, etag)
			if done() != nil {
				return
			}
			begin(func() error { return k.p.Remove(w.Context()) })
			req = k.ExpectRequest(w.T, "PUBLISH")
			require.Contains(w, []string{etag, ""}, value(req, "SIP-If-Match"))
		})
	}
}

// PUBLISH to us: nobody composes here.
func TestPublishToUsIsNotAllowed(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		w.Send(w.NewRequest("PUBLISH", "sip:1001@example.com", h("Event", "presence"), h("Expires", "60")))
		res := w.ExpectResponse(w.T, 405)
		require.NotContains(w, value(res, "Allow"), "PUBLISH")
	}, serving)
}

// Close and Shutdown at each stage.
func TestPublicationCloseAtEachStage(t *testing.T) {
	for name, stage := range map[string]func(w *world) (*published, []func() error){
		"sending": func(w *world) (*published, []func() error) {
			k, _, done := w.publishing(here)
			return k, []func() error{done}
		},
		"published": func(w *world) (*published, []func() error) { return w.publish(), nil },
		"updating": func(w *world) (*published, []func() error) {
			k := w.publish()
			one := begin(func() error { return k.p.Update(w.Context(), "a/b", []byte("1")) })
			k.ExpectRequest(w.T, "PUBLISH")
			two := begin(func() error { return k.p.Update(w.Context(), "a/b", []byte("2")) })
			synctest.Wait()
			return k, []func() error{one, two}
		},
		"removing": func(w *world) (*published, []func() error) {
			k := w.publish()
			done := begin(func() error { return k.p.Remove(w.Context()) })
			k.ExpectRequest(w.T, "PUBLISH")
			return k, []func() error{done}
		},
		"lost": func(w *world) (*published, []func() error) {
			k := w.publish()
			w.down()
			return k, []func() error{begin(func() error { return k.p.Update(w.Context(), "a/b", []byte("1")) })}
		},
	} {
		for verb, do := range map[string]func(w *world) error{
			"close":    func(w *world) error { return w.ua.Close() },
			"shutdown": func(w *world) error { return w.ua.Shutdown(w.Context()) },
		} {
			t.Run(name+" "+verb, func(t *testing.T) {
				play(t, func(w *world) {
					k, verbs := stage(w)
					begun := time.Now()
					_ = do(w) // nobody answers
					require.Less(w, time.Since(begun), 3*time.Minute)
					for _, verb := range verbs {
						_ = verb() // comes back
					}
					require.LessOrEqual(w, count[sipua.PublicationEnded](w), 1)
					if k.p != nil {
						require.Equal(w, 1, count[sipua.PublicationEnded](w))
						require.Error(w, k.p.Update(w.Context(), "a/b", []byte("x")))
					}
				})
			})
		}
	}
}
