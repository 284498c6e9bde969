package sipua

import (
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/message"
)

// sipfragType is the content of notifications about a REFER (RFC 3515 section
// 2.4.5): a fragment of the response that the other call got (RFC 3420), of which
// only the status line is of use and safe to tell (section 5.2).
const sipfragType = "message/sipfrag"

// sipfrag writes a status line.
func sipfrag(status int, reason string) []byte {
	return []byte("SIP/2.0 " + strconv.Itoa(status) + " " + reason + "\r\n")
}

// sipfragOf reads the status line of a notification's body. There is none in an
// empty body and in one of another type.
func sipfragOf(msg sip.Message) (status int, reason string, ok bool) {
	body := string(msg.Body())
	if body == "" || message.ContentType(msg) != sipfragType {
		return 0, "", false
	}
	line, _, _ := strings.Cut(strings.TrimLeft(body, "\r\n"), "\n")
	version, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	code, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseUint(code, 10, 10)
	if !strings.EqualFold(version, "SIP/2.0") || err != nil || n < 100 || n > 699 {
		return 0, "", false
	}
	return int(n), clean(strings.TrimSpace(reason), 200), true
}
