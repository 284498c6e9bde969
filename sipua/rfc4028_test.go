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

// RFC 4028: how a session timer is agreed on, sections 7 and 9. The refreshes themselves are in
// rfc4028_refresh_test.go.

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
