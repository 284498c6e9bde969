package sipua_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func TestAnonymousRequest(t *testing.T) {
	req := requestWith(t, "INVITE", `From: "Bob \"B\"" <sips:1002:pw@example.com;user=phone>;x=bob;TAG=abc`, "Subject: kept")
	sipua.Anonymize(req)
	require.Equal(t, []string{`"Anonymous" <sip:anonymous@anonymous.invalid>;tag=abc`}, values(req, "From"))
	require.Equal(t, "kept", value(req, "Subject"))
	require.NotContains(t, req.String(), "1002")
	require.True(t, sipua.CallerOf(req).Anonymous)
	names := []string{}
	for _, h := range req.Headers() {
		names = append(names, h.Name())
	}
	require.Equal(t, []string{"Via", "To", "Call-ID", "CSeq", "From", "Subject"}, names, "in its place")
}

func TestPrivacyHeaders(t *testing.T) {
	type headers = map[string]string
	for _, c := range []struct {
		anonymous bool
		privacy   []string
		preferred string
		want      headers
	}{
		{want: headers{}},
		{anonymous: true, want: headers{"Privacy": "id"}},
		{anonymous: true, privacy: []string{"user", "ID"}, want: headers{"Privacy": "user;id"}},
		{anonymous: true, privacy: []string{"critical"}, preferred: "sip:1001@example.com", want: headers{"Privacy": "id;critical", "Proxy-Require": "privacy", "P-Preferred-Identity": "<sip:1001@example.com>"}},
		{privacy: []string{" none "}, preferred: `"Ann \"A\"" <tel:+1555>`, want: headers{"Privacy": "none", "P-Preferred-Identity": `"Ann \"A\"" <tel:+1555>`}},
		{privacy: []string{"critical", "header", "header", "session"}, want: headers{"Privacy": "header;session;critical", "Proxy-Require": "privacy"}},
	} {
		got, err := sipua.PrivacyHeaders(c.anonymous, c.privacy, c.preferred)
		require.NoError(t, err)
		all := headers{}
		for _, h := range got {
			require.NotContains(t, all, h.Name())
			all[h.Name()] = h.Value()
		}
		require.Equal(t, c.want, all)
	}
	for _, c := range []struct {
		anonymous bool
		privacy   []string
		preferred string
	}{
		{privacy: []string{""}}, {privacy: []string{"id;user"}}, {privacy: []string{"id\r\nVia: x"}}, {privacy: []string{"none", "id"}}, {anonymous: true, privacy: []string{"none"}},
		{privacy: []string{"none", "critical"}}, {privacy: []string{"critical"}}, {preferred: "1001"}, {preferred: "sip:a@b\r\nVia: x"}, {preferred: "<sip:a@b>;tag=1"},
	} {
		_, err := sipua.PrivacyHeaders(c.anonymous, c.privacy, c.preferred)
		require.Error(t, err, "%v", c)
	}
}

func TestPrivacyIsRead(t *testing.T) {
	require.Equal(t, []string{"id", "user", "critical", "x"}, callerWith(t, "Privacy: id ; User;critical, x", "Privacy: ID;;a b").Privacy)
}
