package sipua

import (
	"context"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// Publication is a state of ours at a compositor (RFC 3903), which tells it to
// those who have subscribed. It is kept alive until Remove or until the event
// PublicationEnded says that it is lost. Its methods may be called from any
// goroutine, event listeners included.
//
// One PUBLISH is under way at a time (section 4); who asks meanwhile waits for its
// turn.
//
//	            publish  update      due         recovered   remove    2xx        412          passing failure  failure
//	new         sending  –           –           –           –         –          –            –                –
//	sending     –        (waits)     –           –           (waits)   published  ended        ended            ended
//	published   –        refreshing  refreshing  –           removing  –          –            –                –
//	refreshing  –        (waits)     –           –           (waits)   published  refreshing*  waiting          ended, or published
//	waiting     –        refreshing  refreshing  refreshing  removing  –          –            –                –
//	removing    –        (waits)     –           –           (waits)   ended      ended        ended            ended
//	ended       –        –           –           –           –         –          –            –                –
//
// Refreshing* is initial, with the body: the compositor has forgotten us (section
// 4.4). An update that is refused leaves what was published.
type Publication struct {
	ua      *UserAgent
	target  sip.Uri
	options PublishOptions

	// Owned by the owner goroutine.
	state  publicationState
	callID string
	tag    string
	seq    uint32
	etag   string
	asked  time.Duration
	until  time.Time
	due    *timer
	lost   bool // the last PUBLISH failed for want of a flow
	tries  int
	turn   []turn

	forsaken bool // nobody has got it
}

// PublishOptions shape a publication.
type PublishOptions struct {
	// Event is the event package, such as "presence". Required.
	Event string
	// ContentType and Body are the state. Required.
	ContentType string
	Body        []byte
	// Expires is the lifetime asked for, in whole seconds, up to 24 hours. The
	// compositor may shorten it. Default 1 hour.
	Expires time.Duration
	// Target is whose state it is, in the forms that Call takes. Default: our own
	// address of record.
	Target string
	// Once is for what is told once and is no state, such as a report of RFC 6035:
	// one PUBLISH without Expires, and no entity tag is wanted in its answer. The
	// publication is over when Publish returns, and no PublicationEnded follows.
	Once bool
}

// PublicationEnded: a publication is over. It comes exactly once for each
// Publication. Err is an *Error, nil after Remove.
type PublicationEnded struct {
	Publication *Publication
	Err         error
}

func (PublicationEnded) event() {}

// conditionalRequestFailed is the status of an entity tag that is not known
// (section 11.2.1).
const conditionalRequestFailed = 412

type publicationState uint8

const (
	publicationNew publicationState = iota
	publicationSending
	publicationPublished
	publicationRefreshing
	publicationWaiting
	publicationRemoving
	publicationEnded
)

// Publish gives a state of ours to the compositor and returns when that has
// accepted it. Errors: CodeInvalidArgument, CodeRejected with the status (489:
// it does not know the package), CodeUnauthorized, CodeTimeout,
// CodeConnectionFailed, CodeInvalidState beyond 1000 publications.
func (ua *UserAgent) Publish(ctx context.Context, o PublishOptions) (*Publication, error) {
	const op = "publish"
	target := *ua.aor.Clone()
	err := checkEvent(o.Event, "")
	if err == nil && o.Target != "" {
		target, err = ua.target(o.Target)
	}
	if err == nil {
		o.Expires, err = checkLifetime(o.Expires, time.Hour)
	}
	if err == nil {
		err = checkBody(o.ContentType, o.Body)
	}
	if err != nil {
		return nil, &Error{Op: op, Code: CodeInvalidArgument, Reason: err.Error()}
	}
	if len(o.Body) == 0 {
		return nil, &Error{Op: op, Code: CodeInvalidArgument, Reason: "a publication wants a body (RFC 3903 section 4.2)"}
	}
	o.Body = slices.Clone(o.Body)
	p := &Publication{ua: ua, target: target, options: o, asked: o.Expires, callID: message.NewToken(24), tag: message.NewTag()}
	err = ua.do(ctx, op, func(done func(error)) {
		switch {
		case ua.closed:
			done(&Error{Code: CodeClosed, Reason: "the user agent was closed"})
		case len(ua.subscriptions.publications) >= maxSubscriptions:
			done(&Error{Code: CodeInvalidState, Reason: "there are 1000 publications already: remove one of them first"})
		default:
			ua.subscriptions.publications = append(ua.subscriptions.publications, p)
			p.send(publicationSending, p.options.ContentType, p.options.Body, 0, done)
		}
	})
	if err != nil {
		ua.owner.post(p.forsake) // also when ctx has ended: nobody knows of it
		return nil, err
	}
	return p, nil
}

// forsake removes a publication that its maker has not waited for.
func (p *Publication) forsake() {
	if p.state != publicationNew && p.state != publicationEnded {
		p.forsaken = true
		p.remove(func(error) {})
	}
}

// Event is the name of the event package.
func (p *Publication) Event() string { return p.options.Event }

// Update publishes another state in place of the present one. A refusal
// (CodeRejected with the status) leaves that as it was. CodeInvalidState when
// the publication is over.
func (p *Publication) Update(ctx context.Context, contentType string, body []byte) error {
	const op = "update publication"
	if err := checkBody(contentType, body); err != nil || len(body) == 0 {
		reason := "an update wants a body; Remove takes the state away"
		if err != nil {
			reason = err.Error()
		}
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: reason}
	}
	body = slices.Clone(body)
	return p.ua.do(ctx, op, func(done func(error)) { p.update(contentType, body, done) })
}

