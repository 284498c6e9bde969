package sipua_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// RFC 3264 section 4: one offer at a time. What the application asks for meanwhile waits,
// in its order, and each thing ends for itself.
func TestChangesInTurn(t *testing.T) {
	both(t, func(k *talk) {
		hold := begin(func() error { return k.call.Hold(k.Context()) })
		re := k.ExpectRequest(k.T, "INVITE")
		video := begin(func() error { return k.call.AddVideo(k.Context(), sipua.VideoSource{}) })
		synctest.Wait()
		refresh := begin(func() error { return k.call.Refresh(k.Context()) })
		synctest.Wait()
		ice := begin(func() error { return k.call.RestartICE(k.Context()) })
		synctest.Wait()
		resume := begin(func() error { return k.call.Resume(k.Context()) })
		k.ExpectNothing(k.T, time.Second)

		require.Contains(k, string(re.Body()), "a=sendonly")
		require.NotContains(k, string(re.Body()), "m=video")
		k.agree(re)
		require.NoError(k, hold())

		re = k.ExpectRequest(k.T, "INVITE")
		require.Contains(k, string(re.Body()), "m=video")
		require.NotContains(k, string(re.Body()), "a=sendrecv", "the hold goes on")
		k.Respond(re, 488, "Not Acceptable Here") // harms nobody else
		k.ExpectRequest(k.T, "ACK")
		typed(k, video(), sipua.CodeRejected, 488)

		re = k.ExpectRequest(k.T, "INVITE")
		require.NotContains(k, string(re.Body()), "m=video")
		credentials := k.media.For(k.call).LocalSDP()
		k.agree(re)
		require.NoError(k, refresh())

		re = k.ExpectRequest(k.T, "INVITE")
		require.NotEqual(k, lineOf(credentials, "a=ice-ufrag:"), lineOf(string(re.Body()), "a=ice-ufrag:"))
		k.agree(re)
		require.NoError(k, ice())

		re = k.ExpectRequest(k.T, "INVITE")
		require.Contains(k, string(re.Body()), "a=sendrecv")
		k.agree(re)
		require.NoError(k, resume())
		k.agreedStreams("audio sendrecv")
		k.ExpectNothing(k.T, time.Minute)
		k.bye()
	})
}

// line is the first line of a description that begins so.
func lineOf(sdp, prefix string) string {
	for l := range strings.SplitSeq(sdp, "\r\n") {
		if strings.HasPrefix(l, prefix) {
			return l
		}
	}
	return ""
}

// The camera is asked for while an offer of theirs comes in: both have their turn.
func TestTheirOfferWhileAsking(t *testing.T) {
	both(t, func(k *talk) {
		k.slow(time.Second)
		video := begin(func() error { return k.call.AddVideo(k.Context(), sipua.VideoSource{}) })
		synctest.Wait()
		re := k.reinvite(k.farOffer(false))
		ok := k.ExpectResponse(k.T, 200)
		k.applies(ok)
		k.slow(0)
		k.ack(re, ok)
		k.agree(k.ExpectRequest(k.T, "INVITE"))
		require.NoError(k, video())
		k.agreedStreams("audio sendrecv", "video sendonly")
		k.bye()
	})
}

// Each thing that the application can ask for is rolled back when it is refused, whatever
// the refusal: the session is as it was, and the next offer is made.
func TestRollback(t *testing.T) {
	for name, ask := range map[string]func(context.Context, *sipua.Call) error{
		"hold":    func(ctx context.Context, c *sipua.Call) error { return c.Hold(ctx) },
		"video":   func(ctx context.Context, c *sipua.Call) error { return c.AddVideo(ctx, sipua.VideoSource{}) },
		"refresh": func(ctx context.Context, c *sipua.Call) error { return c.Refresh(ctx) },
		"ICE":     func(ctx context.Context, c *sipua.Call) error { return c.RestartICE(ctx) },
	} {
		for _, status := range []int{302, 400, 403, 415, 488, 500, 503, 606} {
			t.Run(name+" "+itoa(status), func(t *testing.T) {
				both(t, func(k *talk) {
					ours := k.media.For(k.call)
					before := ours.RemoteSDP()
					done := begin(func() error { return ask(k.Context(), k.call) })
					k.Respond(k.ExpectRequest(k.T, "INVITE"), status, "No")
					k.ExpectRequest(k.T, "ACK")
					typed(k, done(), sipua.CodeRejected, status)
					synctest.Wait()
					require.Equal(k, sipuatest.Stable, ours.State())
					require.Equal(k, before, ours.RemoteSDP())
					require.Contains(k, strings.Join(ours.Log(), " "), "Rollback")
					k.agreedStreams("audio sendrecv")
					require.Nil(k, ours.Video())
					k.farHold(false)
					k.agreedStreams("audio sendrecv")
					k.bye()
				})
			})
		}
	}
}

