//go:build !js

package sipuatest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	instanceA = "urn:uuid:00000000-0000-4000-8000-00000000000a"
	instanceB = "urn:uuid:00000000-0000-4000-8000-00000000000b"
)

// outbound registers a flow of an instance (RFC 5626 section 4.2).
func (p *phone) outbound(instance, regID string, lines ...string) *sip.Response {
	p.t.Helper()
	return p.register(append(lines, "Contact: <"+p.contact()+`>;+sip.instance="<`+instance+`>";reg-id=`+regID, "Supported: path, outbound, gruu")...)
}

// values of all headers of that name.
func values(m sip.Message, name string) (all []string) {
	for _, h := range m.GetHeaders(name) {
		all = append(all, h.Value())
	}
	return all
}

func TestServerOutboundBindings(t *testing.T) {
	s := newServer(t, Options{Accounts: open, FlowTimer: 90 * time.Second})
	a, b := newPhone(t, s, "1001"), newPhone(t, s, "1001")
	ok := a.outbound(instanceA, "1")
	assert.Equal(t, []string{"outbound"}, values(ok, "Require"))
	assert.Equal(t, []string{"90"}, values(ok, "Flow-Timer"))
	assert.Equal(t, []string{"path, outbound, gruu"}, values(ok, "Supported"))
	b.outbound(instanceA, "2")
	assert.Equal(t, []string{a.contact(), b.contact()}, s.Contacts("1001"))

	again := newPhone(t, s, "1001") // another Contact, another Call-ID, CSeq 1
	again.outbound(instanceA, "1")
	assert.Equal(t, []string{again.contact(), b.contact()}, s.Contacts("1001"))
	again.outbound(instanceB, "1")
	assert.Equal(t, []string{again.contact(), b.contact(), again.contact()}, s.Contacts("1001"), "another instance at the same address")

	plain := newPhone(t, s, "1001")
	ok = plain.register(`Contact: <` + plain.contact() + `>;+sip.instance="<` + instanceA + `>";reg-id=1`)
	assert.Empty(t, values(ok, "Require"), "it was not asked for")
	assert.Empty(t, values(ok, "Flow-Timer"))
	assert.Len(t, s.Contacts("1001"), 4)
	plain.register("Contact: <"+plain.contact()+">;reg-id=7", "Supported: outbound")
	assert.Len(t, s.Contacts("1001"), 4, "a reg-id without an instance says nothing")

	a.request("REGISTER", "sip:example.com", "sip:1001@example.com", "Supported: outbound",
		`Contact: <sip:x@x.invalid>;reg-id=8;+sip.instance="<`+instanceA+`>"`, `Contact: <sip:y@y.invalid>;reg-id=9;+sip.instance="<`+instanceA+`>"`)
	a.expectResponse(400)

	again.outbound(instanceB, "1", "Expires: 0")
	assert.Equal(t, []string{again.contact(), b.contact(), plain.contact()}, s.Contacts("1001"))

	s.Configure(func(o *Options) { o.Outbound = OutboundRefused })
	a.request("REGISTER", "sip:example.com", "sip:1001@example.com", "Supported: outbound", "Contact: <"+a.contact()+`>;reg-id=1;+sip.instance="<`+instanceA+`>"`)
	assert.Equal(t, "First Hop Lacks Outbound Support", a.expectResponse(439).Reason)
	a.register() // without a reg-id

	s.Configure(func(o *Options) { o.Outbound, o.NoGRUU = OutboundIgnored, true })
	ok = b.outbound(instanceA, "1")
	assert.Empty(t, values(ok, "Require"))
	assert.Equal(t, []string{"path"}, values(ok, "Supported"))
	assert.NotContains(t, strings.Join(values(ok, "Contact"), ""), "gruu=")
}

