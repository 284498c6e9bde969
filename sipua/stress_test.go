package sipua_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// stress is a user agent with two flows, verbs that nobody waits for in order, and a
// network that does what it likes.
type stress struct {
	*testing.T
	*chaos
	ua  *sipua.UserAgent
	rnd *rand.Rand

	mu      sync.Mutex // the record is the dispatcher's, and the steps look at it
	story   []string
	wrong   []string
	up      map[int]bool // connected
	told    bool         // registered
	held    map[int]bool // registered, by flow
	calls   map[*sipua.Call]int
	subs    map[*sipua.Subscription]int
	verbs   map[string]int // under way
	watches []*sipua.Subscription
}

// TestStress plays random verbs and events and looks whether the promises hold: after
// each step, after everything has healed, and after Close.
func TestStress(t *testing.T) {
	seed := rand.Uint64()
	for i := range uint64(20) {
		if testing.Short() && i == 5 {
			break
		}
		t.Run(fmt.Sprint(seed+i), func(t *testing.T) {
			// The name is the seed: put it in the place of rand.Uint64 to see it again.
			synctest.Test(t, func(t *testing.T) { stressed(t, seed+i) })
		})
	}
}

func stressed(t *testing.T, seed uint64) {
	_, peer := sipuatest.NewPipe()
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := &stress{T: t, rnd: rnd,
		chaos: &chaos{t: t, rules: peer, rnd: rand.New(rand.NewPCG(seed, 1)), busy: map[string]time.Time{}},
		up:    map[int]bool{}, held: map[int]bool{}, calls: map[*sipua.Call]int{}, subs: map[*sipua.Subscription]int{}, verbs: map[string]int{}}
	ua, err := sipua.New(sipua.Config{
		URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: urlA}, {URL: urlB}}, Flows: 2,
		Credentials: sipua.Credentials{Password: "secret"}, Transport: s.chaos, Media: (&sipuatest.Factory{}).New,
		OnEvent: s.record,
	})
	require.NoError(t, err)
	s.ua = ua
	defer ua.Close()
	for n := range 150 {
		s.step()
		synctest.Wait()
		s.check(fmt.Sprintf("after step %d", n))
	}

	// Everything heals: every verb ends, and what is wanted is there.
	s.set(func() { s.mood, s.refuses, s.hangs = kind, false, false })
	for k := s.some(); k != nil; k = s.some() {
		k.drop(1001, "")
	}
	ua.NetworkChanged(sipua.NetworkOnline)
	time.Sleep(20 * time.Minute)
	require.NoError(t, ua.Register(t.Context()), "%v", s.tail())
	time.Sleep(20 * time.Minute)
	s.check("after everything has healed")
	verbs, held, ended := map[string]int{}, map[int]bool{}, map[*sipua.Subscription]int{}
	s.noted(func() {
		maps.Copy(verbs, s.verbs)
		maps.Copy(held, s.held)
		maps.Copy(ended, s.subs)
	})
	require.Empty(t, verbs, "verbs that have not ended; %v", s.tail())
	require.Equal(t, map[int]bool{1: true, 2: true}, held, "%v", s.tail())
	for _, k := range s.watches {
		if ended[k] == 0 {
			// Pending is what the notifier has said; anything else is stuck.
			require.Contains(t, []sipua.SubscriptionState{sipua.SubscriptionActive, sipua.SubscriptionPending}, k.State(), "%v", s.tail())
		}
	}

	// The end comes in the middle of something.
	for range rnd.IntN(20) {
		s.step()
	}
	require.NoError(t, ua.Close())
	synctest.Wait()
	s.check("after Close")
	timers, transactions := ua.Left()
	require.Zero(t, timers)
	require.Zero(t, transactions)
	require.Empty(t, s.verbs, "verbs that Close has not ended")
	require.Empty(t, s.conns, "connections that Close has not closed")
	require.Empty(t, ua.Calls())
	for c, n := range s.calls {
		require.Equal(t, 1, n, "ends of %s", c)
	}
	for k, n := range s.subs {
		require.Equal(t, 1, n, "ends of %s", k)
	}
}

// record looks at each event.
func (s *stress) record(e sipua.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wrong := func(what string) { s.wrong = append(s.wrong, what+" at "+tell(e)) }
	s.story = append(s.story, tell(e))
	switch e := e.(type) {
	case sipua.Connected:
		if s.up[e.Flow] {
			wrong("connected twice")
		}
		s.up[e.Flow] = true
	case sipua.Disconnected:
		if !s.up[e.Flow] {
			wrong("disconnected twice")
		}
		s.up[e.Flow] = false
		delete(s.held, e.Flow)
	case sipua.Reconnecting:
		if s.up[e.Flow] {
			wrong("reconnecting while connected")
		}
	case sipua.Registered:
		if !s.up[e.Flow] {
			wrong("registered without a connection")
		}
		s.told, s.held[e.Flow] = true, true
	case sipua.Unregistered:
		if !s.told {
			wrong("unregistered twice")
		}
		s.told = false
		clear(s.held)
	case sipua.IncomingCall:
		s.calls[e.Call] += 0
	case sipua.CallStateChanged:
		if s.calls[e.Call] > 0 {
			wrong("after the end of the call")
		}
		s.calls[e.Call] += 0
	case sipua.CallEnded:
		s.calls[e.Call]++
	case sipua.SubscriptionChanged:
		if s.subs[e.Subscription] > 0 {
			wrong("after the end of the subscription")
		}
		s.subs[e.Subscription] += 0
	case sipua.SubscriptionEnded:
		s.subs[e.Subscription]++
	}
}

