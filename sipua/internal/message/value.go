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
func (r *read) parseVia(s string) *sip.ViaHeader {
	protocol, s, ok1 := strings.Cut(s, "/")
	version, s, ok2 := strings.Cut(s, "/")
	s = trimLeft(s)
	end := space(s)
	if !ok1 || !ok2 || end < 0 {
		return nil
	}
	h := &sip.ViaHeader{ProtocolName: trim(protocol), ProtocolVersion: trim(version), Transport: s[:end]}
	sentBy, params, hasParams := strings.Cut(s[end:], ";")
	if !IsToken(h.ProtocolName) || !IsToken(h.ProtocolVersion) || !IsToken(h.Transport) || !parseSentBy(trim(sentBy), h) {
		return nil
	}
	if hasParams && !r.parseParams(params, &h.Params) {
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
		rest, hasPort = strings.CutPrefix(trimLeft(rest), ":")
		if !ok || !hasPort && rest != "" || strings.Count(host, ":") < 2 {
			return false
		}
		port = rest // the brackets come back when it is sent
	} else if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, port, hasPort = s[:i], s[i+1:], true
	}
	h.Host = trimRight(host)
	if hasPort {
		n, ok := parseNumber(trimLeft(port), 1<<16-1)
		if !ok {
			return false
		}
		h.Port = int(n)
	}
	return isHost(h.Host)
}

// parseAddress reads "name-addr / addr-spec" with its parameters (sections 20.10
// and 25.1).
func (h *read) parseAddress(s string, uri *sip.Uri, params *sip.HeaderParams) (name string, ok bool) {
	if s == "*" {
		return "", h.parseURI(s, uri) == nil
	}
	name, address, rest, bracketed, ok := splitAddress(s)
	if !ok || h.parseURI(address, uri) != nil || uri.Wildcard {
		return "", false
	}
	// Section 20.10: a URI with a question mark or comma must stand in brackets.
	if !bracketed && (len(uri.Headers) > 0 || strings.IndexByte(address, ',') >= 0) {
		return "", false
	}
	return name, rest == "" || h.parseParams(rest, params)
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
		s = trimLeft(s[end:])
		if !strings.HasPrefix(s, "<") {
			return "", "", "", false, false
		}
	}
	open := strings.IndexByte(s, '<')
	if open < 0 {
		uri, rest, _ = strings.Cut(s, ";")
		return "", trimRight(uri), rest, false, true
	}
	if open > 0 {
		// A display name without quotes is made of tokens (section 25.1).
		name = strings.Join(strings.Fields(s[:open]), " ")
		if strings.ContainsAny(name, `\",;>()[]{}?=@:/`) {
			return "", "", "", false, false
		}
	}
	uri, rest, ok = strings.Cut(s[open+1:], ">")
	rest = trimLeft(rest)
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
func (h *read) parseRoute(s string, uri *sip.Uri) bool {
	_, address, rest, bracketed, ok := splitAddress(s)
	if !bracketed {
		address, rest = s, ""
	}
	var dropped sip.HeaderParams // sipgo has no place for them
	return ok && h.parseURI(address, uri) == nil && !uri.Wildcard && (rest == "" || h.parseParams(rest, &dropped))
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
func (h *read) parseParams(s string, params *sip.HeaderParams) bool {
	if s == "" {
		return true
	}
	*params = h.room(countOf(s, ';'))
	for more := true; more; {
		// One parameter: what ends it, its first "=", and a quoted-string in it.
		i, equals, quoted := 0, -1, false
		for ; i < len(s) && s[i] != ';'; i++ {
			switch s[i] {
			case '=':
				if equals < 0 {
					equals = i
				}
			case '"':
				n := quotedEnd(s[i:])
				if n < 0 || quoted {
					return false // and no value has two
				}
				i += n - 1
				quoted = true
			}
		}
		one := s[:i]
		if more = i < len(s); more {
			s = s[i+1:]
		}
		name, value := one, ""
		if equals >= 0 {
			name, value = one[:equals], trim(one[equals+1:])
		}
		if name = trim(name); name == "" {
			if equals < 0 {
				continue
			}
			return false
		}
		if space(name) >= 0 || strings.IndexByte(name, '"') >= 0 {
			return false
		}
		spaced := space(value) >= 0
		switch {
		case quoted && (value == "" || value[0] != '"' || value[len(value)-1] != '"'):
			return false
		case quoted && spaced:
			value = value[1 : len(value)-1]
		case spaced:
			return false
		}
		*params = append(*params, sip.HeaderKV{K: name, V: value})
	}
	return true
}
