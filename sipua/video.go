package sipua

import (
	"context"
)

// AddVideo sends video from now on: the camera, or the screen. It asks the person where
// the platform wants that, and offers the other side what is new; where video is sent
// already its source is changed without an offer. It returns when the other side has
// agreed. Errors: CodeUnsupported when the media cannot; those of the media; CodeRejected
// when the other side does not want it, which leaves the call as it was.
func (c *Call) AddVideo(ctx context.Context, source VideoSource) error {
	return c.ua.do(ctx, "add video", func(done func(error)) { c.setVideo(&source, false, done) })
}

// RemoveVideo neither sends nor receives video any more. The sound goes on.
func (c *Call) RemoveVideo(ctx context.Context) error {
	return c.ua.do(ctx, "remove video", func(done func(error)) { c.setVideo(nil, true, done) })
}

// StopVideo sends no video any more, and goes on to receive it.
func (c *Call) StopVideo(ctx context.Context) error {
	return c.ua.do(ctx, "stop video", func(done func(error)) { c.setVideo(nil, false, done) })
}

// setVideo changes the source first: that may take as long as a person wants, during
// which other changes go on.
func (c *Call) setVideo(source *VideoSource, none bool, done func(error)) {
	if c.state != Established && c.state != Accepted {
		done(c.stateError("the call is not answered"))
		return
	}
	before := c.video
	set := func(ctx context.Context, m Media, source *VideoSource) (bool, error) {
		sender, ok := m.(VideoSender)
		if !ok {
			return false, &Error{Code: CodeUnsupported, Reason: "this media has no video"}
		}
		return sender.SetVideo(ctx, source)
	}
	negotiate := false
	c.media.run(func(ctx context.Context, m Media) (_ string, err error) {
		negotiate, err = set(ctx, m, source)
		return "", err
	}, func(_ string, err error) {
		switch {
		case err != nil:
			done(err)
		case c.state == Ended:
			done(errCallOver)
		case !negotiate && c.noVideo == none:
			c.video = source
			done(nil)
		default:
			c.change(&change{
				op:     "video",
				wants:  func(o *OfferOptions) { o.NoVideo = none },
				agreed: func() { c.video, c.noVideo = source, none },
				undo: func(ctx context.Context, m Media) error {
					_, err := set(ctx, m, before)
					return err
				},
				end: done,
			})
		}
	})
}
