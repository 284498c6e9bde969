package sipua

import (
	"context"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// InfoOptions are the content of an INFO (RFC 6086).
type InfoOptions struct {
	// Package is the info package. Default: none, which is how INFO was used
	// before there were packages, such as for "application/dtmf-relay".
	Package string
	// ContentType and Body. Default: none.
	ContentType string
	Body        []byte
}

// CallInfo: the other side of a call has sent an INFO. Package is one of
// Config.InfoPackages, or "" for an INFO of the old kind.
type CallInfo struct {
	Call        *Call
	Package     string
	ContentType string
	Body        []byte
}

func (CallInfo) event() {}

// Info sends an INFO inside the call and returns when the other side has
// accepted it. Errors: CodeInvalidArgument, CodeInvalidState before the call is
// answered, CodeUnsupported for a package that the other side has not said it
// takes (section 4.2.1 forbids to send it), CodeRejected with the status,
// CodeTimeout, CodeConnectionLost.
func (c *Call) Info(ctx context.Context, o InfoOptions) error {
	const op = "info"
	o.Body = slices.Clone(o.Body)
	switch err := checkBody(o.ContentType, o.Body); {
	case err != nil:
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: err.Error()}
	case o.Package != "" && !message.IsToken(o.Package):
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: "the info package is no token (RFC 3261 section 25.1)"}
	}
	return c.ua.do(ctx, op, func(done func(error)) {
		if o.Package != "" && !slices.Contains(c.infoPackages, o.Package) {
			done(&Error{Code: CodeUnsupported, Reason: "the other side does not take the info package " + o.Package})
			return
		}
		c.request(sip.INFO, o.apply, done)
	})
}

func (o *InfoOptions) apply(req *sip.Request) {
	if o.Package != "" {
		req.AppendHeader(sip.NewHeader("Info-Package", o.Package))
		if len(o.Body) > 0 {
			req.AppendHeader(sip.NewHeader("Content-Disposition", "Info-Package")) // section 7.2
		}
	}
	setBody(req, o.ContentType, o.Body)
}

// packages are those that we take: the application's, and our own.
func (ua *UserAgent) packages(t Trickle) []string {
	if t.on() && !slices.Contains(ua.cfg.InfoPackages, trickleICE) {
		return append(slices.Clone(ua.cfg.InfoPackages), trickleICE)
	}
	return ua.cfg.InfoPackages
}

// recvInfo tells which packages we take (section 4.2.2), where there are any, in
// each INVITE and its 2xx.
func (c *Call) recvInfo(msg interface{ AppendHeader(sip.Header) }) {
	if packages := c.ua.packages(c.trickleMode()); len(packages) > 0 {
		msg.AppendHeader(sip.NewHeader("Recv-Info", strings.Join(packages, ", ")))
	}
}

// learnInfo takes from an INVITE or its 2xx which packages the other side takes.
// Those of a re-INVITE replace the ones before; one that does not speak of them
// leaves them.
func (c *Call) learnInfo(msg sip.Message) {
	if len(msg.GetHeaders("Recv-Info")) == 0 {
		return
	}
	c.infoPackages = nil
	for _, p := range message.Tokens(msg, "Recv-Info") {
		name, _, _ := strings.Cut(p, ";")
		c.infoPackages = append(c.infoPackages, strings.TrimSpace(name))
	}
}

// receiveInfo is section 4.2.2 for an INFO in one of the call's dialogs.
func (c *Call) receiveInfo(l *leg, req *sip.Request, tx *transaction.Server) {
	ua, packages := c.ua, c.ua.packages(c.trickleMode())
	name, _, _ := strings.Cut(message.HeaderValue(req, "Info-Package"), ";")
	name = strings.TrimSpace(name)
	switch {
	case name != "" && !slices.Contains(packages, name):
		ua.respond(tx, 469, "Bad Info Package", sip.NewHeader("Recv-Info", strings.Join(packages, ", ")))
		return
	case encoded(req):
		ua.refuseEncoding(tx)
		return
	case name == trickleICE && c.trickleMode().on():
		c.receiveCandidates(l, req, tx)
		return
	case ua.crowded(tx):
		return
	}
	if tone, d, method := toneIn(contentTypeOf(req), string(req.Body())); name == "" && tone != "" {
		ua.emit(CallTone{Call: c, Tone: tone, Duration: d, Method: method})
	} else if name != "" || len(req.Body()) > 0 { // else a keep-alive, as some send it
		ua.emit(CallInfo{Call: c, Package: name, ContentType: contentTypeOf(req), Body: req.Body()})
	}
	ua.respond(tx, sip.StatusOK, "OK")
}
