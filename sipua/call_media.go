package sipua

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/offer"
)

// mediaWorker runs the media of one call beside the owner goroutine, one act
// after the other, and brings each result back through the owner's queue. The
// media is made when the first act needs it. Every session description passes
// through here, in both directions: this is where the codecs, the bandwidth and the
// hook of the application are applied.
type mediaWorker struct {
	call    *Call
	options any // of the application; set on the owner before the first act, and after it with the microphone
	ctx     context.Context
	cancel  context.CancelFunc
	acts    *queue
	tones   *queue // DTMF takes seconds and must not hold up offers and answers

	media Media                 // acts only
	err   error                 // why there is none
	made  atomic.Pointer[Media] // for others that mix its sound
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
		if w.err == nil {
			w.made.Store(&w.media)
			w.watch()
		}
	}
	return w.media, w.err
}

// watch lets the media tell what nobody asks it for. It runs in acts.
func (w *mediaWorker) watch() {
	if watcher, ok := w.media.(ConnectionWatcher); ok {
		watcher.WatchConnection(func(state ConnectionState) {
			w.call.ua.owner.post(func() { w.call.connectionChanged(w, state) })
		})
	}
	if t, ok := w.media.(Trickler); ok && w.call.trickleMode().on() {
		t.WatchCandidates(func(sdp string) {
			w.call.ua.owner.post(func() { w.call.candidatesFound(w, sdp) })
		})
	}
	if receiver, ok := w.media.(ToneReceiver); ok {
		receiver.OnTone(func(tone string, d time.Duration) {
			w.call.ua.owner.post(func() { w.call.toneReceived(w, tone, d) })
		})
	}
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

// trickles says whether the candidates of this media may follow its descriptions. It
// runs in acts.
func (w *mediaWorker) trickles() bool {
	_, can := w.media.(Trickler)
	return can && w.call.trickleMode().on()
}

// told notes a description before it is sent.
func (w *mediaWorker) told(then func(string, error)) func(string, error) {
	return func(sdp string, err error) {
		if err == nil && w == w.call.media {
			w.call.described(sdp)
		}
		then(sdp, err)
	}
}

// createOffer makes an offer, after what prepare, when given, does to the media.
func (w *mediaWorker) createOffer(prepare func(context.Context, Media) error, o OfferOptions, then func(sdp string, err error)) {
	w.run(func(ctx context.Context, m Media) (string, error) {
		if prepare != nil {
			if err := prepare(ctx, m); err != nil {
				return "", err
			}
		}
		o.Trickle = o.Trickle && w.trickles()
		sdp, err := m.CreateOffer(ctx, o)
		if err != nil {
			return "", err
		}
		if sdp, err = w.filter(sdp, true, DescriptionOffer); err != nil {
			err = errors.Join(err, m.Rollback(ctx))
		}
		return sdp, err
	}, w.told(then))
}

// createAnswer answers an offer of the other side.
func (w *mediaWorker) createAnswer(remote string, o OfferOptions, then func(sdp string, err error)) {
	w.run(func(ctx context.Context, m Media) (string, error) {
		remote, err := w.filter(remote, false, DescriptionOffer)
		if err != nil {
			return "", err
		}
		o.Trickle = o.Trickle && w.trickles()
		sdp, err := m.CreateAnswer(ctx, remote, o)
		if err != nil {
			return "", err
		}
		return w.filter(sdp, true, DescriptionAnswer)
	}, w.told(then))
}

// applyAnswer takes the other side's answer.
func (w *mediaWorker) applyAnswer(sdp string, provisional bool, then func(error)) {
	w.run(func(ctx context.Context, m Media) (string, error) {
		if err := offer.Valid(sdp); err != nil {
			return "", &Error{Code: CodeProtocol, Reason: "the answer has no usable session description", Err: err}
		}
		kind := DescriptionAnswer
		if provisional {
			kind = DescriptionProvisional
		}
		sdp, err := w.filter(sdp, false, kind)
		if err != nil {
			return "", err
		}
		return "", m.ApplyAnswer(ctx, sdp, provisional)
	}, func(_ string, err error) { then(err) })
}

// rollback withdraws our offer, and then does undo, when given, before the media is asked
// for anything else. What cannot be undone shows in the next description.
func (w *mediaWorker) rollback(undo func(context.Context, Media) error, then func(error)) {
	w.run(func(ctx context.Context, m Media) (string, error) {
		err := m.Rollback(ctx)
		if err == nil && undo != nil {
			_ = undo(ctx, m)
		}
		return "", err
	}, func(_ string, err error) { then(err) })
}

// filter is what a description goes through on its way between media and network.
// The hook of the application comes last before the network sees the description
// and first after it has.
func (w *mediaWorker) filter(sdp string, local bool, kind DescriptionKind) (string, error) {
	cfg := &w.call.ua.cfg
	hook := func() (err error) {
		if cfg.SDP != nil {
			sdp, err = cfg.SDP(Description{Call: w.call, Local: local, Kind: kind, SDP: sdp})
		}
		return err
	}
	policy := offer.Policy{Order: cfg.Codecs.Order, Remove: cfg.Codecs.Remove, Audio: cfg.Bandwidth.Audio, Video: cfg.Bandwidth.Video}
	if !local {
		if err := hook(); err != nil {
			return "", err
		}
	}
	if local && !w.trickles() {
		sdp = offer.Complete(sdp) // browsers always say that they trickle
	}
	sdp, err := policy.Apply(sdp)
	if err != nil {
		return "", &Error{Code: CodeMediaFailed, Status: sip.StatusNotAcceptableHere, Reason: "Config.Codecs leaves nothing to talk with", Err: err}
	}
	if local {
		err = hook()
	}
	return sdp, err
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
