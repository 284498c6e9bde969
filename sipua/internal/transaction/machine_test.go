package transaction

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// The tables below are written from RFC 3261 figures 5 to 8 and RFC 6026 figures
// 1 and 2 with table 4's column "reliable", not from the tables of the code. In
// every case the state was entered entered seconds ago, so that a timer that is
// started again is told from one that goes on.
const (
	entered = 10 * time.Second
	rest    = Timeout - entered // what is left of the state's timer
	never   = time.Duration(-1)
	// The layer has forgotten it, and its state lives on: for ever, or as long as its timer.
	left     = time.Duration(-2)
	leftRest = time.Duration(-3)
)

var errFlow = errors.New("flow gone")

// outcome is what an input has to lead to.
type outcome struct {
	next State
	log  string // what is seen at once
	// gone is when the transaction ends if nothing else happens, counted from the
	// input: 0 at once, Timeout when a timer was started, rest when one goes on.
	gone time.Duration
	last string // what is seen then
}

const (
	timedOut = "TU err: no answer within 32 seconds"
	noAck    = "end: no answer within 32 seconds"
	lost     = "TU err: flow gone"
)

var inviteClientWant = map[State]map[input]outcome{
	Calling: {
		inProvisional: {Proceeding, "TU 180", never, ""},
		inSuccess:     {Accepted, "TU 200", Timeout, ""},
		inFailure:     {Terminated, "> ACK; TU 486", 0, ""},
		inRequest:     {Calling, "TU INVITE", rest, timedOut},
		inAck:         {Calling, "TU ACK", rest, timedOut},
		timeout:       {Terminated, timedOut, 0, ""},
		flowLost:      {Terminated, lost, 0, ""},
	},
	Proceeding: {
		inProvisional: {Proceeding, "TU 180", never, ""},
		inSuccess:     {Accepted, "TU 200", Timeout, ""},
		inFailure:     {Terminated, "> ACK; TU 486", 0, ""},
		inRequest:     {Proceeding, "TU INVITE", never, ""},
		inAck:         {Proceeding, "TU ACK", never, ""},
		timeout:       {Proceeding, "", never, ""}, // B was stopped: section 17.1.1.2
		flowLost:      {Terminated, lost, 0, ""},
	},
	Accepted: { // RFC 6026 section 7.2
		inProvisional: {Accepted, "", rest, ""},
		inSuccess:     {Accepted, "TU 200", rest, ""},
		inFailure:     {Accepted, "", rest, ""},
		inRequest:     {Accepted, "TU INVITE", rest, ""},
		inAck:         {Accepted, "TU ACK", rest, ""},
		timeout:       {Terminated, "", 0, ""},
		flowLost:      {Terminated, "", 0, ""},
	},
	Terminated: {
		inProvisional: {Terminated, "stray 180", 0, ""},
		inSuccess:     {Terminated, "stray 200", 0, ""},
		inFailure:     {Terminated, "stray 486", 0, ""},
		inRequest:     {Terminated, "TU INVITE", 0, ""},
		inAck:         {Terminated, "TU ACK", 0, ""},
		timeout:       {Terminated, "", 0, ""},
		flowLost:      {Terminated, "", 0, ""},
	},
}

var nonInviteClientWant = map[State]map[input]outcome{
	Trying: {
		inProvisional: {Proceeding, "TU 180", rest, timedOut}, // F goes on: section 17.1.2.2
		inSuccess:     {Terminated, "TU 200", 0, ""},
		inFailure:     {Terminated, "TU 486", 0, ""},
		inRequest:     {Trying, "TU OPTIONS", rest, timedOut},
		inAck:         {Trying, "TU ACK", rest, timedOut},
		timeout:       {Terminated, timedOut, 0, ""},
		flowLost:      {Terminated, lost, 0, ""},
	},
	Proceeding: {
		inProvisional: {Proceeding, "TU 180", rest, timedOut},
		inSuccess:     {Terminated, "TU 200", 0, ""},
		inFailure:     {Terminated, "TU 486", 0, ""},
		inRequest:     {Proceeding, "TU OPTIONS", rest, timedOut},
		inAck:         {Proceeding, "TU ACK", rest, timedOut},
		timeout:       {Terminated, timedOut, 0, ""},
		flowLost:      {Terminated, lost, 0, ""},
	},
	Terminated: {
		inProvisional: {Terminated, "stray 180", 0, ""},
		inSuccess:     {Terminated, "stray 200", 0, ""},
		inFailure:     {Terminated, "stray 486", 0, ""},
		inRequest:     {Terminated, "TU OPTIONS", 0, ""},
		inAck:         {Terminated, "TU ACK", 0, ""},
		timeout:       {Terminated, "", 0, ""},
		flowLost:      {Terminated, "", 0, ""},
	},
}

