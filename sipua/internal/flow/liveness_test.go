package flow

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	ping = "\r\n\r\n"
	pong = "\r\n"
)

func alive(method Method) func(*Config) {
	return func(c *Config) {
		c.Liveness = Liveness{Interval: 30 * time.Second, Timeout: 10 * time.Second, Method: method}
	}
}

// The table in liveness.go, cell by cell.
func TestLivenessTable(t *testing.T) {
	quiet := func(b *bed) { b.connect(); b.told() }
	asked := func(b *bed) {
		b.connect()
		var wrote []string
		for len(wrote) == 0 {
			time.Sleep(10 * time.Millisecond)
			wrote = b.current().wrote()
		}
		require.Equal(b, []string{ping, "OPTIONS"}, wrote)
		b.told()
	}
	for name, c := range map[string]struct {
		from  func(b *bed)
		input func(b *bed)
		wrote []string
		told  []string
		state State
	}{
		"quiet, silent for the interval": {quiet, func(b *bed) { time.Sleep(30 * time.Second) }, []string{ping, "OPTIONS"}, []string{"ask"}, Up},
		"quiet, not for so long":         {quiet, func(b *bed) { time.Sleep(24*time.Second - 1) }, nil, nil, Up},
		"quiet, check":                   {quiet, func(b *bed) { b.do(b.Flow.Online) }, []string{ping, "OPTIONS"}, []string{"ask"}, Up},
		"quiet, anything arrives":        {quiet, func(b *bed) { b.current().in <- "INVITE" }, nil, []string{`got "INVITE"`}, Up},
		"asked, silent for the interval": {asked, func(b *bed) { time.Sleep(9 * time.Second) }, nil, nil, Up},
		"asked, check":                   {asked, func(b *bed) { b.do(b.Flow.Online); b.do(b.Flow.Offline) }, nil, nil, Up},
		"asked, anything arrives":        {asked, func(b *bed) { b.current().in <- "INVITE"; time.Sleep(12 * time.Second) }, nil, []string{`got "INVITE"`}, Up},
		"asked, a ping arrives":          {asked, func(b *bed) { b.current().in <- ping; time.Sleep(12 * time.Second) }, []string{pong}, nil, Up},
		"asked, a pong arrives":          {asked, func(b *bed) { b.current().in <- pong; time.Sleep(12 * time.Second) }, nil, nil, Up},
		"asked, time-out":                {asked, func(b *bed) { time.Sleep(10 * time.Second) }, nil, []string{"lost a " + ErrSilent.Error(), "waiting 1"}, Waiting},
		"asked, after a sleep":           {asked, func(b *bed) { b.sleeps(time.Hour) }, []string{ping, "OPTIONS"}, []string{"ask", "wake"}, Up},
		"quiet, after a sleep":           {quiet, func(b *bed) { b.sleeps(time.Hour) }, []string{ping, "OPTIONS"}, []string{"ask", "wake"}, Up},
	} {
		t.Run(name, func(t *testing.T) {
			stage(t, []string{urlA}, func(b *bed) {
				c.from(b)
				conn := b.current()
				conn.wrote()
				c.input(b)
				require.Equal(b, c.told, b.told())
				require.Equal(b, c.wrote, conn.wrote())
				require.Equal(b, c.state, b.state())
			}, alive(Auto))
		})
	}
}

