package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// bed is a flow in a synctest bubble, with its owner goroutine, and a record of
// what it did.
type bed struct {
	*testing.T
	*Flow
	posts chan func()
	done  chan struct{}

	// Of the owner goroutine.
	wanted, busy bool
	log          []string
	onLost       func()

	mu    sync.Mutex
	dials []string
	conns []*fakeConn
	// dialed decides about a dial; nil lets it succeed.
	dialed func(ctx context.Context, url string) error
	// stubborn dials do not look at their context.
	stubborn bool
	// heard is what a new connection does with what is written to it; nil: nothing.
	heard func(c *fakeConn, data string)
}

const (
	urlA = "wss://a.example.com/ws"
	urlB = "wss://b.example.com/ws"
	urlC = "wss://c.example.com/ws"
)

// stage plays a scenario on a flow to these servers. The flow is wanted.
func stage(t *testing.T, servers []string, scenario func(b *bed), change ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bed{T: t, posts: make(chan func(), 10_000), done: make(chan struct{}), wanted: true}
		ctx, cancel := context.WithCancel(t.Context())
		cfg := Config{
			Dial: b.open, Context: ctx, ConnectTimeout: 3 * time.Second,
			Backoff: Backoff{Base: time.Second, Cap: 30 * time.Second}, Return: 2 * time.Minute,
			Liveness: Liveness{Timeout: 10 * time.Second}, // no pings of its own
			Post:     b.post, Done: b.done, After: b.after,
			Wanted: func() bool { return b.wanted },
			Busy:   func() bool { return b.busy },
			OnUp:   func(server string) { b.note("up %s", short(server)) },
			OnLost: func(server string, err error) {
				b.note("lost %s %v", short(server), err)
				if b.onLost != nil {
					b.onLost()
				}
			},
			OnWaiting: func(attempt int, delay time.Duration) { b.note("waiting %d", attempt) },
			OnReceive: func(data []byte) { b.note("got %q", data) },
			OnWake:    func() { b.note("wake") },
			Ask: func() {
				b.note("ask")
				_ = b.Flow.Write([]byte("OPTIONS"))
			},
		}
		for _, url := range servers {
			cfg.Servers = append(cfg.Servers, Server{URL: url})
		}
		for _, f := range change {
			f(&cfg)
		}
		b.Flow = New(cfg)
		go func() {
			defer close(b.done)
			for f := range b.posts {
				if f == nil {
					return
				}
				f()
			}
		}()
		defer func() { // also after a failure, so that the next test runs
			b.set(nil)
			b.do(func() { b.wanted = false; b.Flow.Close(errors.New("the test is over")) })
			cancel()
			time.Sleep(time.Minute)
			synctest.Wait()
			for i, c := range b.conns {
				if !c.over() {
					t.Errorf("connection %d was left open", i+1)
					c.Close(1000, "")
				}
			}
			b.posts <- nil
			<-b.done
		}()
		scenario(b)
	})
}

func short(url string) string {
	return strings.TrimSuffix(strings.TrimPrefix(url, "wss://"), ".example.com/ws")
}

func (b *bed) post(f func()) bool {
	select {
	case <-b.done:
		return false
	case b.posts <- f:
		return true
	}
}

// do runs f on the owner and waits until all that comes of it has been done.
func (b *bed) do(f func()) {
	ran := make(chan struct{})
	b.post(func() { f(); close(ran) })
	<-ran
	synctest.Wait()
}

// sleeps is a device that sleeps: the owner does nothing for d, timers that fire
// and messages that come meanwhile wait for it.
func (b *bed) sleeps(d time.Duration) { b.do(func() { time.Sleep(d) }) }

func (b *bed) after(d time.Duration, f func()) (stop func()) {
	stopped := false
	t := time.AfterFunc(d, func() {
		b.post(func() {
			if !stopped {
				stopped = true
				f()
			}
		})
	})
	return func() { stopped = true; t.Stop() }
}

func (b *bed) note(format string, a ...any) { b.log = append(b.log, fmt.Sprintf(format, a...)) }

// told returns what was noted since the last call.
func (b *bed) told() (log []string) {
	synctest.Wait()
	b.do(func() { log, b.log = b.log, nil })
	return log
}

