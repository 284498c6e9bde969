package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sums are the hashes of RFC 7616 section 3.3, apart from this package's own.
var sums = map[string]func() hash.Hash{"MD5": md5.New, "SHA-256": sha256.New, "SHA-512-256": sha512.New512_256}

// sum hashes parts with colons between them.
func sum(algorithm string, parts ...string) string {
	h := sums[strings.TrimSuffix(algorithm, "-sess")]()
	h.Write([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(h.Sum(nil))
}

// Section 3.4.1 to 3.4.4 and 3.5 in every combination, computed here anew.
func TestAnswersAndProofs(t *testing.T) {
	const user, realm, password, nonce, uri, cnonce = "bob", "biloxi.com", "zanzibar", "n0nce", "sip:bob@biloxi.com", "cn0nce"
	for _, algorithm := range []string{"MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"} {
		for _, qop := range []string{"", "auth", "auth-int"} {
			for _, body := range []string{"", "v=0\r\n"} {
				for _, userhash := range []bool{false, true} {
					t.Run(fmt.Sprint(algorithm, " ", qop, " ", len(body), " ", userhash), func(t *testing.T) {
						ha1 := sum(algorithm, user, realm, password)
						cred := []Credentials{{Username: user, Password: password}, {Username: user, HA1: []HA1{{realm, strings.TrimSuffix(algorithm, "-sess"), ha1}}}}
						key := ha1
						if strings.HasSuffix(algorithm, "-sess") {
							key = sum(algorithm, ha1, nonce, cnonce)
						}
						respond := func(method string) string {
							a2 := sum(algorithm, method, uri)
							if qop == "auth-int" {
								a2 = sum(algorithm, method, uri, sum(algorithm, body))
							}
							if qop == "" {
								return sum(algorithm, key, nonce, a2)
							}
							return sum(algorithm, key, nonce, "00000007", cnonce, qop, a2)
						}
						value := fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s, userhash=%t`, realm, nonce, algorithm, userhash)
						if qop != "" {
							value += fmt.Sprintf(`, qop="%s"`, qop)
						}
						c, err := ParseChallenge(value)
						require.NoError(t, err)
						for _, cred := range cred {
							got, err := c.Authorize(cred, Request{Method: "MESSAGE", URI: uri, Body: []byte(body)}, 7, cnonce)
							require.NoError(t, err)
							require.Equal(t, `"`+respond("MESSAGE")+`"`, param(t, got, "response"))
							name := `"` + user + `"`
							if userhash {
								name = `"` + sum(algorithm, user, realm) + `"`
							}
							require.Equal(t, name, param(t, got, "username"))

							info, err := ParseInfo(fmt.Sprintf(`rspauth="%s", qop=%s, cnonce="%s", nc=00000007`, strings.ToUpper(respond("")), qop, cnonce))
							require.NoError(t, err)
							require.True(t, info.Proves(c, cred, uri, []byte(body), 7, cnonce))
							require.False(t, info.Proves(c, cred, uri+"x", []byte(body), 7, cnonce))
							require.Equal(t, qop != "auth-int", info.Proves(c, cred, uri, []byte(body+"x"), 7, cnonce), "auth-int covers the body")
							require.Equal(t, qop == "", info.Proves(c, cred, uri, []byte(body), 8, cnonce), "the count is part of it")
							require.False(t, info.Proves(c, Credentials{Username: user, Password: "another"}, uri, []byte(body), 7, cnonce))
							require.False(t, Info{}.Proves(c, cred, uri, []byte(body), 7, cnonce), "nothing proves nothing")
						}
					})
				}
			}
		}
	}
}

// Section 3.5: the server chooses the protection of its response by itself.
func TestProofWithAnotherQOP(t *testing.T) {
	c := Challenge{Realm: "r", Nonce: "n", QOP: []string{"auth"}}
	cred := Credentials{Username: "bob", Password: "p"}
	a2 := sum("MD5", "", "sip:r", sum("MD5", "body"))
	info := Info{QOP: "auth-int", RspAuth: sum("MD5", sum("MD5", "bob", "r", "p"), "n", "00000001", "cn", "auth-int", a2)}
	require.True(t, info.Proves(c, cred, "sip:r", []byte("body"), 1, "cn"))
	require.False(t, info.Proves(c, cred, "sip:r", []byte("forged"), 1, "cn"))
}

// Section 3.4.2: the key of a -sess algorithm is that of the nonces which began the
// session; nextnonce (section 3.5) goes on with it.
func TestSessionKeyOutlivesTheNonce(t *testing.T) {
	c := Challenge{Realm: "r", Nonce: "first", Algorithm: SHA256Sess, QOP: []string{"auth"}}
	cred := Credentials{Username: "bob", Password: "p"}
	key := sum("SHA-256", sum("SHA-256", "bob", "r", "p"), "first", "cn1")
	for _, nonce := range []string{"second", "third"} {
		c = c.Next(nonce, "cn1")
		got, err := c.Authorize(cred, Request{Method: "OPTIONS", URI: "sip:r"}, 1, "cn2")
		require.NoError(t, err)
		require.Equal(t, `"`+nonce+`"`, param(t, got, "nonce"))
		require.Equal(t, `"`+sum("SHA-256", key, nonce, "00000001", "cn2", "auth", sum("SHA-256", "OPTIONS", "sip:r"))+`"`, param(t, got, "response"))
	}
}

func TestParseInfo(t *testing.T) {
	info, err := ParseInfo(`qop=AUTH, RspAuth="ab", nextnonce="n\"n", cnonce=c, nc=00000001`)
	require.NoError(t, err)
	require.Equal(t, Info{NextNonce: `n"n`, RspAuth: "ab", QOP: "auth", Cnonce: "c"}, info)
	for _, bad := range []string{`nextnonce="n`, "nextnonce=\"a\r\nb\"", `="x"`} {
		_, err := ParseInfo(bad)
		require.ErrorIs(t, err, ErrMalformed, bad)
	}
}
