package sipua

import (
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/sipwasm/sipwasm/sipua/internal/digest"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// Credentials prove who we are, to servers that ask for a digest (RFC 7616, RFC
// 8760) or for an access token (RFC 8898). Give Password or HA1, not both. Token
// may stand beside either: it answers servers that take tokens. No verb of package
// fmt shows more than the user name.
type Credentials struct {
	// Username of the digest. Default: the user part of Config.URI.
	Username string
	// Password in clear text. Text beyond ASCII is taken as UTF-8 in normalization
	// form C (RFC 7616 section 4).
	Password string
	// HA1 are hashes for those who do not want to hold the password, one for each
	// realm and algorithm that the servers may ask for.
	HA1 []HA1
	// Token is an access token (RFC 6750). It is sent over wss and to loopback
	// addresses only. A 401 gets it only when the request was for our own domain
	// without a user, or for our own address: any other may come from whom we call,
	// who would have the token. A 407 gets it, since our own proxies ask so; they must
	// not let a 407 of others through. CredentialsFor decides otherwise where that is
	// too strict or not strict enough. A Bearer challenge is answered before a Digest
	// one.
	Token string
}

// HA1 is the hash of "username:realm:password" (RFC 7616 section 3.4.2), never that
// of a "-sess" variant, which is made of it.
type HA1 struct {
	// Realm that it is for. Default: any.
	Realm string
	// Algorithm that made it: "MD5", "SHA-256" or "SHA-512-256". Default: each whose
	// hash is as long, where SHA-256 and SHA-512-256 are told apart by what the server
	// asks for.
	Algorithm string
	// Hash in hexadecimal.
	Hash string
}

// String hides the secrets from logs.
func (c Credentials) String() string { return "{" + c.Username + " [hidden]}" }

// Format hides the secrets from every verb of package fmt.
func (c Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// String hides the hash from logs.
func (h HA1) String() string { return digest.HA1(h).String() }

// Format hides the hash from every verb of package fmt.
func (h HA1) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, h.String()) }

// check says what is wrong with the credentials, without showing it.
func (c Credentials) check() error {
	if c.Password != "" && len(c.HA1) > 0 {
		return errors.New("has both Password and HA1: give one of them")
	}
	if err := message.CheckValue(c.Username); err != nil {
		return fmt.Errorf("has a Username that %w", err)
	}
	if !utf8.ValidString(c.Username) || !utf8.ValidString(c.Password) {
		return errors.New("has a Username or Password that is not UTF-8")
	}
	for i, h := range c.HA1 {
		if err := digest.HA1(h).Check(); err != nil {
			return fmt.Errorf("HA1[%d]: %w", i, err)
		}
	}
	if c.Token != "" {
		return digest.CheckToken(c.Token)
	}
	return nil
}

// secret reports whether there is anything to answer a challenge with.
func (c Credentials) secret() bool { return c.Password != "" || len(c.HA1) > 0 || c.Token != "" }

// digest is what answers a Digest challenge. user is the default user name.
func (c Credentials) digest(user string) digest.Credentials {
	d := digest.Credentials{Username: c.Username, Password: c.Password}
	if d.Username == "" {
		d.Username = user
	}
	for _, h := range c.HA1 {
		d.HA1 = append(d.HA1, digest.HA1(h))
	}
	return d
}

// DigestAlgorithm orders the digest algorithms by strength, for Config.MinDigest. A
// "-sess" variant is as strong as its plain one.
type DigestAlgorithm uint8

// The algorithms of RFC 8760, the weakest first.
const (
	DigestMD5 DigestAlgorithm = iota
	DigestSHA256
	DigestSHA512256
)

// String is the name that stands in challenges, such as "SHA-256".
func (a DigestAlgorithm) String() string {
	switch a {
	case DigestMD5:
		return digest.MD5.String()
	case DigestSHA256:
		return digest.SHA256.String()
	case DigestSHA512256:
		return digest.SHA512256.String()
	}
	return "unknown"
}

// CredentialsFunc gives the credentials for a challenge. It is called beside the
// user agent, which goes on meanwhile, and may take its time: ask a person, or
// fetch a token. ctx ends with the user agent.
//
// What it returns is kept in memory for the realm, until the server refuses it;
// then it is asked once more, with Retry. When that is refused too, the request
// ends with CodeUnauthorized, and the next request asks anew. For one realm it is
// asked once at a time: requests that wait for the same realm share the result. A
// realm that a stranger names (a 401 to a request for another domain, or one for a
// token to any request that does not end at our own server) is another one, see
// Target.
//
// When it returns credentials without Password, HA1 and Token, Config.Credentials
// is used. An error ends the requests that wait with CodeUnauthorized and wraps it;
// the next request asks again.
type CredentialsFunc func(ctx context.Context, c Challenge) (Credentials, error)

// Challenge is what a server asks credentials for. Its texts come from the network:
// show them as text and never as markup.
type Challenge struct {
	// Scheme of the first challenge that can be answered: "Digest" or "Bearer". A
	// server that offers both fills the fields of both.
	Scheme string
	// Realm to show to the person, who may have several accounts (RFC 3261 section
	// 22.1).
	Realm string
	// Algorithms of the digests offered, such as "MD5" and "SHA-256", in the order
	// of the server. Empty when it offers none.
	Algorithms []string
	// Proxy tells a 407, of a proxy on the way, from a 401, of the far end.
	Proxy bool
	// Host and Target are the host and the whole of the Request-URI that was
	// challenged, such as "example.com" and "sip:1002@example.com". They decide whether
	// a token may be given: a 401 may come from whoever has been called.
	Host   string
	Target string
	// Retry: the server refused the last result. It was wrong or is no longer good.
	Retry bool

	// Of a Bearer challenge (RFC 8898 section 4): what was wrong with the last token,
	// such as "invalid_token", what the token must allow, and the URL of the server
	// that issues it. Compare that with those that you trust before you ask it for
	// anything (section 2.1.1).
	Error       string
	Scope       string
	AuthzServer string
}
