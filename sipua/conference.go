package sipua

import (
	"context"
	"slices"
)

// Conference is a meeting of calls of one user agent in which everybody hears everybody
// else: the media of each call sends the sound of the others besides ours. No server
// takes part. Its methods may be called from any goroutine.
type Conference struct {
	ua *UserAgent

	// Owned by the owner goroutine.
	calls []*Call
}

// Conference brings calls together, those that are on hold included: it takes them back.
// It returns when that is done. Errors: CodeInvalidArgument for less than two calls,
// CodeInvalidState for one that is not answered or in another conference,
// CodeUnsupported when the media cannot mix, and those of [Call.Resume]. After an error
// there is no conference; calls that were taken back stay so.
func (ua *UserAgent) Conference(ctx context.Context, calls ...*Call) (*Conference, error) {
	f := &Conference{ua: ua}
	calls = slices.Clone(calls)
	for i, c := range calls {
		if c == nil || c.ua != ua || slices.Contains(calls[:i], c) {
			return nil, &Error{Op: "conference", Code: CodeInvalidArgument, Reason: "a conference is of different calls of this user agent"}
		}
	}
	if len(calls) < 2 {
		return nil, &Error{Op: "conference", Code: CodeInvalidArgument, Reason: "a conference takes two calls or more"}
	}
	for i, c := range calls {
		if err := f.add(ctx, c, i == len(calls)-1); err != nil {
			_ = f.End(ctx) // nobody is mixed yet
			return nil, err
		}
	}
	return f, nil
}

// Add brings another call into the conference. Errors as those of UserAgent.Conference.
func (f *Conference) Add(ctx context.Context, c *Call) error {
	if c == nil || c.ua != f.ua {
		return &Error{Op: "conference", Code: CodeInvalidArgument, Reason: "a conference is of calls of one user agent"}
	}
	return f.add(ctx, c, true)
}

func (f *Conference) add(ctx context.Context, c *Call, mix bool) error {
	const op = "conference"
	err := f.ua.do(ctx, op, func(done func(error)) {
		switch {
		case c.state != Established && c.state != Accepted:
			done(c.stateError("the call is not answered"))
			return
		case c.conference != nil && c.conference != f:
			done(c.stateError("the call is in another conference"))
			return
		case c.conference == nil:
			c.conference = f
			f.calls = append(f.calls, c)
		}
		c.hold(false, done)
	})
	if err == nil && mix {
		err = f.ua.do(ctx, op, f.mix)
	}
	if err != nil {
		_ = f.Drop(ctx, c)
	}
	return err
}

// Drop takes a call out of the conference, which stays as it is: with the person alone.
// Hold or hang it up before or after, as wanted.
func (f *Conference) Drop(ctx context.Context, c *Call) error {
	return f.ua.do(ctx, "conference", func(done func(error)) {
		if !slices.Contains(f.calls, c) {
			done(nil)
			return
		}
		f.left(c)
		if c.state == Ended {
			done(nil)
			return
		}
		c.mix(nil, done)
	})
}

// End takes all calls apart. It ends none of them.
func (f *Conference) End(ctx context.Context) error {
	return f.ua.do(ctx, "conference", func(done func(error)) {
		for _, c := range slices.Clone(f.calls) {
			f.left(c)
			if c.state != Ended {
				c.mix(nil, func(error) {}) // the media that cannot was never mixed
			}
		}
		done(nil)
	})
}

// Calls lists those who take part.
func (f *Conference) Calls() []*Call {
	var calls []*Call
	_ = f.ua.do(context.Background(), "conference", func(done func(error)) { // closed: nobody
		calls = slices.Clone(f.calls)
		done(nil)
	})
	return calls
}

// left: the call is over, or dropped. The others go on.
func (f *Conference) left(c *Call) {
	if f == nil {
		return
	}
	c.conference = nil
	if i := slices.Index(f.calls, c); i >= 0 {
		f.calls = slices.Delete(f.calls, i, i+1)
		if !f.ua.closed {
			f.mix(func(error) {}) // they could before
		}
	}
}

// mix lets each call send the sound of the others.
func (f *Conference) mix(done func(error)) {
	left := len(f.calls)
	if left == 0 {
		done(nil)
		return
	}
	var first error
	for _, c := range f.calls {
		var others []*mediaWorker
		for _, other := range f.calls {
			if other != c {
				others = append(others, other.media)
			}
		}
		c.mix(others, func(err error) {
			if first == nil {
				first = err
			}
			if left--; left == 0 {
				done(first)
			}
		})
	}
}

// mix lets the media of the call send the sound of others besides its own.
func (c *Call) mix(others []*mediaWorker, done func(error)) {
	c.media.run(func(_ context.Context, m Media) (string, error) {
		mixer, ok := m.(Mixer)
		if !ok {
			return "", &Error{Code: CodeUnsupported, Reason: "this media cannot mix calls"}
		}
		var media []Media
		for _, w := range others {
			if m := w.made.Load(); m != nil {
				media = append(media, *m)
			}
		}
		return "", mixer.Mix(media)
	}, func(_ string, err error) { done(err) })
}
