package digest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// param returns a parameter of an answer as it stands there, with its quotes.
func param(t *testing.T, answer, name string) string {
	t.Helper()
	rest, ok := strings.CutPrefix(answer, "Digest ")
	require.True(t, ok, "the value begins with the scheme: %s", answer)
	for _, p := range strings.Split(rest, ", ") {
		if n, v, _ := strings.Cut(p, "="); n == name {
			return v
		}
	}
	return ""
}

func TestRFCVectors(t *testing.T) {
	const rfc7616 = `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=%s, ` +
		`nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`
	for _, tt := range []struct {
		name, challenge string
		cred            Credentials
		uri, cnonce     string
		want            string // the whole answer
	}{
		{
			"RFC 2617 section 3.5",
			`Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`,
			Credentials{Username: "Mufasa", Password: "Circle Of Life"},
			"/dir/index.html", "0a4f113b",
			`Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", ` +
				`response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41", qop=auth, nc=00000001, cnonce="0a4f113b"`,
		},
		{
			"RFC 7616 section 3.9.1, MD5", fmt.Sprintf(rfc7616, "MD5"),
			Credentials{Username: "Mufasa", Password: "Circle of Life"},
			"/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			`Digest algorithm=MD5, username="Mufasa", realm="http-auth@example.org", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", ` +
				`uri="/dir/index.html", response="8ca523f5e9506fed4657c9700eebdbec", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", ` +
				`qop=auth, nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"`,
		},
		{
			"RFC 7616 section 3.9.1, SHA-256", fmt.Sprintf(rfc7616, "SHA-256"),
			Credentials{Username: "Mufasa", Password: "Circle of Life"},
			"/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			`Digest algorithm=SHA-256, username="Mufasa", realm="http-auth@example.org", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", ` +
				`uri="/dir/index.html", response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1", ` +
				`opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS", qop=auth, nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"`,
		},
		{
			// The user name and response printed in the RFC are not SHA-512/256;
			// these are the ones of erratum 4897, and of Python's hashlib.
			"RFC 7616 section 3.9.2 with erratum 4897",
			`Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", ` +
				`opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", charset=UTF-8, userhash=true`,
			Credentials{Username: "J\u00e4s\u00f8n Doe", Password: "Secret, or not?"},
			"/doe.json", "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
			`Digest algorithm=SHA-512-256, username="793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b", realm="api@example.org", ` +
				`nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", uri="/doe.json", ` +
				`response="3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", ` +
				`qop=auth, nc=00000001, cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", userhash=true`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := ParseChallenge(tt.challenge)
			require.NoError(t, err)
			got, err := c.Authorize(tt.cred, Request{Method: "GET", URI: tt.uri}, 1, tt.cnonce)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

// The offer that draft-smith-sipping-auth-examples-01 hashes for auth-int.
const sipBody = "v=0\r\n" +
	"o=bob 2890844526 2890844526 IN IP4 media.biloxi.com\r\n" +
	"s=-\r\n" +
	"c=IN IP4 media.biloxi.com\r\n" +
	"t=0 0\r\n" +
	"m=audio 49170 RTP/AVP 0\r\n" +
	"a=rtpmap:0 PCMU/8000\r\n" +
	"m=video 51372 RTP/AVP 31\r\n" +
	"a=rtpmap:31 H261/90000\r\n" +
	"m=video 53000 RTP/AVP 32\r\n" +
	"a=rtpmap:32 MPV/90000\r\n"

const (
	biloxiHA1MD5       = "12af60467a33e8518da5c68bbff12b11"
	biloxiHA1SHA256    = "e65db393e748c5228939a6b4b2879e9ea5625cd79fd5267868cb568d69f6b97e"
	biloxiHA1SHA512256 = "a969680ab364e333ec5c93ff823d570a79841c8d40270655dd42f37b755dfc38"
)

// RFC 8760 prints no digest. The MD5 responses are those of
// draft-smith-sipping-auth-examples-01 sections 3.1 to 3.6 (but for MD5-sess
// without qop); the others were computed from the same input with Python's hashlib.
var sipVectors = []struct {
	algorithm Algorithm
	qop       string
	ha1       string
	response  string
}{
	{Unspecified, "", biloxiHA1MD5, "bf57e4e0d0bffc0fbaedce64d59add5e"},
	{Unspecified, "auth", biloxiHA1MD5, "89eb0059246c02b2f6ee02c7961d5ea3"},
	{MD5, "", biloxiHA1MD5, "bf57e4e0d0bffc0fbaedce64d59add5e"},
	{MD5, "auth", biloxiHA1MD5, "89eb0059246c02b2f6ee02c7961d5ea3"},
	{MD5, "auth-int", biloxiHA1MD5, "bdbeebb2da6adb6bca02599c2239e192"},
	{MD5Sess, "", biloxiHA1MD5, "fff17611bcbbf00c9116a2c922dea8e1"},
	{MD5Sess, "auth", biloxiHA1MD5, "e4e4ea61d186d07a92c9e1f6919902e9"},
	{MD5Sess, "auth-int", biloxiHA1MD5, "91984da2d8663716e91554859c22ca70"},
	{SHA256, "", biloxiHA1SHA256, "38aad98c50c33abe72c5f88dd17246ffcfa6b1f68852c855719ff0659386c0ca"},
	{SHA256, "auth", biloxiHA1SHA256, "b3b5a6c69453abafaab9ae4dccdac90a076b6c80615d5f3498e7433b6e93bf4f"},
	{SHA256, "auth-int", biloxiHA1SHA256, "c54fb1136ee077c9b9b31e2865b25b1326515c2b0ce1584c40f267672401d647"},
	{SHA256Sess, "", biloxiHA1SHA256, "2ceb74b5bf787a27f00a80b94f397228de1a9bab1c3c56b7c6f984cf9f3ffdf7"},
	{SHA256Sess, "auth", biloxiHA1SHA256, "5da59c9ca40954be9d5063a15a174066c8251be2c10cf47c144c366dc7daf792"},
	{SHA256Sess, "auth-int", biloxiHA1SHA256, "9ab810cc06168ee4a9a3564bbab9cd95fcca15efde8c529c856174863d56813a"},
	{SHA512256, "", biloxiHA1SHA512256, "9e960b3a01beb63f1ea5d45d43bd8a2178879d3c9ddbbdb0624187ca823c6eca"},
	{SHA512256, "auth", biloxiHA1SHA512256, "7f1a09de0f19af0a1eac2b28d33e3f2fb89cca1ad8fb01bba5e1883b288bac14"},
	{SHA512256, "auth-int", biloxiHA1SHA512256, "05fec0126aa34195c417d63037f4e226cc15fa737015ae0ce9a6fcf3d2ea4ed7"},
	{SHA512256Sess, "", biloxiHA1SHA512256, "10f52db7e2818a98871fd94294a2593a22eeaf07e23dad0b2bb52694442db5dd"},
	{SHA512256Sess, "auth", biloxiHA1SHA512256, "077d9677be83f41f162d1a4453dc163389919f81e5927391d972f477da767633"},
	{SHA512256Sess, "auth-int", biloxiHA1SHA512256, "0692b157330f5c7c3d693b97b477a9dee5e29dbf8d09f4024df0b72fa8206d65"},
}

func TestSIPVectors(t *testing.T) {
	for _, tt := range sipVectors {
		t.Run(fmt.Sprintf("%d %v %s", tt.algorithm, tt.algorithm, tt.qop), func(t *testing.T) {
			c := Challenge{Realm: "biloxi.com", Nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", Algorithm: tt.algorithm}
			if tt.qop != "" {
				c.QOP = []string{tt.qop}
			}
			req := Request{Method: "INVITE", URI: "sip:bob@biloxi.com", Body: []byte(sipBody)}
			for _, cred := range []Credentials{
				{Username: "bob", Password: "zanzibar"},
				{Username: "bob", HA1: []HA1{{Hash: tt.ha1}}},
				{Username: "bob", HA1: []HA1{{Hash: strings.ToUpper(tt.ha1)}}},
			} {
				got, err := c.Authorize(cred, req, 1, "0a4f113b")
				require.NoError(t, err)
				require.Equal(t, `"`+tt.response+`"`, param(t, got, "response"))

				algorithm, nc, cnonce := tt.algorithm.String(), "00000001", `"0a4f113b"`
				if tt.algorithm == Unspecified {
					algorithm = ""
				}
				if tt.qop == "" {
					nc = ""
					if !tt.algorithm.session() {
						cnonce = ""
					}
				}
				require.Equal(t, algorithm, param(t, got, "algorithm"))
				require.Equal(t, tt.qop, param(t, got, "qop"))
				require.Equal(t, nc, param(t, got, "nc"))
				require.Equal(t, cnonce, param(t, got, "cnonce"))
			}
		})
	}
}

// The expected values were computed with Python's hashlib.
func TestAuthorizeDetails(t *testing.T) {
	t.Run("auth is preferred to auth-int wherever it stands", func(t *testing.T) {
		c := Challenge{Realm: "biloxi.com", Nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", QOP: []string{"auth-int", "token", "auth"}}
		got, err := c.Authorize(Credentials{Username: "bob", Password: "zanzibar"},
			Request{Method: "INVITE", URI: "sip:bob@biloxi.com", Body: []byte(sipBody)}, 1, "0a4f113b")
		require.NoError(t, err)
		require.Equal(t, `"89eb0059246c02b2f6ee02c7961d5ea3"`, param(t, got, "response"))
		require.Equal(t, "auth", param(t, got, "qop"))
	})

	t.Run("auth-int of no body hashes the empty string, and nc is eight hexadecimal digits", func(t *testing.T) {
		c := Challenge{Realm: "biloxi.com", Nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", Algorithm: SHA256, QOP: []string{"auth-int"}}
		got, err := c.Authorize(Credentials{Username: "bob", Password: "zanzibar"},
			Request{Method: "REGISTER", URI: "sip:biloxi.com"}, 42, "0a4f113b")
		require.NoError(t, err)
		require.Equal(t, `"e8016eafaa31680518a94edda78a863000450b8bb4fb68aa42bb0ed734dd2cce"`, param(t, got, "response"))
		require.Equal(t, "0000002a", param(t, got, "nc"))
	})

	t.Run("quotes and backslashes are hashed bare and sent escaped", func(t *testing.T) {
		c, err := ParseChallenge(`Digest realm="r\"\\x", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"`)
		require.NoError(t, err)
		require.Equal(t, `r"\x`, c.Realm)
		got, err := c.Authorize(Credentials{Username: `a"b\c`, Password: `p:w"`}, Request{Method: "REGISTER", URI: "sip:x"}, 1, "")
		require.NoError(t, err)
		require.Equal(t, `Digest username="a\"b\\c", realm="r\"\\x", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="sip:x", `+
			`response="43d73ccbbbfc783026d2891cb76a9c42"`, got)
	})

	t.Run("the shape of an Asterisk challenge, as JsSIP answers it", func(t *testing.T) {
		c, err := ParseChallenge(`Digest algorithm=MD5, realm="sip.SipProvaiderDomain.pl", nonce="6cb24f02"`)
		require.NoError(t, err)
		got, err := c.Authorize(Credentials{Username: "clorcesolu_11", Password: "secret"},
			Request{Method: "REGISTER", URI: "sip:sip.SipProvaiderDomain.pl"}, 1, "unused")
		require.NoError(t, err)
		require.Equal(t, `Digest algorithm=MD5, username="clorcesolu_11", realm="sip.SipProvaiderDomain.pl", nonce="6cb24f02", `+
			`uri="sip:sip.SipProvaiderDomain.pl", response="a6edc1181eaa5247c6492a27dbbb72c7"`, got)
	})

	t.Run("an empty opaque goes back, an absent one does not", func(t *testing.T) {
		cred, req := Credentials{Username: "bob", Password: "zanzibar"}, Request{Method: "REGISTER", URI: "sip:x"}
		for challenge, want := range map[string]string{
			`Digest realm="r", nonce="n", opaque=""`:     `""`,
			`Digest realm="r", nonce="n", opaque="a\"b"`: `"a\"b"`,
			`Digest realm="r", nonce="n"`:                ``,
		} {
			c, err := ParseChallenge(challenge)
			require.NoError(t, err)
			got, err := c.Authorize(cred, req, 1, "c")
			require.NoError(t, err)
			require.Equal(t, want, param(t, got, "opaque"), challenge)
		}
	})

	t.Run("userhash with an HA1", func(t *testing.T) {
		c := Challenge{Realm: "biloxi.com", Nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093", Algorithm: SHA256, QOP: []string{"auth"}, Userhash: true}
		got, err := c.Authorize(Credentials{Username: "bob", HA1: []HA1{{Hash: biloxiHA1SHA256}}},
			Request{Method: "INVITE", URI: "sip:bob@biloxi.com"}, 1, "0a4f113b")
		require.NoError(t, err)
		require.Equal(t, `"b3b5a6c69453abafaab9ae4dccdac90a076b6c80615d5f3498e7433b6e93bf4f"`, param(t, got, "response"))
		require.Equal(t, `"aafc60b9fa3e13876262208200cd6aebf77f59d79e854061f632f35f6cb30e0c"`, param(t, got, "username"))
		require.Equal(t, "true", param(t, got, "userhash"))
	})
}

func TestAuthorizeRefuses(t *testing.T) {
	good := Challenge{Realm: "biloxi.com", Nonce: "n", Opaque: "o", QOP: []string{"auth"}}
	goodCred := Credentials{Username: "bob", Password: "zanzibar"}
	goodReq := Request{Method: "INVITE", URI: "sip:bob@biloxi.com"}
	for name, tt := range map[string]struct {
		change func(c *Challenge, cred *Credentials, req *Request, nc *uint32, cnonce *string)
		want   error
	}{
		"unknown qop only":      {func(c *Challenge, _ *Credentials, _ *Request, _ *uint32, _ *string) { c.QOP = []string{"token"} }, ErrQOP},
		"unknown algorithm":     {func(c *Challenge, _ *Credentials, _ *Request, _ *uint32, _ *string) { c.Algorithm = 99 }, ErrAlgorithm},
		"line end in realm":     {func(c *Challenge, _ *Credentials, _ *Request, _ *uint32, _ *string) { c.Realm = "a\r\nb" }, ErrMalformed},
		"line end in nonce":     {func(c *Challenge, _ *Credentials, _ *Request, _ *uint32, _ *string) { c.Nonce = "a\nb" }, ErrMalformed},
		"line end in opaque":    {func(c *Challenge, _ *Credentials, _ *Request, _ *uint32, _ *string) { c.Opaque = "a\rb" }, ErrMalformed},
		"no user name":          {func(_ *Challenge, cred *Credentials, _ *Request, _ *uint32, _ *string) { cred.Username = "" }, ErrCredentials},
		"line end in user name": {func(_ *Challenge, cred *Credentials, _ *Request, _ *uint32, _ *string) { cred.Username = "b\nob" }, ErrCredentials},
		"no secret":             {func(_ *Challenge, cred *Credentials, _ *Request, _ *uint32, _ *string) { cred.Password = "" }, ErrCredentials},
		"HA1 not hexadecimal": {func(_ *Challenge, cred *Credentials, _ *Request, _ *uint32, _ *string) {
			cred.Password, cred.HA1 = "", []HA1{{Hash: "zanzibar"}}
		}, ErrCredentials},
		"HA1 of another hash": {func(_ *Challenge, cred *Credentials, _ *Request, _ *uint32, _ *string) {
			cred.Password, cred.HA1 = "", []HA1{{Hash: biloxiHA1SHA256}}
		}, ErrCredentials},
		"no method":              {func(_ *Challenge, _ *Credentials, req *Request, _ *uint32, _ *string) { req.Method = "" }, ErrRequest},
		"no URI":                 {func(_ *Challenge, _ *Credentials, req *Request, _ *uint32, _ *string) { req.URI = "" }, ErrRequest},
		"line end in the method": {func(_ *Challenge, _ *Credentials, req *Request, _ *uint32, _ *string) { req.Method = "A\r\nB" }, ErrRequest},
		"line end in the URI":    {func(_ *Challenge, _ *Credentials, req *Request, _ *uint32, _ *string) { req.URI = "sip:a\r\nX: y" }, ErrRequest},
		"nonce count 0":          {func(_ *Challenge, _ *Credentials, _ *Request, nc *uint32, _ *string) { *nc = 0 }, ErrRequest},
		"no client nonce":        {func(_ *Challenge, _ *Credentials, _ *Request, _ *uint32, cnonce *string) { *cnonce = "" }, ErrRequest},
		"line end in the cnonce": {func(_ *Challenge, _ *Credentials, _ *Request, _ *uint32, cnonce *string) { *cnonce = "a\nb" }, ErrRequest},
		"-sess without a cnonce": {func(c *Challenge, _ *Credentials, _ *Request, _ *uint32, cnonce *string) {
			c.QOP, c.Algorithm, *cnonce = nil, MD5Sess, ""
		}, ErrRequest},
		"NUL in the client nonce": {func(_ *Challenge, _ *Credentials, _ *Request, _ *uint32, cnonce *string) { *cnonce = "a\x00b" }, ErrRequest},
	} {
		t.Run(name, func(t *testing.T) {
			c, cred, req, nc, cnonce := good, goodCred, goodReq, uint32(1), "0a4f113b"
			_, err := c.Authorize(cred, req, nc, cnonce)
			require.NoError(t, err, "before the change")
			tt.change(&c, &cred, &req, &nc, &cnonce)
			got, err := c.Authorize(cred, req, nc, cnonce)
			require.ErrorIs(t, err, tt.want)
			require.Empty(t, got)
		})
	}
}

func TestNoSecretShows(t *testing.T) {
	const password, ha1 = "hunter2-secret", "0123456789abcdef0123456789abcdef"
	noSecret := func(t *testing.T, text string) {
		t.Helper()
		for _, secret := range []string{password, ha1, strings.ToUpper(ha1), ha1[:12]} {
			require.NotContains(t, text, secret)
			require.NotContains(t, text, fmt.Sprintf("%x", secret))
			require.NotContains(t, text, fmt.Sprintf("%X", secret))
		}
	}
	cred := Credentials{Username: "bob", Password: password, HA1: []HA1{{Hash: ha1}}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		for _, v := range []any{cred, &cred, []Credentials{cred}, map[string]Credentials{"a": cred}, struct{ C Credentials }{cred}} {
			text := fmt.Sprintf(verb, v)
			noSecret(t, text)
			require.Contains(t, text, "hidden", verb)
		}
	}
	noSecret(t, cred.String()+cred.GoString())

	refused := 0
	for _, c := range []Challenge{
		{Realm: "r", Nonce: "n", Algorithm: SHA256},
		{Realm: "r", Nonce: "n", QOP: []string{"token"}},
		{Realm: "r\n", Nonce: "n"},
		{Realm: "r", Nonce: "n", QOP: []string{"auth"}},
	} {
		for _, cred := range []Credentials{cred, {Username: "bob", HA1: []HA1{{Hash: ha1 + "0"}}}, {Username: "bob", HA1: []HA1{{Hash: ha1 + "zz"}}}, {Username: "b\nb", Password: password}, {Password: password}} {
			for _, req := range []Request{{}, {Method: "REGISTER", URI: "sip:x\r\n"}} {
				_, err := c.Authorize(cred, req, 0, "")
				require.Error(t, err)
				refused++
				noSecret(t, fmt.Sprintf("%v %+v %#v", err, err, err))
				_, err = Best([]Challenge{c}, cred)
				noSecret(t, fmt.Sprintf("%v %+v %#v", err, err, err))
			}
		}
	}
	require.Equal(t, 40, refused)
}
