//go:build !js

package sipua_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// cluster is a user agent "1001" with two servers of one service, each a real
// one, in a synctest bubble. It has no Peer.
type cluster struct {
	*world
	a, b *sipuatest.Server

	mu    sync.Mutex
	down  map[string]bool // by URL
	dials []dial
}

type dial struct {
	at     time.Time
	server string // "a" or "b"
}

// cluster is the transport, too.
func (c *cluster) Dial(ctx context.Context, url string) (sipua.Conn, error) {
	c.mu.Lock()
	c.dials = append(c.dials, dial{time.Now(), url[len("wss://") : len("wss://")+1]})
	down := c.down[url]
	c.mu.Unlock()
	if down {
		return nil, errors.New("connection refused")
	}
	if url == urlB {
		return c.b.Transport().Dial(ctx, url)
	}
	return c.a.Transport().Dial(ctx, url)
}

// reach says which servers can be reached.
func (c *cluster) reach(a, b bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = map[string]bool{urlA: !a, urlB: !b}
}

// tried are the servers dialled since the last call.
func (c *cluster) tried() string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for _, d := range c.dials {
		b.WriteString(d.server)
	}
	c.dials = nil
	return b.String()
}

// on is the server that holds our binding: "a", "b", "ab" or "".
func (c *cluster) on() (s string) {
	synctest.Wait()
	for name, server := range map[string]*sipuatest.Server{"a": c.a, "b": c.b} {
		if len(server.Contacts("1001")) > 0 {
			s += name
		}
	}
	if s == "ba" {
		return "ab"
	}
	return s
}

func registers(s *sipuatest.Server) (n int) {
	for _, req := range s.Requests() {
		if req.Method == sip.REGISTER {
			n++
		}
	}
	return n
}

// serve plays a scenario with two servers.
func serve(t *testing.T, scenario func(c *cluster), change ...func(*sipua.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := sipuatest.Options{InMemory: true, Accounts: map[string]string{"1001": "secret", "1002": "", "1003": ""}}
		c := &cluster{a: sipuatest.NewServer(o), b: sipuatest.NewServer(o), world: &world{T: t, media: &sipuatest.Factory{}}}
		defer c.a.Close()
		defer c.b.Close()
		cfg := sipua.Config{
			URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: urlA}, {URL: urlB}},
			Credentials: sipua.Credentials{Password: "secret"}, Transport: c, Media: c.media.New,
			KeepAlive: sipua.KeepAlive{Method: sipua.KeepAliveOff},
			OnEvent: func(e sipua.Event) {
				c.mu.Lock() // since empties the record while timers run
				defer c.mu.Unlock()
				c.record(e)
			},
		}
		for _, f := range change {
			f(&cfg)
		}
		ua, err := sipua.New(cfg)
		require.NoError(t, err)
		c.ua = ua
		defer ua.Close()
		scenario(c)
	})
}

// since empties the record of events; that of world is for a Peer.
func (c *cluster) since() {
	synctest.Wait()
	c.mu.Lock()
	c.events = nil
	c.mu.Unlock()
	c.tried()
}

// phone is another user agent at a server.
func (c *cluster) phone(s *sipuatest.Server, user string, answer bool) *sipua.UserAgent {
	c.Helper()
	ua, err := sipua.New(sipua.Config{
		URI: "sip:" + user + "@example.com", Servers: []sipua.Server{{URL: s.URL}}, Transport: s.Transport(), Media: (&sipuatest.Factory{}).New,
		KeepAlive: sipua.KeepAlive{Method: sipua.KeepAliveOff},
	})
	require.NoError(c, err)
	ua.On(func(e sipua.Event) {
		if e, ok := e.(sipua.IncomingCall); ok && answer {
			_ = e.Call.Accept(context.Background(), sipua.AcceptOptions{})
		}
	})
	c.Cleanup(func() { _ = ua.Close() })
	require.NoError(c, ua.Register(c.Context()))
	return ua
}

// talk is a call to a phone at the server in use.
func (c *cluster) talk(s *sipuatest.Server) (call *sipua.Call, end func()) {
	c.Helper()
	other := c.phone(s, "1002", true)
	call, err := c.ua.Call("1002", sipua.CallOptions{})
	require.NoError(c, err)
	require.NoError(c, call.Answered(c.Context()))
	return call, func() {
		require.NoError(c, call.Hangup(c.Context()))
		require.NoError(c, other.Close())
	}
}

