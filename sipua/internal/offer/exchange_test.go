package offer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// RFC 3264 section 4 and RFC 6337 section 2.1: nobody may make an offer while
// one is open, and only an open offer of the other side can be answered.
func TestExchange(t *testing.T) {
	const refused State = 255
	want := map[State]map[Input]State{
		Stable:      {OfferOut: LocalOffer, OfferIn: RemoteOffer, AnswerIn: refused, AnswerOut: refused, Withdraw: refused},
		LocalOffer:  {OfferOut: refused, OfferIn: refused, AnswerIn: Stable, AnswerOut: refused, Withdraw: Stable},
		RemoteOffer: {OfferOut: refused, OfferIn: refused, AnswerIn: refused, AnswerOut: Stable, Withdraw: Stable},
	}
	into := map[State][]Input{Stable: {}, LocalOffer: {OfferOut}, RemoteOffer: {OfferIn}}
	for state := range numStates {
		for in := range numInputs {
			require.Contains(t, want[state], in)
			next := want[state][in]
			t.Run(state.String()+"/"+in.String(), func(t *testing.T) {
				var e Exchange
				for _, step := range into[state] {
					require.NoError(t, e.Do(step))
				}
				require.Equal(t, state, e.State())
				if next == refused {
					require.ErrorIs(t, e.Do(in), ErrOrder)
					require.Equal(t, state, e.State(), "a refused input changes nothing")
					return
				}
				require.NoError(t, e.Do(in))
				require.Equal(t, next, e.State())
			})
		}
	}
}

// A session goes on as long as it likes, and each side may begin.
func TestExchangeGoesOn(t *testing.T) {
	var e Exchange
	for range 3 {
		for _, in := range []Input{OfferOut, AnswerIn, OfferIn, AnswerOut, OfferOut, Withdraw, OfferIn, Withdraw} {
			require.NoError(t, e.Do(in))
		}
		require.Equal(t, Stable, e.State())
	}
}
