package sipua

import "time"

// timer runs a function on the owner goroutine once a time has passed. It
// belongs to its user agent and ends with it. Stopped means stopped: also a timer
// that has fired already and waits in the queue does not run any more.
type timer struct {
	ua *UserAgent
	t  *time.Timer
}

// after starts a timer. It is called on the owner goroutine, as stop is.
func (ua *UserAgent) after(d time.Duration, f func()) *timer {
	t := &timer{ua: ua}
	t.t = time.AfterFunc(d, func() {
		ua.owner.post(func() {
			if ua.timers[t] {
				delete(ua.timers, t)
				f()
			}
		})
	})
	ua.timers[t] = true
	return t
}

// stop may be called at any time, also on no timer.
func (t *timer) stop() {
	if t != nil {
		t.t.Stop()
		delete(t.ua.timers, t)
	}
}
