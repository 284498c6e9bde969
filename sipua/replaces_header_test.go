package sipua_test

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
	"github.com/sipwasm/sipwasm/sipua/internal/dialog"
	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// requestWith reads a request that holds these lines besides what it needs.
func requestWith(t testing.TB, method string, more ...string) *sip.Request {
	t.Helper()
	head := []string{method + " sip:tk3vd@192.0.2.1;transport=ws SIP/2.0", "Via: SIP/2.0/WSS peer.invalid;branch=z9hG4bKcaller"}
	for _, line := range []string{"From: \"Bob\" <sip:1002@example.com>;tag=f", "To: <sip:1001@example.com>"} {
		name, _, _ := strings.Cut(line, " ")
		if !strings.Contains("\n"+strings.Join(more, "\n"), "\n"+name) {
			head = append(head, line)
		}
	}
	head = append(head, "Call-ID: c", "CSeq: 1 "+method)
	msg, err := message.Parse([]byte(lines(append(head, more...)...)))
	require.NoError(t, err)
	return msg.(*sip.Request)
}

// badHeader demands the error that becomes a 400.
func badHeader(t *testing.T, err error) {
	t.Helper()
	require.Regexp(t, "^Bad Request: ", typed(t, err, sipua.CodeProtocol, 400).Reason)
}

func TestReplaces(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for line, want := range map[string]*sipua.Replaces{
		"Subject: none": nil,
		// RFC 3891 section 6.1.
		"Replaces: 98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff":      {CallID: "98732@sip.example.com", ToTag: "ff87ff", FromTag: "r33th4x0r"},
		"Replaces: 12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only":      {CallID: "12adf2f34456gs5", ToTag: "12345", FromTag: "54321", EarlyOnly: true},
		"Replaces: 87134@171.161.34.23;to-tag=24796;from-tag=0":                 {CallID: "87134@171.161.34.23", ToTag: "24796", FromTag: "0"},
		"replaces:  a@b ; TO-TAG = 1 ;x=\"a;b\"; Early-Only;From-Tag=2;generic": {CallID: "a@b", ToTag: "1", FromTag: "2", EarlyOnly: true},
		`Replaces: w("<>:\/[]?{}@h;to-tag=1;from-tag=2`:                         {CallID: `w("<>:\/[]?{}@h`, ToTag: "1", FromTag: "2"},
	} {
		got, err := sipua.ParseReplaces(requestWith(t, "INVITE", line))
		require.NoError(t, err, line)
		require.Equal(t, want, got, line)
		if want != nil {
			again, err := sipua.ParseReplaces(requestWith(t, "INVITE", "Replaces: "+got.Wire()))
			require.NoError(t, err, got.Wire())
			require.Equal(t, want, again)
		}
	}
	for _, more := range [][]string{
		{"Replaces: a"}, {"Replaces:"}, {"Replaces: ;to-tag=1;from-tag=2"}, {"Replaces: a;to-tag=1"}, {"Replaces: a;from-tag=1"},
		{"Replaces: a;to-tag=;from-tag=1"}, {"Replaces: a;to-tag=1;from-tag"}, {"Replaces: a;to-tag=1;to-tag=1;from-tag=2"}, {"Replaces: a;to-tag=1;from-tag=2;from-tag=3"},
		{"Replaces: a b;to-tag=1;from-tag=2"}, {`Replaces: a;to-tag="1";from-tag=2`}, {"Replaces: a;to-tag=1 1;from-tag=2"}, {"Replaces: ä;to-tag=1;from-tag=2"},
		{"Replaces: a;to-tag=1;from-tag=2, b;to-tag=1;from-tag=2"}, {"Replaces: a;to-tag=1;from-tag=2", "Replaces: a;to-tag=1;from-tag=2"},
		{"Replaces: a;to-tag=1;from-tag=2", "Replaces:"}, {"Replaces: a;to-tag=1;from-tag=2", "Join: a;to-tag=1;from-tag=2"},
		{"Replaces: " + long + ";to-tag=1;from-tag=2"}, {"Replaces: a" + strings.Repeat(",", 10_000)}, {"Replaces: a;to-tag=" + long},
	} {
		got, err := sipua.ParseReplaces(requestWith(t, "INVITE", more...))
		require.Nil(t, got, "%.80v", more)
		badHeader(t, err)
	}
	_, err := sipua.ParseReplaces(requestWith(t, "OPTIONS", "Replaces: a;to-tag=1;from-tag=2"))
	badHeader(t, err)
}

func TestJoin(t *testing.T) {
	// RFC 3911 section 7.1.
	got, err := sipua.ParseJoin(requestWith(t, "INVITE", "Join: 12adf2f34456gs5;to-tag=12345;from-tag=54321"))
	require.NoError(t, err)
	require.Equal(t, &sipua.Join{CallID: "12adf2f34456gs5", ToTag: "12345", FromTag: "54321"}, got)
	require.Equal(t, "12adf2f34456gs5;to-tag=12345;from-tag=54321", got.Wire())
	got, err = sipua.ParseJoin(requestWith(t, "INVITE"))
	require.NoError(t, err)
	require.Nil(t, got)
	for _, more := range [][]string{{"Join: a"}, {"Join: a;to-tag=1;from-tag=2", "Join: a;to-tag=1;from-tag=2"}, {"Join: a;to-tag=1;from-tag=2", "Replaces: b;to-tag=1;from-tag=2"}} {
		_, err := sipua.ParseJoin(requestWith(t, "INVITE", more...))
		badHeader(t, err)
	}
	require.True(t, got == nil && sipua.Join{CallID: "a", ToTag: "0", FromTag: "2"}.Meant("a", "", "2"))
	require.False(t, sipua.Join{CallID: "a", ToTag: "1", FromTag: "2"}.Meant("a", "2", "1"))
}

// RFC 3891 section 3: to-tag is the tag of whom it is for; zero stands for none.
func TestReplacesMeansADialog(t *testing.T) {
	r := sipua.Replaces{CallID: "a", ToTag: "1", FromTag: "2"}
	require.True(t, r.Meant("a", "1", "2"))
	for _, other := range [][3]string{{"A", "1", "2"}, {"a", "2", "1"}, {"a", "1", ""}, {"a", "", "2"}, {"a", "1", "2x"}} {
		require.False(t, r.Meant(other[0], other[1], other[2]), "%v", other)
	}
	require.True(t, sipua.Replaces{CallID: "a", ToTag: "1", FromTag: "0"}.Meant("a", "1", ""))
	require.True(t, sipua.Replaces{CallID: "a", ToTag: "1", FromTag: "0"}.Meant("a", "1", "0"))

	// What we call our call is what its other side looks for.
	ours := dialog.ID{CallID: "a", LocalTag: "we", RemoteTag: "they"}
	require.True(t, sipua.ReplacesOf(ours).Meant("a", "they", "we"))
	require.Equal(t, "a;to-tag=they;from-tag=we", sipua.ReplacesOf(ours).Wire())
}
