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
	Conn      int    // the connection, counted from 1; 0 where only one is open at a time, and for a dial that failed
	Lost      bool   // it did not arrive: the connection was half-open
}

// Ladder records what crosses the connections of a user agent. It is safe for
// use by several goroutines. The zero value is an empty ladder.
type Ladder struct {
	mu      sync.Mutex
	entries []Entry
	dials   int          // connections so far, where the transport does not count them
	open    map[int]bool // connections that are open
	several bool         // more than one was open at a time: each rung says which
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
	entries, several := l.snapshot()
	for i := range entries {
		if !several {
			entries[i].Conn = 0
		}
	}
	return entries
}

// Reset forgets what was recorded so far.
func (l *Ladder) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries, l.several = nil, len(l.open) > 1
}

// String renders the ladder with one line a message:
//
//	UA ── INVITE sip:1002@example.com ──▶ SIP
//	UA ◀── 180 Ringing ── SIP
//	UA ══ closed with code 1006 ══ SIP
//
// Where several connections are open at the same time, "SIP" has the number of
// the connection: "SIP #2". What a half-open connection loses has a cross for
// the head of its arrow.
func (l *Ladder) String() string {
	var b strings.Builder
	entries, several := l.snapshot()
	for _, e := range entries {
		to := "SIP" + e.number(several)
		switch {
		case e.Direction == Out:
			fmt.Fprintf(&b, "UA ── %s ──%s %s\n", summary(e.Text), e.head("▶"), to)
		case e.Direction == In:
			fmt.Fprintf(&b, "UA %s── %s ── %s\n", e.head("◀"), summary(e.Text), to)
		default:
			fmt.Fprintf(&b, "UA ══ %s ══ %s\n", e.Text, to)
		}
	}
	return b.String()
}

// Text renders every message in full and normalised, for golden files. What is
// random is numbered in the order of appearance, the same value with the same
// number everywhere: tags, branches, Call-IDs, nonces, digest responses,
// instance ids, host and user of ".invalid" addresses, ICE credentials. Lines
// end with LF. Connections are told apart as by [Ladder.String].
func (l *Ladder) Text() string {
	n := newNormalizer()
	var b strings.Builder
	entries, several := l.snapshot()
	for _, e := range entries {
		switch number := e.number(several); e.Direction {
		case Out:
			fmt.Fprintf(&b, "──%s SIP%s\n%s", e.head("▶"), number, n.message(e.Text))
		case In:
			fmt.Fprintf(&b, "UA %s──%s\n%s", e.head("◀"), number, n.message(e.Text))
		default:
			fmt.Fprintf(&b, "══ %s ══%s\n", n.message(e.Text), number)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// number tells the connection of an entry, where there are several.
func (e Entry) number(several bool) string {
	if !several || e.Conn == 0 {
		return ""
	}
	return fmt.Sprintf(" #%d", e.Conn)
}

// head is that of the arrow.
func (e Entry) head(arrived string) string {
	if e.Lost {
		return "✗"
	}
	return arrived
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

func (l *Ladder) snapshot() (entries []Entry, several bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Entry(nil), l.entries...), l.several
}

func (l *Ladder) add(d Direction, text string) { l.addOn(0, d, text) }

func (l *Ladder) addOn(conn int, d Direction, text string) {
	l.append(Entry{Direction: d, Text: text, Conn: conn})
}

func (l *Ladder) lost(conn int, d Direction, text string) {
	l.append(Entry{Direction: d, Text: text, Conn: conn, Lost: true})
}

func (l *Ladder) append(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, e)
}

// dialed notes the end of a dial.
func (l *Ladder) dialed(conn int, url string, err error) {
	if err != nil {
		l.addOn(0, Note, fmt.Sprintf("dialling %s failed: %v", url, err))
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[int]bool{}
	}
	l.open[conn] = true
	l.several = l.several || len(l.open) > 1
	l.entries = append(l.entries, Entry{Direction: Note, Text: "connected to " + url, Conn: conn})
}

func (l *Ladder) closed(conn, code int, reason string) {
	note := fmt.Sprintf("closed with code %d", code)
	if reason != "" {
		note += " " + reason
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
	l.entries = append(l.entries, Entry{Direction: Note, Text: note, Conn: conn})
}

// recorder is a Transport that writes a ladder.
type recorder struct {
	sipua.Transport
	ladder *Ladder
}

func (r recorder) Dial(ctx context.Context, url string) (sipua.Conn, error) {
	c, err := r.Transport.Dial(ctx, url)
	if err != nil {
		r.ladder.dialed(0, url, err)
		return nil, err
	}
	r.ladder.mu.Lock()
	r.ladder.dials++
	number := r.ladder.dials
	r.ladder.mu.Unlock()
	r.ladder.dialed(number, url, nil)
	return &recordedConn{Conn: c, ladder: r.ladder, number: number}, nil
}

type recordedConn struct {
	sipua.Conn
	ladder *Ladder
	number int
	once   sync.Once // a close is one rung, whoever noticed it first
}

func (c *recordedConn) Read() ([]byte, error) {
	m, err := c.Conn.Read()
	if err == nil {
		c.ladder.addOn(c.number, In, string(m))
		return m, nil
	}
	code, reason := 1006, ""
	var ce *sipua.CloseError
	if errors.As(err, &ce) {
		code, reason = ce.Code, ce.Reason
	}
	c.once.Do(func() { c.ladder.closed(c.number, code, reason) })
	return m, err
}

func (c *recordedConn) Write(m []byte) error {
	// Recorded first: the answer may be read before Write returns here. The copy
	// is the ladder's, the caller keeps its buffer.
	c.ladder.addOn(c.number, Out, string(m))
	err := c.Conn.Write(m)
	if err != nil {
		c.ladder.addOn(c.number, Note, fmt.Sprintf("writing failed: %v", err))
	}
	return err
}

func (c *recordedConn) Close(code int, reason string) {
	c.once.Do(func() { c.ladder.closed(c.number, code, reason) })
	c.Conn.Close(code, reason)
}
