package flow

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// states brings a flow to servers A and B into a state.
var states = map[State]func(b *bed){
	Idle: func(b *bed) {},
	Dialing: func(b *bed) {
		b.set(hangs)
		b.do(func() { b.Flow.Connect(func(err error) { b.note("then %v", err) }) })
	},
	Up: func(b *bed) { b.connect() },
	Waiting: func(b *bed) {
		b.set(refuses)
		b.do(func() { b.Flow.Connect(func(error) {}) })
	},
}

// The table in flow.go, cell by cell: the state that an input leads to, what was
// dialled and what was told. Where a cell is empty, nothing happens.
func TestFlowTable(t *testing.T) {
	type outcome struct {
		state State
		dials string
		told  []string
	}
	connect := func(b *bed) {
		b.set(nil)
		b.do(func() { b.Flow.Connect(func(err error) { b.note("then %v", err) }) })
	}
	for name, c := range map[string]struct {
		from  State
		input func(b *bed)
		want  outcome
	}{
		"idle connect": {Idle, connect, outcome{Up, "a", []string{"up a", "then <nil>"}}},
		"idle online":  {Idle, func(b *bed) { b.do(b.Flow.Online) }, outcome{Idle, "", nil}},
		"idle offline": {Idle, func(b *bed) { b.do(b.Flow.Offline) }, outcome{Idle, "", nil}},
		"idle timer":   {Idle, func(b *bed) { time.Sleep(time.Hour) }, outcome{Idle, "", nil}},
		"idle close":   {Idle, func(b *bed) { b.do(func() { b.Flow.Close(errDropped) }) }, outcome{Idle, "", nil}},
		"idle fail":    {Idle, func(b *bed) { b.do(func() { b.Flow.Fail(errDropped) }) }, outcome{Idle, "", nil}},
		"idle rest":    {Idle, func(b *bed) { b.do(b.Flow.Rest) }, outcome{Idle, "", nil}},

		"dialing connect": {Dialing, func(b *bed) {
			b.do(func() { b.Flow.Connect(func(err error) { b.note("second %v", err) }) })
			require.Empty(b, b.tried(), "it joins")
			b.set(nil)
			time.Sleep(3 * time.Second) // A hangs until its time-out
		}, outcome{Up, "b", []string{"up b", "then <nil>", "second <nil>"}}},
		"dialing opened":         {Dialing, func(b *bed) { b.set(nil); time.Sleep(3 * time.Second) }, outcome{Up, "b", []string{"up b", "then <nil>"}}},
		"dialing failed":         {Dialing, func(b *bed) { time.Sleep(6 * time.Second) }, outcome{Waiting, "b", []string{"then context deadline exceeded\ncontext deadline exceeded", "waiting 1"}}},
		"dialing failed, enough": {Dialing, func(b *bed) { b.do(func() { b.wanted = false }); time.Sleep(6 * time.Second) }, outcome{Idle, "b", []string{"then context deadline exceeded\ncontext deadline exceeded"}}},
		"dialing online, young":  {Dialing, func(b *bed) { time.Sleep(time.Second); b.do(b.Flow.Online) }, outcome{Dialing, "", nil}},
		"dialing online, old": {Dialing, func(b *bed) {
			time.Sleep(2500 * time.Millisecond)
			b.do(b.Flow.Online)
			require.Equal(b, "a", b.tried(), "anew")
			b.set(nil)
			time.Sleep(2900 * time.Millisecond) // the old attempt would have gone on
			require.Equal(b, Dialing, b.state())
			time.Sleep(200 * time.Millisecond)
		}, outcome{Up, "b", []string{"up b", "then <nil>"}}},
		"dialing offline": {Dialing, func(b *bed) { b.do(b.Flow.Offline) }, outcome{Dialing, "", nil}},
		"dialing close": {Dialing, func(b *bed) {
			b.do(func() { b.Flow.Close(errDropped) })
			b.set(nil)
			time.Sleep(time.Hour)
		}, outcome{Idle, "", []string{"then dropped"}}},
		"dialing rest": {Dialing, func(b *bed) { b.do(b.Flow.Rest) }, outcome{Dialing, "", nil}},
		"dialing fail": {Dialing, func(b *bed) { b.do(func() { b.Flow.Fail(errDropped) }) }, outcome{Dialing, "", nil}},

		"up connect":      {Up, connect, outcome{Up, "", []string{"then <nil>"}}},
		"up lost":         {Up, func(b *bed) { b.current().drop(errDropped) }, outcome{Waiting, "", []string{"lost a dropped", "waiting 1"}}},
		"up lost, enough": {Up, func(b *bed) { b.do(func() { b.wanted = false }); b.current().drop(errDropped) }, outcome{Idle, "", []string{"lost a dropped"}}},
		"up fail":         {Up, func(b *bed) { b.do(func() { b.Flow.Fail(errDropped) }) }, outcome{Waiting, "", []string{"lost a dropped", "waiting 1"}}},
		"up online":       {Up, func(b *bed) { b.hear(doesBoth); b.do(b.Flow.Online); time.Sleep(time.Hour) }, outcome{Up, "", []string{"ask", `got "SIP/2.0 404 Not Found"`}}},
		"up offline":      {Up, func(b *bed) { b.hear(doesBoth); b.do(b.Flow.Offline); time.Sleep(time.Hour) }, outcome{Up, "", []string{"ask", `got "SIP/2.0 404 Not Found"`}}},
		"up close":        {Up, func(b *bed) { b.do(func() { b.Flow.Close(errDropped) }); time.Sleep(time.Hour) }, outcome{Idle, "", []string{"lost a <nil>"}}},
		"up rest":         {Up, func(b *bed) { b.do(func() { b.wanted = false; b.Flow.Rest() }) }, outcome{Up, "", nil}},
		"up timer":        {Up, func(b *bed) { time.Sleep(time.Hour) }, outcome{Up, "", nil}},

		"waiting connect": {Waiting, connect, outcome{Up, "a", []string{"up a", "then <nil>"}}},
		"waiting timer":   {Waiting, func(b *bed) { b.set(nil); time.Sleep(2 * time.Second) }, outcome{Up, "a", []string{"up a"}}},
		"waiting online":  {Waiting, func(b *bed) { b.set(nil); b.do(b.Flow.Online) }, outcome{Up, "a", []string{"up a"}}},
		"waiting offline": {Waiting, func(b *bed) {
			b.set(nil)
			b.do(b.Flow.Offline)
			time.Sleep(14 * time.Second) // rarely: half of the longest wait at least
		}, outcome{Waiting, "", []string{"waiting 2"}}},
		"waiting close": {Waiting, func(b *bed) { b.do(func() { b.Flow.Close(errDropped) }); time.Sleep(time.Hour) }, outcome{Idle, "", nil}},
		"waiting rest":  {Waiting, func(b *bed) { b.do(func() { b.wanted = false; b.Flow.Rest() }); time.Sleep(time.Hour) }, outcome{Idle, "", nil}},
		"waiting rest, wanted": {Waiting, func(b *bed) {
			b.do(b.Flow.Rest)
		}, outcome{Waiting, "", nil}},
		"waiting fail": {Waiting, func(b *bed) { b.do(func() { b.Flow.Fail(errDropped) }) }, outcome{Waiting, "", nil}},
	} {
		t.Run(name, func(t *testing.T) {
			stage(t, []string{urlA, urlB}, func(b *bed) {
				states[c.from](b)
				require.Equal(b, c.from, b.state())
				b.tried()
				b.told()
				c.input(b)
				synctest.Wait()
				require.Equal(b, c.want, outcome{b.state(), b.tried(), b.told()})
			})
		})
	}
	require.Equal(t, "idle dialing up waiting", Idle.String()+" "+Dialing.String()+" "+Up.String()+" "+Waiting.String())
}

