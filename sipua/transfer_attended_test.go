package sipua_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// attend begins an attended transfer of k to the other side of other.
func (k *talk) attend(other *talk, o sipua.TransferOptions) *begun {
	return k.starting(func(ctx context.Context) (*sipua.Transfer, error) { return k.call.TransferTo(ctx, other.call, o) })
}

// holds plays the holds of calls, in whatever order they come, or refuses them.
func (w *world) holds(status int, talks ...*talk) {
	w.Helper()
	for k, re := range w.reinvites(talks...) {
		if status == 200 {
			require.Contains(w, string(re.Body()), "a=sendonly")
			k.agree(re)
		} else {
			w.Respond(re, status, "No")
			w.ExpectRequest(w.T, "ACK")
		}
	}
}

// reinvites takes a re-INVITE of each of the talks.
func (w *world) reinvites(talks ...*talk) map[*talk]*sip.Request {
	w.Helper()
	all := map[*talk]*sip.Request{}
	for range talks {
		re := w.ExpectRequest(w.T, "INVITE")
		for _, k := range talks {
			if k.call.ID() == re.CallID().Value() {
				all[k] = re
			}
		}
	}
	require.Len(w, all, len(talks))
	return all
}

// resumed plays the resume of a call.
func (k *talk) resumed() {
	k.Helper()
	re := k.ExpectRequest(k.T, "INVITE")
	k.inDialog(re)
	require.Contains(k, string(re.Body()), "a=sendrecv")
	k.agree(re)
	synctest.Wait()
}

// refers takes the REFER and returns its Refer-To, taken apart.
func (k *talk) refers(b *begun) (uri string, headers url.Values) {
	k.Helper()
	b.refer = k.ExpectRequest(k.T, "REFER")
	k.inDialog(b.refer)
	to := value(b.refer, "Refer-To")
	require.Regexp(k, `^<.*>$`, to)
	uri, query, _ := strings.Cut(to[1:len(to)-1], "?")
	headers, err := url.ParseQuery(query) // another hand's percent decoding; "+" does not occur
	require.NoError(k, err)
	return uri, headers
}

// dialogOfPeer is the value of Replaces that names the dialog of a talk at its peer.
func dialogOfPeer(k *talk) string {
	theirs, ours := tag(value(k.ok, "To")), tag(value(k.invite, "From"))
	if k.call.Direction() == sipua.Incoming {
		theirs, ours = ours, theirs
	}
	return k.call.ID() + ";to-tag=" + theirs + ";from-tag=" + ours
}

// RFC 5589 section 7.3: both on hold, Replaces as the target sees its dialog, and
// both are hung up.
func TestAttendedTransfer(t *testing.T) {
	both(t, func(k *talk) {
		other := k.outgoing()
		k.forget()
		b := k.attend(other, sipua.TransferOptions{})
		k.holds(200, k, other)
		uri, headers := k.refers(b)
		require.Equal(k, "sip:1002@example.com", uri, "its address, since an .invalid Contact leads nowhere")
		require.Equal(k, url.Values{"Replaces": {dialogOfPeer(other)}, "Require": {"replaces"}}, headers)
		k.Respond(b.refer, 202, "Accepted")
		require.NoError(k, b.wait())
		require.Equal(k, uri, b.Target())
		k.told("refer;id="+b.ID(), "active;expires=60", "SIP/2.0 100 Trying")
		k.notify("refer;id="+b.ID(), "terminated;reason=noresource", "SIP/2.0 200 OK")
		k.ExpectResponse(k.T, 200)
		k.Respond(k.ExpectRequest(k.T, "BYE"), 200, "OK")
		require.Equal(k, sipua.Established, other.call.State(), "the target may not have confirmed the new call yet")
		begun := time.Now()
		k.Respond(k.ExpectRequest(k.T, "BYE"), 200, "OK")
		require.Equal(k, 5*time.Second, time.Since(begun))
		_, err := k.outcome(b)
		require.NoError(k, err)
		k.end(k.call)
		k.end(other.call)
	})
}

