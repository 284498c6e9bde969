package sipua_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// RFC 4235 section 4.3: partial documents are merged; one that is missing makes
// the subscriber ask for the full state, once until that comes.
func TestPartialDocuments(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching(func(o *sipua.SubscribeOptions) { o.Event = "dialog" })
		document := func(version, state, dialogs string) {
			req := k.notification("active;expires=600", "<d:dialog-info xmlns:d='urn:ietf:params:xml:ns:dialog-info' version='"+version+"' state='"+state+"' entity='sip:1002@example.com'>"+dialogs+"</d:dialog-info>")
			req.RemoveHeader("Content-Type")
			req.AppendHeader(h("Content-Type", "Application/Dialog-Info+XML;charset=utf-8"))
			w.Send(req)
			w.ExpectResponse(w.T, 200)
			synctest.Wait()
		}
		ids := func() (all []string) {
			for _, d := range last[sipua.Notified](w).Value.(sipua.DialogInfo).Dialogs {
				all = append(all, d.ID+" "+string(d.State))
			}
			return all
		}
		dialog := func(id, state string) string {
			return "<d:dialog id='" + id + "'><d:state>" + state + "</d:state></d:dialog>"
		}
		document("1", "full", dialog("a", "confirmed"))
		document("2", "partial", dialog("b", "early"))
		require.Equal(w, []string{"a confirmed", "b early"}, ids())
		document("2", "partial", dialog("b", "confirmed")) // stale
		require.Equal(w, []string{"a confirmed", "b early"}, ids())

		document("5", "partial", dialog("c", "trying"))
		require.Equal(w, []string{"a confirmed", "b early", "c trying"}, ids())
		req := k.next(true)
		document("7", "partial", dialog("d", "trying"))
		w.Respond(req, 200, "OK", h("Contact", peerContact), h("Expires", "600"))
		w.ExpectNothing(w.T, 0) // once
		document("8", "full", dialog("d", "confirmed"))
		require.Equal(w, []string{"d confirmed"}, ids())
		require.Equal(w, sipua.LampBusy, last[sipua.Notified](w).Value.(sipua.DialogInfo).Lamp())
		document("11", "partial", dialog("e", "trying"))
		k.next(true) // for the next gap anew
	})
}

// A body that cannot be read is told; the application still has it.
func TestUnreadableDocument(t *testing.T) {
	play(t, func(w *world) {
		k := w.watching()
		req := k.notification("active;expires=600", "<!DOCTYPE x><presence/>")
		req.RemoveHeader("Content-Type")
		req.AppendHeader(h("Content-Type", "application/pidf+xml"))
		w.Send(req)
		w.ExpectResponse(w.T, 200)
		n := last[sipua.Notified](w)
		require.Nil(w, n.Value)
		require.Equal(w, "<!DOCTYPE x><presence/>", string(n.Body))
		require.Equal(w, 1, count[sipua.ProtocolError](w))
	})
}
