package sipua_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// How a transfer ends when its call, its subscription or its flow does.

// Who hangs up after 202 has mostly done what it was asked for.
func TestTransferEndedByBye(t *testing.T) {
	for name, before := range map[string]string{"told nothing": "", "told 100": "SIP/2.0 100 Trying"} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.outgoing()
				b := k.transferred(sipua.TransferOptions{})
				if before != "" {
					k.told("refer", "active;expires=60", before)
				}
				k.bye()
				time.Sleep(4 * time.Second)
				k.pending(b)
				time.Sleep(2 * time.Second)
				p, err := k.outcome(b)
				require.NoError(w, err)
				require.Zero(w, p.Status, "nobody has told one")
			})
		})
	}
	play(t, func(w *world) {
		k := w.outgoing()
		b := k.transferred(sipua.TransferOptions{})
		k.bye()
		time.Sleep(2 * time.Second)
		k.told("refer;id="+b.ID(), "terminated;reason=noresource", "SIP/2.0 486 Busy Here") // the BYE overtook it
		_, err := k.outcome(b)
		typed(w.T, err, sipua.CodeRejected, 486)
	})
	play(t, func(w *world) { // it hung up the call and follows the REFER all the same
		k := w.outgoing()
		b := k.transferred(sipua.TransferOptions{})
		k.bye()
		k.told("refer", "active;expires=60", "SIP/2.0 180 Ringing")
		time.Sleep(30 * time.Second)
		k.pending(b)
		k.told("refer", "terminated", "SIP/2.0 480 Gone Home")
		_, err := k.outcome(b)
		typed(w.T, err, sipua.CodeRejected, 480)
	})
}

// BYE before the response to the REFER: the response decides.
func TestTransferByeBeforeAccepted(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		b := k.transfer(sipua.TransferOptions{})
		k.bye()
		time.Sleep(10 * time.Second)
		w.Respond(b.refer, 202, "Accepted")
		require.NoError(w, b.wait())
		k.pending(b)
		time.Sleep(6 * time.Second)
		_, err := k.outcome(b)
		require.NoError(w, err)
	})
	play(t, func(w *world) {
		k := w.outgoing()
		b := k.transfer(sipua.TransferOptions{})
		k.bye()
		w.Respond(b.refer, 481, "Gone")
		typed(w.T, b.wait(), sipua.CodeRejected, 481)
		require.Zero(w, count[sipua.TransferProgress](w))
	})
}

// We hang up: notifications go on (RFC 5057 section 4.1).
func TestTransferAfterOurHangup(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		b := k.transferred(sipua.TransferOptions{})
		k.hangup()
		require.True(w, w.ua.WantsFlow(), "the outcome is awaited")
		time.Sleep(20 * time.Second)
		k.pending(b)
		k.told("refer;id="+b.ID(), "terminated", "SIP/2.0 200 OK")
		_, err := k.outcome(b)
		require.NoError(w, err)
		w.ExpectNothing(w.T, time.Minute)
		require.False(w, w.ua.WantsFlow())
	})
}

// The call breaks off: nobody knows of a dialog any more.
func TestTransferAfterTheCallBrokeOff(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		b := k.transferred(sipua.TransferOptions{})
		re, done := k.hold()
		w.Respond(re, 481, "Gone")
		require.Error(w, done())
		w.ExpectRequest(w.T, "ACK")
		w.Respond(w.ExpectRequest(w.T, "BYE"), 481, "Gone")
		_, err := k.outcome(b)
		typed(w.T, err, sipua.CodeCanceled, 0)
	})
}

// No notification at all, or none after the first.
func TestTransferWithoutNotification(t *testing.T) {
	for name, c := range map[string]struct {
		state string
		least time.Duration
	}{
		"none":        {"", 64 * time.Second},
		"one":         {"active;expires=60", 92 * time.Second},
		"a long one":  {"active;expires=4000000000", 4 * time.Minute},
		"no lifetime": {"active", 4 * time.Minute},
		"terminated":  {"terminated;reason=noresource", 4 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.outgoing()
				b := k.transferred(sipua.TransferOptions{})
				if c.state != "" {
					k.told("refer", c.state, "SIP/2.0 100 Trying")
				}
				time.Sleep(c.least - time.Second)
				k.pending(b)
				time.Sleep(2 * time.Second)
				_, err := k.outcome(b)
				typed(w.T, err, sipua.CodeTimeout, 0)
				require.Equal(w, sipua.Established, k.call.State())
				k.hangup()
			})
		})
	}
}

// The dialog survives its flow: what is told over the next one counts.
func TestTransferWhenTheFlowIsLost(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		b := k.transferred(sipua.TransferOptions{})
		k.told("refer", "active;expires=60", "SIP/2.0 100 Trying")
		w.Drop(1006, "")
		w.ExpectDial(w.T)
		w.ExpectDial(w.T)
		k.agree(w.ExpectRequest(w.T, "INVITE")) // from where we are now
		k.pending(b)
		k.notify("refer", "terminated", "SIP/2.0 200 OK")
		w.ExpectResponse(w.T, 200)
		k.gone()
		_, err := k.outcome(b)
		require.NoError(w, err)
	})
	play(t, func(w *world) {
		k := w.outgoing()
		b := k.transferred(sipua.TransferOptions{})
		k.told("refer", "active;expires=60", "SIP/2.0 100 Trying")
		w.down()
		time.Sleep(91 * time.Second)
		k.pending(b)
		time.Sleep(2 * time.Second)
		_, err := k.outcome(b)
		typed(w.T, err, sipua.CodeConnectionLost, 0)
	})
	play(t, func(w *world) { // lost, but heard of since: the subscription itself runs out
		k := w.outgoing()
		b := k.transferred(sipua.TransferOptions{})
		w.Drop(1006, "")
		w.ExpectDial(w.T)
		w.ExpectDial(w.T)
		k.agree(w.ExpectRequest(w.T, "INVITE"))
		k.told("refer", "active;expires=60", "SIP/2.0 100 Trying")
		time.Sleep(93 * time.Second)
		_, err := k.outcome(b)
		typed(w.T, err, sipua.CodeTimeout, 0)
	})
	play(t, func(w *world) { // before the response: nobody knows whether it arrived
		k := w.outgoing()
		b := k.transfer(sipua.TransferOptions{})
		w.down()
		typed(w.T, b.wait(), sipua.CodeConnectionLost, 0)
		require.Zero(w, count[sipua.TransferProgress](w))
		require.Equal(w, sipua.Established, k.call.State())
	})
}