// A server that answers CRLF is asked by CRLF alone from then on, one that does
// not by OPTIONS, also over its next connection.
func TestAutoLearns(t *testing.T) {
	stage(t, []string{urlA}, func(b *bed) {
		b.hear(doesBoth)
		b.connect()
		time.Sleep(30 * time.Second)
		require.Equal(b, []string{ping, "OPTIONS"}, b.current().wrote(), "both ways at once")
		b.told()
		for range 20 {
			time.Sleep(30 * time.Second)
		}
		wrote := b.current().wrote()
		require.NotContains(b, wrote, "OPTIONS")
		require.GreaterOrEqual(b, len(wrote), 19)
		require.LessOrEqual(b, len(wrote), 26, "80 to 100 %% of the interval")
		require.Empty(b, b.told(), "a pong is nothing to hand on")
		b.current().drop(errDropped)
		time.Sleep(35 * time.Second)
		require.Equal(b, []string{ping}, b.current().wrote())
	}, alive(Auto))
	stage(t, []string{urlA}, func(b *bed) {
		b.hear(answersOnly)
		b.connect()
		time.Sleep(30 * time.Second)
		require.Equal(b, []string{ping, "OPTIONS"}, b.current().wrote())
		for range 20 {
			time.Sleep(30 * time.Second)
		}
		require.NotContains(b, b.current().wrote(), ping)
		require.Zero(b, b.count("lost"))
		b.current().drop(errDropped)
		time.Sleep(35 * time.Second)
		require.Equal(b, []string{"OPTIONS"}, b.current().wrote())
	}, alive(Auto))
	// The answer to OPTIONS overtakes the pong.
	stage(t, []string{urlA}, func(b *bed) {
		b.connect()
		time.Sleep(30 * time.Second)
		b.current().in <- "SIP/2.0 200 OK"
		b.current().in <- pong
		b.hear(pongsOnly)
		synctest.Wait()
		b.current().wrote()
		for range 10 {
			time.Sleep(30 * time.Second)
		}
		require.NotContains(b, b.current().wrote(), "OPTIONS")
		require.Zero(b, b.count("lost"))
	}, alive(Auto))
	// What is known of one server says nothing of another.
	stage(t, []string{urlA, urlB}, func(b *bed) {
		b.hear(doesBoth)
		b.connect()
		time.Sleep(31 * time.Second)
		b.set(only(urlB))
		b.current().drop(errDropped)
		time.Sleep(35 * time.Second)
		require.Equal(b, []string{ping, "OPTIONS"}, b.current().wrote())
	}, alive(Auto))
	// An INVITE that comes while the answer is awaited says nothing of the answers.
	stage(t, []string{urlA}, func(b *bed) {
		b.connect()
		time.Sleep(30 * time.Second)
		b.current().in <- "INVITE"
		b.current().in <- pong
		b.hear(pongsOnly)
		time.Sleep(time.Minute) // it may ask both ways once more
		b.current().wrote()
		for range 10 {
			time.Sleep(30 * time.Second)
		}
		require.NotContains(b, b.current().wrote(), "OPTIONS")
		require.Zero(b, b.count("lost"))
	}, alive(Auto))
}

// The server behind a URL may be another one tomorrow: what was learned of a
// server that then gave no sign of life is learned anew.
func TestAbilityIsForgottenWithADeadConnection(t *testing.T) {
	for name, c := range map[string][2]func(*fakeConn, string){
		"pongs before, answers now": {pongsOnly, answersOnly},
		"answers before, pongs now": {answersOnly, pongsOnly},
	} {
		t.Run(name, func(t *testing.T) {
			stage(t, []string{urlA}, func(b *bed) {
				b.hear(c[0])
				b.connect()
				time.Sleep(5 * time.Minute)
				require.Zero(b, b.count("lost"))
				b.hear(c[1])
				time.Sleep(5 * time.Minute)
				b.told()
				time.Sleep(time.Hour)
				require.Zero(b, b.count("lost"), "it is learned after the first loss")
			}, alive(Auto))
		})
	}
}

// A CRLF that nobody asked for does not show that pings are answered.
func TestUnaskedPongProvesNothing(t *testing.T) {
	stage(t, []string{urlA}, func(b *bed) {
		b.hear(answersOnly)
		b.connect()
		b.current().in <- pong
		time.Sleep(time.Hour)
		require.Zero(b, b.count("lost"))
		b.current().in <- pong
		time.Sleep(time.Hour)
		require.Zero(b, b.count("lost"))
	}, alive(Auto))
}

func TestFixedMethods(t *testing.T) {
	for name, c := range map[string]struct {
		method Method
		server func(*fakeConn, string)
		wrote  string
		lost   bool
	}{
		"crlf, answered":        {CRLF, pongsOnly, ping, false},
		"crlf, not answered":    {CRLF, answersOnly, ping, true},
		"options, answered":     {Ask, answersOnly, "OPTIONS", false},
		"options, not answered": {Ask, pongsOnly, "OPTIONS", true},
	} {
		t.Run(name, func(t *testing.T) {
			stage(t, []string{urlA}, func(b *bed) {
				b.hear(c.server)
				b.connect()
				conn := b.current()
				time.Sleep(5 * time.Minute)
				for _, text := range conn.wrote() {
					require.Equal(b, c.wrote, text)
				}
				require.Equal(b, c.lost, conn.over())
			}, alive(c.method))
		})
	}
}