// "opened" in the state up is the return to a preferred server.
func TestReturn(t *testing.T) {
	// onB brings the flow to B, A being away.
	onB := func(b *bed) {
		b.set(only(urlB))
		b.connect()
		require.Equal(b, "a b", b.tried())
		b.told()
	}
	// idle: it goes back between 80 and 100 % of Return after it came up.
	stage(t, []string{urlA, urlB}, func(b *bed) {
		onB(b)
		old := b.current()
		b.set(nil)
		time.Sleep(95 * time.Second)
		require.Empty(b, b.tried())
		time.Sleep(26 * time.Second)
		require.Equal(b, "a", b.tried(), "better ones alone")
		require.Equal(b, []string{"lost b <nil>", "up a"}, b.told())
		require.True(b, old.over())
		require.Equal(b, Up, b.state())
		require.Equal(b, urlA, b.url())
		time.Sleep(time.Hour)
		require.Empty(b, b.tried(), "there is none that is preferred to A")
	})
	// busy: it waits for another time.
	stage(t, []string{urlA, urlB}, func(b *bed) {
		onB(b)
		b.set(nil)
		b.do(func() { b.busy = true })
		time.Sleep(time.Hour)
		require.Empty(b, b.tried())
		require.Empty(b, b.told())
		b.do(func() { b.busy = false })
		time.Sleep(2 * time.Minute)
		require.Equal(b, []string{"lost b <nil>", "up a"}, b.told())
	})
	// An attempt that fails does no harm, and others follow.
	stage(t, []string{urlA, urlB}, func(b *bed) {
		onB(b)
		for range 10 {
			time.Sleep(2*time.Minute + time.Second)
			require.Contains(b, []string{"a", "a a"}, b.tried())
		}
		b.set(hangs)
		time.Sleep(10 * time.Minute)
		require.Empty(b, b.told())
		require.False(b, b.current().over())
		b.do(func() { require.NoError(b, b.Flow.Write([]byte("still"))) })
		require.Equal(b, []string{"still"}, b.current().wrote())
		b.set(nil)
		time.Sleep(3 * time.Minute)
		require.Equal(b, []string{"lost b <nil>", "up a"}, b.told())
	})
	// The connection is lost while the return is dialled: one attempt follows, and
	// what was dialled before is closed.
	stage(t, []string{urlA, urlB}, func(b *bed) {
		onB(b)
		b.stubborn = true
		b.set(func(ctx context.Context, url string) error {
			if url == urlA {
				time.Sleep(2 * time.Second) // and comes in spite of its context
			}
			return nil
		})
		for b.tried() != "a" {
			time.Sleep(time.Second)
		}
		b.current().drop(errDropped)
		require.Equal(b, []string{"lost b dropped", "waiting 1"}, b.told())
		time.Sleep(10 * time.Second)
		require.Equal(b, []string{"up a"}, b.told())
		require.Equal(b, "a", b.tried())
	})
	// It is lost and wanted no more: nothing is dialled, nor comes of what was.
	for _, after := range []time.Duration{time.Minute, 2*time.Minute + time.Second} {
		stage(t, []string{urlA, urlB}, func(b *bed) {
			onB(b)
			b.stubborn = true
			b.set(func(context.Context, string) error { time.Sleep(30 * time.Second); return nil })
			time.Sleep(after)
			b.do(func() { b.wanted = false })
			b.current().drop(errDropped)
			b.tried()
			time.Sleep(time.Hour)
			require.Equal(b, []string{"lost b dropped"}, b.told())
			require.Empty(b, b.tried())
			require.Equal(b, Idle, b.state())
		})
	}
	// A return that does not last costs B its connection: it is tried less often, until
	// one has lasted.
	stage(t, []string{urlA, urlB}, func(b *bed) {
		onB(b)
		b.set(nil)
		returns := func(d time.Duration) (n int) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
				synctest.Wait()
				if b.state() == Up && b.url() == urlA {
					n++
					b.current().drop(errDropped)
				}
			}
			return n
		}
		require.LessOrEqual(b, returns(2*time.Hour), 7)
		require.GreaterOrEqual(b, returns(10*time.Hour), 5, "it goes on")
		for b.url() != urlA {
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		b.set(only(urlB))
		b.current().drop(errDropped)
		time.Sleep(5 * time.Second)
		require.Equal(b, urlB, b.url())
		b.set(nil)
		time.Sleep(2*time.Minute + time.Second)
		require.Equal(b, urlA, b.url(), "as often as at first")
	})
	// Of three, B returns to A only; C to both.
	stage(t, []string{urlA, urlB, urlC}, func(b *bed) {
		b.set(only(urlC))
		b.connect()
		b.tried()
		b.set(only(urlB, urlC))
		time.Sleep(2 * time.Minute)
		require.Equal(b, "a b", b.tried())
		require.Equal(b, urlB, b.url())
		time.Sleep(2*time.Minute + time.Second)
		require.Equal(b, "a", b.tried())
	})
}

