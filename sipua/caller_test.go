package sipua_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func callerWith(t testing.TB, more ...string) sipua.Caller {
	t.Helper()
	return sipua.CallerOf(requestWith(t, "INVITE", more...))
}

func TestCallerOfAnINVITEWithNothing(t *testing.T) {
	bob := sipua.Identity{DisplayName: "Bob", URI: "sip:1002@example.com", User: "1002"}
	c := callerWith(t, "Authorization: Digest response=\"x\"", "Subject:", "s2: ", "Supported: 100rel", "User-Agent: x")
	require.Equal(t, sipua.Caller{From: bob, Called: sipua.Identity{URI: "sip:1001@example.com", User: "1001"}, Headers: []sipua.Header{{Name: "s2"}}}, c)
	require.Equal(t, bob, c.Best())
	require.Zero(t, c.Original())
}

func TestIdentitiesOfTheNetwork(t *testing.T) {
	// RFC 3325 section 10.2.
	c := callerWith(t, `P-Asserted-Identity: "Cullen Jennings" <sip:fluffy@cisco.com>`, "P-Asserted-Identity: tel:+14085264000", "Privacy: id",
		`From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=9802748`)
	fluffy := sipua.Identity{DisplayName: "Cullen Jennings", URI: "sip:fluffy@cisco.com", User: "fluffy"}
	require.Equal(t, []sipua.Identity{fluffy, {URI: "tel:+14085264000", User: "+14085264000"}}, c.Asserted)
	require.Equal(t, []string{"id"}, c.Privacy)
	require.True(t, c.Anonymous, "From says so")
	require.Equal(t, fluffy, c.Best())

	// One line, a comma in a name, a scheme that RFC 3325 does not allow.
	c = callerWith(t, `P-Asserted-Identity: "Jennings, C. \"fluffy\"" <sip:a@b;x=y>, <tel:+1-408-526-4000;phone-context=z>, <http://evil/>, nobody`)
	require.Equal(t, []sipua.Identity{{DisplayName: `Jennings, C. "fluffy"`, URI: "sip:a@b", User: "a"}, {URI: "tel:+1-408-526-4000", User: "+1-408-526-4000"}}, c.Asserted)

	// As FreeSWITCH and Cisco send it.
	c = callerWith(t, `Remote-Party-ID: "Bob B" <sip:919113162180@172.18.0.2>;party=calling;screen=yes;privacy=off`, `Remote-Party-ID: <sip:1000@10.48.38.5>;party=called;id-type=subscriber`)
	bob := sipua.Identity{DisplayName: "Bob B", URI: "sip:919113162180@172.18.0.2", User: "919113162180"}
	require.Equal(t, []sipua.RemoteParty{{Identity: bob, Party: "calling", Screen: "yes", Privacy: "off"},
		{Identity: sipua.Identity{URI: "sip:1000@10.48.38.5", User: "1000"}, Party: "called", ID: "subscriber"}}, c.RemoteParty)
	require.Equal(t, bob, c.Best())
	for rpid, shown := range map[string]bool{
		"<sip:r@x>;screen=yes": true, "<sip:r@x>;SCREEN=Yes;party=Calling;privacy=off-network": true, "<sip:r@x>": false, "<sip:r@x>;screen=no": false,
		"<sip:r@x>;screen=yes;party=called": false, "<sip:r@x>;screen=yes;privacy=full": false, "<sip:r@x>;screen=yes;privacy=uri": false,
	} {
		require.Equal(t, shown, callerWith(t, "Remote-Party-ID: "+rpid).Best().User == "r", rpid)
	}
	require.Equal(t, "p", callerWith(t, "Remote-Party-ID: <sip:r@x>;screen=yes", "P-Asserted-Identity: <sip:p@x>").Best().User)
}

