package sipua_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// begun is a transfer under way.
type begun struct {
	*sipua.Transfer
	refer *sip.Request
	wait  func() error // for the verb
}

// transfer begins a blind transfer to 1003 and takes its REFER.
func (k *talk) transfer(o sipua.TransferOptions) *begun {
	k.Helper()
	return k.referring(func(ctx context.Context) (*sipua.Transfer, error) { return k.call.Transfer(ctx, "1003", o) })
}

func (k *talk) referring(verb func(context.Context) (*sipua.Transfer, error)) *begun {
	k.Helper()
	b := k.starting(verb)
	b.refer = k.ExpectRequest(k.T, "REFER")
	k.inDialog(b.refer)
	return b
}

func (k *talk) starting(verb func(context.Context) (*sipua.Transfer, error)) *begun {
	b := &begun{}
	b.wait = begin(func() (err error) { b.Transfer, err = verb(k.Context()); return err })
	return b
}

// transferred is a blind transfer that has been accepted.
func (k *talk) transferred(o sipua.TransferOptions) *begun {
	k.Helper()
	b := k.transfer(o)
	k.Respond(b.refer, 202, "Accepted")
	require.NoError(k, b.wait())
	k.forget()
	return b
}

// notify sends a notification about a REFER without waiting for its answer. The body
// is a status line; "" stands for none.
func (k *talk) notify(event, state, body string) *sip.Request {
	k.Helper()
	req := k.NewInDialogRequest("NOTIFY", k.invite, k.ok, h("Event", event), h("Subscription-State", state))
	if body != "" {
		setContent(req, "message/sipfrag;version=2.0", body)
	}
	k.Send(req)
	return req
}

// told plays a notification up to its 200.
func (k *talk) told(event, state, body string) {
	k.Helper()
	k.notify(event, state, body)
	k.ExpectResponse(k.T, 200)
	synctest.Wait()
}

// outcome of a transfer that is over.
func (k *talk) outcome(b *begun) (sipua.TransferProgress, error) {
	k.Helper()
	ctx, cancel := context.WithCancel(k.Context())
	cancel()
	synctest.Wait()
	p, err := b.Done(ctx)
	require.True(k, p.Done, "the transfer is over: %v", err)
	require.Equal(k, p, last[sipua.TransferProgress](k.world))
	return p, err
}

// pending demands that a transfer is not over.
func (k *talk) pending(b *begun) {
	k.Helper()
	synctest.Wait()
	ctx, cancel := context.WithTimeout(k.Context(), time.Nanosecond)
	defer cancel()
	_, err := b.Done(ctx)
	typed(k.T, err, sipua.CodeTimeout, 0)
}

// gone takes the BYE of a call that was transferred.
func (k *talk) gone() {
	k.Helper()
	bye := k.ExpectRequest(k.T, "BYE")
	k.inDialog(bye)
	k.Respond(bye, 200, "OK")
	require.Equal(k, sipua.Local, k.end(k.call).By)
}

func told(events []sipua.Event) (all []string) {
	for _, e := range events {
		if p, ok := e.(sipua.TransferProgress); ok {
			s := fmt.Sprint(p.Status, " ", p.Reason)
			if p.Done {
				s += " done"
			}
			all = append(all, strings.TrimSpace(s+" "+code(p.Err)))
		}
	}
	return all
}

// RFC 5589 section 6.1.
func TestBlindTransfer(t *testing.T) {
	both(t, func(k *talk) {
		k.forget()
		b := k.transfer(sipua.TransferOptions{Headers: []sipua.Header{{Name: "X-Why", Value: "because"}}})
		require.Equal(k, "<sip:1003@example.com>", value(b.refer, "Refer-To"))
		require.Regexp(k, `^<sip:[a-z2-7]+@[a-z2-7]+\.invalid;transport=ws;ob>$`, value(b.refer, "Contact"), "REFER subscribes")
		require.Equal(k, "<sip:1001@example.com>", value(b.refer, "Referred-By"))
		require.Equal(k, "because", value(b.refer, "X-Why"))
		require.Empty(k, value(b.refer, "Refer-Sub"))
		k.Respond(b.refer, 202, "Accepted")
		require.NoError(k, b.wait())
		require.Equal(k, value(b.refer, "CSeq"), b.ID()+" REFER")
		require.Equal(k, "sip:1003@example.com", b.Target())
		require.Same(k, k.call, b.Call())
		id := "refer;id=" + b.ID()
		k.told(id, "active;expires=60", "SIP/2.0 100 Trying")
		k.told(id, "active;expires=60", "SIP/2.0 180 Ringing")
		k.pending(b)
		require.Equal(k, sipua.Established, k.call.State())
		k.notify(id, "terminated;reason=noresource", "SIP/2.0 200 OK")
		k.ExpectResponse(k.T, 200)
		k.gone()
		p, err := k.outcome(b)
		require.NoError(k, err)
		require.Equal(k, sipua.TransferProgress{Transfer: b.Transfer, Call: k.call, Status: 200, Reason: "OK", Done: true}, p)
		require.Equal(k, []string{"100 Trying", "180 Ringing", "200 OK done"}, told(k.recorded()))
		k.ladder("> REFER", "< 202", "< NOTIFY", "> 200", "< NOTIFY", "> 200", "< NOTIFY", "> 200", "> BYE", "< 200")
		require.False(k, k.ua.WantsFlow())
	})
}

