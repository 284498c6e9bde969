package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"strings"
)

// Algorithm is the hash of a challenge and how HA1 is made with it.
type Algorithm uint8

// The algorithms of RFC 7616 section 3.3. Unspecified is a challenge without
// the parameter: it means MD5, and the answer has no parameter either.
const (
	Unspecified Algorithm = iota
	MD5
	MD5Sess
	SHA256
	SHA256Sess
	SHA512256
	SHA512256Sess
)

var algorithmTokens = [...]string{
	Unspecified:   "MD5",
	MD5:           "MD5",
	MD5Sess:       "MD5-sess",
	SHA256:        "SHA-256",
	SHA256Sess:    "SHA-256-sess",
	SHA512256:     "SHA-512-256",
	SHA512256Sess: "SHA-512-256-sess",
}

// parseAlgorithm finds the algorithm of a token; tokens ignore case
// (RFC 3261 section 7.3.1).
func parseAlgorithm(token string) (Algorithm, bool) {
	for a := MD5; int(a) < len(algorithmTokens); a++ {
		if strings.EqualFold(algorithmTokens[a], token) {
			return a, true
		}
	}
	return Unspecified, false
}

// String returns the token, such as "SHA-256-sess".
func (a Algorithm) String() string {
	if !a.known() {
		return "unknown"
	}
	return algorithmTokens[a]
}

// Strength orders algorithms by their hash; more is stronger. A -sess variant
// is as strong as its plain one.
func (a Algorithm) Strength() int {
	switch a {
	case SHA512256, SHA512256Sess:
		return 2
	case SHA256, SHA256Sess:
		return 1
	default:
		return 0
	}
}

func (a Algorithm) known() bool { return int(a) < len(algorithmTokens) }

func (a Algorithm) session() bool {
	return a == MD5Sess || a == SHA256Sess || a == SHA512256Sess
}

// hexLen is the number of hexadecimal digits of a hash.
func (a Algorithm) hexLen() int {
	if a.Strength() == 0 {
		return 2 * md5.Size
	}
	return 2 * sha256.Size // and of SHA-512/256
}

// hash returns H(data) of RFC 7616 section 3.3, in lower case.
func (a Algorithm) hash(data []byte) string {
	switch a.Strength() {
	case 2:
		sum := sha512.Sum512_256(data)
		return hex.EncodeToString(sum[:])
	case 1:
		sum := sha256.Sum256(data)
		return hex.EncodeToString(sum[:])
	default:
		sum := md5.Sum(data)
		return hex.EncodeToString(sum[:])
	}
}

// hashJoined hashes the parts with a colon between each two.
func (a Algorithm) hashJoined(parts ...string) string {
	return a.hash([]byte(strings.Join(parts, ":")))
}
