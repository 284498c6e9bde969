package message

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// secret stands where the secret of a test is. Its letters occur nowhere else.
const secret = "qzXq7731"

// Every line has the secret in a place of its own.
func TestNoSecretSurvives(t *testing.T) {
	lines := []string{
		// Digest responses, section 22.4 and RFC 7616.
		`Authorization: Digest username="a", realm="r", nonce="n", uri="sip:e", response="` + secret + `"`,
		`Authorization: Digest response="` + secret + `", username="a"`,
		`Proxy-Authorization: Digest username="a",response="` + secret + `",cnonce="` + secret + `"`,
		`authorization:DIGEST RESPONSE="` + secret + `"`,
		`AUTHORIZATION : digest Response = "` + secret + `" , x=y`,
		"Authorization: Digest\tresponse=\"" + secret + `"`,
		"Authorization:\tDigest username=\"a\",\tresponse\t=\t\"" + secret + `"`,
		`Authorization: Digest response=` + secret,
		`Authorization: Digest response=` + secret + `, x=y`,
		`Authorization: Digest response="unterminated ` + secret,
		`Authorization: Digest response="a\" ` + secret + `", x=y`,
		`Authorization: Digest response="x", response="` + secret + `"`,
		`Authorization: Digest realm="a, response=", response="` + secret + `"`,
		`Authorization: Digest realm="\", response=", cnonce="` + secret + `"`,
		`Authorization: Digest realm="İİİİ", response="` + secret + `"`,
		`Authorization: Digest realm="KKKKKKKKKK", response="` + secret + `"`,
		`Authorization: Digest username="a";response="` + secret + `"`,
		"Authorization: Digest username=\"a\",\r\n response=\"" + secret + `"`,
		"Authorization: Digest\r\n\tresponse=\"" + secret + `"` + ",\r\n cnonce=\"" + secret + `"`,
		"Authorization:\r\n Digest response=\"" + secret + `"`,
		`Authentication-Info: nextnonce="n", rspauth="` + secret + `"`,
		`Proxy-Authentication-Info: rspauth="` + secret + `", nextnonce="n"`,
		`Authentication-Info:rspauth=` + secret + `,cnonce="` + secret + `"`,
		`Proxy-Authentication-Info: qop=auth, cnonce="` + secret + `"`,
		`Authorization: Digest username="a", uri="sip:bob:` + secret + `@example.com", response="x"`,
		"Authorization\r\n : Digest response=\"" + secret + `"`,
		// Bearer (RFC 8898), Basic, and whatever else there may be.
		`Authorization: Bearer ` + secret,
		`authorization: bearer ` + secret + `==`,
		"Authorization: Bearer\t" + secret,
		"Authorization: Bearer\t" + secret + "==",
		"Authorization: Bearer  " + secret,
		"Authorization: Bearer\r\n " + secret,
		`Authorization: Basic ` + secret + `=`,
		"Proxy-Authorization: Basic\t" + secret + "=",
		`Authorization: ` + secret,
		`Authorization: ` + secret + `=`,
		`Authorization: token="` + secret + `"`,
		// Passwords in URIs, section 19.1.1, in start lines and headers.
		`INVITE sip:bob:` + secret + `@example.com SIP/2.0`,
		`From: "B" <sip:bob:` + secret + `@example.com>;tag=1`,
		`From: <SIPS:bob:` + secret + `@example.com:5061;transport=ws>`,
		`Contact: <sip:a:` + secret + `@h>, <sip:b:` + secret + `@h>,sip:c:` + secret + `@h`,
		`To: sip:bob:` + secret + `@example.com`,
		`To: sip:bob;x=y:` + secret + `@example.com`,
		`To: <sip:bob,by:` + secret + `@example.com>`,
		`To: <sip:bob:&=+$,` + secret + `@example.com>`,
		`To: <sip:bob:` + secret + `:` + secret + `@example.com>`,
		`To: <sip:bob:p@` + secret + `@h>`,
		`To: "ȺȺȺȺȺȺȺȺ" <sip:bob:` + secret + `@h>`,
		`To: "İİİİİİİİ" <sip:bob:` + secret + `@h>`,
		`To: "KKKKKKKKKKKK" <sip:bob:` + secret + `@h>`,
		`Refer-To: <sip:h?Route=%3Csip:x%3E>, <sips:bob:` + secret + `@h>`,
		`Via: SIP/2.0/WSS a;x="sip:bob:` + secret + `@h"`,
		// SDES keys, RFC 4568.
		`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:` + secret + `|2^20|1:32`,
		`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:` + secret,
		`a=crypto:1 AES_CM_128_HMAC_SHA1_80 INLINE:` + secret,
		`a=crypto:1 F8_128_HMAC_SHA1_80 inline:x|2^20|1:4;inline:` + secret + `|2^20|2:4 FEC_ORDER=FEC_SRTP`,
		`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:` + secret + ` KDR=1`,
		`k=clear:` + secret,
		`k=base64:` + secret,
		`a=key-mgmt:mikey ` + secret,
	}
	frames := map[string]string{
		"alone": "%s", "with CRLF": "%s\r\n", "with LF": "%s\n",
		"in a message": "SIP/2.0 200 OK\r\nVia: SIP/2.0/WSS a\r\n%s\r\nCall-ID: 1\r\n\r\n",
		"in a body":    "NOTIFY sip:a SIP/2.0\r\nContent-Type: message/sipfrag\r\n\r\nSIP/2.0 200 OK\r\n%s\r\n",
	}
	for _, line := range lines {
		t.Run(line, func(t *testing.T) {
			for name, frame := range frames {
				text := fmt.Sprintf(frame, line)
				masked := Redact(text)
				require.NotContains(t, masked, secret, name)
				require.Contains(t, masked, "[hidden]", name)
				require.Equal(t, strings.Count(text, "\n"), strings.Count(masked, "\n"), "a line stays a line")
				require.Equal(t, masked, Redact(masked), "once is enough")
			}
		})
	}
}

