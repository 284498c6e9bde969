package sipua

import (
	"context"
	"slices"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// Capabilities are what the other side says of itself (RFC 3261 section 11.2).
// The lists are as long as it makes them, up to 100 entries; all of it is text
// of strangers.
type Capabilities struct {
	Status      int // 200, or what an INVITE would have got: 486 is there and busy
	Reason      string
	Allow       []string // methods
	Supported   []string // option tags
	Accept      []string // content types
	AllowEvents []string // event packages
	UserAgent   string   // User-Agent or Server, "" when it does not say
	ContentType string
	Body        []byte
}

// Options asks target, which takes the forms of Call, what it can do, without
// calling it. An answer is what shows that a user agent was reached: any 2xx,
// and the failures 405, 406, 415, 420, 486, 488, 493, 501, 600, 603 and 606,
// which a user agent gives that is there but would not take a call now, or not
// this one. Everything else means that nobody was reached, or that a server
// stands in between, and is CodeRejected with the status: 404, 480, 403, 503, …
// Further errors: CodeInvalidArgument, CodeUnauthorized, CodeTimeout,
// CodeConnectionFailed, CodeConnectionLost.
func (ua *UserAgent) Options(ctx context.Context, target string) (Capabilities, error) {
	const op = "options"
	uri, err := ua.target(target)
	if err != nil {
		return Capabilities{}, &Error{Op: op, Code: CodeInvalidArgument, Reason: err.Error()}
	}
	answer := make(chan *sip.Response, 1)
	err = ua.do(ctx, op, func(done func(error)) {
		x := ua.request(func() *sip.Request {
			req := ua.newRequest(sip.OPTIONS, uri)
			req.AppendHeader(&sip.ContactHeader{Address: ua.contact(uri.Scheme)})
			req.AppendHeader(sip.NewHeader("Accept", "application/sdp")) // section 11.1
			return req
		}, func(res *sip.Response, err error) {
			if err == nil && res.StatusCode >= 200 && reached(res.StatusCode) {
				answer <- res // a final response comes once
				done(nil)
				return
			}
			accepted(done)(res, err)
		})
		x.retry = briefly
	})
	if err != nil {
		return Capabilities{}, err
	}
	return capabilities(<-answer), nil
}

// reached: it was a user agent that answered.
func reached(status int) bool {
	return status < 300 || slices.Contains([]int{405, 406, 415, 420, 486, 488, 493, 501, 600, 603, 606}, status)
}

func capabilities(res *sip.Response) Capabilities {
	list := func(name string) []string {
		all := message.Tokens(res, name)
		all = all[:min(len(all), 100)]
		for i := range all {
			all[i] = clean(all[i], 100)
		}
		return all
	}
	agent := message.HeaderValue(res, "User-Agent")
	if agent == "" {
		agent = message.HeaderValue(res, "Server")
	}
	return Capabilities{
		Status: res.StatusCode, Reason: reasonOf(res),
		Allow: list("Allow"), Supported: list("Supported"), Accept: list("Accept"), AllowEvents: list("Allow-Events"),
		UserAgent: clean(agent, 200), ContentType: contentTypeOf(res), Body: res.Body(),
	}
}
