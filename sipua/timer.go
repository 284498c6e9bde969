package sipua

import (
	"slices"
	"time"
)

// timer runs a function on the owner goroutine once a time has passed. It
// belongs to its user agent and ends with it. Stopped means stopped: also a timer
// that has fired already and waits in the queue does not run any more.
type timer struct {
	ua  *UserAgent
	t   *time.Timer
	due time.Time // by the clock on the wall
	f   func()
}

// after starts a timer. It is called on the owner goroutine, as stop is.
func (ua *UserAgent) after(d time.Duration, f func()) *timer {
	t := &timer{ua: ua, due: wall().Add(d), f: f}
	t.t = time.AfterFunc(d, func() { ua.owner.post(t.fire) })
	ua.timers[t] = true
	return t
}

func (t *timer) fire() {
	if t.ua.timers[t] {
		t.stop()
		t.f()
	}
}

// stop may be called at any time, also on no timer.
func (t *timer) stop() {
	if t != nil {
		t.t.Stop()
		delete(t.ua.timers, t)
	}
}

// wall is the time of the clock on the wall: that of Go's timers may stand still
// while the device sleeps.
func wall() time.Time { return time.Now().Round(0) }

// catchUp runs the timers whose time came while the device slept, the oldest
// first.
func (ua *UserAgent) catchUp() {
	now := wall()
	var late []*timer
	for t := range ua.timers {
		if !now.Before(t.due) {
			late = append(late, t)
		}
	}
	slices.SortFunc(late, func(a, b *timer) int { return a.due.Compare(b.due) })
	for _, t := range late {
		t.fire() // unless an earlier one has stopped it
	}
}
