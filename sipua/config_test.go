package sipua_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func TestInstanceID(t *testing.T) {
	play(t, func(w *world) {
		require.Regexp(w, `^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, w.ua.InstanceID())
		require.Contains(w, value(w.register(), "Contact"), `+sip.instance="<`+w.ua.InstanceID()+`>"`)
	}, func(c *sipua.Config) { c.InstanceID = "" })
	play(t, func(w *world) {
		require.Equal(w, "urn:uuid:00000000-0000-4000-8000-000000000001", w.ua.InstanceID())
	})
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*sipua.Config){
		"no URI":                func(c *sipua.Config) { c.URI = "" },
		"no user":               func(c *sipua.Config) { c.URI = "sip:example.com" },
		"tel URI":               func(c *sipua.Config) { c.URI = "tel:+1" },
		"no scheme":             func(c *sipua.Config) { c.URI = "1001@example.com" },
		"angle brackets":        func(c *sipua.Config) { c.URI = "<sip:1001@example.com>" },
		"no servers":            func(c *sipua.Config) { c.Servers = nil },
		"http server":           func(c *sipua.Config) { c.Servers = []sipua.Server{{URL: "https://example.com"}} },
		"second server":         func(c *sipua.Config) { c.Servers = append(c.Servers, sipua.Server{URL: "example.com"}) },
		"password and HA1":      func(c *sipua.Config) { c.Credentials = sipua.Credentials{Password: "a", HA1: []sipua.HA1{{Hash: "b"}}} },
		"short registration":    func(c *sipua.Config) { c.RegistrationExpires = time.Second },
		"negative registration": func(c *sipua.Config) { c.RegistrationExpires = -time.Hour },
		"negative timeout":      func(c *sipua.Config) { c.ConnectTimeout = -1 },
		"instance":              func(c *sipua.Config) { c.InstanceID = "12345" },
		"instance with quotes":  func(c *sipua.Config) { c.InstanceID = `urn:x">` },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				cfg := sipua.Config{URI: "sip:1001@example.com", Servers: []sipua.Server{{URL: "wss://example.com"}}}
				change(&cfg)
				_, err := sipua.New(cfg)
				e := typed(w, err, sipua.CodeInvalidArgument, 0)
				require.NotEmpty(w, e.Reason)
			})
		})
	}
	// The configuration is copied.
	servers := []sipua.Server{{URL: "wss://example.com/ws"}}
	play(t, func(w *world) {
		servers[0].URL = "changed"
		w.register()
		require.Equal(w, "wss://example.com/ws", w.ExpectDial(w.T))
	}, func(c *sipua.Config) { c.Servers = servers })
}

// Section 8.1.1.8 with RFC 5630 section 5.1.1: where the Request-URI is a SIPS
// URI the Contact is one too.
func TestSips(t *testing.T) {
	play(t, func(w *world) {
		req := w.register()
		require.Equal(w, "sips:example.com", req.Recipient.String())
		require.True(w, strings.HasPrefix(value(req, "Contact"), "<sips:"), value(req, "Contact"))
		call := w.callOut()
		require.Equal(w, "sips:1002@example.com", call.Remote().URI)
		invite := w.ExpectRequest(w.T, "INVITE")
		require.True(w, strings.HasPrefix(value(invite, "Contact"), "<sips:"), value(invite, "Contact"))
	}, func(c *sipua.Config) { c.URI = "sips:1001@example.com" })
	play(t, func(w *world) {
		_, err := w.ua.Call("sips:1002@example.com", sipua.CallOptions{})
		require.NoError(w, err)
		invite := w.ExpectRequest(w.T, "INVITE")
		require.True(w, strings.HasPrefix(value(invite, "Contact"), "<sips:"), value(invite, "Contact"))
	})
}