func TestAnonymousCaller(t *testing.T) {
	for from, want := range map[string]bool{
		`"Anonymous" <sip:thisis@anonymous.invalid>`: true, "<sip:x@ANONYMOUS.invalid>": true, `"anonymous" <sip:c8oqz84zk7z@privacy.org>`: true,
		"sip:anonymous@pbx.example.com": true, "<sip:1002@example.com>": false, `"Anonymous Corp." <sip:1@example.com>`: false,
	} {
		require.Equal(t, want, callerWith(t, "From: "+from+";tag=1").Anonymous, from)
	}
	for privacy, want := range map[string]bool{"id": true, "user;critical": true, "Header": true, "session": false, "none": false, "history": false, "": false} {
		require.Equal(t, want, callerWith(t, "Privacy: "+privacy).Anonymous, privacy)
		require.False(t, callerWith(t, "Privacy: "+privacy, "P-Asserted-Identity: <sip:p@x>").Anonymous, privacy)
	}
}

func TestVerstat(t *testing.T) {
	for line, want := range map[string]string{
		`P-Asserted-Identity: "JOHN DOE" <sip:+16313841232;verstat=TN-Validation-Passed@msg.pc.example.com>`:            "TN-Validation-Passed",
		`P-Asserted-Identity:"919"<sip:919113162180@sip.example.com;verstat=TN-Validation-Passed-C>`:                    "TN-Validation-Passed-C",
		"P-Asserted-Identity: <sip:a@b>, <tel:+12025551000;VERSTAT=No-TN-Validation>":                                   "No-TN-Validation",
		"From: <tel:+12025551000;cpc=ordinary;verstat=TN-Validation-Failed>;tag=1":                                      "TN-Validation-Failed",
		"From: <sip:+1202;verstat=TN-Validation-Failed@x;user=phone>;tag=1":                                             "TN-Validation-Failed",
		"From: <sip:+1202@x;verstat=A>;tag=1\r\nP-Asserted-Identity: <sip:+1202;verstat=B@x>":                           "B",
		"From: <sip:+1202@x>;tag=1;verstat=TN-Validation-Passed":                                                        "", // not of the number
		"P-Asserted-Identity: <sip:+15617500080@x;verstat=TN-Validation-Passed>\r\nFrom: <sip:b@c;verstat=other>;tag=1": "TN-Validation-Passed",
	} {
		c := callerWith(t, strings.Split(line, "\r\n")...)
		require.Equal(t, want, c.Verstat, line)
		require.NotContains(t, strings.ToLower(c.From.URI+c.From.User+c.Best().URI+c.Best().User), "verstat", line)
	}
	require.Equal(t, "user;par=x", callerWith(t, "From: <sip:user;par=x@example.net>;tag=1").From.User, "no number: the semicolon is the user's")
}

func TestDiversion(t *testing.T) {
	// RFC 5806 section 6.3, and what is seen without the quotes.
	c := callerWith(t, `Diversion: <sip:WeSellPizza@p4.isp.com>;reason=time-of-day;counter=1;privacy="full";x=y;z`,
		"Diversion: Bob <sip:+19195551002;cpc=x@p2.isp.com>;reason=user-busy;privacy=full;screen=no;limit=5, <tel:+1555>;reason=\"a b\";counter=many")
	require.Equal(t, []sipua.Diversion{
		{Identity: sipua.Identity{URI: "sip:WeSellPizza@p4.isp.com", User: "WeSellPizza"}, Reason: "time-of-day", Counter: 1, Privacy: "full", Extension: "x=y;z"},
		{Identity: sipua.Identity{DisplayName: "Bob", URI: "sip:+19195551002@p2.isp.com", User: "+19195551002"}, Reason: "user-busy", Privacy: "full", Screen: "no", Limit: 5},
		{Identity: sipua.Identity{URI: "tel:+1555", User: "+1555"}, Reason: "a b"},
	}, c.Diversion)
	require.Equal(t, "+1555", c.Original().User, "the first that has diverted is the last in the list")
}

