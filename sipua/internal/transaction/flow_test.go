package transaction

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// A handler must not run inside Request: its caller has not even got the
// transaction yet.
func TestHandlerIsNotCalledInsideRequest(t *testing.T) {
	for _, method := range []sip.RequestMethod{sip.INVITE, sip.OPTIONS} {
		bubble(t, string(method), func(t *testing.T, b *bed) {
			b.sendErr = errors.New("not connected")
			tx := b.request(outgoing(t, method, branch))
			require.Equal(t, "> "+string(method), b.took())
			b.run()
			require.Equal(t, "TU err: not connected", b.took())
			require.Equal(t, Terminated, tx.State())
			require.Zero(t, b.layer.Len())
			b.advance(time.Hour)
			require.Equal(t, 1, b.posts, "a timer was left running")
		})
	}
}

// The error of Send waits in the queue when the flow's loss is told: one error
// is told, not two.
func TestSendErrorAndFlowLost(t *testing.T) {
	bubble(t, "", func(t *testing.T, b *bed) {
		b.sendErr = errors.New("not connected")
		b.request(outgoing(t, sip.INVITE, branch))
		b.took()
		b.layer.FlowLost(errFlow)
		b.run()
		require.Len(t, b.log, 1)
		require.Zero(t, b.layer.Len())
	})
}

func TestRespondTellsWhatSendSays(t *testing.T) {
	b := newBed(t)
	b.receive(incoming("OPTIONS", branch))
	b.sendErr = errors.New("not connected")
	require.ErrorIs(t, b.respond(200), b.sendErr)
	require.ErrorIs(t, b.respond(200), ErrState)
}

// FlowLost ends everything, each with its error, once.
func TestFlowLostEndsEverything(t *testing.T) {
	bubble(t, "", func(t *testing.T, b *bed) {
		for _, br := range []string{"a", "b", "c"} {
			b.request(outgoing(t, sip.INVITE, message.Magic+br))
			b.request(outgoing(t, sip.OPTIONS, message.Magic+br))
			b.receive(incoming("INVITE", message.Magic+br))
			b.receive(incoming("BYE", message.Magic+br))
		}
		require.Equal(t, 12, b.layer.Len())
		b.took()
		b.layer.FlowLost(errFlow)
		require.Zero(t, b.layer.Len())
		slices.Sort(b.log)
		want := slices.Concat(slices.Repeat([]string{lost}, 6), slices.Repeat([]string{"end: flow gone"}, 6))
		slices.Sort(want)
		require.Equal(t, want, b.log)
		b.took()

		b.layer.FlowLost(errFlow)
		b.advance(time.Hour)
		require.Empty(t, b.took())
		require.Zero(t, b.posts, "a timer was left running")
	})
}

// A handler that is told of the loss may begin anew at once. What it begins
// belongs to the next flow and is not ended with this one.
func TestRequestsBegunInsideFlowLost(t *testing.T) {
	bubble(t, "", func(t *testing.T, b *bed) {
		var fresh []*Client
		for range 20 {
			b.layer.Request(outgoing(t, sip.OPTIONS, message.NewBranch()), func(_ *sip.Response, err error) {
				require.ErrorIs(t, err, errFlow)
				fresh = append(fresh, b.request(outgoing(t, sip.REGISTER, message.NewBranch())))
			})
		}
		b.receive(incoming("INVITE", branch))
		b.tx.OnEnd = func(err error) {
			require.ErrorIs(t, err, errFlow)
			fresh = append(fresh, b.request(outgoing(t, sip.BYE, message.NewBranch())))
		}
		b.took()
		b.layer.FlowLost(errFlow)
		require.Len(t, fresh, 21)
		require.Equal(t, 21, b.layer.Len())
		for _, tx := range fresh {
			require.Equal(t, Trying, tx.State())
		}
		require.NotContains(t, b.took(), lost)
		b.advance(Timeout)
		require.Len(t, b.log, 21, "each has its Timer F")
		require.Zero(t, b.layer.Len())
	})
}

// A handler may use the layer for whatever it likes while it is called.
func TestHandlersMayReenter(t *testing.T) {
	t.Run("a new request from a response", func(t *testing.T) {
		b := newBed(t)
		first := outgoing(t, sip.REGISTER, branch)
		b.layer.Request(first, func(*sip.Response, error) {
			require.Zero(t, b.layer.Len(), "the transaction is over before its user is told")
			b.request(outgoing(t, sip.REGISTER, branch)) // even with the same branch
		})
		b.receive(answer(first, 401, "a6c85cf"))
		require.Equal(t, 1, b.layer.Len())
		b.receive(answer(first, 200, "a6c85cf"))
		require.Equal(t, "> REGISTER; > REGISTER; TU 200", b.took())
	})
	t.Run("a response from inside OnRequest", func(t *testing.T) {
		b := newBed(t)
		b.layer.cfg.OnRequest = func(req *sip.Request, tx *Server) {
			b.tx = tx
			require.NoError(t, b.respond(405))
		}
		b.receive(incoming("OPTIONS", branch))
		require.Equal(t, "> 405", b.took())
		require.Zero(t, b.layer.Len())
	})
	t.Run("the loss of the flow from inside a handler", func(t *testing.T) {
		b := newBed(t)
		req := outgoing(t, sip.OPTIONS, branch)
		b.layer.Request(req, func(res *sip.Response, err error) {
			b.note("TU %d %v", res.StatusCode, err)
			b.layer.FlowLost(errFlow)
		})
		b.receive(answer(req, 200, "a6c85cf"))
		require.Equal(t, "> OPTIONS; TU 200 <nil>", b.took())
	})
}

