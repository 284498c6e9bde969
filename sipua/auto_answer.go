package sipua

import (
	"strings"
	"time"
)

// AutoAnswer says which wishes of a caller to be answered without ringing are granted:
// for intercom, paging, and servers that call the agent before they call out. Who may
// call in this way hears the room, so all are off by default; switch on what your server
// sends, and make sure that it takes it away from what strangers send.
type AutoAnswer struct {
	// AnswerMode: "Answer-Mode: Auto" and "Priv-Answer-Mode: Auto" (RFC 5373).
	AnswerMode bool
	// AlertInfo: "Alert-Info: <…>;info=alert-autoanswer;delay=0" and its kin: the
	// words "Auto Answer", "Ring Answer" and "Intercom", "intercom=true" and
	// "answer-after=0" (Asterisk, FreePBX, 3CX, BroadWorks, Yealink, Poly, Mitel).
	AlertInfo bool
	// CallInfo: "Call-Info: <…>;answer-after=0" (BroadWorks, FreeSWITCH, Snom, Cisco
	// SPA, Grandstream, Mitel), and info=alert-autoanswer here as well (Gigaset).
	CallInfo bool
}

// maxAutoAnswer bounds the delay that a caller can ask for.
const maxAutoAnswer = time.Hour

// autoAnswerWords ask for an answer, in lower case and without what parts the words.
var autoAnswerWords = []string{"alertautoanswer", "autoanswer", "ringanswer", "ringautoanswer", "intercom", "directintercom"}

// mode is the privileged answer mode, or the other one where that says nothing.
func (c Caller) mode() string {
	if mode := c.PrivAnswerMode; strings.EqualFold(mode, "Auto") || strings.EqualFold(mode, "Manual") {
		return mode
	}
	return c.AnswerMode
}

// modeGranted tells whether a caller who requires a mode gets it. To have it rung is
// always possible.
func (c Caller) modeGranted(auto bool) bool {
	return !c.AnswerRequired || strings.EqualFold(c.mode(), "Manual") || strings.EqualFold(c.mode(), "Auto") && auto
}

// autoAnswer tells whether the caller asks to be answered without ringing, in a way that
// is allowed, and after which delay. A caller who asks to have it rung is not answered,
// whatever else stands there; the privileged mode counts before the other (RFC 5373
// section 4.2).
func (c Caller) autoAnswer(allow AutoAnswer) (delay time.Duration, ok bool) {
	switch mode := c.mode(); {
	case strings.EqualFold(mode, "Manual"):
		return 0, false
	case strings.EqualFold(mode, "Auto") && allow.AnswerMode:
		return 0, true
	}
	var infos []InfoURI
	if allow.CallInfo {
		infos = append(infos, c.CallInfo...)
	}
	if allow.AlertInfo {
		infos = append(infos, c.AlertInfo...)
	}
	for _, info := range infos {
		if delay, ok := info.autoAnswer(); ok {
			return delay, true
		}
	}
	return 0, false
}

// autoAnswer looks for answer-after, and then for one of the words: as info, as a
// parameter, or in place of the URI.
func (i InfoURI) autoAnswer() (delay time.Duration, ok bool) {
	asks := isAutoAnswerWord(i.URI)
	for _, p := range i.Params {
		switch {
		case strings.EqualFold(p.Name, "answer-after"):
			if delay, ok := delayOf(p.Value); ok {
				return delay, true
			}
		case strings.EqualFold(p.Name, "delay"):
			delay, _ = delayOf(p.Value)
		case strings.EqualFold(p.Name, "info"):
			asks = asks || isAutoAnswerWord(p.Value)
		case p.Value == "" || strings.EqualFold(p.Value, "true"):
			asks = asks || isAutoAnswerWord(p.Name)
		}
	}
	return delay, asks
}

func isAutoAnswerWord(s string) bool {
	if len(s) > 40 {
		return false
	}
	s = strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(s))
	for _, word := range autoAnswerWords {
		if s == word {
			return true
		}
	}
	return false
}

// delayOf reads whole seconds; some send a fraction behind, which is too short to count.
func delayOf(s string) (time.Duration, bool) {
	whole, _, _ := strings.Cut(s, ".")
	if whole == "" || strings.Trim(whole, "0123456789") != "" {
		return 0, false
	}
	if len(whole) > 9 {
		return maxAutoAnswer, true
	}
	return min(time.Duration(smallNumber(whole))*time.Second, maxAutoAnswer), true
}
