package sipua_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// ok answers a REGISTER with these Contacts, as they stand.
func (w *world) okWith(req *sip.Request, contacts ...string) {
	res := w.NewResponse(req, 200, "OK")
	res.RemoveHeader("Contact")
	for _, c := range contacts {
		res.AppendHeader(h("Contact", c))
	}
	w.Send(res)
}

// The typed list of bindings, from what registrars write (section 10.2.1, 20.10).
func TestBindings(t *testing.T) {
	const instance = "urn:uuid:00000000-0000-4000-8000-000000000001"
	play(t, func(w *world) {
		require.Empty(w, w.ua.Bindings())
		req, done := w.registering()
		own := req.Contact().Address.String()
		w.okWith(req,
			"<"+own+`>;q=0.7;+sip.instance="<`+instance+`>";reg-id=1;expires=300`,
			`"Desk; phone, \"two\"" <sip:desk@192.0.2.7;transport=udp>;Q=0.25;EXPIRES="90"`,
			"sip:old@192.0.2.8;expires=10",
			`<sip:odd@192.0.2.9>;q=7;expires=soon;reg-id=-3;+sip.instance="<urn:x>"`,
			`<sip:a@192.0.2.10>;expires=5, <sip:b@192.0.2.11>;expires=6`,
		)
		require.NoError(w, done())
		want := []sipua.Binding{
			{URI: own, Expires: 300 * time.Second, Q: 0.7, Instance: instance, RegID: 1, Own: true},
			{URI: "sip:desk@192.0.2.7;transport=udp", DisplayName: `Desk; phone, "two"`, Expires: 90 * time.Second, Q: 0.25},
			{URI: "sip:old@192.0.2.8", Expires: 10 * time.Second, Q: 1},
			{URI: "sip:odd@192.0.2.9", Expires: 600 * time.Second, Q: 1, Instance: "urn:x"},
			{URI: "sip:a@192.0.2.10", Expires: 5 * time.Second, Q: 1},
			{URI: "sip:b@192.0.2.11", Expires: 6 * time.Second, Q: 1},
		}
		require.Equal(w, want, w.ua.Bindings())
		require.Equal(w, want, last[sipua.Registered](w).Bindings)
		require.Equal(w, 5*time.Minute, last[sipua.Registered](w).Expires, "ours, not that of another device")
		w.ua.Bindings()[0].URI = "changed"
		require.Equal(w, own, w.ua.Bindings()[0].URI, "a copy")
	})
	// The one of an earlier session stands beside: by the URI first.
	play(t, func(w *world) {
		req, done := w.registering()
		own := req.Contact().Address.String()
		w.okWith(req, `<sip:old@gone.invalid>;+sip.instance="<`+instance+`>";expires=5`, "<"+own+`>;+sip.instance="<`+instance+`>";expires=500`)
		require.NoError(w, done())
		require.Equal(w, 500*time.Second, last[sipua.Registered](w).Expires)
		list := w.ua.Bindings()
		require.False(w, list[0].Own)
		require.True(w, list[1].Own)
	})
	// A proxy has rewritten the URI: by the instance, whatever its case (RFC 8141).
	play(t, func(w *world) {
		req, done := w.registering()
		w.okWith(req, `<sip:other@192.0.2.1>;expires=7`, `<sip:1001@192.0.2.2:5060>;+sip.instance="<`+strings.ToUpper(instance)+`>";expires=400`)
		require.NoError(w, done())
		require.Equal(w, 400*time.Second, last[sipua.Registered](w).Expires)
		require.True(w, w.ua.Bindings()[1].Own)
	})
	// RFC 5626: of our instance the flow with our reg-id.
	play(t, func(w *world) {
		req, done := w.registering()
		w.okWith(req, `<sip:1001@192.0.2.2>;+sip.instance="<`+instance+`>";reg-id=2;expires=10`, `<sip:1001@192.0.2.3>;+sip.instance="<`+instance+`>";reg-id=1;expires=400`)
		require.NoError(w, done())
		require.Equal(w, 400*time.Second, last[sipua.Registered](w).Expires)
	})
	// A 200 without a Contact says that it is done.
	play(t, func(w *world) {
		req, done := w.registering()
		w.okWith(req)
		require.NoError(w, done())
		require.Equal(w, 10*time.Minute, last[sipua.Registered](w).Expires)
		require.Empty(w, w.ua.Bindings())
	})
	// A registrar cannot fill our memory.
	play(t, func(w *world) {
		req, done := w.registering()
		contacts := make([]string, 400)
		for i := range contacts {
			contacts[i] = "<sip:u" + itoa(i) + "@192.0.2.1>;expires=100"
		}
		w.okWith(req, contacts...)
		require.NoError(w, done())
		require.LessOrEqual(w, len(w.ua.Bindings()), 256)
	})
}

