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

// RFC 4028: session timers, sections 7 to 10 for both roles.

// timerOf changes the SessionTimer of a world.
func timerOf(t sipua.SessionTimer) func(*sipua.Config) {
	return func(c *sipua.Config) { c.SessionTimer = t }
}

var knowsTimer = h("Supported", "timer")

// timed plays a call of ours whose 200 has these headers besides its own.
func (w *world) timed(headers ...sip.Header) *talk {
	w.Helper()
	k := w.dial(sipua.CallOptions{})
	k.says(k.invite, 200, "OK", k.answerTo(k.invite), headers...)
	w.ExpectRequest(w.T, "ACK")
	require.NoError(w, k.call.Answered(w.Context()))
	synctest.Wait()
	return k
}

// timedBy plays a call to us whose INVITE has these headers.
func (w *world) timedBy(headers ...sip.Header) *talk {
	w.Helper()
	k := w.ring(headers...)
	k.ok = k.accept()
	k.applies(k.ok)
	k.ack(k.invite, k.ok)
	synctest.Wait()
	require.Equal(w, sipua.Established, k.call.State())
	return k
}

// refreshedByUs plays a call in either role whose session we refresh every 120 s.
func refreshedByUs(t *testing.T, headers []sip.Header, scenario func(k *talk), change ...func(*sipua.Config)) {
	t.Run("outgoing", func(t *testing.T) {
		play(t, func(w *world) {
			scenario(w.timed(append(headers, h("Require", "timer"), h("Session-Expires", "120;refresher=uac"))...))
		}, change...)
	})
	t.Run("incoming", func(t *testing.T) {
		play(t, func(w *world) {
			scenario(w.timedBy(append(headers, knowsTimer, h("Session-Expires", "120;refresher=uas"))...))
		}, change...)
	})
}

// refreshedByThem is the same where it is theirs to refresh.
func refreshedByThem(t *testing.T, scenario func(k *talk), change ...func(*sipua.Config)) {
	t.Run("outgoing", func(t *testing.T) {
		play(t, func(w *world) {
			scenario(w.timed(h("Require", "timer"), h("Session-Expires", "120;refresher=uas")))
		}, change...)
	})
	t.Run("incoming", func(t *testing.T) {
		play(t, func(w *world) {
			scenario(w.timedBy(knowsTimer, h("Session-Expires", "120;refresher=uac")))
		}, change...)
	})
}

// after demands the next request of ours, with this method and after this time.
func (k *talk) after(d time.Duration, method string) *sip.Request {
	k.Helper()
	begun := time.Now()
	k.Timeout = 2 * time.Hour
	req := k.ExpectRequest(k.T, method)
	require.Equal(k, d, time.Since(begun), method)
	k.inDialog(req)
	return req
}

// expires demands the BYE that ends a session that nobody has refreshed.
func (k *talk) expires(d time.Duration) {
	k.Helper()
	k.Respond(k.after(d, "BYE"), 200, "OK")
	end := k.end(k.call)
	require.Equal(k, sipua.System, end.By)
	typed(k, end.Err, sipua.CodeTimeout, 408)
}

// Section 7.1: what our INVITE asks for.
func TestSessionTimerIsAsked(t *testing.T) {
	for name, c := range map[string]struct {
		timer         sipua.SessionTimer
		expires, less string
		options       sipua.CallOptions
	}{
		"default":           {expires: "1800"},
		"interval":          {timer: sipua.SessionTimer{Expires: 10 * time.Minute}, expires: "600"},
		"least":             {timer: sipua.SessionTimer{Expires: 90 * time.Second}, expires: "90"},
		"Min-SE":            {timer: sipua.SessionTimer{MinSE: 2 * time.Minute}, expires: "1800", less: "120"},
		"Min-SE is default": {timer: sipua.SessionTimer{MinSE: 90 * time.Second}, expires: "1800"},
		"Min-SE is larger":  {timer: sipua.SessionTimer{MinSE: time.Hour}, expires: "3600", less: "3600"},
		"we refresh":        {timer: sipua.SessionTimer{Refresher: sipua.Local}, expires: "1800;refresher=uac"},
		"they refresh":      {timer: sipua.SessionTimer{Refresher: sipua.Remote}, expires: "1800;refresher=uas"},
		"off":               {timer: sipua.SessionTimer{Off: true}},
		"late offer":        {expires: "1800", options: sipua.CallOptions{LateOffer: true}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.dial(c.options)
				require.Equal(w, c.expires, value(k.invite, "Session-Expires"))
				require.Equal(w, c.less, value(k.invite, "Min-SE"))
				require.Equal(w, !c.timer.Off, strings.Contains(value(k.invite, "Supported"), "timer"))
				require.NotContains(w, value(k.invite, "Require"), "timer", "who does not know it is called as well")
				w.refuse(k.invite)
			}, timerOf(c.timer))
		})
	}
}