// A dead connection is noticed within interval and time-out, and left without
// waiting for its close.
func TestSilentServer(t *testing.T) {
	for range 20 {
		stage(t, []string{urlA}, func(b *bed) {
			b.connect()
			time.Sleep(5 * time.Second)
			b.current().in <- "the last sign of life"
			begun := time.Now()
			for b.count("lost") == 0 {
				time.Sleep(100 * time.Millisecond)
			}
			took := time.Since(begun)
			require.GreaterOrEqual(b, took, 34*time.Second-time.Second)
			require.LessOrEqual(b, took, 40*time.Second+time.Second)
			require.True(b, b.current().over())
		}, alive(Auto))
	}
}

// Ordinary traffic is a sign of life: no ping comes before a silence of the
// interval (KeepAlive), or 80 % of it.
func TestTrafficPutsPingsOff(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 3 * time.Second, 10 * time.Second, 23 * time.Second} {
		t.Run(every.String(), func(t *testing.T) {
			stage(t, []string{urlA}, func(b *bed) {
				b.connect()
				for range int(time.Hour / every) {
					time.Sleep(every)
					b.current().in <- "MESSAGE"
				}
				require.Empty(b, b.current().wrote())
				begun := time.Now()
				for len(b.current().wrote()) == 0 {
					time.Sleep(100 * time.Millisecond)
				}
				require.GreaterOrEqual(b, time.Since(begun), 24*time.Second-time.Second)
				require.LessOrEqual(b, time.Since(begun), 30*time.Second+time.Second)
			}, alive(Auto))
		})
	}
}

// RFC 5626 section 4.4.1: a random 80 to 100 % of the server's interval, or of
// ours when that is shorter.
func TestFlowTimer(t *testing.T) {
	for name, c := range map[string]struct {
		timer, want time.Duration
	}{
		"shorter":        {10 * time.Second, 10 * time.Second},
		"longer":         {5 * time.Minute, 30 * time.Second},
		"much too short": {time.Millisecond, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			stage(t, []string{urlA}, func(b *bed) {
				b.hear(pongsOnly)
				b.connect()
				b.do(func() { b.Flow.FlowTimer(c.timer) })
				var waits []time.Duration
				for begun := time.Now(); len(waits) < 200; {
					time.Sleep(10 * time.Millisecond)
					if len(b.current().wrote()) > 0 {
						waits, begun = append(waits, time.Since(begun)), time.Now()
					}
				}
				least, most := waits[1], waits[1]
				for _, w := range waits[1:] {
					least, most = min(least, w), max(most, w)
				}
				require.GreaterOrEqual(b, least, c.want*8/10-20*time.Millisecond)
				require.LessOrEqual(b, most, c.want+20*time.Millisecond)
				require.Less(b, least, c.want*84/100, "by chance")
				require.Greater(b, most, c.want*96/100)
			}, alive(Auto))
		})
	}
	// It ends with its connection.
	stage(t, []string{urlA}, func(b *bed) {
		b.hear(pongsOnly)
		b.connect()
		b.do(func() { b.Flow.FlowTimer(10 * time.Second) })
		time.Sleep(20 * time.Second)
		b.current().drop(errDropped)
		time.Sleep(2 * time.Second)
		time.Sleep(20 * time.Second)
		require.Empty(b, b.current().wrote())
	}, alive(Auto))
	// Told again with each refresh it does not put the ping off.
	stage(t, []string{urlA}, func(b *bed) {
		b.connect()
		for range 8 {
			b.do(func() { b.Flow.FlowTimer(10 * time.Second) })
			time.Sleep(2 * time.Second)
		}
		require.NotEmpty(b, b.current().wrote())
	}, alive(Auto))
	stage(t, []string{urlA}, func(b *bed) { // without a connection
		b.do(func() { b.Flow.FlowTimer(10 * time.Second) })
		require.Equal(b, Idle, b.state())
	}, alive(Auto))
}