// A call that begins while the return is dialled is not disturbed either.
func TestReturnWhileSomethingBegins(t *testing.T) {
	stage(t, []string{urlA, urlB}, func(b *bed) {
		b.set(only(urlB))
		b.connect()
		b.told()
		b.tried()
		b.set(func(context.Context, string) error { time.Sleep(2 * time.Second); return nil })
		for b.tried() == "" {
			time.Sleep(time.Second)
		}
		b.do(func() { b.busy = true })
		time.Sleep(10 * time.Minute)
		require.Empty(b, b.told(), "the flow stays where it is")
		require.Equal(b, urlB, b.url())
		b.do(func() { b.busy = false })
		time.Sleep(3 * time.Minute)
		require.Equal(b, []string{"lost b <nil>", "up a"}, b.told(), "and goes back later")
	})
}

func TestAvoid(t *testing.T) {
	// Another server is there: at once, and back when the time is over.
	stage(t, []string{urlA, urlB}, func(b *bed) {
		b.connect()
		b.told()
		b.tried()
		b.do(func() { require.True(b, b.Flow.Avoid(5*time.Minute, errDropped)) })
		require.Equal(b, "b", b.tried())
		require.Equal(b, []string{"lost a dropped", "waiting 1", "up b"}, b.told())
		time.Sleep(5*time.Minute - time.Second)
		require.Empty(b, b.tried())
		time.Sleep(2*time.Minute + time.Second)
		require.Equal(b, []string{"lost b <nil>", "up a"}, b.told())
	})
	// There is no other one: the connection stays, and is not made anew before.
	stage(t, []string{urlA}, func(b *bed) {
		b.connect()
		b.told()
		b.tried()
		b.do(func() { require.False(b, b.Flow.Avoid(5*time.Minute, errDropped)) })
		require.Empty(b, b.told())
		b.current().drop(errDropped)
		time.Sleep(5*time.Minute - time.Second)
		require.Empty(b, b.tried())
		time.Sleep(31 * time.Second)
		require.Equal(b, "a", b.tried())
	})
	// It is wanted no more: nothing follows.
	stage(t, []string{urlA, urlB}, func(b *bed) {
		b.connect()
		b.told()
		b.tried()
		b.do(func() { b.wanted = false; require.True(b, b.Flow.Avoid(time.Minute, errDropped)) })
		time.Sleep(time.Hour)
		require.Equal(b, []string{"lost a dropped"}, b.told())
		require.Empty(b, b.tried())
	})
	// RFC 3261 section 21.5.4: the server that asked to be left alone is left alone
	// also when the other one cannot be reached.
	stage(t, []string{urlA, urlB}, func(b *bed) {
		b.connect()
		b.tried()
		b.set(only(urlA))
		b.do(func() { b.Flow.Avoid(5*time.Minute, errDropped) })
		time.Sleep(4 * time.Minute)
		require.NotContains(b, b.tried(), "a")
		time.Sleep(2 * time.Minute)
		require.Equal(b, urlA, b.url())
		require.Equal(b, Up, b.state())
	})
}

