package sipua

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// The longest texts that are taken over, in characters.
const (
	maxWord  = 100  // a token: reason, index, algorithm
	maxLine  = 1000 // a line for people or programs
	maxURI   = 2000
	maxToken = 4000 // a signed token
)

// callerOf reads who calls from an INVITE, or an UPDATE that tells of another identity.
// What cannot be read is left out: it is no reason to refuse a call, but for Replaces
// and Join, which parseReplaces and parseJoin judge. It goes over the headers once and
// looks closer at those that are there, since most calls have few of them.
func callerOf(req *sip.Request) Caller {
	var c Caller
	if from := req.From(); from != nil {
		c.From = phoneIdentity(from.DisplayName, from.Address)
		c.Verstat = verstatOf(from.Address)
	}
	c.Called = calledOf(req)
	var done []string // the names that have been read: one call reads all headers of a name
	for _, h := range req.Headers() {
		name := lowerName(h.Name())
		read, typed := callerFields[name]
		switch {
		case read != nil && !slices.Contains(done, name):
			done = append(done, name)
			read(&c, req)
		case !typed && len(c.Headers) < maxList && message.IsToken(h.Name()):
			c.Headers = append(c.Headers, Header{Name: clean(h.Name(), maxWord), Value: clean(h.Value(), maxLine)})
		}
	}
	c.Anonymous = isAnonymous(c)
	return c
}

// callerFields tells how each header is read, by its name in lower case. Those without
// a way are the protocol's own and do not show up among the others.
var callerFields = func() map[string]func(*Caller, *sip.Request) {
	fields := map[string]func(*Caller, *sip.Request){
		"p-asserted-identity": func(c *Caller, req *sip.Request) { c.assert(req) },
		"remote-party-id":     func(c *Caller, req *sip.Request) { c.RemoteParty = remotePartiesOf(req) },
		"p-called-party-id":   func(c *Caller, req *sip.Request) { c.Called = calledOf(req) },
		"diversion":           func(c *Caller, req *sip.Request) { c.Diversion = diversionsOf(req) },
		"history-info":        func(c *Caller, req *sip.Request) { c.History = historyOf(req) },
		"reason":              func(c *Caller, req *sip.Request) { c.Reasons = reasonsOf(req) },
		"identity":            func(c *Caller, req *sip.Request) { c.Identity = identityTokensOf(req) },
		"privacy":             func(c *Caller, req *sip.Request) { c.Privacy = privacyOf(req) },
		"user-to-user":        func(c *Caller, req *sip.Request) { c.UserToUser = userToUserOf(req) },
		"alert-info":          func(c *Caller, req *sip.Request) { c.AlertInfo = infoURIsOf(req, "Alert-Info") },
		"call-info":           func(c *Caller, req *sip.Request) { c.CallInfo = infoURIsOf(req, "Call-Info") },
		"answer-mode":         func(c *Caller, req *sip.Request) { c.AnswerMode = c.answerMode(req, "Answer-Mode") },
		"priv-answer-mode":    func(c *Caller, req *sip.Request) { c.PrivAnswerMode = c.answerMode(req, "Priv-Answer-Mode") },
		"subject":             func(c *Caller, req *sip.Request) { c.Subject = clean(message.HeaderValue(req, "Subject"), maxLine) },
		"organization": func(c *Caller, req *sip.Request) {
			c.Organization = clean(message.HeaderValue(req, "Organization"), maxLine)
		},
		"priority":    func(c *Caller, req *sip.Request) { c.Priority = clean(message.HeaderValue(req, "Priority"), maxWord) },
		"replaces":    func(c *Caller, req *sip.Request) { c.Replaces, _ = parseReplaces(req) },
		"join":        func(c *Caller, req *sip.Request) { c.Join, _ = parseJoin(req) },
		"referred-by": func(c *Caller, req *sip.Request) { c.ReferredBy, _ = parseReferredBy(req) },
	}
	for _, names := range [][]string{reserved, {"Accept", "Accept-Encoding", "Accept-Language", "Accept-Contact", "Reject-Contact", "Request-Disposition", "Allow-Events", "Event",
		"Content-Encoding", "Content-Disposition", "Content-Language", "MIME-Version", "Session-Expires", "Min-SE", "Expires", "Timestamp", "Date", "Proxy-Require",
		"Recv-Info", "RSeq", "RAck", "WWW-Authenticate", "Proxy-Authenticate", "Authentication-Info"}} {
		for _, name := range names {
			fields[strings.ToLower(name)] = nil
		}
	}
	return fields
}()

// phoneIdentity is an identity whose number stands without the parameters that a
// telephone-subscriber carries in the user part (RFC 3261 section 19.1.6).
func phoneIdentity(name string, uri sip.Uri) Identity {
	if number, _, ok := strings.Cut(uri.User, ";"); ok && isNumber(number) {
		uri.User = number
	}
	return identity(name, uri)
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "+0123456789*#-.()") == "" }

