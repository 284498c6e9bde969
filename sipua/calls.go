package sipua

import "context"

// holdOthers puts the calls on hold that c takes the person from, where the
// configuration wants that.
func (ua *UserAgent) holdOthers(c *Call) {
	if !ua.cfg.HoldOthers {
		return
	}
	for _, other := range ua.calls {
		if other != c && (other.state == Established || other.state == Accepted) && !together(other, c) {
			other.hold(true, func(error) {}) // a refusal leaves the other side listening to silence: see Media
		}
	}
}

// together: both are in one conference.
func together(a, b *Call) bool { return a.conference != nil && a.conference == b.conference }

// Swap puts one call on hold and takes the other back (toggle, alternate). It returns
// when both sides have agreed. When the first refuses to be held, the other stays on
// hold.
func (ua *UserAgent) Swap(ctx context.Context, hold, resume *Call) error {
	if err := hold.Hold(ctx); err != nil {
		return asError("swap", CodeInternal, err)
	}
	if err := resume.Resume(ctx); err != nil {
		return asError("swap", CodeInternal, err)
	}
	return nil
}
