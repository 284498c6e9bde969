package sipua

import (
	"sync"
	"time"

	"github.com/sipwasm/sipwasm/sipua/internal/flow"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// TraceDirection is the way of a traced message, seen from the user agent.
type TraceDirection string

// The directions.
const (
	In  TraceDirection = "in"
	Out TraceDirection = "out"
)

// TraceMessage is one SIP message as it went over the connection. Secrets in it
// (digest responses, tokens, passwords in URIs, SDES keys) are masked.
type TraceMessage struct {
	Time      time.Time
	Direction TraceDirection
	Server    string
	Text      string
}

// Trace calls f for each message sent and received, in order with the events,
// until stop is called. It costs nothing while nobody listens.
func (ua *UserAgent) Trace(f func(TraceMessage)) (stop func()) {
	ua.tracing.Add(1)
	remove := ua.listeners.add(func(e any) {
		if m, ok := e.(TraceMessage); ok {
			f(m)
		}
	})
	return sync.OnceFunc(func() {
		ua.tracing.Add(-1)
		remove()
	})
}

func (l *link) trace(d TraceDirection, data []byte) {
	if ua := l.ua; ua.tracing.Load() > 0 {
		ua.emit(TraceMessage{Time: time.Now(), Direction: d, Server: flow.Shown(l.flow.URL()), Text: message.Redact(string(data))})
	}
}