func TestServerTriesTheFlowsOfAnInstance(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	caller, one, two, other := newPhone(t, s, "1001"), newPhone(t, s, "1002"), newPhone(t, s, "1002"), newPhone(t, s, "1002")
	one.outbound(instanceA, "1")
	two.outbound(instanceA, "2")
	other.outbound(instanceB, "1")

	caller.request("INVITE", "sip:1002@example.com", "sip:1002@example.com")
	caller.expectResponse(100)
	rings := other.expectRequest("INVITE") // each instance once
	first := two.expectRequest("INVITE")   // over the flow registered last
	one.nothingMore()
	two.respond(first, 430, "Flow Failed", "two")
	two.expectRequest("ACK")
	second := one.expectRequest("INVITE")
	assert.NotEqual(t, first.Via().Value(), second.Via().Value())
	assert.Equal(t, one.contact(), second.Recipient.String())
	one.respond(second, 180, "Ringing", "one")
	caller.expectResponse(180)
	one.vanish()
	other.respond(rings, 486, "Busy Here", "other")
	other.expectRequest("ACK")
	caller.expectResponse(486) // and no third attempt

	t.Run("the flow is down while it rings", func(t *testing.T) {
		one := newPhone(t, s, "1002")
		one.outbound(instanceA, "1")
		text := caller.request("MESSAGE", "sip:1002@example.com;gr="+instanceA, "sip:1002@example.com")
		one.expectRequest("MESSAGE")
		one.vanish()
		m := two.expectRequest("MESSAGE")
		two.respond(m, 500, "Server Internal Error", "two") // an answer of the instance is its answer
		caller.expectResponse(500)
		assert.Contains(t, text, "MESSAGE")
	})
	t.Run("all are", func(t *testing.T) {
		caller.request("MESSAGE", "sip:1002@example.com;gr="+instanceA, "sip:1002@example.com")
		two.respond(two.expectRequest("MESSAGE"), 430, "Flow Failed", "two")
		caller.expectResponse(480)
	})
}

// gruusOf returns the GRUUs in a Contact of a 200.
func gruusOf(t *testing.T, ok *sip.Response) (public, temporary string) {
	t.Helper()
	// From the text: sipgo splits parameters at a semicolon inside quotes too.
	contact := values(ok, "Contact")
	require.NotEmpty(t, contact)
	find := func(name string) string {
		_, after, _ := strings.Cut(contact[0], ";"+name+`="`)
		value, _, _ := strings.Cut(after, `"`)
		return value
	}
	return find("pub-gruu"), find("temp-gruu")
}

func TestServerGRUU(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	a, b, caller := newPhone(t, s, "1001"), newPhone(t, s, "1001"), newPhone(t, s, "1002")
	public, temporary := gruusOf(t, a.outbound(instanceA, "1"))
	assert.Equal(t, "sip:1001@example.com;gr="+instanceA, public)
	b.outbound(instanceB, "1")
	same, fresh := gruusOf(t, a.outbound(instanceA, "1"))
	assert.Equal(t, public, same)
	assert.NotEqual(t, temporary, fresh)
	assert.NotContains(t, fresh, "1001")
	for _, gruu := range []string{public, fresh} {
		caller.request("MESSAGE", gruu, gruu)
		m := a.expectRequest("MESSAGE")
		assert.Equal(t, a.contact(), m.Recipient.String())
		a.respond(m, 200, "OK", "a")
		caller.expectResponse(200)
	}
	b.nothingMore()
	// The REGISTER above had another Call-ID: what was given out before is void.
	caller.request("MESSAGE", temporary, temporary)
	caller.expectResponse(480)
	caller.request("MESSAGE", "sip:tgruu.0042@example.com;gr", "sip:1001@example.com")
	caller.expectResponse(404)
	caller.request("MESSAGE", "sip:1009@example.com;gr=urn:x", "sip:1009@example.com")
	caller.expectResponse(404)
	a.outbound(instanceA, "1", "Expires: 0")
	caller.request("MESSAGE", public, public)
	caller.expectResponse(480)

	ok := a.register(`Contact: <` + a.contact() + `>;+sip.instance="<` + instanceA + `>";pub-gruu="sip:forged"`)
	public, temporary = gruusOf(t, ok)
	assert.Empty(t, public+temporary, "not without the option tag, and never the client's")
}

func TestServerEdgeProxy(t *testing.T) {
	s := newServer(t, Options{Accounts: open, EdgeProxy: true})
	a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
	path := values(b.outbound(instanceB, "1"), "Path")
	require.Len(t, path, 1)
	assert.Regexp(t, `^<sip:\w+@127\.0\.0\.1:\d+;transport=ws;lr;ob>$`, path[0])
	a.outbound(instanceA, "1")
	b.request("MESSAGE", "sip:1001@example.com", "sip:1001@example.com", "Route: "+path[0]) // its own flow is the way out
	a.respond(a.expectRequest("MESSAGE"), 200, "OK", "a")
	b.expectResponse(200)

	a.request("INVITE", "sip:1002@example.com", "sip:1002@example.com")
	a.expectResponse(100)
	invite := b.expectRequest("INVITE")
	routes := values(invite, "Record-Route")
	require.Len(t, routes, 2)
	assert.NotEqual(t, routes[0], routes[1])
	b.respond(invite, 200, "OK", "b")
	ok := a.expectResponse(200)
	reverse := ok.GetHeaders("Record-Route")
	require.Len(t, reverse, 2)
	// The caller's route set is the reverse of what the callee saw.
	callerRoutes := []string{"Route: " + reverse[1].Value(), "Route: " + reverse[0].Value()}
	inDialog := func(method string, lines ...string) string {
		a.seq++
		return a.message(method, ok.Contact().Address.String(), ok.From().Value(), ok.To().Value(), ok.CallID().Value(), 10+a.seq, append(lines, callerRoutes...)...)
	}
	a.write(inDialog("ACK"))
	b.expectRequest("ACK")
	a.write(inDialog("INFO"))
	b.respond(b.expectRequest("INFO"), 200, "OK", "")
	a.expectResponse(200)
	b.inDialog("INFO", invite, ok, false)
	a.respond(a.expectRequest("INFO"), 200, "OK", "")
	b.expectResponse(200)

	// The contact lives on another flow now, but the dialog keeps to its own.
	again := newPhone(t, s, "1002")
	again.host = b.host
	again.outbound(instanceB, "2")
	require.Len(t, s.Flows("1002"), 2)
	s.Flows("1002")[0].Drop(1006)
	a.write(inDialog("BYE"))
	a.expectResponse(430)
	a.request("OPTIONS", b.contact(), b.contact(), callerRoutes...) // nor outside of it
	a.expectResponse(430)
	again.nothingMore()
}

