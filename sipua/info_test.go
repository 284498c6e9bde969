package sipua_test

import (
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func withPackages(c *sipua.Config) { c.InfoPackages = []string{"conf", "x"} }

// info sends an INFO of the other side.
func (k *talk) info(contentType, body string, headers ...sip.Header) {
	k.Helper()
	if contentType != "" {
		headers = append(headers, h("Content-Type", contentType))
	}
	req := k.NewInDialogRequest("INFO", k.invite, k.ok, headers...)
	req.SetBody([]byte(body))
	k.Send(req)
}

// RFC 6086: packages, and INFO as it was before them.
func TestInfo(t *testing.T) {
	play(t, func(w *world) {
		k := w.incoming()
		require.Equal(w, "conf, x", value(k.ok, "Recv-Info"))
		k.info("application/conf+xml", "<c/>", h("Info-Package", "conf;p=1"))
		w.ExpectResponse(w.T, 200)
		require.Equal(w, sipua.CallInfo{Call: k.call, Package: "conf", ContentType: "application/conf+xml", Body: []byte("<c/>")}, last[sipua.CallInfo](w))
		k.info("", "", h("Info-Package", "x"))
		w.ExpectResponse(w.T, 200)
		require.Equal(w, sipua.CallInfo{Call: k.call, Package: "x", Body: last[sipua.CallInfo](w).Body}, last[sipua.CallInfo](w))
		k.info("application/dtmf-relay", "Signal=5\r\nDuration=160")
		w.ExpectResponse(w.T, 200)
		require.Equal(w, sipua.CallTone{Call: k.call, Tone: "5", Duration: 160 * time.Millisecond, Method: sipua.DTMFInfoRelay}, last[sipua.CallTone](w))
		k.info("application/unknown", "Signal=5")
		w.ExpectResponse(w.T, 200)
		require.Equal(w, sipua.CallInfo{Call: k.call, ContentType: "application/unknown", Body: []byte("Signal=5")}, last[sipua.CallInfo](w))
		require.Equal(w, 3, count[sipua.CallInfo](w))
		k.info("", "")
		w.ExpectResponse(w.T, 200)
		k.info("a/b", "x", h("Info-Package", "unknown"))
		require.Equal(w, "conf, x", value(w.ExpectResponse(w.T, 469), "Recv-Info"))
		k.info("a/b", "x", h("Content-Encoding", "gzip"))
		w.ExpectResponse(w.T, 415)
		require.Equal(w, 3, count[sipua.CallInfo](w))
		require.Equal(w, sipua.Established, k.call.State())
	}, withPackages)
	play(t, func(w *world) { // none is taken
		k := w.incoming()
		require.Empty(w, values(k.ok, "Recv-Info"))
		k.info("a/b", "x", h("Info-Package", "conf"))
		require.Len(w, values(w.ExpectResponse(w.T, 469), "Recv-Info"), 1)
		w.Send(w.NewRequest("INFO", "sip:1001@example.com"))
		w.ExpectResponse(w.T, 481)
	})
	play(t, func(w *world) { // before the answer
		k := w.ring()
		k.info("application/dtmf-relay", "Signal=1")
		w.ExpectResponse(w.T, 200)
		require.Same(w, k.call, last[sipua.CallTone](w).Call)
		k.info("a/b", "x")
		w.ExpectResponse(w.T, 200)
		require.Same(w, k.call, last[sipua.CallInfo](w).Call)
	})
	_, err := sipua.New(sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: "wss://example.com"}}, InfoPackages: []string{"a b"}})
	require.ErrorIs(t, err, sipua.ErrInvalidArgument)
}

// Section 4.2.1: only a package that the other side takes is sent.
func TestSendInfo(t *testing.T) {
	send := func(w *world, c *sipua.Call, o sipua.InfoOptions) func() error {
		return begin(func() error { return c.Info(w.Context(), o) })
	}
	conf := sipua.InfoOptions{Package: "conf", ContentType: "application/conf+xml", Body: []byte("<c/>")}
	play(t, func(w *world) {
		c := w.callOut()
		k := &talk{world: w, call: c}
		k.invite = w.ExpectRequest(w.T, "INVITE")
		require.Equal(w, "conf, x", value(k.invite, "Recv-Info"))
		require.ErrorIs(w, c.Info(w.Context(), sipua.InfoOptions{}), sipua.ErrInvalidState)
		k.ok = w.RespondSDP(k.invite, 200, "OK", answer(w.T, k.invite.Body()), h("Recv-Info", "other, conf;a=b"))
		w.ExpectRequest(w.T, "ACK")
		require.NoError(w, c.Answered(w.Context()))
		done := send(w, c, conf)
		req := w.ExpectRequest(w.T, "INFO")
		k.inDialog(req)
		require.Equal(w, "conf", value(req, "Info-Package"))
		require.Equal(w, "Info-Package", value(req, "Content-Disposition"))
		require.Equal(w, "<c/>", string(req.Body()))
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
		done = send(w, c, sipua.InfoOptions{ContentType: "application/dtmf-relay", Body: []byte("Signal=5")})
		req = w.ExpectRequest(w.T, "INFO")
		require.Empty(w, values(req, "Info-Package"))
		w.Respond(req, 415, "No")
		typed(w, done(), sipua.CodeRejected, 415)
		require.ErrorIs(w, c.Info(w.Context(), sipua.InfoOptions{Package: "x"}), sipua.ErrUnsupported)
		require.ErrorIs(w, c.Info(w.Context(), sipua.InfoOptions{Package: "a b"}), sipua.ErrInvalidArgument)
		require.ErrorIs(w, c.Info(w.Context(), sipua.InfoOptions{Body: []byte("x")}), sipua.ErrInvalidArgument)
	}, withPackages)
	play(t, func(w *world) { // what the INVITE says
		k := w.ring(h("Recv-Info", "conf"))
		k.accept()
		done := send(w, k.call, conf)
		w.Respond(w.ExpectRequest(w.T, "INFO"), 200, "OK")
		require.NoError(w, done())
	})
}
