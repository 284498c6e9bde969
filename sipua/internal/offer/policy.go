package offer

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// Policy says which codecs a session may use, in which order, and how much it may
// take. The zero value changes nothing.
//
// Patterns are globs on encoding names, without regard to case: * stands for any
// characters, ? for one. A clock rate and channels may follow: "opus", "G72?",
// "telephone-event/8000", "L16/44100/2". ".*" is read as "*".
type Policy struct {
	// Order: payload types that match come first, in the order of the patterns.
	// The others follow in their own order.
	Order []string
	// Remove: payload types that match are taken away, and with them what is of
	// no use without them.
	Remove []string
	// Audio and Video are what the writer of the description takes for each
	// stream of that kind, in kbit/s; 0 leaves what is there.
	Audio, Video int
}

// ErrNoCodec is that a policy would leave a stream without a codec.
var ErrNoCodec = errors.New("the codec policy leaves no codec of those offered: remove fewer")

// maxBandwidth in kbit/s: in bit/s, for b=TIAS, it still fits into the int32 that
// Chrome reads it into.
const maxBandwidth = math.MaxInt32 / 1000

// Check reports what is wrong with a pattern or a bandwidth.
func (p Policy) Check() error {
	for _, pattern := range p.Order {
		if err := checkPattern(pattern); err != nil {
			return err
		}
	}
	for _, pattern := range p.Remove {
		if err := checkPattern(pattern); err != nil {
			return err
		}
	}
	if p.Audio < 0 || p.Audio > maxBandwidth {
		return fmt.Errorf("a bandwidth of %d kbit/s for audio: use 0 (leave as it is) to %d", p.Audio, maxBandwidth)
	}
	if p.Video < 0 || p.Video > maxBandwidth {
		return fmt.Errorf("a bandwidth of %d kbit/s for video: use 0 (leave as it is) to %d", p.Video, maxBandwidth)
	}
	return nil
}

// checkPattern takes the characters of registered encoding names and the two of
// globs. RFC 8866 allows more in a name, but those are the signs of a regular
// expression, which would silently match nothing.
func checkPattern(pattern string) error {
	for _, c := range strings.ReplaceAll(pattern, ".*", "*") {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("-_.+*?/", c):
		default:
			return fmt.Errorf("codec pattern %q: %q is not part of a codec's name; use * and ? as in \"PC*\" or \"opus/48000\"", pattern, c)
		}
	}
	parts := strings.Split(pattern, "/")
	if len(parts) > 3 || slices.Contains(parts, "") {
		return fmt.Errorf("codec pattern %q: use name, name/rate or name/rate/channels", pattern)
	}
	return nil
}

