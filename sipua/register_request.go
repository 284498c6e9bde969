package sipua

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// domain is the Request-URI of REGISTER (section 10.2): no user part.
func (ua *UserAgent) domain() *sip.Uri {
	return &sip.Uri{Scheme: ua.aor.Scheme, Host: ua.aor.Host, Port: ua.aor.Port}
}

// build makes the REGISTER of an act.
func (b *binding) build(a act, target *sip.Uri) *sip.Request {
	ua := b.link.ua
	b.seq++
	req := sip.NewRequest(sip.REGISTER, *target.Clone())
	req.AppendHeader(ua.from(b.tag))
	req.AppendHeader(&sip.ToHeader{DisplayName: message.Quote(ua.cfg.DisplayName), Address: *ua.aor.Clone()})
	callID := sip.CallIDHeader(b.callID)
	req.AppendHeader(&callID)
	message.CSeq(req, b.seq)
	seconds := "0"
	switch a {
	case renew:
		seconds = strconv.Itoa(int(b.asked / time.Second))
		fallthrough
	case remove:
		req.AppendHeader(b.contact(seconds))
		req.AppendHeader(sip.NewHeader("Expires", seconds))
	case removeAll: // section 10.2.2
		req.AppendHeader(sip.NewHeader("Contact", "*"))
		req.AppendHeader(sip.NewHeader("Expires", seconds))
	}
	req.AppendHeader(ua.allowed())
	// RFC 3327: proxies may put themselves between; RFC 5627; RFC 5626.
	supported := "path, gruu"
	if !ua.registration.noOutbound {
		supported += ", outbound"
	}
	req.AppendHeader(sip.NewHeader("Supported", supported))
	return req
}

// contact is written by hand: sipgo would put quotes around some values that have
// them already.
func (b *binding) contact(seconds string) sip.Header {
	ua := b.link.ua
	uri := ua.ownContact(ua.aor.Scheme)
	if p := ua.registration.push; p != nil { // RFC 8599 section 4.1: parameters of the URI
		uri.UriParams.Add("pn-provider", escapeParam(p.Provider))
		if p.Param != "" {
			uri.UriParams.Add("pn-param", escapeParam(p.Param))
		}
		uri.UriParams.Add("pn-prid", escapeParam(p.PRID))
	}
	value := "<" + uri.String() + `>;+sip.instance="<` + ua.cfg.InstanceID + `>"` // RFC 5626 section 4.1
	if !ua.registration.noOutbound {
		value += ";reg-id=" + strconv.Itoa(b.link.number) // RFC 5626 section 4.2
	}
	for _, p := range ua.cfg.ContactParams {
		value += ";" + p.Name
		if message.IsToken(p.Value) {
			value += "=" + p.Value
		} else if p.Value != "" {
			value += `="` + message.Quote(p.Value) + `"`
		}
	}
	return sip.NewHeader("Contact", value+";expires="+seconds)
}

// escapeParam escapes what may not stand in a URI parameter (section 25.1:
// paramchar).
func escapeParam(s string) string {
	const plain = "-_.!~*'()[]/:&+$"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
		} else {
			const hex = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

// learn takes what a 2xx to REGISTER brings.
func (b *binding) learn(res *sip.Response) (granted time.Duration) {
	granted = b.list(res)
	b.gruu, b.tempGRUU = "", ""
	if i := slices.IndexFunc(b.bindings, func(x Binding) bool { return x.Own }); i >= 0 {
		b.gruu, b.tempGRUU = b.bindings[i].GRUU, b.bindings[i].TempGRUU
	}
	b.routes = serviceRoute(res)
	// RFC 5626 section 6: "Require: outbound" says that the registrar did as asked.
	b.outbound = slices.ContainsFunc(message.Tokens(res, "Require"), func(tag string) bool { return strings.EqualFold(tag, "outbound") })
	if seconds, ok := message.Seconds(res, "Flow-Timer"); ok && seconds > 0 {
		b.link.flow.FlowTimer(min(time.Duration(seconds)*time.Second, maxExpires))
	}
	return granted
}

// list keeps the bindings that a 2xx tells (section 10.3 step 8: all of them).
func (b *binding) list(res *sip.Response) (granted time.Duration) {
	b.bindings, granted = b.readBindings(res)
	all := slices.Clone(b.bindings)
	b.link.ua.registration.known.Store(&all)
	return granted
}

// maxBindings bounds what is kept of a registrar's list.
const maxBindings = 256

// readBindings reads the Contacts of a 2xx to REGISTER, and what ours was granted.
// Ours is known by its URI, or by instance and reg-id where the registrar or a
// proxy has rewritten the URI. Without the parameter expires the header counts
// (section 10.2.4), and without that, or without a Contact of ours, what was asked
// for: a 2xx says that the registrar holds the binding, and some list none.
func (b *binding) readBindings(res *sip.Response) (all []Binding, granted time.Duration) {
	ua := b.link.ua
	usual := b.asked
	if seconds, ok := message.Seconds(res, "Expires"); ok {
		usual = min(time.Duration(seconds)*time.Second, maxExpires)
	}
	granted = -1
	byURI := slices.ContainsFunc(res.GetHeaders("Contact"), func(h sip.Header) bool {
		c, ok := h.(*sip.ContactHeader)
		return ok && ua.isOwn(&c.Address)
	})
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sip.ContactHeader)
		if !ok || c.Address.Wildcard || len(all) == maxBindings {
			continue
		}
		x := readBinding(c, usual)
		// By the instance only when no URI is ours: a registrar that does not know
		// instances lists the Contact of an earlier session as well.
		x.Own = ua.isOwn(&c.Address) || !byURI && strings.EqualFold(x.Instance, ua.cfg.InstanceID)
		if x.Own && (x.RegID == 0 || x.RegID == b.link.number) {
			granted = max(granted, x.Expires)
		}
		all = append(all, x)
	}
	if granted < 0 {
		granted = usual
	}
	return all, granted
}