func TestHistory(t *testing.T) {
	// RFC 7044 section 5.1 and appendix B, RFC 4458.
	c := callerWith(t, "History-Info: <sip:UserA@ims.example.com>;index=1;foo=bar",
		"History-Info: <sip:UserB@ims.example.com?Reason=SIP%3Bcause%3D302>;index=1.1;mp=1, <sip:UserC@ims.example.com;cause=486?Privacy=history&Reason=SIP%3Bcause%3D480%3Btext%3D%22Gone%2C%20away%22%2CQ.850%3Bcause%3D19>;index=1.2;rc=1.1,"+
			" <sip:d@192.0.2.3>;index=1.2.1;np=1.2")
	id := func(user, host string) sipua.Identity {
		return sipua.Identity{URI: "sip:" + user + "@" + host, User: user}
	}
	require.Equal(t, []sipua.HistoryEntry{
		{Identity: id("UserA", "ims.example.com"), Index: "1"},
		{Identity: id("UserB", "ims.example.com"), Index: "1.1", MP: "1", Reasons: []sipua.Reason{{Protocol: "SIP", Cause: 302}}},
		{Identity: id("UserC", "ims.example.com"), Index: "1.2", RC: "1.1", Cause: 486, Privacy: "history",
			Reasons: []sipua.Reason{{Protocol: "SIP", Cause: 480, Text: "Gone, away"}, {Protocol: "Q.850", Cause: 19}}},
		{Identity: id("d", "192.0.2.3"), Index: "1.2.1", NP: "1.2"},
	}, c.History)
	require.Equal(t, "UserA", c.Original().User)

	// Not escaped, as telephone modems and gateways have it.
	c = callerWith(t, `History-Info: <sip:B@x>;index=1,<sip:C@x;user=phone?Reason=SIP;cause=302;text="CDIV">;index=1.1`)
	require.Equal(t, []sipua.Reason{{Protocol: "SIP", Cause: 302, Text: "CDIV"}}, c.History[1].Reasons)
	require.Equal(t, "1.1", c.History[1].Index)
	require.Equal(t, "sip:C@x", c.History[1].URI)
	require.Equal(t, "B", c.Original().User)

	// A call that goes straight has a history, too.
	require.Zero(t, callerWith(t, "History-Info: <sip:bob@example.com>;index=1, <sip:bob@192.0.2.3>;index=1.1;rc=1").Original())
	for _, second := range []string{"<sip:c@x;cause=302>;index=1.1", "<sip:c@x>;index=1.1;mp=1", "<sip:c@x?Reason=SIP%3Bcause%3D486>;index=1.1"} {
		require.Equal(t, "b", callerWith(t, "History-Info: <sip:b@x>;index=1, "+second).Original().User, second)
	}
}

func TestSignedIdentity(t *testing.T) {
	token := "eyJhbGciOiJFUzI1NiJ9.eyJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0.r4ve-_Kmzkj"
	// RFC 8224 section 4.1, RFC 8588.
	c := callerWith(t, "Identity: "+token+`;info=<https://biloxi.example.org/a;b,c.cer>;alg=ES256;ppt="shaken", ..sig;info=<https://x>`, `y: "rfc4474=="`, "Identity: "+strings.Repeat("x", 5000), "Identity: a b;info=<x>")
	require.Equal(t, []sipua.IdentityToken{{Token: token, Info: "https://biloxi.example.org/a;b,c.cer", Alg: "ES256", Ppt: "shaken"}, {Token: "..sig", Info: "https://x"}}, c.Identity)
}

func TestWhatComesWithACall(t *testing.T) {
	c := callerWith(t,
		// RFC 7433 section 4.1, and one of a real server.
		"User-to-User: 56a390f3d2b7310023a2;encoding=hex;purpose=isdn-uui;content=isdn-uui", `User-to-User: "a;b,\"c"; purpose=foo, 00ATX= 43.9 ;Lang= en `,
		"Subject: Need more boxes", "o2: x", "Organization: Boxes by Bob", "Priority: emergency", "P-Called-Party-ID: \"Desk\" <sip:+46123456789@provider.com>;x=y",
		"Reason: SIP;cause=302", "X-Tenant: 7", "x-tenant: 8", "X Bad: 1",
		"Referred-By: <sip:boss@example.com>;cid=a@b", "Join: c@x;to-tag=1;from-tag=2")
	require.Equal(t, []sipua.UserToUser{
		{Data: "56a390f3d2b7310023a2", Encoding: "hex", Purpose: "isdn-uui", Content: "isdn-uui"}, {Data: `a;b,"c`, Purpose: "foo"}, {Data: "00ATX= 43.9"}}, c.UserToUser)
	require.Equal(t, [3]string{"Need more boxes", "Boxes by Bob", "emergency"}, [3]string{c.Subject, c.Organization, c.Priority})
	require.Equal(t, sipua.Identity{DisplayName: "Desk", URI: "sip:+46123456789@provider.com", User: "+46123456789"}, c.Called)
	require.Equal(t, []sipua.Reason{{Protocol: "SIP", Cause: 302}}, c.Reasons)
	require.Equal(t, []sipua.Header{{Name: "o2", Value: "x"}, {Name: "X-Tenant", Value: "7"}, {Name: "x-tenant", Value: "8"}}, c.Headers)
	require.Equal(t, &sipua.ReferredBy{Identity: sipua.Identity{URI: "sip:boss@example.com", User: "boss"}, ContentID: "a@b"}, c.ReferredBy)
	require.Equal(t, &sipua.Join{CallID: "c@x", ToTag: "1", FromTag: "2"}, c.Join)
	require.Nil(t, c.Replaces)
	require.Equal(t, &sipua.Replaces{CallID: "c", ToTag: "1", FromTag: "2"}, callerWith(t, "Replaces: c;to-tag=1;from-tag=2").Replaces)
}

