package sipua

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// DTMFMethod is how tones are sent.
type DTMFMethod string

// The methods.
const (
	DTMFRTP       DTMFMethod = "rtp"        // telephone events in the media (RFC 4733)
	DTMFInfoRelay DTMFMethod = "info-relay" // INFO with application/dtmf-relay
	DTMFInfo      DTMFMethod = "info"       // INFO with application/dtmf
)

// CallTone: the other side has sent a tone: 0-9, *, #, A-D, or "!" for a hook flash.
// Browsers do not tell of tones in the media; those in INFO always come.
type CallTone struct {
	Call     *Call
	Tone     string
	Duration time.Duration // 0 when it was not told
	Method   DTMFMethod
}

func (CallTone) event() {}

// SendDTMF sends tones: digits, *, #, A to D, and a comma for a pause of two seconds. It
// returns when the last one has been sent. CodeInvalidState before the call is answered,
// CodeUnsupported when the media or the other side cannot, and for tones in INFO the
// errors of [Call.Info].
func (c *Call) SendDTMF(ctx context.Context, tones string, o DTMFOptions) error {
	const op = "send DTMF"
	if i := strings.IndexFunc(tones, func(r rune) bool { return !strings.ContainsRune("0123456789*#ABCDabcd,", r) }); i >= 0 || tones == "" {
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: "tones are 0-9, *, #, A-D and the comma"}
	}
	tones = strings.ToUpper(tones)
	switch o.Method {
	case DTMFInfoRelay, DTMFInfo:
		return c.ua.do(ctx, op, func(done func(error)) { c.sendTones(&dialing{tones, o, done}) })
	case "", DTMFRTP:
	default:
		return &Error{Op: op, Code: CodeInvalidArgument, Reason: "the method is one of rtp, info-relay and info"}
	}
	return c.ua.do(ctx, op, func(done func(error)) {
		if c.state != Established && c.state != Accepted {
			done(c.stateError("the call is not answered"))
			return
		}
		c.media.beside(func(ctx context.Context, m Media) error {
			sender, ok := m.(DTMFSender)
			if !ok {
				return &Error{Code: CodeUnsupported, Reason: "this media cannot send DTMF"}
			}
			return sender.SendDTMF(ctx, tones, o)
		}, done)
	})
}

// dialing is one number that goes out in INFO. They go one after the other, since the
// tones of two would make a third.
type dialing struct {
	tones   string // still to be sent
	options DTMFOptions
	done    func(error)
}

func (c *Call) sendTones(d *dialing) {
	if c.state != Established && c.state != Accepted {
		d.done(c.stateError("the call is not answered"))
		return
	}
	c.dialing = append(c.dialing, d)
	if len(c.dialing) == 1 {
		c.nextTone(d)
	}
}

// nextTone sends the next tone of d, once the one before has been taken and its time has
// passed.
func (c *Call) nextTone(d *dialing) {
	switch {
	case len(c.dialing) == 0 || c.dialing[0] != d:
		return // the call is over
	case d.tones == "":
		c.dialing = c.dialing[1:]
		if len(c.dialing) > 0 {
			c.nextTone(c.dialing[0])
		}
		return
	}
	tone := d.tones[:1]
	d.tones = d.tones[1:]
	sent := func(pause time.Duration) {
		if d.tones == "" {
			d.finish(nil)
		}
		c.ua.after(pause, func() { c.nextTone(d) })
	}
	if tone == "," {
		sent(2 * time.Second)
		return
	}
	duration, gap := d.options.Duration, d.options.Gap
	if duration <= 0 {
		duration = 100 * time.Millisecond
	}
	if gap <= 0 {
		gap = 70 * time.Millisecond
	}
	contentType, body := "application/dtmf-relay", "Signal="+tone+"\r\nDuration="+strconv.FormatInt(duration.Milliseconds(), 10)+"\r\n"
	if d.options.Method == DTMFInfo {
		contentType, body = "application/dtmf", tone
	}
	c.request(sip.INFO, func(req *sip.Request) { setBody(req, contentType, []byte(body)) }, func(err error) {
		if err == nil {
			sent(duration + gap)
			return
		}
		d.tones = "" // the rest of the number is of no use
		d.finish(err)
		c.nextTone(d)
	})
}

func (d *dialing) finish(err error) {
	if done := d.done; done != nil {
		d.done = nil
		done(err)
	}
}

// stopDialing: the call is over.
func (c *Call) stopDialing() {
	all := c.dialing
	c.dialing = nil
	for _, d := range all {
		d.finish(errCallOver)
	}
}

// toneIn reads the tone of an INFO, "" when it has none. Both types are of long before
// info packages; line ends and spaces vary.
func toneIn(contentType, body string) (tone string, d time.Duration, method DTMFMethod) {
	kind, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "application/dtmf":
		return toneOf(body), 0, DTMFInfo
	case "application/dtmf-relay":
		for line := range strings.FieldsFuncSeq(body, func(r rune) bool { return r == '\r' || r == '\n' }) {
			name, value, _ := strings.Cut(line, "=")
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "signal":
				tone = toneOf(value)
			case "duration":
				if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16); err == nil {
					d = time.Duration(n) * time.Millisecond
				}
			}
		}
		return tone, d, DTMFInfoRelay
	}
	return "", 0, ""
}

// toneOf reads one tone, which some write as its event number (RFC 4733 section 3.2).
func toneOf(s string) string {
	s = strings.ToUpper(strings.TrimSpace(s))
	if len(s) == 1 && strings.Contains("0123456789*#ABCD!", s) {
		return s
	}
	if n, err := strconv.Atoi(s); err == nil && n >= 10 && n <= 16 {
		return "*#ABCD!"[n-10 : n-9]
	}
	return ""
}

// toneReceived tells of a tone in the media.
func (c *Call) toneReceived(w *mediaWorker, tone string, d time.Duration) {
	if w == c.media && c.state != Ended {
		c.ua.emit(CallTone{Call: c, Tone: clean(tone, 1), Duration: d, Method: DTMFRTP})
	}
}