// address is one name-addr with its parameters.
type address struct {
	Identity
	uri    sip.Uri
	params sip.HeaderParams
}

// param is a parameter as text of limited length, "" when there is none.
func (a address) param(name string) string {
	v, _ := message.Param(a.params, name)
	return clean(v, maxWord)
}

func addressesOf(req sip.Message, header string) []address {
	var all []address
	for _, value := range message.Values(req, header, maxList) {
		if name, uri, params, ok := message.ParseNameAddr(value); ok {
			all = append(all, address{phoneIdentity(name, uri), uri, params[:min(len(params), maxList)]})
		}
	}
	return all
}

// assert takes over what the network asserts. RFC 3325 section 9.1 allows SIP and tel
// URIs. What it found out about an asserted number counts before what stands in From.
func (c *Caller) assert(req sip.Message) {
	verstat := ""
	for _, a := range addressesOf(req, "P-Asserted-Identity") {
		if a.uri.Scheme == "sip" || a.uri.Scheme == "sips" || a.uri.Scheme == "tel" {
			c.Asserted = append(c.Asserted, a.Identity)
			if verstat == "" {
				verstat = verstatOf(a.uri)
			}
		}
	}
	if verstat != "" {
		c.Verstat = verstat
	}
}

// remotePartiesOf: draft-ietf-sip-privacy-04 section 5.
func remotePartiesOf(req sip.Message) []RemoteParty {
	var all []RemoteParty
	for _, a := range addressesOf(req, "Remote-Party-ID") {
		all = append(all, RemoteParty{Identity: a.Identity, Party: a.param("party"), Screen: a.param("screen"), Privacy: a.param("privacy"), ID: a.param("id-type")})
	}
	return all
}

// diversionsOf: RFC 5806 section 4.
func diversionsOf(req *sip.Request) []Diversion {
	var all []Diversion
	for _, a := range addressesOf(req, "Diversion") {
		d := Diversion{Identity: a.Identity, Reason: a.param("reason"), Counter: smallNumber(a.param("counter")), Limit: smallNumber(a.param("limit")),
			Privacy: a.param("privacy"), Screen: a.param("screen")}
		var extension strings.Builder
		for _, p := range a.params {
			switch strings.ToLower(p.K) {
			case "reason", "counter", "limit", "privacy", "screen":
				continue
			}
			if extension.Len() > 0 {
				extension.WriteByte(';')
			}
			extension.WriteString(p.K)
			if p.V != "" {
				extension.WriteString("=" + p.V)
			}
		}
		d.Extension = clean(extension.String(), maxLine)
		all = append(all, d)
	}
	return all
}

// historyOf: RFC 7044 section 5. The reason stands in the URI as an escaped header, and
// some servers do not escape it.
func historyOf(req *sip.Request) []HistoryEntry {
	var all []HistoryEntry
	for _, value := range message.Values(req, "History-Info", maxList) {
		name, uri, params, ok := message.ParseNameAddr(value)
		if !ok {
			if name, uri, params, ok = unescapedHistory(value); !ok {
				continue
			}
		}
		a := address{phoneIdentity(name, uri), uri, params}
		cause, _ := message.Param(uri.UriParams, "cause") // RFC 4458
		h := HistoryEntry{Identity: a.Identity, Index: a.param("index"), Cause: smallNumber(cause), RC: a.param("rc"), MP: a.param("mp"), NP: a.param("np")}
		for _, escaped := range uri.Headers[:min(len(uri.Headers), maxList)] {
			switch strings.ToLower(unescapeUser(escaped.K)) {
			case "reason":
				h.Reasons = append(h.Reasons, readReasons(message.Parts(unescapeUser(escaped.V), ',', maxList))...)
				h.Reasons = h.Reasons[:min(len(h.Reasons), maxList)]
			case "privacy":
				h.Privacy = clean(unescapeUser(escaped.V), maxWord)
			}
		}
		all = append(all, h)
	}
	return all
}

// unescapedHistory reads an entry like <sip:a@b?Reason=SIP;cause=302;text="c d">, which
// is no URI.
func unescapedHistory(value string) (name string, uri sip.Uri, params sip.HeaderParams, ok bool) {
	end := strings.LastIndexByte(value, '>')
	if end < 0 {
		return
	}
	from := strings.LastIndexByte(value[:end], '<')
	if from < 0 {
		return
	}
	mark := strings.IndexByte(value[from:end], '?')
	if mark < 0 {
		return
	}
	mark += from
	if name, uri, params, ok = message.ParseNameAddr(value[:mark] + value[end:]); ok {
		k, v, _ := strings.Cut(value[mark+1:end], "=")
		uri.Headers = sip.HeaderParams{{K: k, V: v}}
	}
	return
}

