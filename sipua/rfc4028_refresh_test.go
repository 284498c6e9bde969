package sipua_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// RFC 4028 section 10: the refreshes of a session, and its end without them.

// refresh takes our next refresh and checks it: sections 7.1 and 7.4.
func (k *talk) refresh(d time.Duration, method string) *sip.Request {
	k.Helper()
	req := k.after(d, method)
	require.Equal(k, "120;refresher=uac", value(req, "Session-Expires"), "the interval and the roles stay")
	require.Contains(k, value(req, "Supported"), "timer")
	require.NotEmpty(k, value(req, "Contact"))
	require.Equal(k, method == "INVITE", len(req.Body()) > 0)
	return req
}

// granted answers a refresh of ours.
func (k *talk) granted(req *sip.Request, headers ...sip.Header) {
	k.Helper()
	if req.Method == sip.INVITE {
		k.RespondSDP(req, 200, "OK", k.answerTo(req), headers...)
		k.ExpectRequest(k.T, "ACK")
	} else {
		k.Respond(req, 200, "OK", headers...)
	}
	synctest.Wait()
}

// Section 10: one refresh after the other, by UPDATE where it is known, else by re-INVITE.
func TestSessionIsRefreshedByUs(t *testing.T) {
	for name, c := range map[string]struct {
		headers []sip.Header
		method  string
		want    string
	}{
		"UPDATE":                {[]sip.Header{farTakes}, "", "UPDATE"},
		"re-INVITE":             {nil, "", "INVITE"},
		"wants UPDATE":          {[]sip.Header{farTakes}, "update", "UPDATE"},
		"wants UPDATE in vain":  {[]sip.Header{h("Allow", "INVITE, ACK, BYE")}, "update", "INVITE"},
		"wants re-INVITE":       {[]sip.Header{farTakes}, "invite", "INVITE"},
		"Allow without UPDATE":  {[]sip.Header{h("Allow", "INVITE, ACK, BYE")}, "", "INVITE"},
		"Allow in small pieces": {[]sip.Header{h("Allow", "INVITE,ACK"), h("Allow", "UPDATE")}, "", "UPDATE"},
	} {
		t.Run(name, func(t *testing.T) {
			refreshedByUs(t, c.headers, func(k *talk) {
				k.forget()
				seq := uint32(0)
				for range 3 {
					req := k.refresh(time.Minute, c.want)
					require.Greater(k, req.CSeq().SeqNo, seq)
					seq = req.CSeq().SeqNo
					k.granted(req, h("Session-Expires", "120;refresher=uac"))
					require.Equal(k, sipua.CallSessionRefreshed{Call: k.call, Interval: 2 * time.Minute, ByUs: true}, last[sipua.CallSessionRefreshed](k.world))
				}
				require.Equal(k, 3, count[sipua.CallSessionRefreshed](k.world))
				require.Empty(k, k.story(), "it is not heard")
				require.Equal(k, "sendrecv", k.media.For(k.call).Direction())
				k.bye()
				k.ExpectNothing(k.T, time.Hour)
			}, timerOf(sipua.SessionTimer{Method: c.method}))
		})
	}
}

// Section 10: the refreshes of the other side, by either method, begin the interval anew.
func TestSessionIsRefreshedByThem(t *testing.T) {
	for _, method := range []string{"UPDATE", "INVITE"} {
		t.Run(method, func(t *testing.T) {
			refreshedByThem(t, func(k *talk) {
				k.forget()
				for range 3 {
					time.Sleep(80 * time.Second)
					k.theirRefresh(method, knowsTimer, h("Session-Expires", "120;refresher=uac"))
					require.Equal(k, "120;refresher=uac", value(k.refreshed(), "Session-Expires"))
					require.Contains(k, value(k.refreshed(), "Require"), "timer")
				}
				require.Equal(k, 3, count[sipua.CallSessionRefreshed](k.world))
				k.expires(88 * time.Second)
			})
		})
	}
}

// theirRefresh plays a refresh of the other side.
func (k *talk) theirRefresh(method string, headers ...sip.Header) {
	k.Helper()
	req := k.NewInDialogRequest(method, k.invite, k.ok, headers...)
	if method == "INVITE" {
		sipuatest.SetSDP(req, k.farOffer(false))
	}
	k.Send(req)
	res := k.ExpectResponse(k.T, 200)
	if method == "INVITE" {
		k.applies(res)
		k.ack(req, res)
	}
	synctest.Wait()
}