// A server that accepts and drops at once is asked as rarely as one that cannot be
// reached.
func TestServerThatDropsIsNotHammered(t *testing.T) {
	stage(t, []string{urlA}, func(b *bed) {
		b.do(func() { b.Flow.Connect(func(error) {}) })
		opened := 0
		for range 3600 {
			synctest.Wait()
			if b.state() == Up {
				opened++
				b.current().drop(errDropped)
			}
			time.Sleep(time.Second)
		}
		require.Less(b, opened, 3600/15+20, "the wait grows to its bound")
		require.Greater(b, opened, 3600/31)
	})
	// One that lasts gets the short wait again.
	stage(t, []string{urlA}, func(b *bed) {
		for range 20 {
			b.connect()
			time.Sleep(11 * time.Second)
			b.told()
			b.current().drop(errDropped)
			synctest.Wait()
			time.Sleep(time.Second + time.Millisecond)
			require.Equal(b, []string{"lost a dropped", "waiting 1", "up a"}, b.told())
			time.Sleep(11 * time.Second)
		}
	})
}

// RFC 3263 section 4.3: where the first server accepts and drops at once, the next
// one has its turn.
func TestServerThatDropsAtOnceIsLeft(t *testing.T) {
	stage(t, []string{urlA, urlB}, func(b *bed) {
		b.do(func() { b.Flow.Connect(func(error) {}) })
		for range 90 { // before the first return to A
			synctest.Wait()
			if b.state() == Up && b.url() == urlA {
				b.current().drop(errDropped)
			}
			time.Sleep(time.Second)
		}
		require.Equal(b, urlB, b.url())
		require.Equal(b, Up, b.state())
	})
}

