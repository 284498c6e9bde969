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

// nonces are those that the server has given out. It is the store of the
// server's half of digest authentication (RFC 7616, RFC 8760), which is written
// apart from the user agent's half.
type nonces struct {
	mu    sync.Mutex
	known map[string]*nonce
	order []string // the oldest first
}

// maxNonces bounds what clients can make the server remember.
const maxNonces = 4096

type nonce struct {
	born  time.Time
	count uint64 // the last nc
	uses  int
}

func newNonces() *nonces { return &nonces{known: map[string]*nonce{}} }

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
func (n *nonces) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.known)
	n.order = nil
}

// fresh makes a nonce, and forgets those that are too old or too many.
func (n *nonces) fresh(lifetime time.Duration) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.order) > 0 {
		oldest := n.known[n.order[0]]
		if len(n.order) < maxNonces && time.Since(oldest.born) <= lifetime {
			break
		}
		delete(n.known, n.order[0])
		n.order = n.order[1:]
	}
	value := rand.Text()
	n.known[value] = &nonce{born: time.Now()}
	n.order = append(n.order, value)
	return value
}

// digestChallenges makes a challenge for each algorithm.
func (s *Server) digestChallenges(o *Options, realm string, stale bool) (values []string) {
	algorithms := o.algorithms()
	if len(algorithms) == 0 {
		return nil
	}
	value := s.nonces.fresh(o.NonceLifetime)
	for _, algorithm := range algorithms {
		text := fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=%s`, realm, value, algorithm)
		if stale {
			text += ", stale=true"
		}
		if qops := o.qops(); len(qops) > 0 {
			text += fmt.Sprintf(`, qop="%s"`, strings.Join(qops, ","))
		}
		values = append(values, text)
	}
	return values
}

// right reports whether the response in p is the one that password makes, for
// this request and with what was offered.
func (o *Options) right(p map[string]string, password string, req *sip.Request) bool {
	qops := o.qops()
	offered := len(qops) == 0 && p["qop"] == "" || len(qops) > 0 && containsFold(qops, p["qop"])
	return offered && containsFold(o.algorithms(), algorithmOf(p)) && p["uri"] == req.Recipient.String() &&
		p["response"] == digestResponse(p, algorithmOf(p), password, string(req.Method), string(req.Body()))
}

func algorithmOf(p map[string]string) string {
	if p["algorithm"] == "" {
		return "MD5"
	}
	return p["algorithm"]
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

// use counts the use of a nonce. One that is unknown, too old, used too often or
// used with a count that does not grow (a replay, RFC 7616 section 3.3) is stale.
func (n *nonces) use(o *Options, p map[string]string) verdict {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.known[p["nonce"]]
	if known == nil || time.Since(known.born) > o.NonceLifetime || o.NonceUses > 0 && known.uses >= o.NonceUses {
		return stale
	}
	if p["qop"] != "" {
		count, err := strconv.ParseUint(p["nc"], 16, 64)
		if err != nil || len(p["nc"]) != 8 || count <= known.count {
			return stale
		}
		known.count = count
	}
	known.uses++
	return accepted
}

// authenticationInfo is the value of the header of that name in the 200 to a
// request that was authenticated with p (RFC 7616 section 3.5), "" for none.
func (s *Server) authenticationInfo(o *Options, p map[string]string) string {
	var parts []string
	if o.NextNonce {
		parts = append(parts, fmt.Sprintf(`nextnonce="%s"`, s.nonces.fresh(o.NonceLifetime)))
	}
	if o.ResponseAuth || o.ForgeResponseAuth {
		password := o.Accounts[p["username"]]
		if o.ForgeResponseAuth {
			password += " and more"
		}
		// The method of a response is empty, and so is the body of ours.
		parts = append(parts, fmt.Sprintf(`rspauth="%s"`, digestResponse(p, algorithmOf(p), password, "", "")))
		if p["qop"] != "" {
			parts = append(parts, fmt.Sprintf(`qop=%s, cnonce="%s", nc=%s`, p["qop"], strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p["cnonce"]), p["nc"]))
		}
	}
	return strings.Join(parts, ", ")
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