var inviteServerWant = map[State]map[input]outcome{
	Proceeding: {
		inProvisional:  {Proceeding, "stray 180", never, ""},
		inSuccess:      {Proceeding, "stray 200", never, ""},
		inFailure:      {Proceeding, "stray 486", never, ""},
		inRequest:      {Proceeding, "> 180", never, ""}, // the latest provisional again
		inAck:          {Proceeding, "", never, ""},
		outProvisional: {Proceeding, "> 180", never, ""},
		outSuccess:     {Accepted, "> 200", Timeout, ""},
		outFailure:     {Completed, "> 486", Timeout, noAck},
		timeout:        {Proceeding, "", never, ""},
		flowLost:       {Proceeding, "end: flow gone", left, ""}, // the next flow may answer: Move
	},
	Accepted: { // RFC 6026 section 7.1
		inProvisional:  {Accepted, "stray 180", rest, ""},
		inSuccess:      {Accepted, "stray 200", rest, ""},
		inFailure:      {Accepted, "stray 486", rest, ""},
		inRequest:      {Accepted, "", rest, ""}, // absorbed
		inAck:          {Accepted, "TU ACK", rest, ""},
		outProvisional: {Accepted, "refused", rest, ""},
		outSuccess:     {Accepted, "> 200", rest, ""},
		outFailure:     {Accepted, "refused", rest, ""},
		timeout:        {Terminated, "", 0, ""},
		flowLost:       {Accepted, "", leftRest, ""},
	},
	Completed: { // section 17.2.1
		inProvisional:  {Completed, "stray 180", rest, noAck},
		inSuccess:      {Completed, "stray 200", rest, noAck},
		inFailure:      {Completed, "stray 486", rest, noAck},
		inRequest:      {Completed, "> 486", rest, noAck},
		inAck:          {Terminated, "", 0, ""},
		outProvisional: {Completed, "refused", rest, noAck},
		outSuccess:     {Completed, "refused", rest, noAck},
		outFailure:     {Completed, "refused", rest, noAck},
		timeout:        {Terminated, noAck, 0, ""},
		flowLost:       {Terminated, "end: flow gone", 0, ""},
	},
	Terminated: {
		inProvisional:  {Terminated, "stray 180", 0, ""},
		inSuccess:      {Terminated, "stray 200", 0, ""},
		inFailure:      {Terminated, "stray 486", 0, ""},
		inRequest:      {Terminated, "TU INVITE", 0, ""}, // another transaction
		inAck:          {Terminated, "TU ACK", 0, ""},
		outProvisional: {Terminated, "refused", 0, ""},
		outSuccess:     {Terminated, "refused", 0, ""},
		outFailure:     {Terminated, "refused", 0, ""},
		timeout:        {Terminated, "", 0, ""},
		flowLost:       {Terminated, "", 0, ""},
	},
}

var nonInviteServerWant = map[State]map[input]outcome{
	Trying: {
		inProvisional:  {Trying, "stray 180", never, ""},
		inSuccess:      {Trying, "stray 200", never, ""},
		inFailure:      {Trying, "stray 486", never, ""},
		inRequest:      {Trying, "", never, ""}, // discarded: section 17.2.2
		inAck:          {Trying, "TU ACK", never, ""},
		outProvisional: {Proceeding, "> 180", never, ""},
		outSuccess:     {Terminated, "> 200", 0, ""},
		outFailure:     {Terminated, "> 486", 0, ""},
		timeout:        {Trying, "", never, ""},
		flowLost:       {Terminated, "end: flow gone", 0, ""},
	},
	Proceeding: {
		inProvisional:  {Proceeding, "stray 180", never, ""},
		inSuccess:      {Proceeding, "stray 200", never, ""},
		inFailure:      {Proceeding, "stray 486", never, ""},
		inRequest:      {Proceeding, "> 180", never, ""},
		inAck:          {Proceeding, "TU ACK", never, ""},
		outProvisional: {Proceeding, "> 180", never, ""},
		outSuccess:     {Terminated, "> 200", 0, ""},
		outFailure:     {Terminated, "> 486", 0, ""},
		timeout:        {Proceeding, "", never, ""},
		flowLost:       {Terminated, "end: flow gone", 0, ""},
	},
	Terminated: {
		inProvisional:  {Terminated, "stray 180", 0, ""},
		inSuccess:      {Terminated, "stray 200", 0, ""},
		inFailure:      {Terminated, "stray 486", 0, ""},
		inRequest:      {Terminated, "TU OPTIONS", 0, ""},
		inAck:          {Terminated, "TU ACK", 0, ""},
		outProvisional: {Terminated, "refused", 0, ""},
		outSuccess:     {Terminated, "refused", 0, ""},
		outFailure:     {Terminated, "refused", 0, ""},
		timeout:        {Terminated, "", 0, ""},
		flowLost:       {Terminated, "", 0, ""},
	},
}

