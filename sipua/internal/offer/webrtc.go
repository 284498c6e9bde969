package offer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// Refusal is why a description cannot be used, as the Warning header field says it
// (RFC 3261 section 20.43). Text holds no quotation marks and nothing that could
// break a header field.
type Refusal struct {
	Code int
	Text string
}

// The warn-codes of RFC 3261 section 20.43 that are used here.
const (
	warnTransport     = 302 // a transport protocol is not available
	warnMediaType     = 304 // a media type is not available
	warnMediaFormat   = 305 // a media format is not available
	warnParameter     = 307 // something was not understood
	warnMiscellaneous = 399
)

// WebRTC reports why a browser cannot use the description as an offer or answer,
// nil when it can: there is audio, video or a data channel, and each of them that
// is not refused has
//
//	a known profile                          RFC 9429 section 5.1.2          or 302
//	a fingerprint, that is DTLS              RFC 8827 section 6.5            or 302, 399
//	setup: active, passive or actpass        RFC 8842 section 5              or 399
//	ice-ufrag and ice-pwd                    RFC 8839 section 5.4            or 399
//	a codec, or the data channel's format    RFC 8866, RFC 8841 section 4.3  or 305
//
// Attributes of the session count for all. Bundled sections use the transport of
// the first of their group that is not refused (RFC 9143 section 7).
//
// RTP/AVP and RTP/SAVP pass when there is a fingerprint: a browser must take these
// profiles, because the fingerprint decides and not the name.
func WebRTC(description string) *Refusal {
	var d sdp.SessionDescription
	if d.UnmarshalString(description) != nil {
		return &Refusal{warnParameter, "Session description parameter not understood"}
	}
	usable, bundled := false, transports(&d)
	for i, m := range d.MediaDescriptions {
		kind := m.MediaName.Media
		if refused(m) || kind != "audio" && kind != "video" && kind != "application" {
			continue
		}
		transport := m
		if first := bundled[attribute(m.Attributes, "mid")]; first != nil {
			transport = first
		}
		if code, why := unusable(m, transport.Attributes, d.Attributes); code != 0 {
			return &Refusal{code, fmt.Sprintf("%s (stream %d, %s)", why, i+1, kind)}
		}
		usable = true
	}
	if !usable {
		return &Refusal{warnMediaType, "Media type not available: there is no audio, video or data channel, or all of it is refused"}
	}
	return nil
}

// unusable returns the warn-code for one stream, 0 when there is none.
func unusable(m *sdp.MediaDescription, transport, session []sdp.Attribute) (code int, why string) {
	proto := strings.Join(m.MediaName.Protos, "/")
	if !profile(m.MediaName.Media, proto) {
		return warnTransport, "Incompatible transport protocol: " + proto + " instead of DTLS-SRTP or a data channel"
	}
	value := func(key string) string {
		if v := attribute(transport, key); v != "" {
			return v
		}
		return attribute(session, key)
	}
	if _, digest := cutWord(value("fingerprint")); digest == "" {
		switch {
		case has(m.Attributes, "crypto"):
			return warnTransport, "Incompatible transport protocol: SRTP with keys in the session description (SDES) instead of DTLS-SRTP"
		case !strings.Contains(proto, "TLS/"): // DTLS/ too
			return warnTransport, "Incompatible transport protocol: " + proto + " instead of DTLS-SRTP"
		}
		return warnMiscellaneous, "DTLS needs a fingerprint"
	}
	switch value("setup") {
	case "active", "passive", "actpass":
	default:
		return warnMiscellaneous, "DTLS needs setup: active, passive or actpass"
	}
	if value("ice-ufrag") == "" || value("ice-pwd") == "" {
		return warnMiscellaneous, "ICE is needed: ice-ufrag and ice-pwd"
	}
	if !playable(m) {
		return warnMediaFormat, "Incompatible media format: there is no codec or data channel"
	}
	return 0, ""
}

// profile reports whether a browser takes the protocol of an m= line. DTLS/SCTP is
// the name of UDP/DTLS/SCTP before it was registered; browsers still read it.
func profile(kind, proto string) bool {
	switch proto {
	case "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP",
		"RTP/SAVPF", "RTP/SAVP", "RTP/AVPF", "RTP/AVP":
		return kind != "application"
	case "UDP/DTLS/SCTP", "TCP/DTLS/SCTP", "DTLS/SCTP":
		return kind == "application"
	}
	return false
}

// playable reports whether there is a format that carries something.
func playable(m *sdp.MediaDescription) bool {
	formats := m.MediaName.Formats
	if m.MediaName.Media == "application" {
		// In the old form a port number stands here.
		return slices.Contains(formats, "webrtc-datachannel") || m.MediaName.Protos[0] == "DTLS"
	}
	names := encodings(m)
	return slices.ContainsFunc(formats, func(format string) bool { return isCodec(names[format]) })
}

// transports returns for each bundled mid the section whose transport it uses: the
// first of its group that is not refused (RFC 9143 section 7).
func transports(d *sdp.SessionDescription) map[string]*sdp.MediaDescription {
	open := make(map[string]*sdp.MediaDescription)
	for _, m := range d.MediaDescriptions {
		if mid := attribute(m.Attributes, "mid"); open[mid] == nil && !refused(m) {
			open[mid] = m
		}
	}
	tagged := make(map[string]*sdp.MediaDescription)
	for _, a := range d.Attributes {
		members, ok := strings.CutPrefix(a.Value, "BUNDLE ")
		if a.Key != "group" || !ok {
			continue
		}
		var first *sdp.MediaDescription
		for mid := range strings.FieldsSeq(members) {
			if first == nil {
				first = open[mid]
			}
			tagged[mid] = first
		}
	}
	return tagged
}
