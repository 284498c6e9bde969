package sipua

import (
	"context"
	"errors"
)

// mediaWorker runs the media of one call beside the owner goroutine, one act
// after the other, and brings each result back through the owner's queue. The
// media is made when the first act needs it.
type mediaWorker struct {
	call    *Call
	options any // of the application; set on the owner before the first act
	ctx     context.Context
	cancel  context.CancelFunc
	acts    *queue
	tones   *queue // DTMF takes seconds and must not hold up offers and answers

	media Media // acts only
	err   error // why there is none
}

func newMediaWorker(c *Call, options any) *mediaWorker {
	w := &mediaWorker{call: c, options: options, acts: newQueue(), tones: newQueue()}
	w.ctx, w.cancel = context.WithCancel(c.ua.ctx)
	return w
}

// get makes the media once. It runs in acts.
func (w *mediaWorker) get() (Media, error) {
	if w.media == nil && w.err == nil {
		if factory := w.call.ua.cfg.Media; factory != nil {
			w.media, w.err = factory(w.ctx, w.call, w.options)
		} else {
			w.err = &Error{Code: CodeUnsupported, Reason: "Config.Media is nil: set a MediaFactory to make and take calls"}
		}
		if w.media == nil && w.err == nil {
			w.err = &Error{Code: CodeMediaFailed, Reason: "the MediaFactory returned nothing"}
		}
	}
	return w.media, w.err
}

// run does f and then, on the owner goroutine, then. It is called on the owner.
func (w *mediaWorker) run(f func(context.Context, Media) (string, error), then func(string, error)) {
	back := func(s string, err error) { w.call.ua.owner.post(func() { then(s, w.typed(err)) }) }
	if !w.acts.post(func() {
		media, err := w.get()
		if err != nil {
			back("", err)
			return
		}
		back(f(w.ctx, media))
	}) {
		back("", errCallOver)
	}
}

// beside does f without holding up what run does, one f at a time.
func (w *mediaWorker) beside(f func(context.Context, Media) error, done func(error)) {
	w.run(func(_ context.Context, m Media) (string, error) {
		if !w.tones.post(func() {
			err := f(w.ctx, m)
			w.call.ua.owner.post(func() { done(w.typed(err)) })
		}) {
			return "", errCallOver
		}
		return "", nil
	}, func(_ string, err error) {
		if err != nil {
			done(err)
		}
	})
}

var errCallOver = &Error{Code: CodeCanceled, Reason: "the call is over"}

// typed gives every error of the media a code.
func (w *mediaWorker) typed(err error) error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return err
	case w.ctx.Err() != nil:
		return &Error{Code: CodeCanceled, Reason: "the call is over", Err: err}
	}
	return &Error{Code: CodeMediaFailed, Err: err}
}

// close ends what runs and then the media.
func (w *mediaWorker) close() {
	w.cancel()
	w.tones.close()
	w.acts.post(func() {
		<-w.tones.done // SendDTMF ends with the context
		if w.media != nil {
			w.media.Close()
		}
	})
	w.acts.close()
}
