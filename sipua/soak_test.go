//go:build !js

package sipua_test

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// rounds is how often the connection is lost in each soak test: SOAK, or few.
func rounds(t *testing.T) (n int, soak bool) {
	text := os.Getenv("SOAK")
	if text == "" {
		return 30, false
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, "SOAK is a number of disconnects")
	return n, true
}

// settled waits until no more than so many goroutines run: those of connections
// that are given up take a while to end.
func settled(t *testing.T, goroutines int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for runtime.NumGoroutine() > goroutines {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			require.Fail(t, "goroutines are left behind", "%d instead of %d:\n%s", runtime.NumGoroutine(), goroutines, buf[:runtime.Stack(buf, true)])
		}
		<-time.After(10 * time.Millisecond) // real time: polling at full speed would take it from them
	}
}

// grown is by how much the heap may differ, in bytes, after half of a thousand losses.
// The pipe remembers its connections, which is half of it; a context for each attempt
// that failed was more than the rest.
const grown = 400 << 10

// A thousand losses of all kinds in a row, in the time of a bubble.
func TestSoakInBubble(t *testing.T) {
	n, _ := rounds(t)
	play(t, func(w *world) {
		w.AnswerOptions(true)
		w.register()
		w.forget()
		goroutines, before := runtime.NumGoroutine(), int64(0)
		for i := range n {
			if i == n/2 { // what is made once has been made
				before = heap()
			}
			switch i % 5 {
			case 0:
				w.Drop(1006, "")
			case 1:
				w.Drop(1012, "restart")
			case 2:
				w.HalfOpen() // noticed by the keep-alive
			case 3: // while a refresh is under way
				begin(func() error { return w.ua.Register(w.Context()) })
				w.ExpectRequest(w.T, "REGISTER")
				w.Drop(1006, "")
			case 4: // and cannot be made again for a while
				w.OnDial(refused)
				w.Drop(1006, "")
				time.Sleep(90 * time.Second)
				w.OnDial(nil)
			}
			req := w.ExpectRequest(w.T, "REGISTER")
			w.Respond(req, 200, "OK", req.Contact())
			synctest.Wait()
			require.IsType(w, sipua.Registered{}, w.recorded()[len(w.recorded())-1], "round %d", i)
			time.Sleep(time.Duration(i%20) * time.Second)
			w.forget()
		}
		require.LessOrEqual(w, runtime.NumGoroutine(), goroutines+3) // some of the runtime come and go
		w.Logf("registered after %d losses; %d goroutines, %d at the beginning; the heap grew by %d bytes", n, runtime.NumGoroutine(), goroutines, heap()-before)
		require.Less(w, heap()-before, int64(grown))
		w.register()
	}, keepAlive)
}

// The same with sockets, against a server that drops all connections, in real time.
func TestSoakOverSockets(t *testing.T) {
	n, soak := rounds(t)
	server := sipuatest.NewServer(sipuatest.Options{Accounts: map[string]string{"1001": "secret"}, FlowTimer: time.Minute})
	defer server.Close()

	var mu sync.Mutex
	var told []string
	registered := make(chan struct{}, 1)
	ua, err := sipua.New(sipua.Config{
		URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: server.URL}}, Credentials: sipua.Credentials{Password: "secret"},
		KeepAlive: sipua.KeepAlive{Interval: 100 * time.Millisecond, Timeout: 150 * time.Millisecond},
		Reconnect: sipua.Reconnect{Base: time.Millisecond, Max: 5 * time.Millisecond},
		OnEvent: func(e sipua.Event) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, tell(e))
			if len(told) > 50 {
				told = told[25:]
			}
			if _, ok := e.(sipua.Registered); ok {
				select {
				case registered <- struct{}{}:
				default: // a slow machine may lose more connections than it was told to
				}
			}
		},
	})
	require.NoError(t, err)
	defer ua.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	require.NoError(t, ua.Register(ctx))
	again := func(round int) {
		t.Helper()
		select {
		case <-registered:
		case <-time.After(20 * time.Second):
			mu.Lock()
			defer mu.Unlock()
			require.Fail(t, "not registered again", "round %d: %v", round, told)
		}
	}
	again(-1)
	goroutines, before := runtime.NumGoroutine(), int64(0)
	for i := range n {
		if i == n/2 { // what is made once has been made
			settled(t, goroutines)
			server.ForgetRequests()
			before = heap()
		}
		select {
		case <-registered: // of a loss that nobody asked for
		default:
		}
		if soak && i%10 == 9 { // its socket takes five seconds to end
			server.HalfOpen()
		} else {
			server.DropConnections([]int{1001, 1006, 1011, 1012}[i%4])
		}
		again(i)
	}
	require.NoError(t, server.WaitContacts(ctx, "1001", 1))
	settled(t, goroutines)
	server.ForgetRequests()
	t.Logf("registered after %d losses; %d goroutines, %d at the beginning; the heap grew by %d bytes", n, runtime.NumGoroutine(), goroutines, heap()-before)
	require.Less(t, heap()-before, int64(grown))
	require.NoError(t, ua.Unregister(ctx))
	require.NoError(t, server.WaitContacts(ctx, "1001", 0))
}