func TestBlindTransferLadder(t *testing.T) {
	play(t, func(w *world) {
		k := w.incoming()
		w.forget()
		b := k.transfer(sipua.TransferOptions{})
		w.Respond(b.refer, 202, "Accepted")
		require.NoError(w, b.wait())
		k.told("refer;id="+b.ID(), "active;expires=60", "SIP/2.0 100 Trying\r\n")
		k.notify("refer;id="+b.ID(), "terminated;reason=noresource", "SIP/2.0 200 OK\r\n")
		w.ExpectResponse(w.T, 200)
		k.gone()
		w.golden("transfer-blind")
	})
}

// What the other side tells, and what becomes of the transfer. The call goes on
// where it fails and ends where it succeeds.
func TestTransferNotifications(t *testing.T) {
	const last = "terminated;reason=noresource"
	for name, c := range map[string]struct {
		state, body string
		want        []string // of all progress
		code        sipua.Code
		status      int
		ongoing     bool
	}{
		"success":                     {last, "SIP/2.0 200 OK", []string{"200 OK done"}, "", 200, false},
		"success, and still active":   {"active;expires=60", "SIP/2.0 202 Well", []string{"202 Well done"}, "", 202, false},
		"busy":                        {last, "SIP/2.0 486 Busy Here", []string{"486 Busy Here done rejected"}, sipua.CodeRejected, 486, false},
		"redirected":                  {last, "SIP/2.0 302 Moved", []string{"302 Moved done rejected"}, sipua.CodeRejected, 302, false},
		"declined":                    {"terminated;reason=rejected", "SIP/2.0 603 Declined", []string{"603 Declined done rejected"}, sipua.CodeRejected, 603, false},
		"the end without an outcome":  {last, "", []string{"0  done rejected"}, sipua.CodeRejected, 0, false},
		"ran out":                     {"terminated;reason=timeout", "", []string{"0  done timeout"}, sipua.CodeTimeout, 0, false},
		"nothing to tell":             {"active;expires=60", "", nil, "", 0, true},
		"pending":                     {"pending;expires=60", "SIP/2.0 100 Trying", []string{"100 Trying"}, "", 0, true},
		"a state of the future":       {"dreaming", "SIP/2.0 100 Trying", []string{"100 Trying"}, "", 0, true},
		"terminated, but it goes on":  {"terminated", "SIP/2.0 100 Trying", []string{"100 Trying"}, "", 0, true},
		"a body that cannot be read":  {"active;expires=60", "HTTP/1.1 200 OK", nil, "", 0, true},
		"such a body as the last one": {last, "HTTP/1.1 200 OK", []string{"0  done rejected"}, sipua.CodeRejected, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.outgoing()
				b := k.transferred(sipua.TransferOptions{})
				k.notify("refer;id="+b.ID(), c.state, c.body)
				w.ExpectResponse(w.T, 200)
				switch {
				case c.ongoing:
					k.pending(b)
				case c.code == "":
					k.gone()
					p, err := k.outcome(b)
					require.NoError(w, err)
					require.Equal(w, c.status, p.Status)
				default:
					p, err := k.outcome(b)
					typed(w.T, err, c.code, c.status)
					require.Equal(w, err, p.Err)
					require.Equal(w, sipua.Established, k.call.State())
					k.hangup()
				}
				require.Equal(w, c.want, told(w.recorded()))
				require.Equal(w, strings.HasPrefix(c.body, "HTTP"), count[sipua.ProtocolError](w) == 1)
			})
		})
	}
}