// refreshed is the last response of ours.
func (k *talk) refreshed() *sip.Response {
	k.Helper()
	all := k.Ladder().Entries()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Direction == sipuatest.Out && strings.HasPrefix(all[i].Text, "SIP/2.0 ") {
			msg, err := sip.ParseMessage([]byte(all[i].Text))
			require.NoError(k, err)
			return msg.(*sip.Response)
		}
	}
	require.Fail(k, "nothing was answered")
	return nil
}

// Section 7.4: a refresh may change who refreshes, and how long; section 7.2: a 2xx without a
// timer ends it.
func TestSessionRefresherChanges(t *testing.T) {
	t.Run("they take over", func(t *testing.T) {
		refreshedByUs(t, []sip.Header{farTakes}, func(k *talk) {
			k.granted(k.refresh(time.Minute, "UPDATE"), h("Session-Expires", "300;refresher=uas"))
			require.Equal(k, sipua.CallSessionRefreshed{Call: k.call, Interval: 5 * time.Minute}, last[sipua.CallSessionRefreshed](k.world))
			k.expires(268 * time.Second)
		})
	})
	t.Run("we take over", func(t *testing.T) {
		refreshedByThem(t, func(k *talk) {
			time.Sleep(time.Minute)
			k.theirRefresh("UPDATE", knowsTimer, farTakes, h("Session-Expires", "120;refresher=uas"))
			require.Equal(k, "120;refresher=uas", value(k.refreshed(), "Session-Expires"))
			k.granted(k.refresh(time.Minute, "UPDATE"), h("Session-Expires", "120;refresher=uac"))
			k.refresh(time.Minute, "UPDATE")
		})
	})
	t.Run("they end it", func(t *testing.T) {
		refreshedByUs(t, []sip.Header{farTakes}, func(k *talk) {
			k.granted(k.refresh(time.Minute, "UPDATE"))
			k.ExpectNothing(k.T, time.Hour)
			require.Equal(k, sipua.Established, k.call.State())
		})
	})
	t.Run("a request without it ends it", func(t *testing.T) {
		for _, method := range []string{"UPDATE", "INVITE"} {
			refreshedByThem(t, func(k *talk) {
				time.Sleep(time.Minute)
				k.theirRefresh(method)
				require.Empty(k, values(k.refreshed(), "Session-Expires"))
				k.ExpectNothing(k.T, time.Hour)
				require.Equal(k, sipua.Established, k.call.State())
			})
		}
	})
}

// A hold refreshes the session as well (section 7.2), and says who refreshes (section 7.4).
func TestHoldRefreshesTheSession(t *testing.T) {
	refreshedByUs(t, nil, func(k *talk) {
		time.Sleep(40 * time.Second)
		re, done := k.hold()
		require.Equal(k, "120;refresher=uac", value(re, "Session-Expires"))
		k.granted(re, h("Session-Expires", "120;refresher=uac"))
		require.NoError(k, done())
		req := k.refresh(time.Minute, "INVITE")
		require.Contains(k, string(req.Body()), "a=sendonly", "the hold stays")
		k.granted(req, h("Session-Expires", "120;refresher=uac"))
		require.True(k, k.call.OnHold(sipua.Local))
		k.bye()
	})
	refreshedByThem(t, func(k *talk) {
		re, done := k.hold()
		require.Equal(k, "120;refresher=uas", value(re, "Session-Expires"), "it stays theirs")
		k.granted(re, h("Session-Expires", "120;refresher=uas"))
		require.NoError(k, done())
		k.expires(88 * time.Second)
	})
}

// A refresh that is due while something else is open follows it.
func TestSessionRefreshWaitsForItsTurn(t *testing.T) {
	refreshedByUs(t, nil, func(k *talk) {
		time.Sleep(59 * time.Second)
		re, done := k.hold()
		time.Sleep(10 * time.Second)
		k.Respond(re, 488, "Not Acceptable Here")
		k.ExpectRequest(k.T, "ACK")
		typed(k, done(), sipua.CodeRejected, 488)
		req := k.refresh(0, "INVITE")
		require.Contains(k, string(req.Body()), "a=sendrecv")
		k.granted(req, h("Session-Expires", "120;refresher=uac"))
		k.granted(k.refresh(time.Minute, "INVITE"), h("Session-Expires", "120;refresher=uac"))
		k.bye()
	})
	// An offer of theirs is a refresh as well, and ours counts from there.
	refreshedByUs(t, nil, func(k *talk) {
		time.Sleep(59 * time.Second)
		k.theirRefresh("INVITE", knowsTimer, h("Session-Expires", "120;refresher=uas"))
		k.granted(k.refresh(time.Minute, "INVITE"), h("Session-Expires", "120;refresher=uac"))
		k.bye()
	})
}