// verstatOf looks where the networks put it (ATIS-1000074, 3GPP TS 24.229 section
// 7.2A.20): into the number, wherever that stands, or beside it in the URI.
func verstatOf(uri sip.Uri) string {
	if v, ok := message.Param(uri.UriParams, "verstat"); ok {
		return clean(v, maxWord)
	}
	for _, number := range []string{uri.User, uri.Raw()} {
		if strings.IndexByte(number, ';') < 0 {
			continue
		}
		for _, part := range message.Parts(number, ';', maxList) {
			if name, v, _ := strings.Cut(part, "="); strings.EqualFold(name, "verstat") {
				return clean(v, maxWord)
			}
		}
	}
	return ""
}

// identityTokensOf: RFC 8224 section 4. What RFC 4474 had in its place, a quoted
// signature of the message, is left out.
func identityTokensOf(req *sip.Request) []IdentityToken {
	var all []IdentityToken
	for _, value := range message.Values(req, "Identity", maxList) {
		first, params := valueAndParams(value)
		if first == "" || len(first) > maxToken || !message.IsToken(first) { // a token that is cut is of no use
			continue
		}
		t := IdentityToken{Token: first}
		for _, p := range params {
			switch strings.ToLower(p.Name) {
			case "info":
				t.Info = strings.TrimSuffix(strings.TrimPrefix(p.Value, "<"), ">")
			case "alg":
				t.Alg = p.Value
			case "ppt":
				t.Ppt = p.Value
			}
		}
		all = append(all, t)
	}
	return all
}

// userToUserOf: RFC 7433 section 4.1.
func userToUserOf(req *sip.Request) []UserToUser {
	var all []UserToUser
	for _, value := range message.Values(req, "User-to-User", maxList) {
		first, params := valueAndParams(value)
		u := UserToUser{Data: clean(message.Unquote(first), maxURI)}
		for _, p := range params {
			switch strings.ToLower(p.Name) {
			case "encoding":
				u.Encoding = p.Value
			case "purpose":
				u.Purpose = p.Value
			case "content":
				u.Content = p.Value
			}
		}
		all = append(all, u)
	}
	return all
}

// valueAndParams reads "value;name=value;…".
func valueAndParams(s string) (first string, params []Param) {
	parts := message.Parts(s, ';', maxList+1)
	return parts[0], readParams(parts[1:])
}

func readParams(parts []string) []Param {
	var all []Param
	for _, part := range parts {
		name, v, _ := strings.Cut(part, "=")
		if name = clean(strings.TrimSpace(name), maxWord); name != "" {
			all = append(all, Param{Name: name, Value: clean(message.Unquote(strings.TrimSpace(v)), maxLine)})
		}
	}
	return all
}

// infoURIsOf reads Alert-Info and Call-Info (RFC 3261 sections 20.4 and 20.9), and what
// is sent in their place: a URI without brackets, words, or parameters alone.
func infoURIsOf(req *sip.Request, header string) []InfoURI {
	var all []InfoURI
	for _, value := range message.Values(req, header, maxList) {
		parts := message.Parts(value, ';', maxList)
		first := parts[0]
		if name, _, ok := strings.Cut(first, "="); !ok || strings.ContainsAny(name, "<:") {
			first, _, _ = strings.Cut(strings.TrimPrefix(first, "<"), ">")
			first = strings.TrimSpace(first)
			parts = parts[1:]
		} else {
			first = ""
		}
		all = append(all, InfoURI{URI: clean(first, maxURI), Params: readParams(parts)})
	}
	return all
}

// answerMode: RFC 5373 section 3.
func (c *Caller) answerMode(req *sip.Request, header string) string {
	mode, params := valueAndParams(message.HeaderValue(req, header))
	required := func(p Param) bool { return strings.EqualFold(p.Name, "require") }
	c.AnswerRequired = c.AnswerRequired || slices.ContainsFunc(params, required)
	return clean(mode, maxWord)
}

// calledOf prefers what a server keeps of the dialled number. The Request-URI comes last:
// it is the Contact that we registered.
func calledOf(req *sip.Request) Identity {
	if called := addressesOf(req, "P-Called-Party-ID"); len(called) > 0 {
		return called[0].Identity
	}
	if to := req.To(); to != nil {
		return phoneIdentity(to.DisplayName, to.Address)
	}
	return phoneIdentity("", req.Recipient)
}

// isAnonymous: RFC 3323 section 4.1.1.3, and the same with a domain of its own, as many
// servers have it.
func isAnonymous(c Caller) bool {
	_, host, _ := strings.Cut(c.From.URI, "@")
	if strings.EqualFold(c.From.DisplayName, "Anonymous") || strings.EqualFold(c.From.User, "anonymous") || strings.EqualFold(host, anonymousHost) {
		return true
	}
	hidden := func(p string) bool { return p == "id" || p == "user" || p == "header" }
	return len(c.Asserted) == 0 && slices.ContainsFunc(c.Privacy, hidden)
}

// lowerName is the name of a header in lower case, "" when it is longer than any that has
// a field.
func lowerName(name string) string {
	if len(name) > 24 {
		return ""
	}
	return strings.ToLower(name)
}
