package sipua

import (
	"cmp"
	"errors"
	"slices"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/digest"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// authentication answers challenges (RFC 3261 section 22, RFC 8760, RFC 8898). It
// belongs to the user agent and remembers what servers have taken, so that the next
// request has it in its first attempt. The owner goroutine owns it.
type authentication struct {
	ua       *UserAgent
	user     string // default user name
	source   source
	sessions []*session // oldest challenge first, at most maxSessions
	born     int        // challenges so far
}

func newAuthentication(ua *UserAgent, c Credentials) *authentication {
	return &authentication{ua: ua, user: c.Username, source: source{
		static: newCredential(c), callback: ua.cfg.CredentialsFor, asking: map[askKey][]func(*credential, error){},
	}}
}

// authenticator is what one request has sent to the protection spaces that it
// passes, and what it has been asked.
type authenticator struct {
	secure   bool // what it sends cannot be read on its way
	answers  []*answer
	rounds   int
	settled  bool // the final response has come
	impostor bool // its rspauth was wrong
}

// answer is what stands in the request for one protection space.
type answer struct {
	*session
	standing  standing
	challenge digest.Challenge // as it was answered, with this count
	nc        uint32
}

// standing is what one request has sent to one protection space.
type standing uint8

const (
	unasked    standing = iota // nothing
	preemptive                 // an answer to a challenge that another request got
	answered                   // an answer to a challenge to this very request, or a token
	retried                    // the same with the second credentials
)

// reaction is what a challenge leads to.
type reaction uint8

const (
	begin   reaction = iota // answer, with the credentials at hand or those of CredentialsFor
	renewed                 // answer with the same credentials and the new nonce
	another                 // they were wrong: answer with others, if CredentialsFor has any
	refused                 // CodeUnauthorized
)

// outcome is the cell of a table: where a protection space stands next, and what is
// done.
type outcome struct {
	next standing
	do   reaction
}

// outcomes is what becomes of a challenge. "Stale" says that the credentials are
// right and the nonce was old (RFC 7616 section 3.3). Many servers say so by a new
// challenge alone; what was sent before this request was challenged tells nothing
// about the password. A token has no nonce: sent again it would be the same, so that
// a challenge refuses it at any time.
//
//	            challenge            stale
//	unasked     begin → answered     begin → answered
//	preemptive  begin → answered     begin → answered
//	answered    another → retried    renewed → answered
//	retried     refused              renewed → retried
//
// Any other response but 100 and 403 means that what was sent was taken (proven).
var outcomes = [...][2]outcome{
	unasked:    {{answered, begin}, {answered, begin}},
	preemptive: {{answered, begin}, {answered, begin}},
	answered:   {{retried, another}, {answered, renewed}},
	retried:    {{retried, refused}, {retried, renewed}},
}

// maxRounds bounds the challenges to one request, beyond one for each protection
// space: a server that calls each nonce stale must not keep us for ever.
const maxRounds = 4

// apply gives the first attempt at req what the servers on its way have taken from
// earlier requests.
func (a *authentication) apply(q *authenticator, req *sip.Request) {
	for _, s := range a.sessions {
		switch {
		case !s.proven || !s.space.covers(req):
		case !s.bearer:
			q.answers = append(q.answers, &answer{session: s, standing: preemptive})
		case q.secure && (s.space.proxy || a.ours(req.Recipient)):
			q.answers = append(q.answers, &answer{session: s, standing: answered})
		}
	}
	a.put(q, req)
}

// put writes the credentials headers of an attempt at req.
func (a *authentication) put(q *authenticator, req *sip.Request) {
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		for req.RemoveHeader(name) {
		}
	}
	q.answers = slices.DeleteFunc(q.answers, func(w *answer) bool {
		h, err := w.session.header(req, a.user)
		if err != nil {
			return true // the challenge comes, and its answer says what is wrong
		}
		w.challenge, w.nc = w.session.challenge, w.session.nc
		req.AppendHeader(h)
		return false
	})
}

