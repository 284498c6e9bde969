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

// name is the encoding name, in lower case.
func (c codec) name() string {
	name, _, _ := strings.Cut(c.rtpmap, "/")
	return strings.ToLower(name)
}

// known are the codecs of our offers.
var known = map[string][]codec{
	"audio": {
		{111, "opus/48000/2", "minptime=10;useinbandfec=1"},
		{0, "PCMU/8000", ""},
		{8, "PCMA/8000", ""},
		{110, "telephone-event/48000", ""},
		{126, "telephone-event/8000", ""},
	},
	"video": {
		{96, "VP8/90000", ""},
		{97, "rtx/90000", "apt=96"},
		{102, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"},
		{103, "rtx/90000", "apt=102"},
	},
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

// directed is a section with a direction.
type directed struct {
	section
	direction direction
}

// description is what we say about ourselves.
type description struct {
	identity
	version  uint64
	ice      credentials
	setup    string
	bundle   bool // one transport for all sections, RFC 9143
	plain    bool // without ICE and DTLS
	sections []directed
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
	if d.bundle {
		line("a=group:BUNDLE%s", bundle)
	}
	if !d.plain {
		line("a=extmap-allow-mixed")
		line("a=msid-semantic: WMS")
	}
	for i, s := range d.sections {
		if s.rejected {
			formats := s.formats
			if len(formats) == 0 {
				formats = []string{"0"}
			}
			line("m=%s 0 %s %s", s.media, s.protos, strings.Join(formats, " "))
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
		port := 50000
		if d.plain {
			port += 2 * i
		}
		line("m=%s %d %s%s", s.media, port, s.protos, payloads)
		line("c=IN IP4 192.0.2.1") // TEST-NET-1, RFC 5737
		if !d.plain {
			line("a=rtcp:9 IN IP4 0.0.0.0")
			line("a=candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host generation 0")
			line("a=ice-ufrag:%s", d.ice.ufrag)
			line("a=ice-pwd:%s", d.ice.pwd)
			line("a=ice-options:trickle")
			line("a=fingerprint:sha-256 %s", d.identity.fingerprint)
			line("a=setup:%s", d.setup)
		}
		if s.mid != "" {
			line("a=mid:%s", s.mid)
		}
		line("a=%s", s.direction)
		if !d.plain {
			line("a=msid:- %s", d.track)
			line("a=rtcp-mux")
		}
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
	sections    []directed
	audio       int // index of the section that carries our sound, -1 when there is none
	bundle      bool
	ice         credentials
	fingerprint string
	setup       string
}

func parseOffer(text string, current session, plain bool) (remote, error) {
	r, err := parseRemote(text, "offer", plain)
	if err != nil {
		return r, err
	}
	if had := len(current.streams); len(r.sections) < had {
		return r, mediaError("InvalidAccessError", "the offer has %d m= sections and the session %d: they never go away (RFC 3264 section 8)", len(r.sections), had)
	}
	for i, had := range current.streams {
		s := r.sections[i]
		if had.rejected {
			continue // another stream may take its place
		}
		if s.media != had.media {
			return r, mediaError("InvalidAccessError", "m= section %d is %s in the offer and %s in the session: sections keep their place (RFC 3264 section 8)", i, s.media, had.media)
		}
		if s.mid != "" && had.mid != "" && s.mid != had.mid {
			return r, mediaError("InvalidAccessError", "m= section %d has mid %q in the offer and %q in the session", i, s.mid, had.mid)
		}
	}
	if r.audio < 0 || len(common("audio", r.sections[r.audio].codecs)) == 0 {
		return r, mediaError("InvalidAccessError", "the offer has no audio with a codec of ours")
	}
	if current.remote == "" || r.ice != current.remoteICE {
		return r, nil // the first one, or ICE restarts and with it whatever belongs to the connection
	}
	if r.fingerprint != current.fingerprint {
		return r, mediaError("InvalidAccessError", "the offer has another fingerprint, but the same ICE credentials (RFC 8842 section 5.5)")
	}
	if !plain && r.setup == current.role {
		return r, mediaError("InvalidAccessError", "the offer turns the DTLS roles (RFC 8842 section 5.5)")
	}
	return r, nil
}

// parseAnswer parses an answer to an offer of ours. What was given to the other
// side may have been less than that, when the application edits descriptions: an
// answer is good when it takes any part of the offer.
func parseAnswer(text string, offered []stream, plain bool) (remote, error) {
	r, err := parseRemote(text, "answer", plain)
	if err != nil {
		return r, err
	}
	if len(r.sections) != len(offered) {
		return r, mediaError("InvalidAccessError", "the answer has %d m= sections and the offer %d (RFC 3264 section 6)", len(r.sections), len(offered))
	}
	for i, s := range r.sections {
		o := offered[i]
		if s.media != o.media {
			return r, mediaError("InvalidAccessError", "m= section %d is %s in the answer and %s in the offer", i, s.media, o.media)
		}
		if s.mid != "" && s.mid != o.mid {
			return r, mediaError("InvalidAccessError", "m= section %d has mid %q in the answer and %q in the offer", i, s.mid, o.mid)
		}
		if s.rejected {
			continue
		}
		if o.rejected {
			return r, mediaError("InvalidAccessError", "m= section %d is accepted in the answer and rejected in the offer (RFC 3264 section 6)", i)
		}
		if len(common(s.media, s.codecs)) == 0 {
			return r, mediaError("InvalidAccessError", "m= section %d of the answer has none of the offered codecs", i)
		}
		if extra := s.direction &^ o.local.reverse(); extra != 0 {
			return r, mediaError("InvalidAccessError", "m= section %d of the answer is %s to an offer that is %s (RFC 3264 section 6.1)", i, s.direction, o.local)
		}
	}
	if r.audio < 0 {
		return r, mediaError("InvalidAccessError", "the answer rejects the audio")
	}
	return r, nil
}

// parseRemote does what is common to offer and answer. What it refuses, a
// browser refuses in setRemoteDescription.
func parseRemote(text, kind string, plain bool) (remote, error) {
	r := remote{audio: -1}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return r, mediaError("OperationError", "the %s does not parse: %v", kind, err)
	}
	if len(d.MediaDescriptions) == 0 {
		return r, mediaError("InvalidAccessError", "the %s has no m= section", kind)
	}
	var bundled []string
	group, _ := d.Attribute("group")
	if mids, ok := strings.CutPrefix(group, "BUNDLE"); ok {
		r.bundle = true
		bundled = strings.Fields(mids)
	}
	mids := map[string]bool{}
	for i, s := range parseSections(&d) {
		m := d.MediaDescriptions[i]
		r.sections = append(r.sections, directed{s, directionOf(m.Attribute, directionOf(d.Attribute, sendrecv))})
		if s.mid != "" && mids[s.mid] {
			return r, mediaError("InvalidAccessError", "the %s has two sections with mid %q", kind, s.mid)
		}
		mids[s.mid] = true
		if s.rejected || s.media != "video" && (s.media != "audio" || r.audio >= 0) {
			continue
		}
		first := r.fingerprint == "" && r.ice == (credentials{})
		if s.media == "audio" {
			r.audio = i
		}
		if plain {
			if s.protos != protos(plain) {
				return r, mediaError("InvalidAccessError", "the %s of the %s is %s, not RTP/AVP", s.media, kind, s.protos)
			}
			continue
		}
		if !strings.HasSuffix(s.protos, "TLS/RTP/SAVPF") {
			return r, mediaError("InvalidAccessError", "the %s of the %s is %s, not DTLS-SRTP", s.media, kind, s.protos)
		}
		attribute := func(key string) string { // at media or at session level
			if v, ok := m.Attribute(key); ok {
				return v
			}
			v, _ := d.Attribute(key)
			return v
		}
		if !first && slices.Contains(bundled, s.mid) {
			continue // on the transport of the first one (RFC 9143 section 7.1.3)
		}
		ice := credentials{attribute("ice-ufrag"), attribute("ice-pwd")}
		if len(ice.ufrag) < 4 || len(ice.pwd) < 22 { // RFC 8839 section 5.4
			return r, mediaError("InvalidAccessError", "the %s lacks ice-ufrag and ice-pwd", kind)
		}
		fingerprint, setup := attribute("fingerprint"), attribute("setup")
		if len(strings.Fields(fingerprint)) != 2 {
			return r, mediaError("InvalidAccessError", "the %s lacks a DTLS fingerprint", kind)
		}
		if kind == "offer" && setup != "actpass" && setup != "active" && setup != "passive" ||
			kind == "answer" && setup != "active" && setup != "passive" { // RFC 8842 section 5
			return r, mediaError("InvalidAccessError", "a=setup:%s does not belong in an %s", setup, kind)
		}
		_, mux := m.Attribute("rtcp-mux")
		if _, ok := d.Attribute("rtcp-mux"); !ok && !mux { // RFC 8829 section 4.1.1, rtcpMuxPolicy "require"
			return r, mediaError("InvalidAccessError", "the %s lacks rtcp-mux", kind)
		}
		if first {
			r.ice, r.fingerprint, r.setup = ice, fingerprint, setup
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
