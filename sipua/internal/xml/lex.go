package xml

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// predefined are the only entities there are (XML 1.0 section 4.6).
var predefined = [...]struct {
	text string
	char rune
}{{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&apos;", '\''}, {"&quot;", '"'}}

// reference reads the reference that s begins with. The length is 0 when it is
// none or not that of a character.
func reference(s string) (r rune, length int) {
	for _, e := range predefined {
		if strings.HasPrefix(s, e.text) {
			return e.char, len(e.text)
		}
	}
	end := strings.IndexByte(s[:min(len(s), len("&#x0010ffff;")+8)], ';') // leading zeros are legal, a page of them is not needed
	if end < 0 || !strings.HasPrefix(s, "&#") {
		return 0, 0
	}
	digits, base := s[2:end], 10
	if strings.HasPrefix(digits, "x") {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 21)
	if err != nil || !isChar(rune(n)) {
		return 0, 0
	}
	return rune(n), end + 1
}

// isChar tells what may be in a document (section 2.2). NUL and most control
// characters may not, not even as a reference.
func isChar(r rune) bool {
	return r >= 0x20 && r <= 0xd7ff || r == '\t' || r == '\n' || r == '\r' || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= utf8.MaxRune
}

// name returns the name that s begins with: with one colon at most, and that
// between two names (Namespaces in XML 1.0 section 4).
func name(s string) (string, bool) {
	colon, begin := false, true
	i := 0
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == ':' && !colon && !begin {
			colon, begin = true, true
		} else if !nameChar(r, begin) {
			break
		} else {
			begin = false
		}
		i += size
	}
	return s[:i], !begin
}

// nameChar tells what may be in a name, or begin it (XML 1.0 section 2.3).
func nameChar(r rune, begin bool) bool {
	switch {
	case r < 0x80:
		return r|0x20 >= 'a' && r|0x20 <= 'z' || r == '_' || !begin && (r >= '0' && r <= '9' || r == '-' || r == '.')
	case r == 0xb7 || r >= 0x300 && r <= 0x36f || r == 0x203f || r == 0x2040:
		return !begin
	}
	return r >= 0xc0 && r != 0xd7 && r != 0xf7 && r != 0x37e && r <= 0x1fff || r == 0x200c || r == 0x200d ||
		r >= 0x2070 && r <= 0x218f || r >= 0x2c00 && r <= 0x2fef || r >= 0x3001 && r <= 0xd7ff ||
		r >= 0xf900 && r <= 0xfdcf || r >= 0xfdf0 && r <= 0xfffc || r >= 0x10000 && r <= 0xeffff
}

// skipSpace returns where the white space at s[i:] ends.
func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\r' || s[i] == '\n') {
		i++
	}
	return i
}

// quotedValue reads the = and the quotes behind the name of an attribute and
// returns what is between them and where they end.
func quotedValue(s string, i int) (value string, end int, ok bool) {
	i = skipSpace(s, i)
	if !strings.HasPrefix(s[i:], "=") {
		return "", 0, false
	}
	i = skipSpace(s, i+1)
	if i == len(s) || s[i] != '"' && s[i] != '\'' {
		return "", 0, false
	}
	length := strings.IndexByte(s[i+1:], s[i])
	if length < 0 {
		return "", 0, false
	}
	return s[i+1 : i+1+length], i + 1 + length + 1, true
}
