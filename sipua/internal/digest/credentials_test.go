package digest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Of several HA1 the one counts that is meant for the challenge most exactly.
func TestHA1ForRealmAndAlgorithm(t *testing.T) {
	a, b, c, d := strings.Repeat("a", 32), strings.Repeat("b", 32), strings.Repeat("c", 64), strings.Repeat("d", 64)
	cred := Credentials{Username: "bob", HA1: []HA1{
		{Hash: a}, {Realm: "r", Algorithm: "md5", Hash: b}, {Realm: "r", Algorithm: "SHA-256", Hash: c}, {Algorithm: "SHA-512-256", Hash: d},
	}}
	for _, tt := range []struct {
		realm     string
		algorithm Algorithm
		want      string
	}{
		{"r", Unspecified, b}, {"r", MD5Sess, b}, {"x", MD5, a}, {"r", SHA256, c}, {"r", SHA256Sess, c}, {"x", SHA256, ""}, {"r", SHA512256, d}, {"x", SHA512256, d},
	} {
		got, ok := cred.ha1(Challenge{Realm: tt.realm, Algorithm: tt.algorithm})
		require.Equal(t, tt.want != "", ok)
		require.Equal(t, tt.want, got, "%s %v", tt.realm, tt.algorithm)
	}
	_, err := Best([]Challenge{{Realm: "x", Nonce: "n", Algorithm: SHA256}}, cred)
	require.ErrorIs(t, err, ErrCredentials)
	require.ErrorContains(t, err, "SHA-256")
}

func TestHA1Check(t *testing.T) {
	for _, good := range []HA1{{Hash: biloxiHA1MD5}, {Hash: biloxiHA1SHA256}, {Algorithm: "sha-512-256", Hash: strings.ToUpper(biloxiHA1SHA512256)}} {
		require.NoError(t, good.Check())
	}
	for _, bad := range []HA1{
		{}, {Hash: "zz"}, {Hash: biloxiHA1MD5 + "00"}, {Algorithm: "SHA-256", Hash: biloxiHA1MD5}, {Algorithm: "MD5", Hash: biloxiHA1SHA256},
		{Algorithm: "MD5-sess", Hash: biloxiHA1MD5}, {Algorithm: "SHA-1", Hash: biloxiHA1MD5}, {Hash: biloxiHA1MD5[:31] + "x"},
	} {
		err := bad.Check()
		require.ErrorIs(t, err, ErrCredentials, "%v", bad)
		require.NotContains(t, err.Error(), biloxiHA1MD5[:12])
		require.NotContains(t, err.Error(), biloxiHA1SHA256[:12])
	}
}

// RFC 8760 section 2.4 leaves the least to local policy.
func TestUsable(t *testing.T) {
	for a := Unspecified; a <= SHA512256Sess; a++ {
		for least := range 3 {
			err := Challenge{Realm: "r", Nonce: "n", Algorithm: a}.Usable(least)
			if a.Strength() >= least {
				require.NoError(t, err)
				continue
			}
			require.ErrorIs(t, err, ErrWeak)
			require.ErrorContains(t, err, a.String())
		}
	}
}

// RFC 7616 section 3.4: username* for a server that reads UTF-8, in the notation of
// RFC 5987; the hash is of the name itself.
func TestUsernameBeyondASCII(t *testing.T) {
	for name, tt := range map[string]struct{ challenge, user, plain, extended string }{
		"ASCII":      {`Digest realm="r", nonce="n", charset=UTF-8`, "bob", `"bob"`, ""},
		"charset":    {`Digest realm="r", nonce="n", charset=utf-8`, "Jäsøn Doe", "", "UTF-8''J%C3%A4s%C3%B8n%20Doe"},
		"no charset": {`Digest realm="r", nonce="n"`, "Jäsøn Doe", `"Jäsøn Doe"`, ""},
		"userhash":   {`Digest realm="r", nonce="n", charset=UTF-8, userhash=true`, "Jäsøn", `"` + sum("MD5", "Jäsøn", "r") + `"`, ""},
		"marks":      {`Digest realm="r", nonce="n", charset=UTF-8`, `é"\%'*.~`, "", `UTF-8''%C3%A9%22%5C%25%27%2A.~`},
		"not UTF-8":  {`Digest realm="r", nonce="n", charset=UTF-8`, "\xff", "\"\xff\"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := ParseChallenge(tt.challenge)
			require.NoError(t, err)
			got, err := c.Authorize(Credentials{Username: tt.user, Password: "p"}, Request{Method: "OPTIONS", URI: "sip:r"}, 1, "c")
			require.NoError(t, err)
			require.Equal(t, tt.plain, param(t, got, "username"))
			require.Equal(t, tt.extended, param(t, got, "username*"))
			require.Equal(t, `"`+sum("MD5", sum("MD5", tt.user, "r", "p"), "n", sum("MD5", "OPTIONS", "sip:r"))+`"`, param(t, got, "response"))
		})
	}
}

func TestParseBearer(t *testing.T) {
	b, err := ParseBearer(`bearer realm="r", scope="a b", authz_server="https://x/y", error=invalid_token, z="1"`)
	require.NoError(t, err)
	require.Equal(t, Bearer{Realm: "r", Scope: "a b", AuthzServer: "https://x/y", Error: "invalid_token"}, b)
	b, err = ParseBearer(" BEARER ")
	require.NoError(t, err)
	require.Zero(t, b)
	_, err = ParseBearer(`Digest realm="r", nonce="n"`)
	require.ErrorIs(t, err, ErrScheme)
	_, err = ParseBearer(`Bearer realm="r`)
	require.ErrorIs(t, err, ErrMalformed)
}

func TestCheckToken(t *testing.T) {
	for _, good := range []string{"a", "mF_9.B5f-4.1JqM", "a/b+c~d==", "eyJ0.eyJ1.c2ln"} {
		require.NoError(t, CheckToken(good))
	}
	for _, bad := range []string{"", "=", "a b", "a\r\nb", "a=b", `a"b`, "é", "a,b"} {
		err := CheckToken(bad)
		require.ErrorIs(t, err, ErrCredentials, "%q", bad)
		if len(bad) > 2 {
			require.NotContains(t, err.Error(), bad)
		}
	}
}