// statusOf is the status code that stands for an input's class.
var statusOf = map[input]int{
	inProvisional: 180, inSuccess: 200, inFailure: 486,
	outProvisional: 180, outSuccess: 200, outFailure: 486,
}

const branch = "z9hG4bK776asdhds"

func TestClientMachines(t *testing.T) {
	for method, want := range map[sip.RequestMethod]map[State]map[input]outcome{
		sip.INVITE: inviteClientWant, sip.OPTIONS: nonInviteClientWant,
	} {
		for state, row := range want {
			for in := range numInputs {
				if in >= outProvisional && in <= outFailure {
					continue // a client transaction has nothing to respond to
				}
				require.Contains(t, row, in, "no expectation for %s client, %s, %s", method, state, in)
				cell := row[in]
				bubble(t, fmt.Sprintf("%s/%s/%s", method, state, in), func(t *testing.T, b *bed) {
					req := outgoing(t, method, branch)
					tx := b.request(req)
					switch state {
					case Proceeding:
						b.receive(answer(req, 180, "a6c85cf"))
					case Accepted:
						b.receive(answer(req, 200, "a6c85cf"))
					case Terminated:
						b.receive(answer(req, 486, "a6c85cf"))
					}
					require.Equal(t, state, tx.State(), "the way into the state")
					b.check(cell, in, tx.State, func() bool { return b.layer.clients[tx.key] == tx })
				})
			}
		}
	}
}

func TestServerMachines(t *testing.T) {
	for method, want := range map[sip.RequestMethod]map[State]map[input]outcome{
		sip.INVITE: inviteServerWant, sip.OPTIONS: nonInviteServerWant,
	} {
		for state, row := range want {
			for in := range numInputs {
				require.Contains(t, row, in, "no expectation for %s server, %s, %s", method, state, in)
				cell := row[in]
				bubble(t, fmt.Sprintf("%s/%s/%s", method, state, in), func(t *testing.T, b *bed) {
					b.receive(incoming(string(method), branch))
					tx := b.tx
					switch state {
					case Proceeding:
						require.NoError(t, b.respond(180))
					case Accepted:
						require.NoError(t, b.respond(200))
					case Completed:
						require.NoError(t, b.respond(486))
					case Terminated:
						require.NoError(t, b.respond(486))
						if method == sip.INVITE {
							b.receive(incoming("ACK", branch))
						}
					}
					require.Equal(t, state, tx.State(), "the way into the state")
					b.check(cell, in, tx.State, func() bool { return b.layer.servers[tx.key] == tx })
				})
			}
		}
	}
}

// check applies in to the transaction that was set up and compares with want.
func (b *bed) check(want outcome, in input, state func() State, alive func() bool) {
	b.t.Helper()
	b.run()
	b.took()
	if in == timeout {
		b.advance(Timeout)
	} else {
		b.advance(entered)
		require.Empty(b.t, b.took(), "nothing happens by itself")
		b.apply(in)
	}
	require.Equal(b.t, want.next, state(), "state")
	require.Equal(b.t, want.log, b.took(), "what is seen at once")
	require.Equal(b.t, want.gone > 0 || want.gone == never, alive(), "in the layer")

	switch posts := b.posts; want.gone {
	case leftRest:
		b.advance(rest - 1)
		require.Equal(b.t, want.next, state(), "state just before the timer")
		b.advance(1)
		require.Equal(b.t, Terminated, state(), "state after the timer")
		require.Equal(b.t, want.last, b.took(), "what is seen at the timer")
	case 0, never, left:
		b.advance(time.Hour)
		require.Equal(b.t, want.next, state(), "state an hour later")
		require.Equal(b.t, want.gone == never, alive(), "in the layer an hour later")
		require.Empty(b.t, b.took(), "what is seen later")
		require.Equal(b.t, posts, b.posts, "a timer was left running")
	default:
		b.advance(want.gone - 1)
		require.Equal(b.t, want.next, state(), "state just before the timer")
		require.Empty(b.t, b.took(), "what is seen just before the timer")
		b.advance(1)
		require.Equal(b.t, Terminated, state(), "state after the timer")
		require.Equal(b.t, want.last, b.took(), "what is seen at the timer")
		require.False(b.t, alive(), "in the layer after the timer")
	}
}

