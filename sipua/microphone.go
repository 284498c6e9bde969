package sipua

import "context"

// SetMicrophone sends the sound of another microphone from now on, without telling the
// other side: mute, hold and conference stay. options is what [CallOptions].Media takes;
// media that is made anew later in the call is made with it too. After an error what was
// sent before is sent still. Errors: CodeInvalidState for an incoming call that has no
// media yet and for one that is over; CodeUnsupported: this media cannot; those of the
// media.
func (c *Call) SetMicrophone(ctx context.Context, options any) error {
	return c.ua.do(ctx, "set microphone", func(done func(error)) {
		in := &c.incoming
		if c.state == Ended || c.direction == Incoming && c.state == Ringing && len(in.waiting) == 0 && in.local == "" {
			done(c.stateError("a call has a microphone from when it is made or accepted until it ends"))
			return
		}
		c.setMicrophone(options, done)
	})
}

// setMicrophone changes the media, and the one that takes its place meanwhile.
func (c *Call) setMicrophone(options any, done func(error)) {
	w := c.media
	w.run(func(ctx context.Context, m Media) (string, error) {
		sender, ok := m.(MicrophoneSender)
		if !ok {
			return "", &Error{Code: CodeUnsupported, Reason: "the microphone of this media cannot be changed"}
		}
		return "", sender.SetMicrophone(ctx, options)
	}, func(_ string, err error) {
		switch {
		case w != c.media && c.state != Ended:
			c.setMicrophone(options, done)
			return
		case err == nil:
			c.media.options = options
		}
		done(err)
	})
}