// Connect alone keeps a connection; the servers are chosen by priority and weight.
func TestServersByPriority(t *testing.T) {
	for range 20 {
		serve(t, func(c *cluster) {
			require.NoError(c, c.ua.Connect(c.Context()))
			require.Equal(c, "b", c.tried())
			require.Equal(c, "wss://b.example.com/ws", last[sipua.Connected](c.world).Server)
			require.Equal(c, 1, last[sipua.Connected](c.world).Flow)
		}, func(cfg *sipua.Config) { cfg.Servers[0].Priority, cfg.Servers[1].Priority = 20, 10 })
	}
	first := map[string]int{}
	for range 200 {
		serve(t, func(c *cluster) {
			require.NoError(c, c.ua.Connect(c.Context()))
			first[c.tried()]++
		}, func(cfg *sipua.Config) { cfg.Servers[0].Weight, cfg.Servers[1].Weight = 30, 90 })
	}
	require.InDelta(t, 50, first["a"], 25, "%v", first)
	require.InDelta(t, 150, first["b"], 25, "%v", first)
}

// The first server goes down: the other one, and back when the first has returned
// and nothing is under way.
func TestFailOverAndReturn(t *testing.T) {
	serve(t, func(c *cluster) {
		require.NoError(c, c.ua.Register(c.Context()))
		require.Equal(c, "a", c.on())
		time.Sleep(time.Minute)
		c.since()
		c.reach(false, true)
		c.a.DropConnections(1006)
		time.Sleep(2 * time.Second)
		require.Equal(c, "b", c.on())
		require.Equal(c, "ab", c.tried())
		require.Equal(c, []string{"disconnected 1006", "unregistered connection-lost", "reconnecting 1", "connected", "registered 10m0s"}, c.story())

		call, hangup := c.talk(c.b)
		c.reach(true, true)
		c.since()
		time.Sleep(20 * time.Minute)
		require.Empty(c, c.tried(), "not while a call is under way")
		require.Equal(c, sipua.Established, call.State())
		hangup()
		require.Equal(c, "b", c.on())
		c.since()
		time.Sleep(2*time.Minute + time.Second)
		require.Equal(c, "a", c.on())
		require.Equal(c, "a", c.tried())
		story := c.story() // a refresh may have come before
		require.Equal(c, []string{"disconnected 1000", "unregistered connection-lost", "connected", "registered 10m0s"}, story[len(story)-4:])
		require.NoError(c, last[sipua.Disconnected](c.world).Err, "by our own will")
		time.Sleep(time.Hour)
		require.Empty(c, c.tried())
	})
	// Attempts to return that fail do no harm.
	serve(t, func(c *cluster) {
		c.reach(false, true)
		require.NoError(c, c.ua.Register(c.Context()))
		c.since()
		time.Sleep(30 * time.Minute)
		require.GreaterOrEqual(c, len(c.tried()), 14)
		require.Equal(c, "b", c.on())
		require.Zero(c, count[sipua.Disconnected](c.world))
		require.Zero(c, count[sipua.RegistrationFailed](c.world))
		require.Zero(c, count[sipua.Reconnecting](c.world))
	})
	// A request under way is not disturbed: the return waits.
	serve(t, func(c *cluster) {
		c.reach(false, true)
		require.NoError(c, c.ua.Register(c.Context()))
		c.reach(true, true)
		c.since()
		time.Sleep(90 * time.Second)
		c.b.Next("REGISTER", sipuatest.Action{Delay: 31 * time.Second})
		begun := time.Now()
		require.NoError(c, c.ua.Register(c.Context()))
		require.Equal(c, 31*time.Second, time.Since(begun))
		require.Empty(c, c.tried())
		time.Sleep(5 * time.Minute)
		require.Equal(c, "a", c.on())
	})
}

// A call that begins while the return is dialled stays where it is.
func TestReturnWhileCallBegins(t *testing.T) {
	play(t, func(w *world) {
		w.On(urlA).Refuse(errors.New("refused"))
		w.register()
		release := w.On(urlA).HoldDials()
		time.Sleep(2*time.Minute + time.Second) // the return is being dialled
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		require.Equal(w, w.On(urlB).Of(invite), w.Of(invite))
		w.Respond(invite, 100, "Trying")
		w.forget()
		release()
		time.Sleep(20 * time.Second)
		require.Empty(w, w.story())
		require.Equal(w, sipua.Calling, call.State())
		w.Respond(invite, 486, "Busy Here")
		w.end(call)
	}, func(c *sipua.Config) {
		c.Servers = []sipua.Server{{URL: urlA}, {URL: urlB}}
		c.ConnectTimeout = 15 * time.Second
	})
}

