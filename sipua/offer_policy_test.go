package sipua_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// Config.Codecs: what is removed and what comes first, in offers and answers of both
// sides.
func TestCodecs(t *testing.T) {
	policy := func(c *sipua.Config) {
		c.Codecs = sipua.Codecs{Order: []string{"PCMA", "telephone-event"}, Remove: []string{"opus", "*/48000"}}
	}
	agreed := []string{"PCMA/8000", "telephone-event/8000", "PCMU/8000"}
	t.Run("our offers", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.outgoing()
			require.Contains(w, string(k.invite.Body()), "SAVPF 8 126 0\r\n")
			require.NotContains(w, string(k.invite.Body()), "opus")
			require.ElementsMatch(w, agreed, w.media.For(k.call).Codecs())
			re, done := k.hold()
			require.Contains(w, string(re.Body()), "SAVPF 8 126 0\r\n")
			k.agree(re)
			require.NoError(w, done())
			k.bye()
		}, policy)
	})
	t.Run("our answers", func(t *testing.T) {
		play(t, func(w *world) {
			k := w.incoming()
			require.Contains(w, string(k.ok.Body()), "SAVPF 8 126 0\r\n")
			require.Equal(w, agreed, k.far.Codecs())
			k.update(k.farOffer(false))
			ok := w.ExpectResponse(w.T, 200)
			require.Contains(w, string(ok.Body()), "SAVPF 8 126 0\r\n")
			k.applies(ok)
			k.bye()
		}, policy)
	})
	t.Run("nothing is left of theirs", func(t *testing.T) { // 488, in each place
		play(t, func(w *world) {
			k := w.ring()
			done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
			w.ExpectResponse(w.T, 488)
			typed(w, done(), sipua.CodeMediaFailed, 488)
			typed(w, w.end(k.call).Err, sipua.CodeMediaFailed, 488)
		}, func(c *sipua.Config) { c.Codecs.Remove = []string{"*"} })
		play(t, func(w *world) {
			k := w.incoming()
			alone := strings.NewReplacer("SAVPF 111 0 8 110 126", "SAVPF 111").Replace(k.farOffer(false))
			require.NoError(w, k.far.Rollback(w.Context()))
			re := k.reinvite(alone)
			require.NotEmpty(w, value(w.ExpectResponse(w.T, 488), "Warning"))
			w.Send(w.NewInDialogRequest("ACK", re, nil))
			k.update(alone)
			require.NotEmpty(w, value(w.ExpectResponse(w.T, 488), "Warning"))
			require.Equal(w, sipuatest.Stable, w.media.For(k.call).State())
			k.farHold(false)
			k.bye()
		}, policy)
	})
	t.Run("nothing is left of ours", func(t *testing.T) {
		play(t, func(w *world) {
			w.connect()
			call := w.callOut()
			typed(w, call.Answered(w.Context()), sipua.CodeMediaFailed, 488)
			w.ExpectNothing(w.T, time.Second)
			require.Equal(w, sipua.Ended, call.State())
		}, func(c *sipua.Config) { c.Codecs.Remove = []string{"*"} })
	})
}

// Config.Bandwidth: what we ask the other side to bound, and what bounds us.
func TestBandwidth(t *testing.T) {
	play(t, func(w *world) {
		w.media.Video = true
		k := w.outgoing()
		sections := strings.SplitAfter(string(k.invite.Body()), "m=video")
		require.Contains(w, sections[0], "b=TIAS:40000\r\nb=AS:40\r\n")
		require.Contains(w, sections[1], "b=AS:500\r\n")
		require.Contains(w, w.media.For(k.call).RemoteSDP(), "b=AS:40\r\n")
		k.update(k.farOffer(false))
		ok := w.ExpectResponse(w.T, 200)
		require.Contains(w, string(ok.Body()), "b=AS:40\r\n")
		k.applies(ok)
		k.bye()
	}, func(c *sipua.Config) { c.Bandwidth = sipua.Bandwidth{Audio: 40, Video: 500} })
}

// hook records what Config.SDP is called with, edits it, and fails where it is told to.
type hook struct {
	mu   sync.Mutex
	seen []string
	fail string
}

func (h *hook) set(c *sipua.Config) { c.SDP = h.filter }

func (h *hook) filter(d sipua.Description) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	who := "remote "
	if d.Local {
		who = "local "
	}
	name := who + string(d.Kind)
	h.seen = append(h.seen, name)
	if h.fail == name {
		return "", errors.New("the hook does not like it")
	}
	if d.Call == nil {
		return "", errors.New("whose description is it?")
	}
	return d.SDP + fmt.Sprintf("a=x-%s:1\r\n", strings.ReplaceAll(name, " ", "-")), nil
}

func (h *hook) failing(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fail = name
}

func (h *hook) story() []string {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := h.seen
	h.seen = nil
	return seen
}