func (b *bed) count(what string) (n int) {
	synctest.Wait()
	b.do(func() {
		for _, line := range b.log {
			if strings.HasPrefix(line, what) {
				n++
			}
		}
	})
	return n
}

// tried returns what was dialled since the last call.
func (b *bed) tried() string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	dials := b.dials
	b.dials = nil
	return strings.Join(dials, " ")
}

// current is the connection that was opened last.
func (b *bed) current() *fakeConn {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.conns[len(b.conns)-1]
}

// state and url are for the goroutine of the test.
func (b *bed) state() (s State) {
	synctest.Wait()
	b.do(func() { s = b.Flow.State() })
	return s
}

func (b *bed) url() (url string) {
	synctest.Wait()
	b.do(func() { url = b.Flow.URL() })
	return url
}

func (b *bed) opened() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns)
}

// connect brings the flow up.
func (b *bed) connect() {
	b.Helper()
	var result error
	b.do(func() { b.Flow.Connect(func(err error) { result = err }) })
	require.NoError(b, result)
	require.Equal(b, Up, b.state())
}

func (b *bed) open(ctx context.Context, url string) (Conn, error) {
	b.mu.Lock()
	b.dials = append(b.dials, short(url))
	dialed, heard, stubborn := b.dialed, b.heard, b.stubborn
	b.mu.Unlock()
	if dialed != nil {
		if err := dialed(ctx, url); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil && !stubborn {
		return nil, err
	}
	c := &fakeConn{url: url, in: make(chan string, 1000), end: make(chan struct{}), heard: heard}
	b.mu.Lock()
	b.conns = append(b.conns, c)
	b.mu.Unlock()
	return c, nil
}

// set changes what dials do.
func (b *bed) set(dialed func(ctx context.Context, url string) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dialed = dialed
}

// hear changes what connections do, the present one included.
func (b *bed) hear(heard func(c *fakeConn, data string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = heard
	for _, c := range b.conns {
		c.mu.Lock()
		c.heard = heard
		c.mu.Unlock()
	}
}

// hanging dials end with their context.
func hangs(ctx context.Context, _ string) error {
	<-ctx.Done()
	return ctx.Err()
}

var errRefused = errors.New("refused")

func refuses(context.Context, string) error { return errRefused }

// only lets these servers be reached.
func only(urls ...string) func(context.Context, string) error {
	return func(_ context.Context, url string) error {
		if !slices.Contains(urls, url) {
			return errRefused
		}
		return nil
	}
}

type fakeConn struct {
	url string
	in  chan string
	end chan struct{}

	mu      sync.Mutex
	heard   func(c *fakeConn, data string)
	written []string
	cause   error
}

func (c *fakeConn) Read() ([]byte, error) {
	select {
	case m := <-c.in:
		return []byte(m), nil
	default:
	}
	select {
	case m := <-c.in:
		return []byte(m), nil
	case <-c.end:
		c.mu.Lock()
		defer c.mu.Unlock()
		return nil, c.cause
	}
}

func (c *fakeConn) Write(data []byte) error {
	c.mu.Lock()
	c.written = append(c.written, string(data))
	heard := c.heard
	c.mu.Unlock()
	if c.over() {
		return errors.New("the connection is closed")
	}
	if heard != nil {
		heard(c, string(data))
	}
	return nil
}

func (c *fakeConn) Close(int, string) { c.drop(errors.New("closed by this side")) }

func (c *fakeConn) drop(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cause == nil {
		c.cause = err
		close(c.end)
	}
}

func (c *fakeConn) over() bool {
	select {
	case <-c.end:
		return true
	default:
		return false
	}
}

// wrote returns what was written since the last call.
func (c *fakeConn) wrote() (list []string) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	list, c.written = c.written, nil
	return list
}

// Servers and what they answer.

func pongsOnly(c *fakeConn, data string) {
	if data == "\r\n\r\n" {
		c.in <- "\r\n"
	}
}

func answersOnly(c *fakeConn, data string) {
	if data == "OPTIONS" {
		c.in <- "SIP/2.0 404 Not Found"
	}
}

func doesBoth(c *fakeConn, data string) {
	pongsOnly(c, data)
	answersOnly(c, data)
}

var errDropped = errors.New("dropped")
