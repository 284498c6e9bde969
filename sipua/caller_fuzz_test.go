package sipua_test

import (
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// callerHeaders are all that a caller is made of.
var callerHeaders = []string{"P-Asserted-Identity", "Remote-Party-ID", "Diversion", "History-Info", "Reason", "Identity", "Privacy", "User-to-User", "Alert-Info",
	"Call-Info", "Answer-Mode", "Priv-Answer-Mode", "Subject", "Organization", "Priority", "Replaces", "Join", "Referred-By", "P-Called-Party-ID", "X-Other"}

// Whatever the INVITE: no panic, bounded text without control characters, and what is
// sent on of it is read again as the same.
func FuzzCaller(f *testing.F) {
	head := "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/WSS c;branch=z9hG4bK1\r\nFrom: \"A\" <sip:+1;verstat=x@anonymous.invalid>;tag=1\r\nTo: <sip:d@e>\r\nCall-ID: f\r\nCSeq: 1 INVITE\r\n"
	for _, more := range []string{
		"P-Asserted-Identity: \"B, C\" <sip:+1;verstat=x@y>, tel:+1;a=b\r\nPrivacy: id;critical\r\nRemote-Party-ID: <sip:a@b>;party=calling;screen=yes",
		"Diversion: <sip:a@b>;reason=no-answer;counter=1;x=\"y z\"\r\nHistory-Info: <sip:a@b?Reason=SIP%3Bcause%3D302&Privacy=history>;index=1, <sip:a@b?Reason=SIP;text=\"c\">;index=1.1;mp=1",
		"Reason: SIP;cause=200;text=\"a \\\"b\\\"\", Q.850;cause=16\r\nIdentity: a.b.c;info=<https://x>;alg=ES256;ppt=shaken\r\nUser-to-User: a;encoding=hex",
		"Alert-Info: <a>;info=alert-autoanswer;delay=3, Ring Answer\r\nCall-Info: ;answer-after=0\r\nAnswer-Mode: Auto;require\r\nSubject: x\r\nX-Other: y",
		"Replaces: a@b;to-tag=1;from-tag=2;early-only", "Join: a;to-tag=1;from-tag=2\r\nReferred-By: <sip:a@b>;cid=\"c@d\"", "Refer-To: <sip:a@b;method=BYE?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&Subject=%41>",
	} {
		f.Add([]byte(head + more + "\r\n\r\n"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		msg, err := message.Parse(data)
		req, ok := msg.(*sip.Request)
		if err != nil || !ok {
			return
		}
		c := sipua.CallerOf(req)
		bounded(t, c)
		bounded(t, []sipua.Identity{c.Best(), c.Original()})
		if delay, ok := c.Asks(sipua.AutoAnswer{AnswerMode: true, AlertInfo: true, CallInfo: true}); delay < 0 || !ok && delay != 0 {
			t.Fatalf("a delay of %v", delay)
		}
		for _, r := range c.Reasons {
			if r.Check() == nil {
				require.Equal(t, []sipua.Reason{r}, sipua.ReasonsOf(requestWith(t, "BYE", "Reason: "+r.Wire())))
			}
		}
		if c.Replaces != nil {
			again, err := sipua.ParseReplaces(requestWith(t, "INVITE", "Replaces: "+c.Replaces.Wire()))
			require.NoError(t, err)
			require.Equal(t, c.Replaces, again)
		}
		if to, err := sipua.ParseReferTo(req); err == nil {
			again, err := sipua.ParseReferTo(requestWith(t, "REFER", "Refer-To: "+to.Wire()))
			require.NoError(t, err, to.Wire())
			require.Equal(t, to.Wire(), again.Wire())
			require.Equal(t, to.Replaces, again.Replaces)
			require.Equal(t, len(to.Headers), len(again.Headers))
		}
		sipua.Anonymize(req)
		require.NotContains(t, req.From().Value(), "verstat")
	})
}

// bounded walks through v: lists of 32 entries, short texts, and nothing in them that
// would change a line or the order of reading.
func bounded(t testing.TB, v any) {
	t.Helper()
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			s := v.String()
			if n := utf8.RuneCountInString(s); n > 4001 || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == 0x202e || r == 0x2028 }) {
				t.Fatalf("%s holds %d characters: %.200q", path, n, s)
			}
		case reflect.Slice:
			if v.Len() > 32 {
				t.Fatalf("%s has %d entries", path, v.Len())
			}
			for i := range v.Len() {
				walk(path+"[]", v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Pointer:
			if !v.IsNil() {
				walk(path, v.Elem())
			}
		case reflect.Int:
			if v.Int() < 0 || v.Int() > 999_999_999 {
				t.Fatalf("%s is %d", path, v.Int())
			}
		}
	}
	walk("", reflect.ValueOf(v))
}