// OnEnd is optional.
func TestNobodyListensForTheEnd(t *testing.T) {
	bubble(t, "", func(t *testing.T, b *bed) {
		b.receive(incoming("INVITE", branch))
		b.tx.OnEnd = nil
		require.NoError(t, b.respond(486))
		b.advance(Timeout)
		require.Equal(t, "TU INVITE; > 486", b.took())
		require.Zero(t, b.layer.Len())
	})
}

// moved is an INVITE whose flow is lost, in the state that the responses led to, and the
// bed of the next flow.
func moved(t *testing.T, statuses ...int) (old, next *bed) {
	old, next = newBed(t), newBed(t)
	old.receive(incoming("INVITE", branch))
	for _, status := range statuses {
		require.NoError(t, old.respond(status))
	}
	old.layer.FlowLost(errFlow)
	require.Zero(t, old.layer.Len())
	old.took()
	old.tx.Move(next.layer)
	next.tx = old.tx
	return old, next
}

// A call that rings is answered over the next flow.
func TestMoveProceeding(t *testing.T) {
	bubble(t, "", func(t *testing.T, _ *bed) {
		old, next := moved(t, 180)
		require.Same(t, next.layer, old.tx.Layer())
		require.Equal(t, 1, next.layer.Len())
		require.NoError(t, next.respond(183))
		next.receive(incoming("INVITE", branch))
		cancel := parse(t, incoming("CANCEL", branch)).(*sip.Request)
		next.layer.cfg.OnRequest = func(req *sip.Request, tx *Server) {
			require.Same(t, old.tx, tx.Invite(), "a CANCEL finds it there")
		}
		next.layer.Receive(cancel)
		require.NoError(t, next.respond(486))
		require.Equal(t, "> 183; > 183; > 486", next.took())
		next.receive(incoming("ACK", branch))
		require.Equal(t, Terminated, old.tx.State())
		require.Empty(t, old.took(), "nothing goes to the lost flow")
	})
}

// Without ACK the Timer H of the next flow tells of it, with the error of the timer and not
// that of the flow before.
func TestMoveEndsWithTheTimer(t *testing.T) {
	bubble(t, "", func(t *testing.T, _ *bed) {
		old, next := moved(t, 180)
		require.NoError(t, next.respond(486))
		next.pass(Timeout)
		next.run()
		old.run()
		require.Equal(t, noAck, old.took())
		require.Zero(t, next.layer.Len())
	})
}

// A 2xx that waits for its ACK is sent again over the next flow, and Timer L goes on.
func TestMoveAccepted(t *testing.T) {
	bubble(t, "", func(t *testing.T, _ *bed) {
		old, next := moved(t, 200)
		require.NoError(t, next.respond(200))
		next.receive(incoming("ACK", branch))
		require.Equal(t, "> 200; TU ACK", next.took())
		require.Equal(t, 1, next.layer.Len())
		old.advance(Timeout)
		require.Equal(t, Terminated, old.tx.State())
		require.Zero(t, next.layer.Len())
		require.Empty(t, old.took())
	})
}

// The next flow may be lost as well.
func TestMoveTwice(t *testing.T) {
	bubble(t, "", func(t *testing.T, _ *bed) {
		old, next := moved(t, 180)
		next.layer.FlowLost(errFlow)
		require.Equal(t, "end: flow gone", old.took())
		require.Zero(t, next.layer.Len())
		old.tx.Move(old.layer) // the first one is back
		require.NoError(t, old.respond(180))
		require.Equal(t, "> 180", old.took())
	})
}

// What lives in its layer, or is over, is not moved.
func TestMoveIsForLostFlows(t *testing.T) {
	b, other := newBed(t), newBed(t)
	b.receive(incoming("INVITE", branch))
	b.tx.Move(other.layer)
	require.Same(t, b.layer, b.tx.Layer())
	require.Zero(t, other.layer.Len())
	require.NoError(t, b.respond(486))
	b.layer.FlowLost(errFlow) // Completed ends with the flow
	require.Equal(t, Terminated, b.tx.State())
	b.tx.Move(other.layer)
	require.Zero(t, other.layer.Len())
}

// One that has left its layer does not take with it, at its end, one that has come in its
// place.
func TestTheEndOfOneThatLeft(t *testing.T) {
	bubble(t, "", func(t *testing.T, b *bed) {
		b.receive(incoming("INVITE", branch))
		require.NoError(t, b.respond(200))
		b.layer.FlowLost(errFlow)
		b.receive(incoming("INVITE", branch)) // over the next flow of the same layer
		require.Equal(t, 1, b.layer.Len())
		b.advance(Timeout) // Timer L of the first one
		require.Equal(t, 1, b.layer.Len())
		require.NoError(t, b.respond(180))
		b.receive(incoming("INVITE", branch))
		require.Equal(t, "TU INVITE; > 200; TU INVITE; > 180; > 180", b.took())
	})
}