func TestAttendedTransferLadder(t *testing.T) {
	play(t, func(w *world) {
		k := w.incoming()
		re, done := k.hold()
		k.agree(re)
		require.NoError(w, done())
		other := w.outgoing()
		w.forget()
		b := k.attend(other, sipua.TransferOptions{})
		w.holds(200, other) // k is on hold already
		k.refers(b)
		w.Respond(b.refer, 202, "Accepted")
		require.NoError(w, b.wait())
		k.notify("refer;id="+b.ID(), "terminated;reason=noresource", "SIP/2.0 200 OK\r\n")
		w.ExpectResponse(w.T, 200)
		first, second := w.ExpectRequest(w.T, "BYE"), w.ExpectRequest(w.T, "BYE")
		w.Respond(first, 200, "OK")
		w.Respond(second, 200, "OK")
		w.end(k.call)
		w.end(other.call)
		w.golden("transfer-attended")
	})
}

// The target hangs up the call that was replaced, as RFC 5589 section 7.3 has it, when the
// outcome has been told: no BYE of ours crosses that.
func TestAttendedTransferWhoseTargetHangsUpLater(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		other := w.outgoing()
		b := k.attend(other, sipua.TransferOptions{})
		w.holds(200, k, other)
		k.refers(b)
		w.Respond(b.refer, 202, "Accepted")
		require.NoError(w, b.wait())
		k.notify("refer", "terminated", "SIP/2.0 200 OK")
		w.ExpectResponse(w.T, 200)
		w.Respond(w.ExpectRequest(w.T, "BYE"), 200, "OK")
		time.Sleep(4 * time.Second)
		other.bye()
		w.ExpectNothing(w.T, time.Minute)
		require.Equal(w, sipua.Remote, w.end(other.call).By)
	})
}

// The target's other side hangs up first: it has been replaced there.
func TestAttendedTransferWhoseTargetHangsUp(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		other := w.outgoing()
		b := k.attend(other, sipua.TransferOptions{})
		w.holds(200, k, other)
		k.refers(b)
		w.Respond(b.refer, 202, "Accepted")
		require.NoError(w, b.wait())
		other.bye()
		time.Sleep(10 * time.Second)
		k.pending(b)
		k.notify("refer", "terminated", "SIP/2.0 200 OK")
		w.ExpectResponse(w.T, 200)
		k.gone()
		_, err := k.outcome(b)
		require.NoError(w, err)
	})
}

// Where the target is reached (RFC 5589 sections 7.3 and 7.5).
func TestAttendedTransferTarget(t *testing.T) {
	for name, c := range map[string]struct{ from, contact, want, require string }{
		"a GRUU":            {"<sip:bob@example.com>;tag=x", "<sip:bob@example.com;gr=urn:uuid:1>", "sip:bob@example.com;gr=urn:uuid:1", ""},
		"an address":        {"<sip:bob@example.com>;tag=x", "<sip:bob@192.0.2.1:5060>", "sip:bob@example.com", "replaces"},
		"withheld":          {"<sip:anonymous@Anonymous.Invalid>;tag=x", "<sip:0815@pbx.example.com?Subject=x>", "sip:0815@pbx.example.com", ""},
		"headers and a tel": {"<tel:+15551234;x=y>;tag=x", "<sip:gw@example.com?Subject=x>", "tel:+15551234;x=y", "replaces"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.connect()
				other := &talk{world: w, far: nil}
				invite := w.NewRequest("INVITE", "sip:1001@example.com")
				invite.ReplaceHeader(h("From", c.from))
				invite.ReplaceHeader(h("Contact", c.contact))
				setContent(invite, "application/sdp", offer(w.T))
				other.invite = invite
				other.arrive()
				done := begin(func() error { return other.call.Accept(w.Context(), sipua.AcceptOptions{}) })
				other.ok = w.ExpectResponse(w.T, 200)
				require.NoError(w, done())
				ack := w.NewInDialogRequest("ACK", invite, other.ok)
				ack.ReplaceHeader(h("From", c.from))
				w.Send(ack)
				k := w.outgoing()
				b := k.attend(other, sipua.TransferOptions{})
				w.holds(488, k, other) // a courtesy that nobody must take
				uri, headers := k.refers(b)
				require.Equal(w, c.want, uri)
				require.Equal(w, c.require, headers.Get("Require"))
				require.Equal(w, other.call.ID()+";to-tag=x;from-tag="+tag(value(other.ok, "To")), headers.Get("Replaces"))
				w.Respond(b.refer, 202, "Accepted")
				require.NoError(w, b.wait())
				require.Equal(w, c.want, b.Target())
				k.told("refer", "terminated", "SIP/2.0 603 Decline")
				_, err := k.outcome(b)
				typed(w.T, err, sipua.CodeRejected, 603)
				require.False(w, k.call.OnHold(sipua.Local))
			})
		})
	}
}