// Notifications that are none, or not about this transfer.
func TestTransferNotificationsThatAreRefused(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		b := k.transferred(sipua.TransferOptions{})
		id := "refer;id=" + b.ID()
		for _, c := range []struct {
			event, state string
			status       int
		}{
			{"refer;id=9", "active", 481},
			{"presence", "active", 481},
			{id, "", 400},
			{id, "two words", 400},
		} {
			k.notify(c.event, c.state, "SIP/2.0 200 OK")
			w.ExpectResponse(w.T, c.status)
		}
		req := k.NewInDialogRequest("NOTIFY", k.invite, k.ok, h("Event", id), h("Subscription-State", "active"))
		setContent(req, "message/sipfrag", "SIP/2.0 200 OK", h("Content-Encoding", "gzip"))
		w.Send(req)
		w.ExpectResponse(w.T, 415)

		late := k.NewInDialogRequest("NOTIFY", k.invite, k.ok, h("Event", id), h("Subscription-State", "active"))
		setContent(late, "message/sipfrag", "SIP/2.0 486 Busy Here")
		k.told(id, "active", "SIP/2.0 180 Ringing")
		w.Send(late)
		w.ExpectResponse(w.T, 500) // out of order

		other := k.NewInDialogRequest("NOTIFY", k.invite, k.ok, h("Event", id), h("Subscription-State", "active"))
		other.From().Params.Add("tag", "another-fork")
		other.ReplaceHeader(h("From", "<sip:1002@example.com>;tag=another-fork"))
		setContent(other, "message/sipfrag", "SIP/2.0 200 OK")
		w.Send(other)
		w.ExpectResponse(w.T, 481)

		k.pending(b)
		k.told("refer", "terminated", "SIP/2.0 503 Service Unavailable") // no id: the only one
		_, err := k.outcome(b)
		typed(w.T, err, sipua.CodeRejected, 503)
		k.notify(id, "terminated", "SIP/2.0 200 OK") // it is over
		w.ExpectResponse(w.T, 481)
		require.Equal(w, []string{"180 Ringing", "503 Service Unavailable done rejected"}, told(w.recorded()))
	})
}

// The REFER is refused, or not answered.
func TestTransferRefused(t *testing.T) {
	for _, status := range []int{405, 481, 501, 603} {
		play(t, func(w *world) {
			k := w.outgoing()
			w.forget()
			b := k.transfer(sipua.TransferOptions{})
			w.Respond(b.refer, status, "No")
			typed(w.T, b.wait(), sipua.CodeRejected, status)
			require.Equal(w, sipua.Established, k.call.State())
			require.Empty(w, w.story())
			require.False(w, w.ua.WantsFlow())
		})
	}
	play(t, func(w *world) {
		k := w.outgoing()
		w.forget()
		b := k.transfer(sipua.TransferOptions{})
		typed(w.T, b.wait(), sipua.CodeTimeout, 408)
		require.Empty(w, w.story())
		k.hangup()
	})
}

// The id is the number of the REFER that was accepted, not of the challenged one.
func TestTransferChallenged(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		b := k.transfer(sipua.TransferOptions{})
		w.Respond(b.refer, 407, "Proxy Authentication Required", h("Proxy-Authenticate", `Digest realm="r", nonce="n"`))
		second := w.ExpectRequest(w.T, "REFER")
		require.Equal(w, b.refer.CSeq().SeqNo+1, second.CSeq().SeqNo)
		require.Equal(w, value(b.refer, "Refer-To"), value(second, "Refer-To"))
		w.Respond(second, 202, "Accepted")
		require.NoError(w, b.wait())
		require.Equal(w, itoa(int(second.CSeq().SeqNo)), b.ID())
		k.notify("refer;id="+itoa(int(b.refer.CSeq().SeqNo)), "active", "SIP/2.0 200 OK")
		w.ExpectResponse(w.T, 481)
		k.notify("refer;id="+b.ID(), "terminated", "SIP/2.0 200 OK")
		w.ExpectResponse(w.T, 200)
		k.gone()
	})
}

