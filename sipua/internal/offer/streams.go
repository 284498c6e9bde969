package offer

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// Direction of a stream, as seen by who wrote the description (RFC 3264 section
// 5.1, RFC 8866 section 6.7).
type Direction string

// The directions.
const (
	SendRecv Direction = "sendrecv" // the default when none is given
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

// Reverse returns the direction as the other side sees it.
func (d Direction) Reverse() Direction {
	switch d {
	case SendOnly:
		return RecvOnly
	case RecvOnly:
		return SendOnly
	}
	return d
}

// Stream is what one m= section says.
type Stream struct {
	// Kind is the media type: "audio", "video", "application", "text" or "message".
	Kind string
	// Mid names the section (RFC 5888), "" when it has no name.
	Mid string
	// Direction is that of the section, or else that of the session.
	Direction Direction
	// Refused is a port of zero (RFC 3264 section 6), except in a section that
	// is bundle-only (RFC 9143 section 6).
	Refused bool
	// Codecs are the formats of RTP in their order, each as in its rtpmap line
	// ("opus/48000/2") or, for a static payload type without one, as RFC 3551
	// section 6 names it ("PCMU/8000"). telephone-event, CN and rtx are among
	// them. Payload types that nothing names are left out.
	Codecs []string
	// Zero is the address 0.0.0.0 without ICE, the hold of RFC 2543.
	Zero bool
}

// Streams returns the streams of a description in the order of its m= lines, nil
// when there are none or the description cannot be read.
func Streams(description string) []Stream {
	var d sdp.SessionDescription
	if d.UnmarshalString(description) != nil {
		return nil
	}
	session := direction(d.Attributes, SendRecv)
	var streams []Stream
	for _, m := range d.MediaDescriptions {
		s := Stream{
			Kind:      m.MediaName.Media,
			Mid:       attribute(m.Attributes, "mid"),
			Direction: direction(m.Attributes, session),
			Refused:   refused(m),
			Zero:      zero(&d, m),
		}
		names := encodings(m)
		for _, format := range m.MediaName.Formats {
			if name := names[format]; name != "" {
				s.Codecs = append(s.Codecs, name)
			}
		}
		streams = append(streams, s)
	}
	return streams
}

// HoldOf reports whether the description asks its receiver to stop sending: in
// every audio and video stream that is not refused the direction is sendonly or
// inactive (RFC 3264 section 8.4), or the address is 0.0.0.0 (RFC 2543). A
// description without such a stream, or one that cannot be read, says nothing.
func HoldOf(description string) bool {
	held := false
	for _, s := range Streams(description) {
		if s.Refused || s.Kind != "audio" && s.Kind != "video" {
			continue
		}
		if s.Direction != SendOnly && s.Direction != Inactive && !s.Zero {
			return false
		}
		held = true
	}
	return held
}

func direction(attributes []sdp.Attribute, otherwise Direction) Direction {
	for _, a := range attributes {
		switch d := Direction(a.Key); d {
		case SendRecv, SendOnly, RecvOnly, Inactive:
			return d
		}
	}
	return otherwise
}

// refused: a bundle-only section has port zero because those who do not bundle
// are to refuse it.
func refused(m *sdp.MediaDescription) bool {
	return m.MediaName.Port.Value == 0 && !has(m.Attributes, "bundle-only")
}

// zero: under ICE the address of the c= line may be 0.0.0.0 with port 9 before
// candidates are known (RFC 8840 section 4.1.1), which is no hold.
func zero(d *sdp.SessionDescription, m *sdp.MediaDescription) bool {
	c := m.ConnectionInformation
	if c == nil {
		c = d.ConnectionInformation
	}
	return c != nil && c.Address != nil && c.Address.Address == "0.0.0.0" &&
		!has(m.Attributes, "ice-ufrag") && !has(d.Attributes, "ice-ufrag")
}

func has(attributes []sdp.Attribute, key string) bool {
	return slices.ContainsFunc(attributes, func(a sdp.Attribute) bool { return a.Key == key })
}

// attribute returns the first value of key, "" when there is none.
func attribute(attributes []sdp.Attribute, key string) string {
	for _, a := range attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return ""
}

// encodings returns what the payload types of m stand for: encoding name, clock
// rate and perhaps channels. Formats of other protocols than RTP are no payload
// types.
func encodings(m *sdp.MediaDescription) map[string]string {
	if !slices.Contains(m.MediaName.Protos, "RTP") {
		return nil
	}
	names := make(map[string]string, len(m.MediaName.Formats))
	for _, a := range m.Attributes {
		if a.Key != "rtpmap" {
			continue
		}
		if payload, name := cutWord(a.Value); names[payload] == "" {
			names[payload] = name
		}
	}
	for _, format := range m.MediaName.Formats {
		if names[format] == "" {
			names[format] = static(format)
		}
	}
	return names
}

// cutWord splits a value after its first word, which is often a payload type.
func cutWord(value string) (word, rest string) {
	value = strings.Trim(value, " \t")
	if i := strings.IndexAny(value, " \t"); i >= 0 {
		return value[:i], strings.TrimLeft(value[i:], " \t")
	}
	return value, ""
}

// Tables 4 and 5 of RFC 3551 section 6.
var staticNames = [...]string{
	0: "PCMU/8000", 3: "GSM/8000", 4: "G723/8000", 5: "DVI4/8000", 6: "DVI4/16000", 7: "LPC/8000", 8: "PCMA/8000",
	9: "G722/8000", 10: "L16/44100/2", 11: "L16/44100", 12: "QCELP/8000", 13: "CN/8000", 14: "MPA/90000",
	15: "G728/8000", 16: "DVI4/11025", 17: "DVI4/22050", 18: "G729/8000",
	25: "CelB/90000", 26: "JPEG/90000", 28: "nv/90000", 31: "H261/90000", 32: "MPV/90000", 33: "MP2T/90000", 34: "H263/90000",
}

// static names a payload type that needs no rtpmap, "" when there is no such type.
func static(payload string) string {
	n, err := strconv.ParseUint(payload, 10, 8)
	if err != nil || n >= uint64(len(staticNames)) {
		return ""
	}
	return staticNames[n]
}
