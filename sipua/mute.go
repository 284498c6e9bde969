package sipua

import "context"

// Mute silences the microphone, or lets it be heard again, without telling the
// other side. CodeInvalidState for an incoming call that is not accepted yet and
// for one that is over; CodeUnsupported: this media cannot.
func (c *Call) Mute(ctx context.Context, mute bool) error {
	return c.ua.do(ctx, "mute", func(done func(error)) {
		if c.state == Ended || c.direction == Incoming && c.state == Ringing {
			// Muting must not be what opens the microphone.
			done(c.stateError("a call can be muted from when it is made or accepted until it ends"))
			return
		}
		c.mute(mute, done)
	})
}

// mute silences the media, and the one that takes its place meanwhile.
func (c *Call) mute(mute bool, done func(error)) {
	w := c.media
	w.run(func(_ context.Context, m Media) (string, error) {
		muter, ok := m.(Muter)
		if !ok {
			return "", &Error{Code: CodeUnsupported, Reason: "this media cannot be muted"}
		}
		return "", muter.Mute(mute)
	}, func(_ string, err error) {
		switch {
		case w != c.media && c.state != Ended:
			c.mute(mute, done)
			return
		case err == nil:
			c.muted = mute
			c.publish()
		}
		done(err)
	})
}
