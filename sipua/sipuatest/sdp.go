package sipuatest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// direction is a set of two bits, so that the direction of an answer is the
// intersection of what we want and of the reverse of what was offered (RFC 3264
// section 6.1).
type direction uint8

const (
	inactive direction = 0
	sendonly direction = 1
	recvonly direction = 2
	sendrecv direction = 3
)

var directionNames = [...]string{"inactive", "sendonly", "recvonly", "sendrecv"}

func (d direction) String() string     { return directionNames[d] }
func (d direction) sends() bool        { return d&sendonly != 0 }
func (d direction) receives() bool     { return d&recvonly != 0 }
func (d direction) reverse() direction { return d>>1 | d<<1&recvonly }

// credentials are the ICE user fragment and password of one side.
type credentials struct{ ufrag, pwd string }

func newCredentials() credentials {
	text := rand.Text() // 26 characters of base32, all of them ice-chars
	return credentials{ufrag: text[:4], pwd: rand.Text()[:24]}
}

// identity is what stays the same in all descriptions of a peer connection.
type identity struct {
	session     uint64 // sess-id of o=, 63 bits (RFC 8829 section 5.2.1)
	fingerprint string
	track       string
}

func newIdentity() identity {
	var b [8]byte
	rand.Read(b[:])
	sum := sha256.Sum256([]byte(rand.Text()))
	hex := make([]string, len(sum))
	for i, c := range sum {
		hex[i] = fmt.Sprintf("%02X", c)
	}
	return identity{
		session:     binary.BigEndian.Uint64(b[:])>>1 | 1<<62,
		fingerprint: strings.Join(hex, ":"),
		track:       rand.Text(),
	}
}

// codec is one payload format.
type codec struct {
	payload int
	rtpmap  string // "opus/48000/2"
	fmtp    string
}

// codecs are those of our offers.
var codecs = []codec{
	{111, "opus/48000/2", "minptime=10;useinbandfec=1"},
	{0, "PCMU/8000", ""},
	{8, "PCMA/8000", ""},
	{110, "telephone-event/48000", ""},
	{126, "telephone-event/8000", ""},
}

// section is one m= section.
type section struct {
	media    string // "audio", "video", …
	protos   string
	rejected bool
	formats  []string // those of a rejected section
	mid      string
	codecs   []codec
}

func offerSections(current session) []section {
	audio := section{media: "audio", protos: "UDP/TLS/RTP/SAVPF", mid: "0", codecs: codecs}
	if current.local == "" {
		return []section{audio}
	}
	// Sections never go away and keep their place (RFC 3264 section 8).
	sections := sectionsOf(current.local)
	for i, s := range sections {
		if s.media == "audio" && !s.rejected {
			audio.mid = s.mid
			sections[i] = audio
			break
		}
	}
	return sections
}

// answerSections takes the first usable audio section and rejects the others.
func answerSections(offer remote) []section {
	sections := slices.Clone(offer.sections)
	for i, s := range sections {
		sections[i].rejected = i != offer.audio
		sections[i].codecs = common(s.codecs)
	}
	return sections
}

// common returns those of offered that we have too, with the offered payload
// types and in the offered order.
func common(offered []codec) []codec {
	var both []codec
	for _, c := range offered {
		if slices.ContainsFunc(codecs, func(ours codec) bool { return strings.EqualFold(ours.rtpmap, c.rtpmap) }) {
			both = append(both, c)
		}
	}
	return both
}

// description is what we say about ourselves.
type description struct {
	identity
	version   uint64
	ice       credentials
	direction direction
	setup     string
	sections  []section
}

