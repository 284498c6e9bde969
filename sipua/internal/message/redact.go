package message

import "strings"

const masked = "[hidden]"

// Redact returns a message as text in which no secret is left: digest
// responses, bearer and basic credentials, passwords in URIs and SDES keys.
// What arrives as garbage is treated line by line in the same way.
func Redact(text string) string {
	lines := strings.Split(text, "\n")
	credentials := false
	for i, line := range lines {
		if credentials && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")) {
			lines[i] = " " + masked // a folded header: what is hidden may stand here
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		credentials = ok && isCredentials(strings.TrimSpace(name))
		switch {
		case credentials:
			lines[i] = name + ":" + redactCredentials(value)
		case strings.HasPrefix(line, "a=crypto:"): // RFC 4568: the key follows "inline:"
			lines[i] = maskAfter(line, "inline:", " |;\r")
		default:
			lines[i] = MaskURI(line)
		}
	}
	return strings.Join(lines, "\n")
}

func isCredentials(name string) bool {
	for _, n := range []string{"Authorization", "Proxy-Authorization", "Authentication-Info", "Proxy-Authentication-Info"} {
		if strings.EqualFold(name, n) {
			return true
		}
	}
	return false
}

// redactCredentials keeps what helps to find a fault (realm, nonce, uri,
// algorithm) and hides what proves the identity.
func redactCredentials(value string) string {
	end := ""
	if strings.HasSuffix(value, "\r") {
		value, end = value[:len(value)-1], "\r"
	}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	if strings.Contains(scheme, "=") { // Authentication-Info has no scheme
		scheme, rest = "", strings.TrimSpace(value)
	} else if !strings.EqualFold(scheme, "Digest") {
		return " " + scheme + " " + masked + end
	}
	out := " " + strings.TrimSpace(scheme+" "+rest)
	for _, p := range []string{"response", "cnonce", "rspauth", "nextnonce"} {
		out = maskParam(out, p)
	}
	return out + end
}

// maskParam hides the value of every parameter called name.
func maskParam(s, name string) string {
	lower, from := strings.ToLower(s), 0
	for {
		i := strings.Index(lower[from:], name)
		if i < 0 {
			return s
		}
		i += from
		from = i + len(name)
		if i > 0 && !strings.ContainsRune(", \t", rune(s[i-1])) {
			continue // the end of another word
		}
		j := from
		for j < len(s) && (s[j] == ' ' || s[j] == '\t') {
			j++
		}
		if j >= len(s) || s[j] != '=' {
			continue
		}
		j++
		for j < len(s) && (s[j] == ' ' || s[j] == '\t') {
			j++
		}
		end := j
		if end < len(s) && s[end] == '"' {
			for end++; end < len(s) && s[end] != '"'; end++ {
				if s[end] == '\\' {
					end++
				}
			}
			end = min(end+1, len(s))
		} else {
			for end < len(s) && s[end] != ',' && s[end] != ' ' {
				end++
			}
		}
		s = s[:j] + `"` + masked + `"` + s[end:]
		lower = strings.ToLower(s)
		from = j + len(masked) + 2
	}
}

func maskAfter(line, start, ends string) string {
	i := strings.Index(line, start)
	if i < 0 {
		return line
	}
	i += len(start)
	j := strings.IndexAny(line[i:], ends)
	if j < 0 {
		return line[:i] + masked
	}
	return line[:i] + masked + line[i+j:]
}

// MaskURI hides the password part of every SIP URI in s (RFC 3261 section
// 19.1.1 allows "sip:user:password@host" and recommends against it).
func MaskURI(s string) string {
	for _, scheme := range []string{"sip:", "sips:"} {
		from := 0
		for {
			i := strings.Index(strings.ToLower(s[from:]), scheme)
			if i < 0 {
				break
			}
			start := from + i + len(scheme)
			from = start
			end := start + strings.IndexAny(s[start:]+">", "> \t\r,\"")
			at := strings.IndexByte(s[start:end], '@')
			if at < 0 {
				continue
			}
			colon := strings.IndexByte(s[start:start+at], ':')
			if colon < 0 {
				continue
			}
			s = s[:start+colon+1] + masked + s[start+at:]
		}
	}
	return s
}
