package message

import (
	"slices"
	"strings"
)

const masked = "[hidden]"

// Redact returns a message as text in which no secret is left: digest
// responses, bearer and basic credentials, passwords in URIs and keys of SDES.
// What arrives as garbage is treated in the same way. A line stays a line.
func Redact(text string) string {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); {
		n := 1 // lines of this header, folds included
		for i+n < len(lines) && (strings.HasPrefix(lines[i+n], " ") || strings.HasPrefix(lines[i+n], "\t")) {
			n++
		}
		redactHeader(lines[i : i+n])
		i += n
	}
	return strings.Join(lines, "\n")
}

// redactHeader redacts one header in place. Credentials that are folded come out
// in the first line, since a secret may begin in one line and end in another.
func redactHeader(lines []string) {
	var joined strings.Builder
	for _, line := range lines {
		joined.WriteString(strings.TrimSuffix(line, "\r"))
	}
	whole := joined.String()
	name, value, _ := strings.Cut(whole, ":")
	credentials := true
	switch asciiLower(strings.TrimSpace(name)) {
	case "authorization", "proxy-authorization":
		whole = name + ": " + redactCredentials(value)
	case "authentication-info", "proxy-authentication-info":
		whole = name + ": " + redactParams(value)
	default:
		credentials = false
	}
	for i, line := range lines {
		line, end := strings.CutSuffix(line, "\r")
		switch {
		case credentials && i == 0:
			line = whole
		case credentials:
			line = " "
		default:
			line = redactLine(line)
		}
		if end {
			line += "\r"
		}
		lines[i] = line
	}
}

// redactLine hides the keys of session descriptions (RFC 4568: a=crypto, RFC
// 4567: a=key-mgmt, RFC 4566: k=) and the passwords of URIs.
func redactLine(line string) string {
	for _, key := range []string{"a=crypto:", "a=key-mgmt:", "k="} {
		if strings.HasPrefix(asciiLower(line), key) {
			return line[:len(key)] + masked
		}
	}
	return MaskURI(line)
}

// redactCredentials keeps the scheme; of any but Digest nothing else.
func redactCredentials(value string) string {
	value = strings.TrimSpace(value)
	i := strings.IndexAny(value, " \t")
	switch {
	case i < 0:
		return masked
	case asciiLower(value[:i]) == "digest":
		return value[:i] + " " + redactParams(value[i:])
	case strings.ContainsAny(value[:i], `="`):
		return masked
	}
	return value[:i] + " " + masked
}

// harmless are the digest parameters that help to find a fault and prove nothing.
// Whatever else there is, is hidden.
var harmless = []string{"username", "realm", "nonce", "uri", "algorithm", "opaque", "qop", "nc", "userhash", "stale", "username*", "nextnonce"}

func redactParams(s string) string {
	var out []string
	for _, part := range SplitQuoted(s, ",;") {
		name, value, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		switch {
		case ok && slices.Contains(harmless, asciiLower(name)):
			out = append(out, name+"="+MaskURI(strings.TrimSpace(value)))
		case ok && isWord(name):
			out = append(out, name+`="`+masked+`"`)
		case name != "":
			out = append(out, masked)
		}
	}
	return strings.Join(out, ", ")
}

// SplitQuoted splits s at each of seps that does not stand in a quoted-string.
func SplitQuoted(s, seps string) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && strings.IndexByte(seps, c) >= 0:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

func isWord(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r != '-' && r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }) < 0
}

// asciiLower keeps the length of s, which strings.ToLower does not, so that an
// index into it is one into s.
func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

// MaskURI hides the password part of every SIP URI in s (RFC 3261 section
// 19.1.1 allows "sip:user:password@host" and recommends against it). In doubt it
// hides too much.
func MaskURI(s string) string {
	lower := asciiLower(s)
	var b strings.Builder
	done := 0 // s up to here is in b
	for from := 0; ; {
		i := strings.Index(lower[from:], "sip")
		if i < 0 {
			break
		}
		from += i + len("sip")
		from += len(lower[from:]) - len(strings.TrimPrefix(lower[from:], "s"))
		if from >= len(s) || s[from] != ':' {
			continue
		}
		from++
		end := len(s)
		if n := strings.IndexAny(s[from:], "> \t\r\n\""); n >= 0 {
			end = from + n
		}
		if next := strings.Index(lower[from:end], ",sip"); next >= 0 {
			end = from + next
		}
		at := strings.LastIndexByte(s[from:end], '@')
		if colon := strings.IndexByte(s[from:from+max(at, 0)], ':'); colon >= 0 {
			b.WriteString(s[done:from+colon+1] + masked)
			done = from + at
		}
		from = end
	}
	b.WriteString(s[done:])
	return b.String()
}
