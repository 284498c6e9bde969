package transaction

import (
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// RFC 3261 table 4 with T1 at its default.
func TestTimeoutIs64T1(t *testing.T) {
	require.Equal(t, 500*time.Millisecond, T1)
	require.Equal(t, 4*time.Second, T2)
	require.Equal(t, 32*time.Second, Timeout)
}

// Every timer fires at exactly 64·T1 after it was started, once.
func TestTimersFireAt64T1(t *testing.T) {
	invite := func(b *bed) *sip.Request { return outgoing(b.t, sip.INVITE, branch) }
	for _, timer := range []struct {
		name  string
		start func(b *bed)
		log   string // what is seen when it fires
	}{
		{"B", func(b *bed) { b.request(invite(b)) }, timedOut},
		{"F in Trying", func(b *bed) { b.request(outgoing(b.t, sip.REGISTER, branch)) }, timedOut},
		{"H", func(b *bed) {
			b.receive(incoming("INVITE", branch))
			require.NoError(b.t, b.respond(603))
		}, noAck},
		{"L", func(b *bed) {
			b.receive(incoming("INVITE", branch))
			require.NoError(b.t, b.respond(200))
		}, ""},
		{"M", func(b *bed) {
			req := invite(b)
			b.request(req)
			b.receive(answer(req, 200, "a6c85cf"))
		}, ""},
	} {
		bubble(t, timer.name, func(t *testing.T, b *bed) {
			timer.start(b)
			b.took()
			b.advance(Timeout - 1)
			require.Empty(t, b.took(), "early")
			require.Equal(t, 1, b.layer.Len())
			b.advance(1)
			require.Equal(t, timer.log, b.took())
			require.Zero(t, b.layer.Len())
			require.Equal(t, 1, b.posts, "posted once")
			b.advance(time.Hour)
			require.Empty(t, b.took(), "again")
			require.Equal(t, 1, b.posts)
		})
	}
}

// Timer F runs from the request on, whatever provisional responses come
// (section 17.1.2.2); B ends with the first one (17.1.1.2).
func TestProvisionalResponsesAndTheTimers(t *testing.T) {
	for _, c := range []struct {
		method sip.RequestMethod
		log    string
		state  State
	}{
		{sip.OPTIONS, timedOut, Terminated},
		{sip.INVITE, "", Proceeding},
	} {
		bubble(t, string(c.method), func(t *testing.T, b *bed) {
			req := outgoing(t, c.method, branch)
			tx := b.request(req)
			for range 3 {
				b.advance(Timeout / 4)
				b.receive(answer(req, 100, ""))
			}
			require.Equal(t, "> "+string(c.method)+"; TU 100; TU 100; TU 100", b.took())
			b.advance(Timeout/4 - 1)
			require.Equal(t, Proceeding, tx.State())
			b.advance(1)
			require.Equal(t, c.log, b.took())
			require.Equal(t, c.state, tx.State())
		})
	}
}

// M begins anew when Accepted is entered, it does not go on from B, and more 2xx
// do not put it off (RFC 6026 section 7.2).
func TestMBeginsWithTheFirst2xx(t *testing.T) {
	bubble(t, "", func(t *testing.T, b *bed) {
		req := outgoing(t, sip.INVITE, branch)
		tx := b.request(req)
		b.advance(Timeout - 1) // B all but fires
		b.receive(answer(req, 200, "one"))
		b.advance(Timeout / 2)
		b.receive(answer(req, 200, "two")) // another fork
		b.advance(Timeout/2 - 1)
		b.receive(answer(req, 200, "three"))
		require.Equal(t, "> INVITE; TU 200; TU 200; TU 200", b.took())
		require.Equal(t, Accepted, tx.State())
		b.advance(1)
		require.Equal(t, Terminated, tx.State())
		b.receive(answer(req, 200, "four"))
		require.Equal(t, "stray 200", b.took())
	})
}

// Timers A, E and G repeat messages over unreliable transports only (sections
// 17.1.1.2, 17.1.2.2 and 17.2.1).
func TestNothingIsRetransmittedOnAReliableFlow(t *testing.T) {
	for name, start := range map[string]func(b *bed){
		"A": func(b *bed) { b.request(outgoing(b.t, sip.INVITE, branch)) },
		"E": func(b *bed) { b.request(outgoing(b.t, sip.OPTIONS, branch)) },
		"E in Proceeding": func(b *bed) {
			req := outgoing(b.t, sip.OPTIONS, branch)
			b.request(req)
			b.receive(answer(req, 100, ""))
		},
		"G": func(b *bed) {
			b.receive(incoming("INVITE", branch))
			require.NoError(b.t, b.respond(486))
		},
		"2xx": func(b *bed) { // section 13.3.1.4: that is the transaction user's
			b.receive(incoming("INVITE", branch))
			require.NoError(b.t, b.respond(200))
		},
	} {
		bubble(t, name, func(t *testing.T, b *bed) {
			start(b)
			for range 2 * Timeout / T1 {
				b.advance(T1)
			}
			require.Len(t, b.wire, 1)
		})
	}
}

// Timers D, I, J and K are zero on a reliable transport: the transaction is gone
// within the same call.
func TestNoWaitAtTheEnd(t *testing.T) {
	for name, run := range map[string]func(b *bed){
		"D": func(b *bed) {
			req := outgoing(b.t, sip.INVITE, branch)
			b.request(req)
			b.receive(answer(req, 404, "a6c85cf"))
		},
		"I": func(b *bed) {
			b.receive(incoming("INVITE", branch))
			require.NoError(b.t, b.respond(404))
			b.receive(incoming("ACK", branch))
		},
		"J": func(b *bed) {
			b.receive(incoming("BYE", branch))
			require.NoError(b.t, b.respond(200))
		},
		"K": func(b *bed) {
			req := outgoing(b.t, sip.BYE, branch)
			b.request(req)
			b.receive(answer(req, 200, "a6c85cf"))
		},
	} {
		bubble(t, name, func(t *testing.T, b *bed) {
			run(b)
			require.Zero(t, b.layer.Len())
			b.advance(time.Hour)
			require.Zero(t, b.posts, "a timer was left running")
		})
	}
}

// A timer may have fired and wait in the queue behind a message that has just
// changed the state. It must not end the new state.
func TestTimerThatLostTheRace(t *testing.T) {
	bubble(t, "B against 180", func(t *testing.T, b *bed) {
		req := outgoing(t, sip.INVITE, branch)
		tx := b.request(req)
		b.pass(Timeout)
		b.receive(answer(req, 180, "a6c85cf"))
		b.run()
		require.Equal(t, "> INVITE; TU 180", b.took())
		require.Equal(t, Proceeding, tx.State())
		b.advance(time.Hour)
		require.Equal(t, Proceeding, tx.State())
	})
	bubble(t, "B against 200", func(t *testing.T, b *bed) {
		req := outgoing(t, sip.INVITE, branch)
		tx := b.request(req)
		b.pass(Timeout)
		b.receive(answer(req, 200, "a6c85cf"))
		b.run()
		require.Equal(t, "> INVITE; TU 200", b.took())
		require.Equal(t, Accepted, tx.State())
		b.advance(Timeout - 1) // M has its whole time
		require.Equal(t, Accepted, tx.State())
		b.advance(1)
		require.Equal(t, Terminated, tx.State())
		require.Empty(t, b.took())
	})
	bubble(t, "B against 486", func(t *testing.T, b *bed) {
		req := outgoing(t, sip.INVITE, branch)
		b.request(req)
		b.pass(Timeout)
		b.receive(answer(req, 486, "a6c85cf"))
		b.run()
		require.Equal(t, "> INVITE; > ACK; TU 486", b.took())
	})
	bubble(t, "F against 200", func(t *testing.T, b *bed) {
		req := outgoing(t, sip.REGISTER, branch)
		b.request(req)
		b.pass(Timeout)
		b.receive(answer(req, 200, "a6c85cf"))
		b.run()
		require.Equal(t, "> REGISTER; TU 200", b.took())
	})
	bubble(t, "H against ACK", func(t *testing.T, b *bed) {
		b.receive(incoming("INVITE", branch))
		require.NoError(t, b.respond(486))
		b.pass(Timeout)
		b.receive(incoming("ACK", branch))
		b.run()
		require.Equal(t, "TU INVITE; > 486", b.took())
	})
	bubble(t, "B against the loss of the flow", func(t *testing.T, b *bed) {
		b.request(outgoing(t, sip.INVITE, branch))
		b.pass(Timeout)
		b.layer.FlowLost(errFlow)
		b.run()
		require.Equal(t, "> INVITE; "+lost, b.took())
	})
	bubble(t, "H against a new transaction of the same branch", func(t *testing.T, b *bed) {
		b.receive(incoming("INVITE", branch))
		require.NoError(t, b.respond(486))
		b.pass(Timeout)
		b.receive(incoming("ACK", branch))
		b.receive(incoming("INVITE", branch))
		fresh := b.tx
		b.run()
		require.Equal(t, Proceeding, fresh.State())
		require.Equal(t, 1, b.layer.Len())
	})
}
