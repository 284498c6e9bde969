package xml

import (
	"strings"
	"unicode/utf8"
)

// decode returns the document as UTF-8 without its byte order mark, and where
// its XML declaration ends.
//
// The event packages prescribe UTF-8 (RFC 4235 section 4, RFC 3863 section 4).
// Accepted are besides:
//   - US-ASCII, which is UTF-8.
//   - ISO-8859-1, because Asterisk has declared it in its presence documents for
//     twenty years. It writes names as it got them, which is in UTF-8; so what is
//     valid UTF-8 is taken for that, and only the rest is converted. Latin text
//     that happens to be valid UTF-8 is not made by people.
//
// White space in front of the declaration, which XML does not allow, is
// skipped: some servers send an empty line more than they should.
func decode(data []byte) (text string, start int, err error) {
	text = strings.TrimPrefix(string(data), "\ufeff")
	encoding, start, err := declaration(text)
	if err != nil {
		return "", 0, err
	}
	switch strings.ToLower(encoding) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
	case "iso-8859-1", "iso8859-1", "latin1":
		if !utf8.ValidString(text) {
			text = fromLatin1(text)
		}
	default:
		return "", 0, syntaxError(text, 0, "the encoding %s is not UTF-8", quoted(encoding))
	}
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
			return "", 0, syntaxError(text, i, "the text is not valid UTF-8")
		}
		if !isChar(r) {
			return "", 0, syntaxError(text, i, "the character %U is not allowed", r)
		}
	}
	return text, start, nil
}

// fromLatin1 makes UTF-8 of ISO-8859-1, whose characters are the first 256.
func fromLatin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// declaration reads the XML declaration when there is one (section 2.8) and
// returns the encoding that it names. What it consists of is ASCII, so it can be
// read before the encoding is known.
func declaration(s string) (encoding string, end int, err error) {
	begin := skipSpace(s, 0)
	end = begin + len("<?xml")
	if !strings.HasPrefix(s[begin:], "<?xml") || skipSpace(s, end) == end {
		return "", 0, nil
	}
	// version, encoding and standalone in this order, the last two optional
	for seen := 0; ; {
		before := end
		end = skipSpace(s, end)
		if strings.HasPrefix(s[end:], "?>") && seen > 0 {
			return encoding, end + len("?>"), nil
		}
		key, _ := name(s[end:])
		value, next, ok := quotedValue(s, end+len(key))
		switch {
		case !ok || end == before:
			return "", 0, syntaxError(s, end, "the XML declaration is malformed or has no end")
		case key == "version" && seen == 0:
			if seen = 1; value != "1.0" {
				return "", 0, syntaxError(s, end, "the XML version %s is not 1.0", quoted(value))
			}
		case key == "encoding" && seen == 1 && value != "":
			seen, encoding = 2, value
		case key == "standalone" && (seen == 1 || seen == 2) && (value == "yes" || value == "no"):
			seen = 3
		default:
			return "", 0, syntaxError(s, end, "the XML declaration has an unexpected %s", quoted(key))
		}
		end = next
	}
}
