package sipuatest

import (
	"fmt"
	"regexp"
	"strings"
)

// randomValues finds what differs between two runs of one test. The first group
// of each expression is the random value; kind names it in the golden file.
// The order matters: what a former expression has numbered, a later one leaves.
var randomValues = []struct {
	kind string
	re   *regexp.Regexp
}{
	{"call-id", regexp.MustCompile(`(?im)^(?:Call-ID|i)[ \t]*:[ \t]*(\S+)`)},
	{"branch", regexp.MustCompile(`(?i);branch=(?:z9hG4bK)?([^;,\s]+)`)},
	{"tag", regexp.MustCompile(`(?i)[;-]tag=([^;,\s>]+)`)}, // also to-tag and from-tag of Replaces
	{"cnonce", regexp.MustCompile(`(?i)\bcnonce="([^"]+)"`)},
	{"nonce", regexp.MustCompile(`(?i)\b(?:next)?nonce="([^"]+)"`)},
	{"opaque", regexp.MustCompile(`(?i)\bopaque="([^"]+)"`)},
	{"response", regexp.MustCompile(`(?i)\b(?:response|rspauth)="([^"]+)"`)},
	{"uuid", regexp.MustCompile(`(?i)urn:uuid:([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})`)},
	{"host", regexp.MustCompile(`(?i)([A-Za-z0-9-]+)\.invalid\b`)},
	{"user", regexp.MustCompile(`(?i)sips?:([^@:;>\s<]+)(?::[^@\s]*)?@(?:<host-\d+>)\.invalid\b`)},
	{"rport", regexp.MustCompile(`(?i);rport=(\d+)`)},
	{"port", regexp.MustCompile(`\b(?:127\.0\.0\.1|localhost|\[::1\]):(\d+)`)},
	{"session", regexp.MustCompile(`(?m)^o=\S+ (\d+) `)},
	{"ufrag", regexp.MustCompile(`(?m)^a=ice-ufrag:(\S+)`)},
	{"pwd", regexp.MustCompile(`(?m)^a=ice-pwd:(\S+)`)},
	{"fingerprint", regexp.MustCompile(`(?m)^a=fingerprint:\S+ (\S+)`)},
	{"msid", regexp.MustCompile(`(?m)^a=msid:\S+ (\S+)`)},
	{"rseq", regexp.MustCompile(`(?im)^RSeq[ \t]*:[ \t]*(\d+)`)},
	{"rseq", regexp.MustCompile(`(?im)^RAck[ \t]*:[ \t]*(\d+)`)},
	{"date", regexp.MustCompile(`(?im)^Date[ \t]*:[ \t]*(\S[^\r\n]*)`)},
	{"version", regexp.MustCompile(`(?im)^(?:User-Agent|Server)[ \t]*:[ \t]*sipwasm/(\S+)`)},
}

// contentLength of a body that holds random values says nothing: their length
// may differ from run to run.
var contentLength = regexp.MustCompile(`(?im)^((?:Content-Length|l)[ \t]*:[ \t]*)(\d+)`)

// normalizer numbers random values in the order of their appearance.
type normalizer struct {
	names map[string]string // value -> "<kind-n>"
	count map[string]int
	order []string // values, in order of appearance
}

func newNormalizer() *normalizer {
	return &normalizer{names: map[string]string{}, count: map[string]int{}}
}

// message returns text with LF ends of line and every random value replaced.
func (n *normalizer) message(text string) string {
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	if body != "" {
		head = contentLength.ReplaceAllStringFunc(head, func(line string) string {
			m := contentLength.FindStringSubmatch(line)
			if m[2] == fmt.Sprint(len(body)) {
				return m[1] + "<length>"
			}
			return line + fmt.Sprintf(" (the body has %d)", len(body))
		})
		text = head + "\r\n\r\n" + body
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for _, v := range randomValues {
		text = n.replace(text, v.kind, v.re)
	}
	// A value may come back in another place: a Call-ID in Replaces, an ICE
	// user fragment in a candidate.
	for _, value := range n.order {
		if len(value) >= 8 {
			text = strings.ReplaceAll(text, value, n.names[value])
		}
	}
	return text
}

// replace numbers the first group of every match of re.
func (n *normalizer) replace(text, kind string, re *regexp.Regexp) string {
	var b strings.Builder
	last := 0
	for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
		value := text[m[2]:m[3]]
		if strings.HasPrefix(value, "<") {
			continue
		}
		b.WriteString(text[last:m[2]])
		b.WriteString(n.name(kind, value))
		last = m[3]
	}
	b.WriteString(text[last:])
	return b.String()
}

func (n *normalizer) name(kind, value string) string {
	key := value
	if len(value) < 8 { // a short value means nothing outside its own kind
		key = kind + " " + value
	}
	if name, ok := n.names[key]; ok {
		return name
	}
	if kind == "version" || kind == "date" {
		return "<" + kind + ">"
	}
	n.count[kind]++
	name := fmt.Sprintf("<%s-%d>", kind, n.count[kind])
	n.names[key] = name
	if key == value {
		n.order = append(n.order, value)
	}
	return name
}
