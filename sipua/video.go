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

// setVideo changes the source when no offer is open, and offers what that changes.
func (c *Call) setVideo(source *VideoSource, none bool, done func(error)) {
	if c.state != Established && c.state != Accepted {
		done(c.stateError("the call is not answered"))
		return
	}
	set := func(ctx context.Context, m Media, source *VideoSource) (bool, error) {
		sender, ok := m.(VideoSender)
		if !ok {
			return false, &Error{Code: CodeUnsupported, Reason: "this media has no video"}
		}
		return sender.SetVideo(ctx, source)
	}
	var before *VideoSource
	var noneBefore bool
	ch := &change{
		needed: func() bool {
			before, noneBefore = c.video, c.noVideo
			return true
		},
		ask:    func(ctx context.Context, m Media) (bool, error) { return set(ctx, m, source) },
		wants:  func(o *OfferOptions) { o.NoVideo = none },
		agreed: func() { c.video, c.noVideo = source, none },
		undo: func(ctx context.Context, m Media) error {
			_, err := set(ctx, m, before)
			return err
		},
	}
	ch.end = func(err error) {
		if err == nil && source != nil && c.videoRefused() {
			c.video, c.noVideo = before, noneBefore
			c.undo(ch)
			err = &Error{Code: CodeRejected, Reason: "the other side does not take video"}
		}
		done(err)
	}
	c.change(ch)
}

// videoRefused: the other side has refused each stream of video (RFC 3264 section 6).
func (c *Call) videoRefused() bool {
	refused := false
	for _, s := range c.streams {
		if s.Kind == "video" && !s.Refused {
			return false
		}
		refused = refused || s.Kind == "video"
	}
	return refused
}
