package dialog

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// A dialog goes on where its record was taken: the next request of either side is what it
// would have been.
func TestRecord(t *testing.T) {
	for name, d := range map[string]*Dialog{
		"caller":                 uac(t),
		"caller with a route":    uac(t, p1, p2, p3),
		"callee":                 uas(t),
		"callee with a route":    uas(t, p1, p2, p3),
		"behind a strict router": uac(t, "\nRecord-Route: <sip:strict.example.com>"),
	} {
		t.Run(name, func(t *testing.T) {
			d.Confirm(response(t, ok))
			r := d.Record()
			require.Equal(t, name == "caller" || name == "caller with a route" || name == "behind a strict router", r.Caller)
			again, err := Restore(r)
			require.NoError(t, err)
			require.Equal(t, Confirmed, again.State)
			require.Equal(t, r, again.Record())
			require.Equal(t, d.ID, again.ID)
			for range 2 {
				require.Equal(t, d.Request("BYE").String(), again.Request("BYE").String())
			}
			require.Equal(t, d.Ack(7).String(), again.Ack(7).String())

			theirs := request(t, invite)
			theirs.CSeq().SeqNo = 314158
			require.Equal(t, d.Accept(theirs), again.Accept(theirs), "an old number is old for both")
			theirs.CSeq().SeqNo = 314160
			require.True(t, again.Accept(theirs))
			// The other side's first response does not change what was agreed.
			routes := again.RouteSet
			again.Confirm(response(t, ok, p3))
			require.Equal(t, routes, again.RouteSet)
		})
	}
}

// The numbers of a record may be any, as a rounded one is: ours go on behind it, and
// without one of theirs any is taken (RFC 3261 section 12.2.2).
func TestRecordNumbers(t *testing.T) {
	r := uac(t).Record()
	r.LocalSeq, r.RemoteSeq = 500, 0
	d, err := Restore(r)
	require.NoError(t, err)
	require.EqualValues(t, 501, d.Request("BYE").CSeq().SeqNo)
	theirs := request(t, invite)
	theirs.CSeq().SeqNo = 1
	require.True(t, d.Accept(theirs))
}

// Restore takes nothing on trust: what it refuses would be another header, or no message.
func TestBadRecords(t *testing.T) {
	for name, change := range map[string]func(*Record){
		"nothing":                     func(r *Record) { *r = Record{} },
		"no Call-ID":                  func(r *Record) { r.ID.CallID = "" },
		"no tag of ours":              func(r *Record) { r.ID.LocalTag = "" },
		"a line end in the Call-ID":   func(r *Record) { r.ID.CallID = "x\r\nInjected: yes" },
		"a line end in our tag":       func(r *Record) { r.ID.LocalTag = "x\nInjected: yes" },
		"a line end in their tag":     func(r *Record) { r.ID.RemoteTag = "x\rInjected: yes" },
		"a line end in our name":      func(r *Record) { r.LocalName = "x\r\nInjected: yes" },
		"a line end in their name":    func(r *Record) { r.RemoteName = "x\x00" },
		"no URI of ours":              func(r *Record) { r.Local = "" },
		"no URI of theirs":            func(r *Record) { r.Remote = "" },
		"no target":                   func(r *Record) { r.Target = "" },
		"a target that is none":       func(r *Record) { r.Target = "nobody at all" },
		"a line end in the target":    func(r *Record) { r.Target = "sip:a@example.com\r\nInjected: yes" },
		"a route that is none":        func(r *Record) { r.Routes = []string{"sip:a.example.com;lr", "b"} },
		"a line end in a route":       func(r *Record) { r.Routes = []string{"sip:a.example.com;lr\r\nInjected: yes"} },
		"a parameter behind the tag":  func(r *Record) { r.ID.LocalTag = "x;y=z" },
		"a space in the tag":          func(r *Record) { r.ID.RemoteTag = "x y" },
		"a space in the Call-ID":      func(r *Record) { r.ID.CallID = "x y" },
		"an angle bracket in the tag": func(r *Record) { r.ID.RemoteTag = "x>" },
	} {
		t.Run(name, func(t *testing.T) {
			r := uac(t, p1).Record()
			change(&r)
			_, err := Restore(r)
			require.Error(t, err)
		})
	}
	// No tag of theirs: RFC 2543.
	r := uac(t, p1).Record()
	r.ID.RemoteTag = ""
	d, err := Restore(r)
	require.NoError(t, err)
	require.Empty(t, message.ToTag(d.Request("BYE")))
}
