package sipua_test

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

func TestReferTo(t *testing.T) {
	type want struct {
		uri, method string
		replaces    *sipua.Replaces
		join        *sipua.Join
		headers     []sipua.Header
		wire        string // "" when it is what was read
	}
	for value, w := range map[string]want{
		// RFC 3515 section 2.1.
		"sip:alice@atlanta.example.com": {uri: "sip:alice@atlanta.example.com", method: "INVITE", wire: "<sip:alice@atlanta.example.com>"},
		"<sip:bob@biloxi.example.net?Accept-Contact=sip:bobsdesk.biloxi.example.net&Call-ID%3D55432%40alicepc.atlanta.example.com>": {uri: "sip:bob@biloxi.example.net", method: "INVITE",
			headers: []sipua.Header{{Name: "Accept-Contact", Value: "sip:bobsdesk.biloxi.example.net"}}, wire: "<sip:bob@biloxi.example.net?Accept-Contact=sip:bobsdesk.biloxi.example.net>"},
		"<sip:dave@denver.example.org?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>": {uri: "sip:dave@denver.example.org", method: "INVITE",
			replaces: &sipua.Replaces{CallID: "12345@192.168.118.3", ToTag: "12345", FromTag: "5FFE-3994"}},
		"<sip:carol@cleveland.example.org;method=SUBSCRIBE>": {uri: "sip:carol@cleveland.example.org", method: "SUBSCRIBE"},
		"http://www.ietf.org":                                {uri: "http://www.ietf.org", method: "INVITE", wire: "<http://www.ietf.org>"},
		// RFC 5589 section 7.1 and the like: what phones and servers send.
		"<sips:3ld812adkjw@biloxi.example.com;gr=3413kj2ha?Replaces=090459243588173445%3Bto-tag%3D7553452%3Bfrom-tag%3D31431&Require=replaces>": {uri: "sips:3ld812adkjw@biloxi.example.com;gr=3413kj2ha", method: "INVITE",
			replaces: &sipua.Replaces{CallID: "090459243588173445", ToTag: "7553452", FromTag: "31431"},
			wire:     "<sips:3ld812adkjw@biloxi.example.com;gr=3413kj2ha?Replaces=090459243588173445%3Bto-tag%3D7553452%3Bfrom-tag%3D31431>"},
		`"Bob" <sip:102@pbx.example.com:5061;transport=tls?Replaces=0_3290@10.0.0.2;to-tag=as7;from-tag=32;early-only>;x=y`: {uri: "sip:102@pbx.example.com:5061;transport=tls", method: "INVITE",
			replaces: &sipua.Replaces{CallID: "0_3290@10.0.0.2", ToTag: "as7", FromTag: "32", EarlyOnly: true},
			wire:     "<sip:102@pbx.example.com:5061;transport=tls?Replaces=0_3290%4010.0.0.2%3Bto-tag%3Das7%3Bfrom-tag%3D32%3Bearly-only>"},
		"<sip:a@b?join=c%3bTO-TAG%3d1%3Bfrom-tag%3D2&X-Note=100%25%20%22sure%22%26more>": {uri: "sip:a@b", method: "INVITE", join: &sipua.Join{CallID: "c", ToTag: "1", FromTag: "2"},
			headers: []sipua.Header{{Name: "X-Note", Value: `100% "sure"&more`}}, wire: "<sip:a@b?X-Note=100%25%20%22sure%22%26more&Join=c%3Bto-tag%3D1%3Bfrom-tag%3D2>"},
		"<sip:a@b?X-Empty=&X-Bad=50%&X-Worse=%zz>": {uri: "sip:a@b", method: "INVITE", wire: "<sip:a@b?X-Empty=&X-Bad=50%25&X-Worse=%25zz>",
			headers: []sipua.Header{{Name: "X-Empty"}, {Name: "X-Bad", Value: "50%"}, {Name: "X-Worse", Value: "%zz"}}},
		// What would break out of its line, or belongs to the protocol, is dropped.
		"<sip:a@b?X-A=1%0D%0AFrom:%20x&X-B=%00&X%0D%0AY=1&X%3A=1&=1>": {uri: "", method: ""},
		"<sip:a@b?X-A=1%0D%0AFrom:%20x&X-B=%00&X%0D%0AY=1&X%3A=1>":    {uri: "sip:a@b", method: "INVITE", wire: "<sip:a@b>"},
		"<sip:a@b?From=sip:ceo%40b&f=sip:ceo%40b&Via=x&Route=%3Csip:evil%3Blr%3E&Contact=sip:c&CSeq=9%20BYE&body=v%3D0&Content-Type=text/html&Authorization=x" +
			"&Referred-By=sip:ceo%40b&P-Asserted-Identity=sip:ceo%40b&priv-answer-mode=Auto&Supported=x&Require=y&User-Agent=z&Subject=ok>": {uri: "sip:a@b", method: "INVITE",
			headers: []sipua.Header{{Name: "Subject", Value: "ok"}}, wire: "<sip:a@b?Subject=ok>"},
	} {
		got, err := sipua.ParseReferTo(requestWith(t, "REFER", "Refer-To: "+value))
		if w.method == "" {
			badHeader(t, err)
			continue
		}
		require.NoError(t, err, value)
		require.Equal(t, w.uri, got.URI.String(), value)
		require.Equal(t, w.method, got.Method, value)
		require.Equal(t, w.replaces, got.Replaces, value)
		require.Equal(t, w.join, got.Join, value)
		require.Equal(t, w.headers, got.Headers, value)
		if w.wire == "" {
			w.wire = value
		}
		require.Equal(t, w.wire, got.Wire(), value)
		again, err := sipua.ParseReferTo(requestWith(t, "REFER", "r: "+got.Wire()))
		require.NoError(t, err, got.Wire())
		require.Equal(t, got.Wire(), again.Wire())
	}
}

