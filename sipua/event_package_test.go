package sipua

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestXMLEventPackages(t *testing.T) {
	for _, c := range []struct {
		event, accept, body string
		expires             time.Duration
		value               any
	}{
		{"message-summary", "application/simple-message-summary", "Messages-Waiting: yes\r\n", time.Hour, MessageSummary{Waiting: true}},
		{"dialog", "application/dialog-info+xml", "<dialog-info version='3'/>", time.Hour, DialogInfo{Version: 3, State: DocumentFull}},
		{"presence", "application/pidf+xml", "<presence entity='pres:a'/>", time.Hour, Presence{Entity: "pres:a"}},
		{"conference", "application/conference-info+xml", "<conference-info state='deleted'/>", time.Hour,
			ConferenceInfo{State: DocumentDeleted, Description: ConferenceDescription{MaximumUserCount: -1}, Status: ConferenceStatus{UserCount: -1}}},
		{"reg", "application/reginfo+xml", "<reginfo state='partial'/>", 3761 * time.Second, RegistrationInfo{State: DocumentPartial}},
	} {
		require.Equal(t, []string{c.accept}, defaultAccept(c.event))
		require.Equal(t, c.expires, defaultExpires(c.event))
		for _, contentType := range []string{c.accept, "Application" + c.accept[len("application"):] + " ;charset=UTF-8"} {
			value, err := parseEvent(c.event, contentType, []byte(c.body))
			require.NoError(t, err)
			require.Equal(t, c.value, value)
		}
		value, err := parseEvent(c.event, c.accept, []byte("\x00"))
		require.ErrorIs(t, err, ErrProtocol)
		require.Nil(t, value, "not a value of nothing")
		for _, other := range [][3]string{
			{c.event, c.accept, ""}, {c.event, "text/plain", c.body}, {c.event, "", c.body}, {c.event, "multipart/related", c.body},
			{c.event + ".winfo", c.accept, c.body}, {"x-" + c.event, c.accept, c.body}, {"", c.accept, c.body},
		} {
			value, err := parseEvent(other[0], other[1], []byte(other[2]))
			require.NoError(t, err, other)
			require.Nil(t, value, other)
		}
	}
	require.Nil(t, defaultAccept("refer"))
	require.Zero(t, defaultExpires("refer"))
	require.Equal(t, len(eventPackages), 5, "each has its case above")
}

// What reaches the page is exact there.
func TestXMLNumbers(t *testing.T) {
	for s, want := range map[string]int{"0": 0, " 00000000012 ": 12, "9007199254740991": 1<<53 - 1} {
		n, ok := number(s)
		require.True(t, ok, s)
		require.Equal(t, want, n)
	}
	for _, s := range []string{"", "-1", "+1", "1.0", "0x1", "1_0", "1 0", "9007199254740992"} {
		_, ok := number(s)
		require.False(t, ok, s)
	}
}