// Without an interval nothing is asked for, whatever the server wants; a check
// still is.
func TestFlowTimerAndOff(t *testing.T) {
	off := func(c *Config) { c.Liveness = Liveness{Timeout: 10 * time.Second} }
	stage(t, []string{urlA}, func(b *bed) {
		b.connect()
		time.Sleep(time.Hour)
		require.Empty(b, b.current().wrote())
		b.do(b.Flow.Online)
		require.Equal(b, []string{ping, "OPTIONS"}, b.current().wrote())
		b.current().in <- pong
		time.Sleep(time.Hour)
		require.Empty(b, b.current().wrote())
		require.Zero(b, b.count("lost"))
		b.do(b.Flow.Offline)
		time.Sleep(10 * time.Second)
		require.Equal(b, 1, b.count("lost"))
	}, off)
	stage(t, []string{urlA}, func(b *bed) {
		b.connect()
		conn := b.current()
		b.do(func() { b.Flow.FlowTimer(10 * time.Second) })
		time.Sleep(time.Hour)
		require.Empty(b, conn.wrote())
		require.False(b, conn.over())
	}, off)
}

// Pings of the server are answered, each one, and handed to nobody.
func TestPingsAreAnswered(t *testing.T) {
	stage(t, []string{urlA}, func(b *bed) {
		b.connect()
		b.told()
		for range 3 {
			b.current().in <- ping
		}
		require.Equal(b, []string{pong, pong, pong}, b.current().wrote())
		require.Empty(b, b.told())
	})
}

// The device slept: what the program has to look at is told once per sleep, the
// connection is checked and, when it is dead, left.
func TestSleep(t *testing.T) {
	stage(t, []string{urlA}, func(b *bed) {
		b.hear(pongsOnly)
		b.connect()
		for n := 1; n <= 5; n++ {
			b.sleeps(time.Hour)
			time.Sleep(time.Minute)
			require.Equal(b, n, b.count("wake"))
		}
		require.Zero(b, b.count("lost"))
	}, alive(Auto))
	stage(t, []string{urlA}, func(b *bed) { // a dead one
		b.hear(pongsOnly)
		b.connect()
		time.Sleep(time.Minute)
		b.hear(nil)
		b.sleeps(time.Hour)
		require.Zero(b, b.count("lost"))
		time.Sleep(11 * time.Second)
		require.Equal(b, 1, b.count("lost"))
	}, alive(Auto))
	stage(t, []string{urlA}, func(b *bed) { // a little late is no sleep
		b.hear(pongsOnly)
		b.connect()
		time.Sleep(20 * time.Second)
		b.sleeps(14 * time.Second)
		require.Zero(b, b.count("wake"))
	}, alive(Auto))
}

// The answer came while the device slept, and stands behind the time-out.
func TestSleepWhileAsked(t *testing.T) {
	stage(t, []string{urlA}, func(b *bed) {
		b.connect()
		time.Sleep(30 * time.Second)
		b.told()
		go func() {
			time.Sleep(30 * time.Minute)
			b.conns[0].in <- pong
		}()
		b.sleeps(time.Hour)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Zero(b, b.count("lost"))
		require.Equal(b, 1, b.count("wake"))
	}, alive(Auto))
}

// What was asked over one connection is over with it.
func TestNextConnectionIsAskedAnew(t *testing.T) {
	stage(t, []string{urlA}, func(b *bed) {
		b.connect()
		b.do(b.Flow.Online)
		b.current().drop(errDropped)
		time.Sleep(3 * time.Second)
		require.Equal(b, Up, b.state())
		b.current().in <- pong // not to a ping on this one
		synctest.Wait()
		b.do(b.Flow.Online)
		require.Equal(b, []string{ping, "OPTIONS"}, b.current().wrote())
		time.Sleep(11 * time.Second)
		require.Equal(b, 2, b.count("lost"), "the silence counts")
	}, alive(Auto))
	stage(t, []string{urlA}, func(b *bed) {
		b.connect()
		b.do(b.Flow.Online)
		b.current().drop(errDropped)
		time.Sleep(3 * time.Second)
		b.do(b.Flow.Online)
		require.Equal(b, []string{ping, "OPTIONS"}, b.current().wrote())
	}, alive(Auto))
}
