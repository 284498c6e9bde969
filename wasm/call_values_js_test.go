package main

import (
	"math"
	"syscall/js"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// Each field of what calls are about reaches the page under its name.
func TestCallValuesHaveEveryField(t *testing.T) {
	everyFieldOf(t, func(c sipua.Caller) any { return callerObject(c) },
		".best.displayName", ".best.uri", ".best.user", ".original.displayName", ".original.uri", ".original.user")
	everyFieldOf(t, forkValue)
	everyFieldOf(t, streamValue)
	everyFieldOf(t, reasonValue)
	everyFieldOf(t, func(s sipua.CallSnapshot) any { return snapshotObject(s) })
}

// What is not told is left out; lists are there all the same.
func TestCallerOfNothing(t *testing.T) {
	nobody := `{"displayName":"","uri":"","user":""}`
	require.JSONEq(t, `{"from":`+nobody+`,"called":`+nobody+`,"best":`+nobody+`,"asserted":[],"remoteParty":[],"diversion":[],"history":[],
		"reasons":[],"identity":[],"privacy":[],"anonymous":false,"userToUser":[],"alertInfo":[],"callInfo":[],"answerRequired":false,"headers":[]}`,
		json(js.ValueOf(callerObject(sipua.Caller{}))))
	require.JSONEq(t, `{"protocol":"SIP"}`, json(js.ValueOf(reasonValue(sipua.Reason{Protocol: "SIP"}))))
}

// A page stores a snapshot as text and gives it back after a reload.
func TestSnapshotComesBack(t *testing.T) {
	s := full[sipua.CallSnapshot](t)
	stored := json(js.ValueOf(snapshotObject(s)))
	require.Equal(t, s, readSnapshot(js.Global().Get("JSON").Call("parse", stored)))
	for _, n := range []float64{-1, math.NaN(), math.Inf(1), 1 << 31} {
		require.Zero(t, readSnapshot(js.ValueOf(object("localSeq", n))).LocalSeq, "%v is no sequence number", n)
	}
	require.Equal(t, sipua.CallSnapshot{}, readSnapshot(js.Undefined()))
}
