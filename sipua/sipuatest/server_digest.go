//go:build !js

package sipuatest

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// authenticator is the server's half of digest authentication (RFC 7616, RFC
// 8760), written apart from the user agent's half.
type authenticator struct {
	realm      string
	accounts   map[string]string
	algorithms []string
	qops       []string
	lifetime   time.Duration

	mu     sync.Mutex
	nonces map[string]*nonce
}

type nonce struct {
	born  time.Time
	count uint64 // the last nc
}

func newAuthenticator(o Options) *authenticator {
	a := &authenticator{
		realm: o.Domain, accounts: o.Accounts, lifetime: o.NonceLifetime,
		nonces: map[string]*nonce{},
	}
	for algorithm := range strings.SplitSeq(o.Algorithm, ",") {
		algorithm = strings.TrimSpace(algorithm)
		if newHash(algorithm) == nil {
			panic(fmt.Sprintf("sipuatest: Options.Algorithm %q is not known", algorithm))
		}
		a.algorithms = append(a.algorithms, algorithm)
	}
	if o.QOP != "none" {
		for qop := range strings.SplitSeq(o.QOP, ",") {
			a.qops = append(a.qops, strings.TrimSpace(qop))
		}
	}
	return a
}

func newHash(algorithm string) func() hash.Hash {
	switch strings.TrimSuffix(strings.ToUpper(algorithm), "-SESS") {
	case "MD5":
		return md5.New
	case "SHA-256":
		return sha256.New
	case "SHA-512-256":
		return sha512.New512_256
	}
	return nil
}

// reset forgets all nonces.
func (a *authenticator) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.nonces)
}

// challenges makes a WWW- or Proxy-Authenticate header for each algorithm.
func (a *authenticator) challenges(header string, stale bool) []sip.Header {
	a.mu.Lock()
	defer a.mu.Unlock()
	for value, n := range a.nonces {
		if time.Since(n.born) > a.lifetime {
			delete(a.nonces, value)
		}
	}
	value := rand.Text()
	a.nonces[value] = &nonce{born: time.Now()}

	var list []sip.Header
	for _, algorithm := range a.algorithms {
		text := fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s`, a.realm, value, algorithm)
		if stale {
			text += ", stale=true"
		}
		if len(a.qops) > 0 {
			text += fmt.Sprintf(`, qop="%s"`, strings.Join(a.qops, ","))
		}
		list = append(list, sip.NewHeader(header, text))
	}
	return list
}

// verdict of a check.
type verdict int

const (
	refused  verdict = iota // no credentials for our realm, or wrong ones
	stale                   // right ones, but for a nonce that is not good any more
	accepted                // right ones
)

// check verifies the credentials of req in the named header and returns the
// user name they prove.
func (a *authenticator) check(req *sip.Request, header string) (user string, v verdict) {
	for _, h := range req.GetHeaders(header) {
		p := parseDigest(h.Value())
		if p["realm"] != a.realm {
			continue
		}
		password, ok := a.accounts[p["username"]]
		if !ok || !a.right(p, password, req) {
			return p["username"], refused
		}
		return p["username"], a.use(p)
	}
	return "", refused
}

// right reports whether the response in p is the one that password makes, for
// this request and with what was offered.
func (a *authenticator) right(p map[string]string, password string, req *sip.Request) bool {
	offered := len(a.qops) == 0 && p["qop"] == "" || len(a.qops) > 0 && containsFold(a.qops, p["qop"])
	algorithm := p["algorithm"]
	if algorithm == "" {
		algorithm = "MD5"
	}
	return offered && containsFold(a.algorithms, algorithm) && p["uri"] == req.Recipient.String() &&
		p["response"] == digestResponse(p, algorithm, password, string(req.Method), string(req.Body()))
}

// digestResponse is RFC 7616 section 3.4.1.
func digestResponse(p map[string]string, algorithm, password, method, body string) string {
	h := func(parts ...string) string {
		sum := newHash(algorithm)()
		sum.Write([]byte(strings.Join(parts, ":"))) // a hash never fails
		return hex.EncodeToString(sum.Sum(nil))
	}
	ha1 := h(p["username"], p["realm"], password)
	if strings.HasSuffix(strings.ToUpper(algorithm), "-SESS") {
		ha1 = h(ha1, p["nonce"], p["cnonce"])
	}
	ha2 := h(method, p["uri"])
	if p["qop"] == "auth-int" {
		ha2 = h(method, p["uri"], h(body))
	}
	if p["qop"] == "" { // RFC 2069
		return h(ha1, p["nonce"], ha2)
	}
	return h(ha1, p["nonce"], p["nc"], p["cnonce"], p["qop"], ha2)
}

// use counts the use of a nonce. One that is unknown, too old or used with a
// count that does not grow (a replay, RFC 7616 section 3.3) is stale.
func (a *authenticator) use(p map[string]string) verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.nonces[p["nonce"]]
	if n == nil || time.Since(n.born) > a.lifetime {
		return stale
	}
	if p["qop"] == "" {
		return accepted
	}
	count, err := strconv.ParseUint(p["nc"], 16, 64)
	if err != nil || len(p["nc"]) != 8 || count <= n.count {
		return stale
	}
	n.count = count
	return accepted
}

// parseDigest splits the value of an Authorization header into its parameters,
// the names in lower case and the values without quotes.
func parseDigest(value string) map[string]string {
	p := map[string]string{}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	if !strings.EqualFold(scheme, "Digest") {
		return p
	}
	for rest != "" {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			break
		}
		name = strings.ToLower(strings.Trim(name, " \t,"))
		var text strings.Builder
		if strings.HasPrefix(after, `"`) {
			i := 1
			for ; i < len(after) && after[i] != '"'; i++ {
				if after[i] == '\\' && i+1 < len(after) {
					i++
				}
				text.WriteByte(after[i])
			}
			rest = after[min(i+1, len(after)):]
		} else {
			token, next, _ := strings.Cut(after, ",")
			text.WriteString(strings.TrimSpace(token))
			rest = next
		}
		p[name] = text.String()
	}
	return p
}

func containsFold(list []string, value string) bool {
	for _, s := range list {
		if strings.EqualFold(s, value) {
			return true
		}
	}
	return false
}
