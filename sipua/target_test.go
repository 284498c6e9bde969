package sipua_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// What people and programs call.
func TestTargets(t *testing.T) {
	for target, want := range map[string]struct{ uri, user string }{
		"1002":                             {"sip:1002@example.com", "1002"},
		"  1002 ":                          {"sip:1002@example.com", "1002"},
		"bob":                              {"sip:bob@example.com", "bob"},
		"+1 (555) 123-4567":                {"sip:+15551234567@example.com", "+15551234567"},
		"555.123.4567":                     {"sip:5551234567@example.com", "5551234567"},
		"*98#":                             {"sip:*98%23@example.com", "*98#"},
		"tel:+1-201-555-0123":              {"sip:+12015550123@example.com;user=phone", "+12015550123"},
		"TEL:+1-201-555-0123;ext=12":       {"sip:+12015550123@example.com;user=phone", "+12015550123"},
		"a@b":                              {"sip:a@b", "a"},
		"1002@192.0.2.1:5070":              {"sip:1002@192.0.2.1:5070", "1002"},
		"1002@[2001:db8::1]":               {"sip:1002@[2001:db8::1]", "1002"},
		"sip:1002@host.example":            {"sip:1002@host.example", "1002"},
		"SIP:1002@host.example":            {"sip:1002@host.example", "1002"},
		"sips:1002@host.example":           {"sips:1002@host.example", "1002"},
		"sip:1002@h.example;transport=tcp": {"sip:1002@h.example;transport=tcp", "1002"},
		"sip:1002@h.example?X=y&Route=z":   {"sip:1002@h.example", "1002"},
		"sip:h.example":                    {"sip:h.example", ""},
		"a b":                              {"sip:a%20b@example.com", "a b"},
		"Łukasz":                           {"sip:%C5%81ukasz@example.com", "Łukasz"},
		"a%40b":                            {"sip:a%40b@example.com", "a@b"},
		"100%":                             {"sip:100%25@example.com", "100%"},
		`"><script>`:                       {"sip:%22%3E%3Cscript%3E@example.com", `"><script>`},
	} {
		t.Run(target, func(t *testing.T) {
			play(t, func(w *world) {
				call, err := w.ua.Call(target, sipua.CallOptions{})
				require.NoError(w, err)
				invite := w.ExpectRequest(w.T, "INVITE")
				require.Equal(w, want.uri, invite.Recipient.String())
				require.Equal(w, "<"+want.uri+">", value(invite, "To"))
				require.Equal(w, want.user, call.Remote().User)
			})
		})
	}
}

func TestRefusedTargets(t *testing.T) {
	play(t, func(w *world) {
		for _, target := range []string{"", "   ", "\t", "1002\r\nX: y", "10\x0002", "sip:", "sip:@", "sip:a@", "@example.com", "a@", "a@b c", "sip:a b@c", "sip:<a@b>", "sip:a@b>", "tel:", "tel:;ext=1", "()", "*@*:x", "sip:a@b:port", "\xff"} {
			call, err := w.ua.Call(target, sipua.CallOptions{})
			if !errors.Is(err, sipua.ErrInvalidArgument) {
				t.Errorf("the target %q is taken: %v", target, err)
			}
			if err == nil {
				require.NoError(w, call.Hangup(w.Context()))
			}
		}
	})
}

func TestRefusedHeaders(t *testing.T) {
	play(t, func(w *world) {
		for _, header := range []sipua.Header{{"", "x"}, {"X Y", "x"}, {"X:", "x"}, {"X\r\nY", "x"}, {"Ł", "x"}, {"X", "a\r\nb"}, {"X", "a\x00"},
			{"Via", "x"}, {"v", "x"}, {"FROM", "x"}, {"to", "x"}, {"Call-ID", "x"}, {"i", "x"}, {"CSeq", "1 INVITE"}, {"Contact", "x"}, {"m", "x"}, {"Route", "<sip:x>"},
			{"Record-Route", "<sip:x>"}, {"Max-Forwards", "1"}, {"Content-Length", "1"}, {"l", "1"}, {"Content-Type", "x"}, {"c", "x"}, {"Authorization", "x"},
			{"Proxy-Authorization", "x"}, {"Require", "x"}, {"Supported", "x"}, {"k", "x"}, {"Allow", "x"}, {"User-Agent", "x"}} {
			_, err := w.ua.Call("1002", sipua.CallOptions{Headers: []sipua.Header{header}})
			require.ErrorIs(w, err, sipua.ErrInvalidArgument, "%q", header)
		}
		for _, header := range []sipua.Header{{"X-Any", ""}, {"P-Asserted-Identity", "<sip:a@b>"}, {"Replaces", "a;to-tag=b;from-tag=c"}, {"Subject", "ü"}, {"x!%*_+`'~.-0", "tok"}} {
			call, err := w.ua.Call("1002", sipua.CallOptions{Headers: []sipua.Header{header}})
			require.NoError(w, err, "%q", header)
			invite := w.ExpectRequest(w.T, "INVITE")
			require.Equal(w, []string{header.Value}, values(invite, header.Name))
			begin(func() error { return call.Hangup(w.Context()) })
		}
	})
}
