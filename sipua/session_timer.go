package sipua

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// sessionTimer watches over one session (RFC 4028). One side, the refresher, shows at
// half of each interval that it is still there; a session that is not refreshed ends
// shortly before the interval does.
//
//	                     our INVITE, UPDATE                    theirs
//	422                  again with the Min-SE in it (7.4)     when it asks for less than ours (8.1)
//	2xx without          no timer                              where the other side knows of none
//	refresher=uac        we refresh                            they do
//	refresher=uas        they do                               we do
type sessionTimer struct {
	interval time.Duration
	minSE    time.Duration // a 422 raises it
	ours     bool          // we refresh
	refresh  *timer        // ours: the next one
	until    time.Time     // the session is given up
	expiry   *timer
}

// leastSE is the least value of Session-Expires and Min-SE (section 5).
const leastSE = 90 * time.Second

// CallSessionRefreshed: the session timer has been set anew: the call is alive at both
// ends. It ends by itself when nothing refreshes it within Interval (RFC 4028).
type CallSessionRefreshed struct {
	Call     *Call
	Interval time.Duration
	ByUs     bool // the next refresh is ours to send
}

func (CallSessionRefreshed) event() {}

func (t *sessionTimer) stop() {
	t.refresh.stop()
	t.expiry.stop()
}

// askTimer puts into a request of ours what we want (section 7.1).
func (c *Call) askTimer(req *sip.Request) {
	cfg := c.ua.cfg.SessionTimer
	if cfg.Off {
		return
	}
	value := strconv.Itoa(int(c.wantedSE() / time.Second))
	switch {
	case c.timer.interval > 0 && c.timer.ours, c.timer.interval == 0 && cfg.Refresher == Local:
		value += ";refresher=uac" // section 7.4: it stays who it is
	case c.timer.interval > 0, cfg.Refresher == Remote:
		value += ";refresher=uas"
	}
	req.AppendHeader(sip.NewHeader("Session-Expires", value))
	if least := max(cfg.MinSE, c.timer.minSE); least > leastSE {
		req.AppendHeader(secondsHeader("Min-SE", least))
	}
}

// wantedSE is the interval that our next request asks for: that of the session, once it has
// one (section 7.4), and not less than any Min-SE.
func (c *Call) wantedSE() time.Duration {
	interval := c.timer.interval
	if interval == 0 {
		interval = c.ua.cfg.SessionTimer.Expires
	}
	return max(interval, c.ua.cfg.SessionTimer.MinSE, c.timer.minSE)
}

// tooBrief takes a 422 (section 7.4): false when trying again would not help.
func (c *Call) tooBrief(res *sip.Response) bool {
	n, ok := message.Seconds(res, "Min-SE")
	least := time.Duration(n) * time.Second
	if !ok || least <= c.wantedSE() || least > maxExpires {
		return false
	}
	c.timer.minSE = least
	return true
}

// refuseTimer answers a request that asks for a shorter interval than we take (section
// 9), and reports whether it did. Who does not know of timers would not know what to do
// about it.
func (ua *UserAgent) refuseTimer(tx *transaction.Server) bool {
	interval, _ := sessionExpires(tx.Request)
	if ua.cfg.SessionTimer.Off || interval == 0 || interval >= ua.cfg.SessionTimer.MinSE || !knowsTimer(tx.Request) {
		return false
	}
	ua.respond(tx, 422, "Session Interval Too Small", secondsHeader("Min-SE", ua.cfg.SessionTimer.MinSE))
	return true
}

// sessionExpires reads the header of that name (section 4): 0 when there is none.
func sessionExpires(msg sip.Message) (interval time.Duration, refresher string) {
	h := message.First(msg, "Session-Expires")
	if h == nil {
		return 0, ""
	}
	parts := message.SplitQuoted(h.Value(), ";")
	n, err := strconv.ParseUint(strings.TrimSpace(parts[0]), 10, 32)
	if err != nil {
		return 0, ""
	}
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "refresher") {
			refresher = strings.ToLower(strings.TrimSpace(value))
		}
	}
	return min(time.Duration(n)*time.Second, maxExpires), refresher
}

func knowsTimer(msg sip.Message) bool {
	return slices.Contains(message.Tokens(msg, "Supported"), "timer") || slices.Contains(message.Tokens(msg, "Require"), "timer")
}

// grantTimer puts into our 2xx what becomes of the timer (section 9, table 2), and starts
// it.
func (c *Call) grantTimer(req *sip.Request, res *sip.Response) {
	cfg := c.ua.cfg.SessionTimer
	interval, refresher := sessionExpires(req)
	if cfg.Off || interval == 0 && !knowsTimer(req) {
		c.setTimer(0, false)
		return
	}
	if interval == 0 {
		interval = max(cfg.Expires, minSEOf(req))
	}
	interval = max(interval, cfg.MinSE)
	if !knowsTimer(req) {
		refresher = "uas"
	}
	if refresher != "uac" && refresher != "uas" {
		refresher = "uac"
		if cfg.Refresher == Local {
			refresher = "uas"
		}
	}
	res.AppendHeader(sip.NewHeader("Session-Expires", strconv.Itoa(int(interval/time.Second))+";refresher="+refresher))
	if knowsTimer(req) { // it has to refresh, or to end a session that we do not refresh
		res.AppendHeader(sip.NewHeader("Require", "timer"))
	}
	c.setTimer(interval, refresher == "uas")
}

func minSEOf(msg sip.Message) time.Duration {
	n, _ := message.Seconds(msg, "Min-SE")
	return min(time.Duration(n)*time.Second, maxExpires)
}

// startTimer takes what the other side's 2xx says (section 7.2).
func (c *Call) startTimer(res *sip.Response) {
	if c.ua.cfg.SessionTimer.Off {
		return
	}
	interval, refresher := sessionExpires(res)
	c.setTimer(interval, refresher != "uas")
}

// setTimer begins an interval: 0 means that there is none (any more).
func (c *Call) setTimer(interval time.Duration, ours bool) {
	c.timer.stop()
	if interval > 0 {
		interval = max(interval, leastSE) // section 5: nothing else is valid
	}
	c.timer.interval, c.timer.ours = interval, ours
	if interval == 0 {
		return
	}
	c.armRefresh(interval / 2)
	limit := interval - min(32*time.Second, interval/3) // section 10: so long before it ends
	c.timer.until = time.Now().Add(limit)
	c.after(&c.timer.expiry, limit, func() {
		if c.state == Established {
			c.finishGone(&Error{Op: "call", Code: CodeTimeout, Status: sip.StatusRequestTimeout, Reason: "the session was not refreshed in time (RFC 4028)"})
		}
	})
	c.ua.emit(CallSessionRefreshed{Call: c, Interval: interval, ByUs: ours})
}

// armRefresh makes the next refresh of ours come after d. It waits in the queue of
// changes like any other, so that a busy call is refreshed as soon as it is not.
func (c *Call) armRefresh(d time.Duration) {
	if !c.timer.ours {
		return
	}
	c.after(&c.timer.refresh, d, func() {
		c.queueRefresh(func(err error) {
			if err != nil && c.state == Established {
				// Section 10: again while there is time, but not continuously.
				c.armRefresh(max(10*time.Second, time.Until(c.timer.until)/2))
			}
		})
	})
}

// queueRefresh shows that the session goes on: UPDATE, or a re-INVITE with the session
// as it is.
func (c *Call) queueRefresh(done func(error)) {
	c.change(&change{bare: true, end: done})
}
