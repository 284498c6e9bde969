package sipua

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sipwasm/sipwasm/sipua/internal/flow"
)

// registration is what the bindings of all flows have in common. Each flow has a
// binding of its own (binding.go).
type registration struct {
	ua         *UserAgent
	push       *Push
	noOutbound bool // by the configuration, or because the first hop cannot do it
	wanted     bool // Register was called, and Unregister has not been since
	told       bool // Registered was told, and Unregistered has not been since

	known atomic.Pointer[[]Binding] // what Bindings returns
}

// Binding is one entry of an address of record at its registrar: where calls go
// (RFC 3261 section 10).
type Binding struct {
	URI         string        // the Contact
	DisplayName string        //
	Expires     time.Duration // what is left of it
	Q           float64       // preference, 0 to 1; 1 when the registrar does not say
	Instance    string        // +sip.instance: the device (RFC 5626 section 4.1), may be empty
	RegID       int           // reg-id: which of the device's flows, 0 when there is none
	GRUU        string        // public GRUU of the device (RFC 5627), may be empty
	TempGRUU    string        // temporary, anonymous one, may be empty
	Own         bool          // it leads to this user agent
}

func (r *registration) init(ua *UserAgent) {
	r.ua = ua
	r.push = ua.cfg.Push
	r.noOutbound = ua.cfg.NoOutbound
}

// Register makes the registrar send our calls to this user agent and keeps it so,
// until Unregister: it refreshes at a random 50 to 90 % of the lifetime granted,
// connects again when the connection is lost and registers again when an attempt
// fails for a reason that may pass. It connects when needed and returns when the
// registrar has answered; calling it while registered refreshes at once.
//
// Errors: CodeUnauthorized (wrong or missing credentials), CodeRejected (with the
// status), CodeConnectionFailed, CodeConnectionLost, CodeTimeout. Every failed
// attempt is also told by [RegistrationFailed], whose Final says whether the user
// agent goes on trying. It does unless the registrar has refused for good; a
// program that does not want that calls Unregister.
func (ua *UserAgent) Register(ctx context.Context) error {
	return ua.do(ctx, "register", func(done func(error)) {
		ua.registration.wanted = true
		ua.links[0].binding.register(done)
	})
}

// Unregister removes our binding and stops keeping it; other devices of the same
// address of record keep theirs. Without a binding it does nothing; after a
// refresh or Unregister that failed the registrar may still hold one, which it
// removes.
func (ua *UserAgent) Unregister(ctx context.Context) error {
	return ua.do(ctx, "unregister", func(done func(error)) {
		ua.removeBindings(func(b *binding) act { return remove }, done)
	})
}

// UnregisterAll removes every binding of the address of record, those of other
// devices included (RFC 3261 section 10.2.2), and stops keeping ours.
func (ua *UserAgent) UnregisterAll(ctx context.Context) error {
	return ua.do(ctx, "unregister all", func(done func(error)) {
		ua.removeBindings(func(b *binding) act {
			if b.link.number == 1 {
				return removeAll
			}
			return remove
		}, done)
	})
}

func (ua *UserAgent) removeBindings(how func(*binding) act, done func(error)) {
	ua.registration.wanted = false
	ua.eachBinding(done, func(b *binding, done func(error)) { b.remove(how(b), done) })
}

// eachBinding does something with the binding of every flow, the first one last,
// since the others hang on it. done is told the first error.
func (ua *UserAgent) eachBinding(done func(error), do func(*binding, func(error))) {
	var first error
	left := len(ua.links)
	for _, l := range slices.Backward(ua.links) {
		do(&l.binding, func(err error) {
			if first == nil {
				first = err
			}
			if left--; left == 0 {
				done(first)
			}
		})
	}
}

// Bindings lists the bindings of our address of record as the registrar told them
// last, with Expires counted from that moment.
func (ua *UserAgent) Bindings() []Binding {
	if p := ua.registration.known.Load(); p != nil {
		return slices.Clone(*p)
	}
	return nil
}

// FetchBindings asks the registrar for the bindings of our address of record
// without changing them (RFC 3261 section 10.2.3). Errors are those of Register.
func (ua *UserAgent) FetchBindings(ctx context.Context) ([]Binding, error) {
	err := ua.do(ctx, "fetch bindings", func(done func(error)) { ua.links[0].binding.fetch(done) })
	if err != nil {
		return nil, err
	}
	return ua.Bindings(), nil
}

// SetPush changes what the server is told about push (RFC 8599), or nil to take it
// back. A user agent that is registered refreshes at once; otherwise it is for the
// next REGISTER. Errors: CodeInvalidArgument, and those of Register.
func (ua *UserAgent) SetPush(ctx context.Context, p *Push) error {
	if p != nil {
		push := *p
		if err := push.check(); err != nil {
			return &Error{Op: "set push", Code: CodeInvalidArgument, Reason: err.Error()}
		}
		p = &push
	}
	return ua.do(ctx, "set push", func(done func(error)) {
		ua.registration.push = p
		ua.eachBinding(done, func(b *binding, done func(error)) {
			if !b.held && b.state != registering {
				done(nil)
				return
			}
			b.register(done)
		})
	})
}

func (p *Push) check() error {
	for _, v := range [...][2]string{{"Provider", p.Provider}, {"PRID", p.PRID}, {"Param", p.Param}} {
		if v[1] == "" && v[0] != "Param" {
			return fmt.Errorf("%s is empty (RFC 8599 section 4.1 requires it)", v[0])
		}
		if strings.ContainsFunc(v[1], func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fmt.Errorf("%s has a character that cannot stand in a URI", v[0])
		}
	}
	return nil
}

// registered: one of the bindings is there. The other flows follow when the
// registrar keeps several apart (RFC 5626 section 4.2.1).
func (r *registration) registered(b *binding, expires time.Duration) {
	r.told = true
	r.ua.emit(Registered{Flow: b.link.number, Expires: expires, Bindings: slices.Clone(b.bindings), GRUU: b.gruu, Outbound: b.outbound})
	r.ua.recovered()
	if b.link.number > 1 || !b.outbound || !r.wanted {
		return
	}
	for _, l := range r.ua.links[1:] {
		if !l.binding.wanted && l.flow.State() == flow.Idle {
			l.binding.register(func(error) {}) // told by events
		}
	}
}

// unregistered tells the end of the last binding, once.
func (r *registration) unregistered(err error) {
	if !r.told || slices.ContainsFunc(r.ua.links, func(l *link) bool { return l.binding.held }) {
		return
	}
	r.told = false
	r.ua.emit(Unregistered{Err: err})
}
