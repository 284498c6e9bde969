package offer

import (
	"errors"
	"slices"
	"strings"
)

// Candidates are those of one description of a side, or of a fragment of it (RFC
// 8840 section 9).
type Candidates struct {
	Ufrag, Pwd string
	Streams    []StreamCandidates
}

// StreamCandidates are those of one stream, without their "a=". End: there are no
// others.
type StreamCandidates struct {
	Kind, Mid  string
	Candidates []string
	End        bool
}

// maxCandidates bounds those of one description, and maxCandidate the length of one.
const (
	maxCandidates = 256
	maxCandidate  = 1024
)

// CandidatesOf finds the candidates in a description.
func CandidatesOf(description string) Candidates {
	c, _ := candidates(description, func(string) error { return nil })
	return c
}

// ParseFragment reads a fragment.
func ParseFragment(text string) (Candidates, error) {
	c, err := candidates(text, func(line string) error {
		if len(line) < 2 || line[0] < 'a' || line[0] > 'z' || line[1] != '=' {
			return errors.New("a line of the fragment is none of a session description")
		}
		return nil
	})
	switch {
	case err != nil:
	case c.Ufrag == "" || c.Pwd == "":
		err = errors.New("the fragment has no ice-ufrag or no ice-pwd")
	case slices.ContainsFunc(c.Streams, func(s StreamCandidates) bool { return s.Mid == "" }):
		err = errors.New("a stream of the fragment has no mid")
	}
	return c, err
}

// candidates reads line by line, each of which check may refuse.
func candidates(text string, check func(line string) error) (c Candidates, err error) {
	var s *StreamCandidates
	total := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if err := check(line); err != nil {
			return c, err
		}
		key, value, _ := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, "m="):
			if len(c.Streams) == maxCandidates {
				return c, errors.New("the fragment has too many streams")
			}
			kind, _, _ := strings.Cut(line[2:], " ")
			c.Streams = append(c.Streams, StreamCandidates{Kind: kind})
			s = &c.Streams[len(c.Streams)-1]
		case key == "a=ice-ufrag" && c.Ufrag == "": // those of a bundle share it
			c.Ufrag = value
		case key == "a=ice-pwd" && c.Pwd == "":
			c.Pwd = value
		case s == nil:
		case key == "a=mid":
			s.Mid = value
		case key == "a=candidate":
			total++
			switch {
			case total > maxCandidates:
				return c, errors.New("the fragment has too many candidates")
			case len(line) > maxCandidate || len(strings.Fields(value)) < 8: // RFC 8839 section 5.1
				return c, errors.New("a candidate of the fragment cannot be read")
			}
			s.Candidates = append(s.Candidates, line[2:])
		case line == "a=end-of-candidates":
			s.End = true
		}
	}
	return c, nil
}

// Fragment writes them as a fragment, "" when there is nothing to tell.
func (c Candidates) Fragment() string {
	var b strings.Builder
	b.WriteString("a=ice-ufrag:" + c.Ufrag + "\r\na=ice-pwd:" + c.Pwd + "\r\n")
	told := false
	for _, s := range c.Streams {
		if s.Mid == "" || len(s.Candidates) == 0 && !s.End {
			continue
		}
		told = true
		b.WriteString("m=" + s.Kind + " 9 RTP/AVP 0\r\na=mid:" + s.Mid + "\r\n") // the port and what follows mean nothing
		for _, candidate := range s.Candidates {
			b.WriteString("a=" + candidate + "\r\n")
		}
		if s.End {
			b.WriteString("a=end-of-candidates\r\n")
		}
	}
	if !told || c.Ufrag == "" {
		return ""
	}
	return b.String()
}

const iceOptions = "a=ice-options:"

// Trickles reports whether a description says that its side takes candidates which
// come after it (RFC 8840 section 4.3).
func Trickles(description string) bool {
	for line := range strings.Lines(description) {
		if options, ok := strings.CutPrefix(line, iceOptions); ok && slices.Contains(strings.Fields(options), "trickle") {
			return true
		}
	}
	return false
}

// Complete takes out of a description what only a side that trickles says.
func Complete(description string) string {
	var b strings.Builder
	for line := range strings.Lines(description) {
		if strings.TrimRight(line, "\r\n") == "a=end-of-candidates" {
			continue
		}
		if options, ok := strings.CutPrefix(line, iceOptions); ok {
			others := slices.DeleteFunc(strings.Fields(options), func(o string) bool { return o == "trickle" })
			if len(others) == 0 {
				continue
			}
			line = iceOptions + strings.Join(others, " ") + "\r\n"
		}
		b.WriteString(line)
	}
	return b.String()
}