// noted runs f with the record. Nothing in it may fail the test, which waits for
// the dispatcher at its end.
func (s *stress) noted(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *stress) tail() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.story[max(0, len(s.story)-40):]
}

func (s *stress) check(when string) {
	s.Helper()
	var faults, wrong []string
	s.set(func() { faults = slices.Clone(s.faults) })
	s.noted(func() { wrong = slices.Clone(s.wrong) })
	require.Empty(s.T, faults, when)
	require.Empty(s.T, wrong, "%s: %v", when, s.tail())
}

// verb begins one without waiting for it. Its error must be typed.
func (s *stress) verb(name string, f func(ctx context.Context) error) {
	ctx, cancel := s.Context(), func() {}
	if s.rnd.IntN(8) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(s.rnd.IntN(60))*time.Second)
	}
	s.mu.Lock()
	s.verbs[name]++
	s.mu.Unlock()
	go func() {
		err := f(ctx)
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.verbs[name]--; s.verbs[name] == 0 {
			delete(s.verbs, name)
		}
		var typed *sipua.Error
		if err != nil && (!errors.As(err, &typed) || typed.Code == sipua.CodeInternal) {
			s.wrong = append(s.wrong, fmt.Sprintf("%s: %v", name, err))
		}
	}()
}

// step does one thing.
func (s *stress) step() {
	switch s.rnd.IntN(3) {
	case 0:
		s.act()
	case 1:
		s.disturb()
	default:
		switch n := s.rnd.IntN(20); {
		case n == 0:
			time.Sleep(time.Duration(s.rnd.IntN(3)) * time.Hour)
		case n < 6:
			time.Sleep(time.Duration(s.rnd.IntN(600)) * time.Second)
		default:
			time.Sleep(time.Duration(s.rnd.IntN(5000)) * time.Millisecond)
		}
	}
}

// act is something that the application does.
func (s *stress) act() {
	ua := s.ua
	switch s.rnd.IntN(16) {
	case 0, 1, 2:
		s.verb("register", ua.Register)
	case 3:
		s.verb("unregister", ua.Unregister)
	case 4:
		s.verb("unregister all", ua.UnregisterAll)
	case 5:
		s.verb("connect", ua.Connect)
	case 6:
		s.verb("fetch", func(ctx context.Context) error { _, err := ua.FetchBindings(ctx); return err })
	case 7:
		s.verb("push", func(ctx context.Context) error {
			return ua.SetPush(ctx, &sipua.Push{Provider: "p", PRID: "1"})
		})
	case 8:
		s.verb("message", func(ctx context.Context) error {
			return ua.Message(ctx, "1002", sipua.MessageOptions{Body: []byte("hi")})
		})
	case 9:
		s.verb("options", func(ctx context.Context) error { _, err := ua.Options(ctx, "1002"); return err })
	case 10, 11:
		if len(s.watches) < 8 {
			if k, err := ua.Subscribe("1002", sipua.SubscribeOptions{Event: "presence"}); err == nil {
				s.watches = append(s.watches, k)
				s.verb("active", k.Active)
			}
		}
	case 12:
		if n := len(s.watches); n > 0 {
			k := s.watches[s.rnd.IntN(n)]
			if s.rnd.IntN(2) == 0 {
				s.verb("unsubscribe", k.Unsubscribe)
			} else {
				s.verb("refresh", k.Refresh)
			}
		}
	case 13:
		s.verb("publish", func(ctx context.Context) error {
			p, err := ua.Publish(ctx, sipua.PublishOptions{Event: "presence", ContentType: "text/plain", Body: []byte("x")})
			if err == nil {
				err = p.Update(ctx, "text/plain", []byte("y"))
				err = errors.Join(err, p.Remove(ctx))
			}
			return err
		})
	case 14:
		if len(ua.Calls()) < 4 {
			if c, err := ua.Call("1002", sipua.CallOptions{}); err == nil {
				s.verb("answered", c.Answered)
			}
		}
	case 15:
		for _, c := range ua.Calls() {
			s.verb("hang up", c.Hangup)
		}
	}
}

// disturb is something that the network does.
func (s *stress) disturb() {
	k := s.some()
	switch n := s.rnd.IntN(14); {
	case n == 0:
		s.set(func() { s.refuses = !s.refuses })
	case n == 1:
		s.set(func() { s.hangs = !s.hangs })
	case n == 2:
		s.ua.NetworkChanged(sipua.NetworkOnline)
	case n == 3:
		s.ua.NetworkChanged(sipua.NetworkOffline)
	case n < 7:
		s.set(func() { s.mood = mood(s.rnd.IntN(int(numMoods))) })
	case k == nil:
	case n < 9:
		k.drop([]int{1000, 1001, 1006, 1011}[s.rnd.IntN(4)], "gone")
	case n == 9:
		s.set(func() { k.halfOpen = true })
	case n == 10:
		s.set(func() { k.deaf = true })
	case n == 11:
		for _, data := range []string{"\r\n", "\r\n\r\n", "garbage\r\n\r\n", "\x00\xff", "SIP/2.0 200 OK\r\n\r\n"} {
			s.set(func() { k.send([]byte(data)) })
		}
	case n == 12:
		s.set(func() {
			if len(k.watched) > 0 {
				state := []string{"active;expires=300", "pending", "terminated;reason=deactivated", "terminated;reason=probation;retry-after=5", "terminated;reason=noresource"}
				k.send([]byte(k.watched[s.rnd.IntN(len(k.watched))](state[s.rnd.IntN(len(state))]).String()))
			}
		})
	case n == 13:
		invite := s.rules.NewRequest("INVITE", "sip:1001@example.com")
		s.set(func() { k.send([]byte(invite.String())) })
	}
}