// Remove takes the state away (section 4.5). It returns when the compositor has
// answered; a publication that is over is no failure. With an error the
// compositor may keep the state until it expires.
func (p *Publication) Remove(ctx context.Context) error {
	err := p.ua.do(ctx, "remove publication", p.remove)
	if asError("", CodeInternal, err).Code == CodeClosed {
		return nil
	}
	return err
}

func (p *Publication) busy() bool {
	return p.state == publicationSending || p.state == publicationRefreshing || p.state == publicationRemoving
}

func (p *Publication) update(contentType string, body []byte, done func(error)) {
	switch {
	case p.state == publicationEnded:
		done(&Error{Code: CodeInvalidState, Reason: "the publication is over"})
	case p.busy():
		p.turn = append(p.turn, turn{func(done func(error)) { p.update(contentType, body, done) }, done})
	default:
		p.send(publicationRefreshing, contentType, body, 0, done)
	}
}

func (p *Publication) remove(done func(error)) {
	switch {
	case p.state == publicationEnded:
		done(nil)
	case p.busy():
		p.turn = append(p.turn, turn{p.remove, done})
	default:
		p.send(publicationRemoving, "", nil, 0, done)
	}
}

// refresh prolongs it (section 4.3): no body. What has run out is published anew.
func (p *Publication) refresh() {
	if !time.Now().Before(p.until) {
		p.etag = ""
	}
	if p.etag == "" {
		p.send(publicationRefreshing, p.options.ContentType, p.options.Body, 0, nil)
		return
	}
	p.send(publicationRefreshing, "", nil, 0, nil)
}

func (p *Publication) recovered() {
	if p.state == publicationWaiting && p.lost {
		p.refresh()
	}
}

// send publishes. briefs counts the 423 answers.
func (p *Publication) send(state publicationState, contentType string, body []byte, briefs int, done func(error)) {
	p.due.stop()
	p.state, p.lost = state, false
	expires := p.asked
	if state == publicationRemoving {
		expires = 0
	}
	x := p.ua.request(
		func() *sip.Request { return p.build(expires, contentType, body) },
		func(res *sip.Response, err error) {
			if err == nil && res.StatusCode < 200 || p.state == publicationEnded {
				if p.state == publicationEnded && done != nil {
					done(&Error{Code: CodeClosed, Reason: "the user agent was closed"})
				}
				return
			}
			p.answered(contentType, body, briefs, res, err, done)
		})
	x.next = func(*sip.Request) (uint32, bool) { p.seq++; return p.seq, true }
	x.retry = briefly // one that has arrived made the tag old, and is followed by a 412
}

func (p *Publication) build(expires time.Duration, contentType string, body []byte) *sip.Request {
	p.seq++
	req := sip.NewRequest(sip.PUBLISH, p.target)
	req.AppendHeader(p.ua.from(p.tag))
	req.AppendHeader(&sip.ToHeader{Address: *p.target.Clone()})
	callID := sip.CallIDHeader(p.callID)
	req.AppendHeader(&callID)
	message.CSeq(req, p.seq)
	req.AppendHeader(eventHeader(p.options.Event, ""))
	if p.etag != "" {
		req.AppendHeader(sip.NewHeader("SIP-If-Match", p.etag))
	}
	if !p.options.Once {
		req.AppendHeader(secondsHeader("Expires", expires))
	}
	setBody(req, contentType, body)
	return req
}

