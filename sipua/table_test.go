package sipua

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The tables of call_outgoing.go, call_incoming.go and call_resume.go, written once more by
// hand from their drawings: each cell is "next" or "next act", "–" is an input that
// changes nothing. Inputs that a drawing does not have cannot happen on that side
// and must have no cell at all.
var outgoingDrawing = drawing{
	inputs: []callInput{onOffer, onProvisional, onSuccess, onFailure, onFlowLost, onRetry, onMediaFailed, onHangup, onAck, onNoAck, onBye},
	states: map[CallState][]string{
		Preparing:   {"calling sendInvite", "–", "–", "ended outgoingFailed", "–", "–", "ended offerFailed", "ended givenUp", "–", "–", "–"},
		Calling:     {"–", "calling progress", "established outgoingAnswered", "ended outgoingFailed", "calling inviteLost", "calling inviteAgain", "ended offerFailed", "canceling sendCancel", "–", "–", "–"},
		Ringing:     {"–", "ringing progress", "established outgoingAnswered", "ended outgoingFailed", "calling inviteLost", "calling inviteAgain", "canceling earlyMediaFailed", "canceling sendCancel", "–", "–", "–"},
		Canceling:   {"–", "canceling cancelAfter", "ended answeredTooLate", "ended givenUp", "ended givenUpLater", "–", "–", "–", "–", "–", "–"},
		Established: {"–", "–", "established answeredAgain", "–", "–", "–", "ended establishedMediaFailed", "ended hangUpEstablished", "established acked", "ended neverAcked", "ended remoteBye"},
		Ended:       {"–", "–", "ended forkAnswered", "–", "–", "–", "–", "–", "–", "–", "–"},
	},
}

var incomingDrawing = drawing{
	inputs: []callInput{onAccept, onAnswer, onNoPrack, onMediaFailed, onHangup, onCancel, onBye, onAck, onNoAck, onFailure},
	states: map[CallState][]string{
		Ringing:     {"answering makeAnswer", "–", "ended neverPracked", "ended answerFailed", "ended reject", "ended callerCanceled", "ended callerCanceled", "–", "–", "ended incomingFailed"},
		Answering:   {"–", "accepted sendAnswer", "ended neverPracked", "ended answerFailed", "ended reject", "ended callerCanceled", "ended callerCanceled", "–", "–", "ended incomingFailed"},
		Accepted:    {"–", "–", "–", "canceling acceptedMediaFailed", "canceling silence", "–", "ended remoteBye", "established acked", "ended neverAcked", "–"},
		Canceling:   {"–", "–", "–", "–", "–", "–", "ended remoteBye", "ended hangUpEstablished", "ended hangUpEstablished", "–"},
		Established: {"–", "–", "–", "ended establishedMediaFailed", "ended hangUpEstablished", "–", "ended remoteBye", "established acked", "ended neverAcked", "–"},
		Ended:       {"–", "–", "–", "–", "–", "–", "–", "–", "–", "–"},
	},
}

var resumeDrawing = drawing{
	inputs: []callInput{onResumed, onFailure, onMediaFailed, onHangup, onAck, onNoAck, onBye},
	states: map[CallState][]string{
		Resuming:    {"established resumed", "ended resumeFailed", "ended resumeFailed", "ended hangUpEstablished", "–", "–", "ended remoteBye"},
		Established: {"–", "–", "ended establishedMediaFailed", "ended hangUpEstablished", "established acked", "ended neverAcked", "ended remoteBye"},
		Ended:       {"–", "–", "–", "–", "–", "–", "–"},
	},
}

type drawing struct {
	inputs []callInput
	states map[CallState][]string
}

// cell is what the drawing says of one input in one state.
func (d drawing) cell(state CallState, in callInput) string {
	for i, drawn := range d.inputs {
		if drawn == in && d.states[state] != nil {
			return d.states[state][i]
		}
	}
	return "–"
}

var everyCallState = []CallState{Preparing, Calling, Ringing, Answering, Accepted, Established, Resuming, Canceling, Ended}

func TestCallTables(t *testing.T) {
	for name, c := range map[string]struct {
		table   callTable
		drawing drawing
	}{"outgoing": {outgoingTable, outgoingDrawing}, "incoming": {incomingTable, incomingDrawing}, "resumed": {resumeTable, resumeDrawing}} {
		t.Run(name, func(t *testing.T) {
			cells := 0
			for _, state := range everyCallState {
				for in := range numCallInputs {
					want := c.drawing.cell(state, in)
					if want != "–" {
						cells++
					}
					require.Equal(t, want, c.table.cell(t, state, in), "%s in the state %s", in, state)
				}
			}
			require.Len(t, c.table, cells, "every cell of the table is drawn, and comes once")
		})
	}
}

// cell writes one cell as a drawing does.
func (table callTable) cell(t *testing.T, state CallState, in callInput) string {
	found := "–"
	for _, step := range table {
		if step.state != state || step.in != in {
			continue
		}
		require.Equal(t, "–", found, "two cells for %s in the state %s", in, state)
		found = string(step.next)
		if step.do != nil {
			name := runtime.FuncForPC(reflect.ValueOf(step.do).Pointer()).Name()
			found += " " + name[strings.LastIndexByte(name, '.')+1:]
		}
	}
	return found
}

// Every input has a name of its own, for people who read a failure.
func TestCallInputNames(t *testing.T) {
	seen := map[string]bool{}
	for in := range numCallInputs {
		require.NotEmpty(t, in.String())
		require.False(t, seen[in.String()], in.String())
		seen[in.String()] = true
	}
}

// A refresh is due at a random 50 to 90 % of the lifetime, whatever it is.
func TestRefreshAfter(t *testing.T) {
	for _, granted := range []int64{1, 2, 3, 10, 1e9, 60e9, 600e9, int64(maxExpires)} {
		for range 1000 {
			d := int64(refreshAfter(time.Duration(granted)))
			require.GreaterOrEqual(t, d, granted/2)
			require.LessOrEqual(t, d, granted*9/10+1)
		}
	}
}