// What helps to find a fault stays.
func TestWhatStays(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"\r\n":                    "\r\n",
		crlf(options):             crlf(options),
		"Subject: response=x\r\n": "Subject: response=x\r\n",
		`Authorization: Digest username="a", realm="r", nonce="n", uri="sip:e", response="x", algorithm=MD5, cnonce="y", qop=auth, nc=00000001` + "\r\n": `Authorization: Digest username="a", realm="r", nonce="n", uri="sip:e", response="[hidden]", algorithm=MD5, cnonce="[hidden]", qop=auth, nc=00000001` + "\r\n",
		`WWW-Authenticate: Digest realm="r", nonce="n"` + "\r\n":                                      `WWW-Authenticate: Digest realm="r", nonce="n"` + "\r\n",
		`Authorization: Digest realm="response", nonce="response=x, y"` + "\r\n":                      `Authorization: Digest realm="response", nonce="response=x, y"` + "\r\n",
		`Authentication-Info: nextnonce="n", qop=auth, rspauth="x", cnonce="y", nc=00000001` + "\r\n": `Authentication-Info: nextnonce="n", qop=auth, rspauth="[hidden]", cnonce="[hidden]", nc=00000001` + "\r\n",
		"Authorization: Digest username*=UTF-8''J%C3%A4s, response=\"x\"\r\n":                         "Authorization: Digest username*=UTF-8''J%C3%A4s, response=\"[hidden]\"\r\n",
		"Authorization: Bearer x\r\n":                                                                 "Authorization: Bearer [hidden]\r\n",
		"INVITE sip:bob:x@example.com SIP/2.0\r\n":                                                    "INVITE sip:bob:[hidden]@example.com SIP/2.0\r\n",
		"Contact: <sip:example.com:5060>, <sip:bob@example.com:5061>\r\n":                             "Contact: <sip:example.com:5060>, <sip:bob@example.com:5061>\r\n",
		"Contact: <sip:[2001:db8::1]:5060>\r\nTo: <sip:bob@[2001:db8::1]>\r\n":                        "Contact: <sip:[2001:db8::1]:5060>\r\nTo: <sip:bob@[2001:db8::1]>\r\n",
		"Contact: sip:example.com:5060, sip:bob@example.com\r\n":                                      "Contact: sip:example.com:5060, sip:bob@example.com\r\n",
		"Route: <sip:example.com:5060;lr>,<sip:bob@example.com>\r\n":                                  "Route: <sip:example.com:5060;lr>,<sip:bob@example.com>\r\n",
		"a=fingerprint:sha-256 AA:BB\r\n":                                                             "a=fingerprint:sha-256 AA:BB\r\n",
		"Subject: y\r\n folded\r\n":                                                                   "Subject: y\r\n folded\r\n",
	} {
		t.Run(text, func(t *testing.T) { require.Equal(t, want, Redact(text)) })
	}
}

// Redact runs over what arrives before anybody has judged it.
func TestRedactOfGarbage(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("İ", 20) + "sip:", strings.Repeat("Ⱥ", 20) + "sip:", "Authorization: Digest " + strings.Repeat("Ⱥ", 40) + ", response=", strings.Repeat("K", 20) + "sip:a:b@c", "sip:", "sip:@", "sip:::@@", "Authorization:", "Authorization: ",
		"Authorization: Digest response", "Authorization: Digest response=", `Authorization: Digest response="`, `Authorization: Digest response="\`,
		"Authorization: Digest " + strings.Repeat("İ", 20) + " response=x", "a=crypto:", "a=crypto:inline:", "\xff\xfesip:\xff:\xff@", "\x00",
		"Authorization: Digest " + strings.Repeat("\xff", 40) + " response=", strings.Repeat("\xff", 40) + "sip:a:b@c", " x", "\tsip:a:b@c",
	} {
		t.Run(fmt.Sprintf("%.40q", text), func(t *testing.T) {
			require.NotPanics(t, func() { Redact(text) })
			require.NotPanics(t, func() { MaskURI(text) })
		})
	}
}

// What arrives is redacted before its size is judged: the work grows with the
// length and not with its square. Memory tells it as well as time does, and does
// not depend on the machine.
func TestRedactIsLinear(t *testing.T) {
	for _, unit := range []string{"sip:a:b@c ", "sip:a:b@c,", "sip:", "sip:@", `response="x", `, "response ", "a=crypto:inline:x ", "\n x"} {
		for _, start := range []string{"To: ", "Authorization: Digest ", "a=crypto:"} {
			text := start + strings.Repeat(unit, (1<<17)/len(unit))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			Redact(text)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64*len(text)), "%s%s", start, unit)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("", "\r\n")
	f.Add("Subject: x\r\n", "\r\nVia: SIP/2.0/WSS a\r\n")
	f.Add("İ", "\"@")
	f.Fuzz(func(t *testing.T, before, after string) {
		Redact(before + after)
		if strings.Contains(before+after, secret) {
			return // in plain text: nobody can know
		}
		// Whatever the lines around them are, these are secrets.
		for _, line := range []string{
			`Authorization: Digest username="a", response="` + secret + `"`,
			"Proxy-Authorization: Bearer " + secret,
			"To: <sip:bob:" + secret + "@example.com>",
			"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + secret + "|2^20",
		} {
			if masked := Redact(before + "\r\n" + line + "\r\n" + after); strings.Contains(masked, secret) {
				t.Errorf("%q survives in %q", secret, masked)
			}
		}
	})
}