func (ua *UserAgent) isOwn(uri *sip.Uri) bool {
	return strings.EqualFold(uri.Host, ua.host) && uri.User == ua.user
}

func readBinding(c *sip.ContactHeader, usual time.Duration) Binding {
	param := func(name string) string {
		v, _ := message.Param(c.Params, name)
		return v
	}
	x := Binding{
		URI: clean(c.Address.String(), 400), DisplayName: clean(message.DisplayName(c.DisplayName), 200), Expires: usual, Q: 1,
		Instance: clean(strings.Trim(param("+sip.instance"), "<>"), 200), GRUU: clean(param("pub-gruu"), 400), TempGRUU: clean(param("temp-gruu"), 400),
	}
	if seconds, err := strconv.ParseUint(param("expires"), 10, 31); err == nil {
		x.Expires = min(time.Duration(seconds)*time.Second, maxExpires)
	}
	if q, err := strconv.ParseFloat(param("q"), 64); err == nil && q >= 0 && q <= 1 {
		x.Q = q
	}
	if n, err := strconv.ParseUint(param("reg-id"), 10, 31); err == nil {
		x.RegID = int(n)
	}
	return x
}

// serviceRoute reads the route that the registrar wants our requests to take
// (RFC 3608 section 5). Without the loose-routing parameter, which section 5
// requires, an entry cannot be used, and neither can the rest.
func serviceRoute(res *sip.Response) []sip.Uri {
	var routes []sip.Uri
	for _, h := range res.GetHeaders("Service-Route") {
		for _, value := range message.SplitQuoted(h.Value(), ",") {
			_, rest, ok := strings.Cut(value, "<")
			text, _, closed := strings.Cut(rest, ">")
			uri, err := message.ParseURI(text)
			if _, lr := message.Param(uri.UriParams, "lr"); !ok || !closed || err != nil || !lr || len(routes) == 16 {
				return nil
			}
			routes = append(routes, uri)
		}
	}
	return routes
}

// route puts the service route into a request that begins something of its own.
func (l *link) route(req *sip.Request) {
	if req.Method == sip.REGISTER || message.ToTag(req) != "" || req.GetHeader("Route") != nil {
		return
	}
	for i := range l.binding.routes {
		req.AppendHeader(&sip.RouteHeader{Address: *l.binding.routes[i].Clone()})
	}
}

// contact is the Contact URI of what makes or refreshes our dialogs. The scheme
// is that of the URI which the request is for (section 8.1.1.8).
func (ua *UserAgent) contact(scheme string) sip.Uri {
	return ua.contactBy(scheme, func(b *binding) string { return b.gruu })
}

// contactBy prefers a GRUU of the bindings, the public or the temporary one.
func (ua *UserAgent) contactBy(scheme string, gruu func(*binding) string) sip.Uri {
	for _, l := range ua.links {
		// RFC 5627 section 4.3: a GRUU reaches us over whatever flow there is.
		if gruu(&l.binding) == "" {
			continue
		}
		if uri, err := message.ParseURI(gruu(&l.binding)); err == nil && (uri.Scheme == "sips" || uri.Scheme == "sip" && scheme != "sips") {
			return uri
		}
	}
	uri := ua.ownContact(scheme)
	// A hint that this flow is the way back to us (RFC 5626 section 4.3); it asks for
	// nothing that a proxy without outbound would have to understand.
	uri.UriParams.Add("ob", "")
	return uri
}

// dialogContact is the Contact of requests and responses that make or refresh a
// dialog.
func (ua *UserAgent) dialogContact(scheme string) sip.Header {
	return &sip.ContactHeader{Address: ua.contact(scheme)}
}

// ownContact leads to our connection. The host can never be resolved (RFC 7118
// section 5), and transport is "ws" also over TLS (RFC 7118 section 5.3 and
// appendix B).
func (ua *UserAgent) ownContact(scheme string) sip.Uri {
	if scheme != "sips" {
		scheme = "sip"
	}
	return sip.Uri{Scheme: scheme, User: ua.user, Host: ua.host, UriParams: sip.HeaderParams{{K: "transport", V: "ws"}}}
}
