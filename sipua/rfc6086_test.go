package sipua_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// Tests of INFO from RFC 6086, written without a look at the code.

// packages gives a call whose other side takes the info packages "p" and "q;x=y".
func (w *world) packages() *talk {
	w.Helper()
	k := &talk{world: w, far: sipuatest.NewMedia(sipuatest.MediaOptions{})}
	k.call = w.callOut()
	k.invite = w.ExpectRequest(w.T, "INVITE")
	k.ok = w.RespondSDP(k.invite, 200, "OK", k.answerTo(k.invite), h("Recv-Info", "p, q;x=y"))
	w.ExpectRequest(w.T, "ACK")
	require.NoError(w, k.call.Answered(w.Context()))
	return k
}

// Sections 4.2.1, 5 and 7: what an INFO must have.
func TestInfoIsComplete(t *testing.T) {
	play(t, func(w *world) {
		k := w.packages()
		done := begin(func() error {
			return k.call.Info(w.Context(), sipua.InfoOptions{Package: "p", ContentType: "application/p", Body: []byte("x")})
		})
		req := w.ExpectRequest(w.T, "INFO")
		k.inDialog(req)
		require.Equal(w, []string{"p"}, values(req, "Info-Package"))
		require.Equal(w, "info-package", strings.ToLower(value(req, "Content-Disposition")), "section 5: a body that belongs to the package")
		require.Equal(w, "application/p", value(req, "Content-Type"))
		require.Empty(w, values(req, "Contact"), "INFO is no target refresh")
		w.Respond(req, 200, "OK", h("Contact", "<sip:evil@example.net>"))
		require.NoError(w, done())
		done = begin(func() error { return k.call.Info(w.Context(), sipua.InfoOptions{Package: "q"}) })
		req = w.ExpectRequest(w.T, "INFO")
		k.inDialog(req) // and the target is as it was
		require.Empty(w, values(req, "Content-Disposition"))
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
		require.ErrorIs(w, k.call.Info(w.Context(), sipua.InfoOptions{Package: "P"}), sipua.ErrUnsupported)
		require.ErrorIs(w, k.call.Info(w.Context(), sipua.InfoOptions{Package: "r"}), sipua.ErrUnsupported)
		w.forget()
		w.ladder()
		k.bye()
	})
}

// Section 4.2.2: the other side may change what it takes with a target refresh,
// and we say what we take in each of ours.
func TestRecvInfoIsRenewed(t *testing.T) {
	play(t, func(w *world) {
		k := w.packages()
		re := k.NewInDialogRequest("INVITE", k.invite, k.ok, h("Recv-Info", "r"))
		sipuatest.SetSDP(re, k.farOffer(false))
		w.Send(re)
		ok := w.ExpectResponse(w.T, 200)
		require.Equal(w, "conf, x", value(ok, "Recv-Info"))
		require.NoError(w, k.far.ApplyAnswer(w.Context(), string(ok.Body()), false))
		k.ack(re, ok)
		synctest.Wait()
		require.ErrorIs(w, k.call.Info(w.Context(), sipua.InfoOptions{Package: "p"}), sipua.ErrUnsupported)
		done := begin(func() error { return k.call.Info(w.Context(), sipua.InfoOptions{Package: "r"}) })
		w.Respond(w.ExpectRequest(w.T, "INFO"), 200, "OK")
		require.NoError(w, done())

		done = begin(func() error { return k.call.Hold(w.Context()) })
		re = w.ExpectRequest(w.T, "INVITE")
		require.Equal(w, "conf, x", value(re, "Recv-Info"))
		w.RespondSDP(re, 200, "OK", k.answerTo(re), h("Recv-Info", "s"))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, done())
		require.ErrorIs(w, k.call.Info(w.Context(), sipua.InfoOptions{Package: "r"}), sipua.ErrUnsupported)
		done = begin(func() error { return k.call.Info(w.Context(), sipua.InfoOptions{Package: "s"}) })
		w.Respond(w.ExpectRequest(w.T, "INFO"), 200, "OK")
		require.NoError(w, done())
		k.bye()
	}, withPackages)
	play(t, func(w *world) { // a re-INVITE that does not speak of it changes nothing
		k := w.packages()
		re := k.reinvite(k.farOffer(true))
		ok := w.ExpectResponse(w.T, 200)
		require.NoError(w, k.far.ApplyAnswer(w.Context(), string(ok.Body()), false))
		k.ack(re, ok)
		synctest.Wait()
		done := begin(func() error { return k.call.Info(w.Context(), sipua.InfoOptions{Package: "p"}) })
		w.Respond(w.ExpectRequest(w.T, "INFO"), 200, "OK")
		require.NoError(w, done())
		k.bye()
	})
}

