package digest

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// Credentials prove who we are. An HA1 that fits the challenge counts before the
// password.
type Credentials struct {
	Username string
	Password string
	HA1      []HA1
}

// HA1 is the hash of "username:realm:password", never that of a -sess variant.
type HA1 struct {
	Realm     string // "": any
	Algorithm string // "MD5", "SHA-256" or "SHA-512-256"; "": those of its length
	Hash      string // hexadecimal
}

// String tells the user name and hides the secrets.
func (c Credentials) String() string { return "{" + c.Username + " [hidden]}" }

// GoString hides the secrets from %#v.
func (c Credentials) GoString() string { return c.String() }

// Format hides the secrets from every other verb too.
func (c Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// String tells what the hash is for and hides it.
func (h HA1) String() string { return "{" + h.Realm + " " + h.Algorithm + " [hidden]}" }

// Format hides the hash from every verb.
func (h HA1) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, h.String()) }

// Check says what is wrong with h, without showing it. The error wraps
// ErrCredentials.
func (h HA1) Check() error {
	a := MD5
	if h.Algorithm != "" {
		var ok bool
		if a, ok = parseAlgorithm(h.Algorithm); !ok || a.session() {
			return fmt.Errorf("%w: an HA1 is of MD5, SHA-256 or SHA-512-256, not of %s", ErrCredentials, excerpt(h.Algorithm))
		}
	}
	if _, err := hex.DecodeString(h.Hash); err != nil { // err would show a part of it
		return fmt.Errorf("%w: the HA1 is not hexadecimal", ErrCredentials)
	}
	if n := len(h.Hash); n != a.hexLen() && (h.Algorithm != "" || n != SHA256.hexLen()) {
		return fmt.Errorf("%w: the HA1 has %d digits; MD5 has 32, SHA-256 and SHA-512-256 have 64", ErrCredentials, n)
	}
	return nil
}

// fits reports whether h can answer c, and how exactly it was meant for it.
func (h HA1) fits(c Challenge) (exactness int, ok bool) {
	if h.Check() != nil || len(h.Hash) != c.Algorithm.hexLen() {
		return 0, false
	}
	if h.Realm != "" {
		if h.Realm != c.Realm {
			return 0, false
		}
		exactness += 2
	}
	if h.Algorithm != "" {
		if a, _ := parseAlgorithm(h.Algorithm); a.Strength() != c.Algorithm.Strength() {
			return 0, false
		}
		exactness++
	}
	return exactness, true
}

// ha1 finds the HA1 that is meant for c most exactly, in lower case (LHEX).
func (c Credentials) ha1(challenge Challenge) (hash string, ok bool) {
	best := -1
	for _, h := range c.HA1 {
		if n, fits := h.fits(challenge); fits && n > best {
			best, hash = n, strings.ToLower(h.Hash)
		}
	}
	return hash, best >= 0
}