// confirm learns from a response that is no challenge. The error says that the
// server has failed to prove that it knows the password.
func (a *authentication) confirm(q *authenticator, req *sip.Request, res *sip.Response) error {
	switch {
	case res.StatusCode == sip.StatusTrying || q.settled: // 100 comes before anybody has looked at the credentials
		return nil
	case res.StatusCode == sip.StatusForbidden:
		// Some servers say so to a wrong password. Start anew with the next request, but
		// do not trouble people for a password that has been right before.
		for _, w := range q.answers {
			w.proven = false
			if !w.cred.proven {
				a.source.forget(w.cred)
			}
		}
		return nil
	}
	q.settled = res.StatusCode >= 200
	for _, w := range q.answers {
		a.prove(w.session)
	}
	if !q.settled {
		return nil
	}
	for _, proxy := range []bool{false, true} {
		if !a.informed(q, proxy, req, res) && res.IsSuccess() {
			q.impostor = true
			return &Error{Code: CodeUnauthorized, Status: res.StatusCode,
				Reason: "the server could not prove that it knows the password (rspauth, RFC 7616 section 3.5): it may be an impostor"}
		}
	}
	return nil
}

// informed reads Authentication-Info or Proxy-Authentication-Info (RFC 7615) and
// reports whether its proof is right, which it is when there is none.
func (a *authentication) informed(q *authenticator, proxy bool, req *sip.Request, res *sip.Response) bool {
	name := "Authentication-Info"
	if proxy {
		name = "Proxy-" + name
	}
	for _, h := range res.GetHeaders(name) {
		info, err := digest.ParseInfo(h.Value())
		if err != nil {
			continue // says nothing, and RFC 7615 does not ask for it
		}
		var about []*answer // it names no realm, but perhaps our client nonce
		for _, w := range q.answers {
			if w.space.proxy == proxy && !w.bearer && (info.Cnonce == "" || info.Cnonce == w.cnonce) {
				about = append(about, w)
			}
		}
		if info.RspAuth != "" && slices.ContainsFunc(q.answers, func(w *answer) bool { return w.space.proxy == proxy && !w.bearer }) {
			about = slices.DeleteFunc(about, func(w *answer) bool {
				return !info.Proves(w.challenge, w.cred.get().digest(a.user), req.Recipient.String(), res.Body(), w.nc, w.cnonce)
			})
			if len(about) == 0 {
				for _, w := range q.answers {
					w.proven = false
				}
				return false
			}
		}
		if info.NextNonce != "" && len(about) == 1 {
			a.renew(about[0].session, info.NextNonce)
		}
	}
	return true
}

// demand is what a response asks for one protection space.
type demand struct {
	space   space
	ours    bool // the request is for our own server
	stale   bool
	digests []digest.Challenge
	bearer  *digest.Bearer
	ask     Challenge // for CredentialsFor
}

// demands reads the challenges of res, of ends and proxies alike: a proxy that forks
// gathers both in one response (RFC 3261 section 16.7 item 7). The error says what is
// wrong with the first that nobody can answer.
func (a *authentication) demands(q *authenticator, req *sip.Request, res *sip.Response) (list []*demand, first error) {
	for _, name := range []string{"WWW-Authenticate", "Proxy-Authenticate"} {
		for _, h := range res.GetHeaders(name) {
			bearer, err := digest.ParseBearer(h.Value())
			realm, scheme := bearer.Realm, "Bearer"
			var c digest.Challenge
			switch {
			case err == nil && !q.secure:
				err = errors.New("the server asks for an access token, which is sent over wss:// only (RFC 8898 section 2.1.2): name the server with wss:// in Config.Servers")
			case errors.Is(err, digest.ErrScheme):
				if c, err = digest.ParseChallenge(h.Value()); err == nil {
					realm, scheme, err = c.Realm, "Digest", a.allowed(c)
				}
			}
			if err != nil {
				first = cmp.Or(first, err)
				continue
			}
			s := spaceOf(name == "Proxy-Authenticate", realm, req)
			i := slices.IndexFunc(list, func(d *demand) bool { return d.space == s })
			if i < 0 {
				if q.find(s) == nil && q.challenges()+len(list) >= maxSessions {
					continue // no request passes so many
				}
				i = len(list)
				list = append(list, &demand{space: s, ours: a.ours(req.Recipient), ask: Challenge{Scheme: scheme, Realm: clean(realm, 200),
					Proxy: s.proxy, Host: hostOf(req.Recipient), Target: clean(req.Recipient.Addr(), 400)}})
			}
			list[i].add(scheme, c, bearer)
		}
	}
	return list, first
}