func TestServerPath(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
	ok := b.register("Path: <sip:p1.example.org;lr>", "Path: <sip:p2.example.org;lr>", "Supported: path")
	want := []string{"<sip:p1.example.org;lr>", "<sip:p2.example.org;lr>"}
	assert.Equal(t, want, values(ok, "Path"))
	a.request("MESSAGE", "sip:1002@example.com", "sip:1002@example.com")
	m := b.expectRequest("MESSAGE")
	assert.Equal(t, want, values(m, "Route"))
}

func TestServerServiceRoute(t *testing.T) {
	s := newServer(t, Options{Accounts: open, RequireServiceRoute: true})
	a, b := newPhone(t, s, "1001"), newPhone(t, s, "1002")
	b.register()
	route := values(a.register(), "Service-Route")
	require.Len(t, route, 1)
	a.request("MESSAGE", "sip:1002@example.com", "sip:1002@example.com")
	a.expectResponse(403)
	a.request("MESSAGE", "sip:1002@example.com", "sip:1002@example.com", "Route: <"+strings.Replace(strings.Trim(route[0], "<>"), "orig@", "", 1)+">")
	a.expectResponse(403)
	a.request("INVITE", "sip:1002@example.com", "sip:1002@example.com", "Route: "+route[0])
	a.expectResponse(100)
	invite := b.expectRequest("INVITE")
	assert.Empty(t, values(invite, "Route"))
	b.respond(invite, 200, "OK", "b")
	ok := a.expectResponse(200)
	a.inDialog("ACK", invite, ok, true)
	b.expectRequest("ACK")
	a.inDialog("BYE", invite, ok, true)
	b.respond(b.expectRequest("BYE"), 200, "OK", "")
	a.expectResponse(200)

	s.Configure(func(o *Options) { o.RequireServiceRoute = false })
	assert.Empty(t, values(a.register(), "Service-Route"))
}

func TestServerPush(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	a := newPhone(t, s, "1001")
	pn := func(provider string) string { return "Contact: <" + a.contact() + ";pn-provider" + provider + ">" }
	assert.Empty(t, values(a.register(pn("=apns")), "Feature-Caps"))
	s.Configure(func(o *Options) { o.PushProviders = []string{"fcm", "webpush"} })
	assert.Equal(t, []string{`*;+sip.pns="webpush"`}, values(a.register(pn("=webpush")), "Feature-Caps"))
	assert.Len(t, values(a.register(pn("")), "Feature-Caps"), 2)
	a.request("REGISTER", "sip:example.com", "sip:1001@example.com", pn("=apns"))
	a.expectResponse(555)
	s.Configure(func(o *Options) { o.PushProviders = []string{} })
	a.request("REGISTER", "sip:example.com", "sip:1001@example.com", pn("=fcm"))
	a.expectResponse(555)
}

