package transaction

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// Section 17.1.3: a response belongs to the client transaction whose branch is
// in its top Via and whose method is in its CSeq.
func TestResponseMatching(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new string
		matches  bool
	}{
		{"the same", "", "", true},
		{"the branch differs", branch, branch + "x", false},
		{"the branch is missing", ";branch=" + branch, "", false},
		{"the CSeq method differs", "CSeq: 7 OPTIONS", "CSeq: 7 REGISTER", false},
		{"parameter name in capitals", ";branch=", ";BRANCH=", true},
		{"parameters added on the way", ";branch=", ";received=192.0.2.1;rport=4711;branch=", true},
		{"spaces around the equals sign", ";branch=", " ; branch = ", true},
		{"another sequence number", "CSeq: 7 ", "CSeq: 8 ", true},
		{"another Call-ID", "asidkj3ss", "other", true},
		{"another To tag", "tag=a6c85cf", "tag=other", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			req := outgoing(t, sip.OPTIONS, branch)
			b.request(req)
			text := answer(req, 200, "a6c85cf")
			require.Contains(t, text, c.old)
			b.receive(strings.Replace(text, c.old, c.new, 1))
			want := "> OPTIONS; stray 200"
			if c.matches {
				want = "> OPTIONS; TU 200"
			}
			require.Equal(t, want, b.took())
			b.layer.FlowLost(errFlow)
		})
	}
}

// CANCEL has the branch of its INVITE (section 9.1) and is told apart by the
// method.
func TestCancelIsATransactionOfItsOwn(t *testing.T) {
	b := newBed(t)
	invite := outgoing(t, sip.INVITE, branch)
	tx := b.request(invite)
	b.receive(answer(invite, 180, "a6c85cf"))
	cancel := tx.Cancel()
	b.request(cancel)
	require.Equal(t, 2, b.layer.Len())
	b.receive(answer(cancel, 200, "a6c85cf"))
	require.Equal(t, Proceeding, tx.State())
	b.receive(answer(invite, 487, "a6c85cf"))
	require.Equal(t, "> INVITE; TU 180; > CANCEL; TU 200; > ACK; TU 487", b.took())
	require.Zero(t, b.layer.Len())
}

// Section 17.2.3 with the magic cookie: branch, sent-by and method.
func TestRequestMatching(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new string
		again    bool // the same transaction
	}{
		{"the same", "", "", true},
		{"the branch differs", branch, branch + "x", false},
		{"the host of sent-by differs", "WSS proxy.example.com", "WSS other.example.com", false},
		{"the port of sent-by differs", "WSS proxy.example.com", "WSS proxy.example.com:5062", false},
		{"the method differs", "OPTIONS", "INFO", false},
		{"another Call-ID", "1@example.com", "2@example.com", true},
		{"another sequence number", "CSeq: 3 ", "CSeq: 4 ", true},
		{"another Request-URI", "sip:alice@df7", "sip:carol@df7", true},
		{"a host name in capitals", "WSS proxy.example.com", "WSS PROXY.example.com", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t)
			text := crlf(incoming("OPTIONS", branch))
			require.Contains(t, text, c.old)
			b.receive(text)
			b.receive(strings.ReplaceAll(text, c.old, c.new))
			if c.again {
				require.Equal(t, "TU OPTIONS", b.took())
				require.Equal(t, 1, b.layer.Len())
			} else {
				require.Len(t, b.log, 2, "both reach the transaction user")
				require.Equal(t, 2, b.layer.Len())
			}
		})
	}
}