// Config.SDP sees each description on its way, and what it makes of it is what is sent and
// applied.
func TestSDPHook(t *testing.T) {
	t.Run("outgoing", func(t *testing.T) {
		h := &hook{}
		play(t, func(w *world) {
			k := w.dial(sipua.CallOptions{})
			require.Contains(w, string(k.invite.Body()), "a=x-local-offer:1\r\n")
			sdp := k.answerTo(k.invite)
			k.provides(183, sdp)
			synctest.Wait()
			require.Contains(w, w.media.For(k.call).RemoteSDP(), "a=x-remote-pranswer:1\r\n")
			k.says(k.invite, 200, "OK", sdp)
			w.ExpectRequest(w.T, "ACK")
			require.NoError(w, k.call.Answered(w.Context()))
			require.Contains(w, w.media.For(k.call).RemoteSDP(), "a=x-remote-answer:1\r\n")
			require.Equal(w, []string{"local offer", "remote pranswer", "remote answer"}, h.story())
			k.bye()
		}, h.set)
	})
	t.Run("incoming", func(t *testing.T) {
		h := &hook{}
		play(t, func(w *world) {
			k := w.incoming()
			require.Contains(w, string(k.ok.Body()), "a=x-local-answer:1\r\n")
			require.Contains(w, w.media.For(k.call).RemoteSDP(), "a=x-remote-offer:1\r\n")
			require.Equal(w, []string{"remote offer", "local answer"}, h.story())
			re, done := k.hold()
			require.Contains(w, string(re.Body()), "a=x-local-offer:1\r\n")
			k.agree(re)
			require.NoError(w, done())
			require.Equal(w, []string{"local offer", "remote answer"}, h.story())
			k.bye()
		}, h.set)
	})
}

// The error of the hook is that of the act, and nothing of the description gets through.
func TestSDPHookFails(t *testing.T) {
	run := func(name string, fails string, scenario func(w *world, h *hook)) {
		t.Run(name, func(t *testing.T) {
			h := &hook{fail: fails}
			play(t, func(w *world) { scenario(w, h) }, h.set)
		})
	}
	liked := func(w *world, err error) { require.ErrorContains(w, err, "the hook does not like it") }
	run("our offer", "local offer", func(w *world, _ *hook) {
		w.connect()
		call := w.callOut()
		err := call.Answered(w.Context())
		typed(w, err, sipua.CodeMediaFailed, 0)
		liked(w, err)
		w.ExpectNothing(w.T, time.Second)
	})
	run("their answer", "remote answer", func(w *world, _ *hook) {
		k := w.dial(sipua.CallOptions{})
		k.says(k.invite, 200, "OK", k.answerTo(k.invite))
		w.ExpectRequest(w.T, "ACK")
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		liked(w, k.call.Answered(w.Context()))
	})
	run("their early answer", "remote pranswer", func(w *world, _ *hook) {
		k := w.dial(sipua.CallOptions{})
		sdp := k.answerTo(k.invite)
		k.provides(183, sdp)
		require.Equal(w, 1, count[sipua.ProtocolError](w), "it is heard of")
		k.says(k.invite, 200, "OK", sdp)
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, k.call.Answered(w.Context()))
		k.bye()
	})
	for _, fails := range []string{"remote offer", "local answer"} {
		run(fails+" of INVITE", fails, func(w *world, _ *hook) {
			k := w.ring()
			done := begin(func() error { return k.call.Accept(w.Context(), sipua.AcceptOptions{}) })
			w.ExpectResponse(w.T, 488)
			liked(w, done())
			w.end(k.call)
		})
	}
	run("our hold", "", func(w *world, h *hook) {
		k := w.outgoing()
		h.failing("local offer")
		w.forget()
		err := k.call.Hold(w.Context())
		typed(w, err, sipua.CodeMediaFailed, 0)
		liked(w, err)
		w.ladder()
		require.Equal(w, sipuatest.Stable, w.media.For(k.call).State())
		h.failing("")
		re, done := k.hold()
		k.agree(re)
		require.NoError(w, done())
		k.bye()
	})
	run("their re-INVITE and UPDATE", "", func(w *world, h *hook) {
		k := w.outgoing()
		h.failing("remote offer")
		re := k.reinvite(k.farOffer(true))
		w.ExpectResponse(w.T, 488)
		w.Send(w.NewInDialogRequest("ACK", re, nil))
		k.update(k.far.LocalSDP())
		w.ExpectResponse(w.T, 488)
		require.NoError(w, k.far.Rollback(w.Context()))
		require.False(w, k.call.OnHold(sipua.Remote))
		h.failing("")
		k.farHold(true)
		require.True(w, k.call.OnHold(sipua.Remote))
		k.bye()
	})
	run("the answer to our hold", "", func(w *world, h *hook) {
		k := w.outgoing()
		re, done := k.hold()
		h.failing("remote answer")
		w.RespondSDP(re, 200, "OK", k.answerTo(re))
		w.ExpectRequest(w.T, "ACK")
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.Error(w, done())
		liked(w, w.end(k.call).Err)
	})
	run("the ACK of a late offer", "remote offer", func(w *world, _ *hook) {
		k := w.dial(sipua.CallOptions{LateOffer: true})
		k.says(k.invite, 200, "OK", k.farOffer(false))
		require.Contains(w, string(w.ExpectRequest(w.T, "ACK").Body()), "m=audio 0 ")
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		liked(w, k.call.Answered(w.Context()))
	})
	run("our answer to their re-INVITE", "", func(w *world, h *hook) {
		// The media has the new session already. The other side has the old one, so that the
		// two are brought together by the next offer.
		k := w.outgoing()
		h.failing("local answer")
		re := k.reinvite(k.farOffer(true))
		w.ExpectResponse(w.T, 488)
		w.Send(w.NewInDialogRequest("ACK", re, nil))
		require.NoError(w, k.far.Rollback(w.Context()))
		synctest.Wait()
		require.False(w, k.call.OnHold(sipua.Remote))
		h.failing("")
		done := begin(func() error { return k.call.Refresh(w.Context()) })
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		require.NoError(w, done())
		require.Equal(w, "sendrecv", w.media.For(k.call).Direction())
		k.bye()
	})
}
