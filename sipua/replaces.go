package sipua

import (
	"github.com/emiago/sipgo/sip"

	"github.com/sipwasm/sipwasm/sipua/internal/transaction"
)

// replacedBy finds the call that an INVITE takes the place of (RFC 3891 section 3).
func (ua *UserAgent) replacedBy(req *sip.Request, tx *transaction.Server) (*Call, bool) {
	return nil, true
}

func (c *Call) replace(other *Call) {}

func (c *Call) replacesHeader() (sip.Header, bool) { return nil, false }