// Section 17.2.3 without the magic cookie: a client of RFC 2543, told apart by
// Request-URI, To tag, From tag, Call-ID, CSeq and the whole top Via.
func TestRequestMatchingOfRFC2543(t *testing.T) {
	for _, via := range []string{"", ";branch=1", ";branch=z9hG4bK"} {
		for _, c := range []struct {
			name     string
			old, new string
			again    bool
		}{
			{"the same", "", "", true},
			{"another Request-URI", "sip:alice@df7", "sip:carol@df7", false},
			{"a To tag", "To: <sip:alice@example.com>", "To: <sip:alice@example.com>;tag=x", false},
			{"another From tag", "tag=bye99", "tag=bye98", false},
			{"another Call-ID", "1@example.com", "2@example.com", false},
			{"another sequence number", "CSeq: 3 ", "CSeq: 4 ", false},
			{"another method", "OPTIONS", "INFO", false},
			{"another sent-by", "WSS proxy.example.com", "WSS other.example.com", false},
			{"another Via parameter", "WSS proxy.example.com", "WSS proxy.example.com;hidden", false},
			{"another display name", "From: <sip:bob", `From: "Bob" <sip:bob`, true},
		} {
			t.Run("Via"+via+"/"+c.name, func(t *testing.T) {
				b := newBed(t)
				text := strings.Replace(crlf(incoming("OPTIONS", branch)), ";branch="+branch, via, 1)
				require.Contains(t, text, c.old)
				b.receive(text)
				b.receive(strings.ReplaceAll(text, c.old, c.new))
				if c.again {
					require.Equal(t, "TU OPTIONS", b.took())
				} else {
					require.Len(t, b.log, 2, "both reach the transaction user")
				}
			})
		}
	}
}

// Section 17.2.3: the ACK of an RFC 2543 client for a failure carries the To tag
// of the response; the INVITE carried none.
func TestAckOfRFC2543(t *testing.T) {
	old := func(method, to string) string {
		text := strings.Replace(crlf(incoming(method, branch)), ";branch="+branch, "", 1)
		return strings.Replace(text, "To: <sip:alice@example.com>", "To: <sip:alice@example.com>"+to, 1)
	}
	b := newBed(t)
	b.receive(old("INVITE", ""))
	require.NoError(t, b.respond(486))
	b.receive(old("INVITE", "")) // again
	b.receive(old("ACK", ";tag=ours"))
	require.Equal(t, "TU INVITE; > 486; > 486", b.took())
	require.Zero(t, b.layer.Len())
}

// Section 9.2: a CANCEL is matched with the INVITE as if it were one.
func TestInviteFor(t *testing.T) {
	cookieless := func(text string) string { return strings.Replace(text, ";branch="+branch, "", 1) }
	for name, change := range map[string]func(string) string{
		"RFC 3261": func(text string) string { return text },
		"RFC 2543": cookieless,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.receive(change(crlf(incoming("INVITE", branch))))
			invite := b.tx
			b.receive(change(crlf(incoming("CANCEL", branch))))
			require.Equal(t, "TU INVITE; TU CANCEL", b.took())
			require.NotSame(t, invite, b.tx)
			require.Same(t, invite, b.tx.Invite())

			require.NoError(t, b.respond(200))
			require.NoError(t, invite.Respond(b.wire[0].(*sip.Response)))
		})
	}
	b := newBed(t)
	b.receive(incoming("INVITE", branch))
	b.receive(incoming("CANCEL", branch+"x"))
	require.Nil(t, b.tx.Invite())
	b.receive(incoming("OPTIONS", branch+"y"))
	b.receive(incoming("CANCEL", branch+"y"))
	require.Nil(t, b.tx.Invite(), "only an INVITE is cancelled")
}

// What belongs to nothing is passed on and leaves nothing behind.
func TestStrays(t *testing.T) {
	b := newBed(t)
	b.receive(answer(outgoing(t, sip.INVITE, branch), 200, "a6c85cf"))
	b.receive(answer(outgoing(t, sip.OPTIONS, branch), 100, ""))
	b.receive(incoming("ACK", branch))
	require.Equal(t, "stray 200; stray 100; TU ACK", b.took())
	require.Zero(t, b.layer.Len())
}
