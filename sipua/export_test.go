package sipua

import "time"

// WantsFlow tells whether subscriptions, notifiers or publications want the flow
// kept up.
func (ua *UserAgent) WantsFlow() (active bool) {
	done := make(chan struct{})
	ua.owner.post(func() { active = ua.subscriptions.active(); close(done) })
	<-done
	return active
}

// Left counts the timers and transactions of a user agent that has been closed.
func (ua *UserAgent) Left() (timers, transactions int) {
	<-ua.owner.done
	for _, l := range ua.links {
		transactions += l.layer.Len()
	}
	return len(ua.timers), transactions
}

// Slept makes the device have slept for d: the clock on the wall went on, that of
// the timers stood still.
func (ua *UserAgent) Slept(d time.Duration) {
	ua.owner.post(func() {
		for t := range ua.timers {
			t.due = t.due.Add(-d)
		}
	})
}

// Kept counts what a user agent holds.
func (ua *UserAgent) Kept() map[string]int {
	kept := make(chan map[string]int)
	ua.owner.post(func() {
		transactions := 0
		for _, l := range ua.links {
			transactions += l.layer.Len()
		}
		kept <- map[string]int{
			"calls": len(ua.calls), "dialogs": len(ua.dialogs), "transactions": transactions,
			"timers": len(ua.timers), "waiters": len(ua.waiters), "outbox": len(ua.outbox),
		}
	})
	return <-kept
}