// What was put on hold for a transfer that fails is taken back; what was before stays.
func TestAttendedTransferFails(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		re, done := k.hold()
		k.agree(re)
		require.NoError(w, done())
		other := w.outgoing()
		b := k.attend(other, sipua.TransferOptions{})
		w.holds(200, other)
		k.refers(b)
		w.Respond(b.refer, 202, "Accepted")
		require.NoError(w, b.wait())
		k.notify("refer", "terminated", "SIP/2.0 481 Gone")
		w.ExpectResponse(w.T, 200)
		other.resumed()
		_, err := k.outcome(b)
		typed(w.T, err, sipua.CodeRejected, 481)
		require.True(w, k.call.OnHold(sipua.Local))
		require.False(w, other.call.OnHold(sipua.Local))
		k.hangup()
		other.hangup()
	})
	play(t, func(w *world) { // refused at once
		k := w.outgoing()
		other := w.outgoing()
		b := k.attend(other, sipua.TransferOptions{})
		w.holds(200, k, other)
		k.refers(b)
		w.Respond(b.refer, 501, "Not Implemented")
		typed(w.T, b.wait(), sipua.CodeRejected, 501)
		for talk, re := range w.reinvites(k, other) {
			talk.agree(re)
		}
		synctest.Wait()
		require.False(w, k.call.OnHold(sipua.Local))
		require.False(w, other.call.OnHold(sipua.Local))
	})
}

// One of the calls ends while they are put on hold.
func TestAttendedTransferWhoseCallEnds(t *testing.T) {
	for _, which := range []string{"transferred", "consulted"} {
		t.Run(which, func(t *testing.T) {
			play(t, func(w *world) {
				k := w.outgoing()
				other := w.outgoing()
				b := k.attend(other, sipua.TransferOptions{})
				holds := w.reinvites(k, other)
				ends, stays := k, other
				if which == "consulted" {
					ends, stays = other, k
				}
				ends.bye()
				w.Respond(holds[ends], 487, "Request Terminated")
				w.ExpectRequest(w.T, "ACK")
				stays.agree(holds[stays])
				typed(w.T, b.wait(), sipua.CodeInvalidState, 0)
				stays.resumed()
				w.ExpectNothing(w.T, time.Minute)
				require.Zero(w, count[sipua.TransferProgress](w))
			})
		})
	}
}

// RFC 5589 section 7.6: semi-attended is not possible with Replaces.
func TestAttendedTransferToACallThatRings(t *testing.T) {
	play(t, func(w *world) {
		k := w.outgoing()
		ringing := w.callOut()
		w.Respond(w.ExpectRequest(w.T, "INVITE"), 180, "Ringing")
		_, err := k.call.TransferTo(w.Context(), ringing, sipua.TransferOptions{})
		typed(w.T, err, sipua.CodeInvalidState, 0)
		require.ErrorContains(w, err, "wait for the answer")
		_, err = k.call.TransferTo(w.Context(), k.call, sipua.TransferOptions{})
		typed(w.T, err, sipua.CodeInvalidArgument, 0)
		require.False(w, k.call.OnHold(sipua.Local))
	})
}
