package offer

import "github.com/pion/sdp/v3"

// Restarts reports whether an offer asks for a new connection in place of that which
// the last description of the same side was for: its ICE credentials are others (RFC 8839
// section 4.4.1.1.1). False when one of them has none.
func Restarts(last, next string) bool {
	before, after := ufrag(last), ufrag(next)
	return before != "" && after != "" && before != after
}

// ufrag returns that of the first stream that has one: those of a bundle share it.
func ufrag(description string) string {
	var d sdp.SessionDescription
	if d.UnmarshalString(description) != nil {
		return ""
	}
	for _, m := range d.MediaDescriptions {
		if v := attribute(m.Attributes, "ice-ufrag"); v != "" {
			return v
		}
	}
	return attribute(d.Attributes, "ice-ufrag")
}
