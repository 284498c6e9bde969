package message

import "github.com/emiago/sipgo/sip"

// ParseNameAddr reads one "name-addr / addr-spec" with the parameters behind it
// (sections 20.10 and 25.1): what P-Asserted-Identity, Refer-To and their like hold.
// name is as in a parsed From, with its backslashes: see DisplayName.
func ParseNameAddr(s string) (name string, uri sip.Uri, params sip.HeaderParams, ok bool) {
	defer func() {
		if recover() != nil { // the inside of some URIs is sipgo's
			name, uri, params, ok = "", sip.Uri{}, nil, false
		}
	}()
	if CheckValue(s) != nil {
		return "", uri, nil, false
	}
	if name, ok = new(read).parseAddress(trim(s), &uri, &params); !ok || uri.Wildcard {
		return "", sip.Uri{}, nil, false
	}
	return name, uri, params, true
}

// Values returns the values of all headers of that long name, each by itself
// (section 7.3.1): a comma parts them where it stands neither in quotes nor in angle
// brackets. There are limit at the most, which bounds what strangers can make of one
// message.
func Values(msg sip.Message, name string, limit int) []string {
	var all []string
	for _, h := range All(msg, name) {
		rest, more := h.Value(), true
		for more && len(all) < limit {
			var one string
			if one, rest, more = nextValue(rest); trim(one) != "" {
				all = append(all, trim(one))
			}
		}
	}
	return all
}

// Parts parts s at each separator that stands neither in quotes nor in angle brackets,
// without the white space around. There are limit at the most; what is more is left out.
func Parts(s string, separator byte, limit int) []string {
	var parts []string
	quoted, angle, start := false, false, 0
	for i := 0; i <= len(s) && len(parts) < limit; i++ {
		switch {
		case i == len(s) || !quoted && !angle && s[i] == separator:
			parts = append(parts, trim(s[start:i]))
			start = i + 1
		case quoted && s[i] == '\\':
			if i++; i == len(s) {
				i--
			}
		case s[i] == '"' && !angle:
			quoted = !quoted
		case quoted:
		case s[i] == '<':
			angle = true
		case s[i] == '>':
			angle = false
		}
	}
	return parts
}
