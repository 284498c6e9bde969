package sipua

import (
	"fmt"
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// check says what is wrong with the options of a call.
func (o *CallOptions) check() error {
	o.Headers = slices.Clone(o.Headers)
	if err := checkHeaders(o.Headers); err != nil {
		return err
	}
	if err := message.CheckValue(o.UserToUser); err != nil {
		return fmt.Errorf("UserToUser %w", err)
	}
	if _, err := privacyHeaders(o.Anonymous, o.Privacy, o.PreferredIdentity); err != nil {
		return err
	}
	switch o.AnswerMode {
	case "", "Auto", "Manual":
	default:
		return fmt.Errorf(`AnswerMode %q is neither "Auto" nor "Manual"`, clean(o.AnswerMode, 20))
	}
	if o.NoAnswerTimeout < 0 {
		return fmt.Errorf("NoAnswerTimeout is negative")
	}
	if err := o.Trickle.check(); err != nil {
		return err
	}
	return o.Reliable.check()
}

// apply puts them into the INVITE.
func (o *CallOptions) apply(req *sip.Request) {
	if o.Anonymous {
		anonymize(req)
	}
	privacy, _ := privacyHeaders(o.Anonymous, o.Privacy, o.PreferredIdentity) // checked
	for _, h := range privacy {
		req.AppendHeader(h)
	}
	if o.UserToUser != "" {
		req.AppendHeader(sip.NewHeader("User-to-User", o.UserToUser))
	}
	if o.AnswerMode != "" {
		req.AppendHeader(sip.NewHeader("Answer-Mode", o.AnswerMode))
	}
	if o.Reliable == ReliableRequired {
		req.AppendHeader(sip.NewHeader("Require", "100rel"))
	}
	for _, h := range o.Headers {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
}

// supported lists the option tags of what we can do (section 20.37).
func (ua *UserAgent) supported() []string { return ua.supports(ua.cfg.Reliable, ua.cfg.Trickle) }

func (ua *UserAgent) supports(reliable Reliable, t Trickle) []string {
	tags := []string{"replaces", "norefersub", "tdialog", "199"} // RFC 3891, 4488, 4538, 6228
	if reliable != ReliableOff {
		tags = append(tags, "100rel")
	}
	if !ua.cfg.SessionTimer.Off {
		tags = append(tags, "timer")
	}
	if t.on() {
		tags = append(tags, trickleICE)
	}
	return tags
}

// supported is the Supported header of our requests and responses in a call.
func (c *Call) supported() string {
	if c.direction == Outgoing {
		return strings.Join(c.ua.supports(c.outgoing.options.Reliable, c.trickleMode()), ", ")
	}
	return strings.Join(c.ua.supported(), ", ")
}

// lostFlow tells whether a request failed because its flow was lost.
func lostFlow(err error) bool { return asError("", CodeInternal, err).Code == CodeConnectionLost }

// timedOut tells whether no answer came.
func timedOut(err error) bool { return asError("", CodeInternal, err).Code == CodeTimeout }