func (p *Publication) answered(contentType string, body []byte, briefs int, res *sip.Response, err error, done func(error)) {
	if done == nil {
		done = func(error) {}
	}
	removing, first := p.state == publicationRemoving, p.state == publicationSending && p.until.IsZero()
	if removing {
		p.removed(res, err, done)
		return
	}
	status := 0
	if err == nil {
		status = res.StatusCode
	}
	switch {
	case status >= 200 && status < 300 && p.options.Once:
		p.end(nil)
		done(nil)
		return
	case status >= 200 && status < 300:
		p.published(contentType, body, res, done)
		return
	case status == conditionalRequestFailed && p.etag != "":
		// Section 4.4 with 11.2.1: the tag is unknown. All of it, once more; without
		// a tag there is no second 412.
		p.etag = ""
		if len(body) == 0 {
			contentType, body = p.options.ContentType, p.options.Body
		}
		p.send(p.state, contentType, body, 0, done)
		return
	case status == sip.StatusIntervalToBrief && briefs < 2 && !p.options.Once:
		least, _ := message.Seconds(res, "Min-Expires")
		if longer := time.Duration(least) * time.Second; longer > p.asked && longer <= maxExpires {
			p.asked = longer
			p.send(p.state, contentType, body, briefs+1, done)
			return
		}
	}
	if err == nil {
		err = rejected(res)
	}
	passing := flowFailed(err) || asError("", CodeInternal, err).Code == CodeTimeout || status >= 500 && status < 600
	refusedUpdate := len(body) > 0 && status >= 400 && p.etag != "" && time.Now().Before(p.until)
	switch {
	case first || !passing && !refusedUpdate:
		p.end(asError("publish", CodeInternal, err))
	case refusedUpdate && !passing:
		p.state = publicationPublished // what was published holds
		p.due = p.ua.after(refreshAfter(max(0, time.Until(p.until))), p.refresh)
	default:
		p.wait(res, err)
	}
	done(err)
	p.next()
}

// wait tries again after the Retry-After or a while that grows, and at once when
// the flow is back.
func (p *Publication) wait(res *sip.Response, err error) {
	p.state, p.lost = publicationWaiting, flowFailed(err)
	p.tries++
	pause := max(backoff(p.tries), 5*time.Second)
	if res != nil {
		pause = max(pause, retryAfter(res))
	}
	if p.lost {
		p.ua.awaitsFlow()
		return
	}
	p.due = p.ua.after(pause, p.refresh)
}

// published is the 2xx (section 4.1): a new entity tag, and a lifetime not
// longer than what was asked for.
func (p *Publication) published(contentType string, body []byte, res *sip.Response, done func(error)) {
	etag := message.HeaderValue(res, "SIP-ETag")
	if !message.IsToken(etag) {
		err := &Error{Op: "publish", Code: CodeProtocol, Status: res.StatusCode, Reason: "the compositor gave no SIP-ETag, without which the publication cannot be kept"}
		p.end(err)
		done(err)
		p.next()
		return
	}
	if len(body) > 0 {
		p.options.ContentType, p.options.Body = contentType, body
	}
	granted := p.asked
	if seconds, ok := message.Seconds(res, "Expires"); ok && seconds > 0 {
		granted = min(granted, time.Duration(seconds)*time.Second)
	}
	p.etag, p.state, p.tries = etag, publicationPublished, 0
	p.until = time.Now().Add(granted)
	p.due = p.ua.after(refreshAfter(granted), p.refresh)
	done(nil)
	p.next()
}

// removed: whatever the answer, we do not keep it any more. A compositor that
// does not know the tag (412) has nothing left to remove.
func (p *Publication) removed(res *sip.Response, err error, done func(error)) {
	if err == nil && res.StatusCode >= 300 && res.StatusCode != conditionalRequestFailed {
		err = rejected(res)
	}
	p.end(nil)
	done(err)
	p.next()
}

// next begins the oldest act that waits.
func (p *Publication) next() {
	if len(p.turn) > 0 && !p.busy() {
		t := p.turn[0]
		p.turn = p.turn[1:]
		t.run(t.done)
		p.next() // it may have ended at once
	}
}

// end is the last act. A first PUBLISH that fails is told by Publish alone.
func (p *Publication) end(err *Error) {
	if p.state == publicationEnded {
		return
	}
	known := !p.until.IsZero() && !p.forsaken
	p.due.stop()
	p.state = publicationEnded
	list := &p.ua.subscriptions.publications
	if i := slices.Index(*list, p); i >= 0 {
		*list = slices.Delete(*list, i, i+1)
	}
	if err != nil && err.Code == CodeClosed {
		for _, t := range p.turn {
			t.done(err)
		}
		p.turn = nil
	}
	if !known {
		return
	}
	e := PublicationEnded{Publication: p}
	if err != nil {
		e.Err = err
	}
	p.ua.emit(e)
}