// RFC 3263 section 4.3, RFC 3261 section 21.5.4: 503 means the next server, and not
// before Retry-After this one again.
func TestRetryAfterMeansTheNextServer(t *testing.T) {
	busy := sipuatest.Action{Status: 503, Reason: "Service Unavailable", Headers: []sip.Header{h("Retry-After", "300")}}
	serve(t, func(c *cluster) {
		c.a.Next("REGISTER", busy)
		err := typed(c, c.ua.Register(c.Context()), sipua.CodeRejected, 503)
		require.Equal(c, 5*time.Minute, err.RetryAfter)
		time.Sleep(time.Second)
		require.Equal(c, "b", c.on())
		require.Equal(c, "ab", c.tried())
		failed := last[sipua.RegistrationFailed](c.world)
		require.False(c, failed.Final)
		time.Sleep(4 * time.Minute)
		require.Empty(c, c.tried())
		time.Sleep(4 * time.Minute)
		require.Equal(c, "a", c.on(), "and back after it")
	})
	// A refresh that is refused so, with a call under way: the call stays.
	serve(t, func(c *cluster) {
		require.NoError(c, c.ua.Register(c.Context()))
		call, hangup := c.talk(c.a)
		c.since()
		c.a.Next("REGISTER", busy)
		typed(c, c.ua.Register(c.Context()), sipua.CodeRejected, 503)
		time.Sleep(5*time.Minute - time.Second)
		require.Empty(c, c.tried())
		require.Equal(c, sipua.Established, call.State())
		require.Zero(c, count[sipua.Registered](c.world))
		time.Sleep(2 * time.Second)
		require.Equal(c, 1, count[sipua.Registered](c.world))
		hangup()
	})
	// Both are busy: nobody is asked before its time.
	serve(t, func(c *cluster) {
		c.a.Next("REGISTER", busy)
		c.b.Next("REGISTER", busy)
		typed(c, c.ua.Register(c.Context()), sipua.CodeRejected, 503)
		time.Sleep(5*time.Minute - time.Second)
		require.Equal(c, 1, registers(c.a))
		require.Equal(c, 1, registers(c.b))
		require.Empty(c, c.on())
		time.Sleep(3 * time.Minute)
		require.Len(c, c.on(), 1)
	})
}

func TestRetryAfterServerIsNotAskedAgain(t *testing.T) {
	serve(t, func(c *cluster) {
		c.reach(true, false)
		var requests atomic.Int32
		c.a.Intercept(func(req *sip.Request) sipuatest.Action {
			if requests.Add(1) > 1000 {
				return sipuatest.Action{} // an end to it
			}
			return sipuatest.Action{Status: 503, Reason: "Service Unavailable", Headers: []sip.Header{h("Retry-After", "60")}}
		})
		_ = c.ua.Register(c.Context())
		time.Sleep(55 * time.Second)
		require.EqualValues(c, 1, requests.Load(), "REGISTER at A within its Retry-After; dialled %q", c.tried())
		require.Less(c, len(c.tried()), 60)
	})
}

// A single server: not before its Retry-After, whatever the status, and whatever
// happens to the connection meanwhile.
func TestRetryAfterOfTheOnlyServer(t *testing.T) {
	one := func(cfg *sipua.Config) { cfg.Servers = cfg.Servers[:1] }
	for _, status := range []int{503, 500, 480, 404} {
		for _, drop := range []bool{false, true} {
			t.Run(fmt.Sprint(status, " ", drop), func(t *testing.T) {
				serve(t, func(c *cluster) {
					c.a.Next("REGISTER", sipuatest.Action{Status: status, Reason: "No", Headers: []sip.Header{h("Retry-After", "240 (maintenance);duration=60")}})
					e := typed(c, c.ua.Register(c.Context()), sipua.CodeRejected, status)
					require.Equal(c, 4*time.Minute, e.RetryAfter)
					failed := last[sipua.RegistrationFailed](c.world)
					require.False(c, failed.Final)
					require.Equal(c, 4*time.Minute, failed.RetryIn)
					require.Equal(c, "a", c.tried())
					time.Sleep(time.Minute)
					if drop {
						c.a.DropConnections(1006)
					}
					time.Sleep(3*time.Minute - time.Second)
					require.Equal(c, 1, registers(c.a))
					time.Sleep(35 * time.Second)
					require.Equal(c, "a", c.on())
				}, one)
			})
		}
	}
	// NetworkChanged does not shorten it; who asks does.
	serve(t, func(c *cluster) {
		c.a.Next("REGISTER", sipuatest.Action{Status: 503, Reason: "No", Headers: []sip.Header{h("Retry-After", "240")}})
		_ = c.ua.Register(c.Context())
		c.ua.NetworkChanged(sipua.NetworkOnline)
		time.Sleep(time.Minute)
		require.Equal(c, 1, registers(c.a))
		require.NoError(c, c.ua.Register(c.Context()))
	}, one)
}

