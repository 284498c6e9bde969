package sipua_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func TestReasons(t *testing.T) {
	for value, want := range map[string][]sipua.Reason{
		// RFC 3326 section 2.
		`SIP ;cause=200 ;text="Call completed elsewhere"`: {{Protocol: "SIP", Cause: 200, Text: "Call completed elsewhere"}},
		`Q.850 ;cause=16 ;text="Terminated"`:              {{Protocol: "Q.850", Cause: 16, Text: "Terminated"}},
		`SIP ;cause=600 ;text="Busy Everywhere"`:          {{Protocol: "SIP", Cause: 600, Text: "Busy Everywhere"}},
		`SIP ;cause=580 ;text="Precondition Failure"`:     {{Protocol: "SIP", Cause: 580, Text: "Precondition Failure"}},
		// RFC 4411 section 5.
		"preemption ;cause=1 ;text=\"UA Preemption\"":                                    {{Protocol: "preemption", Cause: 1, Text: "UA Preemption"}},
		`Q.850;cause=17, sip; CAUSE = 486 ;x="a;b";Text="a \"b\", \\c" , X.Y-Z;text=a b`: {{Protocol: "Q.850", Cause: 17}, {Protocol: "sip", Cause: 486, Text: `a "b", \c`}, {Protocol: "X.Y-Z", Text: "a b"}},
		"SIP": {{Protocol: "SIP"}}, "": nil, ";cause=1": nil, "a b;cause=1": nil, ",,": nil,
		"SIP;cause=-1": {{Protocol: "SIP"}}, "SIP;cause=4294967295": {{Protocol: "SIP"}}, "SIP;cause=99999999999999999999": {{Protocol: "SIP"}}, "SIP;cause=1e3": {{Protocol: "SIP"}}, `SIP;cause="404"`: {{Protocol: "SIP", Cause: 404}},
	} {
		require.Equal(t, want, sipua.ReasonsOf(requestWith(t, "BYE", "Reason: "+value)), value)
	}
	require.Len(t, sipua.ReasonsOf(requestWith(t, "BYE", "Reason: SIP", "Reason: Q.850")), 2)
}

func TestReasonIsSent(t *testing.T) {
	for want, r := range map[string]sipua.Reason{
		"SIP":            {Protocol: "SIP"},
		"Q.850;cause=16": {Protocol: "Q.850", Cause: 16},
		`SIP;cause=200;text="Call completed elsewhere"`: {Protocol: "SIP", Cause: 200, Text: "Call completed elsewhere"},
		`x;text="a \"b\" \\ ;,<ä>"`:                     {Protocol: "x", Text: `a "b" \ ;,<ä>`},
	} {
		require.NoError(t, r.Check())
		require.Equal(t, want, r.Wire())
		require.Equal(t, []sipua.Reason{r}, sipua.ReasonsOf(requestWith(t, "BYE", "Reason: "+want)))
	}
	for _, r := range []sipua.Reason{
		{}, {Text: "x"}, {Protocol: "a b"}, {Protocol: "a\r\nVia"}, {Protocol: strings.Repeat("x", 41)}, {Protocol: "SIP", Cause: -1}, {Protocol: "SIP", Cause: 99}, {Protocol: "sip", Cause: 700},
		{Protocol: "Q.850", Cause: 128}, {Protocol: "x", Cause: 1_000_000_000}, {Protocol: "SIP", Text: "a\r\nVia: x"}, {Protocol: "SIP", Text: "\xff"}, {Protocol: "SIP", Text: strings.Repeat("ä", 201)},
	} {
		require.Error(t, r.Check(), "%v", r)
		require.Empty(t, r.Wire())
	}
}