// Every 2xx lists what is left (section 10.3 step 8), that of Unregister as well.
func TestBindingsAfterUnregister(t *testing.T) {
	play(t, func(w *world) {
		req, done := w.registering()
		w.okWith(req, "<sip:desk@192.0.2.7>;expires=90", "<"+req.Contact().Address.String()+">;expires=600")
		require.NoError(w, done())
		done = begin(func() error { return w.ua.Unregister(w.Context()) })
		w.okWith(w.ExpectRequest(w.T, "REGISTER"), "<sip:desk@192.0.2.7>;expires=80")
		require.NoError(w, done())
		require.Equal(w, []sipua.Binding{{URI: "sip:desk@192.0.2.7", Expires: 80 * time.Second, Q: 1}}, w.ua.Bindings())
	})
}

// Section 10.2.3: a REGISTER without Contact asks and changes nothing.
func TestFetchBindings(t *testing.T) {
	play(t, func(w *world) {
		var list []sipua.Binding
		fetch := func() func() error {
			return begin(func() (err error) { list, err = w.ua.FetchBindings(w.Context()); return err })
		}
		done := fetch()
		req := w.ExpectRequest(w.T, "REGISTER")
		require.Empty(w, values(req, "Contact"))
		require.Empty(w, values(req, "Expires"))
		require.Equal(w, "sip:example.com", req.Recipient.String())
		w.okWith(req, "<sip:desk@192.0.2.7>;expires=90;q=0.1")
		require.NoError(w, done())
		require.Equal(w, []sipua.Binding{{URI: "sip:desk@192.0.2.7", Expires: 90 * time.Second, Q: 0.1}}, list)
		require.Equal(w, list, w.ua.Bindings())
		require.Zero(w, count[sipua.Registered](w))
		w.ExpectNothing(w.T, time.Hour)

		// With a challenge, and refused.
		done = fetch()
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 401, "Unauthorized", h("WWW-Authenticate", `Digest realm="example.com", nonce="n1", qop="auth"`))
		req = w.ExpectRequest(w.T, "REGISTER")
		require.NotEmpty(w, value(req, "Authorization"))
		w.Respond(req, 403, "Forbidden")
		typed(w, done(), sipua.CodeRejected, 403)
		require.Zero(w, count[sipua.RegistrationFailed](w), "nothing was to be registered")
	})
	// While registered: nothing of the registration changes, and the sequence counts on.
	play(t, func(w *world) {
		first := w.register()
		w.forget()
		done := begin(func() error { _, err := w.ua.FetchBindings(w.Context()); return err })
		req := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, first.CallID().Value(), req.CallID().Value())
		require.Greater(w, req.CSeq().SeqNo, first.CSeq().SeqNo)
		w.okWith(req)
		require.NoError(w, done())
		require.Empty(w, w.story())
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 200, "OK") // the refresh comes all the same
	})
	// It waits for its turn.
	play(t, func(w *world) {
		req, registered := w.registering()
		done := begin(func() error { _, err := w.ua.FetchBindings(w.Context()); return err })
		w.ExpectNothing(w.T, time.Second)
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, registered())
		w.okWith(w.ExpectRequest(w.T, "REGISTER"))
		require.NoError(w, done())
	})
}

// Section 10.2.2: all of the address of record.
func TestUnregisterAll(t *testing.T) {
	play(t, func(w *world) {
		w.register()
		w.forget()
		done := begin(func() error { return w.ua.UnregisterAll(w.Context()) })
		req := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, []string{"*"}, values(req, "Contact"))
		require.Equal(w, []string{"0"}, values(req, "Expires"))
		w.Respond(req, 200, "OK")
		require.NoError(w, done())
		require.Equal(w, []string{"unregistered"}, w.story())
		w.ExpectNothing(w.T, time.Hour)
	})
	// Also those of others, when we have none.
	play(t, func(w *world) {
		done := begin(func() error { return w.ua.UnregisterAll(w.Context()) })
		req := w.ExpectRequest(w.T, "REGISTER")
		require.Equal(w, []string{"*"}, values(req, "Contact"))
		w.Respond(req, 403, "Forbidden")
		e := typed(w, done(), sipua.CodeRejected, 403)
		require.Equal(w, "unregister all", e.Op)
		require.Zero(w, count[sipua.Unregistered](w), "there was no registration of ours")
	})
}

