package message

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

func TestParseNameAddr(t *testing.T) {
	for s, want := range map[string][4]string{ // display name, URI, parameter x
		`"A, \"B\"" <sip:a,b@c;d?e=f>;x=1`: {`A, "B"`, "sip:a,b@c;d?e=f", "1"},
		" Bob  B <tel:+1;y=2> ; X = 2 ":    {"Bob B", "tel:+1;y=2", "2"},
		"sip:a@b;x=3":                      {"", "sip:a@b", "3"},
		`<sip:a@[2001:db8::1]>;x="4 5"`:    {"", "sip:a@[2001:db8::1]", "4 5"},
		"<http://a/b,c>":                   {"", "http://a/b,c", ""},
	} {
		name, uri, params, ok := ParseNameAddr(s)
		require.True(t, ok, s)
		x, _ := Param(params, "x")
		require.Equal(t, want, [4]string{DisplayName(name), uri.String(), x}, s)
	}
	for _, s := range []string{"", "*", "<*>", "a", "<sip:a@b", `"a" sip:a@b`, "sip:a@b?c=d", "<sip:a@b> x", "<sip:a@b>;=1", "<sip:a@b>;x=\"1", "\xff <sip:a@b>", "<sip:a@b>\r\nx"} {
		name, uri, params, ok := ParseNameAddr(s)
		require.False(t, ok, s)
		require.True(t, name == "" && uri.String() == (&sip.Uri{}).String() && params == nil, s)
	}
}

func TestValues(t *testing.T) {
	msg := good(t, crlf(options, `X-L: "a,\"b" <sip:c,d@e>, <f,g>,`, "Y: other", "x-l:, h ,,i", "X-L:", `X-L: "j, k`))
	all := []string{`"a,\"b" <sip:c,d@e>`, "<f,g>", "h", "i", `"j, k`}
	require.Equal(t, all, Values(msg, "X-L", 32))
	require.Equal(t, all[:3], Values(msg, "X-L", 3))
	require.Empty(t, Values(msg, "Z", 3))
	require.Len(t, Values(good(t, crlf(options, "X-L: "+strings.Repeat("a,", 50_000))), "X-L", 32), 32)
}

func TestParts(t *testing.T) {
	for s, want := range map[string][]string{
		"":                               {""},
		"a":                              {"a"},
		` a ;b="c;\";d" ; <e;f>;;g `:     {"a", `b="c;\";d"`, "<e;f>", "", "g"},
		`a;"b;`:                          {"a", `"b;`},
		`a;"b\`:                          {"a", `"b\`},
		"<a;b":                           {"<a;b"},
		`<http://a/"b>;c;"d<e";f`:        {`<http://a/"b>`, "c", `"d<e"`, "f"},
		strings.Repeat(";", 100_000):     strings.Split(strings.Repeat(";", 6), ";"),
		strings.Repeat("a;", 6) + "b;c;": {"a", "a", "a", "a", "a", "a", "b"},
	} {
		require.Equal(t, want, Parts(s, ';', 7), "%.40s", s)
	}
}