// Apply returns the description as the policy wants it. The text is edited line by
// line, because parsing and writing would reorder or drop what browsers put there:
// what the policy does not touch stays as it is, byte for byte. Refused streams
// are left alone. With an error the description comes back unchanged.
func (p Policy) Apply(description string) (string, error) {
	if len(p.Order) == 0 && len(p.Remove) == 0 && p.Audio <= 0 && p.Video <= 0 {
		return description, nil
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(description); err != nil {
		return description, fmt.Errorf("the codec policy needs a session description: %w", err)
	}
	edits := make([]edit, len(d.MediaDescriptions))
	for i, m := range d.MediaDescriptions {
		var err error
		if edits[i], err = p.plan(m); err != nil {
			return description, fmt.Errorf("stream %d (%s): %w", i+1, m.MediaName.Media, err)
		}
	}
	return rewrite(description, edits)
}

// edit is what is to be done to one m= section.
type edit struct {
	formats   []string        // of the m= line; nil: as they are
	removed   map[string]bool // payload types whose attributes go
	bandwidth int             // kbit/s; 0: as it is
}

func (p Policy) plan(m *sdp.MediaDescription) (edit, error) {
	var e edit
	if refused(m) {
		return e, nil
	}
	switch m.MediaName.Media {
	case "audio":
		e.bandwidth = max(p.Audio, 0)
	case "video":
		e.bandwidth = max(p.Video, 0)
	default:
		return e, nil
	}
	names := encodings(m)
	if e.removed = p.removed(m, names); len(e.removed) > 0 {
		left := func(format string) bool { return !e.removed[format] && isCodec(names[format]) }
		if !slices.ContainsFunc(m.MediaName.Formats, left) {
			return edit{}, ErrNoCodec
		}
	}
	formats := slices.DeleteFunc(slices.Clone(m.MediaName.Formats), func(format string) bool { return e.removed[format] })
	rank := make(map[string]int, len(formats))
	for _, format := range formats {
		rank[format] = first(p.Order, names[format])
	}
	slices.SortStableFunc(formats, func(a, b string) int { return rank[a] - rank[b] })
	if !slices.Equal(formats, m.MediaName.Formats) {
		e.formats = formats
	}
	return e, nil
}

// removed returns the payload types that match Remove, and those that stand on
// them: the retransmission of a codec names it in apt= (RFC 4588 section 8.1),
// redundant audio names what it is made of (RFC 2198 section 5).
func (p Policy) removed(m *sdp.MediaDescription, names map[string]string) map[string]bool {
	if len(p.Remove) == 0 {
		return nil
	}
	above := make(map[string][]string)
	for _, a := range m.Attributes {
		if a.Key != "fmtp" {
			continue
		}
		payload, parameters := cutWord(a.Value)
		name, _, _ := strings.Cut(names[payload], "/")
		switch strings.ToLower(name) {
		case "rtx":
			for parameter := range strings.SplitSeq(parameters, ";") {
				if apt, ok := strings.CutPrefix(strings.TrimSpace(parameter), "apt="); ok {
					above[apt] = append(above[apt], payload)
				}
			}
		case "red":
			for part := range strings.SplitSeq(parameters, "/") {
				part = strings.TrimSpace(part)
				above[part] = append(above[part], payload)
			}
		}
	}
	removed := make(map[string]bool)
	var next []string
	for _, format := range m.MediaName.Formats {
		if first(p.Remove, names[format]) < len(p.Remove) {
			next = append(next, format)
		}
	}
	for len(next) > 0 {
		payload := next[len(next)-1]
		next = next[:len(next)-1]
		if !removed[payload] {
			removed[payload] = true
			next = append(next, above[payload]...)
		}
	}
	return removed
}

// isCodec tells what carries speech or pictures from what only accompanies it:
// events (RFC 4733), comfort noise (RFC 3389), redundancy (RFC 2198), repair
// (RFC 5109, RFC 8627) and retransmission (RFC 4588).
func isCodec(encoding string) bool {
	name, _, _ := strings.Cut(strings.ToLower(encoding), "/")
	switch name {
	case "", "telephone-event", "tone", "cn", "red", "rtx", "ulpfec", "parityfec":
		return false
	}
	return !strings.HasPrefix(name, "flexfec")
}

// first returns the index of the first pattern that matches, len(patterns) when
// none does. What has no name matches nothing, not even "*".
func first(patterns []string, encoding string) int {
	if encoding != "" {
		for i, pattern := range patterns {
			if matches(pattern, encoding) {
				return i
			}
		}
	}
	return len(patterns)
}

// matches compares part by part, as far as the pattern goes. Channels that are not
// given are one (RFC 8866 section 6.6): Firefox writes "G722/8000/1".
func matches(pattern, encoding string) bool {
	parts := strings.Split(strings.ToLower(encoding), "/")
	if len(parts) == 2 {
		parts = append(parts, "1")
	}
	wanted := strings.Split(strings.ToLower(strings.ReplaceAll(pattern, ".*", "*")), "/")
	if len(wanted) > len(parts) {
		return false
	}
	for i, part := range wanted {
		if ok, err := path.Match(part, parts[i]); !ok || err != nil {
			return false
		}
	}
	return true
}

// rewrite edits the m= sections of text, one edit for each.
func rewrite(text string, edits []edit) (string, error) {
	var out strings.Builder
	out.Grow(len(text) + 64*len(edits))
	stream := -1
	var e edit
	var due string // b= lines that are still to be written
	for line := range strings.SplitAfterSeq(text, "\n") {
		content := strings.TrimRight(line, "\r\n")
		if strings.Contains(content, "\r") {
			return text, errLines
		}
		if due != "" && content != "" && !strings.HasPrefix(content, "i=") && !strings.HasPrefix(content, "c=") && !strings.HasPrefix(content, "b=") {
			// RFC 8866 section 5: m= i= c= b= k= a=
			out.WriteString(due)
			due = ""
		}
		if strings.HasPrefix(content, "m=") {
			if stream++; stream == len(edits) {
				return text, errLines
			}
			e = edits[stream]
			due = bandwidthLines(e.bandwidth, line)
			if e.formats != nil {
				fields := append(strings.FieldsFunc(content, isBlank)[:3], e.formats...)
				out.WriteString(strings.Join(fields, " "))
				out.WriteString(line[len(content):])
				continue
			}
		}
		if e.drops(content) {
			continue
		}
		out.WriteString(line)
	}
	if stream+1 != len(edits) {
		return text, errLines
	}
	if due != "" && !strings.HasSuffix(out.String(), "\n") {
		out.WriteString("\r\n")
	}
	out.WriteString(due)
	return out.String(), nil
}

// errLines is for a text in which our lines are not the parser's fields: it takes a
// lone carriage return for the end of some, and a second field after the last word
// of others. Nobody writes that in good faith.
var errLines = errors.New("the codec policy needs a session description with one field a line (RFC 8866 section 5)")

func isBlank(r rune) bool { return r == ' ' || r == '\t' }

// bandwidthLines: Firefox reads TIAS alone (RFC 3890), older peers AS alone (RFC
// 8866 section 5.8). They end as the m= line does.
func bandwidthLines(kbit int, line string) string {
	if kbit == 0 {
		return ""
	}
	end := "\r\n"
	if strings.HasSuffix(line, "\n") && !strings.HasSuffix(line, "\r\n") {
		end = "\n"
	}
	return "b=TIAS:" + strconv.Itoa(kbit) + "000" + end + "b=AS:" + strconv.Itoa(kbit) + end
}

// drops reports whether a line of the section is to go: a bandwidth that is
// replaced, or an attribute of a payload type that was removed.
func (e edit) drops(line string) bool {
	if e.bandwidth > 0 && (strings.HasPrefix(line, "b=AS:") || strings.HasPrefix(line, "b=TIAS:")) {
		return true
	}
	attribute, ok := strings.CutPrefix(line, "a=")
	if !ok || len(e.removed) == 0 {
		return false
	}
	key, value, _ := strings.Cut(attribute, ":")
	switch key {
	case "rtpmap", "fmtp", "rtcp-fb", "imageattr": // RFC 8866, RFC 4585, RFC 6236
		payload, _ := cutWord(value)
		return e.removed[payload]
	}
	return false
}