// apply lets one input happen, the way it happens in life.
func (b *bed) apply(in input) {
	b.t.Helper()
	// What the transaction under test looks like from outside: its client request
	// or the request that began it.
	var mine *sip.Request
	for _, tx := range b.wire {
		if req, ok := tx.(*sip.Request); ok && req.Method != sip.ACK {
			mine = req
		}
	}
	if mine == nil {
		mine = b.tx.Request
	}
	switch in {
	case inProvisional, inSuccess, inFailure:
		b.receive(answer(mine, statusOf[in], "a6c85cf"))
	case inRequest:
		b.layer.Receive(parse(b.t, mine.String()))
	case inAck:
		b.receive(ackOf(mine))
	case outProvisional, outSuccess, outFailure:
		if err := b.respond(statusOf[in]); err != nil {
			require.ErrorIs(b.t, err, ErrState)
			b.note("refused")
		}
	case flowLost:
		b.layer.FlowLost(errFlow)
	}
}

// ackOf is an ACK with the branch of req, as for a failure.
func ackOf(req *sip.Request) string {
	ack := req.Clone()
	ack.Method = sip.ACK
	ack.CSeq().MethodName = sip.ACK
	return ack.String()
}

// Before the transaction user has said anything there is nothing to send again.
func TestInviteAgainBeforeAnyResponse(t *testing.T) {
	b := newBed(t)
	b.receive(incoming("INVITE", branch))
	b.receive(incoming("INVITE", branch))
	require.Equal(t, "TU INVITE", b.took())
	require.Equal(t, Proceeding, b.tx.State())
}

// Section 17.2.1: what is sent again is the most recent provisional response,
// as it was.
func TestRetransmissionGetsTheLatestResponse(t *testing.T) {
	b := newBed(t)
	b.receive(incoming("INVITE", branch))
	for _, status := range []int{100, 180, 183} {
		require.NoError(t, b.respond(status))
		b.receive(incoming("INVITE", branch))
	}
	require.Equal(t, "TU INVITE; > 100; > 100; > 180; > 180; > 183; > 183", b.took())
	require.Same(t, b.wire[4], b.wire[5])
	require.NoError(t, b.respond(486))
	require.Equal(t, Completed, b.tx.State())
	b.receive(incoming("INVITE", branch))
	require.Equal(t, "> 486; > 486", b.took())
}

// RFC 6026 section 7.1: every 2xx of the transaction user goes out, and none is
// sent by the transaction itself.
func TestAcceptedSendsOnlyWhatTheUserSends(t *testing.T) {
	bubble(t, "", func(t *testing.T, b *bed) {
		b.receive(incoming("INVITE", branch))
		require.NoError(t, b.respond(200))
		b.receive(incoming("INVITE", branch))
		b.advance(T1)
		require.NoError(t, b.respond(200))
		b.advance(2 * T1)
		require.NoError(t, b.respond(200))
		require.Equal(t, "TU INVITE; > 200; > 200; > 200", b.took())
		b.advance(Timeout)
		require.ErrorIs(t, b.respond(200), ErrState)
	})
}

// An ACK for a 2xx reaches the transaction user whether it names the INVITE's
// transaction or, as it should, one of its own.
func TestAckWithTheBranchOfTheInvite(t *testing.T) {
	b := newBed(t)
	b.receive(incoming("INVITE", branch))
	require.NoError(t, b.respond(200))
	b.receive(incoming("ACK", branch))
	b.receive(incoming("ACK", branch+"other"))
	require.Equal(t, "TU INVITE; > 200; TU ACK; TU ACK", b.took())
	require.Equal(t, Accepted, b.tx.State())
	b.layer.FlowLost(errFlow) // ends Timer L
}

func TestNames(t *testing.T) {
	for s := range numStates {
		require.NotEmpty(t, s.String())
	}
	for in := range numInputs {
		require.NotEmpty(t, in.String())
	}
}
