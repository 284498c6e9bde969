package digest

import "errors"

// The kinds of failure. Every error of this package wraps one of them. None
// holds a password, an HA1 or a response.
var (
	// ErrScheme: the challenge is of another scheme, such as Basic. Skip it.
	ErrScheme = errors.New("not a challenge of this scheme")
	// ErrMalformed: the challenge cannot be read, or has no realm or nonce. Skip it.
	ErrMalformed = errors.New("malformed digest challenge")
	// ErrAlgorithm: the challenge wants a hash that is not known here. Skip it
	// (RFC 8760 section 2.4).
	ErrAlgorithm = errors.New("unsupported digest algorithm")
	// ErrWeak: the hash of the challenge is weaker than the caller allows.
	ErrWeak = errors.New("digest algorithm too weak")
	// ErrQOP: the challenge offers neither "auth" nor "auth-int".
	ErrQOP = errors.New("unsupported digest qop")
	// ErrCredentials: the credentials cannot answer the challenge.
	ErrCredentials = errors.New("unusable digest credentials")
	// ErrRequest: what the caller says of the request cannot be sent or hashed.
	ErrRequest = errors.New("invalid digest request")
)
