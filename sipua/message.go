package sipua

import (
	"context"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// MessageOptions are the content of a message (RFC 3428).
type MessageOptions struct {
	// ContentType of Body. Default "text/plain;charset=utf-8".
	ContentType string
	// Body has up to 60 KiB. The 1300 bytes of RFC 3428 section 8 do not apply: a
	// WebSocket is a reliable transport with congestion control. What stands
	// behind the server may have limits of its own, and answers 513 or 413.
	Body []byte
	// Headers go into the MESSAGE besides its own.
	Headers []Header
}

// IncomingMessage: somebody has sent a message outside of any call. It has been
// answered 200. All of it is text of strangers: show it as text, never as markup,
// whatever its content type.
type IncomingMessage struct {
	From        Identity
	To          Identity
	ContentType string
	Body        []byte
}

// CallMessage: the other side of a call has sent a message inside it.
type CallMessage struct {
	Call        *Call
	ContentType string
	Body        []byte
}

func (IncomingMessage) event() {}
func (CallMessage) event()     {}

// Message sends one message to target, which takes the forms of Call, and
// returns when it has been accepted: by the other side (200), or by a server
// that keeps it (202). Messages to one target go out one after the other (RFC 3428
// section 8): the next waits until the one before has been answered. Errors: CodeInvalidArgument, CodeRejected with the status
// (404, 415, 480: nobody there), CodeUnauthorized, CodeTimeout,
// CodeConnectionFailed, CodeConnectionLost (it may have arrived).
func (ua *UserAgent) Message(ctx context.Context, target string, o MessageOptions) error {
	const op = "message"
	uri, err := ua.target(target)
	if err == nil {
		err = o.check()
	}
	if err != nil {
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: err.Error()}
	}
	return ua.do(ctx, op, func(done func(error)) {
		ua.outbox.add(ctx, uri.String(), done, func(done func(error)) {
			ua.request(func() *sip.Request {
				req := ua.newRequest(sip.MESSAGE, uri) // no Contact: RFC 3428 section 4
				o.apply(req)
				return req
			}, accepted(done))
		})
	})
}

// Message sends a message to the other side of the call, inside it. It is
// possible once the call is answered. Errors: as of [UserAgent.Message], and
// CodeInvalidState.
func (c *Call) Message(ctx context.Context, o MessageOptions) error {
	const op = "message"
	if err := o.check(); err != nil {
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: err.Error()}
	}
	return c.ua.do(ctx, op, func(done func(error)) {
		c.ua.outbox.add(ctx, "call "+c.id, done, func(done func(error)) { c.request(sip.MESSAGE, o.apply, done) })
	})
}

// outbox keeps the messages to one URI, and those inside one call, one at a time
// and in their order: RFC 3428 section 8 allows no other while one is pending. It
// belongs to the owner goroutine.
type outbox map[string][]func()

// add sends at once or when those before have had their answer. A message whose
// context has ended by then is not sent.
func (o outbox) add(ctx context.Context, key string, done func(error), send func(done func(error))) {
	o[key] = append(o[key], func() {
		over := false
		finish := func(err error) {
			if over {
				return
			}
			over = true
			done(err)
			o.next(key)
		}
		if ctx.Err() != nil {
			finish(ctxError("message", ctx))
			return
		}
		send(finish)
	})
	if len(o[key]) == 1 {
		o[key][0]()
	}
}

func (o outbox) next(key string) {
	queue := o[key]
	if len(queue) <= 1 {
		delete(o, key)
		return
	}
	o[key] = slices.Delete(queue, 0, 1)
	o[key][0]()
}

// check judges the options and fills in the default.
func (o *MessageOptions) check() error {
	if o.ContentType == "" {
		o.ContentType = "text/plain;charset=utf-8"
	}
	o.Body, o.Headers = slices.Clone(o.Body), slices.Clone(o.Headers)
	if err := checkBody(o.ContentType, o.Body); err != nil {
		return err
	}
	return checkHeaders(o.Headers)
}

func (o *MessageOptions) apply(req *sip.Request) {
	for _, h := range o.Headers {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	setBody(req, o.ContentType, o.Body)
}

// newRequest makes a request of ours outside of any dialog (RFC 3261 section
// 8.1.1).
func (ua *UserAgent) newRequest(method sip.RequestMethod, target sip.Uri) *sip.Request {
	req := sip.NewRequest(method, target)
	req.AppendHeader(ua.from(message.NewTag()))
	req.AppendHeader(&sip.ToHeader{Address: *target.Clone()})
	callID := sip.CallIDHeader(message.NewToken(24))
	req.AppendHeader(&callID)
	message.CSeq(req, 1)
	return req
}

// accepted tells whether a request without a dialog has been accepted.
func accepted(done func(error)) func(*sip.Response, error) {
	return func(res *sip.Response, err error) {
		switch {
		case err != nil:
			done(err)
		case res.StatusCode < 200:
		case res.StatusCode < 300:
			done(nil)
		default:
			done(rejected(res))
		}
	}
}

// request sends a request that stands for itself inside an answered call.
func (c *Call) request(method sip.RequestMethod, apply func(*sip.Request), done func(error)) {
	if c.state != Established && c.state != Accepted {
		done(c.stateError("the call is not answered"))
		return
	}
	d := c.leg.dialog
	c.requestIn(c.leg, func() *sip.Request {
		if d.State == dialog.Terminated {
			done(&Error{Code: CodeCanceled, Reason: "the call is over"})
			return nil
		}
		req := d.Request(method)
		apply(req)
		return req
	}, accepted(done))
}

// receiveMessage is RFC 3428 section 7, for a MESSAGE in a call or outside of
// any. It is answered once it stands in the queue of the listeners.
func (ua *UserAgent) receiveMessage(req *sip.Request, tx *transaction.Server, call *Call) {
	contentType := contentTypeOf(req)
	if contentType == "" {
		contentType = "text/plain"
	}
	switch {
	case len(req.Body()) > 0 && !takes(ua.cfg.AcceptMessages, contentType):
		ua.respond(tx, sip.StatusUnsupportedMediaType, "Unsupported Media Type", sip.NewHeader("Accept", strings.Join(ua.cfg.AcceptMessages, ", ")))
		return
	case encoded(req):
		ua.refuseEncoding(tx)
		return
	case ua.crowded(tx):
		return
	}
	if call != nil {
		ua.emit(CallMessage{Call: call, ContentType: contentType, Body: req.Body()})
	} else {
		ua.emit(IncomingMessage{
			From:        identity(req.From().DisplayName, req.From().Address),
			To:          identity(req.To().DisplayName, req.To().Address),
			ContentType: contentType, Body: req.Body(),
		})
	}
	ua.respond(tx, sip.StatusOK, "OK")
}