// 430 Flow Failed, and no answer at all: the flow has failed (RFC 5626 section
// 4.4), and the other server has its turn.
func TestFailedFlowMeansTheNextServer(t *testing.T) {
	for name, action := range map[string]sipuatest.Action{
		"430":       {Status: 430, Reason: "Flow Failed"},
		"no answer": {Drop: true},
		"half-open": {HalfOpen: true},
	} {
		t.Run(name, func(t *testing.T) {
			serve(t, func(c *cluster) {
				c.a.Next("REGISTER", action)
				require.Error(c, c.ua.Register(c.Context()))
				time.Sleep(2 * time.Second)
				require.Equal(c, "b", c.on())
				require.Equal(c, "ab", c.tried())
			})
		})
	}
}

// Servers that hang cost ConnectTimeout each.
func TestConnectTimeout(t *testing.T) {
	play(t, func(w *world) {
		defer w.On(urlA).HoldDials()()
		begun := time.Now()
		w.register()
		require.Equal(w, 4*time.Second, time.Since(begun))
		require.Equal(w, urlB, last[sipua.Connected](w).Server)
	}, func(c *sipua.Config) {
		c.Servers = []sipua.Server{{URL: urlA}, {URL: urlB}}
		c.ConnectTimeout = 4 * time.Second
	})
	// The default is 10 s.
	play(t, func(w *world) {
		defer w.HoldDials()()
		begun := time.Now()
		typed(w, w.ua.Register(w.Context()), sipua.CodeConnectionFailed, 0)
		require.Equal(w, 10*time.Second, time.Since(begun))
	})
}

// A server that accepts, even registers, and drops at once is not hammered.
func TestServerThatDropsIsNotHammered(t *testing.T) {
	one := func(cfg *sipua.Config) { cfg.Servers = cfg.Servers[:1] }
	for name, action := range map[string]sipuatest.Action{"at REGISTER": {Close: 1011}, "without a frame": {Close: 1006}} {
		t.Run(name, func(t *testing.T) {
			serve(t, func(c *cluster) {
				var requests atomic.Int32
				c.a.Intercept(func(*sip.Request) sipuatest.Action { requests.Add(1); return action })
				_ = c.ua.Register(c.Context())
				time.Sleep(time.Hour)
				require.Less(c, int(requests.Load()), 3600/15+20)
				require.Greater(c, int(requests.Load()), 3600/31)
			}, one)
		})
	}
	serve(t, func(c *cluster) { // after its 200
		require.NoError(c, c.ua.Register(c.Context()))
		for range 3600 {
			c.a.DropConnections(1012)
			time.Sleep(time.Second)
		}
		require.Less(c, count[sipua.Registered](c.world), 3600/15+20)
		require.Greater(c, count[sipua.Registered](c.world), 3600/32)
	}, one)
}

// What the servers' URLs hide stays hidden in events and errors.
func TestServersHideSecrets(t *testing.T) {
	play(t, func(w *world) {
		w.On("wss://me:pw0@a.example.com/ws?token=s3cret").Refuse(errors.New("GET wss://me:pw0@a.example.com/ws?token=s3cret: 403"))
		e := w.ua.Register(w.Context())
		text := fmt.Sprintf("%v %+v", e, e)
		w.Refuse(errors.New("no"))
		time.Sleep(time.Minute)
		for _, e := range w.recorded() {
			text += fmt.Sprintf("%v %+v", e, e)
			if f, ok := e.(sipua.RegistrationFailed); ok {
				text += f.Err.Error()
			}
		}
		require.NotContains(w, text, "s3cret")
		require.NotContains(w, text, "pw0")
		require.True(w, slices.ContainsFunc(w.recorded(), func(e sipua.Event) bool { _, ok := e.(sipua.Connected); return ok }))
		w.Ladder().Reset()
	}, func(c *sipua.Config) { c.Servers = []sipua.Server{{URL: "wss://me:pw0@a.example.com/ws?token=s3cret"}} })
}
