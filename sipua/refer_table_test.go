package sipua

import (
	"strings"
	"testing"

	"github.com/emiago/sipgo/sip"
	"github.com/stretchr/testify/require"
)

// The tables of transfer.go and referral.go, written once more by hand, as in
// table_test.go.
var transferDrawing = map[transferState]string{
	//                 ready|2xx|agreed|refused|told|succeeded|failed|terminated|BYE|over|expired|closed
	transferPreparing: "referring refer|–|–|–|–|–|–|–|–|–|–|ended failed",
	transferReferring: "–|accepted begun|ended succeeded|ended failed|accepted told|ended succeeded|ended toldFailed|ended toldFailed|parted|ended failed|–|ended failed",
	transferAccepted:  "–|–|–|–|accepted told|ended succeeded|ended failed|ended failed|parted linger|ended failed|ended unknown|ended failed",
	transferParted:    "–|parted begunParted|ended succeeded|ended failed|accepted told|ended succeeded|ended toldFailed|ended toldFailed|–|–|ended succeeded|ended failed",
	transferEnded:     "–|–|–|–|–|–|–|–|–|–|–|–",
}

var referralDrawing = map[referralState]string{
	//                 accept|reject|hung up|flow lost|progress|answered|failed|untold|expired|closed
	referralUndecided: "followed follow|over refuse|over refuse|over leave|–|–|–|–|–|over refuse",
	referralFollowed:  "–|–|–|–|followed report|over reportLast|over reportLast|over leave|over ranOut|over leave",
	referralOver:      "–|–|–|–|–|–|–|–|–|–",
}

func TestTransferTable(t *testing.T) {
	cells := 0
	for state, row := range transferDrawing {
		drawn := strings.Split(row, "|")
		require.Len(t, drawn, int(numTransferInputs))
		for in, want := range drawn {
			got := "–"
			for _, step := range transferTable {
				if step.state == state && step.in == transferInput(in) {
					require.Equal(t, "–", got, "two cells for input %d in the state %s", in, state)
					got = strings.TrimSpace(string(step.next) + " " + actName(step.do))
					cells++
				}
			}
			require.Equal(t, want, got, "input %d in the state %s", in, state)
		}
	}
	require.Len(t, transferTable, cells)
}

func TestReferralTable(t *testing.T) {
	cells := 0
	for state, row := range referralDrawing {
		drawn := strings.Split(row, "|")
		require.Len(t, drawn, int(numReferralInputs))
		for in, want := range drawn {
			got := "–"
			for _, step := range referralTable {
				if step.state == state && step.in == referralInput(in) {
					require.Equal(t, "–", got, "two cells for input %d in the state %s", in, state)
					got = strings.TrimSpace(string(step.next) + " " + actName(step.do))
					cells++
				}
			}
			require.Equal(t, want, got, "input %d in the state %s", in, state)
		}
	}
	require.Len(t, referralTable, cells)
}

func TestSipfrag(t *testing.T) {
	for _, c := range []struct {
		kind, body string
		status     int
		reason     string
	}{
		{"message/sipfrag", "SIP/2.0 100 Trying", 100, "Trying"},
		{"message/sipfrag;version=2.0", "SIP/2.0 200 OK\r\n", 200, "OK"},
		{"Message/SipFrag ; version=2.0", "sip/2.0  486   Busy Here \nContact: <sip:x@y>", 486, "Busy Here"},
		{"message/sipfrag", "\r\nSIP/2.0 603\r\n\r\n", 603, ""},
		{"message/sipfrag", "SIP/2.0 180 \x1b[31mred\u202eder", 180, "[31mredder"},
		{"message/sipfrag", "SIP/2.0 404 " + strings.Repeat("x", 10_000), 404, strings.Repeat("x", 200) + "…"},
		{"message/sipfrag", "", 0, ""},
		{"text/plain", "SIP/2.0 200 OK", 0, ""},
		{"", "SIP/2.0 200 OK", 0, ""},
		{"message/sipfrag", "SIP/2.0 99 Low", 0, ""},
		{"message/sipfrag", "SIP/2.0 700 High", 0, ""},
		{"message/sipfrag", "SIP/2.0 -200 OK", 0, ""},
		{"message/sipfrag", "SIP/2.0 20000000000000000000 OK", 0, ""},
		{"message/sipfrag", "SIP/3.0 200 OK", 0, ""},
		{"message/sipfrag", "HTTP/1.1 200 OK", 0, ""},
		{"message/sipfrag", "INVITE sip:a@b SIP/2.0", 0, ""},
		{"message/sipfrag", "SIP/2.0", 0, ""},
	} {
		req := sip.NewRequest(sip.NOTIFY, sip.Uri{Scheme: "sip", Host: "x"})
		if c.kind != "" {
			req.AppendHeader(sip.NewHeader("Content-Type", c.kind))
		}
		req.SetBody([]byte(c.body))
		status, reason, ok := sipfragOf(req)
		require.Equal(t, c.status != 0, ok, "%.60s", c.body)
		require.Equal(t, c.status, status, "%.60s", c.body)
		require.Equal(t, c.reason, reason, "%.60s", c.body)
	}
	require.Equal(t, "SIP/2.0 180 Ringing\r\n", string(sipfrag(180, "Ringing")))
}
