package dialog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// The INVITE of a caller, as sent and as received.
const invite = `
	INVITE sip:bob@example.com SIP/2.0
	Via: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK776asdhds
	Max-Forwards: 70
	From: "Alice \"A\"" <sip:alice@example.com;user=phone>;tag=1928301774
	To: Bob <sip:bob@example.com>
	Call-ID: a84b4c76e66710@example.com
	CSeq: 314159 INVITE
	Contact: <sip:alice@df7jal23ls0d.invalid;transport=ws>`

const ok = `
	SIP/2.0 200 OK
	Via: SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK776asdhds
	From: "Alice \"A\"" <sip:alice@example.com;user=phone>;tag=1928301774
	To: Bob <sip:bob@example.com>;tag=a6c85cf
	Call-ID: a84b4c76e66710@example.com
	CSeq: 314159 INVITE
	Contact: <sip:bob@192.0.2.4:5062;transport=ws>`

const (
	p1 = "\nRecord-Route: <sip:p1.example.com;lr>"
	p2 = "\nRecord-Route: <sip:p2.example.com;lr;ftag=x>"
	p3 = "\nRecord-Route: <sip:p3.example.com;lr=on>"
)

func parse(t testing.TB, text string, more ...string) sip.Message {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(text + strings.Join(more, ""))) {
		b.WriteString(strings.TrimSpace(line) + "\r\n")
	}
	msg, err := message.Parse([]byte(b.String() + "\r\n"))
	require.NoError(t, err)
	return msg
}

func request(t testing.TB, text string, more ...string) *sip.Request {
	t.Helper()
	return parse(t, text, more...).(*sip.Request)
}

func response(t testing.TB, text string, more ...string) *sip.Response {
	t.Helper()
	return parse(t, text, more...).(*sip.Response)
}

// status makes another response of ok.
func status(code int) string {
	return strings.Replace(ok, "200 OK", fmt.Sprintf("%d Reason", code), 1)
}

func uac(t testing.TB, more ...string) *Dialog {
	t.Helper()
	d, err := NewUAC(request(t, invite), response(t, ok, more...))
	require.NoError(t, err)
	return d
}

func uas(t testing.TB, more ...string) *Dialog {
	t.Helper()
	d, err := NewUAS(request(t, invite, more...), "ours")
	require.NoError(t, err)
	return d
}

func routes(d *Dialog) string {
	var all []string
	for i := range d.RouteSet {
		all = append(all, d.RouteSet[i].String())
	}
	return strings.Join(all, " ")
}

func wire(req *sip.Request) string { return strings.ReplaceAll(req.String(), "\r\n", "\n") }

// Section 12.1.2.
func TestNewUAC(t *testing.T) {
	d := uac(t)
	require.Equal(t, ID{"a84b4c76e66710@example.com", "1928301774", "a6c85cf"}, d.ID)
	require.Equal(t, Confirmed, d.State)
	require.Equal(t, "sip:alice@example.com;user=phone", d.Local.String())
	require.Equal(t, "sip:bob@example.com", d.Remote.String())
	require.Equal(t, "Bob", d.RemoteName)
	require.Equal(t, "sip:bob@192.0.2.4:5062;transport=ws", d.RemoteTarget.String())
	require.Empty(t, d.RouteSet)
	require.EqualValues(t, 314159, d.LocalSeq())
	// The remote sequence number is empty: whatever comes first is in order.
	require.True(t, d.Accept(request(t, strings.Replace(invite, "314159", "0", 1))))
}

// Section 12.1.1.
func TestNewUAS(t *testing.T) {
	d := uas(t)
	require.Equal(t, ID{"a84b4c76e66710@example.com", "ours", "1928301774"}, d.ID)
	require.Equal(t, Early, d.State)
	require.Equal(t, "sip:bob@example.com", d.Local.String())
	require.Equal(t, "sip:alice@example.com;user=phone", d.Remote.String())
	require.Equal(t, "sip:alice@df7jal23ls0d.invalid;transport=ws", d.RemoteTarget.String())
	require.Empty(t, d.RouteSet)
	require.Zero(t, d.LocalSeq())
	require.False(t, d.Accept(request(t, strings.Replace(invite, "314159", "314158", 1))))
}

// A peer of RFC 2543 may use no tags: they are null (sections 12.1.1 and 12.1.2).
func TestPeersWithoutTags(t *testing.T) {
	d, err := NewUAS(request(t, strings.Replace(invite, ";tag=1928301774", "", 1)), "ours")
	require.NoError(t, err)
	require.Equal(t, ID{"a84b4c76e66710@example.com", "ours", ""}, d.ID)
	require.NotContains(t, d.Request(sip.BYE).To().String(), "tag")

	d, err = NewUAC(request(t, invite), response(t, strings.Replace(ok, ";tag=a6c85cf", "", 1)))
	require.NoError(t, err)
	require.Equal(t, ID{"a84b4c76e66710@example.com", "1928301774", ""}, d.ID)
}

