package sipua_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// RFC 3261 section 11.
func TestOptionsQuestion(t *testing.T) {
	play(t, func(w *world) {
		var c sipua.Capabilities
		done := begin(func() (err error) { c, err = w.ua.Options(w.Context(), "1002"); return err })
		req := w.ExpectRequest(w.T, "OPTIONS")
		require.Equal(w, "application/sdp", value(req, "Accept"))
		require.NotEmpty(w, value(req, "Contact"))
		w.Respond(req, 407, "Who", h("Proxy-Authenticate", `Digest realm="r", nonce="n", qop="auth"`))
		req = w.ExpectRequest(w.T, "OPTIONS")
		res := w.NewResponse(req, 200, "OK", h("Allow", "INVITE, ACK"), h("Allow", "BYE"), h("Supported", "replaces,timer"), h("Accept", "application/sdp"),
			h("Allow-Events", "dialog, presence"), h("Server", "Phone/1\u202e"), h("Content-Type", "application/sdp"))
		res.SetBody([]byte("v=0"))
		w.Send(res)
		require.NoError(w, done())
		require.Equal(w, sipua.Capabilities{Status: 200, Reason: "OK", Allow: []string{"INVITE", "ACK", "BYE"}, Supported: []string{"replaces", "timer"},
			Accept: []string{"application/sdp"}, AllowEvents: []string{"dialog", "presence"}, UserAgent: "Phone/1", ContentType: "application/sdp", Body: []byte("v=0")}, c)
	})
}

// What shows that somebody is there, and what does not.
func TestOptionsAnswers(t *testing.T) {
	for status, reached := range map[int]bool{
		200: true, 202: true, 405: true, 406: true, 415: true, 420: true, 486: true, 488: true, 493: true, 501: true, 600: true, 603: true, 606: true,
		302: false, 400: false, 403: false, 404: false, 408: false, 410: false, 480: false, 483: false, 484: false, 500: false, 503: false, 504: false, 604: false,
	} {
		t.Run(itoa(status), func(t *testing.T) {
			play(t, func(w *world) {
				var c sipua.Capabilities
				done := begin(func() (err error) { c, err = w.ua.Options(w.Context(), "1002"); return err })
				req := w.ExpectRequest(w.T, "OPTIONS")
				w.Respond(req, 100, "Trying")
				w.Respond(req, status, "Well", h("Allow", "INVITE"), h("User-Agent", "x"))
				if !reached {
					require.Equal(w, "options", typed(w, done(), sipua.CodeRejected, status).Op)
					return
				}
				require.NoError(w, done())
				require.Equal(w, sipua.Capabilities{Status: status, Reason: "Well", Allow: []string{"INVITE"}, UserAgent: "x"}, c)
			})
		})
	}
	play(t, func(w *world) {
		_, err := w.ua.Options(w.Context(), "@")
		require.ErrorIs(w, err, sipua.ErrInvalidArgument)
		done := begin(func() error { _, err := w.ua.Options(w.Context(), "1002"); return err })
		w.ExpectRequest(w.T, "OPTIONS")
		typed(w, done(), sipua.CodeTimeout, 408)
	})
}

// A stranger's lists are bounded.
func TestOptionsAreBounded(t *testing.T) {
	play(t, func(w *world) {
		var c sipua.Capabilities
		done := begin(func() (err error) { c, err = w.ua.Options(w.Context(), "1002"); return err })
		var all []string
		for i := range 300 {
			all = append(all, fmt.Sprint("M", i, strings.Repeat("x", 190)))
		}
		w.Respond(w.ExpectRequest(w.T, "OPTIONS"), 200, strings.Repeat("r", 1000), h("Allow", strings.Join(all, ",")), h("User-Agent", strings.Repeat("u", 1000)))
		require.NoError(w, done())
		require.Len(w, c.Allow, 100)
		require.Less(w, len(c.Allow[0]), 110)
		require.Less(w, len(c.UserAgent)+len(c.Reason), 420)
	})
}