// One that falls silent is not the first choice either.
func TestSilentServerIsLeft(t *testing.T) {
	stage(t, []string{urlA, urlB}, func(b *bed) {
		b.connect()
		time.Sleep(45 * time.Second)
		require.Equal(b, urlB, b.url())
		require.Equal(b, Up, b.state())
	}, alive(Auto))
}

// Attempts go on for ever, each later than the one before, up to the bound.
func TestAttemptsGoOn(t *testing.T) {
	stage(t, []string{urlA, urlB}, func(b *bed) {
		b.set(refuses)
		b.do(func() { b.Flow.Connect(func(err error) { require.ErrorIs(b, err, errRefused) }) })
		b.tried()
		for failures := 1; failures < 50; failures++ {
			bound := min(30*time.Second, time.Second<<min(failures, 10))
			begun := time.Now()
			for b.tried() != "a b a b"[:3] {
				time.Sleep(10 * time.Millisecond)
			}
			wait := time.Since(begun)
			require.GreaterOrEqual(b, wait, bound/2-20*time.Millisecond, "after %d failures", failures)
			require.LessOrEqual(b, wait, bound+20*time.Millisecond, "after %d failures", failures)
		}
		b.set(nil)
		time.Sleep(30 * time.Second)
		require.Equal(b, Up, b.state())
	})
}

// Without a network attempts are rare; a connection, or the word that there is a
// network again, ends that.
func TestOffline(t *testing.T) {
	stage(t, []string{urlA}, func(b *bed) {
		b.set(refuses)
		b.do(func() { b.Flow.Connect(func(error) {}); b.Flow.Offline() })
		b.tried()
		time.Sleep(14 * time.Second)
		require.Empty(b, b.tried())
		time.Sleep(5 * time.Minute)
		dials := len(b.tried())
		require.Greater(b, dials, 5, "the hint may be wrong")
		b.set(nil)
		b.do(b.Flow.Online)
		require.Equal(b, "a", b.tried(), "at once")
		time.Sleep(time.Minute)
		b.current().drop(errDropped)
		time.Sleep(1100 * time.Millisecond)
		require.Equal(b, "a", b.tried(), "with the short wait again")
	})
}