func TestStateOfANewUACDialog(t *testing.T) {
	for code, want := range map[int]State{101: Early, 180: Early, 199: Early, 200: Confirmed, 202: Confirmed} {
		d, err := NewUAC(request(t, invite), response(t, status(code)))
		require.NoError(t, err)
		require.Equal(t, want, d.State, code)
	}
}

// The UAC takes the Record-Route in reverse order, the UAS in order, whether
// the values stand in one line or in several; all URI parameters stay.
func TestRouteSet(t *testing.T) {
	const (
		inOrder = "sip:p1.example.com;lr sip:p2.example.com;lr;ftag=x sip:p3.example.com;lr=on"
		reverse = "sip:p3.example.com;lr=on sip:p2.example.com;lr;ftag=x sip:p1.example.com;lr"
		oneLine = "\nRecord-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr;ftag=x>,<sip:p3.example.com;lr=on>"
		mixed   = "\nRecord-Route: <sip:p1.example.com;lr>\nrecord-route: <sip:p2.example.com;lr;ftag=x> , <sip:p3.example.com;lr=on>"
	)
	for _, lines := range []string{p1 + p2 + p3, oneLine, mixed} {
		require.Equal(t, reverse, routes(uac(t, lines)))
		require.Equal(t, inOrder, routes(uas(t, lines)))
	}
}

// Section 13.2.2.4: a 2xx sets the route set of an early dialog anew and a later
// one changes nothing of it (section 12.2: the route set is fixed).
func TestConfirmSetsTheRouteSetAnew(t *testing.T) {
	target := strings.NewReplacer("192.0.2.4:5062", "192.0.2.5:5064")
	for _, c := range []struct{ name, early, final, want string }{
		{"other proxies", p1 + p2, p3 + p1, "sip:p1.example.com;lr sip:p3.example.com;lr=on"},
		{"a proxy more", p1, p1 + p2, "sip:p2.example.com;lr;ftag=x sip:p1.example.com;lr"},
		{"none any more", p1 + p2, "", ""},
		{"only now", "", p1, "sip:p1.example.com;lr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := NewUAC(request(t, invite), response(t, status(180), c.early))
			require.NoError(t, err)
			require.Equal(t, Early, d.State)
			d.Confirm(response(t, target.Replace(ok), c.final))
			require.Equal(t, Confirmed, d.State)
			require.Equal(t, c.want, routes(d))
			require.Equal(t, "sip:bob@192.0.2.5:5064;transport=ws", d.RemoteTarget.String())

			d.Confirm(response(t, ok, p1+p2+p3)) // the 2xx of a re-INVITE: the target, not the route set
			require.Equal(t, c.want, routes(d))
			require.Equal(t, "sip:bob@192.0.2.4:5062;transport=ws", d.RemoteTarget.String())
		})
	}
}

func TestConfirmWithAnotherProvisional(t *testing.T) {
	d, err := NewUAC(request(t, invite), response(t, status(180), p1))
	require.NoError(t, err)
	d.Confirm(response(t, status(183), p1))
	require.Equal(t, Early, d.State)
	require.Equal(t, "sip:p1.example.com;lr", routes(d))
}

// The callee's own 2xx confirms its dialog. It carries the Record-Route of the
// request and the callee's Contact: neither says where the caller is (section
// 12.1.1).
func TestConfirmByTheCallee(t *testing.T) {
	req := request(t, invite, p1, p2)
	d, err := NewUAS(req, "ours")
	require.NoError(t, err)
	res := message.Response(req, 200, "OK", "ours")
	res.AppendHeader(sip.NewHeader("Contact", "<sip:bob@192.0.2.4:5062;transport=ws>"))
	d.Confirm(parse(t, res.String()).(*sip.Response))
	require.Equal(t, Confirmed, d.State)
	require.Equal(t, "sip:p1.example.com;lr sip:p2.example.com;lr;ftag=x", routes(d))
	require.Equal(t, "sip:alice@df7jal23ls0d.invalid;transport=ws", d.RemoteTarget.String())
}

func TestTerminate(t *testing.T) {
	d := uac(t)
	d.Terminate()
	require.Equal(t, Terminated, d.State)
	d.Confirm(response(t, ok))
	require.Equal(t, Terminated, d.State, "nothing brings it back")
}

func TestStateNames(t *testing.T) {
	require.Equal(t, "early confirmed terminated", fmt.Sprint(Early)+" "+fmt.Sprint(Confirmed)+" "+fmt.Sprint(Terminated))
}

