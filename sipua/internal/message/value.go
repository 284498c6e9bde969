package message

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// nextValue cuts a list at its first comma that stands neither in quotes nor in
// angle brackets.
func nextValue(s string) (value, rest string, more bool) {
	if strings.IndexByte(s, ',') < 0 {
		return s, "", false
	}
	quoted, angle := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !angle:
			quoted = !quoted
		case quoted:
		case c == '<':
			angle = true
		case c == '>':
			angle = false
		case c == ',' && !angle:
			return trim(s[:i]), trim(s[i+1:]), true
		}
	}
	return s, "", false
}

// parseVia reads one via-parm (section 25.1), in which white space may stand
// around every separator.
func parseVia(s string) *sip.ViaHeader {
	protocol, s, ok1 := strings.Cut(s, "/")
	version, s, ok2 := strings.Cut(s, "/")
	s = strings.TrimLeft(s, " \t")
	space := strings.IndexAny(s, " \t")
	if !ok1 || !ok2 || space < 0 {
		return nil
	}
	h := &sip.ViaHeader{ProtocolName: trim(protocol), ProtocolVersion: trim(version), Transport: s[:space]}
	sentBy, params, hasParams := strings.Cut(s[space:], ";")
	if !isToken(h.ProtocolName) || !isToken(h.ProtocolVersion) || !isToken(h.Transport) || !parseSentBy(trim(sentBy), h) {
		return nil
	}
	if hasParams && !parseParams(params, &h.Params) {
		return nil
	}
	return h
}

func parseSentBy(s string, h *sip.ViaHeader) bool {
	host, port, hasPort := s, "", false
	if strings.HasPrefix(s, "[") {
		var rest string
		var ok bool
		host, rest, ok = strings.Cut(s[1:], "]")
		rest, hasPort = strings.CutPrefix(strings.TrimLeft(rest, " \t"), ":")
		if !ok || !hasPort && rest != "" || strings.Count(host, ":") < 2 {
			return false
		}
		port = rest // the brackets come back when it is sent
	} else if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, port, hasPort = s[:i], s[i+1:], true
	}
	h.Host = strings.TrimRight(host, " \t")
	if hasPort {
		n, ok := parseNumber(strings.TrimLeft(port, " \t"), 1<<16-1)
		if !ok {
			return false
		}
		h.Port = int(n)
	}
	return isHost(h.Host)
}

// parseAddress reads "name-addr / addr-spec" with its parameters (sections 20.10
// and 25.1).
func parseAddress(s string, uri *sip.Uri, params *sip.HeaderParams) (name string, ok bool) {
	if s == "*" {
		return "", parseURI(s, uri) == nil
	}
	name, address, rest, bracketed, ok := splitAddress(s)
	if !ok || parseURI(address, uri) != nil || uri.Wildcard {
		return "", false
	}
	// Section 20.10: a URI with a question mark or comma must stand in brackets.
	if !bracketed && (len(uri.Headers) > 0 || strings.IndexByte(address, ',') >= 0) {
		return "", false
	}
	return name, rest == "" || parseParams(rest, params)
}

// splitAddress cuts an address into its display name, without quotes but with the
// backslashes in it, its URI and what follows the ";" behind it.
func splitAddress(s string) (name, uri, rest string, bracketed, ok bool) {
	if strings.HasPrefix(s, `"`) {
		end := quotedEnd(s)
		if end < 0 {
			return "", "", "", false, false
		}
		name = s[1 : end-1]
		s = strings.TrimLeft(s[end:], " \t")
		if !strings.HasPrefix(s, "<") {
			return "", "", "", false, false
		}
	}
	open := strings.IndexByte(s, '<')
	if open < 0 {
		uri, rest, _ = strings.Cut(s, ";")
		return "", strings.TrimRight(uri, " \t"), rest, false, true
	}
	if open > 0 {
		// A display name without quotes is made of tokens (section 25.1).
		name = strings.Join(strings.Fields(s[:open]), " ")
		if strings.ContainsAny(name, `\",;>()[]{}?=@:/`) {
			return "", "", "", false, false
		}
	}
	uri, rest, ok = strings.Cut(s[open+1:], ">")
	rest = strings.TrimLeft(rest, " \t")
	if rest != "" {
		if rest[0] != ';' {
			return "", "", "", false, false
		}
		rest = rest[1:]
	}
	return name, uri, rest, true, ok
}

// parseRoute reads a route: a name-addr, though brackets are missing here and
// there, and then the parameters are the URI's.
func parseRoute(s string, uri *sip.Uri) bool {
	_, address, rest, bracketed, ok := splitAddress(s)
	if !bracketed {
		address, rest = s, ""
	}
	var dropped sip.HeaderParams // sipgo has no place for them
	return ok && parseURI(address, uri) == nil && !uri.Wildcard && (rest == "" || parseParams(rest, &dropped))
}

// quotedEnd is the index behind the quoted-string that s begins with, -1 when it
// does not end.
func quotedEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// parseParams reads "name[=value][;…]". Values keep their quotes, but not where
// sipgo puts them around again: about white space. What is given twice is kept
// twice; the first one counts.
func parseParams(s string, params *sip.HeaderParams) bool {
	if s == "" {
		return true
	}
	*params = make(sip.HeaderParams, 0, 1+min(strings.Count(s, ";"), 7))
	for more := true; more; {
		end := strings.IndexByte(s, ';')
		if quote := strings.IndexByte(s, '"'); quote >= 0 && quote < end {
			n := quotedEnd(s[quote:])
			if n < 0 {
				return false
			}
			if end = strings.IndexByte(s[quote+n:], ';'); end >= 0 {
				end += quote + n
			}
		}
		var one string
		if one, more = s, end >= 0; more {
			one, s = s[:end], s[end+1:]
		}
		if one = trim(one); one == "" {
			continue
		}
		name, value, _ := strings.Cut(one, "=")
		name, value = strings.TrimRight(name, " \t"), strings.TrimLeft(value, " \t")
		if name == "" || strings.ContainsAny(name, " \t\"") {
			return false
		}
		if strings.HasPrefix(value, `"`) {
			if quotedEnd(value) != len(value) {
				return false
			}
			if strings.ContainsAny(value, " \t") {
				value = value[1 : len(value)-1]
			}
		} else if strings.ContainsAny(value, " \t\"") {
			return false
		}
		*params = append(*params, sip.HeaderKV{K: name, V: value})
	}
	return true
}
