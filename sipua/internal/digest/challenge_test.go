package digest

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseChallenge(t *testing.T) {
	for name, tt := range map[string]struct {
		value string
		want  Challenge
	}{
		"the least":            {`Digest realm="r", nonce="n"`, Challenge{Realm: "r", Nonce: "n"}},
		"everything":           {`Digest realm="r", domain="sip:a sip:b", nonce="n", opaque="o", stale=true, algorithm=SHA-256, qop="auth,auth-int", charset=UTF-8, userhash=true`, Challenge{Realm: "r", Nonce: "n", Opaque: "o", Stale: true, Algorithm: SHA256, QOP: []string{"auth", "auth-int"}, Userhash: true, UTF8: true}},
		"another case":         {`DIGEST Realm="R",NONCE="N",Stale=TRUE,Algorithm=md5,QOP="Auth"`, Challenge{Realm: "R", Nonce: "N", Stale: true, Algorithm: MD5, QOP: []string{"auth"}}},
		"odd spacing":          {"  Digest\t realm = \"r\" ,nonce= \"n\",, ,qop =\" auth ,  auth-int \" , ", Challenge{Realm: "r", Nonce: "n", QOP: []string{"auth", "auth-int"}}},
		"folded":               {"Digest realm=\"r\",\r\n nonce=\"n\",\r\n\talgorithm=MD5", Challenge{Realm: "r", Nonce: "n", Algorithm: MD5}},
		"no commas":            {`Digest realm="r" nonce="n" algorithm=MD5 qop="auth"`, Challenge{Realm: "r", Nonce: "n", Algorithm: MD5, QOP: []string{"auth"}}},
		"no space after":       {`Digest realm="r"nonce="n"`, Challenge{Realm: "r", Nonce: "n"}},
		"semicolons":           {`Digest realm="r"; nonce="n"; qop=auth`, Challenge{Realm: "r", Nonce: "n", QOP: []string{"auth"}}},
		"unquoted values":      {`Digest realm=sip.example.com, nonce=YWJj+/==, opaque=x, qop=auth`, Challenge{Realm: "sip.example.com", Nonce: "YWJj+/==", Opaque: "x", QOP: []string{"auth"}}},
		"unquoted qop list":    {`Digest realm="r", nonce="n", qop=auth-int,auth, stale=false`, Challenge{Realm: "r", Nonce: "n", QOP: []string{"auth-int", "auth"}}},
		"quoted tokens":        {`Digest realm="r", nonce="n", algorithm="SHA-512-256-sess", stale="true", userhash="true"`, Challenge{Realm: "r", Nonce: "n", Algorithm: SHA512256Sess, Stale: true, Userhash: true}},
		"escapes":              {`Digest realm="a \"b\" \\ c, d=\"e", nonce="n\x"`, Challenge{Realm: `a "b" \ c, d="e`, Nonce: "nx"}},
		"unknown parameters":   {`Digest x-y="1, realm=\"no\"", realm="r", flag, nonce="n", z=`, Challenge{Realm: "r", Nonce: "n"}},
		"duplicates":           {`Digest realm="r", realm="s", nonce="n", nonce="m", qop=auth, qop=auth-int, x`, Challenge{Realm: "r", Nonce: "n", QOP: []string{"auth"}}},
		"two challenges":       {`Digest realm="r", nonce="n", algorithm=SHA-256, Digest realm="r", nonce="m", algorithm=MD5`, Challenge{Realm: "r", Nonce: "n", Algorithm: SHA256}},
		"empty values":         {`Digest realm="", nonce="n", algorithm=, qop="", stale=, userhash=""`, Challenge{Nonce: "n"}},
		"empty opaque":         {`Digest realm="r", nonce="n", opaque=""`, Challenge{Realm: "r", Nonce: "n", emptyOpaque: true}},
		"not only ASCII":       {"Digest realm=\"Łódź\", nonce=\"n\"", Challenge{Realm: "Łódź", Nonce: "n"}},
		"unknown qop kept":     {`Digest realm="r", nonce="n", qop="token"`, Challenge{Realm: "r", Nonce: "n", QOP: []string{"token"}}},
		"stale of another day": {`Digest realm="r", nonce="n", stale=maybe`, Challenge{Realm: "r", Nonce: "n"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseChallenge(tt.value)
			require.NoError(t, err)
			if len(got.QOP) == 0 {
				got.QOP = nil
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestParseChallengeRefuses(t *testing.T) {
	for value, want := range map[string]error{
		``:                                ErrScheme,
		`   `:                             ErrScheme,
		`Basic realm="r"`:                 ErrScheme,
		`Bearer authz_server="https://a"`: ErrScheme,
		`Digestive realm="r", nonce="n"`:  ErrScheme,
		`realm="r", nonce="n"`:            ErrScheme,
		strings.Repeat("x", 1<<20):        ErrScheme,

		`Digest`:                               ErrMalformed,
		`Digest realm="r"`:                     ErrMalformed,
		`Digest nonce="n"`:                     ErrMalformed,
		`Digest realm="r", nonce=""`:           ErrMalformed,
		`Digest realm="r", nonce`:              ErrMalformed,
		`Digest realm="r", nonce="n`:           ErrMalformed,
		`Digest realm="r", nonce="n\`:          ErrMalformed,
		`Digest realm="r", nonce="n\"`:         ErrMalformed,
		`Digest ="r", nonce="n"`:               ErrMalformed,
		`Digest "realm"="r", nonce="n"`:        ErrMalformed,
		`Digest realm=r"s", nonce="n", "`:      ErrMalformed,
		"Digest realm=\"r\r\ns\", nonce=\"n\"": ErrMalformed,
		"Digest realm=\"r\\\ns\", nonce=\"n\"": ErrMalformed,
		"Digest realm=\"r\", nonce=\"n\x00\"":  ErrMalformed,
		"Digest realm=r\x7f, nonce=n":          ErrMalformed,
		"Digest r\u00e9alm=r, nonce=n":         ErrMalformed,

		`Digest realm="r", nonce="n", algorithm=SHA-1`:                         ErrAlgorithm,
		`Digest realm="r", nonce="n", algorithm=AKAv1-MD5`:                     ErrAlgorithm,
		`Digest realm="r", nonce="n", algorithm="MD5 "`:                        ErrAlgorithm,
		`Digest realm="r", nonce="n", algorithm=` + strings.Repeat("x", 1<<20): ErrAlgorithm,
	} {
		_, err := ParseChallenge(value)
		require.ErrorIs(t, err, want, "%.60q", value)
		require.Less(t, len(err.Error()), 200, "an error is for reading")
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestBest(t *testing.T) {
	bob := Credentials{Username: "bob", Password: "zanzibar"}
	challenge := func(realm, nonce string, a Algorithm, qop ...string) Challenge {
		return Challenge{Realm: realm, Nonce: nonce, Algorithm: a, QOP: qop}
	}
	for name, tt := range map[string]struct {
		cred    Credentials
		offered []Challenge
		want    []string // nonces
	}{
		"one":                      {bob, []Challenge{challenge("r", "1", Unspecified)}, []string{"1"}},
		"strongest first":          {bob, []Challenge{challenge("r", "1", SHA512256), challenge("r", "2", SHA256), challenge("r", "3", MD5)}, []string{"1"}},
		"strongest last":           {bob, []Challenge{challenge("r", "1", MD5), challenge("r", "2", SHA256), challenge("r", "3", SHA512256)}, []string{"3"}},
		"equals: topmost":          {bob, []Challenge{challenge("r", "1", SHA256Sess), challenge("r", "2", SHA256), challenge("r", "3", Unspecified)}, []string{"1"}},
		"unknown qop passed over":  {bob, []Challenge{challenge("r", "1", SHA256, "token"), challenge("r", "2", MD5, "auth")}, []string{"2"}},
		"each realm":               {bob, []Challenge{challenge("a", "1", MD5), challenge("b", "2", MD5), challenge("a", "3", SHA256)}, []string{"3", "2"}},
		"HA1 of MD5 answers MD5":   {Credentials{Username: "bob", HA1: []HA1{{Hash: biloxiHA1MD5}}}, []Challenge{challenge("r", "1", SHA512256), challenge("r", "2", SHA256), challenge("r", "3", MD5Sess)}, []string{"3"}},
		"HA1 of SHA-256, no MD5":   {Credentials{Username: "bob", HA1: []HA1{{Hash: biloxiHA1SHA256}}}, []Challenge{challenge("r", "1", MD5), challenge("r", "2", SHA256)}, []string{"2"}},
		"unanswerable realm apart": {bob, []Challenge{challenge("a", "1", MD5, "token"), challenge("b", "2", MD5)}, []string{"2"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Best(tt.offered, tt.cred)
			require.NoError(t, err)
			var nonces []string
			for _, c := range got {
				nonces = append(nonces, c.Nonce)
			}
			require.Equal(t, tt.want, nonces)
		})
	}

	_, err := Best(nil, bob)
	require.ErrorIs(t, err, ErrScheme)
	_, err = Best([]Challenge{challenge("r", "1", MD5, "token"), challenge("r", "2", MD5)}, Credentials{Username: "bob"})
	require.ErrorIs(t, err, ErrQOP, "the error is the first one's")
	_, err = Best([]Challenge{challenge("r", "1", SHA256)}, Credentials{Username: "bob", HA1: []HA1{{Hash: biloxiHA1MD5}}})
	require.ErrorIs(t, err, ErrCredentials)
}

func TestAlgorithm(t *testing.T) {
	for a := Unspecified; a <= SHA512256Sess; a++ {
		parsed, ok := parseAlgorithm(strings.ToLower(a.String()))
		require.True(t, ok)
		require.Equal(t, max(a, MD5), parsed)
		require.Len(t, a.hash(nil), a.hexLen())
		require.Equal(t, strings.HasSuffix(a.String(), "-sess"), a.session())
	}
	require.Less(t, MD5Sess.Strength(), SHA256.Strength())
	require.Less(t, SHA256Sess.Strength(), SHA512256.Strength())
	require.Equal(t, Unspecified.Strength(), MD5.Strength())
	require.Equal(t, "unknown", Algorithm(99).String())
}

// What parses can be answered, and the answer is one header value that says the
// same realm, nonce and opaque.
func FuzzParseChallenge(f *testing.F) {
	for _, s := range []string{
		`Digest realm="r", nonce="n"`,
		`Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b", opaque=""`,
		`Digest algorithm=SHA-512-256-sess, realm="a\"b\\", nonce="n", opaque="o", charset=UTF-8, userhash=true`,
		`Digest realm=r nonce=n qop=auth-int,auth stale=true`,
		"Digest realm=\"Łódź\",\r\n\tnonce=\"n\\\r\"",
		`Basic realm="r"`,
		`Digest realm="r", nonce="n`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, err := ParseChallenge(value)
		if err != nil {
			if !errors.Is(err, ErrScheme) && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrAlgorithm) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		answer, err := c.Authorize(Credentials{Username: `b"o\b`, Password: "p"}, Request{Method: "INVITE", URI: "sip:a@b"}, 1, `c"n`)
		if err != nil {
			if len(c.QOP) == 0 || !errors.Is(err, ErrQOP) {
				t.Fatalf("cannot answer %q: %v", value, err)
			}
			return
		}
		if hasControl(answer) {
			t.Fatalf("control character in the answer %q", answer)
		}
		again, err := ParseChallenge(answer) // an answer has the syntax of a challenge
		if err != nil {
			t.Fatalf("the answer %q does not parse: %v", answer, err)
		}
		if again.Realm != c.Realm || again.Nonce != c.Nonce || again.Opaque != c.Opaque ||
			again.emptyOpaque != c.emptyOpaque || again.Algorithm != c.Algorithm {
			t.Fatalf("the answer %q does not say what %q said", answer, value)
		}
	})
}