// Sections 4.2.1 and 6, RFC 5057: what the answer to an INFO means for the call.
func TestInfoIsRefused(t *testing.T) {
	for _, status := range []int{400, 415, 469, 486, 488, 500, 503, 603} {
		play(t, func(w *world) {
			k := w.packages()
			done := begin(func() error { return k.call.Info(w.Context(), sipua.InfoOptions{Package: "p"}) })
			w.Respond(w.ExpectRequest(w.T, "INFO"), status, "No")
			typed(w, done(), sipua.CodeRejected, status)
			require.Equal(w, sipua.Established, k.call.State(), "%d", status)
			k.bye()
		})
	}
	play(t, func(w *world) {
		k := w.packages()
		done := begin(func() error { return k.call.Info(w.Context(), sipua.InfoOptions{Package: "p"}) })
		w.ExpectRequest(w.T, "INFO")
		w.down()
		require.ErrorIs(w, done(), sipua.ErrConnectionLost)
		require.Equal(w, sipua.Established, k.call.State())
		w.OnDial(nil)
	})
	play(t, func(w *world) { // before the call is answered, and after it
		call := w.callOut()
		require.ErrorIs(w, call.Info(w.Context(), sipua.InfoOptions{ContentType: "a/b", Body: []byte("x")}), sipua.ErrInvalidState)
		w.Respond(w.ExpectRequest(w.T, "INVITE"), 486, "Busy")
		w.ExpectRequest(w.T, "ACK")
		w.end(call)
		require.ErrorIs(w, call.Info(w.Context(), sipua.InfoOptions{ContentType: "a/b", Body: []byte("x")}), sipua.ErrInvalidState)
	})
}

// RFC 3261 section 22.
func TestInfoIsChallenged(t *testing.T) {
	play(t, func(w *world) {
		k := w.packages()
		done := begin(func() error {
			return k.call.Info(w.Context(), sipua.InfoOptions{ContentType: "a/b", Body: []byte("x")})
		})
		w.Respond(w.ExpectRequest(w.T, "INFO"), 407, "Who", h("Proxy-Authenticate", `Digest realm="p", nonce="1", qop="auth", algorithm=MD5`))
		req := w.ExpectRequest(w.T, "INFO")
		k.inDialog(req)
		checkDigest(w.T, req, "Proxy-Authorization", "1001", "secret")
		require.Equal(w, "x", string(req.Body()))
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
		k.bye()
	})
}

// Sections 4.2.2 and 5: what comes in. The answer says what is taken, the call
// goes on, and the target is not moved.
func TestIncomingInfo(t *testing.T) {
	play(t, func(w *world) {
		k := w.incoming()
		k.info("a/b", "x", h("Info-Package", "CONF"))
		require.Equal(w, "conf, x", value(w.ExpectResponse(w.T, 469), "Recv-Info"))
		k.info("a/b", "x", h("Info-Package", "x"), h("Require", "y"))
		w.ExpectResponse(w.T, 420)
		k.info("a/b", "x", h("Info-Package", "x"), h("Contact", "<sip:evil@example.net>"))
		res := w.ExpectResponse(w.T, 200)
		require.Empty(w, values(res, "Contact"))
		require.Empty(w, res.Body())
		k.info("a/b", "x", h("Info-Package", "x"), h("CSeq", "0 INFO"))
		w.ExpectResponse(w.T, 500)
		require.Equal(w, 1, count[sipua.CallInfo](w))
		require.Equal(w, sipua.Established, k.call.State())
		k.hangup() // to the old target
		k.info("a/b", "x", h("Info-Package", "x"))
		w.ExpectResponse(w.T, 481)
	}, withPackages)
	play(t, func(w *world) { // section 4.2.2: outside of any dialog
		w.connect()
		w.Send(w.NewRequest("INFO", "sip:1001@example.com", h("Info-Package", "x")))
		w.ExpectResponse(w.T, 481)
		w.Send(w.NewRequest("INFO", "sip:1001@example.com", h("Info-Package", "x"), h("To", "<sip:1001@example.com>;tag=gone")))
		w.ExpectResponse(w.T, 481)
	}, withPackages)
	play(t, func(w *world) { // section 3: in the dialog of a subscription there is no INFO
		k := w.active()
		req := k.NewInDialogRequest("INFO", k.req, k.ok, h("Info-Package", "x"))
		w.Send(req)
		res, err := sip.ParseMessage(w.ExpectMessage(w.T))
		require.NoError(w, err)
		require.Contains(w, []int{405, 481, 501}, res.(*sip.Response).StatusCode)
		require.Equal(w, sipua.SubscriptionActive, k.n.State())
	}, withPackages, serving)
}