func (d *demand) add(scheme string, c digest.Challenge, b digest.Bearer) {
	if scheme == "Digest" {
		d.digests = append(d.digests, c)
		d.stale = d.stale || c.Stale
		d.ask.Algorithms = append(d.ask.Algorithms, c.Algorithm.String())
		return
	}
	d.bearer = &b
	d.ask.Error, d.ask.Scope, d.ask.AuthzServer = clean(b.Error, 200), clean(b.Scope, 1000), clean(b.AuthzServer, 1000)
}

// allowed says why c is not answered whatever the credentials are.
func (a *authentication) allowed(c digest.Challenge) error {
	least := a.ua.cfg.MinDigest
	err := c.Usable(int(least))
	if errors.Is(err, digest.ErrWeak) {
		return &Error{Code: CodeUnauthorized, Reason: "the server offers " + c.Algorithm.String() + ", and Config.MinDigest asks for " + least.String() + " at least", Err: err}
	}
	return err
}

func (q *authenticator) find(s space) *answer {
	for _, w := range q.answers {
		if w.space == s {
			return w
		}
	}
	return nil
}

// challenges counts the protection spaces that have asked this very request.
func (q *authenticator) challenges() (n int) {
	for _, w := range q.answers {
		if w.standing != preemptive {
			n++
		}
	}
	return n
}

// round is the answer to one response with challenges. It may have to wait for
// CredentialsFor.
type round struct {
	*authentication
	q        *authenticator
	res      *sip.Response
	left     []*demand
	answered int
	problem  error // with the first that could not be answered
	then     func(error)
}

// challenged answers the challenges of res to req and calls then, at once or later,
// when put may write the answers. Its error is an *Error with CodeUnauthorized.
func (a *authentication) challenged(q *authenticator, req *sip.Request, res *sip.Response, then func(error)) {
	r := &round{authentication: a, q: q, res: res, then: then}
	r.left, r.problem = a.demands(q, req, res)
	if q.rounds++; q.rounds > maxRounds+len(q.answers) {
		r.fail("the server goes on asking for credentials", nil)
		return
	}
	r.next()
}

// next answers the next challenge.
func (r *round) next() {
	if len(r.left) == 0 {
		var e *Error
		switch {
		case r.answered > 0:
			r.then(nil)
		case errors.As(r.problem, &e):
			r.fail(e.Reason, e.Err)
		default:
			r.fail("none of the server's challenges can be answered", r.problem)
		}
		return
	}
	d := r.left[0]
	r.left = r.left[1:]
	w := r.q.find(d.space)
	at, says := unasked, 0
	if w != nil {
		at = w.standing
		w.proven = false // not into the first attempt of others until it works again
	}
	if d.stale && (w == nil || !w.bearer) {
		says = 1
	}
	out := outcomes[at][says]
	var wrong *credential
	switch out.do {
	case renewed:
		r.answer(d, w, out.next, w.cred)
		return
	case refused:
		r.source.forget(w.cred)
		r.fail(r.wrong(d, w), nil)
		return
	case another:
		wrong = w.cred
	}
	r.credentialFor(r.key(d), d.ask, wrong, func(cred *credential, err error) {
		switch {
		case err != nil:
			var e *Error
			errors.As(err, &e)
			r.fail(e.Reason, e.Err)
		case cred == wrong:
			r.source.forget(wrong)
			r.fail(r.wrong(d, w), nil)
		default:
			r.answer(d, w, out.next, cred)
		}
	})
}

// answer begins a session for d with cred, or goes on with it, and takes the next
// challenge.
func (r *round) answer(d *demand, old *answer, next standing, cred *credential) {
	s, err := r.session(d, cred)
	switch {
	case err != nil:
		r.source.forget(cred)
		r.problem = cmp.Or(r.problem, err)
	case old == nil:
		r.q.answers = append(r.q.answers, &answer{session: r.remember(s), standing: next})
		r.answered++
	default:
		old.session, old.standing = r.remember(s), next
		r.answered++
	}
	r.next()
}

