package sipuatest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sipwasm/sipwasm/sipua"
)

// session is what a completed or pending exchange of offer and answer holds.
type session struct {
	local, remote  string // descriptions
	streams        []stream
	ice, remoteICE credentials
	fingerprint    string // theirs
	role           string // ours in DTLS, "active" or "passive"
}

// stream is one m= section and what both sides do with it. Sections never go
// away and keep their place (RFC 3264 section 8).
type stream struct {
	section
	local  direction // agreed; in an open offer: what is offered
	remote direction // theirs
}

// stream returns the first stream of a kind that is not rejected, nil when there
// is none.
func (s *session) stream(media string) *stream {
	for i := range s.streams {
		if s.streams[i].media == media && !s.streams[i].rejected {
			return &s.streams[i]
		}
	}
	return nil
}

// tones reports whether telephone-event is agreed.
func (s *session) tones() bool {
	audio := s.stream("audio")
	return audio != nil && slices.ContainsFunc(audio.codecs, func(c codec) bool { return c.name() == "telephone-event" })
}

// wanted is what the local side would do with a stream if the other one agreed.
// Only the first video stream carries what SetVideo gave. m.mu is held.
func (m *Media) wanted(media string, first bool, o sipua.OfferOptions) direction {
	d := sendrecv
	if media == "video" {
		switch {
		case o.NoVideo:
			return inactive
		case m.video == nil || !first:
			d = recvonly
		}
	}
	if o.Hold {
		d &^= recvonly
	}
	return d
}

// offered are the streams of the next offer: those there are, and video when it
// is sent for the first time. m.mu is held.
func (m *Media) offered(o sipua.OfferOptions) []stream {
	streams := slices.Clone(m.session.streams)
	if len(streams) == 0 {
		streams = append(streams, m.newStream("audio"))
	}
	if m.video != nil && m.session.stream("video") == nil {
		i := slices.IndexFunc(streams, func(s stream) bool { return s.rejected && s.media == "video" })
		if i < 0 {
			streams = append(streams, m.newStream("video"))
		} else {
			streams[i] = m.newStream("video") // its place is free (RFC 8829 section 5.2.2)
		}
	}
	first := map[string]bool{"audio": true, "video": true}
	for i := range streams {
		s := &streams[i]
		if s.rejected {
			continue
		}
		s.codecs = known[s.media]
		s.local = m.wanted(s.media, first[s.media], o)
		first[s.media] = false
		if o.Hold && m.session.remote != "" && i < len(m.session.streams) && !s.remote.receives() {
			s.local &^= sendonly // RFC 3264 section 8.4: they do not listen either
		}
	}
	return streams
}

// newStream makes a section that nobody has answered yet. m.mu is held.
func (m *Media) newStream(media string) stream {
	used := func(mid string) bool {
		return slices.ContainsFunc(m.session.streams, func(s stream) bool { return s.mid == mid })
	}
	for used(strconv.Itoa(m.mids)) {
		m.mids++
	}
	s := stream{section: section{media: media, protos: protos(m.options.Plain)}, remote: sendrecv}
	if !m.options.Plain {
		s.mid = strconv.Itoa(m.mids)
	}
	m.mids++
	return s
}

// answered are the streams of the answer to an offer: the first audio and every
// video that has a codec of ours, and the others rejected. m.mu is held.
func (m *Media) answered(offer remote, o sipua.OfferOptions) []stream {
	var streams []stream
	first := true
	for i, s := range offer.sections {
		both := common(s.media, s.codecs)
		answer := stream{section: s.section, remote: s.direction}
		answer.codecs = both
		answer.rejected = s.rejected || i != offer.audio && s.media != "video" || len(both) == 0
		if !answer.rejected {
			answer.local = m.wanted(s.media, s.media == "audio" || first, o) & s.direction.reverse()
			first = first && s.media != "video"
		}
		streams = append(streams, answer)
	}
	return streams
}

// agreed are the streams of our offer as the answer leaves them.
func agreed(offer []stream, answer remote) []stream {
	streams := slices.Clone(offer)
	for i, s := range answer.sections {
		streams[i].rejected = s.rejected
		streams[i].remote = s.direction
		streams[i].local &= s.direction.reverse()
		streams[i].codecs = common(s.media, s.codecs)
		streams[i].formats = s.formats
	}
	return streams
}

// describe is the description of a session as it is now. m.mu is held.
func (m *Media) describe(s session, setup string, bundle bool) string {
	d := description{
		identity: m.identity, version: m.version, ice: s.ice, setup: setup,
		bundle: bundle && !m.options.Plain, plain: m.options.Plain,
	}
	for _, stream := range s.streams {
		d.sections = append(d.sections, directed{stream.section, stream.local})
	}
	return describe(d)
}

// common returns those of offered that we have too, with the offered payload
// types and in the offered order. Retransmission goes with what it repeats.
func common(media string, offered []codec) []codec {
	var both []codec
	for _, c := range offered {
		if slices.ContainsFunc(known[media], func(ours codec) bool { return strings.EqualFold(ours.rtpmap, c.rtpmap) }) {
			both = append(both, c)
		}
	}
	return slices.DeleteFunc(both, func(c codec) bool {
		apt, ok := strings.CutPrefix(c.fmtp, "apt=")
		return ok && !slices.ContainsFunc(both, func(other codec) bool { return strconv.Itoa(other.payload) == apt })
	})
}

func protos(plain bool) string {
	if plain {
		return "RTP/AVP"
	}
	return "UDP/TLS/RTP/SAVPF"
}
