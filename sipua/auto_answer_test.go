package sipua_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sipwasm/sipwasm/sipua"
)

func TestAutoAnswer(t *testing.T) {
	mode, alert, call := sipua.AutoAnswer{AnswerMode: true}, sipua.AutoAnswer{AlertInfo: true}, sipua.AutoAnswer{CallInfo: true}
	const never = time.Duration(-1)
	for _, c := range []struct {
		allow sipua.AutoAnswer
		lines string
		delay time.Duration
	}{
		// RFC 5373: the privileged mode comes first, and Manual is a wish to ring.
		{mode, "Answer-Mode: Auto", 0},
		{mode, "Answer-Mode: auto ;require", 0},
		{mode, "Answer-Mode: Manual", never},
		{mode, "Answer-Mode: Autobahn", never},
		{mode, "Priv-Answer-Mode: Auto", 0},
		{mode, "Priv-Answer-Mode: Auto|Answer-Mode: Manual", 0},
		{mode, "Priv-Answer-Mode: Manual|Answer-Mode: Auto", never},
		{call, "Answer-Mode: Manual|Call-Info: <sip:a>;answer-after=0", never},

		{call, "Call-Info: <sip:broadworks>;answer-after=0", 0},                   // BroadWorks
		{call, "Call-Info: <sip:192.0.2.1>\\;answer-after=0", 0},                  // a backslash too many in a dialplan
		{call, "Call-Info: ;answer-after=0", 0},                                   // FreePBX
		{call, "Call-Info: answer-after=0", 0},                                    // Snom
		{call, "Call-Info: Answer-After = 2; x=y", 2 * time.Second},               // AMI originate
		{call, "Call-Info: answer-after=0.001", 0},                                // FOP2
		{call, "Call-Info: <uri>;info=alert-autoanswer;delay=3", 3 * time.Second}, // Gigaset
		{call, "Call-Info: <http://a/b.jpg>;purpose=icon, <sip:a>;answer-after=1", time.Second},
		{call, "Call-Info: <sip:a>;answer-after=-1", never},
		{call, "Call-Info: <sip:a>;answer-after=", never},
		{call, "Call-Info: <sip:a>;answer-after=1e3", never},
		{call, "Call-Info: <sip:a>;answer-after=99999999999999999999", time.Hour},
		{call, "Call-Info: <http://a/intercom>;purpose=info", never},

		{alert, "Alert-Info: info=alert-autoanswer", 0},                                  // Yealink
		{alert, "Alert-Info: <http://www.notused.com>;info=alert-autoanswer;delay=0", 0}, // 3CX, FreeSWITCH
		{alert, "Alert-Info: <sip:a>;delay=4;info=Alert-Autoanswer", 4 * time.Second},    // Mitel (Aastra)
		{alert, "Alert-Info: Info = Auto Answer", 0},                                     // Poly
		{alert, "Alert-Info: Auto Answer", 0},                                            // Yealink, Poly
		{alert, "Alert-Info: Ring Answer", 0},                                            // FreePBX, AudioCodes, Grandstream
		{alert, "Alert-Info: ring-answer", 0},                                            // Digium, Sangoma
		{alert, "Alert-Info: <Ring Auto Answer>", 0},                                     // Poly
		{alert, "Alert-Info: Intercom", 0},                                               // Panasonic
		{alert, "Alert-Info: Direct-Intercom", 0},                                        // Sangoma softphone
		{alert, "Alert-Info: intercom=true", 0},                                          // Yealink
		{alert, "Alert-Info: <sip:a>;intercom", 0},
		{alert, "Alert-Info: intercom=false", never},
		{alert, "Alert-Info: Answer-After=0", 0}, // Yealink
		{alert, "Alert-Info: <http://127.0.0.1/Bellcore-dr2>", never},
		{alert, "Alert-Info: info=external", never},
		{alert, "Alert-Info: <urn:alert:service:auto-answer>", never},
		{alert, "Alert-Info: <http://a/Auto Answer>;info=family", never},
		{alert, "Alert-Info: " + strings.Repeat("intercom", 1000), never},
		{alert, "Subject: Auto Answer", never},
	} {
		caller := callerWith(t, strings.Split(c.lines, "|")...)
		delay, ok := caller.Asks(c.allow)
		require.Equal(t, c.delay != never, ok, c.lines)
		require.Equal(t, max(c.delay, 0), delay, c.lines)
		for _, other := range []sipua.AutoAnswer{{}, {AnswerMode: !c.allow.AnswerMode, AlertInfo: !c.allow.AlertInfo, CallInfo: !c.allow.CallInfo}} {
			_, ok := caller.Asks(other)
			require.False(t, ok, "%s is not allowed", c.lines)
		}
	}
	c := callerWith(t, "Answer-Mode: Auto;require", "Priv-Answer-Mode: Manual")
	require.Equal(t, [2]string{"Auto", "Manual"}, [2]string{c.AnswerMode, c.PrivAnswerMode})
	require.True(t, c.AnswerRequired)
	require.True(t, callerWith(t, "Priv-Answer-Mode: Auto ; Require").AnswerRequired)
	require.False(t, callerWith(t, "Answer-Mode: Auto;x").AnswerRequired)
}
