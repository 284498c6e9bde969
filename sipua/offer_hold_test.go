package sipua_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// RFC 3264 section 6.1: what an offer of the other side is answered with, on our hold and
// without, whether it comes by re-INVITE or by UPDATE.
func TestAnswerDirections(t *testing.T) {
	for _, c := range []struct {
		offered, plain, held string // the answers
		holds                bool   // they hold
	}{
		{"sendrecv", "sendrecv", "sendonly", false},
		{"recvonly", "sendonly", "sendonly", false},
		{"sendonly", "recvonly", "inactive", true},
		{"inactive", "inactive", "inactive", true},
	} {
		for _, method := range []string{"INVITE", "UPDATE"} {
			t.Run(c.offered+" "+method, func(t *testing.T) {
				both(t, func(k *talk) {
					ask := func(want string) {
						sdp := strings.Replace(k.farOffer(false), "a=sendrecv", "a="+c.offered, 1)
						require.NoError(k, k.far.Rollback(k.Context()))
						if method == "UPDATE" {
							k.update(sdp)
						} else {
							re := k.reinvite(sdp)
							defer func() { k.ack(re, k.ok) }()
						}
						k.ok = k.ExpectResponse(k.T, 200)
						require.Contains(k, string(k.ok.Body()), "a="+want+"\r\n")
						synctest.Wait()
						require.Equal(k, c.holds, k.call.OnHold(sipua.Remote))
						require.Equal(k, []string{"audio " + want}, streams(k.call.Streams()))
					}
					first := k.ok
					ask(c.plain)
					k.ok = first
					done := begin(func() error { return k.call.Hold(k.Context()) })
					re := k.ExpectRequest(k.T, "INVITE")
					k.agree(re)
					require.NoError(k, done())
					ask(c.held)
					require.True(k, k.call.OnHold(sipua.Local), "it is ours to end")
					k.ok = first
					k.bye()
				})
			})
		}
	}
}

// An offerless re-INVITE on our hold is answered with an offer that still holds (RFC 6337
// section 5.3 lets it be so).
func TestOfferWhileOnHold(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		k.agree(re)
		require.NoError(k, done())
		again := k.reinvite("")
		ok := k.ExpectResponse(k.T, 200)
		require.Contains(k, string(ok.Body()), "a=sendonly")
		ack := k.NewInDialogRequest("ACK", again, ok)
		sdp, err := k.far.CreateAnswer(k.Context(), string(ok.Body()), sipua.OfferOptions{})
		require.NoError(k, err)
		sipuatest.SetSDP(ack, sdp)
		k.Send(ack)
		synctest.Wait()
		require.True(k, k.call.OnHold(sipua.Local))
		require.Equal(k, []string{"audio sendonly"}, streams(k.call.Streams()))
		k.bye()
	})
}

// The answer to our hold may be less than recvonly: both hold then.
func TestHoldAnsweredInactive(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		k.RespondSDP(re, 200, "OK", strings.Replace(k.answerTo(re), "a=recvonly", "a=inactive", 1))
		k.ExpectRequest(k.T, "ACK")
		require.NoError(k, done())
		require.True(k, k.call.OnHold(sipua.Local))
		require.Equal(k, []string{"audio inactive"}, streams(k.call.Streams()))
		k.bye()
	})
}

// RFC 2543 hold by the address 0.0.0.0, in plain media, where there is no ICE that gives
// the address another meaning (RFC 3264 section 8.4).
func TestHoldByAddress(t *testing.T) {
	plain := func(c *sipua.Config) { c.PlainMedia = true }
	const here, nowhere = "c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0"
	held := func(k *talk, by bool) {
		synctest.Wait()
		require.Equal(k, by, k.call.OnHold(sipua.Remote))
		want := "audio sendrecv"
		if by {
			want = "audio recvonly" // nothing can be sent there
		}
		require.Equal(k, []string{want}, streams(k.call.Streams()))
	}
	again := func(k *talk, from, to string) {
		re := k.reinvite(strings.Replace(k.farOffer(false), from, to, 1))
		ok := k.ExpectResponse(k.T, 200)
		k.applies(ok)
		k.ack(re, ok)
	}
	t.Run("incoming", func(t *testing.T) {
		play(t, func(w *world) {
			w.connect()
			w.media.Plain = true
			k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{Plain: true})}
			k.invite = w.NewRequest("INVITE", "sip:1001@example.com")
			sipuatest.SetSDP(k.invite, strings.Replace(k.farOffer(false), here, nowhere, 1))
			k.arrive()
			k.answersReliably()
			held(k, true)
			again(k, here, here)
			held(k, false)
			again(k, here, nowhere)
			held(k, true)
			require.Equal(w, []string{"incoming", "answering", "accepted", "held by remote", "answered", "established", "resumed by remote", "held by remote"}, k.known())
			k.bye()
		}, plain)
	})
	t.Run("outgoing", func(t *testing.T) {
		play(t, func(w *world) {
			w.media.Plain = true
			k := w.dial(sipua.CallOptions{})
			k.far = sipuatest.NewMedia(sipuatest.MediaOptions{Plain: true})
			k.says(k.invite, 200, "OK", strings.Replace(k.answerTo(k.invite), here, nowhere, 1))
			w.ExpectRequest(w.T, "ACK")
			require.NoError(w, k.call.Answered(w.Context()))
			held(k, true)
			again(k, here, here)
			held(k, false)
			k.bye()
		}, plain)
	})
}

// known is the story in the order in which calls to us usually tell it.
func (k *talk) known() []string {
	var all []string
	for _, s := range k.story() {
		if s != "ringing" {
			all = append(all, s)
		}
	}
	return all
}

// CallMediaChanged comes with each change, with the answer too, and only then.
func TestMediaChanged(t *testing.T) {
	both(t, func(k *talk) {
		require.Equal(k, 1, count[sipua.CallMediaChanged](k.world))
		require.Equal(k, []string{"audio sendrecv"}, streams(last[sipua.CallMediaChanged](k.world).Streams))
		re := k.reinvite(k.farOffer(false)) // nothing new
		ok := k.ExpectResponse(k.T, 200)
		k.applies(ok)
		k.ack(re, ok)
		require.Equal(k, 1, count[sipua.CallMediaChanged](k.world))
		hold, done := k.hold()
		k.agree(hold)
		require.NoError(k, done())
		require.Equal(k, 2, count[sipua.CallMediaChanged](k.world))
		require.Equal(k, []string{"audio sendonly"}, streams(last[sipua.CallMediaChanged](k.world).Streams))
		k.farHold(true)
		require.Equal(k, []string{"audio inactive"}, streams(last[sipua.CallMediaChanged](k.world).Streams))
		require.Equal(k, 3, count[sipua.CallMediaChanged](k.world))
		k.bye()
	})
}