// RFC 3261 section 14.2: their INVITE in progress says 500, and when to come back.
func TestReinviteAfterRetryAfter(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		k.Respond(re, 500, "Server Internal Error", h("Retry-After", "7"))
		begun := time.Now()
		k.ExpectRequest(k.T, "ACK")
		again := k.ExpectRequest(k.T, "INVITE")
		require.Equal(k, 7*time.Second, time.Since(begun))
		k.agree(again)
		require.NoError(k, done())
		k.bye()
	})
}

// RFC 3261 section 14.1, glare: both sides offered. Each rolls back; theirs comes while we
// wait, and ours after it.
func TestGlareWithTheirOffer(t *testing.T) {
	both(t, func(k *talk) {
		re, done := k.hold()
		theirs := k.reinvite(offer(k.T))
		k.ExpectResponse(k.T, 491)
		k.Send(k.NewInDialogRequest("ACK", theirs, nil))
		k.Respond(re, 491, "Request Pending")
		k.ExpectRequest(k.T, "ACK")
		synctest.Wait()
		k.farHold(true)
		k.agree(k.ExpectRequest(k.T, "INVITE"))
		require.NoError(k, done())
		require.True(k, k.call.OnHold(sipua.Local))
		require.True(k, k.call.OnHold(sipua.Remote))
		k.agreedStreams("audio inactive")
		k.bye()
	})
}

// The wait is one that nobody else ends: another wish comes after it.
func TestWishDuringGlare(t *testing.T) {
	both(t, func(k *talk) {
		re, hold := k.hold()
		k.Respond(re, 491, "Request Pending")
		k.ExpectRequest(k.T, "ACK")
		resume := begin(func() error { return k.call.Resume(k.Context()) })
		re = k.ExpectRequest(k.T, "INVITE")
		require.Contains(k, string(re.Body()), "a=sendonly")
		k.agree(re)
		require.NoError(k, hold())
		re = k.ExpectRequest(k.T, "INVITE")
		require.Contains(k, string(re.Body()), "a=sendrecv")
		k.agree(re)
		require.NoError(k, resume())
		k.bye()
	})
}

// The end of the call ends all that waits, in whatever part of its way it is.
func TestChangesAndTheEnd(t *testing.T) {
	for name, at := range map[string]func(k *talk){
		"asking for the camera": func(k *talk) { k.slow(time.Second) },
		"offer open":            func(k *talk) {},
		"waiting after 491": func(k *talk) {
			k.Respond(k.ExpectRequest(k.T, "INVITE"), 491, "Request Pending")
			k.ExpectRequest(k.T, "ACK")
		},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(k *talk) {
				if name == "asking for the camera" {
					at(k)
				}
				video := begin(func() error { return k.call.AddVideo(k.Context(), sipua.VideoSource{}) })
				synctest.Wait()
				if name != "asking for the camera" {
					at(k)
				}
				hold := begin(func() error { return k.call.Hold(k.Context()) })
				synctest.Wait()
				req := k.NewInDialogRequest("BYE", k.invite, k.ok)
				k.Send(req)
				require.Error(k, video())
				require.Error(k, hold())
				require.Equal(k, sipua.Ended, k.call.State())
			})
		})
	}
}