// Section 10: 408, 481 and silence end the session; other refusals are no end as long as
// there is time.
func TestSessionRefreshFails(t *testing.T) {
	for name, status := range map[string]int{"481": 481, "408": 408} {
		t.Run(name, func(t *testing.T) {
			for method, headers := range map[string][]sip.Header{"UPDATE": {farTakes}, "INVITE": nil} {
				refreshedByUs(t, headers, func(k *talk) {
					k.Respond(k.refresh(time.Minute, method), status, "Gone")
					if method == "INVITE" {
						k.ExpectRequest(k.T, "ACK")
					}
					k.Respond(k.after(0, "BYE"), 481, "Gone")
					end := k.end(k.call)
					require.Equal(k, sipua.System, end.By)
					require.Equal(k, status, end.Status)
				})
			}
		})
	}
	t.Run("no answer", func(t *testing.T) {
		refreshedByUs(t, []sip.Header{farTakes}, func(k *talk) {
			k.refresh(time.Minute, "UPDATE")
			k.expires(28 * time.Second) // the interval ends before timer F
		})
	})
	t.Run("refused", func(t *testing.T) {
		for _, status := range []int{403, 500, 503} {
			refreshedByUs(t, []sip.Header{farTakes}, func(k *talk) {
				begun := time.Now()
				k.Respond(k.refresh(time.Minute, "UPDATE"), status, "No")
				again := k.ExpectRequest(k.T, "UPDATE")
				require.Less(k, time.Since(begun), 88*time.Second)
				k.granted(again, h("Session-Expires", "120;refresher=uac"))
				k.refresh(time.Minute, "UPDATE")
				require.Equal(k, sipua.Established, k.call.State())
			})
		}
	})
	t.Run("refused for ever", func(t *testing.T) {
		refreshedByUs(t, []sip.Header{farTakes}, func(k *talk) {
			begun, tries := time.Now(), 0
			for {
				text := string(k.ExpectMessage(k.T))
				msg, err := sip.ParseMessage([]byte(text))
				require.NoError(k, err)
				req := msg.(*sip.Request)
				if req.Method == sip.BYE {
					k.Respond(req, 200, "OK")
					break
				}
				tries++
				k.Respond(req, 403, "Forbidden")
			}
			require.Equal(k, 88*time.Second, time.Since(begun))
			require.LessOrEqual(k, tries, 8, "section 10: not continuously")
			require.Equal(k, sipua.System, k.end(k.call).By)
		})
	})
	t.Run("challenged", func(t *testing.T) {
		refreshedByUs(t, []sip.Header{farTakes}, func(k *talk) {
			k.ask(k.refresh(time.Minute, "UPDATE"), 407, `Digest realm="r", nonce="n", qop="auth"`)
			again := k.refresh(0, "UPDATE")
			checkDigest(k.T, again, "Proxy-Authorization", "1001", "secret")
			k.granted(again, h("Session-Expires", "120;refresher=uac"))
			k.refresh(time.Minute, "UPDATE")
		})
	})
	t.Run("too brief", func(t *testing.T) {
		refreshedByUs(t, []sip.Header{farTakes}, func(k *talk) {
			k.Respond(k.refresh(time.Minute, "UPDATE"), 422, "Session Interval Too Small", h("Min-SE", "600"))
			again := k.after(0, "UPDATE")
			require.Equal(k, "600;refresher=uac", value(again, "Session-Expires"))
			require.Equal(k, "600", value(again, "Min-SE"))
			k.granted(again, h("Session-Expires", "600;refresher=uac"))
			k.after(5*time.Minute, "UPDATE")
		})
	})
	t.Run("UPDATE is not taken after all", func(t *testing.T) {
		for _, status := range []int{405, 501} {
			refreshedByUs(t, []sip.Header{farTakes}, func(k *talk) {
				k.Respond(k.refresh(time.Minute, "UPDATE"), status, "No", h("Allow", "INVITE, ACK, BYE"))
				k.granted(k.refresh(0, "INVITE"), h("Session-Expires", "120;refresher=uac"))
				k.refresh(time.Minute, "INVITE")
			})
		}
	})
	t.Run("glare", func(t *testing.T) {
		refreshedByUs(t, nil, func(k *talk) {
			k.Respond(k.refresh(time.Minute, "INVITE"), 491, "Request Pending")
			k.ExpectRequest(k.T, "ACK")
			k.granted(k.ExpectRequest(k.T, "INVITE"), h("Session-Expires", "120;refresher=uac"))
			k.refresh(time.Minute, "INVITE")
		})
	})
}

