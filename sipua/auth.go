package sipua

import (
	"errors"
	"slices"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/digest"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// authenticator answers the challenges to one request (RFC 3261 section 22,
// RFC 8760). A request may pass several realms, each with a challenge of its
// own; what one was answered goes along when the next one asks.
type authenticator struct {
	answers []*answer
	rounds  int
}

// answer is a challenge that is being answered.
type answer struct {
	header    string // "Authorization" or "Proxy-Authorization"
	challenge digest.Challenge
	nc        uint32
	cnonce    string
}

// maxRounds bounds the challenges to one request: a server that calls each
// nonce stale must not keep us for ever.
const maxRounds = 5

// answer returns the credentials headers for the next attempt at req, all of
// them. The error is an *Error with CodeUnauthorized: the password is wrong (a
// realm asks again, without stale), there is none, or no challenge can be
// answered.
func (a *authenticator) answer(cred Credentials, req *sip.Request, res *sip.Response) ([]sip.Header, error) {
	refused := func(reason string, err error) error {
		return &Error{Code: CodeUnauthorized, Status: res.StatusCode, Reason: reason, Err: err}
	}
	if cred.Password == "" && cred.HA1 == "" {
		return nil, refused("the server asks for credentials and Config.Credentials has none", nil)
	}
	if a.rounds++; a.rounds > maxRounds {
		return nil, refused("the server goes on asking for credentials", nil)
	}
	from, to := "WWW-Authenticate", "Authorization"
	if res.StatusCode == sip.StatusProxyAuthRequired {
		from, to = "Proxy-Authenticate", "Proxy-Authorization"
	}
	var challenges []digest.Challenge
	var unreadable error
	for _, h := range res.GetHeaders(from) {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil {
			unreadable = errors.Join(unreadable, err)
			continue
		}
		challenges = append(challenges, c)
	}
	secret := digest.Credentials(cred)
	best, err := digest.Best(challenges, secret)
	if err != nil {
		return nil, refused("none of the server's challenges can be answered", errors.Join(unreadable, err))
	}
	for _, c := range best {
		i := slices.IndexFunc(a.answers, func(old *answer) bool { return old.header == to && old.challenge.Realm == c.Realm })
		switch {
		case i < 0:
			a.answers = append(a.answers, &answer{header: to, challenge: c, cnonce: message.NewToken(16)})
		case c.Stale: // the answer was right, its nonce was old (RFC 7616 section 3.3)
			a.answers[i] = &answer{header: to, challenge: c, cnonce: message.NewToken(16)}
		default:
			return nil, refused("the server refused the user name or password", nil)
		}
	}
	var headers []sip.Header
	for _, w := range a.answers {
		w.nc++
		value, err := w.challenge.Authorize(secret, digest.Request{Method: string(req.Method), URI: req.Recipient.String(), Body: req.Body()}, w.nc, w.cnonce)
		if err != nil {
			return nil, refused("the challenge cannot be answered", err)
		}
		headers = append(headers, sip.NewHeader(w.header, value))
	}
	return headers, nil
}