// describe writes a session description as Chromium does.
func describe(d description) string {
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\r\n", a...) }

	var bundle string
	for _, s := range d.sections {
		if !s.rejected && s.mid != "" {
			bundle += " " + s.mid
		}
	}
	line("v=0")
	line("o=- %d %d IN IP4 127.0.0.1", d.session, d.version)
	line("s=-")
	line("t=0 0")
	line("a=group:BUNDLE%s", bundle)
	line("a=extmap-allow-mixed")
	line("a=msid-semantic: WMS")
	for _, s := range d.sections {
		if s.rejected {
			line("m=%s 0 %s %s", s.media, s.protos, strings.Join(s.formats, " "))
			line("c=IN IP4 0.0.0.0")
			line("a=inactive")
			if s.mid != "" {
				line("a=mid:%s", s.mid)
			}
			continue
		}
		var payloads string
		for _, c := range s.codecs {
			payloads += fmt.Sprintf(" %d", c.payload)
		}
		line("m=%s 50000 %s%s", s.media, s.protos, payloads)
		line("c=IN IP4 192.0.2.1") // TEST-NET-1, RFC 5737
		line("a=rtcp:9 IN IP4 0.0.0.0")
		line("a=candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host generation 0")
		line("a=ice-ufrag:%s", d.ice.ufrag)
		line("a=ice-pwd:%s", d.ice.pwd)
		line("a=ice-options:trickle")
		line("a=fingerprint:sha-256 %s", d.fingerprint)
		line("a=setup:%s", d.setup)
		if s.mid != "" {
			line("a=mid:%s", s.mid)
		}
		line("a=%s", d.direction)
		line("a=msid:- %s", d.track)
		line("a=rtcp-mux")
		for _, c := range s.codecs {
			line("a=rtpmap:%d %s", c.payload, c.rtpmap)
			if c.fmtp != "" {
				line("a=fmtp:%d %s", c.payload, c.fmtp)
			}
		}
	}
	return b.String()
}

// remote is what was understood of a remote description.
type remote struct {
	sections  []section
	audio     int // index of the section that carries our audio, -1 when there is none
	direction direction
	ice       credentials
	dtmf      bool
}

func parseOffer(text string, current session) (remote, error) {
	r, err := parseRemote(text, "offer")
	if err != nil {
		return r, err
	}
	if current.local != "" {
		if had := len(sectionsOf(current.local)); len(r.sections) < had {
			return r, mediaError("InvalidAccessError", "the offer has %d m= sections and the session %d: they never go away (RFC 3264 section 8)", len(r.sections), had)
		}
	}
	if r.audio < 0 || len(common(r.sections[r.audio].codecs)) == 0 {
		return r, mediaError("InvalidAccessError", "the offer has no audio with a codec of ours")
	}
	return r, nil
}

// parseAnswer parses an answer to the local offer of pending.
func parseAnswer(text string, pending session) (remote, error) {
	r, err := parseRemote(text, "answer")
	if err != nil {
		return r, err
	}
	offered := sectionsOf(pending.local)
	if len(r.sections) != len(offered) {
		return r, mediaError("InvalidAccessError", "the answer has %d m= sections and the offer %d (RFC 3264 section 6)", len(r.sections), len(offered))
	}
	for i, s := range r.sections {
		if s.media != offered[i].media {
			return r, mediaError("InvalidAccessError", "m= section %d is %s in the answer and %s in the offer", i, s.media, offered[i].media)
		}
		if s.mid != "" && s.mid != offered[i].mid {
			return r, mediaError("InvalidAccessError", "m= section %d has mid %q in the answer and %q in the offer", i, s.mid, offered[i].mid)
		}
	}
	if r.audio < 0 {
		return r, mediaError("InvalidAccessError", "the answer rejects the audio")
	}
	if len(common(r.sections[r.audio].codecs)) == 0 {
		return r, mediaError("InvalidAccessError", "the answer has none of the offered codecs")
	}
	if extra := r.direction &^ pending.localDir.reverse(); extra != 0 {
		return r, mediaError("InvalidAccessError", "the answer is %s to an offer that is %s (RFC 3264 section 6.1)", r.direction, pending.localDir)
	}
	return r, nil
}