// Break-outs in every option, and names that are none.
func TestInfoOptionsCannotInject(t *testing.T) {
	play(t, func(w *world) {
		k := w.packages()
		w.forget()
		for _, evil := range []string{"\r\nX-Evil: 1", "\nX", "\rX", "\x00", "\r\n\r\nINFO"} {
			for _, o := range []sipua.InfoOptions{
				{Package: "p" + evil}, {ContentType: "a/b" + evil, Body: []byte("x")}, {ContentType: "a/b;c=" + evil, Body: []byte("x")}, {ContentType: evil, Body: []byte("x")},
			} {
				require.ErrorIs(w, k.call.Info(w.Context(), o), sipua.ErrInvalidArgument, "%q", o)
			}
		}
		require.ErrorIs(w, k.call.Info(w.Context(), sipua.InfoOptions{ContentType: "a/b", Body: make([]byte, 61<<10)}), sipua.ErrInvalidArgument)
		w.ladder()
		k.bye()
	})
	for _, names := range [][]string{{""}, {"a b"}, {"a\r\nX: y"}, {"a,b"}, {"a;b"}} {
		_, err := sipua.New(sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: "wss://example.com"}}, InfoPackages: names})
		require.ErrorIs(t, err, sipua.ErrInvalidArgument, "%q", names)
	}
}

// RFC 3261 section 11: OPTIONS in both directions, and what it must not do.
func TestOptionsInAndOutOfDialogs(t *testing.T) {
	play(t, func(w *world) {
		w.connect()
		w.Send(w.NewRequest("OPTIONS", "sip:1001@example.com", h("Accept", "application/sdp")))
		res := w.ExpectResponse(w.T, 200)
		for _, name := range []string{"Allow", "Accept", "Supported"} { // section 11.2: SHOULD
			require.NotEmpty(w, values(res, name), name)
		}
		require.Contains(w, value(res, "Accept"), "application/sdp")
		require.Equal(w, "presence, x-private", value(res, "Allow-Events"))
		require.Equal(w, "conf, x", value(res, "Recv-Info"), "RFC 6086 section 4.2.2")
		w.Send(w.NewRequest("OPTIONS", "sip:1001@example.com", h("Require", "x")))
		w.ExpectResponse(w.T, 420)
		w.Send(w.NewRequest("OPTIONS", "sip:1001@example.com", h("To", "<sip:1001@example.com>;tag=gone")))
		w.ExpectResponse(w.T, 481)

		k := w.incoming() // inside a call: the same answer, and the call goes on
		req := k.request("OPTIONS", h("Contact", "<sip:evil@example.net>"))
		res = w.ExpectResponse(w.T, 200)
		require.Equal(w, value(req, "CSeq"), value(res, "CSeq"))
		require.NotEmpty(w, values(res, "Allow"))
		require.Equal(w, sipua.Established, k.call.State())
		k.hangup()
	}, serving, withPackages)
	play(t, func(w *world) {
		var c sipua.Capabilities
		done := begin(func() (err error) { c, err = w.ua.Options(w.Context(), "1002"); return err })
		req := w.ExpectRequest(w.T, "OPTIONS")
		require.NotEmpty(w, values(req, "Accept"), "section 11.1")
		w.Respond(req, 401, "Who", h("WWW-Authenticate", `Digest realm="example.com", nonce="1", qop="auth", algorithm=MD5`))
		req = w.ExpectRequest(w.T, "OPTIONS")
		checkDigest(w.T, req, "Authorization", "1001", "secret")
		w.Respond(req, 200, "OK", h("Allow", "INVITE,ACK , BYE"), h("Allow", "INFO"), h("Supported", ""), h("Accept", `a/b;x="c,d", e/f`), h("Allow-Events", "presence"))
		require.NoError(w, done())
		require.Equal(w, []string{"INVITE", "ACK", "BYE", "INFO"}, c.Allow)
		require.Len(w, c.Accept, 2)
		require.Empty(w, c.Supported)
	})
	play(t, func(w *world) { // a flow that is lost: asked again by the next one
		done := begin(func() error { _, err := w.ua.Options(w.Context(), "1002"); return err })
		w.ExpectRequest(w.T, "OPTIONS")
		w.Drop(1006, "")
		w.Timeout = time.Minute
		w.Respond(w.ExpectRequest(w.T, "OPTIONS"), 200, "OK")
		require.NoError(w, done())
	})
}