// Section 7.2: what the 2xx says counts, whatever was asked for. Section 10: half of the
// interval for a refresh; a third of it, or 32 s, before its end for BYE.
func TestSessionTimerIsGranted(t *testing.T) {
	for name, c := range map[string]struct {
		header        string
		refresh, over time.Duration // 0: never
	}{
		"none":              {},
		"we":                {header: "Session-Expires: 120;refresher=uac", refresh: 60 * time.Second},
		"we, for long":      {header: "Session-Expires: 1800;refresher=uac", refresh: 900 * time.Second},
		"compact form":      {header: "x: 120;refresher=uac", refresh: 60 * time.Second},
		"spaces and case":   {header: "session-expires: 120 ; REFRESHER = UAC ;x=y", refresh: 60 * time.Second},
		"nobody said":       {header: "Session-Expires: 120", refresh: 60 * time.Second},
		"they":              {header: "Session-Expires: 120;refresher=uas", over: 88 * time.Second},
		"they, for long":    {header: "Session-Expires: 1800;refresher=uas", over: 1768 * time.Second},
		"they, the least":   {header: "Session-Expires: 90;refresher=uas", over: 60 * time.Second},
		"less than allowed": {header: "Session-Expires: 10;refresher=uac", refresh: 45 * time.Second},
		"zero":              {header: "Session-Expires: 0;refresher=uac"},
		"no number":         {header: "Session-Expires: soon;refresher=uac"},
		"negative":          {header: "Session-Expires: -120;refresher=uac"},
		"huge":              {header: "Session-Expires: 99999999999999999999;refresher=uac"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				headers := []sip.Header{farTakes}
				if name, v, ok := strings.Cut(c.header, ": "); ok {
					headers = append(headers, h(name, v))
				}
				k := w.timed(headers...)
				switch {
				case c.refresh > 0:
					require.True(w, last[sipua.CallSessionRefreshed](w).ByUs)
					w.Respond(k.after(c.refresh, "UPDATE"), 200, "OK")
				case c.over > 0:
					require.False(w, last[sipua.CallSessionRefreshed](w).ByUs)
					k.expires(c.over)
					return
				}
				w.ExpectNothing(w.T, 3*time.Hour)
				require.Equal(w, sipua.Established, k.call.State())
			})
		})
	}
	play(t, func(w *world) {
		k := w.timed(h("Session-Expires", "120;refresher=uac"))
		w.ExpectNothing(w.T, time.Hour)
		require.Equal(w, sipua.Established, k.call.State())
		require.Zero(w, count[sipua.CallSessionRefreshed](w))
	}, timerOf(sipua.SessionTimer{Off: true}))
}

