package sipua_test

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"regexp"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

var digestParam = regexp.MustCompile(`(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^",\s]+))`)

var quotedPair = regexp.MustCompile(`\\(.)`)

// digestParams reads a credentials header, as a server would.
func digestParams(t testing.TB, value string) map[string]string {
	t.Helper()
	scheme, rest, _ := strings.Cut(value, " ")
	require.Equal(t, "Digest", scheme)
	p := map[string]string{}
	for _, m := range digestParam.FindAllStringSubmatch(rest, -1) {
		require.NotContains(t, p, m[1], "a parameter comes once")
		p[m[1]] = quotedPair.ReplaceAllString(m[2], "$1") + m[3]
	}
	return p
}

// checkDigest verifies the one header of that name in req as a server would: RFC
// 7616 section 3.4.1, computed here anew. It returns the parameters.
func checkDigest(t testing.TB, req *sip.Request, header, user, password string) map[string]string {
	t.Helper()
	all := values(req, header)
	require.Len(t, all, 1)
	p := digestParams(t, all[0])
	require.Equal(t, user, p["username"])
	require.Equal(t, req.Recipient.String(), p["uri"])

	of := digestHash(t, p["algorithm"])
	ha1, ha2 := of(user, p["realm"], password), of(string(req.Method), p["uri"])
	if strings.HasSuffix(p["algorithm"], "-sess") {
		ha1 = of(ha1, p["nonce"], p["cnonce"])
	}
	want := of(ha1, p["nonce"], ha2)
	if p["qop"] != "" {
		require.Len(t, p["nc"], 8)
		require.GreaterOrEqual(t, len(p["cnonce"]), 8)
		switch p["qop"] {
		case "auth":
		case "auth-int":
			ha2 = of(string(req.Method), p["uri"], of(string(req.Body())))
		default:
			require.Fail(t, "the qop is unknown", p["qop"])
		}
		want = of(ha1, p["nonce"], p["nc"], p["cnonce"], p["qop"], ha2)
	}
	require.Equal(t, want, p["response"])
	return p
}

// rspauth is the proof that a server gives which has taken these credentials: RFC
// 7616 section 3.5, for the qop of the answer and the body of the response.
func rspauth(t testing.TB, credentials, password, body string) string {
	t.Helper()
	p := digestParams(t, credentials)
	sum := digestHash(t, p["algorithm"])
	ha1 := sum(p["username"], p["realm"], password)
	if strings.HasSuffix(p["algorithm"], "-sess") {
		ha1 = sum(ha1, p["nonce"], p["cnonce"])
	}
	ha2 := sum("", p["uri"])
	if p["qop"] == "auth-int" {
		ha2 = sum("", p["uri"], sum(body))
	}
	return sum(ha1, p["nonce"], p["nc"], p["cnonce"], p["qop"], ha2)
}

// digestHash is the H of RFC 7616 section 3.3, of parts with colons between them.
func digestHash(t testing.TB, algorithm string) func(parts ...string) string {
	t.Helper()
	sum := map[string]func() hash.Hash{"": md5.New, "MD5": md5.New, "SHA-256": sha256.New, "SHA-512-256": sha512.New512_256}[strings.TrimSuffix(algorithm, "-sess")]
	require.NotNil(t, sum, "algorithm %q", algorithm)
	return func(parts ...string) string {
		h := sum()
		h.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(h.Sum(nil))
	}
}
