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
	"github.com/sipwasm/sipwasm/sipua/sipuatest"
)

// breakers end a line, or a text, in one way or another.
var breakers = []string{"\r\n", "\n", "\r", "\x00", "\r\n\r\n", "\r\n ", "\xff"}

// Every text that the public API takes and that could reach the wire, with a line
// break in it: New refuses it, or the verb does, and nothing is sent. (TestInjection
// has the forms of a target.)
func TestEveryTextOfTheAPI(t *testing.T) {
	for _, b := range breakers {
		t.Run(fmt.Sprintf("%q", b), func(t *testing.T) {
			evil := "a" + b + "Injected: yes"
			for name, change := range map[string]func(*sipua.Config){
				"URI":                  func(c *sipua.Config) { c.URI = "sip:" + evil + "@example.com" },
				"URI parameter":        func(c *sipua.Config) { c.URI = "sip:1001@example.com;x=" + evil },
				"URI header":           func(c *sipua.Config) { c.URI = "sip:1001@example.com?x=" + evil },
				"URI port":             func(c *sipua.Config) { c.URI = "sip:1001@example.com:5060" + evil },
				"URI password":         func(c *sipua.Config) { c.URI = "sip:1001:" + evil + "@example.com" },
				"DisplayName":          func(c *sipua.Config) { c.DisplayName = evil },
				"UserAgent":            func(c *sipua.Config) { c.UserAgent = evil },
				"InstanceID":           func(c *sipua.Config) { c.InstanceID = "urn:uuid:" + evil },
				"Credentials.Username": func(c *sipua.Config) { c.Credentials.Username = evil },
			} {
				transport, _ := sipuatest.NewPipe()
				cfg := sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: "wss://example.com"}}, Transport: transport}
				change(&cfg)
				_, err := sipua.New(cfg)
				typed(t, fmt.Errorf("%s: %w", name, err), sipua.CodeInvalidArgument, 0)
			}
			play(t, func(w *world) {
				k := w.outgoing()
				w.forget()
				for name, verb := range map[string]func() error{
					"Call target": func() error { _, err := w.ua.Call(evil, sipua.CallOptions{}); return err },
					"Call header name": func() error {
						_, err := w.ua.Call("1002", sipua.CallOptions{Headers: []sipua.Header{{Name: evil, Value: "x"}}})
						return err
					},
					"Call header value": func() error {
						_, err := w.ua.Call("1002", sipua.CallOptions{Headers: []sipua.Header{{Name: "X", Value: evil}}})
						return err
					},
					"SendDTMF tones": func() error { return k.call.SendDTMF(w.Context(), "1"+evil, sipua.DTMFOptions{}) },
				} {
					typed(w, fmt.Errorf("%s: %w", name, verb()), sipua.CodeInvalidArgument, 0)
				}
				w.ExpectNothing(w.T, time.Second)
				k.bye()
			})
		})
	}
}

// The password and the URL of the server never stand in a message, so that anything
// may be in them; the world's promises look at all that was sent.
func TestPasswordWithLineBreaks(t *testing.T) {
	play(t, func(w *world) {
		done := begin(func() error { return w.ua.Register(w.Context()) })
		req := w.ExpectRequest(w.T, "REGISTER")
		w.Respond(req, 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="a", nonce="b"`))
		req = w.ExpectRequest(w.T, "REGISTER")
		require.Empty(w, values(req, "Injected"))
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
	}, func(c *sipua.Config) { c.Credentials.Password = "secret\r\nInjected: secret" })
}

// What separates in SIP stays inside the text that an application gives.
func TestSeparatorsStayInside(t *testing.T) {
	for _, evil := range []string{`"`, `\`, `\"`, `<sip:x@y>`, `a" <sip:x@y>;tag=z, "b`, ";tag=z", ",", "?a=b", "%0d%0a", "@x", "a:b", "\t", "=", "é\u202e"} {
		t.Run(evil, func(t *testing.T) {
			play(t, func(w *world) {
				call, err := w.ua.Call(strings.ReplaceAll(evil, "@", "")+"1@example.com", sipua.CallOptions{Headers: []sipua.Header{{Name: "X-Text", Value: "x" + evil + "x"}}})
				require.NoError(w, err)
				invite := w.parsed().(*sip.Request)
				require.Equal(w, "example.com", invite.Recipient.Host)
				require.Empty(w, invite.Recipient.UriParams)
				require.Empty(w, invite.Recipient.Headers)
				require.Equal(w, invite.Recipient.String(), invite.To().Address.String())
				require.Empty(w, invite.To().Params, "no tag")
				require.Equal(w, "sip:1001@example.com", invite.From().Address.String())
				require.Len(w, invite.From().Params, 1)
				require.Equal(w, "x"+evil+"x", value(invite, "X-Text"))
				for _, once := range []string{"From", "To", "Contact", "Call-ID", "CSeq", "User-Agent"} {
					require.Len(w, values(invite, once), 1, once)
				}
				require.Equal(w, "agent "+evil+".", value(invite, "User-Agent"))
				w.Respond(invite, 486, "Busy Here")
				w.end(call)
			}, func(c *sipua.Config) { c.DisplayName, c.UserAgent = evil, "agent "+evil+"." })
		})
	}
}

// A description that the media makes is a body, whatever it is: nothing in it can
// become a header.
func TestDescriptionOfTheMediaIsABody(t *testing.T) {
	play(t, func(w *world) {
		call := w.callOut()
		invite := w.parsed().(*sip.Request)
		require.Equal(w, "\r\n\r\nInjected: yes\r\n\x00", string(invite.Body()))
		require.Empty(w, values(invite, "Injected"))
		w.Respond(invite, 488, "Not Acceptable Here")
		w.end(call)
		synctest.Wait()
	}, func(c *sipua.Config) {
		c.Media = func(context.Context, *sipua.Call, any) (sipua.Media, error) { return oddMedia{}, nil }
	})
}

type oddMedia struct{ sipua.Media }

func (oddMedia) CreateOffer(context.Context, sipua.OfferOptions) (string, error) {
	return "\r\n\r\nInjected: yes\r\n\x00", nil
}

func (oddMedia) Close() {}