func TestTransferWhenClosed(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		b := k.transferred(sipua.TransferOptions{})
		result := make(chan error, 1)
		go func() { _, err := b.Done(context.Background()); result <- err }()
		require.NoError(w, w.ua.Close())
		typed(w.T, <-result, sipua.CodeClosed, 0)
	})
	play(t, func(w *world) {
		k := w.outgoing()
		b := k.transfer(sipua.TransferOptions{})
		require.NoError(w, w.ua.Close())
		typed(w.T, b.wait(), sipua.CodeClosed, 0)
		synctest.Wait()
		require.Zero(w, count[sipua.TransferProgress](w))
	})
}

// RFC 3515 section 2.4.6: several REFERs in a dialog are told apart by their ids.
func TestTwoTransfersAtATime(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		first := k.transferred(sipua.TransferOptions{})
		second := k.transferred(sipua.TransferOptions{})
		require.NotEqual(w, first.ID(), second.ID())
		k.told("refer;id="+second.ID(), "active", "SIP/2.0 180 Ringing")
		require.Same(w, second.Transfer, last[sipua.TransferProgress](w).Transfer)
		k.told("refer", "active", "SIP/2.0 183 Session Progress") // the first may go without
		require.Same(w, first.Transfer, last[sipua.TransferProgress](w).Transfer)
		k.told("refer;id="+first.ID(), "terminated", "SIP/2.0 486 Busy Here")
		_, err := k.outcome(first)
		typed(w.T, err, sipua.CodeRejected, 486)
		k.pending(second)
		k.notify("refer", "terminated", "SIP/2.0 200 OK")
		w.ExpectResponse(w.T, 200)
		k.gone()
		_, err = k.outcome(second)
		require.NoError(w, err)
	})
}

// Who does not wait for the verb any more hears of the transfer by events.
func TestTransferWhoseContextEnds(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		ctx, cancel := context.WithCancel(w.Context())
		done := begin(func() error { _, err := k.call.Transfer(ctx, "1003", sipua.TransferOptions{}); return err })
		refer := w.ExpectRequest(w.T, "REFER")
		cancel()
		typed(w.T, done(), sipua.CodeCanceled, 0)
		w.Respond(refer, 202, "Accepted")
		k.notify("refer", "terminated", "SIP/2.0 200 OK")
		w.ExpectResponse(w.T, 200)
		k.gone()
		require.Equal(w, []string{"200 OK done"}, told(w.recorded()))
	})
}

// Hung up before the REFER could be sent, or sent again: there is nobody to refer.
func TestTransferThatIsTooLate(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		release := w.HoldDials()
		w.Drop(1006, "")
		synctest.Wait()
		b := k.starting(func(ctx context.Context) (*sipua.Transfer, error) {
			return k.call.Transfer(ctx, "1003", sipua.TransferOptions{})
		})
		synctest.Wait()
		hungUp := begin(func() error { return k.call.Hangup(w.Context()) })
		synctest.Wait()
		release()
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		require.NoError(w, hungUp())
		typed(w.T, b.wait(), sipua.CodeCanceled, 0)
	})
	answered := make(chan struct{})
	play(t, func(w *world) {
		k := w.outgoing()
		b := k.transfer(sipua.TransferOptions{})
		answered = make(chan struct{})
		w.Respond(b.refer, 407, "Proxy Authentication Required", h("Proxy-Authenticate", `Digest realm="r", nonce="n"`))
		synctest.Wait()
		k.bye()
		close(answered)
		typed(w.T, b.wait(), sipua.CodeRejected, 407)
		w.ExpectNothing(w.T, time.Minute)
	}, func(c *sipua.Config) {
		c.CredentialsFor = func(context.Context, sipua.Challenge) (sipua.Credentials, error) {
			<-answered
			return sipua.Credentials{Password: "secret"}, nil
		}
	})
}

// NOTIFY is a target refresh request (RFC 6665 section 3.2).
func TestTransferNotificationsRefreshTheTarget(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		k.transferred(sipua.TransferOptions{})
		n := k.NewInDialogRequest("NOTIFY", k.invite, k.ok, h("Event", "refer"), h("Subscription-State", "terminated"), h("Contact", "<sip:moved@peer.invalid;transport=ws>"))
		setContent(n, "message/sipfrag", "SIP/2.0 200 OK")
		w.Send(n)
		w.ExpectResponse(w.T, 200)
		bye := w.ExpectRequest(w.T, "BYE")
		require.Equal(w, "sip:moved@peer.invalid;transport=ws", bye.Recipient.String())
		w.Respond(bye, 200, "OK")
		w.end(k.call)
	})
}
