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

// IsToken: section 25.1.
func IsToken(s string) bool { return isToken(s) }