func TestServerOddAnswersToRegister(t *testing.T) {
	s := newServer(t, Options{Accounts: open, OmitContact: true, OtherContacts: []string{"<sip:x@x.invalid>;expires=10", `<sip:y@y.invalid>;+sip.instance="<urn:y>"`}})
	a := newPhone(t, s, "1001")
	assert.Equal(t, []string{"<sip:x@x.invalid>;expires=10", `<sip:y@y.invalid>;+sip.instance="<urn:y>"`}, values(a.register(), "Contact"))
	assert.Equal(t, []string{a.contact()}, s.Contacts("1001"), "bound all the same")

	s.Next("REGISTER",
		Action{Status: 503, Reason: "Service Unavailable", Headers: []sip.Header{sip.NewHeader("Retry-After", "30")}},
		Action{Status: 302, Reason: "Moved Temporarily", Headers: []sip.Header{sip.NewHeader("Contact", "<sip:b.example.com>")}})
	a.request("REGISTER", "sip:example.com", "sip:1001@example.com")
	assert.Equal(t, []string{"30"}, values(a.expectResponse(503), "Retry-After"))
	a.request("OPTIONS", "sip:example.com", "sip:example.com")
	a.expectResponse(200)
	a.request("REGISTER", "sip:example.com", "sip:1001@example.com")
	assert.Equal(t, []string{"<sip:b.example.com>"}, values(a.expectResponse(302), "Contact"))
	a.register()
	s.Configure(func(o *Options) { o.OmitContact, o.OtherContacts = false, nil })
	assert.Equal(t, []string{"<" + a.contact() + ">;expires=3600"}, values(a.register(), "Contact"))
}

func TestServerFlows(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	one, two, caller := newPhone(t, s, "1001"), newPhone(t, s, "1001"), newPhone(t, s, "1002")
	two.host = one.host // one Contact over two flows
	one.outbound(instanceA, "1")
	two.outbound(instanceA, "2")
	flows := s.Flows("1001")
	require.Len(t, flows, 2)
	assert.Equal(t, Flow{one.contact(), instanceA, "1", flows[0].flow}, flows[0])
	assert.Equal(t, "2", flows[1].RegID)
	for i, p := range []*phone{one, two} {
		flows[i].Send([]byte("hello"))
		text, ok := p.in.pop(patience)
		require.True(t, ok)
		assert.Equal(t, "hello", string(text))
	}
	caller.request("MESSAGE", one.contact(), one.contact())
	two.respond(two.expectRequest("MESSAGE"), 200, "OK", "two")
	caller.expectResponse(200)
	flows[1].Drop(1012)
	<-two.closed
	assert.Len(t, s.Flows("1001"), 1)
	caller.request("MESSAGE", one.contact(), one.contact())
	one.respond(one.expectRequest("MESSAGE"), 200, "OK", "one")
	caller.expectResponse(200)
	flows[0].HalfOpen()
	one.request("OPTIONS", "sip:example.com", "sip:example.com")
	caller.nothingMore()
	_, ok := one.in.pop(0)
	assert.False(t, ok)
}

func TestServerRequire(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	a := newPhone(t, s, "1001")
	contact := "Contact: <" + a.contact() + `>;reg-id=1;+sip.instance="<` + instanceA + `>"`
	assert.Equal(t, []string{"outbound"}, values(a.register(contact, "Require: outbound, gruu"), "Require"))
	a.request("REGISTER", "sip:example.com", "sip:1001@example.com", "Require: outbound, magic")
	assert.Equal(t, []string{"magic"}, values(a.expectResponse(420), "Unsupported"))
	s.Configure(func(o *Options) { o.Outbound, o.NoGRUU = OutboundIgnored, true })
	a.request("REGISTER", "sip:example.com", "sip:1001@example.com", contact, "Require: outbound, gruu")
	assert.Equal(t, []string{"outbound, gruu"}, values(a.expectResponse(420), "Unsupported"))
}

func TestOutboundIgnoredForks(t *testing.T) {
	s := newServer(t, Options{Accounts: open, Outbound: OutboundIgnored})
	one, two, caller := newPhone(t, s, "1001"), newPhone(t, s, "1001"), newPhone(t, s, "1002")
	one.outbound(instanceA, "1")
	two.outbound(instanceA, "1")
	caller.request("MESSAGE", "sip:1001@example.com", "sip:1001@example.com")
	one.respond(one.expectRequest("MESSAGE"), 486, "Busy Here", "one")
	two.respond(two.expectRequest("MESSAGE"), 200, "OK", "two")
	caller.expectResponse(200)
}

func TestServerContactsAreBounded(t *testing.T) {
	s := newServer(t, Options{Accounts: open})
	a := newPhone(t, s, "1001")
	for i := range maxNames {
		a.host = fmt.Sprintf("h%d.invalid", i)
		a.nothingMore()
	}
	s.mu.Lock()
	known := len(s.contacts)
	s.mu.Unlock()
	assert.Equal(t, maxNames/2, known, "each with its host")
	b := newPhone(t, s, "1001")
	for i := range maxBindings {
		b.host = fmt.Sprintf("b%d.invalid", i)
		b.register()
	}
	b.host = "one-more.invalid"
	b.request("REGISTER", "sip:example.com", "sip:1001@example.com")
	assert.Equal(t, []string{"60"}, values(b.expectResponse(500), "Retry-After"))
}