func TestAlertInfoAndCallInfo(t *testing.T) {
	c := callerWith(t, "Alert-Info: <http://www.example.com/sounds/moo.wav>, <urn:alert:source:external>;x", "Alert-Info: Ring Answer", "Alert-Info: info=family;x-line-id=0", "Alert-Info: http://192.168.0.12:8080/a.wav?b=c",
		"Alert-Info: ;info=alert-autoanswer", "Alert-Info: info = Auto Answer",
		"Call-Info: <http://wwww.example.com/alice/photo.jpg> ;purpose=icon, <http://www.example.com/a;b,c/>;purpose=info;call-reason=\"Rain; today\"")
	require.Equal(t, []sipua.InfoURI{
		{URI: "http://www.example.com/sounds/moo.wav"}, {URI: "urn:alert:source:external", Params: []sipua.Param{{Name: "x"}}}, {URI: "Ring Answer"},
		{Params: []sipua.Param{{Name: "info", Value: "family"}, {Name: "x-line-id", Value: "0"}}}, {URI: "http://192.168.0.12:8080/a.wav?b=c"},
		{Params: []sipua.Param{{Name: "info", Value: "alert-autoanswer"}}}, {Params: []sipua.Param{{Name: "info", Value: "Auto Answer"}}},
	}, c.AlertInfo)
	require.Equal(t, []sipua.InfoURI{
		{URI: "http://wwww.example.com/alice/photo.jpg", Params: []sipua.Param{{Name: "purpose", Value: "icon"}}},
		{URI: "http://www.example.com/a;b,c/", Params: []sipua.Param{{Name: "purpose", Value: "info"}, {Name: "call-reason", Value: "Rain; today"}}},
	}, c.CallInfo)
}

// What comes in thousands, or in kilobytes, is bounded; what would change a line or the
// order of reading is taken out.
func TestHostileCaller(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	var lines []string
	for _, name := range callerHeaders {
		for _, value := range []string{
			"<sip:" + long + "@h>;index=" + long + ";reason=" + long + ";info=" + long, `"` + long, long, "a" + strings.Repeat(";b=c", 1000), strings.Repeat("<sip:a@b>,", 500),
			strings.Repeat("SIP,", 500), "<sip:a@b?" + strings.Repeat("Reason=SIP&", 500) + ">", "a%zz\u202eevil\u2028\x07", "<sip:%0d%0a%00@b>", "\"\xff\\", ";;;", ",,,", "<>", "<", ">?<",
		} {
			bounded(t, callerWith(t, name+": "+value))
			if len(lines) < 300 && len(value) < 3000 {
				lines = append(lines, name+": "+value)
			}
		}
	}
	bounded(t, callerWith(t, lines...))
	var many []string
	for range 1000 {
		many = append(many, "X-A: b", "Reason: SIP", "Identity: a.b.c", "Alert-Info: <a>", "Diversion: <sip:a@b>")
	}
	c := callerWith(t, many...)
	bounded(t, c)
	require.Equal(t, [5]int{32, 32, 32, 32, 32}, [5]int{len(c.Headers), len(c.Reasons), len(c.Identity), len(c.AlertInfo), len(c.Diversion)})
}
