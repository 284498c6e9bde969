package sipua

import (
	"strings"
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

// Hand-written because of their size: each against the standard library.
func TestXMLTimesAndDecimals(t *testing.T) {
	for _, s := range []string{
		"2001-10-27T16:49:29Z", "2001-10-27T16:49:29.123456+01:00", "2005-05-30T16:09:44-05:30", "2024-02-29T23:59:59z", " 0001-01-01T00:00:01Z ", "9999-12-31T23:59:59.9Z",
	} {
		want, err := time.Parse(time.RFC3339, strings.ToUpper(strings.TrimSpace(s)))
		require.NoError(t, err)
		require.True(t, instant(s).Equal(want.Truncate(time.Second)), s)
		require.Equal(t, time.UTC, instant(s).Location())
	}
	require.Equal(t, time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC), instant("2016-12-31T23:59:60Z"), "a leap second")
	for _, s := range []string{
		"", "now", "2001-10-27", "2001-10-27T16:49:29", "2001-10-27 16:49:29Z", "2001-13-27T16:49:29Z", "2001-00-27T16:49:29Z", "2001-02-29T16:49:29Z", "2001-10-00T16:49:29Z",
		"2001-10-27T24:49:29Z", "2001-10-27T16:60:29Z", "2001-10-27T16:49:61Z", "2001-10-27T16:49:29+1:00", "2001-10-27T16:49:29+24:00", "2001-10-27T16:49:29+01:60",
		"2001-10-27T16:49:29 01:00", "2001-10-27T16:49:29+0100", "2001-10-27T-1:49:29Z", "20a1-10-27T16:49:29Z", "2001-10-27T16:49:29ZZ", "2001/10/27T16:49:29Z",
	} {
		require.True(t, instant(s).IsZero(), s)
	}
	for s, want := range map[string]int{"0": 0, "1": 1000, "0.5": 500, " 0.725 ": 725, "1.000": 1000, "0.0019": 1, "0.": 0} {
		require.Equal(t, want, thousandths(s, -1), s)
	}
	for _, s := range []string{"", ".", ".5", "-0.5", "+0.5", "1.001", "2", "10", "01", "0.5x", "0.x", "0,5", "1e-1", "NaN", "0. 5"} {
		require.Equal(t, -1, thousandths(s, -1), s)
	}
}
