package sipua

import (
	"context"
	"strings"
)

// SendDTMF sends telephone events (RFC 4733): digits, *, #, A to D, and a comma
// for a pause of two seconds. It returns when the last one has been sent.
// CodeInvalidState before the call is answered, CodeUnsupported when the media
// or the other side cannot.
func (c *Call) SendDTMF(ctx context.Context, tones string, o DTMFOptions) error {
	if i := strings.IndexFunc(tones, func(r rune) bool { return !strings.ContainsRune("0123456789*#ABCDabcd,", r) }); i >= 0 || tones == "" {
		return &Error{Op: "send DTMF", Code: CodeInvalidArgument, Reason: "tones are 0-9, *, #, A-D and the comma"}
	}
	return c.ua.do(ctx, "send DTMF", func(done func(error)) {
		if c.state != Established && c.state != Accepted {
			done(c.stateError("the call is not answered"))
			return
		}
		c.media.beside(func(ctx context.Context, m Media) error {
			sender, ok := m.(DTMFSender)
			if !ok {
				return &Error{Code: CodeUnsupported, Reason: "this media cannot send DTMF"}
			}
			return sender.SendDTMF(ctx, strings.ToUpper(tones), o)
		}, done)
	})
}
