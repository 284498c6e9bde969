package message

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// All returns the headers of that long name, in order, whatever their case
// (section 7.3.1). It is sipgo's GetHeaders without the copies of names in
// lower case, which took an eighth of the time of an INVITE.
func All(msg sip.Message, name string) []sip.Header {
	var found []sip.Header
	for _, h := range headersOf(msg) {
		if is(h, name) {
			found = append(found, h)
		}
	}
	return found
}

// First returns the first header of that long name, nil when there is none.
func First(msg sip.Message, name string) sip.Header {
	for _, h := range headersOf(msg) {
		if is(h, name) {
			return h
		}
	}
	return nil
}

func is(h sip.Header, name string) bool {
	n := h.Name()
	return len(n) == len(name) && strings.EqualFold(n, name)
}

func headersOf(msg sip.Message) []sip.Header {
	switch msg := msg.(type) {
	case *sip.Request:
		return msg.Headers()
	case *sip.Response:
		return msg.Headers()
	}
	return nil
}
