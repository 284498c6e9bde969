package message

import (
	"bufio"
	"crypto/rand"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/emiago/sipgo/sip"
)

// Magic begins the branch of every client that follows RFC 3261 (section
// 8.1.1.7).
const Magic = "z9hG4bK"

// random reads ahead: in WebAssembly each read of crypto/rand is a call of the
// browser, which took a quarter of the time of a response.
var random = struct {
	sync.Mutex
	source *bufio.Reader
}{source: bufio.NewReaderSize(rand.Reader, 512)}

// NewToken returns n random lower-case letters and digits, 5 bits each, from
// crypto/rand.
func NewToken(n int) string {
	const digits = "abcdefghijklmnopqrstuvwxyz234567"
	b := make([]byte, n)
	random.Lock()
	_, _ = io.ReadFull(random.source, b) // crypto/rand never fails since Go 1.24
	random.Unlock()
	for i := range b {
		b[i] = digits[b[i]&31]
	}
	return string(b)
}

// NewBranch returns a new branch, unique in space and time (section 8.1.1.7).
func NewBranch() string { return Magic + NewToken(20) }

// NewTag returns a new tag: at least 32 bits of randomness (section 19.3).
func NewTag() string { return NewToken(12) }

// CSeq appends or replaces the CSeq header.
func CSeq(req *sip.Request, seq uint32) {
	h := &sip.CSeqHeader{SeqNo: seq, MethodName: req.Method}
	if req.CSeq() == nil {
		req.AppendHeader(h)
		return
	}
	req.ReplaceHeader(h)
}

// Param returns the parameter called name, whatever its case (section 7.3.1),
// without quotes.
func Param(params sip.HeaderParams, name string) (string, bool) {
	for _, kv := range params {
		if strings.EqualFold(kv.K, name) {
			if space(kv.V) >= 0 && kv.V[0] != '"' {
				return unescape(kv.V), true // parseParams has taken the quotes off
			}
			return Unquote(kv.V), true
		}
	}
	return "", false
}

// FromTag returns the tag of From, "" when there is none.
func FromTag(msg sip.Message) string {
	if h := msg.From(); h != nil {
		tag, _ := Param(h.Params, "tag")
		return tag
	}
	return ""
}

// ToTag returns the tag of To, "" when there is none.
func ToTag(msg sip.Message) string {
	if h := msg.To(); h != nil {
		tag, _ := Param(h.Params, "tag")
		return tag
	}
	return ""
}

// CallID returns the Call-ID, "" when there is none.
func CallID(msg sip.Message) string {
	if h := msg.CallID(); h != nil {
		return string(*h)
	}
	return ""
}

// Branch returns the branch of the topmost Via.
func Branch(msg sip.Message) string {
	if v := msg.Via(); v != nil {
		b, _ := Param(v.Params, "branch")
		return b
	}
	return ""
}

// Tokens returns the comma-separated tokens of all headers of that name, such
// as the option tags of Require.
func Tokens(msg sip.Message, name string) []string {
	var all []string
	for _, h := range msg.GetHeaders(name) {
		for _, t := range SplitQuoted(h.Value(), ",") {
			if t = strings.TrimSpace(t); t != "" {
				all = append(all, t)
			}
		}
	}
	return all
}

// HeaderValue returns the value of the first header of that name.
func HeaderValue(msg sip.Message, name string) string {
	if h := First(msg, name); h != nil {
		return h.Value()
	}
	return ""
}

// Seconds reads a header that holds a number of seconds, perhaps followed by
// parameters or a comment, such as Expires or Retry-After.
func Seconds(msg sip.Message, name string) (int, bool) {
	v := HeaderValue(msg, name)
	if i := strings.IndexAny(v, "; (\t"); i >= 0 {
		v = v[:i]
	}
	n, err := strconv.ParseUint(v, 10, 32)
	return int(n), err == nil
}

// Response makes the response to req (section 8.2.6). tag is the local tag: it
// goes into To when req has none there and the status is not 100. It copes with
// requests that could be read only in part.
func Response(req *sip.Request, status int, reason, tag string) *sip.Response {
	res := sip.NewResponse(status, reason)
	var few [40]kind
	kinds := few[:0]
	for _, h := range req.Headers() {
		kinds = append(kinds, kindOf(h))
	}
	for k := via; k <= cSeq; k++ { // section 8.2.6.2
		for i, h := range req.Headers() {
			if kinds[i] != k {
				continue
			}
			h = sip.HeaderClone(h)
			if to, ok := h.(*sip.ToHeader); ok && status > 100 && tag != "" && !hasParam(to.Params, "tag") {
				to.Params.Add("tag", tag)
			}
			res.AppendHeader(h)
		}
	}
	// Section 12.1.1: a response that makes a dialog repeats the Record-Route.
	if status > 100 && status < 300 {
		for _, h := range All(req, "Record-Route") {
			res.AppendHeader(sip.HeaderClone(h))
		}
	}
	if status == 100 {
		for _, h := range All(req, "Timestamp") { // section 8.2.6.1
			res.AppendHeader(sip.HeaderClone(h))
		}
	}
	return res
}

// kindOf is the kind of a header that every response copies, or other. Those that
// could not be read are text and have their name.
func kindOf(h sip.Header) kind {
	switch h.(type) {
	case *sip.ViaHeader:
		return via
	case *sip.FromHeader:
		return from
	case *sip.ToHeader:
		return to
	case *sip.CallIDHeader:
		return callID
	case *sip.CSeqHeader:
		return cSeq
	}
	k, _ := long(h.Name())
	return k
}

func hasParam(params sip.HeaderParams, name string) bool {
	_, ok := Param(params, name)
	return ok
}

// CheckValue refuses text that would break out of the header or start line it
// is put into.
func CheckValue(s string) error {
	if i := strings.IndexAny(s, "\r\n\x00"); i >= 0 {
		return errors.New("contains a line break or NUL, which would begin another header")
	}
	if !utf8.ValidString(s) {
		return errors.New("is not valid UTF-8") // section 7: SIP is UTF-8
	}
	return nil
}

// Quote makes s a quoted-string without the quotes around it, as sipgo's
// DisplayName wants it (section 25.1: quoted-pair).
func Quote(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}

// Unquote takes the quotes around s and the backslashes in it away. Text
// without quotes comes back as it is.
func Unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return unescape(s[1 : len(s)-1])
	}
	return s
}

// DisplayName returns the display name of a parsed header as people write it.
func DisplayName(raw string) string { return unescape(strings.TrimSpace(raw)) }

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