// parseRemote does what is common to offer and answer. What it refuses, a
// browser refuses in setRemoteDescription.
func parseRemote(text, kind string) (remote, error) {
	r := remote{audio: -1}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return r, mediaError("OperationError", "the %s does not parse: %v", kind, err)
	}
	if len(d.MediaDescriptions) == 0 {
		return r, mediaError("InvalidAccessError", "the %s has no m= section", kind)
	}
	r.sections = parseSections(&d)
	for i, s := range r.sections {
		if s.media != "audio" || s.rejected || r.audio >= 0 {
			continue
		}
		r.audio = i
		m := d.MediaDescriptions[i]
		attribute := func(key string) (string, bool) { // at media or at session level
			if v, ok := m.Attribute(key); ok {
				return v, true
			}
			return d.Attribute(key)
		}
		if !strings.HasSuffix(s.protos, "TLS/RTP/SAVPF") {
			return r, mediaError("InvalidAccessError", "the audio of the %s is %s, not DTLS-SRTP", kind, s.protos)
		}
		r.ice.ufrag, _ = attribute("ice-ufrag")
		r.ice.pwd, _ = attribute("ice-pwd")
		if len(r.ice.ufrag) < 4 || len(r.ice.pwd) < 22 { // RFC 8839 section 5.4
			return r, mediaError("InvalidAccessError", "the %s lacks ice-ufrag and ice-pwd", kind)
		}
		if f, _ := attribute("fingerprint"); len(strings.Fields(f)) != 2 {
			return r, mediaError("InvalidAccessError", "the %s lacks a DTLS fingerprint", kind)
		}
		setup, _ := attribute("setup")
		if kind == "offer" && setup != "actpass" && setup != "active" && setup != "passive" ||
			kind == "answer" && setup != "active" && setup != "passive" { // RFC 8842 section 5
			return r, mediaError("InvalidAccessError", "a=setup:%s does not belong in an %s", setup, kind)
		}
		if _, ok := attribute("rtcp-mux"); !ok { // RFC 8829 section 4.1.1, rtcpMuxPolicy "require"
			return r, mediaError("InvalidAccessError", "the %s lacks rtcp-mux", kind)
		}
		r.direction = directionOf(m.Attribute, directionOf(d.Attribute, sendrecv))
		for _, c := range s.codecs {
			if strings.HasPrefix(strings.ToLower(c.rtpmap), "telephone-event/") {
				r.dtmf = true
			}
		}
	}
	return r, nil
}

// directionOf looks for a direction attribute. The default of both levels
// together is sendrecv (RFC 8866 section 6.7).
func directionOf(attribute func(string) (string, bool), otherwise direction) direction {
	for i, name := range directionNames {
		if _, ok := attribute(name); ok {
			return direction(i)
		}
	}
	return otherwise
}

// sectionsOf parses a description that is known to be good.
func sectionsOf(text string) []section {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return nil
	}
	return parseSections(&d)
}

// static payload types of RFC 3551 need no rtpmap.
var static = map[string]string{"0": "PCMU/8000", "8": "PCMA/8000", "9": "G722/8000"}

func parseSections(d *sdp.SessionDescription) []section {
	var sections []section
	for _, m := range d.MediaDescriptions {
		s := section{
			media:    m.MediaName.Media,
			protos:   strings.Join(m.MediaName.Protos, "/"),
			rejected: m.MediaName.Port.Value == 0,
			formats:  m.MediaName.Formats,
		}
		s.mid, _ = m.Attribute("mid")
		for _, format := range m.MediaName.Formats {
			c := codec{rtpmap: static[format]}
			if _, err := fmt.Sscan(format, &c.payload); err != nil {
				continue // not RTP
			}
			for _, a := range m.Attributes {
				payload, value, _ := strings.Cut(a.Value, " ")
				switch {
				case payload != format:
				case a.Key == "rtpmap":
					c.rtpmap = value
				case a.Key == "fmtp":
					c.fmtp = value
				}
			}
			s.codecs = append(s.codecs, c)
		}
		sections = append(sections, s)
	}
	return sections
}
