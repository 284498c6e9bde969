package sipua

import (
	"context"
	"slices"
)

// credential is what answers challenges, in a function so that it cannot be printed
// by accident. Its address tells one from the next, also when the text is the same.
type credential struct {
	get    func() Credentials
	proven bool // a server has taken it
}

func newCredential(c Credentials) *credential {
	return &credential{get: func() Credentials { return c }}
}

// askKey names what CredentialsFor is asked for once: a realm of our own servers, or
// one that another host has named.
type askKey struct {
	realm string
	host  string // or the whole target; "" for our own
}

// source gives credentials: those of CredentialsFor, which it keeps, or those of the
// configuration.
type source struct {
	static   *credential
	callback CredentialsFunc
	kept     []keptCredential // oldest first, at most maxSessions
	asking   map[askKey][]func(*credential, error)
}

type keptCredential struct {
	key  askKey
	cred *credential
}

// credentialFor finds the credentials for c. It calls then at once when they are
// known, and otherwise later, on the owner goroutine. refused are those that the
// server has just refused, nil for none: they are given again only when there are
// no others.
func (a *authentication) credentialFor(key askKey, c Challenge, refused *credential, then func(*credential, error)) {
	src := &a.source
	if src.callback == nil {
		then(src.static, nil)
		return
	}
	for _, kept := range src.kept {
		if kept.key == key && kept.cred != refused {
			then(kept.cred, nil) // a request beside this one has asked already
			return
		}
	}
	src.forget(refused)
	waiting, asked := src.asking[key]
	src.asking[key] = append(waiting, then)
	if asked {
		return
	}
	c.Retry = refused != nil
	ua := a.ua
	go func(ctx context.Context) {
		given, err := src.callback(ctx, c)
		ua.owner.post(func() { src.told(key, given, err) })
	}(ua.ctx)
}

// told is the result of the callback.
func (src *source) told(key askKey, given Credentials, err error) {
	waiting := src.asking[key]
	delete(src.asking, key)
	if err == nil {
		err = given.check()
	}
	var cred *credential
	switch {
	case err != nil:
		err = &Error{Code: CodeUnauthorized, Reason: "Config.CredentialsFor gave no credentials", Err: err}
	case !given.secret():
		cred = src.static
	default:
		given.HA1 = slices.Clone(given.HA1)
		cred = newCredential(given)
	}
	if cred != nil {
		if len(src.kept) >= maxSessions {
			src.kept = src.kept[1:]
		}
		src.kept = append(src.kept, keptCredential{key, cred})
	}
	for _, then := range waiting {
		then(cred, err)
	}
}

// forget makes the next request ask again.
func (src *source) forget(cred *credential) {
	src.kept = slices.DeleteFunc(src.kept, func(k keptCredential) bool { return k.cred == cred })
}
