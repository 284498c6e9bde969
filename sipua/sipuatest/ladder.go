package sipuatest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sipwasm/sipwasm/sipua"
)

// The flag exists in test binaries alone, so that a program which embeds
// [Server] does not grow it.
func init() {
	if testing.Testing() && flag.Lookup("update") == nil {
		flag.Bool("update", false, "rewrite the golden files instead of comparing with them")
	}
}

// Direction says which way something crossed a connection, seen from the user
// agent.
type Direction string

// The directions of an [Entry].
const (
	Out  Direction = "out"  // from the user agent
	In   Direction = "in"   // to the user agent
	Note Direction = "note" // not a message: a connection was opened, refused or closed
)

// Entry is one rung of a [Ladder].
type Entry struct {
	Direction Direction
	Text      string // the whole message as it was on the wire, or the note
}

// Ladder records what crosses the connections of a user agent. It is safe for
// use by several goroutines. The zero value is an empty ladder.
type Ladder struct {
	mu      sync.Mutex
	entries []Entry
}

// Record returns a transport that hands everything to t and a ladder that
// records what passes: messages both ways and the opening and closing of
// connections.
func Record(t sipua.Transport) (sipua.Transport, *Ladder) {
	l := &Ladder{}
	return recorder{t, l}, l
}

// Entries returns what was recorded so far, in order.
func (l *Ladder) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Entry(nil), l.entries...)
}

// Reset forgets what was recorded so far.
func (l *Ladder) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = nil
}

// String renders the ladder with one line a message:
//
//	UA ── INVITE sip:1002@example.com ──▶ SIP
//	UA ◀── 180 Ringing ── SIP
//	UA ══ closed with code 1006 ══ SIP
func (l *Ladder) String() string {
	var b strings.Builder
	for _, e := range l.Entries() {
		switch e.Direction {
		case Out:
			fmt.Fprintf(&b, "UA ── %s ──▶ SIP\n", summary(e.Text))
		case In:
			fmt.Fprintf(&b, "UA ◀── %s ── SIP\n", summary(e.Text))
		default:
			fmt.Fprintf(&b, "UA ══ %s ══ SIP\n", e.Text)
		}
	}
	return b.String()
}

// Text renders every message in full and normalised, for golden files. What is
// random is numbered in the order of appearance, the same value with the same
// number everywhere: tags, branches, Call-IDs, nonces, digest responses,
// instance ids, host and user of ".invalid" addresses, ICE credentials. Lines
// end with LF.
func (l *Ladder) Text() string {
	n := newNormalizer()
	var b strings.Builder
	for _, e := range l.Entries() {
		switch e.Direction {
		case Out:
			b.WriteString("──▶ SIP\n")
			b.WriteString(n.message(e.Text))
		case In:
			b.WriteString("UA ◀──\n")
			b.WriteString(n.message(e.Text))
		default:
			fmt.Fprintf(&b, "══ %s ══\n", n.message(e.Text))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Golden compares [Ladder.Text] with the file testdata/NAME.golden of the
// package under test and fails t with the first difference. "go test -update"
// writes the file instead. The name may hold a path: "ladders/register".
func (l *Ladder) Golden(t testing.TB, name string) {
	t.Helper()
	path := filepath.Join("testdata", filepath.FromSlash(name)+".golden")
	got := l.Text()
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatalf("golden ladder: %v", err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatalf("golden ladder: %v", err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("golden ladder: %v (go test -update writes it); it is now:\n%s", err, got)
	}
	// A checkout may have turned the ends of the lines.
	if diff := firstDifference(strings.ReplaceAll(string(want), "\r\n", "\n"), got); diff != "" {
		t.Fatalf("golden ladder %s differs (go test -update accepts what is):\n%s\n%s", path, diff, l)
	}
}

// firstDifference shows the first line in which want and got differ, with the
// lines before it, or nothing when they are the same.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := 0; i < len(w) || i < len(g); i++ {
		lw, lg := "<end of file>", "<end of ladder>"
		if i < len(w) {
			lw = w[i]
		}
		if i < len(g) {
			lg = g[i]
		}
		if lw == lg {
			continue
		}
		var b strings.Builder
		for _, line := range w[max(0, i-6):min(i, len(w))] {
			fmt.Fprintf(&b, "      %s\n", line)
		}
		fmt.Fprintf(&b, "want  %s\ngot   %s\n(line %d)", lw, lg, i+1)
		return b.String()
	}
	return ""
}

// summary is the start line without what every message has: "INVITE
// sip:1002@example.com", "180 Ringing".
func summary(text string) string {
	line, _, _ := strings.Cut(text, "\r\n")
	switch {
	case strings.Trim(text, "\r\n") == "":
		return fmt.Sprintf("keep-alive %q", text)
	case strings.HasPrefix(line, "SIP/2.0 "):
		return strings.TrimPrefix(line, "SIP/2.0 ")
	case strings.HasSuffix(line, " SIP/2.0"):
		return strings.TrimSuffix(line, " SIP/2.0")
	case len(line) > 60:
		return fmt.Sprintf("%q…", line[:60])
	default:
		return fmt.Sprintf("%q", line)
	}
}

func (l *Ladder) add(d Direction, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, Entry{d, text})
}

func (l *Ladder) dialed(url string, err error) {
	if err != nil {
		l.add(Note, fmt.Sprintf("dialling %s failed: %v", url, err))
		return
	}
	l.add(Note, "connected to "+url)
}

func (l *Ladder) closed(code int, reason string) {
	note := fmt.Sprintf("closed with code %d", code)
	if reason != "" {
		note += " " + reason
	}
	l.add(Note, note)
}

// recorder is a Transport that writes a ladder.
type recorder struct {
	sipua.Transport
	ladder *Ladder
}

func (r recorder) Dial(ctx context.Context, url string) (sipua.Conn, error) {
	c, err := r.Transport.Dial(ctx, url)
	r.ladder.dialed(url, err)
	if err != nil {
		return nil, err
	}
	return &recordedConn{Conn: c, ladder: r.ladder}, nil
}

type recordedConn struct {
	sipua.Conn
	ladder *Ladder
	once   sync.Once // a close is one rung, whoever noticed it first
}

func (c *recordedConn) Read() ([]byte, error) {
	m, err := c.Conn.Read()
	if err == nil {
		c.ladder.add(In, string(m))
		return m, nil
	}
	code, reason := 1006, ""
	var ce *sipua.CloseError
	if errors.As(err, &ce) {
		code, reason = ce.Code, ce.Reason
	}
	c.once.Do(func() { c.ladder.closed(code, reason) })
	return m, err
}

func (c *recordedConn) Write(m []byte) error {
	// Recorded first: the answer may be read before Write returns here. The copy
	// is the ladder's, the caller keeps its buffer.
	c.ladder.add(Out, string(m))
	err := c.Conn.Write(m)
	if err != nil {
		c.ladder.add(Note, fmt.Sprintf("writing failed: %v", err))
	}
	return err
}

func (c *recordedConn) Close(code int, reason string) {
	c.once.Do(func() { c.ladder.closed(code, reason) })
	c.Conn.Close(code, reason)
}