// Nobody can be reached without a Contact (sections 8.1.1.8 and 12.1).
func TestMissingContact(t *testing.T) {
	const contact = "Contact: <sip:bob@192.0.2.4:5062;transport=ws>"
	for name, instead := range map[string]string{
		"none":     "Subject: none",
		"wildcard": "Contact: *",
		"garbage":  `Contact: "unterminated <sip:bob@192.0.2.4>`,
		"empty":    "Contact:",
	} {
		t.Run(name, func(t *testing.T) {
			res := response(t, strings.Replace(ok, contact, instead, 1), p1)
			d, err := NewUAC(request(t, invite), res)
			require.ErrorIs(t, err, ErrNoContact)
			if d != nil { // it can be told what to acknowledge, if nothing else
				require.Equal(t, "a6c85cf", d.ID.RemoteTag)
			}
			const theirs = "Contact: <sip:alice@df7jal23ls0d.invalid;transport=ws>"
			_, err = NewUAS(request(t, strings.Replace(invite, theirs, instead, 1)), "ours")
			require.ErrorIs(t, err, ErrNoContact)
		})
	}
}

// Section 12.2: the remote target follows the Contact, the route set and the
// remote URI do not.
func TestRefresh(t *testing.T) {
	d := uas(t, p1)
	moved := strings.NewReplacer("df7jal23ls0d.invalid;transport=ws>", "moved.invalid;transport=ws;ob>", "314159", "314160")
	require.True(t, d.Refresh(request(t, moved.Replace(invite), p2)))
	require.Equal(t, "sip:alice@moved.invalid;transport=ws;ob", d.RemoteTarget.String())
	require.Equal(t, "sip:p1.example.com;lr", routes(d))
	require.Equal(t, "sip:alice@example.com;user=phone", d.Remote.String())

	none := strings.Replace(invite, "Contact: <sip:alice@df7jal23ls0d.invalid;transport=ws>", "Subject: none", 1)
	require.False(t, d.Refresh(request(t, none)))
	require.Equal(t, "sip:alice@moved.invalid;transport=ws;ob", d.RemoteTarget.String(), "stays")

	require.True(t, d.Refresh(request(t, strings.Replace(invite, "Contact: <", "m: \"A, B\" <", 1))), "compact name")
}

// What is done to the messages afterwards does not reach the dialog.
func TestNothingIsShared(t *testing.T) {
	for name, made := range map[string]func(req *sip.Request, res *sip.Response) (*Dialog, error){
		"UAC": NewUAC,
		"UAS": func(req *sip.Request, _ *sip.Response) (*Dialog, error) { return NewUAS(req, "ours") },
	} {
		t.Run(name, func(t *testing.T) {
			req, res := request(t, invite, p1), response(t, ok, p1)
			d, err := made(req, res)
			require.NoError(t, err)
			want := wire(d.request(sip.BYE, 1))
			for _, msg := range []sip.Message{req, res} {
				contact := msg.GetHeaders("Contact")[0].(*sip.ContactHeader)
				route := msg.GetHeaders("Record-Route")[0].(*sip.RecordRouteHeader)
				for _, uri := range []*sip.Uri{&msg.From().Address, &msg.To().Address, &contact.Address, &route.Address} {
					for i := range uri.UriParams {
						uri.UriParams[i].V = "changed"
					}
					uri.Host = "changed.example.com"
				}
			}
			bye := d.request(sip.BYE, 1)
			require.Equal(t, want, wire(bye))
			bye.Recipient.Host = "changed.example.com"
			bye.From().Address.UriParams.Add("changed", "1")
			bye.To().Address.UriParams.Add("changed", "1")
			require.Equal(t, want, wire(d.request(sip.BYE, 1)), "nor does what is done to a request it made")
		})
	}
}

// The table of State, cell by cell: what a message does to a dialog of either side.
func TestStateTable(t *testing.T) {
	inputs := []struct {
		name string
		do   func(d *Dialog)
	}{
		{"1xx", func(d *Dialog) { d.Confirm(response(t, status(180))) }},
		{"2xx", func(d *Dialog) { d.Confirm(response(t, ok)) }},
		{"end", func(d *Dialog) { d.Terminate() }},
	}
	want := map[State][]State{
		Early:      {Early, Confirmed, Terminated},
		Confirmed:  {Confirmed, Confirmed, Terminated},
		Terminated: {Terminated, Terminated, Terminated},
	}
	for side, fresh := range map[string]func() *Dialog{
		"caller": func() *Dialog {
			d, err := NewUAC(request(t, invite), response(t, status(180)))
			require.NoError(t, err)
			return d
		},
		"callee": func() *Dialog { return uas(t) },
	} {
		for state, row := range want {
			for i, in := range inputs {
				t.Run(side+"/"+state.String()+"/"+in.name, func(t *testing.T) {
					d := fresh()
					require.Equal(t, Early, d.State)
					switch state {
					case Confirmed:
						d.Confirm(response(t, ok))
					case Terminated:
						d.Terminate()
					}
					require.Equal(t, state, d.State)
					in.do(d)
					require.Equal(t, row[i], d.State)
				})
			}
		}
	}
}