func TestReferToThatCannotBeUsed(t *testing.T) {
	for _, more := range [][]string{
		nil, {"Refer-To:"}, {"Refer-To: <sip:a@b>", "r: <sip:a@b>"}, {"Refer-To: <sip:a@b>, <sip:c@d>"}, {"Refer-To: sip:a@b?Subject=x"}, {"Refer-To: *"}, {"Refer-To: <sip:a@b"},
		{"Refer-To: nobody"}, {"Refer-To: <sip:@>"}, {"Refer-To: <sip:a@b;method=IN%20VITE>"}, {"Refer-To: <sip:a@b;method=>"}, {"Refer-To: \xff <sip:a@b>"},
		{"Refer-To: <sip:a@b?Replaces=x>"}, {"Refer-To: <sip:a@b?Replaces>"}, {"Refer-To: <sip:a@b?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2&replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>"},
		{"Refer-To: <sip:a@b?Join=x>"}, {"Refer-To: <sip:a@b?Join=x%3Bto-tag%3D1%3Bfrom-tag%3D2&Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>"},
		{"Refer-To: <sip:a@b?Join=x%3Bto-tag%3D1%3Bfrom-tag%3D2&Join=x%3Bto-tag%3D1%3Bfrom-tag%3D2>"}, {"Refer-To: <sip:a@b?Replaces=x%0D%0AVia:1%3Bto-tag%3D1%3Bfrom-tag%3D2>"},
	} {
		_, err := sipua.ParseReferTo(requestWith(t, "REFER", more...))
		badHeader(t, err)
	}
	got, err := sipua.ParseReferTo(requestWith(t, "REFER", "Refer-To: <sip:a@b?"+strings.Repeat("X-A=1&", 5000)+"X-B=2>"))
	require.NoError(t, err)
	require.Len(t, got.Headers, 32)
}

func TestReferredBy(t *testing.T) {
	// RFC 3892 section 5.
	got, err := sipua.ParseReferredBy(requestWith(t, "INVITE", `Referred-By: "The \"boss\"" <sip:referror@referror.example>;cid="20398823.2UWQFN309shb3@referror.example"`))
	require.NoError(t, err)
	require.Equal(t, &sipua.ReferredBy{Identity: sipua.Identity{DisplayName: `The "boss"`, URI: "sip:referror@referror.example", User: "referror"}, ContentID: "20398823.2UWQFN309shb3@referror.example"}, got)
	got, err = sipua.ParseReferredBy(requestWith(t, "REFER", "b: sip:r@ref.example"))
	require.NoError(t, err)
	require.Equal(t, "sip:r@ref.example", got.URI)
	got, err = sipua.ParseReferredBy(requestWith(t, "REFER"))
	require.NoError(t, err)
	require.Nil(t, got)
	for _, more := range [][]string{{"Referred-By:"}, {"Referred-By: <sip:a>, <sip:b>"}, {"Referred-By: <sip:a>", "b: <sip:a>"}, {"Referred-By: nobody"}} {
		_, err := sipua.ParseReferredBy(requestWith(t, "REFER", more...))
		badHeader(t, err)
	}
}

func TestAddressOfAnApplication(t *testing.T) {
	for given, want := range map[string]string{
		"sip:a@b": "<sip:a@b>", " sips:a@b;transport=ws ": "<sips:a@b;transport=ws>", "tel:+1555;phone-context=x": "<tel:+1555;phone-context=x>",
		"Bob B <sip:a@b>": `"Bob B" <sip:a@b>`, `"A \"B\" \\" <tel:+1>`: `"A \"B\" \\" <tel:+1>`,
	} {
		got, err := sipua.AddressValue(given)
		require.NoError(t, err, given)
		require.Equal(t, want, got)
		_, uri, _, ok := message.ParseNameAddr(got)
		require.True(t, ok)
		require.NotEqual(t, sip.Uri{}, uri)
	}
	for _, given := range []string{"", "1002", "http://a", "sip:a@b>", "<sip:a@b", "sip:a@b\r\nVia: x", "\"a\r\nb\" <sip:a@b>", "<sip:a@b>;tag=1", "<sip:a@b?Subject=x>", "*", "<sip:a@b>, <sip:c@d>"} {
		_, err := sipua.AddressValue(given)
		require.Error(t, err, given)
	}
	_, err := sipua.AddressValue("<sip:a:secret@b>;x")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
}
