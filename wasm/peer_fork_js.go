package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/sipwasm/sipwasm/sipua"
)

// Early media from one fork of an INVITE, then the answer of another, with other
// ICE credentials (RFC 3261 section 13.2.2.4). RFC 8829 section 5.10 wants this to work, and
// Chromium takes such descriptions, but no sound comes:
//
//   - ICE stays with the pair of the first fork for as long as that one answers
//     checks, so DTLS with the second never gets through. Therefore the candidates
//     of a provisional answer get a low priority: those of the next answer win.
//   - DTLS starts anew only when the fingerprint changes, and all forks behind one
//     media server have the same. Therefore the first description is applied once
//     more with a fingerprint that nobody has.
//   - A fork that was left thinks that it is connected still and does not shake
//     hands again. There is no way back to it.
//
// Firefox (153) refuses provisional answers, which W3C WebRTC section 4.4.1.5 wants, with
// NotSupportedError. There the first one is applied as if it were the last: its
// sound is heard, and another fork needs a new offer.

// early is what is known of the provisional answers to one offer.
type early struct {
	sdp         string // as applied last; "" when there is none
	ufrag       string // of the fork it came from
	fingerprint string
	left        []string // the ufrags of forks that were left for others
	final       bool     // it was applied as the answer, for want of anything less
}

// level grows from fork to fork.
func (e early) level() int { return len(e.left) + 1 }

// ApplyAnswer implements sipua.Media. An answer of a fork that was left for
// another is CodeMediaFailed: a new peer connection and a new offer lead there.
func (p *peer) ApplyAnswer(ctx context.Context, answer string, provisional bool) error {
	e := p.early
	ufrag, fingerprint := attribute(answer, "ice-ufrag"), attribute(answer, "fingerprint")
	if e.final && ufrag == e.ufrag { // what it would say has been said (RFC 6337 section 3.1.1)
		if !provisional {
			p.early = early{}
		}
		return nil
	}
	if e.sdp != "" && ufrag != e.ufrag {
		if e.final || slices.Contains(e.left, ufrag) {
			return &sipua.Error{Code: sipua.CodeMediaFailed, Reason: "the answer comes from a fork whose early media was left for another's: its connection cannot be taken up again, a new offer of a new peer connection is needed"}
		}
		if strings.EqualFold(fingerprint, e.fingerprint) {
			if _, err := p.call(ctx, p.pc, "setRemoteDescription", description("pranswer", strange(e.sdp))); err != nil {
				return err
			}
		}
		e.left = append(slices.Clone(e.left), e.ufrag)
	}
	kind, sdp := "answer", answer
	if provisional {
		kind, sdp = "pranswer", lowered(answer, e.level())
	}
	_, err := p.call(ctx, p.pc, "setRemoteDescription", description(kind, sdp))
	final := provisional && err != nil && exceptionName(err) == "NotSupportedError"
	if final {
		sdp = answer
		_, err = p.call(ctx, p.pc, "setRemoteDescription", description("answer", sdp))
	}
	if err != nil {
		return err
	}
	p.early = early{}
	if provisional {
		p.early = early{sdp: sdp, ufrag: ufrag, fingerprint: fingerprint, left: e.left, final: final}
	}
	return nil
}

// attribute is the value of the first attribute of that name, "" without one.
func attribute(sdp, name string) string {
	for line := range strings.Lines(sdp) {
		if key, value, _ := strings.Cut(line, ":"); key == "a="+name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// attributes are the lines of all attributes of that name.
func attributes(sdp, name string) string {
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		if strings.HasPrefix(line, "a="+name+":") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// lowered gives all candidates a priority below that of any candidate that a
// browser or server makes by itself, in their order, and the higher the level the
// higher. RFC 8839 section 5.1 has the priority as the fourth field.
func lowered(sdp string, level int) string {
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		fields := strings.SplitN(line, " ", 5)
		if len(fields) == 5 && (strings.HasPrefix(line, "a=candidate:") || strings.HasPrefix(line, "candidate:")) {
			if priority, err := strconv.ParseUint(fields[3], 10, 32); err == nil {
				fields[3] = strconv.FormatUint(uint64(min(level, 255))<<16|priority>>15, 10)
				line = strings.Join(fields, " ")
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

// strange gives every stream a fingerprint of zeros (RFC 8122 section 5).
func strange(sdp string) string {
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		if strings.HasPrefix(line, "a=fingerprint:") {
			line = "a=fingerprint:sha-256 " + strings.Repeat("00:", 31) + "00\r\n"
		}
		b.WriteString(line)
	}
	return b.String()
}