// Section 9, table 2, and erratum 1687 for who asks for less than we take and would not know
// what a 422 is.
func TestSessionTimerIsAnswered(t *testing.T) {
	const none = "-"
	for name, c := range map[string]struct {
		timer     sipua.SessionTimer
		headers   []sip.Header
		want      string // Session-Expires of the 200
		require   bool   // timer
		interval  time.Duration
		refreshed bool // by us
	}{
		"unknown, none":      {want: none},
		"unknown, by proxy":  {headers: []sip.Header{h("Session-Expires", "600")}, want: "600;refresher=uas", interval: 600, refreshed: true},
		"unknown, uac":       {headers: []sip.Header{h("Session-Expires", "600;refresher=uac")}, want: "600;refresher=uas", interval: 600, refreshed: true},
		"unknown, uas":       {headers: []sip.Header{h("Session-Expires", "600;refresher=uas")}, want: "600;refresher=uas", interval: 600, refreshed: true},
		"unknown, too small": {timer: sipua.SessionTimer{MinSE: 5 * time.Minute}, headers: []sip.Header{h("Session-Expires", "100")}, want: "300;refresher=uas", interval: 300, refreshed: true},
		"known, none":        {headers: []sip.Header{knowsTimer}, want: "1800;refresher=uac", require: true, interval: 1800},
		"known, Min-SE":      {headers: []sip.Header{knowsTimer, h("Min-SE", "3600")}, want: "3600;refresher=uac", require: true, interval: 3600},
		"known, nobody":      {headers: []sip.Header{knowsTimer, h("Session-Expires", "600")}, want: "600;refresher=uac", require: true, interval: 600},
		"known, we want to":  {timer: sipua.SessionTimer{Refresher: sipua.Local}, headers: []sip.Header{knowsTimer, h("Session-Expires", "600")}, want: "600;refresher=uas", require: true, interval: 600, refreshed: true},
		"known, uac":         {headers: []sip.Header{knowsTimer, h("Session-Expires", "600;refresher=uac")}, want: "600;refresher=uac", require: true, interval: 600},
		"known, uas":         {headers: []sip.Header{knowsTimer, h("Session-Expires", "600;refresher=uas")}, want: "600;refresher=uas", require: true, interval: 600, refreshed: true},
		"uac in any case":    {timer: sipua.SessionTimer{Refresher: sipua.Local}, headers: []sip.Header{knowsTimer, h("Session-Expires", "600;refresher=uac")}, want: "600;refresher=uac", require: true, interval: 600},
		"uas in any case":    {timer: sipua.SessionTimer{Refresher: sipua.Remote}, headers: []sip.Header{knowsTimer, h("Session-Expires", "600;refresher=uas")}, want: "600;refresher=uas", require: true, interval: 600, refreshed: true},
		"required":           {headers: []sip.Header{h("Require", "timer"), h("Session-Expires", "600")}, want: "600;refresher=uac", require: true, interval: 600},
		"compact":            {headers: []sip.Header{h("k", "timer"), h("x", "600;refresher=uac")}, want: "600;refresher=uac", require: true, interval: 600},
		"exactly Min-SE":     {timer: sipua.SessionTimer{MinSE: 10 * time.Minute}, headers: []sip.Header{knowsTimer, h("Session-Expires", "600;refresher=uac")}, want: "600;refresher=uac", require: true, interval: 600},
		"ours is longer":     {headers: []sip.Header{knowsTimer, h("Session-Expires", "90;refresher=uac")}, want: "90;refresher=uac", require: true, interval: 90},
		"off":                {timer: sipua.SessionTimer{Off: true}, headers: []sip.Header{knowsTimer, h("Session-Expires", "600")}, want: none},
		"off, too small":     {timer: sipua.SessionTimer{Off: true}, headers: []sip.Header{knowsTimer, h("Session-Expires", "10")}, want: none},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.timedBy(c.headers...)
				require.Equal(w, []string{c.want}, append(values(k.ok, "Session-Expires"), none)[:1])
				require.Equal(w, c.require, strings.Contains(value(k.ok, "Require"), "timer"), "Require")
				require.Empty(w, values(k.ok, "Min-SE"), "section 5: it is for requests and 422")
				if c.want == none {
					w.ExpectNothing(w.T, 3*time.Hour)
					require.Zero(w, count[sipua.CallSessionRefreshed](w))
					return
				}
				interval := c.interval * time.Second
				require.Equal(w, sipua.CallSessionRefreshed{Call: k.call, Interval: interval, ByUs: c.refreshed}, last[sipua.CallSessionRefreshed](w))
				if c.refreshed {
					k.agree(k.after(interval/2, "INVITE"))
				} else {
					k.expires(interval - min(32*time.Second, interval/3))
				}
			}, timerOf(c.timer))
		})
	}
}

// Section 9: too brief is answered 422 with what is enough, and nobody is rung.
func TestSessionTimerTooBrief(t *testing.T) {
	for name, c := range map[string]struct {
		minSE       time.Duration
		asked, want string
	}{
		"the least":   {0, "60", "90"},
		"ours":        {5 * time.Minute, "299;refresher=uac", "300"},
		"hardly less": {0, "89;refresher=uas", "90"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				invite := w.NewRequest("INVITE", "sip:1001@example.com", knowsTimer, h("Session-Expires", c.asked))
				sipuatest.SetSDP(invite, offer(w.T))
				w.Send(invite)
				res := w.ExpectResponse(w.T, 422)
				require.Equal(w, c.want, value(res, "Min-SE"))
				w.Send(w.NewInDialogRequest("ACK", invite, res))
				require.Zero(w, count[sipua.IncomingCall](w))
				// The second try is the call (section 7.3).
				k := w.timedBy(knowsTimer, h("Session-Expires", c.want), h("Min-SE", c.want))
				require.Equal(w, c.want+";refresher=uac", value(k.ok, "Session-Expires"))
			}, timerOf(sipua.SessionTimer{MinSE: c.minSE}))
		})
	}
}

