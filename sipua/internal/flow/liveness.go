package flow

import (
	"errors"
	"strings"
	"time"
)

// Liveness says how a connection is proven to live.
type Liveness struct {
	Interval time.Duration // between signs of life, 0 for none
	Timeout  time.Duration // until an answer must have come
	Method   Method
}

// Method of asking for a sign of life.
type Method uint8

// The methods. Auto asks a server that is not known both ways at once and goes on
// with the pong of RFC 5626 section 4.4.1 when it came, with a question otherwise.
const (
	Auto Method = iota
	CRLF        // double CRLF, answered by CRLF
	Ask         // a SIP request that every server answers
)

// ErrSilent is why a connection is given up that does not answer.
var ErrSilent = errors.New("the server gave no sign of life in time")

// ability is what is known of a server's answers to pings.
type ability uint8

const (
	unknown ability = iota
	pongs
	answers
)

// late is by how much a timer must miss its time to show that the device slept
// or the page was stopped.
const late = 15 * time.Second

// liveness of one connection. Whatever arrives is a sign of life. When none has
// come for an interval, one is asked for; when none comes after that within the
// time-out, the connection is dead, whatever the socket says.
//
//	         silent for the interval, check  anything arrives  time-out
//	quiet    asked (ping)                    quiet             –
//	asked    –                               quiet             flow lost; after a sleep: asked again
type liveness struct {
	f        *Flow
	interval time.Duration
	quiet    time.Duration // after which a sign of life is asked for: a part of interval
	last     time.Time     // when something arrived
	strict   bool          // the server counts our pings, and traffic does not put them off
	asked    bool
	owed     time.Time // until when a CRLF is the pong to a ping of ours
	stopPing func()
	stopPong func()
}

func (l *liveness) init(f *Flow) {
	l.f, l.stopPing, l.stopPong = f, nothing, nothing
}

func (l *liveness) start() {
	l.interval, l.strict = l.f.cfg.Liveness.Interval, false
	l.last = now()
	l.arm()
}

func (l *liveness) stop() {
	l.stopPing()
	l.stopPong()
	l.asked, l.owed = false, time.Time{}
}

// now is the time of the wall: the other clock may stand still while the device
// sleeps.
func now() time.Time { return time.Now().Round(0) }

// arm draws how long it may be quiet from now on: a random 80 to 100 % of the
// interval (RFC 5626 section 4.4.1).
func (l *liveness) arm() {
	l.quiet = Between(l.interval*8/10, l.interval)
	l.watch(l.quiet)
}

// watch looks after d whether it has been quiet for too long.
func (l *liveness) watch(d time.Duration) {
	l.stopPing()
	if l.interval <= 0 {
		return
	}
	due := now().Add(d)
	l.stopPing = l.f.cfg.After(d, func() {
		if slept := now().Sub(due) > late; slept {
			l.check()
			l.f.cfg.OnWake()
		} else if rest := l.quiet - now().Sub(l.last); rest > 0 && !l.strict {
			l.watch(rest)
		} else {
			l.check()
		}
	})
}

// check asks for a sign of life now.
func (l *liveness) check() {
	if l.asked {
		return
	}
	l.asked = true
	l.ping()
	due := now().Add(l.f.cfg.Liveness.Timeout)
	l.stopPong = l.f.cfg.After(l.f.cfg.Liveness.Timeout, func() {
		l.asked = false
		if now().Sub(due) > late { // the answer may be there and wait behind this
			l.check()
			l.f.cfg.OnWake()
			return
		}
		l.f.lost(l.f.conn, ErrSilent)
	})
}

func (l *liveness) ping() {
	server := &l.f.servers[l.f.current]
	method := l.f.cfg.Liveness.Method
	if method == CRLF || method == Auto && server.pings != answers {
		l.owed = now().Add(l.f.cfg.Liveness.Timeout)
		_ = l.f.conn.Write([]byte("\r\n\r\n")) // a connection that does not take it gives no sign of life
	}
	if method == Ask || method == Auto && server.pings != pongs {
		l.f.cfg.Ask()
	}
}

// heard takes what arrived as a sign of life. It reports whether that was all it
// is: a ping, which is answered, or a pong.
func (l *liveness) heard(data []byte) bool {
	l.last = now()
	ping, pong := string(data) == "\r\n\r\n", string(data) == "\r\n"
	server := &l.f.servers[l.f.current]
	switch {
	case pong && now().Before(l.owed): // perhaps behind something else
		server.pings, l.owed = pongs, time.Time{}
	case l.asked && server.pings == unknown && strings.HasPrefix(string(data[:min(len(data), 8)]), "SIP/2.0 "):
		server.pings = answers // unless a pong follows
	}
	if l.asked {
		l.asked = false
		l.stopPong()
		l.arm()
	}
	if ping {
		// By the RFC clients ping; some servers do, and end the connection without a pong.
		_ = l.f.conn.Write([]byte("\r\n")) // the end of the connection is told by Read
	}
	return ping || pong
}

// flowTimer is section 4.4.1: pings at least as often as the server says, but not
// so often that they become the traffic.
func (l *liveness) flowTimer(d time.Duration) {
	const least = time.Second
	d = min(max(d, least), l.f.cfg.Liveness.Interval)
	if l.f.conn == nil || d == 0 || l.strict && d == l.interval {
		return
	}
	l.interval, l.strict = d, true
	l.arm()
}
