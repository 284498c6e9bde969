package sipua_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

// badBody requires that a body was refused with an error that can be shown.
func badBody(t *testing.T, err error, reason string) {
	t.Helper()
	var e *sipua.Error
	require.True(t, errors.As(err, &e), "%v", err)
	require.Equal(t, sipua.CodeProtocol, e.Code)
	require.Contains(t, e.Reason, reason)
	require.LessOrEqual(t, len([]rune(e.Reason)), 201, "bounded")
	require.False(t, strings.ContainsAny(e.Error(), "\n\x00\x1b"), "%q", e)
}

func TestMessageSummary(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want sipua.MessageSummary
	}{
		"RFC 3842 section 4.1": {
			"Messages-Waiting: yes\r\nMessage-Account: sip:alice@vmail.example.com\r\nVoice-Message: 2/8 (0/2)\r\n",
			sipua.MessageSummary{Waiting: true, Account: "sip:alice@vmail.example.com", Voice: sipua.MessageCount{New: 2, Old: 8, OldUrgent: 2}},
		},
		"no, and nothing else":    {"Messages-Waiting: no\r\n", sipua.MessageSummary{}},
		"without a last line end": {"Messages-Waiting: no", sipua.MessageSummary{}},
		"all classes in odd spelling, without carriage returns": {
			"MESSAGES-WAITING : Yes\nvoice-message:1/2(3/4)\nFAX-MESSAGE: 5 / 6 ( 7 / 8 )\nPager-Message:\t9/10\nMultimedia-Message: 0/0 (0/0)\n" +
				"Text-Message: 11/0\nNone: 1/1\nX-Message: none of ours\n",
			sipua.MessageSummary{
				Waiting: true,
				Voice:   sipua.MessageCount{New: 1, Old: 2, NewUrgent: 3, OldUrgent: 4},
				Fax:     sipua.MessageCount{New: 5, Old: 6, NewUrgent: 7, OldUrgent: 8},
				Pager:   sipua.MessageCount{New: 9, Old: 10},
				Text:    sipua.MessageCount{New: 11},
				None:    sipua.MessageCount{New: 1, Old: 1},
			},
		},
		"folded": {
			"Messages-Waiting:\r\n  yes\r\nVoice-Message: 4/8\r\n\t(1/2)\r\n",
			sipua.MessageSummary{Waiting: true, Voice: sipua.MessageCount{New: 4, Old: 8, NewUrgent: 1, OldUrgent: 2}},
		},
		"RFC 3842 section 3.5: with headers of messages": {
			"\r\nMessages-Waiting: yes\r\nVoice-Message: 2/0\r\n\r\nTo: <alice@atlanta.example.com>\r\nSubject: carpool\r\n tomorrow?\r\n\r\n" +
				"From: bob\x1b[2J\u202e@example.com\r\nno header\r\n: nothing\r\n",
			sipua.MessageSummary{
				Waiting: true, Voice: sipua.MessageCount{New: 2},
				Headers: [][]sipua.Header{
					{{Name: "To", Value: "<alice@atlanta.example.com>"}, {Name: "Subject", Value: "carpool tomorrow?"}},
					{{Name: "From", Value: "bob[2J@example.com"}},
				},
			},
		},
		"Asterisk": {
			"Messages-Waiting: yes\r\nMessage-Account: <sip:asterisk@203.0.113.5>\r\nVoice-Message: 1/0 (0/0)\r\n\r\n",
			sipua.MessageSummary{Waiting: true, Account: "sip:asterisk@203.0.113.5", Voice: sipua.MessageCount{New: 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := sipua.ParseMessageSummary([]byte(c.body))
			require.NoError(t, err)
			require.Equal(t, c.want, s)
		})
	}
}

func TestMessageSummaryRefused(t *testing.T) {
	for body, reason := range map[string]string{
		"":                        "Messages-Waiting is missing",
		"Voice-Message: 1/0\r\n":  "Messages-Waiting is missing",
		"\r\n\r\n":                "Messages-Waiting is missing",
		"Messages-Waiting: maybe": `"maybe", neither yes nor no`,
		"Messages-Waiting: yes\r\nwhat is this\r\n":                    `"what is this" has no colon`,
		"Messages-Waiting: yes\r\nVoice-Message: 2\r\n":                "not new/old",
		"Messages-Waiting: yes\r\nVoice-Message: -2/0":                 "not new/old",
		"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2":             "not new/old",
		"Messages-Waiting: yes\r\nVoice-Message: 2/8 ()":               "not new/old",
		"Messages-Waiting: yes\r\nFax-Message: 99999999999999999999/0": "not new/old",
		"\x00\x1b[2J" + strings.Repeat("x", 1000):                      "has no colon",
		"Messages-Waiting: " + strings.Repeat("\u202e", 1000):          "neither yes nor no",
		strings.Repeat("Messages-Waiting: yes\n", 20_000):              "larger than",
	} {
		_, err := sipua.ParseMessageSummary([]byte(body))
		badBody(t, err, reason)
	}
}

// A quarter of a megabyte of one kind of line must not take the square of it.
func TestMessageSummaryIsLinear(t *testing.T) {
	begin := time.Now()
	for _, piece := range []string{" x\n", " \n", "\n", "a:b\n\n", "a:b\n ", "Voice-Message: 1/0\n", "\r"} {
		body := "Messages-Waiting: yes\n" + strings.Repeat(piece, (256<<10)/len(piece)-30)
		_, err := sipua.ParseMessageSummary([]byte(body))
		require.LessOrEqual(t, len(body), 256<<10)
		if piece == " x\n" {
			badBody(t, err, "neither yes nor no")
			continue
		}
		require.NoError(t, err, "%q", piece)
	}
	require.Less(t, time.Since(begin), 5*time.Second)
}