// The same inside a call: the session goes on as it was.
func TestSessionRefreshTooBrief(t *testing.T) {
	for _, method := range []string{"UPDATE", "INVITE"} {
		t.Run(method, func(t *testing.T) {
			refreshedByThem(t, func(k *talk) {
				time.Sleep(10 * time.Second)
				req := k.NewInDialogRequest(method, k.invite, k.ok, knowsTimer, h("Session-Expires", "80;refresher=uac"))
				if method == "INVITE" {
					sipuatest.SetSDP(req, k.farOffer(false))
				}
				k.Send(req)
				res := k.ExpectResponse(k.T, 422)
				require.Equal(k, "90", value(res, "Min-SE"))
				if method == "INVITE" {
					k.Send(k.NewInDialogRequest("ACK", req, res))
				}
				k.expires(78 * time.Second) // of the interval that began with the call
			})
		})
	}
}

// Section 7.3: the INVITE again with what the 422 wants, which must be named as Min-SE: of
// several the largest.
func TestSessionTimer422(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		k := w.dial(sipua.CallOptions{})
		for i, least := range []string{"2000", "3000", "4000"} {
			w.Respond(k.invite, 422, "Session Interval Too Small", h("Min-SE", least))
			w.ExpectRequest(w.T, "ACK")
			again := w.ExpectRequest(w.T, "INVITE")
			require.Equal(w, least, value(again, "Session-Expires"))
			require.Equal(w, least, value(again, "Min-SE"))
			require.Equal(w, k.invite.CallID().Value(), again.CallID().Value())
			require.Equal(w, value(k.invite, "From"), value(again, "From"))
			require.Empty(w, tag(value(again, "To")))
			require.Equal(w, uint32(i+2), again.CSeq().SeqNo)
			require.Equal(w, string(k.invite.Body()), string(again.Body()))
			k.invite = again
		}
		k.says(k.invite, 200, "OK", k.answerTo(k.invite), farTakes, h("Require", "timer"), h("Session-Expires", "4000;refresher=uac"))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		w.golden("session-timer-422")
		// It is remembered for the refreshes (section 7.4).
		update := k.after(2000*time.Second, "UPDATE")
		require.Equal(w, "4000;refresher=uac", value(update, "Session-Expires"))
		require.Equal(w, "4000", value(update, "Min-SE"))
		w.Respond(update, 200, "OK", h("Session-Expires", "4000;refresher=uac"))
		synctest.Wait()
		require.Equal(w, []string{"calling", "established", "answered"}, w.story())
	})
	for name, headers := range map[string][]sip.Header{
		"without Min-SE": {}, "no number": {h("Min-SE", "long")}, "what we asked for": {h("Min-SE", "1800")}, "less": {h("Min-SE", "90")},
		"more than there is": {h("Min-SE", "99999999999")},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.dial(sipua.CallOptions{})
				w.Respond(k.invite, 422, "Session Interval Too Small", headers...)
				w.ExpectRequest(w.T, "ACK")
				typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, 422)
				w.ExpectNothing(w.T, time.Minute)
			})
		})
	}
	// A server that is never content.
	play(t, func(w *world) {
		k := w.dial(sipua.CallOptions{})
		w.Respond(k.invite, 422, "Session Interval Too Small", h("Min-SE", "4000"))
		w.ExpectRequest(w.T, "ACK")
		w.Respond(w.ExpectRequest(w.T, "INVITE"), 422, "Session Interval Too Small", h("Min-SE", "3000"))
		w.ExpectRequest(w.T, "ACK")
		typed(w, k.call.Answered(w.Context()), sipua.CodeRejected, 422)
	})
}

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
	// Theirs is open: the refresh waits for its ACK.
	refreshedByUs(t, nil, func(k *talk) {
		time.Sleep(59 * time.Second)
		re := k.reinvite(k.farOffer(false))
		ok := k.ExpectResponse(k.T, 200)
		require.Empty(k, value(ok, "Session-Expires"), "the re-INVITE does not know of timers: it ends this one")
		k.applies(ok)
		k.ack(re, ok)
		k.ExpectNothing(k.T, time.Hour)
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