// session chooses what to answer: a token when there is one, otherwise the strongest
// digest.
func (r *round) session(d *demand, cred *credential) (*session, error) {
	secret := cred.get()
	if d.bearer != nil && secret.Token != "" {
		if cred != r.source.static || d.space.proxy || d.ours {
			return &session{space: d.space, cred: cred, bearer: true}, nil
		}
		return nil, &Error{Code: CodeUnauthorized, Reason: d.ask.Target + " may be anybody and asks for the access token: it is not given (Config.CredentialsFor may)"}
	}
	if !secret.secret() {
		return nil, &Error{Code: CodeUnauthorized, Reason: "the server asks for credentials and Config.Credentials has none"}
	}
	if len(d.digests) == 0 {
		return nil, &Error{Code: CodeUnauthorized, Reason: "the server asks for an access token and Config.Credentials has none"}
	}
	best, err := digest.Best(d.digests, secret.digest(r.user))
	if err != nil {
		return nil, err
	}
	return &session{space: d.space, cred: cred, challenge: best[0]}, nil
}

// ours reports whether a request for uri ends at our own server: that of the domain
// (REGISTER) or of our own address (PUBLISH). Anything else may end at whom we call,
// and a token that is sent along is theirs then.
func (a *authentication) ours(uri sip.Uri) bool {
	return hostOf(uri) == hostOf(a.ua.aor) && (uri.User == "" || uri.User == a.ua.aor.User)
}

// key tells realms of our own servers, whose registrar and proxies share their
// accounts, from those that others name. Who is called in our own domain is another
// one when it asks for a token.
func (a *authentication) key(d *demand) askKey {
	switch {
	case d.space.proxy || d.ours:
		return askKey{realm: d.space.realm}
	case d.bearer != nil:
		return askKey{realm: d.space.realm, host: d.ask.Target}
	case d.space.host == hostOf(a.ua.aor):
		return askKey{realm: d.space.realm}
	}
	return askKey{realm: d.space.realm, host: d.space.host}
}

func (r *round) wrong(d *demand, w *answer) string {
	if w.bearer && d.ask.Error != "" {
		return "the server refused the access token: " + d.ask.Error
	}
	if w.bearer {
		return "the server refused the access token"
	}
	return "the server refused the user name or password"
}

func (r *round) fail(reason string, err error) {
	r.then(&Error{Code: CodeUnauthorized, Status: r.res.StatusCode, Reason: reason, Err: err})
}

// deliver hands a response on that is no challenge. When the server has failed to
// prove itself the request has failed, but a 2xx to INVITE has made a session all the
// same: it is acknowledged, and outside of a dialog ended, as that of a fork too many
// (RFC 3261 section 13.2.2.4).
func (x *exchange) deliver(res *sip.Response) {
	invite := x.tx.Request
	if err := x.ua.auth.confirm(&x.auth, invite, res); err != nil {
		x.handler(nil, err)
	}
	switch {
	case !x.auth.impostor:
		x.handler(res, nil)
	case invite.Method != sip.INVITE || !res.IsSuccess():
	case message.ToTag(invite) == "":
		x.handler(res, nil)
	default:
		x.acknowledge(res)
	}
}

// acknowledge ends the retransmissions of a 2xx to a re-INVITE that is not used. The
// ACK goes where the INVITE went; credentials go along (section 22.1).
func (x *exchange) acknowledge(res *sip.Response) {
	invite := x.tx.Request
	ack := sip.NewRequest(sip.ACK, invite.Recipient)
	for _, name := range []string{"Route", "From", "To", "Call-ID", "Authorization", "Proxy-Authorization"} {
		for _, h := range invite.GetHeaders(name) {
			ack.AppendHeader(sip.HeaderClone(h))
		}
	}
	message.CSeq(ack, invite.CSeq().SeqNo)
	x.link.complete(ack)
	ack.SetBody(nil)
	_ = x.link.send(ack) // the 2xx comes again when this is lost; a lost flow is told elsewhere
}