// RFC 6665 section 4.1.2.4: a notification may overtake the response.
func TestTransferNotifiedBeforeAccepted(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		b := k.transfer(sipua.TransferOptions{})
		id := "refer;id=" + itoa(int(b.refer.CSeq().SeqNo))
		k.told(id, "active;expires=60", "SIP/2.0 100 Trying")
		require.NoError(w, b.wait(), "that accepts it")
		w.Respond(b.refer, 603, "Decline") // too late to count
		k.pending(b)
		k.notify(id, "terminated", "SIP/2.0 200 OK")
		w.ExpectResponse(w.T, 200)
		k.gone()
	})
	play(t, func(w *world) {
		k := w.outgoing()
		w.forget()
		b := k.transfer(sipua.TransferOptions{})
		k.notify("refer", "terminated", "SIP/2.0 200 OK")
		w.ExpectResponse(w.T, 200)
		require.NoError(w, b.wait())
		k.gone()
		w.Respond(b.refer, 202, "Accepted")
		_, err := k.outcome(b)
		require.NoError(w, err)
		require.Equal(w, []string{"200 OK done"}, told(w.recorded()))
	})
	play(t, func(w *world) {
		k := w.outgoing()
		w.forget()
		b := k.transfer(sipua.TransferOptions{})
		k.told("refer", "terminated", "SIP/2.0 404 Not Found")
		require.NoError(w, b.wait(), "it was accepted, and has failed")
		_, err := k.outcome(b)
		typed(w.T, err, sipua.CodeRejected, 404)
	})
}

// RFC 4488: nobody is told.
func TestTransferWithoutSubscription(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		w.forget()
		b := k.transfer(sipua.TransferOptions{NoSubscription: true})
		require.Equal(w, "false", value(b.refer, "Refer-Sub"))
		require.Equal(w, "norefersub", value(b.refer, "Supported"))
		w.Respond(b.refer, 202, "Accepted", h("Refer-Sub", "FALSE ;x=y"))
		require.NoError(w, b.wait())
		k.gone()
		p, err := k.outcome(b)
		require.NoError(w, err)
		require.Equal(w, 202, p.Status)
		require.Equal(w, []string{"202 Accepted done"}, told(w.recorded()))
	})
	play(t, func(w *world) { // the other side knows nothing of it and tells
		k := w.outgoing()
		b := k.transferred(sipua.TransferOptions{NoSubscription: true})
		k.told("refer", "terminated", "SIP/2.0 500 Oh")
		_, err := k.outcome(b)
		typed(w.T, err, sipua.CodeRejected, 500)
	})
}

func TestTransferOptions(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		for _, o := range []sipua.TransferOptions{
			{Headers: []sipua.Header{{Name: "Refer-To", Value: "<sip:a@b>"}}},
			{Headers: []sipua.Header{{Name: "r", Value: "<sip:a@b>"}}},
			{Headers: []sipua.Header{{Name: "referred-by", Value: "<sip:a@b>"}}},
			{Headers: []sipua.Header{{Name: "X", Value: "a\r\nb: c"}}},
			{ReferredBy: "nobody"},
			{ReferredBy: "<sip:a@b>\r\nX: y"},
		} {
			_, err := k.call.Transfer(w.Context(), "1003", o)
			typed(w.T, err, sipua.CodeInvalidArgument, 0)
			_, err = k.call.TransferTo(w.Context(), nil, o)
			typed(w.T, err, sipua.CodeInvalidArgument, 0)
		}
		for _, target := range []string{"", "sip:", "a\r\nb"} {
			_, err := k.call.Transfer(w.Context(), target, sipua.TransferOptions{})
			typed(w.T, err, sipua.CodeInvalidArgument, 0)
		}
		b := k.transfer(sipua.TransferOptions{ReferredBy: "Boss <sip:boss@example.com>", Keep: true})
		require.Equal(w, `"Boss" <sip:boss@example.com>`, value(b.refer, "Referred-By"))
		w.Respond(b.refer, 200, "OK")
		require.NoError(w, b.wait())
		k.told("refer", "terminated", "SIP/2.0 200 OK")
		_, err := k.outcome(b)
		require.NoError(w, err)
		require.Equal(w, sipua.Established, k.call.State(), "kept")
		k.hangup()
	})
}

// Only an answered call can be transferred.
func TestTransferInTheWrongState(t *testing.T) {
	play(t, func(w *world) {
		k := w.ring()
		_, err := k.call.Transfer(w.Context(), "1003", sipua.TransferOptions{})
		typed(w.T, err, sipua.CodeInvalidState, 0)
		require.ErrorContains(w, err, "only an answered call")
	})
	play(t, func(w *world) {
		k := w.outgoing()
		k.bye()
		_, err := k.call.Transfer(w.Context(), "1003", sipua.TransferOptions{})
		typed(w.T, err, sipua.CodeInvalidState, 0)
	})
	play(t, func(w *world) {
		k := w.outgoing()
		require.NoError(w, w.ua.Close())
		_, err := k.call.Transfer(w.Context(), "1003", sipua.TransferOptions{})
		typed(w.T, err, sipua.CodeClosed, 0)
	})
}