// Section 10 does not know of connections: a refresh that cannot be sent waits for the next
// one; a session whose time is over ends all the same.
func TestSessionRefreshWhileTheFlowIsLost(t *testing.T) {
	play(t, func(w *world) {
		w.registerWith(";expires=86400")
		k := w.timed(farTakes, h("Session-Expires", "600;refresher=uac"))
		time.Sleep(290 * time.Second)
		w.down()
		time.Sleep(20 * time.Second) // the refresh is due
		require.Equal(w, sipua.Established, k.call.State())
		w.OnDial(nil)
		w.backWithRegistration()
		re := w.ExpectRequest(w.T, "INVITE") // which refreshes as well
		require.Equal(w, "600;refresher=uac", value(re, "Session-Expires"))
		k.granted(re, farTakes, h("Session-Expires", "600;refresher=uac"))
		k.granted(k.after(0, "UPDATE"), h("Session-Expires", "600;refresher=uac"))
		k.granted(k.after(5*time.Minute, "UPDATE"), h("Session-Expires", "600;refresher=uac"))
		require.False(w, k.call.Recovering())
		k.bye()
	})
	play(t, func(w *world) {
		w.registerWith(";expires=86400")
		k := w.timed(farTakes, h("Session-Expires", "120;refresher=uac"))
		w.down()
		begun := time.Now()
		end, err := k.call.Ended(w.Context())
		require.NoError(w, err)
		require.Equal(w, 88*time.Second, time.Since(begun))
		require.Equal(w, sipua.System, end.By)
		typed(w, end.Err, sipua.CodeTimeout, 408)
		w.OnDial(nil)
		w.backWithRegistration()
		w.Respond(w.ExpectRequest(w.T, "BYE"), 481, "Gone")
	})
}

// Call.Refresh finds out at once whether the other side is there.
func TestRefreshVerb(t *testing.T) {
	both(t, func(k *talk) {
		done := begin(func() error { return k.call.Refresh(k.Context()) })
		re := k.ExpectRequest(k.T, "INVITE")
		k.agree(re)
		require.NoError(k, done())
		done = begin(func() error { return k.call.Refresh(k.Context()) })
		k.Respond(k.ExpectRequest(k.T, "INVITE"), 481, "Gone")
		k.ExpectRequest(k.T, "ACK")
		k.Respond(k.ExpectRequest(k.T, "BYE"), 481, "Gone")
		require.Error(k, done())
		require.Equal(k, 481, k.end(k.call).Status)
	})
}

// The timer ends with the call, and begins with the answer: not while it rings.
func TestSessionTimerBeginsWithTheAnswer(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring(knowsTimer, h("Session-Expires", "120;refresher=uas"))
		require.Empty(w, values(k.ok, "Session-Expires"))
		w.ExpectNothing(w.T, 59*time.Second) // 180 comes again after a minute
		w.ack486(k)
		w.ExpectNothing(w.T, time.Hour)
		require.Zero(w, count[sipua.CallSessionRefreshed](w))
	})
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		k.provides(180, "", h("Session-Expires", "120;refresher=uac"))
		w.ExpectNothing(w.T, 2*time.Minute)
		w.refuse(k.invite)
	})
}

// The main scenarios, word for word.
func TestSessionTimerLadders(t *testing.T) {
	play(t, func(w *world) {
		k := w.timed(farTakes, h("Require", "timer"), h("Session-Expires", "120;refresher=uac"))
		w.forget()
		for range 2 {
			w.Respond(w.ExpectRequest(w.T, "UPDATE"), 200, "OK", h("Require", "timer"), h("Session-Expires", "120;refresher=uac"))
		}
		synctest.Wait()
		w.golden("session-timer-update")
		k.bye()
	})
	play(t, func(w *world) {
		k := w.timedBy(knowsTimer, h("Session-Expires", "120;refresher=uac"))
		k.theirRefresh("UPDATE", knowsTimer, h("Session-Expires", "120;refresher=uac"))
		k.expires(88 * time.Second)
		w.golden("session-timer-expires")
	})
}