// RFC 8599 section 4.1: parameters of the Contact URI, with what may not stand in
// one escaped (RFC 3261 section 25.1).
func TestPush(t *testing.T) {
	push := func(c *sipua.Config) {
		c.Push = &sipua.Push{Provider: "webpush", PRID: `https://push.example.com/x?a=b;c,d"e<f>@g%`, Param: "BK=1"}
	}
	const escaped = ";pn-provider=webpush;pn-param=BK%3D1;pn-prid=https://push.example.com/x%3Fa%3Db%3Bc%2Cd%22e%3Cf%3E%40g%25"
	play(t, func(w *world) {
		req, done := w.registering()
		uri, _, _ := strings.Cut(strings.TrimPrefix(value(req, "Contact"), "<"), ">")
		require.Contains(w, uri, escaped, "in the URI, not behind it")
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, done())
		require.True(w, w.ua.Bindings()[0].Own)

		// It is for REGISTER alone.
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		require.NotContains(w, value(invite, "Contact"), "pn-")
		w.Respond(invite, 486, "Busy Here")
		w.ExpectRequest(w.T, "ACK")
		w.end(call)

		// A new token: refreshed at once.
		set := begin(func() error {
			return w.ua.SetPush(w.Context(), &sipua.Push{Provider: "fcm", PRID: "token2"})
		})
		req = w.ExpectRequest(w.T, "REGISTER")
		require.Contains(w, value(req, "Contact"), ";pn-provider=fcm;pn-prid=token2>")
		require.NotContains(w, value(req, "Contact"), "pn-param")
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, set())
		// Taken back.
		set = begin(func() error { return w.ua.SetPush(w.Context(), nil) })
		req = w.ExpectRequest(w.T, "REGISTER")
		require.NotContains(w, value(req, "Contact"), "pn-")
		w.Respond(req, 200, "OK", req.Contact())
		require.NoError(w, set())
	}, push)
	// Not registered: it is for the next time.
	play(t, func(w *world) {
		require.NoError(w, w.ua.SetPush(w.Context(), &sipua.Push{Provider: "fcm", PRID: "t"}))
		w.ExpectNothing(w.T, time.Minute)
		require.Contains(w, value(w.register(), "Contact"), ";pn-provider=fcm;pn-prid=t>")
	})
	// Refused: the error says so (RFC 8599 section 4.1.4: 555).
	play(t, func(w *world) {
		w.register()
		set := begin(func() error { return w.ua.SetPush(w.Context(), &sipua.Push{Provider: "x", PRID: "t"}) })
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 555, "Push Notification Service Not Supported")
		typed(w, set(), sipua.CodeRejected, 555)
	})
	play(t, func(w *world) {
		for _, p := range []sipua.Push{{}, {Provider: "x"}, {PRID: "x"}, {Provider: "x", PRID: "a b"}, {Provider: "x", PRID: "ä"}, {Provider: "x\r\n", PRID: "y"}} {
			e := typed(w, w.ua.SetPush(w.Context(), &p), sipua.CodeInvalidArgument, 0)
			require.Equal(w, "set push", e.Op)
			_, err := sipua.New(sipua.Config{URI: "sip:1@example.com", Servers: []sipua.Server{{URL: urlA}}, Push: &p})
			typed(w, err, sipua.CodeInvalidArgument, 0)
		}
	})
}

// At the moment of RegistrationExpiring a new token is in time for the refresh.
func TestPushAtRefresh(t *testing.T) {
	play(t, func(w *world) {
		w.ua.On(func(e sipua.Event) {
			if _, ok := e.(sipua.RegistrationExpiring); ok {
				_ = w.ua.SetPush(w.Context(), &sipua.Push{Provider: "fcm", PRID: "fresh"})
			}
		})
		w.register()
		for {
			req := w.ExpectRequest(w.T, "REGISTER")
			w.Respond(req, 200, "OK", req.Contact())
			synctest.Wait()
			if strings.Contains(value(req, "Contact"), "pn-prid=fresh") {
				break
			}
		}
		require.LessOrEqual(w, count[sipua.Registered](w), 3)
	})
}

// Further parameters of the Contact of REGISTER (section 20.10, RFC 3840).
func TestContactParams(t *testing.T) {
	params := func(list ...sipua.Param) func(*sipua.Config) {
		return func(c *sipua.Config) { c.ContactParams = list }
	}
	play(t, func(w *world) {
		w.register()
		// As it was on the wire: sipgo's parameters do not come back as they were.
		_, contact, _ := strings.Cut(w.Ladder().Entries()[1].Text, "\r\nContact: ")
		contact, _, _ = strings.Cut(contact, "\r\n")
		_, behind, _ := strings.Cut(contact, ">")
		for _, want := range []string{";q=0.5", ";audio;", `;+g.oma="<urn:a;b>"`, `;description="a \"b\" \\ c"`} {
			require.Contains(w, behind+";", want)
		}
		done := begin(func() error { return w.ua.Unregister(w.Context()) })
		w.Respond(w.ExpectRequest(w.T, "REGISTER"), 200, "OK")
		require.NoError(w, done())
		call := w.callOut()
		invite := w.ExpectRequest(w.T, "INVITE")
		require.NotContains(w, value(invite, "Contact"), "q=0.5")
		w.Respond(invite, 486, "Busy Here")
		w.end(call)
	}, params(sipua.Param{Name: "q", Value: "0.5"}, sipua.Param{Name: "audio"}, sipua.Param{Name: "+g.oma", Value: "<urn:a;b>"}, sipua.Param{Name: "description", Value: `a "b" \ c`}))
	for _, bad := range []sipua.Param{
		{}, {Name: "a b"}, {Name: "a;b"}, {Name: "x", Value: "a\r\nVia: y"}, {Name: "EXPIRES", Value: "1"}, {Name: "reg-id", Value: "1"}, {Name: "+Sip.Instance", Value: "x"}, {Name: "pub-gruu"},
	} {
		cfg := sipua.Config{URI: "sip:1@example.com", Servers: []sipua.Server{{URL: urlA}}}
		params(bad)(&cfg)
		_, err := sipua.New(cfg)
		typed(t, err, sipua.CodeInvalidArgument, 0)
	}
}