func TestOfflineEndsWithAConnection(t *testing.T) {
	stage(t, []string{urlA}, func(b *bed) {
		b.set(refuses)
		b.do(func() { b.Flow.Connect(func(error) {}); b.Flow.Offline() })
		b.set(nil)
		time.Sleep(31 * time.Second)
		require.Equal(b, Up, b.state(), "the hint was wrong, or the network is back without a word")
		time.Sleep(time.Minute)
		b.tried()
		b.current().drop(errDropped)
		time.Sleep(1100 * time.Millisecond)
		require.Equal(b, "a", b.tried())
	})
}

// What arrives on a connection that is no longer the flow's reaches nobody, nor
// does its end, nor a dial that comes late.
func TestLeftConnection(t *testing.T) {
	stage(t, []string{urlA}, func(b *bed) {
		b.connect()
		old := b.current()
		old.in <- "one"
		require.Contains(b, b.told(), `got "one"`)
		b.do(func() {
			old.in <- "late"
			time.Sleep(time.Millisecond) // it has been read, and waits for us
			b.Flow.Fail(errDropped)
		})
		time.Sleep(2 * time.Second)
		require.Equal(b, []string{"lost a dropped", "waiting 1", "up a"}, b.told())
		require.Equal(b, Up, b.state())
	})
	stage(t, []string{urlA}, func(b *bed) {
		b.stubborn = true
		b.set(func(context.Context, string) error { time.Sleep(time.Second); return nil })
		b.do(func() { b.Flow.Connect(func(err error) { b.note("then %v", err) }) })
		b.do(func() { b.Flow.Close(errDropped) })
		b.set(nil)
		b.connect()
		b.told()
		time.Sleep(10 * time.Second)
		require.Empty(b, b.told())
		require.False(b, b.conns[0].over())
		require.True(b, b.conns[1].over(), "the late one")
	})
	stage(t, []string{urlA}, func(b *bed) { // before the first connection
		b.do(func() { require.Error(b, b.Flow.Write([]byte("x"))) })
		require.Empty(b, b.url())
	})
}

// A timer that fires hours late, because the device slept, is as good as one that
// is in time.
func TestSleepWhileWaiting(t *testing.T) {
	stage(t, []string{urlA}, func(b *bed) {
		states[Waiting](b)
		b.set(nil)
		b.tried()
		b.sleeps(8 * time.Hour)
		require.Equal(b, "a", b.tried())
		require.Equal(b, Up, b.state())
	})
}

// Those who wait are told once, whatever comes first.
func TestCloseWhileOthersConnect(t *testing.T) {
	stage(t, []string{urlA}, func(b *bed) {
		b.connect()
		told := 0
		b.onLost = func() { // as a request does that wants another flow
			b.onLost = nil
			b.Flow.Connect(func(err error) { told++; require.ErrorIs(b, err, errDropped) })
		}
		b.do(func() { b.Flow.Close(errDropped) })
		time.Sleep(time.Hour)
		require.Equal(b, 1, told)
		require.Equal(b, Idle, b.state(), "closed is closed")
	})
	stage(t, []string{urlA}, func(b *bed) {
		b.set(hangs)
		var told []error
		b.do(func() {
			for range 3 {
				b.Flow.Connect(func(err error) { told = append(told, err) })
			}
			b.Flow.Close(errDropped)
			b.Flow.Close(errors.New("twice"))
		})
		require.Equal(b, []error{errDropped, errDropped, errDropped}, told)
	})
}
